# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets of one connection by two links: shares, a cut, a reload, death of the daemon, refusals; both families.

The client has provider-independent addresses, which the internet reaches by either link, and nothing is translated.
"""

import json
import re

import pytest

from lab import run
from waiting import wait_for

EQUAL, THREE_TO_ONE = {"fiber": 1, "cable": 1}, {"fiber": 3, "cable": 1}
ENDS = {"ipv4": ("198.51.100.10", "192.0.2.1"), "ipv6": ("2001:db8:aaaa::10", "2001:db8:ffff::1")}

# One TCP connection to an echo server, on and on; a line for each 50 rounds.
ECHO = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
source, target, most = sys.argv[1], sys.argv[2], int(sys.argv[3])
connection = socket.create_connection((target, 7), 10, (source, 0))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
connection.settimeout(30)
rounds = 0
while most == 0 or rounds < most:
    connection.sendall(b"x" * 64)
    left = 64
    while left > 0:
        left -= len(connection.recv(left)) or sys.exit("closed")
    rounds += 1
    if rounds % 50 == 0:
        print(rounds, flush=True)
    time.sleep(0.002)
"""


def policies(weights, more="", nat="nat: none"):
    shares = ", ".join(f"{name}: {weight}" for name, weight in weights.items())
    return f"""
policies:
  - name: own-addresses
    match: {{ from: [198.51.100.0/24, "2001:db8:aaaa::/48"], to: internet }}
    balance: {{ algorithm: by-packet, weights: {{ {shares} }} }}
    {nat}
{more}"""


@pytest.fixture(name="lab")
def provider_independent(make_lab):
    """Both links carry the client's own addresses, and the internet answers by both."""
    lab = make_lab(links=2, zones=("lan",))
    for link in lab.links:
        lab.delegate(link)
        lab.nft(f"isp{link.number}", """
table inet seen {
    counter up { }
    counter down { }
    chain forward {
        type filter hook forward priority -20;
        iifname "gw" ip saddr 198.51.100.10 counter name up
        iifname "gw" ip6 saddr 2001:db8:aaaa::10 counter name up
        oifname "gw" ip daddr 198.51.100.10 counter name down
        oifname "gw" ip6 daddr 2001:db8:aaaa::10 counter name down
    }
}
""")
    back4 = " ".join(f"nexthop via 10.99.{link.number}.1" for link in lab.links)
    back6 = " ".join(f"nexthop via fd99:{link.number}::1" for link in lab.links)
    lab.run("inet", "sysctl", "-q", "net.ipv4.fib_multipath_hash_policy=1", "net.ipv6.fib_multipath_hash_policy=1")
    lab.ip("inet", [f"route replace {lab.INSIDE4}/32 {back4}", f"route replace {lab.INSIDE6}/128 {back6}"])
    return lab


def seen(lab, direction="up"):
    """Packets of the client's own addresses by link, as the providers count them."""
    counts = {}
    for link in lab.links:
        text = lab.run(f"isp{link.number}", "nft", "-j", "list", "counter", "inet", "seen", direction).stdout
        counts[link.name] = next(item["counter"]["packets"] for item in json.loads(text)["nftables"] if "counter" in item)
    return counts


def since(lab, before):
    return {name: count - before[name] for name, count in seen(lab).items()}


def assert_shares(counts, weights, off=2):
    """Turns are exact: of n packets each link has its share but for a few, which came or went meanwhile."""
    total, sum_of_weights = sum(counts.values()), sum(weights.values())
    assert total >= 100, counts
    for name, weight in weights.items():
        assert abs(counts[name] - total * weight / sum_of_weights) <= off, (counts, weights)


