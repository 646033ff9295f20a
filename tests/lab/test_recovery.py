# SPDX-License-Identifier: GPL-2.0-or-later
"""Links fail and come back: what becomes of connections, by tiers and `on-recovery', `together' and `if-none'."""

import collections
import json
import os
import signal
import sys
import time

import lab as laboratory
import traffic
from waiting import SLOW, patience, wait_for

SERVER = "192.0.2.1"
WIRED = {"fiber", "cable"}
POLICIES = """
policies:
  - name: keep
    match: { protocol: [tcp, udp], to-port: 7 }
    balance: { links: [[fiber, cable], lte] }
  - name: cut
    match: { protocol: [tcp, udp], to-port: [80, 53] }
    balance: { links: [[fiber, cable], lte], on-recovery: cut }
  - name: idle
    match: { protocol: tcp, to-port: 443 }
    balance: { algorithm: priority, links: [fiber, cable, lte], on-recovery: move-idle }
  - name: sip
    match: { protocol: [tcp, udp], to-port: 5060 }
    balance: { algorithm: random, links: [[fiber, cable], lte], together: by source, on-recovery: move-idle }
  - name: rtp
    match: { protocol: [tcp, udp], to-port: [443, 8080-8089] }
    balance: { algorithm: random, links: [[fiber, cable], lte], together: by source, on-recovery: move-idle }
"""


class Restless:
    """Clients of restless.py, and what they told."""

    def __init__(self, lab, flows):
        self.lab = lab
        script = os.path.join(laboratory.HERE, "restless.py")
        self.process = lab.start("lan", sys.executable, script, json.dumps(flows))

    def told(self):
        with open(self.process.log, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().split("\n")[:-1]]

    def now(self, prefix=""):
        """By name of the flow, the link that its last answer came by."""
        return {item["name"]: self.lab.link_of(item["seen"]) for item in self.told()
                if "seen" in item and item["name"].startswith(prefix)}

    def links(self, prefix=""):
        return set(self.now(prefix).values())

    def moves(self, since, prefix=""):
        """How often flows went to another link since then."""
        return sum(item["at"] >= since and "seen" in item and "end" not in item for item in self.told()
                   if item["name"].startswith(prefix))

    def resets(self, since, prefix=""):
        return sum(item["at"] >= since and "reset" in item for item in self.told() if item["name"].startswith(prefix))

    def latest(self, since, prefix=""):
        """When the last of them moved, in seconds since then."""
        return max(item["at"] - since for item in self.told()
                   if item["name"].startswith(prefix) and "seen" in item and "end" not in item)

    def wake(self):
        """Those that are idle ask once. The process that was started is `ip', which has become Python."""
        self.process.send_signal(signal.SIGUSR1)

    def stop(self):
        """The last word of each flow."""
        self.process.terminate()
        self.process.wait(patience(10))
        return {item["name"]: item for item in self.told() if "end" in item}


def flow(name, kind, port, source, every=0.05):
    return {"name": name, "kind": kind, "from": f"10.77.1.{source}", "to": SERVER, "port": port, "every": every}


def clients():
    for i in range(12):
        source = 64 + i
        yield flow(f"keep-tcp-{i}", "tcp", 7, source)
        yield flow(f"keep-udp-{i}", "udp", 7, source)
        yield flow(f"cut-tcp-{i}", "tcp", 80, source)
        yield flow(f"cut-udp-{i}", "udp", 53, source)
    for i in range(6):
        yield flow(f"idle-silent-{i}", "tcp", 443, 80 + i, every=0)
        yield flow(f"idle-busy-{i}", "tcp", 443, 80 + i, every=0.2)
        # Telephones: those that talk, and those that are only registered.
        yield flow(f"phone-talks-{i}-sip", "udp", 5060, 90 + i, every=2)
        yield flow(f"phone-talks-{i}-rtp", "udp", 443, 90 + i, every=0.02)
        yield flow(f"phone-hangs-{i}-sip", "udp", 5060, 100 + i, every=0)
        yield flow(f"phone-hangs-{i}-web", "tcp", 8080, 100 + i, every=0)


def split_phones(restless):
    """Telephones whose flows go by different links."""
    links = collections.defaultdict(set)
    for name, link in restless.now("phone-").items():
        links[name.rpartition("-")[0]].add(link)
    return [name for name, found in links.items() if len(found) > 1]


def fail(lab, *names):
    when = [lab.cut_carrier(lab.link(name)) for name in names][-1]
    for name in names:
        lab.wait_link(name, "down")
    return when


