# SPDX-License-Identifier: GPL-2.0-or-later
"""A configuration that helps: diff says what a reload then does, and check's warnings are true."""

import re

from waiting import rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
BEFORE = """policies:
  - name: web
    match: { protocol: tcp, to-port: [80, 443] }
    balance: { algorithm: priority, links: [lte, fiber] }
  - name: mail
    match: { protocol: tcp, to-port: 25 }
  - name: rest
"""
AFTER = """policies:
  - name: mail
    match: { protocol: tcp, to-port: [25, 587] }
  - name: dns
    match: { protocol: udp, to-port: 53 }
    balance: { links: cable }
  - name: web
    match: { protocol: tcp, to-port: [80, 443] }
    balance: { algorithm: priority, links: [cable, fiber] }
"""


def told(document):
    """(what, name, kind, key) -> the change."""
    return {(item["what"], item["name"], item["kind"], item["key"]): item for item in document["changes"]}


def names(lab, verb):
    return [item["name"] for item in lab.ctl(verb)]


def taken(lab, port):
    """Which link a connection to this port takes."""
    result = lab.load(to=f"192.0.2.1:{port}", rate=rate(200), count=5)
    assert result["ok"] == 5
    return set(result.by_link())


def test_diff_then_reload(lab, tell):
    """Each thing that diff names is so after the reload and was not before; then there is nothing left to say."""
    lab.start_daemon(lab.config(BEFORE, WEIGHTS))
    assert lab.ctl("diff") == {"file": lab.daemon.file, "changes": [], "restart": []}
    load = lab.load_start(to="192.0.2.1:80", rate=rate(200), count=20, hold=True)
    wait_for(lambda: next(item["connections"] for item in lab.ctl("links") if item["name"] == "lte") >= 20, 10,
             "20 connections by lte")
    before = names(lab, "policies")
    lab.daemon.write(lab.config(AFTER, {"fiber": 7, "cable": 3}, links=["fiber", "cable"]))
    document = lab.ctl("diff")
    changes = told(document)
    assert document["restart"] == []
    assert set(changes) == {
        ("link", "fiber", "changed", "weight"), ("link", "lte", "removed", None),
        ("policy", "mail", "moved", None), ("policy", "mail", "changed", "match.to-port"),
        ("policy", "dns", "added", None), ("policy", "web", "changed", "balance.links"),
        ("policy", "rest", "removed", None)}
    assert changes["link", "lte", "removed", None]["connections"] == 20
    weight = changes["link", "fiber", "changed", "weight"]
    assert (weight["before"], weight["after"]) == ("5", "7")
    ports = changes["policy", "mail", "changed", "match.to-port"]
    assert (ports["before"], ports["after"], ports["more"], ports["less"]) == ("[25]", "[25, 587]", 1, 0)
    moved = changes["policy", "mail", "moved", None]
    assert (moved["before"], moved["after"]) == ("web", None)
    text = lab.daemon.uplinkctl("diff")
    assert text.returncode == 0
    assert "link lte removed: 20 connections go by it now\n" in text.stdout
    assert "link fiber: weight: 7 instead of 5\n" in text.stdout
    # To ask has changed nothing.
    assert names(lab, "links") == ["fiber", "cable", "lte"] and names(lab, "policies") == before
    assert taken(lab, 80) == {"lte"}
    assert lab.daemon.reload().returncode == 0
    assert names(lab, "links") == ["fiber", "cable"]
    assert names(lab, "policies") == ["mail", "dns", "web"]
    assert {item["name"]: item["weight"] for item in lab.ctl("links")} == {"fiber": 7, "cable": 3}
    assert taken(lab, 80) == {"cable"}
    assert lab.ctl("diff")["changes"] == []
    load.stop()
    tell(f"{len(changes)} changes told, and made")


def test_diff_of_another_file(lab):
    """It need not be where the daemon can read it, and the daemon's own stays what a reload would load."""
    lab.start_daemon(lab.config(BEFORE, WEIGHTS))
    other = lab.daemon.file + ".new"
    with open(other, "w", encoding="utf-8") as file:
        file.write(lab.config(BEFORE.replace("25", "26"), WEIGHTS))
    changes = told(lab.ctl("diff", other))
    assert set(changes) == {("policy", "mail", "changed", "match.to-port")}
    assert lab.ctl("diff")["changes"] == []


def test_what_needs_a_restart(lab):
    """diff names the key for which the reload is then refused."""
    good = lab.config(BEFORE, WEIGHTS)
    lab.start_daemon(good)
    lab.daemon.write(good + "kernel: { queues: 3 }\n")
    assert lab.ctl("diff")["restart"] == ["kernel.queues"]
    done = lab.daemon.reload()
    assert done.returncode == 1 and "kernel.queues can change only with a restart" in done.stderr
    lab.daemon.write(good + "kernel: { first-table: 7500 }\n")
    assert lab.ctl("diff")["restart"] == []
    assert lab.daemon.reload().returncode == 0
    assert lab.ctl("diff")["changes"] == []


def test_diff_of_a_broken_file(lab):
    good = lab.config(BEFORE, WEIGHTS)
    lab.start_daemon(good)
    lab.daemon.write(good.replace("algorithm", "algoritm"))
    done = lab.daemon.uplinkctl("diff")
    assert done.returncode == 4 and re.search(r"uplinkd\.yaml:\d+:\d+: error: unknown key `algoritm'", done.stderr)
    assert taken(lab, 80) == {"lte"}


def test_what_check_calls_hidden_is_never_met(lab):
    """Traffic that both policies match meets the one that check names."""
    lab.start_daemon(lab.config("policies:\n  - name: low\n    match: { protocol: tcp, to-port: 1-1023 }\n"
                                "    balance: { links: cable, if-none: drop }\n"
                                "  - name: web\n    match: { protocol: tcp, to-port: [80, 443] }\n"
                                "    balance: { links: lte }\n  - name: rest\n", WEIGHTS))
    done = lab.daemon.uplinkctl("check", "--devices", lab.daemon.file)
    assert done.returncode == 0
    assert re.search(r"warning: policy `web' can never match: `low' \(.*:\d+\) takes all that it would", done.stderr)
    # The laboratory's devices are all there, and none of its links goes unused.
    assert "no device" not in done.stderr and "link `" not in done.stderr
    assert taken(lab, 80) == {"cable"}
    assert {item["name"]: item["connections"] for item in lab.ctl("policies")} == {"low": 5, "web": 0, "rest": 0}
