# SPDX-License-Identifier: GPL-2.0-or-later
"""Reloads under load lose nothing; a broken file changes nothing and says where it is wrong."""

import re
import time

from waiting import SLOW, rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
RELOADS = 10 if SLOW else 100


def opened(lab):
    return sum(lab.server.counts("tcp").values())


def test_a_hundred_reloads(lab, tell):
    """In a row, at 1,000 connections a second, each with something different: none fails."""
    per_second = rate(1000)
    texts = [lab.config(POLICY, WEIGHTS),
             lab.config(POLICY.replace("everything", "all"), {"fiber": 1, "cable": 1, "lte": 1}),
             lab.config("policies:\n  - name: first\n    match: { to-port: 9, protocol: udp }\n"
                        "    balance: { links: [lte] }\n"
                        "  - name: everything\n    balance: { algorithm: random }\n", WEIGHTS)]
    lab.start_daemon(texts[0])
    load = lab.load_start(to="192.0.2.1:7", to_range=100, rate=per_second, count=per_second * 120, timeout=5000)
    wait_for(lambda: opened(lab) >= per_second, 20, "traffic")
    began = time.monotonic()
    for i in range(RELOADS):
        done = lab.daemon.reload(texts[(i + 1) % 3])
        assert done.returncode == 0, f"reload {i}: {done.stdout}{done.stderr}"
    took = time.monotonic() - began
    seen = opened(lab)
    wait_for(lambda: opened(lab) >= seen + per_second, 20, "traffic after the reloads")
    result = load.stop()
    slow = [item for item in result["attempts"] if item["connected"] - item["begun"] > 0.5]
    tell(f"{RELOADS} reloads in {took:.1f} s; {result.figures()}; {len(slow)} needed a second SYN")
    assert result["failed"] == 0 and result["ok"] == result["begun"]
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


def test_reload_keeps_running_connections(lab):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    load = lab.load_start(to="192.0.2.1:7", rate=rate(200), count=100, hold=True)
    wait_for(lambda: opened(lab) >= 100, 20, "100 connections")
    for _ in range(5):
        assert lab.daemon.reload(lab.config(POLICY, {"fiber": 1, "cable": 9})).returncode == 0
        assert lab.daemon.reload(lab.config(POLICY, WEIGHTS)).returncode == 0
    result = load.stop()
    assert result["ok"] == 100
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


def test_new_weights_hold_at_once(lab):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    assert lab.daemon.reload(lab.config(POLICY, {"fiber": 1, "cable": 1, "lte": 8})).returncode == 0
    result = lab.load(to="192.0.2.1:7", to_range=20, rate=rate(500), count=500)
    for name, count in {"fiber": 50, "cable": 50, "lte": 400}.items():
        assert abs(result.by_link()[name] - count) <= 1


def test_a_broken_file(lab, tell):
    """Exit code 4, file, line and column; and everything goes on as before."""
    good = lab.config(POLICY, WEIGHTS)
    lab.start_daemon(good)
    broken = good.replace("algorithm: round-robin", "algoritm: round-robin")
    line = next(i for i, text in enumerate(broken.splitlines(), 1) if "algoritm" in text)
    done = lab.daemon.reload(broken)
    told = done.stdout + done.stderr
    tell(told.splitlines()[0] if told else "nothing was told")
    assert done.returncode == 4
    assert re.search(rf"uplinkd\.yaml:{line}:\d+: error: ", told)
    assert "algorithm" in told
    result = lab.load(to="192.0.2.1:7", to_range=20, rate=rate(500), count=100)
    assert dict(result.by_link()) == {"fiber": 50, "cable": 30, "lte": 20}
    check = lab.daemon.uplinkctl("check", lab.daemon.file)
    assert check.returncode == 4 and re.search(rf":{line}:\d+: error: ", check.stdout + check.stderr)
    assert lab.daemon.reload(good).returncode == 0


def test_sighup_reloads_too(lab):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    lab.daemon.write(lab.config(POLICY, {"fiber": 7, "cable": 3, "lte": 2}))
    lab.daemon.process.send_signal(1)
    wait_for(lambda: next(item["weight"] for item in lab.ctl("links") if item["name"] == "fiber") == 7, 5,
             "the new weight")
