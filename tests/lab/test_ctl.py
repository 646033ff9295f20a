# SPDX-License-Identifier: GPL-2.0-or-later
"""uplinkctl keeps its contract: verbs, keys, exit codes; explain tells the truth; a dry run touches nothing."""

import json
import subprocess

import pytest

import lab as laboratory
from waiting import rate

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICIES = """
policies:
  - name: forbidden
    match: { to: 192.0.2.66 }
    action: drop
  - name: refused
    match: { to: 192.0.2.67 }
    action: reject
  - name: web
    match: { from: lan, protocol: tcp, to-port: [80, 443] }
    balance: { algorithm: priority, links: [lte, cable] }
  - name: hashed
    match: { protocol: udp }
    balance: { algorithm: hash }
  - name: rest
    balance: { algorithm: round-robin }
"""
LINK_KEYS = {"name", "device", "state", "since", "reason", "latency_ms", "loss", "download_bps", "upload_bps",
             "connections", "weight"}
STATUS_KEYS = {"version", "state", "uptime_s", "links", "decisions", "fallbacks", "queue"}
FLOW_KEYS = {"protocol", "from", "from_port", "to", "to_port", "policy", "link", "class", "bytes"}
EXPLAIN_KEYS = {"policy", "action", "link", "algorithm", "reason", "nat", "qos", "candidates", "steps"}


@pytest.fixture
def running(lab):
    lab.start_daemon(lab.config(POLICIES, WEIGHTS, "{ targets: [ { ping: 192.0.2.1 } ], interval: 200ms }"))
    return lab


def test_keys(running):
    lab = running
    load = lab.load_start(to="192.0.2.1:80", rate=rate(200), count=20, hold=True)
    laboratory.wait_for(lambda: sum(lab.server.counts().values()) >= 20, 10, "20 connections")
    status = lab.ctl("status")
    assert STATUS_KEYS <= set(status) and {"held", "dropped", "user_dropped"} <= set(status["queue"])
    assert status["state"] == "up" and status["decisions"] >= 20 and status["uptime_s"] >= 0
    links = lab.ctl("links")
    assert [item["name"] for item in links] == ["fiber", "cable", "lte"]
    for item in links:
        assert LINK_KEYS <= set(item)
        assert item["state"] == "up" and 0 <= item["loss"] <= 1
    assert {item["name"]: item["weight"] for item in links} == WEIGHTS
    assert {item["name"]: item["connections"] for item in links}["lte"] >= 20
    laboratory.wait_for(lambda: all((item["latency_ms"] or 0) > 0 for item in lab.ctl("links")), 10, "latencies")
    flows = [item for item in lab.ctl("flows") if item["to_port"] == 80]
    assert len(flows) == 20
    for item in flows:
        assert FLOW_KEYS <= set(item)
        assert (item["protocol"], item["from"], item["policy"], item["link"]) == ("tcp", "10.77.1.2", "web", "lte")
    assert any(item["bytes"] > 0 for item in flows)
    policies = {item["name"]: item for item in lab.ctl("policies")}
    assert list(policies) == ["forbidden", "refused", "web", "hashed", "rest"]
    assert {"name", "action", "connections", "dropped", "links"} <= set(policies["web"])
    assert policies["web"]["connections"] == 20 and policies["web"]["links"]["lte"] == 20
    events = lab.ctl("events")
    assert events and all({"time", "kind", "text"} <= set(event) for event in events)
    assert lab.ctl("ruleset")
    assert load.stop()["ok"] == 20


def test_without_a_verb_it_is_status(running):
    done = running.daemon.uplinkctl("-j")
    assert done.returncode == 0 and STATUS_KEYS <= set(json.loads(done.stdout))
    for verb in ("status", "links", "policies", "flows", "events", "ruleset"):
        done = running.daemon.uplinkctl(verb)
        assert done.returncode == 0 and done.stdout.strip(), verb


