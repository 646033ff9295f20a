# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that a dying link takes along: which are saved, which are told, and which are left alone."""

import signal
import time

import pytest

from test_failover import CHECK, opened
from waiting import SLOW, rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
HELD = 100


def policy(balance):
    return f"policies:\n  - name: everything\n    balance: {{ algorithm: round-robin, {balance} }}\n"


ONLY_FIBER = """
policies:
  - name: only-fiber
    match: { to: 192.0.2.0/25 }
    balance: { links: [fiber], if-none: drop }
  - name: rest
    balance: { algorithm: round-robin }
"""


def start(lab, policies):
    lab.start_daemon(lab.config(policies, WEIGHTS, CHECK))
    wait_for(lambda: all((item["latency_ms"] or 0) > 0 for item in lab.ctl("links")), 20, "checks to have an answer")


def on_link(result, lab, name):
    return [item for item in result["attempts"] if lab.link_of(item["seen"]) == name]


def tracked(lab, name, protocol="tcp"):
    """Connections of clients that the gateway tracks, by the address of that link."""
    return [item for item in lab.conntrack() if item["protocol"] == protocol and item["from"] == "10.77.1.2"
            and lab.link_of(item["seen"]) == name]


# --- connects without an answer ---------------------------------------------------------------------


def test_connect_into_a_silent_hole(lab, tell):
    """Begun before anybody knows: not refused, the SYN that the client repeats goes by another link."""
    start(lab, policy("on-failure: reset"))
    load = lab.load_start(to="192.0.2.1:7", to_range=50, rate=rate(200), seconds=4, timeout=5000)
    wait_for(lambda: opened(lab) >= rate(100), 10, "traffic")
    hole = lab.black_hole(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    down = time.monotonic()
    result = load.wait()
    begun = [item for item in result["attempts"] if hole + 0.05 < item["begun"] < down]
    repeated = [item for item in begun if item["connected"] - item["begun"] > 0.9]
    tell(f"{len(begun)} begun in the {down - hole:.2f} s before it was known, {len(repeated)} needed another SYN; "
         f"{result.figures()}")
    assert len(repeated) >= len(begun) // 3
    assert result["failed"] == 0 and {item["outcome"] for item in begun} == {"ok"}
    assert "fiber" not in {lab.link_of(item["seen"]) for item in repeated}


def hold_on(lab, **options):
    load = lab.load_start(to="192.0.2.1:7", rate=rate(500), count=HELD, hold=True, **options)
    wait_for(lambda: opened(lab) >= HELD, 20, f"{HELD} connections")
    return load


def test_same_ports_after_a_reset(lab, tell):
    """A client with a fixed port begins anew right after the reset: it is not held to the dead link."""
    start(lab, policy("on-failure: reset"))
    load = hold_on(lab, to_range=HELD, from_port=20000)
    lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    lost = len(tracked(lab, "fiber"))

    def all_told():
        return lab.run("lan", "ss", "-Htn", "state", "established").stdout.count("\n") <= HELD - 50
    wait_for(all_told, 5, "the resets")
    first = load.stop()
    again = lab.load(to="192.0.2.1:7", to_range=HELD, from_port=20000, rate=rate(1000), count=HELD, timeout=5000)
    tell(f"{lost} on the dead link, {first.figures()}; anew: {again.figures()}")
    assert first["reset"] == 50
    assert again["failed"] == 0 and again["ok"] == HELD
    assert "fiber" not in again.by_link()


# --- on-failure -------------------------------------------------------------------------------------


def test_keep(lab, tell):
    """Nothing is reset or deleted; what waited goes on when the link is back."""
    start(lab, policy("on-failure: keep"))
    load = hold_on(lab, to_range=10, stall=60000)
    lab.black_hole(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert len(tracked(lab, "fiber")) == 50
    # New ones go elsewhere.
    assert "fiber" not in lab.load(to="192.0.2.1:80", rate=rate(200), count=20).by_link()
    lab.heal(lab.link("fiber"))
    lab.wait_link("fiber", "up", deadline=20)
    healed = time.monotonic()
    wait_for(lambda: time.monotonic() > healed + (10 if SLOW else 4), 30, "what was lost to be sent again")
    result = load.stop()
    kept = on_link(result, lab, "fiber")
    tell(f"{result.figures()}; {min(item['answers'] for item in kept)} answers at least")
    assert len(kept) == 50 and result["ok"] == HELD
    assert {lab.link_of(item["last_seen"]) for item in kept} == {"fiber"}
    # Those of the other links were answered ten times a second meanwhile; these after the return as well.
    assert min(item["answers"] for item in kept) > 10


@pytest.mark.parametrize("how, left", [("flush", 0), ("reset", 50), ("keep", 50)])
def test_silent_connections(lab, tell, how, left):
    """Of connections that say nothing: flush deletes them, the others leave them for now."""
    start(lab, policy(f"on-failure: {how}"))
    load = hold_on(lab, to_range=10, stall=60000)
    load.process.send_signal(signal.SIGSTOP)
    assert len(tracked(lab, "fiber")) == 50
    lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    if left == 0:
        wait_for(lambda: not tracked(lab, "fiber"), 5, "the connections to be deleted")
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert len(tracked(lab, "fiber")) == left
    others = len(tracked(lab, "cable")) + len(tracked(lab, "lte"))
    load.process.send_signal(signal.SIGCONT)
    if how != "keep":
        wait_for(lambda: lab.run("lan", "ss", "-Htn", "state", "established").stdout.count("\n") <= HELD - 50, 5,
                 "the resets")
    result = load.stop()
    tell(f"{how}: {left} were left; then {result.figures()}")
    assert others == 50
    expected = {("ok", "")} if how == "keep" else {("reset", "ECONNRESET")}
    assert {(item["outcome"], item["error"]) for item in on_link(result, lab, "fiber")} == expected
    assert {item["outcome"] for item in on_link(result, lab, "cable")} == {"ok"}


@pytest.mark.parametrize("how, moved", [("flush", 10), ("reset", 10), ("keep", 0)])
def test_udp_flows(lab, how, moved):
    """Flows of the dead link move to another; with keep they stay."""
    start(lab, policy(f"on-failure: {how}"))
    load = lab.load_start("udp", to="192.0.2.1:7", to_range=4, rate=rate(200), count=20, hold=True, stall=60000)
    wait_for(lambda: len(tracked(lab, "fiber", "udp")) + len(tracked(lab, "cable", "udp")) >= 16, 20, "flows")
    lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    seen = sum(lab.server.counts("udp").values())
    wait_for(lambda: sum(lab.server.counts("udp").values()) >= seen + 200, 20, "200 more datagrams")
    result = load.stop()
    assert sum(item["moved"] for item in result["attempts"]) == moved
    assert len(on_link(result, lab, "fiber")) == 10


# --- no other way -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["hole", "carrier"])
def test_no_other_way(lab, tell, how):
    """The only link of a policy that would rather drop: its connections are left alone, and go on later."""
    fiber = lab.link("fiber")
    fail, mend = {"hole": (lab.black_hole, lab.heal), "carrier": (lab.cut_carrier, lab.restore_carrier)}[how]
    start(lab, ONLY_FIBER)
    load = hold_on(lab, to_range=10, stall=60000)
    rest = lab.load_start(to="192.0.2.200:7", rate=rate(500), count=20, hold=True, stall=60000)
    wait_for(lambda: opened(lab) >= HELD + 20, 20, "20 more connections")
    assert len(tracked(lab, "fiber")) == HELD + 10
    fail(fiber)
    lab.wait_link("fiber", "down")
    # The other policy has another way: its own are told.
    wait_for(lambda: lab.run("lan", "ss", "-Htn", "state", "established").stdout.count("\n") <= HELD + 10, 5,
             "the resets of the other policy")
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert len([item for item in tracked(lab, "fiber") if item["to"] != "192.0.2.200"]) == HELD
    refused = lab.load(to="192.0.2.1:80", rate=rate(100), count=5, timeout=500)
    assert refused["errors"] == {"TIMEOUT": 5}
    mend(fiber)
    lab.wait_link("fiber", "up", deadline=30)
    healed = time.monotonic()
    wait_for(lambda: time.monotonic() > healed + (20 if SLOW else 6), 60, "what was lost to be sent again")
    result, others = load.stop(), rest.stop()
    tell(f"{result.figures()}, {min(item['answers'] for item in result['attempts'])} answers at least; "
         f"the other policy: {others.figures()}")
    assert result["ok"] == HELD and result["reset"] == result["stalled"] == 0
    assert {lab.link_of(item["last_seen"]) for item in result["attempts"]} == {"fiber"}
    assert others["reset"] == 10 and others["ok"] == 10
    assert lab.load(to="192.0.2.1:80", rate=rate(100), count=5)["ok"] == 5
