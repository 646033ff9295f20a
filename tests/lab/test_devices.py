# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices come, go and come back; a gateway that DHCP or RA found is followed."""

import time

from lab import ROUTE_PROTOCOL
from waiting import rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"


def assert_shares(lab, count=100, target="192.0.2.1:7"):
    result = lab.load(to=target, to_range=20, rate=rate(400), count=count)
    assert result["ok"] == count, result["errors"]
    for name, weight in WEIGHTS.items():
        assert abs(result.by_link()[name] - count * weight / 10) <= 1, dict(result.by_link())


def reason(lab, name):
    return next(item["reason"] for item in lab.ctl("links") if item["name"] == name)


def test_removed_and_made_again(lab, tell):
    """The same name with a new index."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    assert_shares(lab)
    link = lab.link("cable")
    gone = lab.remove_device(link)
    lab.wait_link("cable", "down")
    tell(f"down {time.monotonic() - gone:.2f} s after it was gone: {reason(lab, 'cable')}")
    result = lab.load(to="192.0.2.1:7", rate=rate(400), count=70)
    assert dict(result.by_link()) == {"fiber": 50, "lte": 20}
    lab.create_device(link)
    back = time.monotonic()
    lab.wait_link("cable", "up", deadline=30)
    tell(f"up {time.monotonic() - back:.2f} s after it was back")
    assert_shares(lab)
    assert_shares(lab, target="[2001:db8:ffff::1]:7")


def test_absent_at_the_start(lab):
    """The daemon starts without a device, and uses it when it comes."""
    link = lab.link("lte")
    lab.remove_device(link)
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    lab.wait_link("lte", "down")
    assert lab.load(to="192.0.2.1:7", rate=rate(400), count=80)["ok"] == 80
    lab.create_device(link)
    lab.wait_link("lte", "up", deadline=30)
    assert_shares(lab)


def test_inside_device_goes_down_and_up(lab):
    """Policies by zone hold for a device that was away for a moment."""
    lab.start_daemon(lab.config("""
policies:
  - name: inside
    match: { from: lan }
    balance: { links: [lte] }
  - name: rest
    balance: { links: [cable] }
"""))
    assert dict(lab.load(to="192.0.2.1:7", rate=rate(200), count=20).by_link()) == {"lte": 20}
    zone = lab.zones[0]
    lab.ip("gw", [f"link set {zone.device} down", f"link set {zone.device} up", f"addr replace {zone.router6}/64 dev {zone.device} nodad"])
    assert dict(lab.load(to="192.0.2.1:7", rate=rate(200), count=20).by_link()) == {"lte": 20}


def routes_of(lab, option, device):
    """Our default routes by a device: their gateways."""
    text = lab.run("gw", "ip", option, "route", "show", "table", "all", "proto", ROUTE_PROTOCOL).stdout
    return {line.split(" via ")[1].split()[0] for line in text.splitlines()
            if f"dev {device}" in line and " via " in line}


def test_gateway_auto(lab, tell):
    """`gateway: auto` takes what is in the main table, follows its changes, and is down without."""
    lte = lab.link("lte")
    lab.ip("gw", [f"route add default via {lte.gateway4} dev wan3 metric 300",
                  f"route add ::/0 via {lte.gateway6} dev wan3 metric 3000"])
    lab.ip("isp3", ["addr add 203.0.3.9/24 dev gw", "addr add fd00:3::9/64 dev gw nodad"])
    lab.start_daemon(lab.config(POLICY, WEIGHTS, link_extra={"lte": "gateway: auto"}))
    assert_shares(lab)
    assert_shares(lab, target="[2001:db8:ffff::1]:7")
    assert routes_of(lab, "-4", "wan3") == {lte.gateway4}
    assert routes_of(lab, "-6", "wan3") == {lte.gateway6}
    changed = time.monotonic()
    lab.ip("gw", [f"route del default via {lte.gateway4} dev wan3",
                  "route add default via 203.0.3.9 dev wan3 metric 300",
                  f"route del ::/0 via {lte.gateway6} dev wan3",
                  "route add ::/0 via fd00:3::9 dev wan3 metric 3000"])
    wait_for(lambda: [routes_of(lab, option, "wan3") for option in ("-4", "-6")] == [{"203.0.3.9"}, {"fd00:3::9"}],
             5, "the new gateways")
    tell(f"followed in {time.monotonic() - changed:.2f} s")
    lab.wait_link("lte", "up", deadline=30)
    assert_shares(lab)
    lab.ip("gw", ["route del default via 203.0.3.9 dev wan3", "route del ::/0 via fd00:3::9 dev wan3"])
    lab.wait_link("lte", "down")
    assert "gateway" in reason(lab, "lte")
    result = lab.load(to="192.0.2.1:7", rate=rate(400), count=80)
    assert dict(result.by_link()) == {"fiber": 50, "cable": 30}
    lab.ip("gw", [f"route add default via {lte.gateway4} dev wan3 metric 300",
                  f"route add ::/0 via {lte.gateway6} dev wan3 metric 3000"])
    lab.wait_link("lte", "up", deadline=30)
    assert_shares(lab)


def test_address_changes(lab):
    """A new address on the device: new connections use it at once, with nothing configured anew."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    lab.ip("gw", ["addr add 203.0.2.77/24 dev wan2", "addr del 203.0.2.2/24 dev wan2",
                  "addr replace 203.0.2.77/24 dev wan2"])
    lab.wait_link("cable", "up", deadline=30)
    result = lab.load(to="192.0.2.1:7", rate=rate(400), count=100)
    seen = {item["seen"] for item in result["attempts"]}
    assert result["ok"] == 100, result["errors"]
    assert "203.0.2.77" in seen and "203.0.2.2" not in seen
