# SPDX-License-Identifier: GPL-2.0-or-later
"""Links of all kinds: by DHCP, by router advertisements with a delegated prefix, tunnels, twins; addresses that change."""

import os
import re
import sys
import time

from dhcp import Client, Provider
from test_alerts import ALERTS, Mailbox, body
from waiting import rate, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
SERVER = "192.0.2.1:7"


def link_of(lab, name):
    return next(item for item in lab.ctl("links") if item["name"] == name)


def events_of(lab, name):
    return [item["text"] for item in lab.ctl("events") if item.get("link") == name]


def downs(lab, name):
    return len([text for text in events_of(lab, name) if f"link {name} down" in text])


def traffic_for(seconds):
    """Connections that are held speak each 100 ms."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > end, 2 * seconds + 1, f"{seconds} s of traffic")


def route_of(lab, device, option="-4"):
    """The gateway of our route by a device."""
    text = lab.run("gw", "ip", option, "route", "show", "table", "all", "proto", "87").stdout
    return {line.split(" via ")[1].split()[0] for line in text.splitlines() if f"dev {device} " in line and " via " in line}


def assert_shared(lab, *names, target=SERVER):
    """By these links alone, and evenly: connections of the gateway itself, such as those of mails, take a turn as well."""
    result = lab.load(to=target, to_range=20, rate=rate(400), count=60)
    assert result["ok"] == 60, result["errors"]
    seen = dict(result.by_link())
    assert set(seen) == set(names) and max(seen.values()) - min(seen.values()) <= 3, seen


ALL = ("fiber", "cable", "lte")


def test_dhcp(lab, tell):
    """A real server and client: a renewal loses nothing, a new gateway is followed, a lost lease is a link that is down."""
    lte, mailbox = lab.link("lte"), Mailbox(lab)
    mailbox.open()
    lab.ip("gw", ["addr del 203.0.3.2/24 dev wan3"])
    lab.ip("isp3", ["addr add 203.0.3.9/24 dev gw"])
    lab.start_daemon(lab.config(POLICY, link_extra={"lte": "gateway: auto"}, extra=ALERTS,
                                check="{ targets: [ { ping: 192.0.2.1 } ], interval: 200ms }"))
    lab.run("gw", "ip", "-6", "addr", "flush", "dev", "wan3")
    lab.wait_link("lte", "down")
    assert link_of(lab, "lte")["reason"] == "no address"
    assert_shared(lab, "fiber", "cable")

    provider, client = Provider(lab, lte), Client(lab, "wan3")
    provider.offer("203.0.3.10", "203.0.3.19", "203.0.3.1")
    client.start()
    lab.wait_link("lte", "up", deadline=20)
    first = re.fullmatch(r"bound (203\.0\.3\.1\d) by 203\.0\.3\.1", client.leases()[0])[1]
    lte.address4 = first
    assert_shared(lab, *ALL)
    assert route_of(lab, "wan3") == {"203.0.3.1"}

    down = downs(lab, "lte")
    holding = lab.load_start(to=SERVER, to_range=10, rate=rate(300), count=30, hold=True)
    wait_for(lambda: sum(lab.server.counts().values()) >= 30, 10, "30 connections")
    busy = lab.load_start(to=SERVER, to_range=20, rate=rate(100), count=int(rate(250)))
    assert client.renew() == f"renew {first} by 203.0.3.1"
    provider.offer("203.0.3.10", "203.0.3.19", "203.0.3.9")
    asked = time.monotonic()
    assert client.renew() == f"renew {first} by 203.0.3.9"
    wait_for(lambda: route_of(lab, "wan3") == {"203.0.3.9"}, 5, "the new gateway")
    tell(f"by the new gateway {time.monotonic() - asked:.2f} s after it was asked for")
    lab.ip("isp3", ["addr del 203.0.3.1/24 dev gw", "addr replace 203.0.3.9/24 dev gw"])
    result = busy.wait()
    assert result["ok"] == int(rate(250)), result["errors"]
    assert_shared(lab, *ALL)
    assert downs(lab, "lte") == down

    provider.offer("203.0.3.30", "203.0.3.39", "203.0.3.9")
    refused = time.monotonic()
    lte.address4 = re.fullmatch(r"bound (203\.0\.3\.3\d) by 203\.0\.3\.9", client.renew())[1]
    wait_for(lambda: any(f"lost its address {first}" in text for text in events_of(lab, "lte")), 5, "the old address to be gone")
    tell(f"another address {time.monotonic() - refused:.2f} s after the old one was refused")
    wait_for(lambda: route_of(lab, "wan3") == {"203.0.3.9"}, 5, "the route to be back")
    assert_shared(lab, *ALL)
    traffic_for(0.5)
    ended = holding.stop()
    outcomes = {name: {item["outcome"] for item in ended["attempts"] if item["seen"] in addresses}
                for name, addresses in (("lte", {first}), ("others", {"203.0.1.2", "203.0.2.2"}))}
    assert outcomes == {"lte": {"reset"}, "others": {"ok"}}
    assert downs(lab, "lte") == down and mailbox.messages() == []

    lost = time.monotonic()
    client.release()
    lab.wait_link("lte", "down")
    told = mailbox.wait(1, 10)[0]
    tell(f"lease lost: {link_of(lab, 'lte')['reason']} after {time.monotonic() - lost:.2f} s: {told['Subject']}")
    assert "link lte DOWN" in told["Subject"] and "no address" in body(told)
    assert_shared(lab, "fiber", "cable")
    client.renew()
    lab.wait_link("lte", "up", deadline=20)
    assert "link lte UP" in mailbox.wait(2, 10)[1]["Subject"]
    assert_shared(lab, *ALL)


TALK = """
import socket, sys, time
connection = socket.create_connection(("192.0.2.1", 7), 5, source_address=("203.0.2.2", 0))
print("connected", flush=True)
try:
    connection.settimeout(20)
    connection.recv(1)
