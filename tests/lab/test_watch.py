# SPDX-License-Identifier: GPL-2.0-or-later
"""What connections show of their links: how many live on each, and how they fare."""

import pytest

from waiting import rate, wait_for

POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
TARGETS = {"ipv4": "192.0.2.1", "ipv6": "[2001:db8:ffff::1]"}
# Datagrams are forgotten soon, so that nobody has to wait for their end.
QUICK_UDP = ["net.netfilter.nf_conntrack_udp_timeout=2", "net.netfilter.nf_conntrack_udp_timeout_stream=2"]


def active(lab):
    return {item["name"]: item["active"] for item in lab.ctl("links")}


def shorten(lab):
    for setting in QUICK_UDP:
        lab.run("gw", "sysctl", "-q", "-w", setting)


def begin(lab, family, count, port=80):
    """count TCP connections and as many UDP flows, each to another address, which are held."""
    target = f"{TARGETS[family]}:{port}"
    return [lab.load_start("tcp", to=target, to_range=200, rate=rate(500), count=count, hold=True),
            lab.load_start("udp", to=target.replace(f":{port}", ":7"), to_range=200, rate=rate(500), count=count,
                           hold=True)]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_live_connections_are_counted(lab, tell, family):
    """Hundreds of them, of TCP and UDP: each counts while it lives, and none afterwards."""
    shorten(lab)
    lab.start_daemon(lab.config(POLICY))
    assert sum(active(lab).values()) == 0
    loads = begin(lab, family, 300)
    wait_for(lambda: sum(active(lab).values()) == 600, 20, "600 living connections")
    tell(f"while they live: {active(lab)}")
    assert set(active(lab).values()) == {200}
    results = [load.stop() for load in loads]
    assert [result["ok"] for result in results] == [300, 300]
    wait_for(lambda: sum(active(lab).values()) <= 300, 5, "the end of TCP to be seen at once")
    wait_for(lambda: set(active(lab).values()) == {0}, 30, "the end of all")
