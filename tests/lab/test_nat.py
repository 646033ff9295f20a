# SPDX-License-Identifier: GPL-2.0-or-later
"""Address translation by policy and by link: what arrives at the far end, and that answers find back."""

import collections
import json

import pytest

import traffic
from waiting import rate, wait_for

CALLERS = {"ipv4": "192.0.2.200", "ipv6": "2001:db8:ffff::200"}
FAMILIES = ["ipv4", "ipv6"]
POOL = range(50, 54)  # the last part of further addresses of the first link


def url(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def of_family(family, four, six):
    return four if family == "ipv4" else six


def far_server(lab, family):
    return of_family(family, lab.SERVER4, lab.SERVER6)


def link_address(link, family):
    return of_family(family, link.address4, link.address6)


def inside_server(lab, family):
    return of_family(family, lab.zones[0].client4, lab.zones[0].client6)


def further(lab, family, number):
    """An address that the first link has beside its own."""
    return of_family(family, f"203.0.1.{number}", f"fd00:1::{number}")


def give_addresses(lab):
    """The further addresses; never the source of what the gateway itself sends."""
    for number in POOL:
        lab.ip("gw", [f"addr add 203.0.1.{number}/32 dev wan1",
                      f"addr add fd00:1::{number}/128 dev wan1 nodad preferred_lft 0"])


def one_policy(nat, links="[fiber]", match="to: internet"):
    return f"policies:\n  - {{ name: only, match: {{ {match} }}, balance: {{ links: {links} }}, nat: {nat} }}\n"


def reached(lab, family, place=None, protocol="tcp", count=20, **options):
    """Who the far server saw, and how often."""
    result = lab.load(protocol, place, to=url(far_server(lab, family), 7), rate=rate(400), count=count, **options)
    assert result["ok"] == count, result["errors"]
    return dict(collections.Counter(item["seen"] for item in result["attempts"]))


# --- sources ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("alive", [True, False], ids=["", "without-the-daemon"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", FAMILIES)
def test_source_address(lab, family, protocol, alive):
    give_addresses(lab)
    lab.start_daemon(lab.config(one_policy('{ source: [203.0.1.50, "fd00:1::50"] }')))
    if not alive:
        lab.daemon.kill9()
    assert reached(lab, family, protocol=protocol) == {further(lab, family, 50): 20}
    assert lab.strays(lab.link("fiber")) == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_pool(lab, family, tell):
    """Many clients use all addresses; each connection keeps its own over a reload."""
    give_addresses(lab)
    lab.start_daemon(lab.config(one_policy('{ source: [203.0.1.50-203.0.1.52, "fd00:1::50-fd00:1::53"] }')))
    bind = of_family(family, lab.zones[0].range4, lab.zones[0].range6)
    load = lab.load_start("tcp", to=url(far_server(lab, family), 7), rate=rate(400), count=200, hold=True,
                          bind_range=bind)
    wait_for(lambda: sum(lab.server.counts("tcp").values()) >= 200, 20, "200 connections")
    assert lab.daemon.reload(lab.config(one_policy('{ source: [203.0.1.53, "fd00:1::50"] }'))).returncode == 0
    answers = sum(lab.server.counts("tcp").values())
    assert reached(lab, family) == {of_family(family, "203.0.1.53", "fd00:1::50"): 20}
    result = load.stop()
    assert (result["ok"], result["moved"]) == (200, 0) and answers == 200
    seen = collections.Counter(item["seen"] for item in result["attempts"])
    tell(f"{dict(seen)}")
    assert set(seen) == set(of_family(family, ["203.0.1.50", "203.0.1.51", "203.0.1.52"],
                                      ["fd00:1::50", "fd00:1::51", "fd00:1::52", "fd00:1::53"]))
    for source in {item["from"] for item in result["attempts"]}:
        assert len({item["seen"] for item in result["attempts"] if item["from"] == source}) == 1
    assert lab.strays(lab.link("fiber")) == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_pool_of_several_ranges(lab, family):
    give_addresses(lab)
    pool = '{ source: [203.0.1.50, 203.0.1.52-203.0.1.53, "fd00:1::50", "fd00:1::52-fd00:1::53"] }'
    lab.start_daemon(lab.config(one_policy(pool)))
    bind = of_family(family, lab.zones[0].range4, lab.zones[0].range6)
    seen = reached(lab, family, count=200, bind_range=bind)
    assert set(seen) == {further(lab, family, number) for number in (50, 52, 53)}


@pytest.mark.parametrize("family", FAMILIES)
def test_per_family(make_lab, family):
    """One family has what the policy says, the other what the link says."""
    lab = make_lab(zones=("lan",))
    give_addresses(lab)
    extra = {"fiber": 'nat: [203.0.1.51, "fd00:1::51"]'}
    lab.start_daemon(lab.config(one_policy("{ ipv4: masquerade }"), link_extra=extra))
    assert reached(lab, family) == {of_family(family, "203.0.1.2", "fd00:1::51"): 20}
    assert lab.daemon.reload(lab.config(one_policy("{ ipv6: masquerade }"), link_extra=extra)).returncode == 0
    assert reached(lab, family) == {of_family(family, "203.0.1.51", "fd00:1::2"): 20}


@pytest.mark.parametrize("family", FAMILIES)
def test_none(lab, family):
    """A public address leaves as it is where the policy says so, by a link that masquerades."""
    lab.delegate(lab.link("cable"))
    inside = of_family(family, lab.INSIDE4, lab.INSIDE6)
    extra = {"cable": "nat: { ipv6: masquerade }"}
    lab.start_daemon(lab.config(one_policy("none", "[cable]"), link_extra=extra))
    assert reached(lab, family, **{"from": inside}) == {inside: 20}
    assert lab.daemon.reload(lab.config(one_policy("auto", "[cable]"), link_extra=extra)).returncode == 0
    assert reached(lab, family, **{"from": inside}) == {link_address(lab.link("cable"), family): 20}
    assert lab.strays(lab.link("cable")) == 0


def test_ipv6_only_on_demand(lab):
    """Unless told, global sources leave as they are, and unique-local ones are masqueraded."""
    cable = lab.link("cable")
    lab.delegate(cable)
    lab.start_daemon(lab.config(one_policy("auto", "[cable]")))
    assert reached(lab, "ipv6", **{"from": lab.INSIDE6}) == {lab.INSIDE6: 20}
    assert reached(lab, "ipv6") == {cable.address6: 20}
    assert reached(lab, "ipv4", **{"from": lab.INSIDE4}) == {cable.address4: 20}
    for demand in ({"link_extra": {"cable": "nat: { ipv6: masquerade }"}}, {}):
        nat = "auto" if demand else "masquerade"
        assert lab.daemon.reload(lab.config(one_policy(nat, "[cable]"), **demand)).returncode == 0
        assert reached(lab, "ipv6", **{"from": lab.INSIDE6}) == {cable.address6: 20}
    assert lab.strays(cable) == 0


def test_other_addresses_of_the_gateway_are_masqueraded(lab):
    """What it sends from an address of its own that is not of the link."""
    lab.ip("gw", ["addr add 2001:db8:bbbb::1/128 dev lan0 nodad"])
    lab.start_daemon(lab.config(one_policy("auto", "[cable]")))
    assert reached(lab, "ipv6", "gw", **{"from": "2001:db8:bbbb::1"}) == {lab.link("cable").address6: 20}
    assert lab.strays(lab.link("cable")) == 0


# --- prefixes -----------------------------------------------------------------------------------------

OUTSIDE = "2001:db8:cccc:"


def delegate_prefix(lab, link):
    """2001:db8:cccc::/64 is routed to the gateway by that link."""
    lab.ip("inet", [f"route add {OUTSIDE}:/64 via fd99:{link.number}::1"])
    lab.ip(f"isp{link.number}", [f"route add {OUTSIDE}:/64 via {link.address6}"])
    lab.nft(f"isp{link.number}", f"add element inet isp own6 {{ {OUTSIDE}:/64 }}\n")


def assert_prefix(lab, link):
    zone = lab.zones[0]
    seen = reached(lab, "ipv6", count=64, bind_range=zone.range6)
    assert len(seen) > 20 and all(address.startswith(OUTSIDE) for address in seen)
    assert reached(lab, "ipv6", **{"from": zone.client6}) == {f"{OUTSIDE}:2": 20}
    assert reached(lab, "ipv4") == {link.address4: 20}
    assert lab.strays(link) == 0


def test_prefix_of_a_link(lab):
    """Out with the prefix, in to the inside network, while the daemon lives and after."""
    server = traffic.Server(lab, "lan")
    cable = lab.link("cable")
    delegate_prefix(lab, cable)
    lab.start_daemon(lab.config(one_policy("auto", "[cable]"),
                                link_extra={"cable": f'nat: {{ prefix: "{OUTSIDE}:/64" }}'}))
    for kill in (False, True):
        if kill:
            lab.daemon.kill9()
        assert_prefix(lab, cable)
        assert reached(lab, "ipv6", "gw") == {cable.address6: 20}
        server.clear()
        result = lab.load("tcp", "inet", to=url(f"{OUTSIDE}:2", 7), rate=rate(400), count=20,
                          **{"from": CALLERS["ipv6"]})
        assert result["ok"] == 20, result["errors"]
        assert server.counts() == {CALLERS["ipv6"]: 20}
        assert {item["local"] for item in server.list()} == {lab.zones[0].client6}


def test_prefix_of_a_policy(lab):
    cable = lab.link("cable")
    delegate_prefix(lab, cable)
    lab.start_daemon(lab.config(one_policy(f'{{ prefix: "{OUTSIDE}:/64" }}', "[cable]")))
    assert_prefix(lab, cable)
    assert reached(lab, "ipv6", "gw") == {cable.address6: 20}


# --- port forwards ------------------------------------------------------------------------------------

def forward(lab, port=8081, to_port=8080, protocol="tcp"):
    zone = lab.zones[0]
    return f"""
policies:
  - name: web-server
    match: {{ from: internet, to: router, protocol: {protocol}, to-port: {port} }}
    nat: {{ destination: ["{zone.client4}:{to_port}", "[{zone.client6}]:{to_port}"] }}
  - {{ name: rest, balance: {{ links: [cable] }} }}
"""


@pytest.mark.parametrize("alive", [True, False], ids=["", "without-the-daemon"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", FAMILIES)
def test_port_forward(lab, family, protocol, alive):
    """By each link, answered by the one that it came in by; the server sees the caller himself."""
    server = traffic.Server(lab, "lan")
    lab.start_daemon(lab.config(forward(lab, 9999, 443, protocol)))
    if not alive:
        lab.daemon.kill9()
    for link in lab.links:
        result = lab.load(protocol, "inet", to=url(link_address(link, family), 9999), rate=rate(400), count=50,
                          **{"from": CALLERS[family]})
        assert result["ok"] == 50, result["errors"]
    assert server.counts(protocol) == {CALLERS[family]: 150}
    assert {(item["local"], item["local_port"]) for item in server.list() if protocol == "tcp"} \
        <= {(inside_server(lab, family), 443)}
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


@pytest.mark.parametrize("alive", [True, False], ids=["", "without-the-daemon"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", FAMILIES)
def test_hairpin(make_lab, family, protocol, alive):
    """From the server's own network, from another one and from the gateway, by every outside address."""
    lab = make_lab(zones=("lan", "guest"))
    server = traffic.Server(lab, "lan")
    lab.start_daemon(lab.config(forward(lab, 9999, 443, protocol)))
    if not alive:
        lab.daemon.kill9()
    for place in ("lan", "guest", "gw"):
        server.clear()
        for link in lab.links:
            result = lab.load(protocol, place, to=url(link_address(link, family), 9999), rate=rate(400), count=20)
            assert result["ok"] == 20, (place, link, result["errors"])
        zone = lab.zones[0]
        assert server.counts(protocol) == {of_family(family, zone.router4, zone.router6): 60}, place
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


def test_other_connections_to_the_gateway_stay_there(make_lab):
    """Only the port that is forwarded, only at outside addresses."""
    lab = make_lab(zones=("lan", "guest"))
    inside, own = traffic.Server(lab, "lan"), traffic.Server(lab, "gw")
    lab.start_daemon(lab.config(forward(lab, 8081)))
    zone = lab.zones[1]
    for place, target in (("guest", url(zone.router4, 8081)), ("guest", url("203.0.1.2", 80)),
                          ("gw", url("203.0.1.2", 80)), ("gw", url(zone.router4, 8081)), ("gw", url("127.0.0.1", 8081)),
                          ("inet", url("203.0.1.2", 80))):
        result = lab.load("tcp", place, to=target, rate=rate(400), count=10)
        assert result["ok"] == 10, (place, target, result["errors"])
    assert sum(own.counts().values()) == 60
    assert inside.counts() == {}


@pytest.mark.parametrize("family", FAMILIES)
def test_forward_of_a_link_alone(lab, family):
    server, own = traffic.Server(lab, "lan"), traffic.Server(lab, "gw")
    zone = lab.zones[0]
    lab.start_daemon(lab.config(f"""
policies:
  - name: all-of-cable
    match: {{ from: cable, to: router }}
    nat: {{ destination: [{zone.client4}, "{zone.client6}"] }}
"""))
    for link in lab.links:
        result = lab.load("tcp", "inet", to=url(link_address(link, family), 80), rate=rate(400), count=10,
                          **{"from": CALLERS[family]})
        assert result["ok"] == 10, result["errors"]
    assert server.counts() == {CALLERS[family]: 10}
    assert own.counts() == {CALLERS[family]: 20}
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


@pytest.mark.parametrize("family", FAMILIES)
def test_source_and_destination(lab, family):
    """The server sees the source that the policy says, also of callers from outside."""
    server = traffic.Server(lab, "lan")
    zone = lab.zones[0]
    lab.start_daemon(lab.config(f"""
policies:
  - name: both
    match: {{ from: internet, to: router, protocol: tcp, to-port: 9999 }}
    nat: {{ source: [{zone.router4}, "{zone.router6}"], destination: ["{zone.client4}:443", "[{zone.client6}]:443"] }}
"""))
    result = lab.load("tcp", "inet", to=url(link_address(lab.link("lte"), family), 9999), rate=rate(400), count=20,
                      **{"from": CALLERS[family]})
    assert result["ok"] == 20, result["errors"]
    assert server.counts() == {of_family(family, zone.router4, zone.router6): 20}


@pytest.mark.parametrize("family", FAMILIES)
def test_redirect_of_outgoing_connections(make_lab, family):
    """Clients that ask any server are answered by one inside."""
    lab = make_lab(zones=("lan", "guest"))
    server = traffic.Server(lab, "lan")
    zone = lab.zones[0]
    lab.start_daemon(lab.config(f"""
policies:
  - name: names
    match: {{ from: [lan, guest], to: internet, protocol: udp, to-port: 53 }}
    nat: {{ destination: [{zone.client4}, "{zone.client6}"] }}
"""))
    for place in ("lan", "guest"):
        result = lab.load("udp", place, to=url(far_server(lab, family), 53), rate=rate(400), count=20)
        assert result["ok"] == 20, (place, result["errors"])
    assert sum(server.counts("udp").values()) == 40
    assert lab.server.counts("udp") == {}


@pytest.mark.parametrize("family", FAMILIES)
def test_connections_outlive_reload_death_and_return(lab, family):
    """Held connections through a port forward, while the policy changes, the daemon dies and comes back."""
    server = traffic.Server(lab, "lan")
    lab.start_daemon(lab.config(forward(lab, 9999, 443)))
    load = lab.load_start("tcp", "inet", to=url(link_address(lab.link("cable"), family), 9999), rate=rate(200), count=50,
                          hold=True, **{"from": CALLERS[family]})
    inside = lab.load_start("tcp", "lan", to=url(link_address(lab.link("cable"), family), 9999), rate=rate(200),
                            count=50, hold=True)
    wait_for(lambda: sum(server.counts("tcp").values()) >= 100, 20, "100 connections")
    assert lab.daemon.reload(lab.config(forward(lab, 9998, 80))).returncode == 0
    lab.daemon.kill9()
    lab.daemon.start()
    result = lab.load("tcp", "inet", to=url(link_address(lab.link("lte"), family), 9998), rate=rate(400), count=20,
                      **{"from": CALLERS[family]})
    assert result["ok"] == 20, result["errors"]
    for held in (load, inside):
        result = held.stop()
        assert (result["ok"], result["moved"]) == (50, 0), result["errors"]
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


def test_fixed_source_does_not_follow_to_another_link(lab):
    """Connections with the address of a link that failed end, and none of their packets leaves by another link."""
    give_addresses(lab)
    lab.start_daemon(lab.config("""
policies:
  - { name: first, match: { to: internet }, balance: { links: [fiber] }, nat: { source: 203.0.1.50 } }
  - { name: then, match: { to: internet }, balance: { links: [cable] } }
"""))
    load = lab.load_start("tcp", to=url(lab.SERVER4, 7), rate=rate(200), count=50, hold=True)
    wait_for(lambda: sum(lab.server.counts("tcp").values()) >= 50, 20, "50 connections")
    assert lab.server.counts("tcp") == {"203.0.1.50": 50}
    lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    assert reached(lab, "ipv4") == {lab.link("cable").address4: 20}
    wait_for(lambda: not [c for c in lab.conntrack() if c["seen"] == "203.0.1.50"], 10, "the old entries to go")
    result = load.stop()
    assert result["reset"] == 50, result.figures()
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


# --- ICMP errors --------------------------------------------------------------------------------------

# Sends datagrams until the error queue has something; prints errno, ICMP type and code, and who complained.
ASK = r"""
import json, select, socket, struct, sys
target, port, hops = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
six = ":" in target
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
level, recverr, ttl = (41, 25, 16) if six else (0, 11, 2)
s.setsockopt(level, recverr, 1)
if hops:
    s.setsockopt(level, ttl, hops)
s.connect((target, port))
for attempt in range(20):
    try:
        s.send(b"w")
    except OSError:
        pass
    poll = select.poll()
    poll.register(s, 0)
    if poll.poll(500):
        break
_, messages, _, peer = s.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
data = next(data for kind, number, data in messages if kind == level and number == recverr)
errno, origin, kind, code = struct.unpack("=IBBB", data[:7])
offender = data[16:]
who = socket.inet_ntop(socket.AF_INET6, offender[8:24]) if six else socket.inet_ntop(socket.AF_INET, offender[4:8])
print(json.dumps([errno, kind, code, who, peer[0]]))
"""
ECONNREFUSED, EHOSTUNREACH = 111, 113


def complaint(lab, place, target, port, hops=0):
    """What the sender of a datagram is told: errno, type, code, who says so, and whom it was sent to.

    The kernel gives an error only to a socket whose addresses and ports stand in the packet inside it.
    """
    done = lab.run(place, "/usr/bin/python3", "-c", ASK, target, str(port), str(hops))
    return json.loads(done.stdout)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("nat", ["auto", '{ source: [203.0.1.50, "fd00:1::50"] }'], ids=["masquerade", "source"])
def test_errors_come_back_through_source_translation(lab, family, nat):
    give_addresses(lab)
    lab.start_daemon(lab.config(one_policy(nat)))
    server, fiber = far_server(lab, family), lab.link("fiber")
    refused, too_far = of_family(family, [3, 3], [1, 4]), of_family(family, [11, 0], [3, 0])
    assert complaint(lab, "lan", server, 4444) == [ECONNREFUSED, *refused, server, server]
    assert complaint(lab, "lan", server, 4445, hops=2) \
        == [EHOSTUNREACH, *too_far, of_family(family, fiber.gateway4, fiber.gateway6), server]


@pytest.mark.parametrize("place", ["inet", "guest", "gw"])
@pytest.mark.parametrize("family", FAMILIES)
def test_errors_come_back_through_a_port_forward(make_lab, family, place):
    """The server behind the forward refuses: the caller hears it from the address that he called."""
    lab = make_lab(zones=("lan", "guest"))
    lab.start_daemon(lab.config(forward(lab, 9999, 4444, "udp")))
    target = link_address(lab.link("cable"), family)
    refused = of_family(family, [3, 3], [1, 4])
    assert complaint(lab, place, target, 9999) == [ECONNREFUSED, *refused, target, target]
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


def test_explain_says_it_in_words(lab):
    lab.delegate(lab.link("cable"))
    lab.start_daemon(lab.config("""
policies:
  - { name: one, match: { to: 192.0.2.1 }, balance: { links: [fiber] }, nat: { source: 203.0.1.50-203.0.1.53 } }
  - { name: forward, match: { from: internet, protocol: tcp, to-port: 80 }, nat: { destination: "10.77.1.2:8080" } }
  - { name: rest, balance: { links: [cable] } }
""", link_extra={"cable": "nat: 203.0.2.9"}))

    def words(source, target):
        return lab.ctl("explain", "--from", source, "--to", target, "--protocol", "tcp", "--to-port", "80")["nat"]

    assert words("10.77.1.2", "192.0.2.1") == "source 203.0.1.50-203.0.1.53"
    assert words("10.77.1.2", "192.0.2.2") == "source 203.0.2.9"
    assert words("192.0.2.1", "203.0.1.2") == "destination 10.77.1.2:8080"
    assert words("10.77.1.2", "203.0.1.2") == "destination 10.77.1.2:8080"
    assert words("fd77:1::2", "2001:db8:ffff::1") == "masquerade"
    assert words(lab.INSIDE6, "2001:db8:ffff::1") == "none"
