# SPDX-License-Identifier: GPL-2.0-or-later
"""A link fails: new connections go elsewhere at once, old ones are told, and it gets its share when it is back."""

import time

import pytest

from waiting import SLOW, rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
TARGETS = {"ipv4": "192.0.2.1:7", "ipv6": "[2001:db8:ffff::1]:7"}
CHECK = "{ targets: [ { ping: 192.0.2.1 } ], interval: 200ms }"
GRACE = 1.0 if SLOW else 0.2


def opened(lab, protocol="tcp"):
    return sum(lab.server.counts(protocol).values())


def slowest_of(attempts):
    return max(item["connected"] - item["begun"] for item in attempts)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("victim", ["fiber", "lte"])
def test_carrier_loss_under_load(lab, tell, family, victim):
    """200 connections a second; every one begun 200 ms after the cut succeeds, with its first packet."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    load = lab.load_start(to=TARGETS[family], to_range=50, rate=rate(200), count=int(rate(1000)))
    wait_for(lambda: opened(lab) >= rate(400), 10, "traffic")
    cut = lab.cut_carrier(lab.link(victim))
    result = load.wait()
    late = result.begun_since(cut + GRACE)
    lost = [item for item in result["attempts"] if cut <= item["begun"] < cut + GRACE and item["outcome"] != "ok"]
    tell(f"{len(late)} begun {GRACE:.1f} s after the cut or later, {len(result.not_ok_since(cut + GRACE))} failed, "
         f"slowest {slowest_of(late) * 1000:.1f} ms; {len(lost)} failed before that")
    assert len(late) >= rate(300)
    assert result.not_ok_since(cut + GRACE) == []
    assert slowest_of(late) < 0.9
    assert victim not in result.by_link(late)
    assert lab.link_state(victim) == "down"


def test_recovery(lab, tell):
    """The link is back: it gets its share, exactly."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    without = lab.load(to=TARGETS["ipv4"], to_range=50, rate=rate(500), count=500)
    assert dict(without.by_link()) == {"cable": 300, "lte": 200}
    back = lab.restore_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "up", "degraded", deadline=30)
    tell(f"up {time.monotonic() - back:.2f} s after the cable was back")
    result = lab.load(to=TARGETS["ipv4"], to_range=50, rate=rate(500), count=1000)
    assert result["ok"] == 1000
    assert all(abs(result.by_link()[name] - 100 * weight) <= 1 for name, weight in WEIGHTS.items())


def down_at(lab, name):
    """When the daemon said so, by the monotonic clock."""
    said = [event["time"] for event in lab.ctl("events") if event["kind"] == "link" and event["link"] == name]
    return said[-1] - time.time() + time.monotonic()


def ignored(item):
    """The last packet that a connection sent in vain before the one that was answered by a reset; 0: there is none."""
    if item["repeats"] > 0:
        return item["sent_before"]
    return item["asked"] if item["last_sent"] - item["asked"] > 0.02 else 0


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_running_tcp_connections(lab, tell, family):
    """Those of the dead link get a reset at their next packet; those of the others lose nothing.

    What is sent before the link is known to be dead is lost, and TCP sends it again after 200 ms or later. A question
    that was confirmed, whose answer was lost, is not sent again: who waits for that hears of it when he asks whether
    the other end lives. An emulated machine has many of those, a real one hardly any.
    """
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    load = lab.load_start(to=TARGETS[family], to_range=10, rate=rate(500), count=100, hold=True, stall=8000, keepalive=True)
    wait_for(lambda: opened(lab) >= 100, 20, "100 connections")
    cut = lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    down = down_at(lab, "fiber")
    end = time.monotonic() + 2 * (2 if SLOW else 1)
    wait_for(lambda: time.monotonic() > end, 10, "two seconds of traffic on the other links")
    result = load.stop()
    by_link = {name: [item for item in result["attempts"] if lab.link_of(item["seen"]) == name] for name in WEIGHTS}
    waited = [item for item in by_link["fiber"] if item["ended"] - item["last_sent"] > 0.9]
    spoke = [item for item in by_link["fiber"] if item not in waited]
    after = [item["ended"] - cut for item in spoke]
    tell(f"{result.figures()}; down after {(down - cut) * 1000:.0f} ms, resets between {min(after) * 1000:.0f} and "
         f"{max(after) * 1000:.0f} ms; {len(waited)} waited for an answer that was lost")
    assert [len(by_link[name]) for name in WEIGHTS] == [50, 30, 20]
    assert {(item["outcome"], item["error"]) for item in by_link["fiber"]} == {("reset", "ECONNRESET")}
    assert max(ignored(item) for item in by_link["fiber"]) < down + GRACE
    assert max(item["ended"] - item["last_sent"] for item in spoke) < GRACE
    assert all(item["last_sent"] < down + GRACE and item["ended"] - item["last_sent"] < 1.5 + GRACE for item in waited)
    # They speak each 100 ms: the detection, one packet, and some room for this machine.
    assert SLOW or max(after) < GRACE + 0.3
    for name in ("cable", "lte"):
        assert {item["outcome"] for item in by_link[name]} == {"ok"}
        assert min(item["answers"] for item in by_link[name]) >= 15 / (3 if SLOW else 1)


