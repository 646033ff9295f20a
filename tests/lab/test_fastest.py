# SPDX-License-Identifier: GPL-2.0-or-later
"""`fastest' learns by which link each destination answers soonest, from the connections of clients alone."""

import statistics

import pytest

from waiting import rate, wait_for
from ways import DESTINATIONS, LINKS, World, host, network

POLICY = """
policies:
  - name: out
    match: { from: lan }
    balance: { algorithm: fastest }
"""


@pytest.fixture
def world(lab):
    made = World(lab)
    lab.start_daemon(lab.config(POLICY))
    return made


def median(visits):
    return statistics.median(item["ms"] for item in visits)


def oracle(world, visits):
    """What the same connections would have taken by the best link of each destination, as it was measured."""
    times = {}
    for number in {item["number"] for item in visits}:
        best = [item for item in visits if item["number"] == number and item["link"] == world.best(number)]
        times[number] = median(best)
    return statistics.mean(times[item["number"]] for item in visits)


def learn(world, numbers=range(DESTINATIONS), count=400):
    """Connects until all of them are known by all links."""
    world.visit(list(numbers), rate(80), count)
    known = world.destinations()
    missing = [i for i in numbers if len(known.get(i, {"links": []})["links"]) < len(LINKS)]
    if missing:
        world.visit(missing, rate(40), 20 * len(missing))


def test_learns_the_best_link(world, tell):
    lab = world.lab
    learn(world)
    before = lab.ctl("paths")
    visits = world.visit(list(range(DESTINATIONS)), rate(80), 1200)
    after = lab.ctl("paths")
    assert all(item["link"] for item in visits)
    mean, best = statistics.mean(item["ms"] for item in visits), oracle(world, visits)
    explored = after["explored"] - before["explored"]
    tell(f"mean handshake {mean:.1f} ms, {mean / best:.3f} of the oracle's {best:.1f} ms; {explored} of {len(visits)} explored")
    assert after["connections"] - before["connections"] == len(visits)
    assert mean <= 1.10 * best
    assert explored <= 0.05 * len(visits) + 10  # ten may have been saved up
    # What it tells is what the ways are.
    for number, item in world.destinations().items():
        assert item["best"] == world.best(number), item
        for path in item["links"]:
            assert world.ways[path["link"]][network(number)] <= path["ms"] <= world.ways[path["link"]][network(number)] + 25
    answer = lab.ctl("explain", "--from", "10.77.1.2", "--to", host(1), "--protocol", "tcp", "--to-port", "443")
    assert answer["link"] == "cable" and answer["algorithm"] == "fastest"
    scores = {item["link"]: item["score"] for item in answer["candidates"]}
    assert max(scores, key=scores.get) == "cable"
    assert any("ms, " in item["reason"] and "the best so far" in item["reason"] for item in answer["candidates"])


def test_leaves_a_way_that_goes_dark(world, tell):
    learn(world, [0, 1, 2])
    assert world.destinations()[0]["best"] == "fiber"
    world.change(0, "fiber", None)
    visits = world.visit([0], rate(10), 100)
    lost = [item for item in visits if item["link"] is None]
    tell(f"{len(lost)} of {len(visits)} connections failed")
    assert 1 <= len(lost) <= 3
    assert {item["link"] for item in visits} == {None, "cable"}
    wait_for(lambda: world.measured(0, "fiber")["state"] == "excluded", 10, "the dark way to be excluded")
    # Others by that link go on as they did.
    assert world.destinations()[1]["best"] == "cable" and world.destinations()[2]["best"] == "lte"
    assert world.measured(2, "fiber")["failures"] == 0


def test_follows_a_way_that_becomes_long(world, tell):
    learn(world, [0, 1, 2])
    world.change(0, "fiber", 200)
    visits = world.visit([0], rate(40), 200)
    slow = [i for i, item in enumerate(visits) if item["link"] == "fiber"]
    tell(f"{len(slow)} of {len(visits)} connections still took the long way, the last was number {slow[-1] if slow else 0}")
    assert world.destinations()[0]["best"] == "cable"
    assert len(slow) < 60 and {item["link"] for item in visits[-40:]} <= {"cable", "lte"}