except OSError as error:
    print(error.strerror, time.monotonic(), flush=True)
"""


def test_address_changes_under_connections(lab, tell):
    """Whose source is gone begins anew at once, also where no other link is there; the link stays up."""
    lab.start_daemon(lab.config("""policies:
  - name: pinned
    match: { to: 192.0.2.32/27 }
    balance: { links: [cable], if-none: drop }
    nat: { source: 203.0.2.2 }
""" + POLICY.partition("\n")[2]))
    loads, opened = [], 0
    for target, count in ((SERVER, 30), ("[2001:db8:ffff::1]:7", 30), ("192.0.2.40:7", 10)):
        loads.append(lab.load_start(to=target, to_range=10, rate=rate(300), count=count, hold=True))
        opened += count
        wait_for(lambda: sum(lab.server.counts().values()) >= opened, 20, f"{opened} connections")
    own = lab.start("gw", sys.executable, "-c", TALK)
    wait_for(lambda: sum(lab.server.counts().values()) > opened, 20, "that of the gateway")
    changed = time.monotonic()
    lab.ip("gw", ["addr del 203.0.2.2/24 dev wan2", "addr del fd00:2::2/64 dev wan2", "addr add 203.0.2.77/24 dev wan2",
                  "addr add fd00:2::77/64 dev wan2 nodad"])
    wait_for(lambda: len([text for text in events_of(lab, "cable") if "lost its address" in text]) == 2, 5, "both events")
    own.wait(10)
    with open(own.log, encoding="utf-8") as file:
        said = file.read().splitlines()
    tell(f"a socket of the gateway: {said[-1].rpartition(' ')[0]} after {float(said[-1].rpartition(' ')[2]) - changed:.2f} s")
    assert said[-1].startswith("Software caused connection abort")
    traffic_for(1)
    for load, mine in zip(loads, ("203.0.2.2", "fd00:2::2", "203.0.2.2")):
        result = load.stop()
        moved = [item for item in result["attempts"] if item["seen"] == mine]
        after = [item["ended"] - changed for item in moved]
        tell(f"{len(moved)} connections from {mine} reset within {max(after) * 1000:.0f} ms")
        assert len(moved) == 10 and {item["outcome"] for item in moved} == {"reset"}
        assert max(after) < 1.2
        assert {item["outcome"] for item in result["attempts"] if item["seen"] != mine} <= {"ok"}
    lab.link("cable").address4, lab.link("cable").address6 = "203.0.2.77", "fd00:2::77"
    assert_shared(lab, *ALL)
    assert_shared(lab, *ALL, target="[2001:db8:ffff::1]:7")
    assert lab.link_state("cable") == "up"
    assert downs(lab, "cable") == 0


def index_of(lab, device):
    return int(lab.run("gw", "ip", "-o", "link", "show", device).stdout.partition(":")[0])


def twin(lab, link):
    """This link's ISP gives everybody the same address behind a gateway of the same address, and translates."""
    lab.ip("gw", [f"addr flush dev {link.device}", f"addr add 192.168.8.100/24 dev {link.device}"])
    lab.ip(f"isp{link.number}", ["addr flush dev gw", "addr add 192.168.8.1/24 dev gw"])
    lab.nft(f"isp{link.number}", f"""add element inet isp own4 {{ 192.168.8.0/24 }}
add chain inet isp translate {{ type nat hook postrouting priority 100; }}
add rule inet isp translate oifname "inet" snat ip to {link.address4}
""")


