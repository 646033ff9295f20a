# SPDX-License-Identifier: GPL-2.0-or-later
"""Ten thousand policies and a set of a hundred thousand networks are in force within a second, and nobody notices a reload."""

import os
import time

from waiting import patience, wait_for

POLICIES = 10000
NETWORKS = 100000
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


def served(lab):
    return sum(lab.server.counts().values())


def reload(lab, text):
    """Seconds until the answer."""
    lab.daemon.write(text)
    begun = time.monotonic()
    lab.ctl("reload")
    return time.monotonic() - begun


def test_ten_thousand_policies(lab, tell):
    networks(os.path.join(lab.folder, "many.txt"))
    begun = time.monotonic()
    lab.start_daemon(config(lab))
    tell(f"in force {time.monotonic() - begun:.2f} s after the start")
    load = lab.load_start(to="192.0.2.1:7", to_range=50, rate=200, count=200000, timeout=900)
    wait_for(lambda: served(lab) > 200, 10, "traffic")
    times = [reload(lab, config(lab, 1001 + i)) for i in range(4)]
    times.append(reload(lab, config(lab, 1004, "another")))
    before = served(lab)
    wait_for(lambda: served(lab) > before + 200, 10, "traffic after the reloads")
    result = load.stop()
    tell(f"reloads {', '.join(f'{seconds:.2f}' for seconds in times)} s; {result.figures()}")
    assert result["ok"] == result["begun"]
    assert sorted(times)[2] < patience(1.0)
