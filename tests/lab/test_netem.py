# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines that lose, delay and shake packets: what the kernel's own emulator does, not a program of ours."""

import time

import pytest

import stock
from test_failover import down_at
from waiting import SLOW, wait_for

POLICY = """policies:
  - name: by-fiber
    match: { to-port: 80, protocol: tcp }
    balance: { links: [fiber] }
  - name: by-satellite
    match: { to-port: 443, protocol: tcp }
    balance: { links: [sat] }
  - name: everything
    balance: { algorithm: round-robin }
"""
CHECKS = {
    "fiber": "{ targets: [{ ping: 192.0.2.1 }, { tcp: 192.0.2.1:7 }], interval: 250ms, degraded: { jitter: 25ms } }",
    "cable": "{ targets: [{ ping: 192.0.2.1 }] }",
    "lte": "{ targets: [{ ping: 192.0.2.1 }], interval: 300ms, degraded: { latency: 60ms } }",
    "sat": "{ targets: [{ ping: 192.0.2.1 }] }",
}


@pytest.fixture(name="netem")
def emulated_lines(make_lab):
    reason = stock.lacks_netem()
    if reason:
        pytest.skip(reason)
    return stock.Netem(make_lab(links=4))


def links(lab):
    return {item["name"]: item for item in lab.ctl("links")}


def downs(lab, name):
    """What was said of a link that went down."""
    events = [event for event in lab.ctl("events") if event["kind"] == "link" and event["link"] == name]
    return [event["text"] for event in events if " down" in event["text"]]


def degraded(lab, tell, name, cause, since):
    lab.wait_link(name, "degraded", deadline=20)
    reason = links(lab)[name]["reason"]
    tell(f"{name}: degraded after {time.monotonic() - since:.1f} s, {reason}")
    assert cause in reason


def by_policy(lab, port, link):
    """TCP repeats what was lost, which takes it a second where it is the first packet."""
    result = lab.load(to=f"192.0.2.1:{port}", rate=20, count=20, timeout=15000)
    assert dict(result.by_link()) == {link: 20}, result["errors"]
    return result


def test_lines(netem, tell):
    """Together, each on a line of its own: loss with jitter, silence, a delay that comes and goes, and a satellite."""
    lab = netem.lab
    netem.set("fiber", up="delay 90ms 85ms loss 5%")
    netem.set("sat", up="delay 300ms 10ms", down="delay 300ms")
    lab.start_daemon(lab.config(POLICY, check=CHECKS))
    begun = time.monotonic()
    wait_for(lambda: all(item["latency_ms"] for item in links(lab).values()), 10, "every check to have an answer")

    # The figure is a mean: who takes the delay away soon sees it fall soon.
    since = time.monotonic()
    netem.set("lte", up="delay 250ms")
    degraded(lab, tell, "lte", "latency", since)
    netem.set("lte")

    since = time.monotonic()
    netem.set("cable", up="loss 100%")
    lab.wait_link("cable", "down")
    took = down_at(lab, "cable") - since
    tell(f"cable: 100 % loss, down after {took:.2f} s by the defaults")
    assert took < 3.5 + (2 if SLOW else 0)
    result = lab.load(to="192.0.2.1:7", rate=20, count=12, timeout=15000)
    assert result["ok"] == 12 and "cable" not in result.by_link(), result["errors"]

    since = time.monotonic()
    netem.set("cable")
    degraded(lab, tell, "fiber", "jitter", begun)
    by_policy(lab, 80, "fiber")
    assert by_policy(lab, 443, "sat")["p50_us"] > 600000
    for name in ("lte", "cable"):
        lab.wait_link(name, "up", deadline=30)
    tell(f"cable and lte up at most {time.monotonic() - since:.1f} s after their lines were well")

    lost, found = netem.dropped("fiber"), links(lab)
    tell(f"{time.monotonic() - begun:.0f} s of 5 % loss: {lost} packets lost, never down; "
         f"satellite {found['sat']['state']} at {found['sat']['latency_ms']:.0f} ms")
    assert lost > 3
    assert found["sat"]["state"] == "up" and 600 <= found["sat"]["latency_ms"] < 900
    assert {name: len(downs(lab, name)) for name in found} == {"fiber": 0, "cable": 1, "lte": 0, "sat": 0}
