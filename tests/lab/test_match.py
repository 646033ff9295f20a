# SPDX-License-Identifier: GPL-2.0-or-later
"""Sets, ranges, types of ICMP, code points and times, on real packets of both families; and without the daemon."""

import os
import time

import pytest

from waiting import rate, wait_for

FAMILIES = pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
TO = {4: "192.0.2.{}", 6: "2001:db8:ffff::{}"}


def target(family, host, port=443):
    address = TO[family].format(host)
    return f"[{address}]:{port}" if family == 6 else f"{address}:{port}"


def took(lab, family, host, port=443, protocol="tcp", count=10, **options):
    """The links that connections to that host took."""
    result = lab.load(protocol, to=target(family, host, port), rate=rate(400), count=count, **options)
    assert result["ok"] == count, result["errors"]
    return dict(result.by_link())


def events(lab, words):
    return [event for event in lab.ctl("events") if words in event["text"]]


def replace(path, text):
    """Whole, so that nobody reads half of it."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


SETS = """
sets:
  inline: { networks: [192.0.2.16-192.0.2.19, "2001:db8:ffff::16-2001:db8:ffff::19"] }
  listed: { networks: 192.0.2.77, file: listed.txt }
"""
BY_SET = """
policies:
  - name: except
    match: { to: [inline, listed], not-to: [192.0.2.18, "2001:db8:ffff::18"] }
    balance: { links: [lte] }
  - name: by-range
    match: { to: [192.0.2.30-192.0.2.33, "2001:db8:ffff::30-2001:db8:ffff::33"] }
    balance: { links: [cable] }
  - name: rest
    balance: { links: [fiber] }
"""


@pytest.fixture
def with_sets(lab):
    lab.listed = os.path.join(lab.folder, "listed.txt")
    replace(lab.listed, "192.0.2.100 # a server\n\n2001:db8:ffff::100\n")
    lab.start_daemon(lab.config(BY_SET, extra=SETS))
    return lab


@FAMILIES
@pytest.mark.parametrize("alone", [False, True], ids=["daemon", "alone"])
def test_sets_and_ranges(with_sets, family, alone):
    lab = with_sets
    if alone:
        lab.daemon.kill9()
    expected = {15: "fiber", 16: "lte", 17: "lte", 18: "fiber", 19: "lte", 20: "fiber", 100: "lte", 101: "fiber",
                29: "fiber", 30: "cable", 33: "cable", 34: "fiber"}
    assert {host: took(lab, family, host) for host in expected} == {h: {link: 10} for h, link in expected.items()}


@FAMILIES
def test_a_changed_file_comes_into_force(with_sets, tell, family):
    """Without a reload; connections that run stay where they are, and a file that is wrong changes nothing."""
    lab = with_sets
    held = lab.load_start(to=target(family, 100), rate=rate(200), count=20, hold=True)
    wait_for(lambda: sum(lab.server.counts("tcp").values()) >= 20, 20, "20 connections")
    began = time.monotonic()
    replace(lab.listed, f"{TO[family].format(101)}\n")
    wait_for(lambda: events(lab, "set listed has 2 networks now"), 10, "the event")
    tell(f"a changed set was in force after {time.monotonic() - began:.1f} s")
    assert took(lab, family, 100) == {"fiber": 10}
    assert took(lab, family, 101) == {"lte": 10}
    replace(lab.listed, "192.0.2.300\n")
    wait_for(lambda: events(lab, "listed.txt:1:1: `192.0.2.300' is not a network"), 20, "the warning")
    assert took(lab, family, 101) == {"lte": 10}
    assert len(events(lab, "set listed stays as it was")) == 1
    done = lab.daemon.reload()
    assert done.returncode == 4 and "listed.txt:1:1: error:" in done.stdout + done.stderr
    replace(lab.listed, "192.0.2.100\n2001:db8:ffff::100\n")
    assert lab.daemon.reload().returncode == 0
    assert took(lab, family, 100) == {"lte": 10}
    assert took(lab, family, 101) == {"fiber": 10}
    lab.daemon.kill9()
    assert took(lab, family, 100) == {"lte": 10}
    result = held.stop()
    assert result["ok"] == 20 and dict(result.by_link()) == {"lte": 20}


CODE_POINTS = """
policies:
  - name: marked
    match: { dscp: [ef, af41, 7] }
    balance: { links: [lte] }
  - name: best-effort
    match: { dscp: cs0 }
    balance: { links: [cable] }
  - name: rest
    balance: { links: [fiber] }