class Echo:
    """A connection that goes on."""

    def __init__(self, lab, family):
        source, target = ENDS[family]
        self.process = lab.start("lan", "/usr/bin/python3", "-c", ECHO, source, target, "0")
        self.more()

    def rounds(self):
        assert self.process.poll() is None, open(self.process.log, encoding="utf-8").read()
        numbers = re.findall(r"^(\d+)\n", open(self.process.log, encoding="utf-8").read(), re.M)
        return int(numbers[-1]) if numbers else 0

    def more(self, rounds=200, deadline=20):
        goal = self.rounds() + rounds
        wait_for(lambda: self.rounds() >= goal, deadline, f"{rounds} more rounds")

    def stop(self):
        self.process.terminate()
        assert self.process.wait(10) == 0


def talk(lab, family, rounds=400):
    """One connection from begin to end: packets that it sent, by link."""
    before = seen(lab)
    lab.run("lan", "/usr/bin/python3", "-c", ECHO, *ENDS[family], str(rounds))
    return since(lab, before)


@pytest.mark.parametrize("weights", [EQUAL, THREE_TO_ONE], ids=["1:1", "3:1"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_one_connection_by_two_links(lab, tell, family, weights):
    lab.start_daemon(lab.config(policies(weights)))
    counts = talk(lab, family)
    tell(f"{family}: {counts} packets of one connection, weights {weights}")
    assert_shares(counts, weights)
    policy = lab.ctl("policies")[0]
    assert policy["connections"] == 1 and policy["links"] == {"fiber": 0, "cable": 0}
    assert policy["packets"] == counts
    assert [lab.strays(link) for link in lab.links] == [0, 0]
    assert lab.ctl("status")["fallbacks"] == 0
    share = lab.daemon.uplinkctl("policies").stdout
    assert "of packets" in share and ("75 %" in share) == (weights is THREE_TO_ONE), share


def test_it_is_told(lab):
    lab.start_daemon(lab.config(policies(THREE_TO_ONE)))
    echo = Echo(lab, "ipv4")
    flow = next(flow for flow in lab.ctl("flows") if flow["from"] == lab.INSIDE4)
    assert (flow["policy"], flow["link"], flow["by_packet"]) == ("own-addresses", None, True)
    assert "by packet" in lab.daemon.uplinkctl("flows").stdout
    question = ("--from", lab.INSIDE4, "--to", "192.0.2.1", "--protocol", "tcp")
    explained = lab.ctl("explain", *question, "--to-port", "7")
    assert (explained["policy"], explained["link"], explained["algorithm"], explained["reason"], explained["nat"]) == (
        "own-addresses", None, "by-packet", "spread by packet", "none")
    assert [(item["link"], item["score"]) for item in explained["candidates"]] == [("fiber", 0.75), ("cable", 0.25)]
    why = lab.ctl("why", *question)
    assert (why["policy"], why["link"], why["reason"]) == ("own-addresses", None, "spread by packet")
    echo.stop()


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_link_cut_leaves_the_connection_alive(lab, tell, family):
    lab.start_daemon(lab.config(policies(EQUAL)))
    # What comes back must not be sent into the cut link.
    fiber = lab.link("fiber")
    back = f"route replace {lab.INSIDE4}/32 via 10.99.2.1", f"route replace {lab.INSIDE6}/128 via fd99:2::1"
    lab.ip("inet", back)
    echo = Echo(lab, family)
    before = seen(lab)
    echo.more()
    assert_shares(since(lab, before), EQUAL, off=10)
    lab.cut_carrier(fiber)
    lab.wait_link("fiber", "down")
    before = seen(lab)
    echo.more()
    counts = since(lab, before)
    tell(f"{family}: with fiber cut {counts}")
    assert counts["fiber"] == 0 and counts["cable"] >= 100
    lab.restore_carrier(fiber)
    lab.wait_link("fiber", "up")
    echo.more(50)
    before = seen(lab)
    echo.more()
    assert_shares(since(lab, before), EQUAL, off=10)
    assert len([flow for flow in lab.ctl("flows") if flow["from"] in ENDS[family]]) == 1
    echo.stop()


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_without_the_daemon(lab, tell, family):
    """What lives goes on by both links, what begins does as well; the next daemon takes over."""
    lab.start_daemon(lab.config(policies(THREE_TO_ONE)))
    echo = Echo(lab, family)
    lab.daemon.kill9()
    before = seen(lab)
    echo.more()
    assert_shares(since(lab, before), THREE_TO_ONE, off=10)
    echo.stop()
    counts = talk(lab, family)
    tell(f"{family}: {counts} packets without the daemon")
    assert_shares(counts, THREE_TO_ONE, off=4)
    echo = Echo(lab, family)
    lab.daemon.start()
    before = seen(lab)
    echo.more()
    assert_shares(since(lab, before), THREE_TO_ONE, off=10)
    echo.stop()


def test_reload_keeps_it(lab):
    """Other weights count for connections that live; a connection that has a link keeps it."""
    more = "  - { name: rest, balance: { links: [cable] } }\n"
    lab.start_daemon(lab.config(policies(THREE_TO_ONE, more)))
    echo = Echo(lab, "ipv4")
    assert lab.daemon.reload(lab.config(policies({"fiber": 1, "cable": 4}, more))).returncode == 0
    echo.more(50)
    before = seen(lab)
    echo.more()
    assert_shares(since(lab, before), {"fiber": 1, "cable": 4}, off=10)
    echo.stop()
    one = "    balance: { links: [fiber] }\n    nat: none\n"
    text = lab.config(policies(EQUAL, more))
    by_link = re.sub(r"    balance: \{ algorithm: by-packet.*\n    nat: none\n", lambda match: one, text)
    assert by_link != text and lab.daemon.reload(by_link).returncode == 0
    echo = Echo(lab, "ipv4")
    assert lab.daemon.reload(text).returncode == 0
    before = seen(lab)
    echo.more()
    assert since(lab, before)["cable"] == 0
    echo.stop()
    assert_shares(talk(lab, "ipv4"), EQUAL, off=4)


def test_classes_follow_the_link_of_each_packet(lab):
    shaped = {name: "bandwidth: { download: 50 mbit, upload: 50 mbit }" for name in ("fiber", "cable")}
    lab.start_daemon(lab.config(policies(EQUAL, "    qos: own\n"), link_extra=shaped, extra="""
qos:
  classes:
    own: { min: 20% }
    others: { min: 20% }
  default: others
"""))
    counts, down = talk(lab, "ipv4"), seen(lab, "down")

    def packets():
        return {(item["direction"], item["link"]): item["packets"] for item in lab.ctl("classes") if item["class"] == "own"}

    wanted = {("upload", link): count for link, count in counts.items()}
    wanted.update({("download", link): count for link, count in down.items()})
    assert abs(counts["fiber"] - counts["cable"]) <= 2 and counts["fiber"] >= 200
    wait_for(lambda: packets() == wanted, 5, f"the classes to have {wanted}")
    others = sum(item["packets"] for item in lab.ctl("classes") if item["class"] == "others")
    assert others < 50


def test_refused_where_links_translate(lab):
    lab.start_daemon(lab.config(policies(EQUAL)))
    echo = Echo(lab, "ipv4")
    done = lab.daemon.reload(lab.config(policies(EQUAL, nat="")))
    assert done.returncode == 4
    assert re.search(r"uplinkd\.yaml:\d+:\d+: error: `by-packet' needs links without address translation, but link "
                     r"`fiber' translates sources", done.stderr), done.stderr
    echo.more()
    echo.stop()


def test_strict_reverse_path_is_told(lab):
    """Answers come in by either link, which strict filtering would drop."""
    lab.run("gw", "sysctl", "-q", "net.ipv4.conf.wan2.rp_filter=1", "net.ipv4.conf.all.rp_filter=0")
    lab.start_daemon(lab.config(policies(EQUAL)))
    assert "rp_filter is strict on wan2: answers on link cable are dropped (set it to 2)" in run(
        "cat", lab.daemon.log).stdout
