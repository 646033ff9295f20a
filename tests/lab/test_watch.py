# SPDX-License-Identifier: GPL-2.0-or-later
"""What connections show of their links: how many live on each, and how they fare."""

import pytest

import traffic

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


def url(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def held(lab, count, links, place=None, **options):
    """TCP connections of which each counts while it lives, on these links alone, and none afterwards."""
    load = lab.load_start("tcp", place, rate=rate(400), count=count, hold=True, **options)
    wait_for(lambda: sum(active(lab).values()) == count, 20, f"{count} living connections")
    assert {name for name, number in active(lab).items() if number > 0} == set(links), active(lab)
    assert load.stop()["ok"] == count
    wait_for(lambda: set(active(lab).values()) == {0}, 5, "the end of all")


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_through_translated_destinations(lab, family):
    """From outside to a server inside, and from inside to somebody else than was asked for."""
    traffic.Server(lab, "lan")
    zone = lab.zones[0]
    asked = "192.0.2.77" if family == "ipv4" else "2001:db8:ffff::77"
    lab.start_daemon(lab.config(f"""policies:
  - name: server
    match: {{ from: internet, to: router, protocol: tcp, to-port: 8081 }}
    nat: {{ destination: ["{zone.client4}:80", "[{zone.client6}]:80"] }}
  - name: elsewhere
    match: {{ from: lan, to: [192.0.2.77, "2001:db8:ffff::77"] }}
    balance: {{ links: [lte] }}
    nat: {{ destination: [192.0.2.1, "2001:db8:ffff::1"] }}
"""))
    link = lab.link("cable")
    held(lab, 50, ["cable"], "inet", to=url(link.address4 if family == "ipv4" else link.address6, 8081))
    held(lab, 50, ["lte"], to=url(asked, 80))


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_of_the_gateway_itself(lab, family):
    """Its own connections count; its checks are nobody's."""
    lab.start_daemon(lab.config(POLICY, check="{ targets: [ { tcp: \"192.0.2.1:7\" } ], interval: 200ms }"))
    lab.wait_link("fiber", "up")
    held(lab, 60, ["fiber", "cable", "lte"], "gw", to=f"{TARGETS[family]}:80", to_range=50)
    assert set(active(lab).values()) == {0}


def test_a_new_daemon_counts_what_lives(lab, tell):
    """Killed while connections are held: the next one counts them, also those that began meanwhile."""
    lab.start_daemon(lab.config(POLICY))
    first = lab.load_start("tcp", to="192.0.2.1:80", to_range=200, rate=rate(500), count=150, hold=True)
    wait_for(lambda: sum(active(lab).values()) == 150, 20, "150 living connections")
    lab.daemon.kill9()
    second = lab.load_start("tcp", to="192.0.2.1:443", to_range=200, rate=rate(500), count=30, hold=True)
    wait_for(lambda: lab.flows("tcp") == 180, 20, "30 more while no daemon is there")
    lab.daemon.start()
    wait_for(lambda: sum(active(lab).values()) == 180, 5, "the new daemon to count them")
    tell(f"after the restart: {active(lab)}")
    assert first.stop()["ok"] == 150 and second.stop()["ok"] == 30
    wait_for(lambda: set(active(lab).values()) == {0}, 5, "the end of all")


def test_what_is_refused_by_a_limit_counts_nowhere(lab):
    """Decided, but dropped after that: the kernel knows nothing of it, and nobody tells its end."""
    lab.start_daemon(lab.config("""policies:
  - { name: few, limits: { connections: 10, per: source, over: drop } }
"""))
    load = lab.load_start("tcp", to="192.0.2.1:80", to_range=100, rate=rate(200), count=60, hold=True, timeout=1000)
    wait_for(lambda: sum(active(lab).values()) > 20, 5, "more to begin than may live")
    wait_for(lambda: sum(active(lab).values()) == 10, 10, "those to be taken back that were dropped")
    load.stop()
    wait_for(lambda: set(active(lab).values()) == {0}, 5, "the end of all")