"""
# The client marks by destination; to others it does not.
MARKER = "".join(f"""
        ip daddr 192.0.2.{dscp} ip dscp set {dscp}
        ip6 daddr 2001:db8:ffff::{dscp} ip6 dscp set {dscp}""" for dscp in (46, 7, 10))


@FAMILIES
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_code_points(lab, family, protocol):
    lab.nft("lan", f"table inet marker {{ chain output {{ type route hook output priority -150;{MARKER}\n}}\n}}\n")
    lab.start_daemon(lab.config(CODE_POINTS))
    expected = {46: "lte", 7: "lte", 10: "fiber", 11: "cable"}
    for alone in (False, True):
        if alone:
            lab.daemon.kill9()
        seen = {host: took(lab, family, host, protocol=protocol) for host in expected}
        assert seen == {host: {link: 10} for host, link in expected.items()}, f"alone: {alone}"


PINGS = """
policies:
  - { name: not-asked, match: { protocol: icmp, icmp-type: [timestamp-request, 17, 8/1] }, action: drop }
  - { name: not-asked-6, match: { protocol: icmpv6, icmp-type: [echo-reply, 139, 128/1] }, action: drop }
  - name: forbidden
    match: { to: 192.0.2.66, protocol: icmp, icmp-type: [echo-request, timestamp-request] }
    action: drop
  - { name: forbidden-6, match: { to: "2001:db8:ffff::66", protocol: icmpv6, icmp-type: 128 }, action: drop }
  - name: pings
    match: { protocol: icmp, icmp-type: echo-request }
    balance: { links: [lte] }
  - name: pings-6
    match: { protocol: icmpv6, icmp-type: 128/0 }
    balance: { links: [cable] }
  - name: rest
    balance: { links: [fiber] }
"""


def ping(lab, family, host):
    """True where an answer came."""
    done = lab.run("lan", "ping", f"-{family}", "-c", "1", "-W", "1", TO[family].format(host), check=False)
    return done.returncode == 0


@FAMILIES
def test_types_of_icmp(lab, family):
    """The ISP forwards only what has its link's address, so an answer by another link would be none."""
    lab.start_daemon(lab.config(PINGS))
    device = {4: "lte", 6: "cable"}[family]
    protocol = {4: "icmp", 6: "icmpv6"}[family]
    for alone in (False, True):
        if alone:
            lab.daemon.kill9()
        host = 10 + alone
        assert ping(lab, family, host)
        assert not ping(lab, family, 66)
        links = {lab.link_of(item["seen"]) for item in lab.conntrack()
                 if item["protocol"] == protocol and item["to"] == TO[family].format(host)}
        assert links == {device}, f"alone: {alone}"
        assert took(lab, family, 66) == {"fiber": 10}


HOURS = """
policies:
  - name: working-hours
    match: { time: { days: TODAY, hours: "08:00-18:00" } }
    balance: { links: [lte] }
  - name: night
    match: { time: { days: YESTERDAY, hours: "22:00-08:00" } }
    balance: { links: [cable] }
  - name: rest
    balance: { links: [fiber] }
"""


NAMES = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def zone_where_eight_strikes(ahead_s):
    """A time zone in which it is 08:00 so many seconds from now, its offset, and the day that it is there then."""
    now = int(time.time()) + ahead_s
    offset = (8 * 3600 - now + 43200) % 86400 - 43200
    hours, rest = divmod(abs(offset), 3600)
    west = "-" if offset >= 0 else "+"  # POSIX counts to the west
    day = (now + offset) // 86400 + 3  # the epoch began on a Thursday
    return f"LAB{west}{hours}:{rest // 60:02d}:{rest % 60:02d}", offset, day % 7


@FAMILIES
def test_times(lab, tell, family):
    """A night ends and the hours of the next day begin with the minute, in the daemon and in the kernel."""
    ahead = 12
    zone, offset, day = zone_where_eight_strikes(ahead)
    policies = HOURS.replace("YESTERDAY", NAMES[day - 1]).replace("TODAY", NAMES[day])
    lab.start_daemon(lab.config(policies), prefix=("env", f"TZ={zone}"))
    assert took(lab, family, 1) == {"cable": 10}
    assert not events(lab, "the time of policies")
    struck = wait_for(lambda: events(lab, "the time of policies"), ahead + 10, "the hour to strike")[0]
    assert struck["text"] == "the time of policies: working-hours begins, night ends"
    late = (struck["time"] + offset) % 86400 - 8 * 3600
    tell(f"the time of a policy came into force {late:.1f} s after the minute began")
    assert 0 <= late < 5
    assert took(lab, family, 1) == {"lte": 10}
    lab.daemon.kill9()
    assert took(lab, family, 1) == {"lte": 10}
