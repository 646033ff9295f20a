# SPDX-License-Identifier: GPL-2.0-or-later
"""A PPPoE line as a link: a real server, a real pppd, the kernel's own PPPoE, a device that vanishes with each session."""

import json
import os
import re
import signal
import time

import pytest

import stock
from lab import ROUTE_PROTOCOL
from waiting import rate, wait_for

POLICY = """policies:
  - name: by-cable
    match: { protocol: tcp, to-port: 80 }
    balance: { links: [cable] }
  - name: everything
    balance: { algorithm: round-robin }
"""
OFTEN = {"cable": "{ damping: false }"}  # it goes down more often in a test than in a year
# Counts TCP handshakes that ask for more than PPPoE carries.
WIDE = """
table inet wide {{
    chain seen {{
        type filter hook prerouting priority 0;
        {match} meta nfproto ipv4 tcp option maxseg size > 1452 counter
        {match} meta nfproto ipv6 tcp option maxseg size > 1432 counter
    }}
}}
"""
TARGETS = {"ipv4": "192.0.2.1:7", "ipv6": "[2001:db8:ffff::1]:7"}


class Line:
    """Takes the place of the cable of a link: `device` is there while a session is.

    The server keeps the session of a client that fell silent, so that the next one has another address, as with most
    providers.
    """

    def __init__(self, lab, name, device):
        self.lab, self.link, self.device = lab, lab.link(name), device
        self.wire, self.link.device = self.link.device, device
        self.isp = f"isp{self.link.number}"
        for place, wire in (("gw", self.wire), (self.isp, "gw")):
            lab.ip(place, [f"addr flush dev {wire}"])
        options = os.path.join(lab.folder, f"pppoe-{name}.options")
        with open(options, "w", encoding="ascii") as file:
            file.write("noauth\nnodefaultroute\nmtu 1492\nmru 1492\n+ipv6\nipv6 ::1,::2\nlcp-echo-interval 0\n")
        self.server = lab.start(self.isp, "pppoe-server", "-F", "-I", "gw", "-L", self.link.gateway4, "-R",
                                self.link.address4, "-N", "4", "-O", options, "-C", f"isp-{name}")
        self.session = None

    def dial(self, *options):
        """Starts pppd and waits for both families; what DHCP would bring beside PPP is done here."""
        self.session = self.lab.start(
            "gw", "pppd", "plugin", "rp-pppoe.so", f"nic-{self.wire}", "nodetach", "noauth", "noipdefault",
            "ifname", self.device, "+ipv6", "ipv6", "::2,::1", "lcp-echo-interval", "0", *options)
        wait_for(self._is_there, 20, "a session")
        self.lab.ip("gw", [f"addr add {self.link.address6}/64 dev {self.device} nodad"])
        self.lab.ip(self.isp, [f"route replace {self.link.network6} dev {self.far_end()}"])

    def _is_there(self):
        assert self.session.poll() is None, self.said()
        shown = self.lab.run("gw", "ip", "-o", "addr", "show", "dev", self.device, check=False).stdout
        given = re.search(r"inet (203\S+) peer", shown)
        if given and "inet6 fe80::2 " in shown:
            self.link.address4 = given[1]
        return given is not None and "inet6 fe80::2 " in shown

    def far_end(self):
        """The server's device of the session that was begun last."""
        listed = json.loads(self.lab.run(self.isp, "ip", "-j", "link").stdout)
        return max((item["ifindex"], item["ifname"]) for item in listed if item["ifname"].startswith("ppp"))[1]

    def said(self):
        with open(self.session.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def index(self):
        return json.loads(self.lab.run("gw", "ip", "-j", "link", "show", "dev", self.device).stdout)[0]["ifindex"]

    def kill(self):
        """No word to the other end: the device vanishes, and the server finds out later."""
        when = time.monotonic()
        for pid in self.lab.run("gw", "pidof", "pppd").stdout.split():
            if os.readlink(f"/proc/{pid}/ns/net") == os.readlink(f"/proc/{self.lab.daemon.pid}/ns/net"):
                os.kill(int(pid), signal.SIGKILL)
        self.session.wait()
        return when


@pytest.fixture(name="line")
def pppoe_line(make_lab):
    reason = stock.lacks_pppoe()
    if reason:
        pytest.skip(reason)
    return Line(make_lab(links=2), "cable", "dsl0")


def spread(lab, family="ipv4", count=20):
    result = lab.load(to=TARGETS[family], to_range=20, rate=rate(100), count=count, timeout=3000)
    assert result["ok"] == count, result["errors"]
    return dict(result.by_link())


def cable(lab):
    return next(item for item in lab.ctl("links") if item["name"] == "cable")


def routes(lab, option):
    text = lab.run("gw", "ip", option, "route", "show", "table", "all", "proto", ROUTE_PROTOCOL).stdout
    return [line for line in text.splitlines() if line.startswith("default") and "dev dsl0" in line]


def count_wide(lab, place):
    listed = json.loads(lab.run(place, "nft", "-j", "list", "table", "inet", "wide").stdout)["nftables"]
    return [word["counter"]["packets"] for item in listed for word in item.get("rule", {}).get("expr", [])
            if "counter" in word]


def fits_the_line(lab, line):
    """Both ends of a connection by this link ask for no more than its device carries; by the other link for all."""
    for place, match in ((line.isp, 'iifname "ppp*"'), ("isp1", 'iifname "gw"'), ("lan", "tcp sport 80")):
        lab.nft(place, WIDE.format(match=match))
    for target in ("192.0.2.1:80", "[2001:db8:ffff::1]:80"):
        assert dict(lab.load(to=target, rate=rate(100), count=4, timeout=3000).by_link()) == {"cable": 4}
    assert spread(lab) == spread(lab, "ipv6") == {"fiber": 10, "cable": 10}
    assert count_wide(lab, line.isp) == count_wide(lab, "lan") == [0, 0]
    assert min(count_wide(lab, "isp1")) >= 10


def dies_and_returns(lab, line, tell, *options):
    """pppd is killed, then dials again: another device by the same name."""
    before, address = line.index(), line.link.address4
    when = line.kill()
    lab.wait_link("cable", "down")
    tell(f"pppd killed: down after {time.monotonic() - when:.2f} s, {cable(lab)['reason']}")
    assert "device" in cable(lab)["reason"]
    assert spread(lab) == {"fiber": 20}
    line.dial(*options)
    when = time.monotonic()
    lab.wait_link("cable", "up", deadline=20)
    tell(f"dialled again: up {time.monotonic() - when:.2f} s after the session, device {before} is now {line.index()}, "
         f"{address} is now {line.link.address4}")
    assert line.index() != before and line.link.address4 != address


def test_gateway_none(line, tell):
    """The daemon is there first, and the session comes and goes."""
    lab = line.lab
    lab.start_daemon(lab.config(POLICY, check=OFTEN, link_extra={"cable": "gateway: none"}))
    lab.wait_link("cable", "down")
    line.dial()
    lab.wait_link("cable", "up", deadline=20)
    assert routes(lab, "-4") and routes(lab, "-6")
    # Masqueraded: the server sees the address that PPP gave us.
    fits_the_line(lab, line)
    dies_and_returns(lab, line, tell)
    assert spread(lab) == spread(lab, "ipv6") == {"fiber": 10, "cable": 10}


def test_gateway_auto(line, tell):
    """The route that pppd puts into the main table is followed, and that nobody has it any more."""
    lab = line.lab
    first = lab.link("fiber")
    lab.ip("gw", [f"route del default via {first.gateway4} dev {first.device}"])  # pppd replaces no other
    lab.start_daemon(lab.config(POLICY, check=OFTEN, link_extra={"cable": "gateway: auto"}))
    line.dial("defaultroute")
    lab.wait_link("cable", "up", deadline=20)
    assert spread(lab) == {"fiber": 10, "cable": 10}
    lab.ip("gw", ["route del default dev dsl0"])
    lab.wait_link("cable", "down")
    assert "gateway" in cable(lab)["reason"]
    lab.ip("gw", ["route add default dev dsl0"])
    lab.wait_link("cable", "up", deadline=20)
    dies_and_returns(lab, line, tell, "defaultroute")
    assert spread(lab) == {"fiber": 10, "cable": 10}
