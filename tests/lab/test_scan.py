# SPDX-License-Identifier: GPL-2.0-or-later
"""Who looks for open doors is shut out; who finds them open is not."""

import pytest

import traffic
from lab import program
from waiting import wait_for

DROPS = """policies:
  - { name: served, match: { from: internet, to: router, protocol: tcp, to-port: 8080-8089 } }
  - { name: strangers, match: { from: internet }, action: drop }
"""
ALLOWS = "policies:\n  - { name: all }\n"
DOS = "dos: { port-scan: {}, address-scan: { failures: 3, block-for: 30s } }\n"
SCANNER = {"ipv4": "192.0.2.77", "ipv6": "2001:db8:ffff::77"}
SITE = {"ipv4": "192.0.2.77", "ipv6": "2001:db8:ffff::"}


def address(link, family):
    return link.address4 if family == "ipv4" else link.address6


def knock(lab, family, link, *options):
    lab.run(f"isp{link.number}", program("lab-flood"), "syn", "--from", SCANNER[family], "--to", address(link, family), *options)


def blocked(lab):
    return {item["address"].partition("/")[0]: item for item in lab.ctl("blocked")}


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("policies", [DROPS, ALLOWS], ids=["dropped", "refused"])
def test_port_scan(lab, tell, family, policies):
    lab.start_daemon(lab.config(policies, extra=DOS))
    knock(lab, family, lab.links[0], "--every-port", "--rate", "20", "--count", "25")
    found = wait_for(lambda: blocked(lab).get(SITE[family]), 10, "the scanner to be shut out")
    events = [event["text"] for event in lab.ctl("events") if event["kind"] == "attack"]
    tell(events[0])
    assert len(events) == 1 and events[0].startswith("port-scan from ")
    assert "port-scan" in str(found)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_address_scan(lab, tell, family):
    """Across a reload: what was counted stays."""
    lab.start_daemon(lab.config(DROPS, extra=DOS))
    for link in lab.links[:2]:
        knock(lab, family, link, "--port", "23", "--count", "1")
    lab.daemon.reload()
    knock(lab, family, lab.links[2], "--port", "23", "--count", "1")
    wait_for(lambda: blocked(lab).get(SITE[family]), 10, "the scanner to be shut out")
    events = [event["text"] for event in lab.ctl("events") if event["kind"] == "attack"]
    tell(events[0])
    assert len(events) == 1 and events[0].startswith("address-scan from ")


def test_who_finds_doors_open_stays(lab):
    """Ten doors that are open, and five that are not: fewer net failures than it takes."""
    lab.start_daemon(lab.config(DROPS, extra=DOS))
    traffic.Server(lab, "gw")
    for port in range(8080, 8090):
        assert lab.load(place="inet", to=f"{lab.links[0].address4}:{port}", rate=50, count=2, timeout=900)["ok"] == 2
    for port in range(100, 105):
        assert lab.load(place="inet", to=f"{lab.links[0].address4}:{port}", rate=50, count=1, timeout=100)["ok"] == 0
    # What came before has been judged once something later has.
    knock(lab, "ipv4", lab.links[0], "--every-port", "--rate", "20", "--count", "25")
    wait_for(lambda: blocked(lab).get(SITE["ipv4"]), 10, "another, who is one, to be shut out")
    assert list(blocked(lab)) == [SITE["ipv4"]]
