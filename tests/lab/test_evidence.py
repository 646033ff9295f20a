# SPDX-License-Identifier: GPL-2.0-or-later
"""What speaks for and against a link beside its own checks: its neighbour, real traffic, the fate of a target elsewhere."""

import time

from test_failover import POLICY, TARGETS
from waiting import rate, wait_for


def links(lab):
    return {item["name"]: item for item in lab.ctl("links")}


def states(lab):
    return {name: item["state"] for name, item in links(lab).items()}


def told(lab, *words):
    return any(all(word in event["text"] for word in words) for event in lab.ctl("events"))


def echoes(lab, answered, *places):
    for place in places:
        for key in "net.ipv4.icmp_echo_ignore_all", "net.ipv6.icmp.echo_ignore_all":
            lab.run(place, "sysctl", "-qw", f"{key}={0 if answered else 1}")


def connect(lab, count=30, per_second=100):
    return lab.load(to=TARGETS["ipv4"], to_range=50, rate=rate(per_second), count=count, timeout=900)


def test_a_neighbour_that_answers_to_no_echo(lab):
    """The gateways do not answer to pings; one of them is gone, and nothing but ARP tells."""
    echoes(lab, False, "isp1", "isp2", "isp3")
    lab.start_daemon(lab.config(POLICY, check="{ targets: [ { neighbour: gateway } ], interval: 100ms, up-after: 2 }"))
    wait_for(lambda: all((item["latency_ms"] or 0) > 0 for item in links(lab).values()), 10, "neighbours to answer")
    assert set(states(lab).values()) == {"up"}
    before = links(lab)["lte"]["probe_bytes"]
    wait_for(lambda: links(lab)["lte"]["probe_bytes"] >= before + 5 * 56, 10, "ten packets of ARP to be counted")
    lab.run("isp1", "sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=8")
    lab.wait_link("fiber", "down")
    assert states(lab) == {"fiber": "down", "cable": "up", "lte": "up"}
    lab.run("isp1", "sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=0")
    lab.wait_link("fiber", "up")


def test_a_target_that_is_dead_everywhere(lab, tell):
    """The shared target dies: no link with traffic goes down, and the last one is used without any."""
    lab.start_daemon(lab.config(POLICY, check="{ targets: [ { ping: 192.0.2.1 } ], interval: 200ms, up-after: 2 }"))
    wait_for(lambda: all((item["latency_ms"] or 0) > 0 for item in links(lab).values()), 20, "checks to have an answer")
    load = lab.load_start(to=TARGETS["ipv4"], to_range=50, rate=rate(100), count=int(rate(100) * 4), timeout=900)
    wait_for(lambda: sum(lab.server.counts("tcp").values()) >= rate(100), 10, "traffic")
    echoes(lab, False, "inet")
    wait_for(lambda: all(told(lab, "ping 192.0.2.1 answers on no link", f"link {name} stays up")
                         for name in links(lab)), 10, "the dead target to be told of on every link")
    result = load.wait()
    assert set(states(lab).values()) == {"up"}
    assert result["ok"] == len(result["attempts"])
    assert not told(lab, "down")
    echoes(lab, True, "inet")
    wait_for(lambda: told(lab, "answers again"), 10, "the target to be back")
    # A link that is dead on its own is found as ever.
    lab.black_hole(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    assert states(lab) == {"fiber": "down", "cable": "up", "lte": "up"}
    lab.heal(lab.link("fiber"))
    lab.wait_link("fiber", "up")
    until = time.monotonic() + 6
    wait_for(lambda: time.monotonic() > until, 10, "the last proof by traffic to be old")
    # Without traffic nothing speaks for any of them, but the last one still takes connections: and is up for them.
    echoes(lab, False, "inet")
    wait_for(lambda: "used all the same" in " ".join(event["text"] for event in lab.ctl("events")), 15,
             "the last link to be used all the same")
    last = connect(lab)
    assert last["ok"] == 30 and len(last.by_link()) == 1
    used = next(iter(last.by_link()))
    lab.wait_link(used, "up")
    tell(f"{used} was the last one: {last.figures()}")
    echoes(lab, True, "inet")
    for name in states(lab):
        lab.wait_link(name, "up")


def test_sparing(lab, tell):
    """Few checks while nothing speaks against a link, and at once when its traffic is not answered."""
    check = "{ targets: [ { ping: 192.0.2.1 } ], interval: 100ms, sparing: { busy: 20s, idle: 15s } }"
    lab.start_daemon(lab.config(POLICY, check=check))
    wait_for(lambda: all(item["probe_bytes"] >= 5 * 120 for item in links(lab).values()), 10, "the first rounds")
    connect(lab)
    settled = {name: item["probe_bytes"] for name, item in links(lab).items()}
    until = time.monotonic() + 3
    wait_for(lambda: time.monotonic() > until, 10, "three seconds without much to check")
    more = {name: item["probe_bytes"] - settled[name] for name, item in links(lab).items()}
    tell(f"bytes of checks in 3 s instead of 3,600: {more}")
    assert all(value <= 5 * 120 for value in more.values())
    load = lab.load_start(to=TARGETS["ipv4"], to_range=50, rate=rate(100), count=int(rate(100) * 8), timeout=900)
    when = lab.black_hole(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    tell(f"down {time.monotonic() - when:.2f} s after the black hole")
    assert time.monotonic() - when < 6
    load.stop()


def test_flapping(lab):
    """Three times down: up, but avoided, until it is the only one."""
    check = "{ targets: [ { ping: 192.0.2.1 } ], interval: 100ms, up-after: 1 }"
    lab.start_daemon(lab.config(POLICY, check=check))
    for _ in range(3):
        lab.cut_carrier(lab.link("fiber"))
        lab.wait_link("fiber", "down")
        lab.restore_carrier(lab.link("fiber"))
        lab.wait_link("fiber", "up")
    item = links(lab)["fiber"]
    assert (item["state"], item["reason"], item["flapping"]) == ("up", "flapping", True)
    assert told(lab, "link fiber is flapping")
    assert set(connect(lab).by_link()) == {"cable", "lte"}
    reasons = {item["link"]: item["reason"] for item in lab.ctl(
        "explain", "--from", "10.77.1.2", "--to", "192.0.2.1", "--protocol", "tcp", "--to-port", "7")["candidates"]}
    assert reasons["fiber"].startswith("flapping")
    for name in "cable", "lte":
        lab.cut_carrier(lab.link(name))
        lab.wait_link(name, "down")
    assert dict(connect(lab).by_link()) == {"fiber": 30}