def test_twins(lab, tell):
    """Two links with the same gateway, the same address and the same target of checks; one of them fails, in three ways."""
    cable, lte, mailbox = lab.link("cable"), lab.link("lte"), Mailbox(lab)
    mailbox.open()
    twin(lab, cable)
    twin(lab, lte)
    lab.start_daemon(lab.config(POLICY, check="{ targets: [ { ping: 192.0.2.1 } ], interval: 200ms, up-after: 2 }", extra=ALERTS,
                                link_extra={"cable": "gateway: 192.168.8.1", "lte": "gateway: 192.168.8.1"}))
    wait_for(lambda: all(item["latency_ms"] for item in lab.ctl("links")), 10, "checks to have an answer")
    assert_shared(lab, *ALL)
    mails = 0

    def fails(link, how, back, cause):
        nonlocal mails
        when = time.monotonic()
        how()
        lab.wait_link(link.name, "down")
        tell(f"{link.name}: {link_of(lab, link.name)['reason']} after {time.monotonic() - when:.2f} s")
        assert cause in link_of(lab, link.name)["reason"]
        assert lab.link_state("cable" if link is lte else "lte") == "up"
        assert_shared(lab, *(name for name in ALL if name != link.name))
        mails += 1
        told = mailbox.wait(mails, 10)[mails - 1]
        assert f"link {link.name} DOWN" in told["Subject"] and cause in body(told)
        back()
        lab.wait_link(link.name, "up", deadline=20)
        assert_shared(lab, *ALL)
        mails += 1
        mailbox.wait(mails, 10)

    def made_anew():
        lab.create_device(cable)
        lab.ip("gw", ["addr flush dev wan2", "addr add 192.168.8.100/24 dev wan2"])
        lab.ip("isp2", ["addr flush dev gw", "addr add 192.168.8.1/24 dev gw"])

    before = index_of(lab, "wan2")
    fails(lte, lambda: lab.black_hole(lte), lambda: lab.heal(lte), "checks")
    fails(cable, lambda: lab.remove_device(cable), made_anew, "device")
    fails(lte, lambda: lab.ip("gw", ["addr flush dev wan3"]), lambda: lab.ip("gw", ["addr add 192.168.8.100/24 dev wan3"]),
          "no address")
    assert index_of(lab, "wan2") != before


def received(lab, device):
    """Packets."""
    return int(lab.run("gw", "cat", f"/sys/class/net/{device}/statistics/rx_packets").stdout)


