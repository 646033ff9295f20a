# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that are a layer above others: a VLAN of a cable, and a GRE tunnel through another link."""

import time

import pytest

import stock
from test_failover import down_at
from waiting import SLOW, rate, wait_for

POLICY = """policies:
  - name: the-tunnel-itself
    match: { from: router, protocol: gre }
    balance: { links: fiber }
  - name: everything
    balance: { algorithm: round-robin }
"""
CHECK = "{ targets: [{ ping: 192.0.2.1 }] }"
SLACK = 2 if SLOW else 0


class Vlan:
    """Number 7 of the third link's cable."""

    device, extra = "wan3.7", ""

    def __init__(self, lab):
        self.lab, self.link = lab, lab.links[2]
        link = self.link
        lab.ip("gw", [f"addr flush dev {link.device}"])
        lab.ip("isp3", ["addr flush dev gw", "link add link gw name gw.7 type vlan id 7", "link set gw.7 up",
                        f"addr add {link.gateway4}/24 dev gw.7", f"addr add {link.gateway6}/64 dev gw.7 nodad"])
        self.cable, link.device = link.device, self.device
        self.create()

    def create(self):
        link = self.link
        self.lab.ip("gw", [f"link add link {self.cable} name {self.device} type vlan id 7", f"link set {self.device} up",
                           f"addr add {link.address4}/24 dev {self.device}",
                           f"addr add {link.address6}/64 dev {self.device} nodad"])

    def fall_silent(self):
        self.lab.ip("isp3", ["link set gw.7 down"])


class Gre:
    """To the internet, by the first link; nobody is its gateway."""

    device, extra = "gre3", "gateway: none"

    def __init__(self, lab):
        self.lab, self.link = lab, lab.links[2]
        link, carrier = self.link, lab.links[0]
        lab.ip("gw", [f"link set {link.device} down"])
        lab.ip("inet", ["link set isp3 down", f"link add gre3 type gre local 192.0.2.1 remote {carrier.address4} ttl 64",
                        "link set gre3 up", f"route replace {link.address4}/32 dev gre3",
                        f"route replace {link.address6}/128 dev gre3"])
        link.device = self.device
        self.create()

    def create(self):
        link, carrier = self.link, self.lab.links[0]
        self.lab.ip("gw", [f"link add gre3 type gre local {carrier.address4} remote 192.0.2.1 ttl 64", "link set gre3 up",
                           f"addr add {link.address4}/32 dev gre3", f"addr add {link.address6}/128 dev gre3 nodad"])

    def fall_silent(self):
        self.lab.ip("inet", ["link set gre3 down"])


@pytest.fixture(name="layer", params=[Vlan, Gre], ids=["vlan", "gre"])
def layer_of_a_lab(make_lab, request):
    reason = stock.lacks_layer("vlan id 7" if request.param is Vlan else "gre local 192.0.2.1 remote 192.0.2.2")
    if reason:
        pytest.skip(reason)
    return request.param(make_lab())


def spread(lab, target, count=30):
    result = lab.load(to=target, to_range=20, rate=rate(100), count=count, timeout=3000)
    assert result["ok"] == count, result["errors"]
    return dict(result.by_link())


def test_layer(layer, tell):
    """Its share in both families; it is taken away and made anew; it falls silent."""
    lab = layer.lab
    lab.start_daemon(lab.config(POLICY, check={"lte": CHECK}, link_extra={"lte": layer.extra}))
    wait_for(lambda: lab.ctl("links")[2]["latency_ms"], 10, "an answer by the new link")
    for target in ("192.0.2.1:7", "[2001:db8:ffff::1]:7"):
        assert spread(lab, target) == {"fiber": 10, "cable": 10, "lte": 10}

    lab.ip("gw", [f"link del {layer.device}"])
    lab.wait_link("lte", "down")
    assert "no device" in lab.ctl("links")[2]["reason"]
    assert spread(lab, "192.0.2.1:7", 20) == {"fiber": 10, "cable": 10}
    layer.create()
    lab.wait_link("lte", "up", deadline=30)
    for target in ("192.0.2.1:7", "[2001:db8:ffff::1]:7"):
        assert spread(lab, target) == {"fiber": 10, "cable": 10, "lte": 10}

    when = time.monotonic()
    layer.fall_silent()
    lab.wait_link("lte", "down")
    took = down_at(lab, "lte") - when
    tell(f"silent: down after {took:.2f} s, {lab.ctl('links')[2]['reason']}")
    assert took < 3.5 + SLACK
    assert spread(lab, "192.0.2.1:7", 20) == {"fiber": 10, "cable": 10}
