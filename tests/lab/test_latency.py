# SPDX-License-Identifier: GPL-2.0-or-later
"""lowest-latency over links that really are quicker and slower: traffic goes by the quickest, and stays where that is noise."""

import os
import time

import pytest

from waiting import wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
POLICY = """policies:
  - name: calls
    balance: { algorithm: lowest-latency, links: [fiber, cable, lte] }
"""
TARGETS = {"ipv4": "192.0.2.1:7", "ipv6": "[2001:db8:ffff::1]:7"}
CHECK = "{ targets: [{ tcp: 192.0.2.1:7 }], interval: 500ms, down-after: 3, up-after: 2 }"
CHECKS = {"fiber": CHECK, "cable": CHECK}


class Slow:
    """Delays of links, from the gateway to the internet."""

    def __init__(self, lab):
        self.lab = lab

    def set(self, name, ms):
        path = os.path.join(self.lab.folder, f"delay-{name}")
        known = os.path.exists(path)
        with open(path, "w", encoding="ascii") as file:
            file.write(str(ms))
        if not known:
            self._start(self.lab.link(name), path)

    def _start(self, link, path):
        place, n = f"isp{link.number}", link.number
        self.lab.start(place, "/usr/bin/python3", os.path.join(HERE, "slow.py"), "slow", path)
        wait_for(lambda: "slow" in self.lab.run(place, "ip", "-br", "link").stdout, 5, "the device that holds back")
        self.lab.ip(place, ["link set slow up", f"route add default via 10.99.{n}.2 table 100",
                            f"route add ::/0 via fd99:{n}::2 table 100", "rule add iif slow lookup 100",
                            "route replace default dev slow"])
        self.lab.run(place, "ip", "-6", "rule", "add", "iif", "slow", "lookup", "100")
        self.lab.run(place, "ip", "-6", "route", "replace", "::/0", "dev", "slow")


@pytest.fixture(name="slow")
def slow_links(lab):
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("no /dev/net/tun: nothing can hold packets back")
    return Slow(lab)


def explained(lab):
    answer = lab.ctl("explain", "--from", "10.77.1.2", "--to", "192.0.2.1", "--protocol", "tcp", "--to-port", "7")
    return answer["link"], {item["link"]: item for item in answer["candidates"]}


def chosen(lab):
    return explained(lab)[0]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_the_quicker_link(lab, tell, slow, family):
    slow.set("fiber", 60)
    slow.set("cable", 8)
    lab.start_daemon(lab.config(POLICY, check=CHECKS))
    wait_for(lambda: chosen(lab) == "cable", 15, "cable, which is quicker")
    result = lab.load("tcp", to=TARGETS[family], rate=50, count=50)
    assert dict(result.by_link()) == {"cable": 50}
    _, candidates = explained(lab)
    tell(", ".join(f"{name}: {item['score']:.4g}, {item['reason']}" for name, item in candidates.items()))
    assert candidates["cable"]["score"] > candidates["fiber"]["score"] > candidates["lte"]["score"] > 0
    assert 1000 / candidates["fiber"]["score"] == pytest.approx(62, abs=20)
    assert candidates["cable"]["reason"].startswith("chosen; ") and candidates["cable"]["reason"].endswith(" ms")
    assert candidates["lte"]["reason"] == "usable; delay not known"


def test_a_change_is_followed_and_outlives_reloads(lab, tell, slow):
    slow.set("fiber", 40)
    slow.set("cable", 65)
    lab.start_daemon(lab.config(POLICY, check=CHECKS))
    wait_for(lambda: all(explained(lab)[1][name]["reason"].endswith(" ms") for name in CHECKS), 10, "both to be measured")
    wait_for(lambda: chosen(lab) == "fiber", 15, "fiber, which is quicker")
    wait_for(lambda: lab.ctl("status")["uptime_s"] > 11, 20, "the first seconds to pass, in which nothing is kept")
    when = time.monotonic()
    slow.set("cable", 25)
    wait_for(lambda: "kept for now" in explained(lab)[1]["fiber"]["reason"], 5, "cable to be quicker")
    assert chosen(lab) == "fiber"
    # A new snapshot does not begin the ten seconds anew.
    lab.daemon.reload(lab.config(POLICY + "  - name: never\n    match: { to-port: 1, protocol: tcp }\n", check=CHECKS))
    wait_for(lambda: chosen(lab) == "cable", 30, "cable, which is quicker now")
    took = time.monotonic() - when
    tell(f"from 65 to 25 ms beside 40: followed after {took:.1f} s")
    assert took > 9.5
    # Far worse, and not at all.
    when = time.monotonic()
    slow.set("cable", 200)
    wait_for(lambda: chosen(lab) == "fiber", 6, "fiber, while cable is far worse")
    tell(f"from 25 to 200 ms: left after {time.monotonic() - when:.1f} s")
    lab.cut_carrier(lab.link("fiber"))
    wait_for(lambda: chosen(lab) == "cable", 5, "cable, while fiber is down")
    result = lab.load("tcp", to=TARGETS["ipv4"], rate=50, count=20)
    assert dict(result.by_link()) == {"cable": 20}
