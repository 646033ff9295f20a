# SPDX-License-Identifier: GPL-2.0-or-later
"""A flood of SYNs from sources that do not exist: inside notices nothing, what is served is served, nobody is blocked."""

import os
import time

import pytest

import traffic
from lab import program, sanitized
from waiting import rate, wait_for

FLOOD = 20000
POLICIES = """policies:
  - name: web
    match: {{ from: internet, to: router, protocol: tcp, to-port: 8080 }}{nat}
  - name: strangers
    match: {{ from: internet }}
    action: drop
  - name: rest
    balance: {{ algorithm: round-robin }}
"""
FORWARD = '\n    nat: { destination: ["10.77.1.2:8080", "[fd77:1::2]:8080"] }'
DOS = "dos: { syn-flood: { rate: 50/s, burst: 100, per: source, block-for: 5m }, exempt: [10.77.0.0/16, 'fd77::/16'] }\n"
OUTSIDE = {"ipv4": ("203.0.1.2", "203.0.1.2:8080"), "ipv6": ("fd00:1::2", "[fd00:1::2]:8080")}
INSIDE = {"ipv4": "192.0.2.1:7", "ipv6": "[2001:db8:ffff::1]:7"}


def flood(lab, to, port, seconds):
    return lab.start("isp1", program("lab-flood"), "syn", "--to", to, "--port", str(port), "--rate", str(int(rate(FLOOD))),
                     "--count", str(int(rate(FLOOD) * seconds)), log=f"flood-{port}.log")


def processor_time(pid):
    """Seconds that the process has computed, user and system."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tracked(lab):
    return int(lab.run("gw", "cat", "/proc/sys/net/netfilter/nf_conntrack_count").stdout)


def attacks(lab):
    return [event for event in lab.ctl("events") if event["kind"] == "attack"]


def quiet(lab, family):
    """The p99 of connects from inside while nothing else happens: what this machine can do."""
    return lab.load(to=INSIDE[family], to_range=50, rate=rate(100), count=100, timeout=900)["p99_us"]


@pytest.mark.parametrize("family, port, server", [("ipv4", 80, "gw"), ("ipv6", 8080, "gw"), ("ipv4", 8080, "lan"),
                                                  ("ipv6", 8080, "lan")],
                         ids=["closed-port-ipv4", "served-here-ipv6", "served-behind-ipv4", "served-behind-ipv6"])
def test_flood_from_nowhere(lab, tell, family, port, server):
    address, served = OUTSIDE[family]
    lab.start_daemon(lab.config(POLICIES.format(nat=FORWARD if server == "lan" else ""),
                                {"fiber": 5, "cable": 3, "lte": 2}, extra=DOS))
    traffic.Server(lab, server)
    assert lab.load(place="inet", to=served, rate=50, count=20, timeout=900)["ok"] == 20
    bound = max(10000, 10 * quiet(lab, family))
    memory, computed, begun = lab.daemon.resident_kb(), processor_time(lab.daemon.pid), time.monotonic()
    attack = flood(lab, address, port, 6)
    wait_for(lambda: attacks(lab), 5, "the attack to be told")
    noticed = time.monotonic() - begun
    inside = lab.load_start(to=INSIDE[family], to_range=50, rate=rate(100), count=int(rate(100) * 3), timeout=900)
    outside = lab.load(place="inet", to=served, rate=rate(20), count=int(rate(20) * 2), timeout=2000)
    result, entries = inside.wait(), tracked(lab)
    attack.wait(30)
    later = tracked(lab)
    share = (processor_time(lab.daemon.pid) - computed) / (time.monotonic() - begun)
    grown = lab.daemon.resident_kb() - memory
    tell(f"told after {noticed:.1f} s; inside {result.figures()}; served {outside.figures()}; "
         f"{entries} connections tracked, daemon {share:.2f} of a core, {grown} kB more")
    assert result["ok"] >= 0.99 * result["begun"] and result["p99_us"] < bound
    assert outside["ok"] == outside["begun"]
    # What came before it was noticed is tracked until it times out; what came after is not.
    assert entries < 2 * FLOOD and later < entries + 2000 and share < 0.5
    # Tables of fixed size, of which a part is used for the first time.
    assert grown < (16384 if sanitized() else 4096)
    assert lab.ctl("blocked") == []
    assert len(attacks(lab)) == 1 and "many sources" in attacks(lab)[0]["text"]
