# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections are shared among links by weight, exactly, and stay where they are."""

import pytest

from waiting import SLOW, rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
TARGETS = {"ipv4": "192.0.2.1:7", "ipv6": "[2001:db8:ffff::1]:7"}


def assert_shares(counts, total):
    """500, 300 and 200 of 1,000, give or take one."""
    for name, weight in WEIGHTS.items():
        assert abs(counts[name] - total * weight / 10) <= 1, f"{name} has {counts[name]} of {total}: {dict(counts)}"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_thousand_connections(lab, tell, family, protocol):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    # Many targets, so that no two flows are the same by chance.
    result = lab.load(protocol, to=TARGETS[family], to_range=200, rate=rate(500), count=1000)
    seen = lab.server.counts(protocol)
    tell(f"{result.figures()}; {dict(result.by_link())}")
    assert result["ok"] == 1000
    assert sum(seen.values()) == 1000
    assert_shares(result.by_link(), 1000)
    assert {lab.link_of(address): count for address, count in seen.items()} == dict(result.by_link())
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]
    # The daemon decided, not what stands in for it.
    status = lab.ctl("status")
    assert status["decisions"] >= 995 and status["fallbacks"] == 0


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_from_the_router_itself(lab, tell, family):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    result = lab.load("tcp", place="gw", to=TARGETS[family], to_range=50, rate=rate(500), count=1000)
    tell(f"{result.figures()}; {dict(result.by_link())}")
    assert result["ok"] == 1000
    assert_shares(result.by_link(), 1000)
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_connection_keeps_its_link(lab, tell, family):
    """Held connections of TCP and UDP: the server sees one source for the whole of their life."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    loads = [lab.load_start(protocol, to=TARGETS[family], to_range=10, rate=rate(500), count=100, hold=True)
             for protocol in ("tcp", "udp")]
    wait_for(lambda: lab.flows("tcp") >= 100 and lab.flows("udp") >= 100, 20, "100 connections and 100 flows")
    seen = sum(lab.server.counts("udp").values())
    wait_for(lambda: sum(lab.server.counts("udp").values()) >= seen + 1500, 20, "1500 more datagrams")
    results = [load.stop() for load in loads]
    for result in results:
        tell(f"{result.figures()}, {min(item['answers'] for item in result['attempts'])} answers at least")
        assert result["ok"] == 100
        assert result["moved"] == 0
        assert all(item["answers"] >= (5 if SLOW else 10) for item in result["attempts"])
    # Two loads at once share one cycle of picks: 200 connections in all.
    assert_shares(results[0].by_link() + results[1].by_link(), 200)
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


def test_equal_weights_without_policy_say_main_table(lab):
    """No policy matches: the connection leaves as the main table says."""
    lab.start_daemon(lab.config("policies: []\n", WEIGHTS))
    result = lab.load("tcp", to=TARGETS["ipv4"], rate=rate(200), count=100)
    assert dict(result.by_link()) == {"fiber": 100}