def bring_back(lab, *names):
    when = [lab.restore_carrier(lab.link(name)) for name in names][-1]
    for name in names:
        lab.wait_link(name, "up", deadline=20)
    return when


def test_failover_and_failback(lab, tell):
    """After a second no flow is left on a link that failed; when it is back they stay, go, or go once they are idle."""
    grace = 1.0 if not SLOW else 5.0
    names = {item["name"] for item in clients()}
    lab.start_daemon(lab.config(POLICIES))
    restless = Restless(lab, list(clients()))
    wait_for(lambda: set(restless.now()) == names, 20, "every flow to have an answer")
    assert restless.links() == WIRED
    assert split_phones(restless) == []

    speaking = [name for name in names if "silent" not in name and "hangs" not in name and not name.endswith("-sip")]
    for victim, rest in (("fiber", {"cable"}), ("cable", {"lte"})):
        failed = fail(lab, victim)
        restless.wake()
        wait_for(lambda: restless.links() == rest, 10, f"all flows to leave {victim}")
        slowest = max(restless.latest(failed, name) for name in speaking)
        tell(f"{victim} failed: the last of {len(speaking)} flows was elsewhere after {slowest:.2f} s")
        assert slowest < grace
        assert split_phones(restless) == []

    back = bring_back(lab, "fiber", "cable")
    wait_for(lambda: restless.links("cut-") <= WIRED, 10, "connections to be cut")
    tell(f"cut: moved back {restless.latest(back, 'cut-'):.2f} s after the links were up")
    # The first SYN by a link that has just come up may be lost there, and is sent again after a second.
    assert restless.latest(back, "cut-udp") < grace and restless.latest(back, "cut-tcp") < grace + 1.2
    asked = lab.ctl("explain", "--from", "10.77.1.70", "--to", SERVER, "--protocol", "tcp", "--to-port", "7")
    assert {item["link"]: (item["tier"], item["reason"]) for item in asked["candidates"]}["lte"] == \
        (2, "backup: tier 1 is usable")

    # What is idle has moved by itself: its next packet goes by the better link, of a telephone all or nothing.
    quiet = [name for name in names if "silent" in name or "hangs" in name]
    wait_for(lambda: idle_left(lab) == 0, 40, "all idle connections to be forgotten")
    woken = time.monotonic()
    restless.wake()
    wait_for(lambda: all(restless.now()[name] in WIRED for name in quiet), 10, "what was idle to be back")
    tell(f"idle: forgotten {woken - back:.1f} s after the links were up, back {restless.latest(woken, 'phone-hangs'):.2f} s "
         "after their next packet")
    assert restless.links("idle-silent") == {"fiber"}
    assert split_phones(restless) == []
    for prefix in ("keep-", "idle-busy", "phone-talks"):
        assert restless.links(prefix) == {"lte"}, prefix
        assert restless.moves(back, prefix) == 0 and restless.resets(back, prefix) == 0, prefix
    last = restless.stop()
    assert all(last[name]["last"] > back + 5 for name in speaking)


def idle_left(lab):
    """Connections of idle clients that the gateway still has on lte."""
    lte = lab.link("lte").address4
    quiet = {f"10.77.1.{number}" for number in range(100, 106)}
    return sum(item["seen"] == lte and (item["from"] in quiet) for item in lab.conntrack())


ONE_WAY = """
policies:
  - name: all
    match: { protocol: [tcp, udp] }
    balance: { links: [[fiber], lte], if-none: drop, on-recovery: cut }
"""


def some_clients(count=8):
    return [flow(f"{kind}-{i}", kind, 7, 64 + i) for i in range(count) for kind in ("tcp", "udp")]


