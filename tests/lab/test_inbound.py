# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections from the internet are answered by the link that they came in by."""

import pytest

import traffic
from waiting import wait_for, rate

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
CALLERS = {"ipv4": "192.0.2.200", "ipv6": "2001:db8:ffff::200"}


def url(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def call(lab, protocol, address, port, family):
    """50 connections from an address of the internet that the main table would answer by the first link."""
    return lab.load(protocol, "inet", to=url(address, port), rate=rate(400), count=50, **{"from": CALLERS[family]})


def assert_answered(lab, result):
    assert result["ok"] == 50, result["errors"]
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


@pytest.mark.parametrize("alive", [True, False], ids=["", "without-the-daemon"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_to_the_gateway(lab, family, protocol, alive):
    server = traffic.Server(lab, "gw")
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    if not alive:
        lab.daemon.kill9()
    for link in lab.links:
        address = link.address4 if family == "ipv4" else link.address6
        assert_answered(lab, call(lab, protocol, address, 7, family))
    assert server.counts(protocol) == {CALLERS[family]: 150}


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_to_a_routed_server(lab, family, protocol):
    """A server with a public address behind the gateway; the server sees the caller himself."""
    server = traffic.Server(lab, "lan")
    lab.delegate(lab.link("cable"))
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    address = lab.INSIDE4 if family == "ipv4" else lab.INSIDE6
    assert_answered(lab, call(lab, protocol, address, 7, family))
    assert server.counts(protocol) == {CALLERS[family]: 50}


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_to_a_server_by_dnat(lab, family):
    """Somebody else's DNAT rule."""
    server = traffic.Server(lab, "lan")
    zone = lab.zones[0]
    lab.nft("gw", f"""
table inet forwarder {{
    chain prerouting {{
        type nat hook prerouting priority -100;
        iifname "wan*" meta nfproto ipv4 tcp dport 8081 dnat ip to {zone.client4}:8080
        iifname "wan*" meta nfproto ipv6 tcp dport 8081 dnat ip6 to [{zone.client6}]:8080
    }}
}}
""")
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    for link in lab.links:
        address = link.address4 if family == "ipv4" else link.address6
        assert_answered(lab, call(lab, "tcp", address, 8081, family))
    assert server.counts() == {CALLERS[family]: 150}


def test_inbound_while_its_link_is_not_the_best(lab):
    """Held connections by the second link live on over a reload and a failure of the first."""
    server = traffic.Server(lab, "gw")
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    load = lab.load_start("tcp", "inet", to=f"{lab.link('cable').address4}:7", rate=rate(200), count=20, hold=True,
                          **{"from": CALLERS["ipv4"]})
    wait_for(lambda: sum(server.counts("tcp").values()) >= 20, 10, "20 connections")
    lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    assert lab.daemon.reload().returncode == 0
    result = load.stop()
    assert result["ok"] == 20
    assert lab.strays(lab.link("cable")) == 0
