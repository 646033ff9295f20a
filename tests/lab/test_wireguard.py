# SPDX-License-Identifier: GPL-2.0-or-later
"""A WireGuard tunnel as a link: nothing but its checks tells that the other end is gone, and it goes over the other links."""

import os
import time

import pytest

import lab as laboratory
import stock
from test_failover import down_at
from waiting import SLOW, rate, wait_for

PORT = 51820
POLICY = f"""policies:
  - name: the-tunnel-itself
    match: {{ from: router, protocol: udp, to-port: {PORT} }}
    balance: {{ links: [fiber, cable], algorithm: priority }}
  - name: everything
    balance: {{ algorithm: round-robin }}
"""
CHECK = "{ targets: [{ ping: 192.0.2.1 }] }"
SLACK = 2 if SLOW else 0


class Tunnel:
    """From the gateway to a peer on the internet; it takes the place of the third link."""

    def __init__(self, lab):
        self.lab, self.link = lab, lab.links[2]
        self.link.device = "wg0"
        for place, option in (("gw", "wan3"), ("inet", "isp3")):
            lab.ip(place, [f"link set {option} down"])
        self.keys = {place: self._key() for place in ("gw", "inet")}
        for place in self.keys:
            lab.ip(place, ["link add wg0 type wireguard"])
        self._set("gw", "inet", "0.0.0.0/0,::/0", "endpoint", f"192.0.2.1:{PORT}")
        self._set("inet", "gw", f"{self.link.address4}/32,{self.link.address6}/128")
        lab.ip("gw", [f"addr add {self.link.address4}/32 dev wg0", f"addr add {self.link.address6}/128 dev wg0",
                      "link set wg0 up"])
        self.up()

    def _key(self):
        return laboratory.run("wg", "genkey").stdout.strip()

    def _set(self, place, peer, allowed, *more):
        path = os.path.join(self.lab.folder, f"key-{place}")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.keys[place] + "\n")
        public = laboratory.run("wg", "pubkey", text=self.keys[peer]).stdout.strip()
        self.lab.run(place, "wg", "set", "wg0", "listen-port", str(PORT), "private-key", path, "peer", public,
                     "allowed-ips", allowed, *more)

    def up(self):
        self.lab.ip("inet", ["link set wg0 up", f"route replace {self.link.address4}/32 dev wg0",
                             f"route replace {self.link.address6}/128 dev wg0"])

    def die(self):
        self.lab.ip("inet", ["link set wg0 down"])

    def carried_by(self):
        """Name of the link by which the peer hears us."""
        address = self.lab.run("inet", "wg", "show", "wg0", "endpoints").stdout.split()[1].rpartition(":")[0]
        return self.lab.link_of(address)


@pytest.fixture(name="tunnel")
def tunnel_to_the_internet(make_lab):
    reason = stock.lacks_wireguard()
    if reason:
        pytest.skip(reason)
    return Tunnel(make_lab())


def spread(lab, target="192.0.2.1:7", count=30):
    result = lab.load(to=target, to_range=20, rate=rate(100), count=count, timeout=3000)
    assert result["ok"] == count, result["errors"]
    return dict(result.by_link())


def test_tunnel(tunnel, tell):
    """Its share in both families; the peer dies and comes back; the link that it goes over dies."""
    lab = tunnel.lab
    lab.start_daemon(lab.config(POLICY, check={"lte": CHECK}, link_extra={"lte": "gateway: none"}))
    wait_for(lambda: lab.ctl("links")[2]["latency_ms"], 10, "the tunnel's check to have an answer")
    assert spread(lab) == spread(lab, "[2001:db8:ffff::1]:7") == {"fiber": 10, "cable": 10, "lte": 10}
    assert tunnel.carried_by() == "fiber"

    when = time.monotonic()
    tunnel.die()
    lab.wait_link("lte", "down")
    took = down_at(lab, "lte") - when
    tell(f"the peer is dead: down after {took:.2f} s, {lab.ctl('links')[2]['reason']}")
    assert took < 3.5 + SLACK
    assert spread(lab, count=20) == {"fiber": 10, "cable": 10}
    when = time.monotonic()
    tunnel.up()
    lab.wait_link("lte", "up", deadline=20)
    tell(f"the peer is back: up after {time.monotonic() - when:.2f} s")
    assert spread(lab) == {"fiber": 10, "cable": 10, "lte": 10}

    when = lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    wait_for(lambda: tunnel.carried_by() == "cable", 10, "the tunnel to go over the other link")
    tell(f"its way is dead: over the other link after {time.monotonic() - when:.2f} s")
    wait_for(lambda: lab.link_state("lte") == "up", 20, "the tunnel to be up")
    assert spread(lab, count=20) == {"cable": 10, "lte": 10}
