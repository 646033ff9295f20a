# SPDX-License-Identifier: GPL-2.0-or-later
"""Policies match by zone, port, protocol and address, and each way to choose keeps its promise."""

import math

import pytest

from waiting import rate

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
TO4, TO6 = "192.0.2.1", "2001:db8:ffff::1"

MATCHING = """
policies:
  - name: forbidden
    match: { to: [192.0.2.66, "2001:db8:ffff::66"] }
    action: drop
  - name: refused
    match: { to: [192.0.2.67, "2001:db8:ffff::67"] }
    action: reject
  - name: guests
    match: { from: guest }
    balance: { links: [lte] }
  - name: web
    match: { from: lan, protocol: tcp, to-port: [80, 8080-8089] }
    balance: { links: [cable] }
  - name: voice
    match: { protocol: udp, to-port: 5060 }
    balance: { links: [lte] }
  - name: some-clients
    match: { from: 10.77.1.64/26, not-to: 192.0.2.2 }
    balance: { links: [lte] }
  - name: rest
    balance: { links: [fiber] }
"""


def url(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def took(lab, protocol, target, place=None, **options):
    """The links that 20 connections took."""
    result = lab.load(protocol, place, to=target, rate=rate(400), count=20, **options)
    assert result["ok"] == 20, result["errors"]
    return dict(result.by_link())


@pytest.fixture
def matching(make_lab):
    lab = make_lab(zones=("lan", "guest"))
    lab.start_daemon(lab.config(MATCHING))
    return lab


@pytest.mark.parametrize("address", [TO4, TO6], ids=["ipv4", "ipv6"])
def test_matching(matching, address):
    lab = matching
    assert took(lab, "tcp", url(address, 80), "guest") == {"lte": 20}
    assert took(lab, "tcp", url(address, 80)) == {"cable": 20}
    assert took(lab, "tcp", url(address, 8085)) == {"cable": 20}
    assert took(lab, "tcp", url(address, 443)) == {"fiber": 20}
    assert took(lab, "udp", url(address, 5060)) == {"lte": 20}
    assert took(lab, "tcp", url(address, 5060)) == {"fiber": 20}
    assert took(lab, "udp", url(address, 53)) == {"fiber": 20}


def test_matching_by_address(matching):
    clients = matching.zones[0].range4
    assert took(matching, "tcp", "192.0.2.1:443", bind_range=clients) == {"lte": 20}
    assert took(matching, "tcp", "192.0.2.2:443", bind_range=clients) == {"fiber": 20}


@pytest.mark.parametrize("address", ["192.0.2.66", "2001:db8:ffff::66"], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_drop(matching, tell, address, protocol):
    result = matching.load(protocol, to=url(address, 443), rate=rate(400), count=20, timeout=700)
    tell(result.figures())
    assert result["errors"] == {"TIMEOUT": 20}
    assert matching.server.counts(protocol) == {}
    dropped = next(item for item in matching.ctl("policies") if item["name"] == "forbidden")["dropped"]
    assert dropped >= 20


@pytest.mark.parametrize("place", ["lan", "gw"])
@pytest.mark.parametrize("address", ["192.0.2.67", "2001:db8:ffff::67"], ids=["ipv4", "ipv6"])
def test_reject(matching, tell, address, place):
    """The client hears at once: TCP by a reset, UDP by an ICMP message."""
    tcp = matching.load("tcp", place, to=url(address, 443), rate=rate(400), count=20)
    # The kernel sends six ICMP errors to a host at once and then one each second.
    udp = matching.load("udp", place, to=url(address, 443), rate=rate(400), count=5)
    slowest = max(item["ended"] - item["begun"] for item in tcp["attempts"] + udp["attempts"])
    tell(f"tcp {tcp['errors']}, udp {udp['errors']}, slowest after {slowest * 1000:.1f} ms")
    assert tcp["errors"] == {"ECONNREFUSED": 20}
    assert sum(udp["errors"].values()) == 5 and set(udp["errors"]) <= {"EHOSTUNREACH", "EACCES", "EPERM"}
    assert slowest < 0.9
    assert matching.server.counts("tcp") == {} and matching.server.counts("udp") == {}


def test_priority(lab):
    lab.start_daemon(lab.config("""
policies:
  - name: backup
    balance: { algorithm: priority, links: [lte, fiber] }
""", WEIGHTS))
    assert took(lab, "tcp", "192.0.2.1:7") == {"lte": 20}
    lab.cut_carrier(lab.link("lte"))
    lab.wait_link("lte", "down")
    assert took(lab, "tcp", "192.0.2.1:7") == {"fiber": 20}
    lab.restore_carrier(lab.link("lte"))
    lab.wait_link("lte", "up")
    assert took(lab, "tcp", "192.0.2.1:7") == {"lte": 20}


def outliers(counts, total):
    """Links further than three standard deviations from their share."""
    far = []
    for name, weight in WEIGHTS.items():
        share = weight / 10
        if abs(counts[name] - total * share) > 3 * math.sqrt(total * share * (1 - share)):
            far.append(name)
    return far


def test_random(lab, tell):
    """One sample in about 120 is outside of three sigma by chance, two in a row are not."""
    lab.start_daemon(lab.config("policies:\n  - name: dice\n    balance: { algorithm: random }\n", WEIGHTS))
    samples = []
    while len(samples) < 2:
        result = lab.load("tcp", to="192.0.2.1:7", to_range=50, rate=rate(500), count=1000)
        assert result["ok"] == 1000
        samples.append(result.by_link())
        if not outliers(samples[-1], 1000):
            break
    tell(str([dict(sample) for sample in samples]))
    assert not outliers(samples[-1], 1000)
    # By chance, not in turn: neighbours are often on the same link.
    names = [lab.link_of(item["seen"]) for item in result["attempts"]]
    same = sum(a == b for a, b in zip(names, names[1:]))
    assert abs(same - 999 * 0.38) < 5 * math.sqrt(999 * 0.38 * 0.62)


def choices(lab, **options):
    """The one link of each client address."""
    by_source = lab.load("tcp", to="192.0.2.1:7", to_range=3, rate=rate(400), **options).links_by_source()
    several = {source: links for source, links in by_source.items() if len(links) > 1}
    assert not several
    return {source: next(iter(links)) for source, links in by_source.items()}


def test_sticky(lab, tell):
    """A source keeps its link over many connections, a reload with other weights, and a restart."""
    policy = """
policies:
  - name: sticky
    balance: { algorithm: round-robin, sticky: { by: source, for: 10m } }
"""
    sources = {"bind_range": lab.zones[0].range4, "count": 4 * 64}
    lab.start_daemon(lab.config(policy, WEIGHTS))
    before = choices(lab, **sources)
    assert len(before) == 64
    assert {name: list(before.values()).count(name) for name in WEIGHTS} == {"fiber": 32, "cable": 19, "lte": 13}
    assert lab.daemon.reload(lab.config(policy, {"fiber": 1, "cable": 1, "lte": 7})).returncode == 0
    assert choices(lab, **sources) == before
    assert lab.daemon.stop() == 0
    lab.daemon.start()
    assert choices(lab, **sources) == before
    tell("64 sources kept their links over a reload and a restart")


def test_hash_moves_no_more_than_it_must(make_lab, tell):
    """With one of three links gone by a reload, only its sources go elsewhere."""
    lab = make_lab(zones=("lan", "guest"))
    policy = "policies:\n  - name: hashed\n    balance: { algorithm: hash }\n"

    def all_choices():
        result = {}
        for zone in lab.zones:
            for network in (zone.range4, zone.range6):
                target = "192.0.2.1:7" if ":" not in network else "[2001:db8:ffff::1]:7"
                by_source = lab.load("tcp", zone.name, to=target, to_range=3, bind_range=network, rate=rate(400),
                                     count=128).links_by_source()
                assert all(len(links) == 1 for links in by_source.values())
                result.update({source: next(iter(links)) for source, links in by_source.items()})
        return result

    lab.start_daemon(lab.config(policy, WEIGHTS))
    before = all_choices()
    assert len(before) == 256
    assert lab.daemon.reload(lab.config(policy, WEIGHTS, links=["fiber", "cable"])).returncode == 0
    after = all_choices()
    moved = {source for source in before if before[source] != after[source]}
    counts = {name: list(before.values()).count(name) for name in WEIGHTS}
    tell(f"{counts} of 256 sources; without lte {len(moved)} moved")
    assert moved == {source for source, link in before.items() if link == "lte"}
    for name, weight in WEIGHTS.items():
        share = weight / 10
        assert abs(counts[name] - 256 * share) < 5 * math.sqrt(256 * share * (1 - share))