def test_udp_flows_move(lab, tell):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    load = lab.load_start("udp", to=TARGETS["ipv4"], to_range=10, rate=rate(500), count=100, hold=True, stall=5000)
    wait_for(lambda: lab.flows("udp") >= 100, 20, "100 flows")
    cut = lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    seen = opened(lab, "udp")
    wait_for(lambda: opened(lab, "udp") >= seen + 1000, 20, "1,000 more datagrams")
    result = load.stop()
    moved = [item for item in result["attempts"] if lab.link_of(item["seen"]) == "fiber"]
    stayed = [item for item in result["attempts"] if lab.link_of(item["seen"]) != "fiber"]
    after = [item["moved_at"] - cut for item in moved]
    tell(f"{len(moved)} flows moved after {max(after) * 1000:.0f} ms at most; {len(stayed)} stayed")
    assert len(moved) == 50 and all(item["moved"] == 1 and item["outcome"] == "ok" for item in moved)
    assert all(lab.link_of(item["last_seen"]) != "fiber" for item in moved)
    assert all(item["moved"] == 0 and item["outcome"] == "ok" for item in stayed)
    assert max(after) < GRACE + 0.5




@pytest.mark.parametrize("check, bound", [(CHECK, 1.0), ("{ targets: [ { ping: 192.0.2.1 } ] }", 3.5)],
                         ids=["interval-200ms", "defaults"])
def test_silent_black_hole(lab, tell, check, bound):
    """The ISP's router answers, but nothing behind it does."""
    bound *= 3 if SLOW else 1
    lab.start_daemon(lab.config(POLICY, WEIGHTS, check))
    wait_for(lambda: all((item["latency_ms"] or 0) > 0 for item in lab.ctl("links")), 20, "checks to have an answer")
    load = lab.load_start(to=TARGETS["ipv4"], to_range=50, rate=rate(100), count=int(rate(100) * (bound + 3)),
                          timeout=900)
    wait_for(lambda: opened(lab) >= rate(100), 10, "traffic")
    when = lab.black_hole(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    detected = time.monotonic() - when
    result = load.wait()
    lost = [item["begun"] - when for item in result["attempts"] if item["outcome"] != "ok"]
    tell(f"down after {detected:.2f} s; the last connection in vain began after {max(lost, default=0):.2f} s")
    assert detected < bound
    assert result.not_ok_since(when + bound) == []
    assert len(result.begun_since(when + bound)) > rate(50)
    lab.heal(lab.link("fiber"))
    lab.wait_link("fiber", "up", deadline=20)


def test_no_link_left(lab):
    """All are down: connections end with a clear error or wait, and all is well once one is back."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    for link in lab.links:
        lab.cut_carrier(link)
    for link in lab.links:
        lab.wait_link(link.name, "down")
    assert lab.load(to=TARGETS["ipv4"], rate=rate(100), count=10, timeout=500)["ok"] == 0
    lab.restore_carrier(lab.link("cable"))
    lab.wait_link("cable", "up", deadline=20)
    result = lab.load(to=TARGETS["ipv4"], rate=rate(100), count=50)
    assert dict(result.by_link()) == {"cable": 50}
