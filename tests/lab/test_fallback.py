# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon dies or hangs under load: the kernel goes on with the last plan."""

import time

from waiting import SLOW, rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
PER_SECOND = rate(1000)


def opened(lab):
    return sum(lab.server.counts("tcp").values())


def wait_for_connections(lab, count):
    """Until so many more have arrived."""
    goal = opened(lab) + count
    wait_for(lambda: opened(lab) >= goal, 5 + 5 * count / PER_SECOND, f"{count:.0f} more connections")


def shares(result, since, until):
    counts = result.by_link([item for item in result["attempts"] if since <= item["begun"] < until])
    total = sum(counts.values())
    return {name: counts[name] / total for name in WEIGHTS}, total


def test_killed_and_started_again(lab, tell):
    """At 1,000 connections a second none fails; weights hold within 2 % meanwhile."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    load = lab.load_start(to="192.0.2.1:7", to_range=100, rate=PER_SECOND, seconds=10, timeout=5000)
    wait_for_connections(lab, PER_SECOND * 2)
    killed = lab.daemon.kill9()
    wait_for_connections(lab, PER_SECOND * 3)
    restarted = time.monotonic()
    lab.daemon.start()
    answered = time.monotonic()
    result = load.wait()
    alone, total = shares(result, killed, restarted)
    after, total_after = shares(result, answered, float("inf"))
    slow = [item for item in result["attempts"] if item["connected"] - item["begun"] > 0.5]
    tell(f"{result.figures()}; {len(slow)} needed a second SYN")
    tell(f"without the daemon {total} connections: " + ", ".join(f"{n} {s:.3f}" for n, s in alone.items())
         + f"; after the restart {total_after}: " + ", ".join(f"{n} {s:.3f}" for n, s in after.items()))
    assert result["failed"] == 0 and result["ok"] == result["begun"]
    assert total >= PER_SECOND * 2 and total_after >= PER_SECOND
    for name, weight in WEIGHTS.items():
        assert abs(alone[name] - weight / 10) <= 0.02
        assert abs(after[name] - weight / 10) <= 0.02
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


def test_killed_holds_old_connections(lab):
    """Connections that were there before keep their link over death and return."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    load = lab.load_start(to="192.0.2.1:7", to_range=10, rate=rate(200), count=100, hold=True)
    wait_for(lambda: opened(lab) >= 100, 20, "100 connections")
    lab.daemon.kill9()
    assert lab.load(to="192.0.2.1:7", rate=rate(200), count=100)["ok"] == 100
    lab.daemon.start()
    assert lab.load(to="192.0.2.1:7", rate=rate(200), count=100)["ok"] == 100
    result = load.stop()
    assert result["ok"] == 100
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


def test_killed_while_a_link_is_down(lab):
    """The plan in the kernel knows which links work."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    lab.daemon.kill9()
    result = lab.load(to="192.0.2.1:7", to_range=20, rate=rate(500), count=500)
    assert result["ok"] == 500
    assert "fiber" not in result.by_link()
    assert abs(result.by_link()["cable"] - 300) <= 10


def test_policies_hold_without_the_daemon(lab):
    """Drop, reject and the links of a policy are in the kernel's plan as well."""
    lab.start_daemon(lab.config("""
policies:
  - name: forbidden
    match: { to: 192.0.2.66 }
    action: drop
  - name: refused
    match: { to: 192.0.2.67 }
    action: reject
  - name: web
    match: { protocol: tcp, to-port: 80 }
    balance: { links: [cable] }
  - name: rest
    balance: { algorithm: round-robin }
"""))
    lab.daemon.kill9()
    assert lab.load(to="192.0.2.66:80", rate=rate(100), count=5, timeout=500)["errors"] == {"TIMEOUT": 5}
    assert lab.load(to="192.0.2.67:80", rate=rate(100), count=5, timeout=500)["errors"] == {"ECONNREFUSED": 5}
    assert dict(lab.load(to="192.0.2.1:80", rate=rate(200), count=50).by_link()) == {"cable": 50}


def test_stopped_daemon(lab, tell):
    """SIGSTOP, as a debugger does it: the queues fill up, then the kernel decides; all is well when it goes on."""
    short_queue = "kernel: { queue-length: 128 }\n" if SLOW else ""
    lab.start_daemon(lab.config(POLICY, WEIGHTS, extra=short_queue))
    load = lab.load_start(to="192.0.2.1:7", to_range=50, rate=PER_SECOND, seconds=8, timeout=8000)
    wait_for_connections(lab, PER_SECOND)
    lab.daemon.freeze()
    frozen = time.monotonic()
    end = frozen + 4
    wait_for(lambda: time.monotonic() > end, 60, "four seconds of a daemon that stands still")
    lab.daemon.thaw()
    thawed = time.monotonic()
    result = load.wait()
    during = [item for item in result["attempts"] if frozen <= item["begun"] < thawed]
    fine = [item for item in during if item["outcome"] == "ok"]
    meanwhile = [item for item in fine if item["connected"] < thawed]
    at_once = [item for item in fine if item["connected"] - item["begun"] < 0.1]
    tell(f"{len(during)} begun while it stood still: {len(at_once)} worked within 100 ms, {len(meanwhile)} before it "
         f"went on, {len(fine)} in the end; {result.figures()}")
    assert len(fine) > 0.9 * len(during)
    assert len(meanwhile) > len(during) / 2
    assert result.not_ok_since(thawed + 1) == []
