# SPDX-License-Identifier: GPL-2.0-or-later
"""Ten thousand policies and a set of a hundred thousand networks are in force within a second, and nobody notices a reload."""

import os
import time

from lab import sanitized
from waiting import SLOW, patience, wait_for

POLICIES = 10000
NETWORKS = 100000
GRACE = 2.0 if SLOW else 0.5  # after a cut, until which connections may fail
LINKS = {"fiber": 5, "cable": 3, "lte": 2}


def networks(path):
    """Every second /24 from 11.0.0.0 on, one in each line."""
    with open(path, "w", encoding="ascii") as file:
        for i in range(NETWORKS):
            number = 2 * i
            file.write(f"{11 + number // 65536}.{number // 256 % 256}.{number % 256}.0/24\n")


def policies(first_port, first_name):
    """Each with its own source, half with ports, a tenth with the set, some with an exclusion; the last for the rest."""
    lines = ["policies:"]
    for i in range(POLICIES - 1):
        name = first_name if i == 0 else f"policy-{i}"
        match = [f"from: 172.{16 + i // 256 % 16}.{i % 256}.0/24"]
        if i % 10 == 0:
            match.append("to: many")
        if i % 4 == 0:
            match.append(f"protocol: tcp, to-port: {first_port + i % 5000}")
        if i % 4 == 2:
            match.append(f"protocol: [tcp, udp], to-port: [53, {first_port + i % 5000}]")
        if i % 100 == 1:
            match.append(f"not-to: 192.0.2.{i // 100}")
        lines.append(f"  - {{ name: {name}, match: {{ {', '.join(match)} }} }}")
    return "\n".join(lines + ["  - { name: rest, balance: { algorithm: round-robin } }"]) + "\n"


def config(lab, first_port=1000, first_name="policy-0"):
    extra = f"kernel: {{ mark-policy-bits: 14 }}\nsets:\n  many: {{ file: {lab.folder}/many.txt }}\n"
    return lab.config(policies(first_port, first_name), LINKS, extra=extra)


def bound():
    """Seconds that a reload may take: sanitizers check each access to memory."""
    return patience(1.5 if sanitized() else 1.0)


def served(lab):
    return sum(lab.server.counts().values())


def reload(lab, text):
    """Seconds until the answer."""
    lab.daemon.write(text)
    begun = time.monotonic()
    lab.ctl("reload")
    return time.monotonic() - begun


def start(lab, tell):
    networks(os.path.join(lab.folder, "many.txt"))
    begun = time.monotonic()
    lab.start_daemon(config(lab))
    tell(f"in force {time.monotonic() - begun:.2f} s after the start")


def start_load(lab, timeout=900):
    load = lab.load_start(to="192.0.2.1:7", to_range=50, rate=200, count=200000, timeout=timeout)
    wait_for(lambda: served(lab) > 200, 10, "traffic")
    return load


def wait_more(lab, count):
    before = served(lab)
    wait_for(lambda: served(lab) > before + count, 10, "more traffic")


def test_reloads_under_load(lab, tell):
    """Ports of half the policies change four times, then a name: no connection notices."""
    start(lab, tell)
    load = start_load(lab)
    times = [reload(lab, config(lab, 1001 + i)) for i in range(4)]
    times.append(reload(lab, config(lab, 1004, "another")))
    wait_more(lab, 200)
    result = load.stop()
    tell(f"reloads {', '.join(f'{seconds:.2f}' for seconds in times)} s; {result.figures()}")
    assert result["ok"] == result["begun"]
    assert sorted(times)[2] < bound()
    assert max(times) < 2 * bound()


def test_link_cut(lab, tell):
    """Whoever begins half a second after the cut has another link."""
    start(lab, tell)
    load = start_load(lab)
    cut = lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    told = time.monotonic() - cut
    wait_more(lab, 200)
    result = load.stop()
    failed = [item["begun"] - cut for item in result.not_ok_since(cut)]
    tell(f"told {told:.2f} s after the cut, {len(failed)} failed, the last begun {max(failed, default=0):.3f} s after it")
    assert len(result.begun_since(cut + GRACE)) > 100
    assert result.not_ok_since(cut + GRACE) == []
    assert "fiber" not in result.by_link(result.begun_since(cut + GRACE))


def test_killed(lab, tell):
    """The kernel alone finds the last of all policies, and keeps the shares. What waited for an answer asks again."""
    start(lab, tell)
    load = start_load(lab, timeout=5000)
    killed = lab.daemon.kill9()
    wait_more(lab, 300)
    result = load.stop()
    alone = result.begun_since(killed)
    tell(f"{len(alone)} without the daemon, slowest {max(item['connected'] - item['begun'] for item in alone) * 1000:.1f} ms")
    assert result["ok"] == result["begun"]
    shares = result.by_link(alone)
    assert all(abs(shares[name] / len(alone) - weight / sum(LINKS.values())) < 0.05 for name, weight in LINKS.items())