def explain(lab, source, target, protocol, port):
    answer = lab.ctl("explain", "--from", source, "--to", target, "--protocol", protocol, "--to-port", str(port),
                     "--in", "lan0")
    assert EXPLAIN_KEYS <= set(answer)
    for candidate in answer["candidates"]:
        assert {"link", "eligible", "score", "reason"} <= set(candidate)
    return answer


def test_explain_agrees_with_what_happens(running, tell):
    """For each of 32 sources the link that explain names is the one that it takes."""
    lab = running
    agreed = 0
    for network, target in ((lab.zones[0].range4, "192.0.2.1"), (lab.zones[0].range6, "2001:db8:ffff::1")):
        url = f"[{target}]:53" if ":" in target else f"{target}:53"
        taken = lab.load("udp", to=url, rate=rate(400), count=64, bind_range=network).links_by_source()
        for source in sorted(taken)[:16]:
            told = explain(lab, source, target, "udp", 53)
            assert told["policy"] == "hashed" and told["algorithm"] == "hash"
            assert {told["link"]} == taken[source], source
            agreed += 1
    tell(f"{agreed} of 32 agreed")
    assert explain(lab, "10.77.1.2", "192.0.2.66", "tcp", 80)["action"] == "drop"
    assert explain(lab, "10.77.1.2", "192.0.2.67", "tcp", 80)["action"] == "reject"
    web = explain(lab, "10.77.1.2", "192.0.2.1", "tcp", 443)
    assert (web["policy"], web["link"]) == ("web", "lte")
    assert dict(lab.load(to="192.0.2.1:443", rate=rate(200), count=5).by_link()) == {"lte": 5}
    lab.cut_carrier(lab.link("lte"))
    lab.wait_link("lte", "down")
    web = explain(lab, "10.77.1.2", "192.0.2.1", "tcp", 443)
    assert web["link"] == "cable"
    assert next(item for item in web["candidates"] if item["link"] == "lte")["eligible"] is False
    assert dict(lab.load(to="192.0.2.1:443", rate=rate(200), count=5).by_link()) == {"cable": 5}


def test_explain_changes_nothing(running):
    """Asking counts no connection and takes nobody's turn."""
    lab = running
    before = lab.ctl("policies")
    for _ in range(7):
        explain(lab, "10.77.1.2", "192.0.2.1", "tcp", 7)
    assert lab.ctl("policies") == before
    assert dict(lab.load(to="192.0.2.1:7", rate=rate(200), count=10).by_link()) == WEIGHTS


def test_exit_codes(running):
    lab, ask = running, running.daemon.uplinkctl
    assert ask("links", "fiber").returncode == 0
    lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    assert ask("links", "fiber").returncode == 1
    assert ask("links", "nosuch").returncode in (1, 2)
    assert ask("nosuchverb").returncode == 2
    assert ask("explain", "--from", "10.77.1.2").returncode == 2
    assert ask("--nosuchoption").returncode == 2
    good = lab.daemon.file
    assert ask("check", good).returncode == 0
    bad = good + ".bad"
    with open(bad, "w", encoding="utf-8") as file:
        file.write("version: 1\nlinks: { fiber: { device: wan1, weight: 0 } }\nwhat: 5\n")
    done = ask("check", bad)
    assert done.returncode == 4
    assert ".bad:2:" in done.stderr + done.stdout and ".bad:3:" in done.stderr + done.stdout
    lab.daemon.stop()
    assert ask("status").returncode == 3
    assert ask("-j", "links").returncode == 3


def everything(lab):
    return [lab.run("gw", *command, check=False).stdout for command in (
        ("nft", "list", "ruleset"), ("ip", "rule"), ("ip", "-6", "rule"), ("ip", "route", "show", "table", "all"),
        ("ip", "-d", "link"), ("ip", "addr"))]


def test_dry_run(lab):
    """As nobody, in the gateway's namespace: prints rules and routes, changes nothing."""
    path = f"{lab.folder}/dry.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(lab.config(POLICIES, WEIGHTS))
    before = everything(lab)
    done = lab.run("gw", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
                   laboratory.program("uplinkd"), "--dry-run", "-c", path)
    assert "table inet" in done.stdout and "fwmark" in done.stdout and "wan3" in done.stdout
    assert everything(lab) == before
    assert not laboratory.os.path.exists(f"{lab.folder}/state")