def test_a_restart_keeps_it(world):
    lab = world.lab
    learn(world)
    before = world.destinations()
    assert lab.daemon.stop() == 0
    lab.daemon.start()
    after = world.destinations()
    assert {i: item["best"] for i, item in after.items()} == {i: item["best"] for i, item in before.items()}
    for number, item in after.items():
        ages = {path["link"]: path["age_s"] for path in before[number]["links"]}
        assert all(path["age_s"] >= ages[path["link"]] for path in item["links"])
        assert abs(item["best_since"] - before[number]["best_since"]) <= 3
    # Who comes first goes the best way: nothing has to be learnt again, and there is no credit to explore.
    visits = world.visit([3, 4, 5], rate(10), 15)
    assert all(item["link"] == world.best(item["number"]) for item in visits)


def test_a_reload_forgets_what_went(world):
    lab = world.lab
    learn(world, [0, 1, 2])
    assert lab.daemon.reload(lab.config(POLICY, links=["fiber", "lte"])).returncode == 0
    for item in world.destinations().values():
        assert {path["link"] for path in item["links"]} == {"fiber", "lte"}
        assert item["best"] in ("fiber", "lte")
    assert world.destinations()[1]["best"] == "lte"
    assert lab.daemon.reload(lab.config(POLICY)).returncode == 0
    assert {path["link"] for path in world.destinations()[0]["links"]} == {"fiber", "lte"}


def test_narrows_and_bounds(world):
    lab = world.lab
    learn(world, [0, 1, 2])
    assert set(world.destinations(network(1))) == {1}
    assert set(world.destinations("198.18.2.77")) == {2}
    assert set(world.destinations("198.18.0.0/15")) == {0, 1, 2}
    assert set(world.destinations("203.0.113.0/24")) == set()
    answer = lab.ctl("paths", "--lines", "2")
    assert len(answer["destinations"]) == 2 and answer["matched"] == 3
    assert answer["destinations"][0]["popularity"] >= answer["destinations"][1]["popularity"]
    assert lab.daemon.uplinkctl("paths", "198.18.1.0/16").returncode == 1
    text = lab.daemon.uplinkctl("paths").stdout
    assert "198.18.0.0/24" in text and "explored" in text


def test_learns_only_where_asked(lab):
    world = World(lab)
    lab.start_daemon(lab.config("policies: [ { name: out, balance: { algorithm: round-robin } } ]\n"))
    world.visit([0], rate(40), 30)
    answer = lab.ctl("paths")
    assert not answer["learning"] and answer["destinations"] == []


def test_probes(lab, tell):
    """What few connections would learn too late is measured by connections of our own; they meet no policy."""
    world = World(lab)
    lab.start_daemon(lab.config(POLICY, extra="paths: { probe: true }\n"))
    world.visit([0], rate(20), 9)
    wait_for(lambda: len(world.destinations()[0]["links"]) == 3, 15, "all links to be measured")
    world.change(0, "fiber", 130)
    world.change(0, "lte", 20)
    spent = lab.ctl("paths")
    world.visit([0], rate(5), 6)
    decided = lab.ctl("status")["decisions"]
    wait_for(lambda: world.measured(0, "lte")["ms"] < 75, 30, "a probe by the way that has become short")
    assert lab.ctl("status")["decisions"] == decided
    assert lab.ctl("paths")["explored"] == spent["explored"] == 0
    assert world.destinations()[0]["best"] == "lte"
    tell(f"{lab.ctl('paths')['connections']} connections, none explored")


def test_probes_take_a_refusal_for_an_answer(lab):
    world = World(lab)
    lab.start_daemon(lab.config(POLICY, extra="paths: { probe: true }\n"))
    world.visit([0], rate(20), 9)
    wait_for(lambda: len(world.destinations()[0]["links"]) == 3, 15, "all links to be measured")
    lab.nft("inet", "add table inet refuse\nadd chain inet refuse in { type filter hook input priority 0; }\n"
                    "add rule inet refuse in ip saddr 203.0.3.2 tcp flags syn tcp dport 443 reject with tcp reset\n")
    world.change(0, "fiber", 130)
    world.change(0, "lte", 20)
    world.visit([0], rate(5), 6)
    wait_for(lambda: world.measured(0, "lte")["ms"] < 75, 30, "a probe that was refused")
    assert world.measured(0, "lte")["failures"] == 0
