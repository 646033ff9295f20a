# SPDX-License-Identifier: GPL-2.0-or-later
"""Links as they are loaded: capacity is learnt, connections go where there is room, and spill over where there is none."""

import os
import sys
import time

import pytest

import lab as laboratory
from waiting import SLOW, patience, wait_for

GREEDY = os.path.join(laboratory.HERE, "greedy.py")
MBIT = 1_000_000
LINE = (5 if SLOW else 10) * MBIT
PORT = 9001
LEARN = "bandwidth: learn"
GIVEN = f"bandwidth: {{ download: {LINE // 1000} kbit, upload: {LINE // 1000} kbit }}"


def narrow(lab, isp):
    """The provider's line, with the deep queue of providers."""
    for device in ("gw", "inet"):
        lab.run(isp, *f"tc qdisc add dev {device} root tbf rate {LINE}bit burst 16k latency 300ms".split())


def check(lab):
    return f"{{ targets: [{{ ping: {lab.SERVER4} }}], interval: 1s }}"


def follow_capacity(text):
    """Without the weights that the laboratory gives its links."""
    return text.replace("    weight: 1\n", "")


class Greedy:
    """Connections that bring in all they get."""

    def __init__(self, lab, count=4):
        self.process = lab.start("lan", sys.executable, GREEDY, "down", lab.SERVER4, f"{PORT}:{count}")
        self.began = time.monotonic()

    def stop(self):
        self.process.terminate()
        self.process.wait(patience(5))
        return time.monotonic()


def serve(lab):
    lab.ip("inet", [f"link set isp{number} gso_max_segs 1" for number in range(1, len(lab.links) + 1)])
    lab.start("inet", sys.executable, GREEDY, "serve", str(PORT))
    wait_for(lambda: f":{PORT}" in lab.run("inet", "ss", "-ltn").stdout, 10, "the server")


def link(lab, name):
    return next(item for item in lab.ctl("links") if item["name"] == name)


def best(lab):
    """Where a connection would go now, and the words on the candidates."""
    answer = lab.ctl("explain", "--from", "10.77.1.2", "--to", lab.SERVER4, "--protocol", "tcp", "--to-port", "7")
    return answer["link"], {item["link"]: item for item in answer["candidates"]}


@pytest.fixture
def two(make_lab):
    lab = make_lab(links=2)
    for isp in ("isp1", "isp2"):
        narrow(lab, isp)
    serve(lab)
    return lab


def test_capacity_is_learnt_and_kept(make_lab, tell):
    lab = make_lab(links=1)
    narrow(lab, "isp1")
    serve(lab)
    config = lab.config("policies:\n  - name: all\n", check=check(lab), link_extra={"fiber": LEARN})
    lab.start_daemon(config)
    lab.wait_link("fiber", "up")
    assert link(lab, "fiber")["download_capacity"] == "unknown"
    assert link(lab, "fiber")["download_capacity_bps"] is None
    wait_for(lambda: link(lab, "fiber")["latency_ms"] is not None, 10, "a round trip")
    greedy = Greedy(lab)
    seen = wait_for(lambda: link(lab, "fiber")["download_capacity"] == "learnt" and link(lab, "fiber"), 40, "a capacity")
    tell(f"learnt {seen['download_capacity_bps'] / 1e6:.2f} mbit of {LINE / 1e6:.0f} after "
         f"{time.monotonic() - greedy.began:.0f} s, sure to {seen['download_confidence']:.0%}")
    assert abs(seen["download_capacity_bps"] - LINE) < 0.2 * LINE
    assert seen["congested"] and seen["full"] and seen["download_load"] > 0.8
    assert seen["upload_capacity"] == "unknown" and seen["upload_load"] is None
    text = lab.daemon.uplinkctl("links", "fiber").stdout
    assert "(learnt, sure to" in text and "congested" in text
    greedy.stop()
    lab.daemon.stop()
    lab.start_daemon(config)
    again = link(lab, "fiber")
    assert again["download_capacity"] == "learnt"
    assert abs(again["download_capacity_bps"] - LINE) < 0.2 * LINE