def test_one_wire(lab):
    """Two links of one network, on one wire, behind one gateway."""
    lab.ip("isp3", ["link set gw down", f"link set gw netns {lab.ns('isp2')} name gw_b"])
    lab.ip("isp2", ["addr flush dev gw", "link set gw down", "link set gw name gw_a", "link add gw address 02:00:00:00:00:01 type bridge",
                    "link set gw_a master gw up", "link set gw_b master gw up", "link set gw up",
                    "addr add 203.0.2.1/24 dev gw"])
    lab.ip("gw", ["addr flush dev wan3", "addr add 203.0.2.3/24 dev wan3", "link set wan3 up"])
    lab.run("gw", "sysctl", "-q", "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2")
    lab.link("lte").address4 = "203.0.2.3"
    check = "{ targets: [ { ping: 203.0.2.1 } ], interval: 200ms, up-after: 2 }"
    lab.start_daemon(lab.config(POLICY, check={"cable": check, "lte": check},
                                link_extra={"cable": "gateway: 203.0.2.1", "lte": "gateway: 203.0.2.1"}))
    wait_for(lambda: link_of(lab, "cable")["latency_ms"] and link_of(lab, "lte")["latency_ms"], 10, "checks to have an answer")
    assert_shared(lab, *ALL)
    before = received(lab, "wan3")
    assert lab.load(to=SERVER, rate=rate(400), count=90)["ok"] == 90
    assert received(lab, "wan3") - before >= 60, "answers to lte came in by cable"
    lab.ip("isp2", ["link set gw_b nomaster"])
    lab.wait_link("lte", "down")
    assert lab.link_state("cable") == "up" and link_of(lab, "lte")["reason"] == "checks failed"
    assert_shared(lab, "fiber", "cable")
    lab.ip("isp2", ["link set gw_b master gw"])
    lab.wait_link("lte", "up", deadline=20)
    assert_shared(lab, *ALL)


DELEGATED, OTHERS = "2001:db8:cafe", "2001:db8:beef"


def delegate(lab, prefix):
    """The provider of cable sends a prefix to the gateway, by its link-local address."""
    near = re.search(r"inet6 (fe80\S+)/", lab.run("gw", "ip", "-6", "addr", "show", "dev", "wan2").stdout)[1]
    lab.ip("isp2", [f"route replace {prefix}::/56 via {near} dev gw"])
    lab.ip("inet", [f"route replace {prefix}::/56 via fd99:2::1"])
    lab.nft("isp2", f"add element inet isp own6 {{ {prefix}::/56 }}\n")
    lab.ip("gw", [f"addr add {prefix}::1/64 dev lan0 nodad"])


def seen_by_cable(lab):
    result = lab.load(to="[2001:db8:ffff::40]:7", rate=rate(200), count=5)
    return {item["seen"] for item in result["attempts"]}


def test_advertised_with_a_delegated_prefix(lab, tell):
    """No global address on the link itself: sources are of the prefix that is the link's own; the route has a lifetime."""
    cable, provider = lab.link("cable"), Provider(lab, lab.link("cable"))
    lab.ip("gw", [f"addr add {OTHERS}::1/64 dev lan0 nodad",
                  f"route add default from {OTHERS}::/56 via {lab.link('fiber').gateway6} dev wan1 metric 2000",
                  "addr del 203.0.2.2/24 dev wan2", "addr del fd00:2::2/64 dev wan2"])
    lab.run("gw", "sysctl", "-q", "net.ipv6.conf.wan2.accept_ra=2", "net.ipv6.conf.wan2.accept_ra_pinfo=0")
    delegate(lab, DELEGATED)
    lab.start_daemon(lab.config("""policies:
  - name: cable-alone
    match: { to: "2001:db8:ffff::40/124" }
    balance: { links: [cable], if-none: drop }
""" + POLICY.partition("\n")[2], link_extra={"cable": "gateway: auto"},
                                check={"cable": '{ targets: [ { ping: "2001:db8:ffff::1" } ], interval: 200ms, up-after: 2 }'}))
    lab.wait_link("cable", "down")
    assert link_of(lab, "cable")["reason"] in ("no address", "no gateway")
    provider.start("--enable-ra", "--dhcp-range=::,constructor:gw,ra-only,64,10m", "--ra-param=gw,mtu:1400,4,6")
    lab.wait_link("cable", "up", deadline=20)
    wait_for(lambda: link_of(lab, "cable")["latency_ms"], 10, "checks to have an answer")
    assert {gateway[:4] for gateway in route_of(lab, "wan2", "-6")} == {"fe80"}
    assert seen_by_cable(lab) == {f"{DELEGATED}::1"}
    assert lab.strays(cable) == 0
    assert link_of(lab, "cable")["addresses"] == [f"{DELEGATED}::1"] and link_of(lab, "cable")["mtu"] == 1400
    cable.address6 = f"{DELEGATED}::1"
    assert_shared(lab, "fiber", "lte")  # it has no way for IPv4
    assert_shared(lab, *ALL, target="[2001:db8:ffff::1]:7")
    explained = lab.ctl("explain", "--from", lab.zones[0].client4, "--to", "192.0.2.1", "--protocol", "tcp", "--to-port", "7")
    assert [item["reason"] for item in explained["candidates"] if item["link"] == "cable"] == ["no way for IPv4"]

    delegate(lab, "2001:db8:d00d")
    lab.ip("gw", [f"addr del {DELEGATED}::1/64 dev lan0"])
    wait_for(lambda: seen_by_cable(lab) == {"2001:db8:d00d::1"}, 5, "the new prefix")
    assert downs(lab, "cable") == 0 and lab.link_state("cable") == "up"

    provider.stop()
    silent = time.monotonic()
    lab.wait_link("cable", "down", deadline=20)
    tell(f"{link_of(lab, 'cable')['reason']} {time.monotonic() - silent:.1f} s after the last advertisement's router was gone")
    assert "gateway" in link_of(lab, "cable")["reason"]