def test_check_and_print(lab):
    """-t is quiet about a good file; what -T prints loads again to the same."""
    path = f"{lab.folder}/first.yaml"
    again = f"{lab.folder}/again.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(lab.config(POLICIES, WEIGHTS))
    daemon = laboratory.program("uplinkd")
    assert subprocess.run([daemon, "-t", "-c", path], capture_output=True, check=False).returncode == 0
    printed = subprocess.run([daemon, "-T", "-c", path], capture_output=True, text=True, check=True).stdout
    with open(again, "w", encoding="utf-8") as file:
        file.write(printed)
    assert subprocess.run([daemon, "-T", "-c", again], capture_output=True, text=True, check=True).stdout == printed
    with open(again, "w", encoding="utf-8") as file:
        file.write(printed.replace("round-robin", "round-robbing"))
    assert subprocess.run([daemon, "-t", "-c", again], capture_output=True, check=False).returncode == 4


def test_reading_needs_no_root(running):
    """Only writing does: nobody may not reload."""
    socket = running.daemon.socket
    running.run("gw", "chmod", "666", socket)
    running.run("gw", "chmod", "755", running.folder)
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", laboratory.program("uplinkctl"),
              "-s", socket)
    assert running.run("gw", *nobody, "-j", "status").returncode == 0
    assert running.run("gw", *nobody, "reload", check=False).returncode == 1


DIRECTIONS = """
policies:
  - { name: ssh-in, match: { from: fiber, to: router, protocol: tcp, to-port: 22 } }
  - { name: nobody-else-in, match: { from: internet }, action: reject }
  - { name: own, match: { from: router, to: internet }, balance: { algorithm: priority, links: [lte, fiber] } }
  - { name: rest, balance: { algorithm: round-robin } }
"""


def test_explain_in_every_direction(lab):
    """From outside by a link, from this machine, and what does not fit: told with the way out."""
    lab.start_daemon(lab.config(DIRECTIONS, WEIGHTS))
    ssh = ("--protocol", "tcp", "--to-port", "22")
    for target in ("203.0.1.2", "router"):
        answer = lab.ctl("explain", "--from", "192.0.2.1", "--to", target, *ssh, "--in", "wan1")
        assert (answer["policy"], answer["action"], answer["link"]) == ("ssh-in", "allow", "fiber")
        assert answer["steps"][0] == "comes in by link fiber, to a network that needs no link" and not answer["hints"]
    answer = lab.ctl("explain", "--from", "2001:db8:ffff::1", "--to", "router", *ssh, "--in", "wan2")
    assert (answer["policy"], answer["action"], answer["link"]) == ("nobody-else-in", "reject", None)
    answer = lab.ctl("explain", "--from", "router", "--to", "2001:db8:ffff::1", "--protocol", "icmp")
    assert (answer["policy"], answer["link"], answer["steps"][0]) == ("own", "lte", "from this machine")
    answer = lab.ctl("explain", "--from", "10.77.1.2", "--to", "192.0.2.1", *ssh, "--in", "wan2")
    assert "is an inside address" in answer["hints"][0]
    answer = lab.ctl("explain", "--from", "192.0.2.1", "--to", "10.77.1.2", *ssh, "--in", "lan0")
    assert "is reached by" in answer["hints"][0]
    answer = lab.ctl("explain", "--from", "10.77.1.2", "--to", "192.0.2.1", *ssh, "--at", "2026-11-23T22:30",
                     "--dscp", "ef")
    assert answer["policy"] == "rest" and not answer["hints"]
    for words, said in ((("--in", "lan"), "did you mean `lan0'?"), (("--at", "soon"), "mon 22:30"),
                        (("--icmp-type", "8"), "not ICMP"), (("--dscp", "64"), "from 0 to 63")):
        done = lab.daemon.uplinkctl("explain", "--from", "10.77.1.2", "--to", "192.0.2.1", *ssh, *words)
        assert done.returncode == 1 and said in done.stderr, done.stderr