def test_weights_and_classes_follow(two, tell):
    """A link that learns beside one of which all is known: weights come from both, classes from what is learnt."""
    lab = two
    qos = "qos:\n  classes:\n    normal: { min: 50% }\n  default: normal\n"
    policies = (f"policies:\n  - {{ name: bulk, match: {{ protocol: tcp, to-port: {PORT} }}, balance: {{ links: [fiber] }} }}\n"
                "  - name: all\n")
    given = f"bandwidth: {{ download: {2 * LINE // 1000} kbit, upload: {LINE // 1000} kbit }}"
    lab.start_daemon(follow_capacity(lab.config(policies, check=check(lab), extra=qos,
                                                link_extra={"fiber": LEARN, "cable": given})))
    wait_for(lambda: link(lab, "fiber")["latency_ms"] is not None, 10, "a round trip")
    assert {item["link"] for item in lab.ctl("classes")} == {"cable"}
    greedy = Greedy(lab)
    wait_for(lambda: link(lab, "fiber")["download_capacity"] == "learnt", 40, "a capacity")
    # What is learnt comes into force with the next plan.
    wait_for(lambda: link(lab, "cable")["weight"] > link(lab, "fiber")["weight"], 15, "weights in proportion")
    weights = {name: link(lab, name)["weight"] for name in ("fiber", "cable")}
    shaped = [item for item in lab.ctl("classes") if item["link"] == "fiber" and item["direction"] == "download"]
    greedy.stop()
    tell(f"weights {weights}; classes of fiber at {shaped[0]['max_bps'] / 1e6:.2f} mbit")
    assert abs(weights["fiber"] / weights["cable"] - 0.5) < 0.12
    assert all(0.75 * LINE < item["max_bps"] < 1.2 * LINE for item in shaped)


def test_spillover_starts_and_returns(two, tell):
    lab = two
    policies = "policies:\n  - name: all\n    balance: { algorithm: spillover, links: [fiber, cable] }\n"
    lab.start_daemon(lab.config(policies, check=check(lab), link_extra={"fiber": GIVEN, "cable": GIVEN}))
    wait_for(lambda: link(lab, "fiber")["latency_ms"] is not None, 10, "a round trip")
    assert best(lab)[0] == "fiber"
    assert lab.load("tcp", to=f"{lab.SERVER4}:7", rate=50, count=20).by_link() == {"fiber": 20}
    greedy = Greedy(lab)
    wait_for(lambda: best(lab)[0] == "cable", patience(6), "the first to spill", pause=0.05)
    spilt = time.monotonic()
    assert "full" in best(lab)[1]["fiber"]["reason"]
    result = lab.load("tcp", to=f"{lab.SERVER4}:7", rate=50, count=20)
    assert result.by_link() == {"cable": 20}
    stopped = greedy.stop()
    wait_for(lambda: best(lab)[0] == "fiber", patience(20), "the return", pause=0.05)
    back = time.monotonic()
    tell(f"spilt after {spilt - greedy.began:.1f} s of load, back {back - stopped:.1f} s after its end")
    # The load needs a moment itself until it fills the link.
    assert spilt - greedy.began < patience(4.7)
    assert back - spilt >= 10 and 9 < back - stopped < patience(14)


def test_least_load_goes_where_there_is_room(two, tell):
    lab = two
    policies = (f"policies:\n  - {{ name: bulk, match: {{ protocol: tcp, to-port: {PORT} }}, balance: {{ links: [fiber] }} }}\n"
                "  - name: all\n    balance: { algorithm: least-load }\n")
    lab.start_daemon(lab.config(policies, check=check(lab), link_extra={"fiber": GIVEN, "cable": GIVEN}))
    idle = lab.load("tcp", to=f"{lab.SERVER4}:7", rate=20, count=200).by_link()
    greedy = Greedy(lab)
    wait_for(lambda: link(lab, "fiber")["download_load"] > 0.85, 10, "a load")
    wait_for(lambda: link(lab, "fiber")["download_load"] > 0.85, 10, "a load")
    scores = best(lab)[1]
    busy = lab.load("tcp", to=f"{lab.SERVER4}:7", rate=2, count=20).by_link()
    greedy.stop()
    tell(f"idle {dict(idle)}, fiber busy {dict(busy)}, scores { {name: round(item['score'], 1) for name, item in scores.items()} }")
    assert min(idle["fiber"], idle["cable"]) > 60
    assert busy["cable"] >= 18
    assert scores["cable"]["score"] > scores["fiber"]["score"]