def test_nowhere_to_go_and_drained(lab, tell):
    """What a failed link kept, for there was no other, follows once there is one. What came in by a link stays on it."""
    grace = 1.0 if not SLOW else 5.0
    inside = traffic.Server(lab, "lan")
    only4 = {"fiber": f"gateway: {lab.link('fiber').gateway4}"}
    lab.start_daemon(lab.config(ONE_WAY, link_extra=only4))
    restless = Restless(lab, some_clients())
    names = {item["name"] for item in some_clients()}
    wait_for(lambda: set(restless.now()) == names, 20, "every flow to have an answer")
    fail(lab, "lte")
    fail(lab, "fiber")
    before = {item["from_port"] for item in lab.conntrack() if item["protocol"] == "udp" and item["to"] == SERVER}
    assert len(before) == 8, "connections are left alone while there is nowhere to go"
    back = bring_back(lab, "lte")
    wait_for(lambda: restless.links() == {"lte"}, 10, "all flows to move to lte")
    # TCP may have waited for its own timer meanwhile.
    tell(f"with lte back, UDP went by it after {restless.latest(back, 'udp'):.2f} s")
    assert restless.latest(back, "udp") < grace

    lab.delegate(lab.link("lte"))
    caller = lab.load_start(place="inet", to=f"{lab.INSIDE4}:7", rate=200, count=10, hold=True, **{"from": "192.0.2.200"})
    # fiber has no way for IPv6: it is not better for that.
    six = lab.load_start(to="[2001:db8:ffff::1]:7", rate=200, count=10, hold=True)
    wait_for(lambda: sum(inside.counts().values()) == 10, 20, "connections from the internet")
    wait_for(lambda: lab.link("lte").address6 in lab.server.counts(), 20, "connections of IPv6")
    back = bring_back(lab, "fiber")
    wait_for(lambda: restless.links() == {"fiber"}, 10, "all flows to be back on fiber")
    assert restless.latest(back) < grace + 1.2

    drained = time.monotonic()
    lab.daemon.uplinkctl("drain", "fiber", "--deadline", "2s")
    wait_for(lambda: lab.load(to=f"{SERVER}:80", rate=200, count=5).by_link() == {"lte": 5}, 5, "new ones to go by lte")
    assert restless.moves(drained) == 0 and lab.link_state("fiber") == "draining"
    lab.wait_link("fiber", "disabled")
    ended = time.monotonic()
    wait_for(lambda: restless.links() == {"lte"}, 10, "all flows to leave the drained link")
    assert restless.latest(ended) < grace
    enabled = time.monotonic()
    lab.daemon.uplinkctl("enable", "fiber")
    wait_for(lambda: restless.links() == {"fiber"}, 10, "all flows to be back once more")
    assert restless.latest(enabled) < grace
    for result in (caller.stop(), six.stop()):
        assert {item["outcome"] for item in result["attempts"]} == {"ok"} and result["ok"] == 10
    assert dict(result.by_link()) == {"lte": 10}
    restless.stop()


IF_NONE = """
policies:
  - name: drop
    match: { protocol: tcp, to-port: 7 }
    balance: { links: [[fiber], cable], if-none: drop }
  - name: whatever
    match: { protocol: tcp, to-port: 80 }
    balance: { links: [[fiber], cable], if-none: any, on-recovery: cut }
  - name: next
    match: { protocol: tcp, to-port: 443 }
    balance: { links: [[fiber], cable], if-none: next }
  - name: other
    match: { protocol: tcp, to-port: 443 }
    balance: { links: lte }
"""


def ways(lab):
    """By port: which links connections take now."""
    found = {}
    for port in (7, 80, 443):
        result = lab.load(to=f"{SERVER}:{port}", to_range=10, rate=500, count=10, timeout=300)
        found[port] = dict(result.by_link())
    return found


def expect_ways(lab, first, second, third):
    """The daemon says so, and so does the kernel alone."""
    expected = {port: {link: 10} if link else {} for port, link in zip((7, 80, 443), (first, second, third))}
    assert ways(lab) == expected
    lab.daemon.kill9()
    assert ways(lab) == expected, "without the daemon"
    lab.daemon.start()


def test_if_none_with_tiers(lab):
    lab.start_daemon(lab.config(IF_NONE))
    expect_ways(lab, "fiber", "fiber", "fiber")
    fail(lab, "fiber")
    expect_ways(lab, "cable", "cable", "cable")
    fail(lab, "cable")
    expect_ways(lab, None, "lte", "lte")
    # lte is none of the links of the policy that took it: it is left when one of them is back.
    held = [lab.load_start(to=f"{server}:80", rate=200, count=10, hold=True) for server in (SERVER, "[2001:db8:ffff::1]")]
    others = lab.load_start(to=f"{SERVER}:443", rate=200, count=10, hold=True)
    lte = (lab.link("lte").address4, lab.link("lte").address6)
    wait_for(lambda: sum(item["to_port"] in (80, 443) and item["seen"] in lte for item in lab.conntrack()) >= 30, 10,
             "connections on lte")
    bring_back(lab, "cable")
    wait_for(lambda: "20 connections cut, for a better link is back" in json.dumps(lab.ctl("events")), 5, "the event")
    for load in held:
        assert {(item["outcome"], item["error"]) for item in load.wait()["attempts"]} == {("reset", "ECONNRESET")}
    assert {item["outcome"] for item in others.stop()["attempts"]} == {"ok"}
