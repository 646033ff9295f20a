# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes share a full link: guarantees hold, the rest goes by priority, and who needs little waits for nobody."""

import os
import re
import statistics
import sys
import time

import pytest

import lab as laboratory
from waiting import SLOW, patience, wait_for

GREEDY = os.path.join(laboratory.HERE, "greedy.py")
MBIT = 1_000_000
LINK = (2 if SLOW else 20) * MBIT
PORTS = {"first": 9001, "second": 9002, "third": 9003}
GUARANTEES = {"voice": 0.05, "first": 0.2, "second": 0.4, "third": 0.2}
QOS = """qos:
  classes:
    voice:  { min: 5%, priority: 0 }
    first:  { min: 20%, priority: 1 }
    second: { min: 40%, priority: 4 }
    third:  { min: 20%, priority: 7 }
  default: third
"""
SERVERS = {"ipv4": laboratory.Lab.SERVER4, "ipv6": laboratory.Lab.SERVER6}


def kbit(bps):
    return f"{bps // 1000} kbit"


def configuration(lab, qos=True, bps=LINK, extra=QOS):
    """One link that is `bps` wide, and a policy for each class."""
    classes = ["  - { name: ping, match: { protocol: [icmp, icmpv6] }%s }" % (", qos: voice" if qos else "")]
    classes += ["  - { name: %s, match: { protocol: tcp, to-port: %d }%s }" % (name, port, f", qos: {name}" if qos else "")
                for name, port in PORTS.items()]
    bandwidth = f"bandwidth: {{ download: {kbit(bps)}, upload: {kbit(bps)} }}"
    return lab.config("policies:\n" + "\n".join(classes) + "\n  - name: others\n", link_extra={"fiber": bandwidth},
                      extra=extra if qos else "")


def make_narrow(lab):
    """The provider's own line, a little wider than what is configured, with the deep queue that providers have."""
    line = LINK * 21 // 20
    for device in ("gw", "inet"):
        for command in (f"qdisc add dev {device} root handle 1: htb default 1",
                        f"class add dev {device} parent 1: classid 1:1 htb rate {line}bit burst 6k cburst 6k quantum 1514",
                        f"qdisc add dev {device} parent 1:1 pfifo limit 600"):
            lab.run("isp1", "tc", *command.split())


def meter(lab, place, field):
    """Counts what arrives there by port."""
    counters = "".join(f"counter {name} {{ }}\n" for name in PORTS)
    rules = "".join(f"tcp {field} {port} counter name {name}\n" for name, port in PORTS.items())
    lab.nft(place, f"table inet tally {{\n{counters}chain input {{ type filter hook input priority 0;\n{rules}}}\n}}\n")


def metered(lab, place):
    text = lab.run(place, "nft", "list", "counters", "table", "inet", "tally").stdout
    return {name: int(count) for name, count in re.findall(r"counter (\w+) {\s+packets \d+ bytes (\d+)", text)}


def rates(lab, place, seconds):
    """Bits per second of each class over that time."""
    before, began = metered(lab, place), time.monotonic()
    time.sleep(seconds)  # the window of the measurement
    after, past = metered(lab, place), time.monotonic() - began
    return {name: (after[name] - before[name]) * 8 / past for name in PORTS}


def pings(lab, target, count=40):
    """Round trips in milliseconds."""
    text = lab.run("lan", "ping", "-n", "-c", str(count), "-i", "0.05", "-W", "5", target, check=False).stdout
    return sorted(float(time_ms) for time_ms in re.findall(r"time=([\d.]+) ms", text))


def percentile(values, part):
    return values[min(len(values) - 1, int(len(values) * part))]


class Traffic:
    """Greedy connections in one direction."""

    def __init__(self, lab, direction, target, count=4, ports=None):
        self.place = "inet" if direction == "up" else "lan"
        items = [f"{port}:{count}" for port in (ports or PORTS.values())]
        self.process = lab.start("lan", sys.executable, GREEDY, direction, target, *items)

    def stop(self):
        self.process.terminate()
        self.process.wait(patience(5))


@pytest.fixture
def narrow(make_lab):
    lab = make_lab(links=1)
    make_narrow(lab)
    lab.start("inet", sys.executable, GREEDY, "serve", *map(str, PORTS.values()))
    meter(lab, "inet", "dport")
    meter(lab, "lan", "sport")
    wait_for(lambda: all(f":{port}" in lab.run("inet", "ss", "-ltn").stdout for port in PORTS.values()), 10, "the server")
    return lab


def wait_full(lab, place):
    """Until the link is full of what is measured."""
    wait_for(lambda: sum(rates(lab, place, 0.5).values()) > 0.8 * LINK, 20, "a full link")


def assert_shares(seen):
    """Guarantees within 10 %; what is left, a fifth without the small change, goes to the first by priority."""
    rest = LINK * (1 - sum(GUARANTEES.values()))
    for name in ("second", "third"):
        assert 0.9 * GUARANTEES[name] * LINK <= seen[name] <= 1.1 * GUARANTEES[name] * LINK, name
    assert seen["first"] >= 0.9 * (GUARANTEES["first"] * LINK + rest)
    assert 0.9 * LINK <= sum(seen.values()) <= 1.01 * LINK


def figures(seen):
    return ", ".join(f"{name} {bps / MBIT:.2f}" for name, bps in seen.items()) + f", all {sum(seen.values()) / MBIT:.2f} mbit/s"


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_greedy_classes(narrow, tell, direction, family):
    """Without classes everybody waits in the provider's queue; with them only the greedy do."""
    lab, target = narrow, SERVERS[family]
    lab.start_daemon(configuration(lab, qos=False))
    traffic = Traffic(lab, direction, target)
    without = wait_for(lambda: (lambda seen: seen if len(seen) > 2 and statistics.median(seen) > 100 else None)
                       (pings(lab, target, 5)), 20, "a ping of 100 ms")
    traffic.stop()
    assert lab.daemon.reload(configuration(lab)).returncode == 0
    traffic = Traffic(lab, direction, target)
    wait_full(lab, traffic.place)
    wait_for(lambda: percentile(pings(lab, target, 5), 0.9) < 50, 20, "the provider's queue to be empty")
    seen, times = rates(lab, traffic.place, 3), pings(lab, target)
    tell(f"{figures(seen)}; ping {statistics.median(times):.1f} ms, 95 % under {percentile(times, 0.95):.1f} ms, "
         f"at most {times[-1]:.1f} ms (without classes {statistics.median(without):.0f} ms)")
    traffic.stop()
    assert_shares(seen)
    assert len(times) == 40 and percentile(times, 0.95) < (60 if SLOW else 20)
    assert statistics.median(without) > 100