def test_tunnel_and_packets(lab, tell):
    """A tunnel without a gateway comes, goes and comes back; TCP learns what each link carries, in both directions."""
    tunnel, script = lab.link("lte"), os.path.join(HERE, "segments.py")
    lab.ip("gw", ["link del wan3"])
    tunnel.device = "tun0"
    lab.start("inet", sys.executable, script, "serve", "9000")

    def open_tunnel():
        process = lab.start("inet", sys.executable, os.path.join(HERE, "tunnel.py"), lab.ns("gw"), "tun0", lab.ns("isp3"), "gw")
        wait_for(lambda: "gw:" in lab.run("isp3", "ip", "link").stdout, 10, "the tunnel")
        for place, ours, theirs, device in (("isp3", 1, 2, "gw"), ("gw", 2, 1, "tun0")):
            lab.ip(place, [f"link set {device} mtu 1380 up", f"addr add 203.0.3.{ours} peer 203.0.3.{theirs} dev {device}",
                           f"addr add fd00:3::{ours} peer fd00:3::{theirs} dev {device} nodad"])
        return process

    def segments(place, address, target):
        """What is sent by the link of that policy, there and back; without the 12 bytes of time stamps."""
        said = lab.run(place, sys.executable, script, "ask", address.format(target), "9000").stdout.split()
        return tuple(int(text) + 12 for text in said)

    process = open_tunnel()
    lab.start_daemon(lab.config("".join(["policies:\n"] + [f"""  - name: {name}
    match: {{ to: [192.0.2.{number}, "2001:db8:ffff::{number}"] }}
    balance: {{ links: [{name}] }}
""" for number, name in ((41, "fiber"), (42, "cable"), (43, "lte"))]) + POLICY.partition("\n")[2],
        link_extra={"fiber": "mtu: 1400", "lte": "gateway: none"}))
    assert_shared(lab, *ALL)
    for number, mtu in ((41, 1400), (42, 1500), (43, 1380)):
        for option, address, headers in (("-4", "192.0.2.{}", 40), ("-6", "2001:db8:ffff::{}", 60)):
            assert segments("lan", address, number) == (mtu - headers, mtu - headers), option
            # Sockets of the gateway begin with the route of the main table, which is by fiber: they may take less.
            assert mtu - headers >= max(segments("gw", address, number)) > 1200, option
    assert "mtu 1400" in lab.run("gw", "ip", "route", "show", "table", "all", "proto", "87", "dev", "wan1").stdout
    assert "restored" not in lab.daemon.said()
    lab.ip("gw", ["link set wan2 mtu 1300"])
    wait_for(lambda: segments("lan", "192.0.2.{}", 42) == (1260, 1260), 5, "the new MTU")

    before = index_of(lab, "tun0")
    gone = time.monotonic()
    process.terminate()
    lab.wait_link("lte", "down")
    tell(f"tunnel gone: {link_of(lab, 'lte')['reason']} after {time.monotonic() - gone:.2f} s")
    assert link_of(lab, "lte")["reason"] == "no device"
    assert_shared(lab, "fiber", "cable")
    process.wait()
    open_tunnel()
    lab.wait_link("lte", "up", deadline=20)
    assert_shared(lab, *ALL) and index_of(lab, "tun0") != before
