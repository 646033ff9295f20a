# SPDX-License-Identifier: GPL-2.0-or-later
"""What belongs together stays on one link: over policies, by each key, over a restart, until somebody forgets it."""

import pytest

from waiting import rate

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
TO4, TO6 = "192.0.2.1", "2001:db8:ffff::1"
TOGETHER = """
policies:
  - name: sip
    match: { protocol: udp, to-port: 5060 }
    balance: { together: by source }
  - name: rtp
    match: { protocol: udp, to-port: 443 }
    balance: { algorithm: random, together: { by: source, for: 1h } }
  - name: rest
    balance: { algorithm: round-robin }
"""


def url(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def of_one_source(lab, protocol, target, source, count=1):
    """The links that connections of one address took."""
    result = lab.load(protocol, to=target, rate=rate(200), count=count, **{"from": source})
    assert result["ok"] == count, result["errors"]
    return set(result.by_link())


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_together(make_lab, tell, family):
    """Telephones register and call, each by its own link, with the daemon and after its restart."""
    lab = make_lab(zones=("lan",))
    lab.start_daemon(lab.config(TOGETHER, WEIGHTS))
    zone, target = lab.zones[0], TO4 if family == "ipv4" else TO6
    sources = zone.range4 if family == "ipv4" else zone.range6

    def links(port):
        result = lab.load("udp", to=url(target, port), bind_range=sources, rate=rate(200), count=64)
        assert result["ok"] == 64, result["errors"]
        return result.links_by_source()

    registered = links(5060)
    assert {len(chosen) for chosen in registered.values()} == {1} and len(registered) == 64
    assert links(443) == registered
    assert lab.daemon.stop() == 0
    lab.daemon.start()
    assert links(443) == registered
    assert links(5060) == registered
    shares = {name: sum(chosen == {name} for chosen in registered.values()) for name in WEIGHTS}
    tell(f"64 telephones, {shares}: registration and calls by the same link")
    assert shares == {"fiber": 32, "cable": 19, "lte": 13}
    listed = lab.ctl("sticky")
    assert (listed["total"], listed["room"], len(listed["entries"])) == (64, 65536, 64)
    assert {entry["from"]: {entry["link"]} for entry in listed["entries"]} == registered
    assert all(entry["together"] and entry["policy"] is None and 3500 < entry["left_s"] <= 3600 for entry in listed["entries"])


def test_keys_are_listed_and_forgotten(make_lab):
    lab = make_lab(zones=("lan",))
    lab.start_daemon(lab.config("""
policies:
  - { name: pairs, match: { protocol: tcp, to-port: 80 }, balance: { sticky: { by: source+destination } } }
  - { name: ports, match: { protocol: tcp, to-port: 443 }, balance: { sticky: { by: source+destination+port, for: 1m } } }
  - { name: ends, match: { protocol: tcp, to-port: 7 }, balance: { sticky: { by: destination } } }
  - { name: hosts, balance: { sticky: { by: source } } }
""", WEIGHTS))
    one, other = "10.77.1.64", "10.77.1.65"
    for source in (one, other):
        for port in (80, 443, 7, 5060):
            assert len(of_one_source(lab, "tcp", url(TO4, port), source, 5)) == 1
    keys = [(entry["policy"], entry["by"], entry["from"], entry["to"], entry["protocol"], entry["to_port"])
            for entry in lab.ctl("sticky")["entries"]]
    assert sorted(keys, key=str) == sorted([
        (policy, by, source, target, protocol, port) for source in (one, other) for policy, by, target, protocol, port in (
            ("pairs", "source+destination", TO4, None, None),
            ("ports", "source+destination+port", TO4, "tcp", 443),
            ("hosts", "source", None, None, None))
    ] + [("ends", "destination", None, TO4, None, None)], key=str)
    assert {entry["from"] for entry in lab.ctl("sticky", one)["entries"]} == {one}
    assert lab.ctl("sticky", "--forget", one) == {"address": one, "forgotten": 3}
    assert lab.ctl("sticky", one)["entries"] == []
    assert lab.ctl("sticky")["total"] == 4
    done = lab.daemon.uplinkctl("sticky", "--forget", one)
    assert (done.returncode, done.stderr) == (1, f"uplinkctl: nothing is remembered of {one}\n")
    done = lab.daemon.uplinkctl("sticky", "nonsense")
    assert (done.returncode, done.stderr) == (1, "uplinkctl: `nonsense' is no address and no network\n")
    assert lab.ctl("sticky", "--forget", "192.0.2.0/24")["forgotten"] == 1
    assert lab.ctl("sticky", "--forget", "10.0.0.0/8")["forgotten"] == 3


def test_together_moves_together_and_holds_without_the_daemon(make_lab):
    """Link cut: all of a host moves, and stays there when it returns. Without the daemon both policies choose alike."""
    lab = make_lab(zones=("lan",))
    lab.start_daemon(lab.config(TOGETHER.replace("algorithm: random, ", ""), WEIGHTS))
    source = "10.77.1.70"
    first = of_one_source(lab, "udp", url(TO4, 5060), source)
    name = next(iter(first))
    lab.cut_carrier(lab.link(name))
    lab.wait_link(name, "down")
    moved = of_one_source(lab, "udp", url(TO4, 443), source)
    assert moved != first
    lab.restore_carrier(lab.link(name))
    lab.wait_link(name, "up")
    assert of_one_source(lab, "udp", url(TO4, 5060), source, 10) == moved
    lab.daemon.kill9()
    for number in range(80, 90):
        source = f"10.77.1.{number}"
        alone = of_one_source(lab, "udp", url(TO4, 5060), source, 3)
        assert len(alone) == 1
        assert of_one_source(lab, "udp", url(TO4, 443), source, 3) == alone
