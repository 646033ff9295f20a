# SPDX-License-Identifier: GPL-2.0-or-later
"""What connections show of their links: how many live on each, and how they fare."""

import json
import os
import signal
import time

import pytest

import traffic

from waiting import SLOW, rate, wait_for

POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
TARGETS = {"ipv4": "192.0.2.1", "ipv6": "[2001:db8:ffff::1]"}
# Datagrams are forgotten soon, so that nobody has to wait for their end.
QUICK_UDP = ["net.netfilter.nf_conntrack_udp_timeout=2", "net.netfilter.nf_conntrack_udp_timeout_stream=2"]


def active(lab):
    return {item["name"]: item["active"] for item in lab.ctl("links")}


def shorten(lab):
    for setting in QUICK_UDP:
        lab.run("gw", "sysctl", "-q", "-w", setting)


def begin(lab, family, count, port=80):
    """count TCP connections and as many UDP flows, each to another address, which are held."""
    target = f"{TARGETS[family]}:{port}"
    return [lab.load_start("tcp", to=target, to_range=200, rate=rate(500), count=count, hold=True),
            lab.load_start("udp", to=target.replace(f":{port}", ":7"), to_range=200, rate=rate(500), count=count,
                           hold=True)]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_live_connections_are_counted(lab, tell, family):
    """Hundreds of them, of TCP and UDP: each counts while it lives, and none afterwards."""
    shorten(lab)
    lab.start_daemon(lab.config(POLICY))
    assert sum(active(lab).values()) == 0
    loads = begin(lab, family, 300)
    wait_for(lambda: sum(active(lab).values()) == 600, 20, "600 living connections")
    tell(f"while they live: {active(lab)}")
    assert set(active(lab).values()) == {200}
    results = [load.stop() for load in loads]
    assert [result["ok"] for result in results] == [300, 300]
    wait_for(lambda: sum(active(lab).values()) <= 300, 5, "the end of TCP to be seen at once")
    wait_for(lambda: set(active(lab).values()) == {0}, 30, "the end of all")


def url(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def held(lab, count, links, place=None, **options):
    """TCP connections of which each counts while it lives, on these links alone, and none afterwards."""
    load = lab.load_start("tcp", place, rate=rate(400), count=count, hold=True, **options)
    wait_for(lambda: sum(active(lab).values()) == count, 20, f"{count} living connections")
    assert {name for name, number in active(lab).items() if number > 0} == set(links), active(lab)
    assert load.stop()["ok"] == count
    wait_for(lambda: set(active(lab).values()) == {0}, 5, "the end of all")


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_through_translated_destinations(lab, family):
    """From outside to a server inside, and from inside to somebody else than was asked for."""
    traffic.Server(lab, "lan")
    zone = lab.zones[0]
    asked = "192.0.2.77" if family == "ipv4" else "2001:db8:ffff::77"
    lab.start_daemon(lab.config(f"""policies:
  - name: server
    match: {{ from: internet, to: router, protocol: tcp, to-port: 8081 }}
    nat: {{ destination: ["{zone.client4}:80", "[{zone.client6}]:80"] }}
  - name: elsewhere
    match: {{ from: lan, to: [192.0.2.77, "2001:db8:ffff::77"] }}
    balance: {{ links: [lte] }}
    nat: {{ destination: [192.0.2.1, "2001:db8:ffff::1"] }}
"""))
    link = lab.link("cable")
    held(lab, 50, ["cable"], "inet", to=url(link.address4 if family == "ipv4" else link.address6, 8081))
    held(lab, 50, ["lte"], to=url(asked, 80))


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_of_the_gateway_itself(lab, family):
    """Its own connections count; its checks are nobody's."""
    lab.start_daemon(lab.config(POLICY, check="{ targets: [ { tcp: \"192.0.2.1:7\" } ], interval: 200ms }"))
    lab.wait_link("fiber", "up")
    held(lab, 60, ["fiber", "cable", "lte"], "gw", to=f"{TARGETS[family]}:80", to_range=50)
    assert set(active(lab).values()) == {0}


def test_a_new_daemon_counts_what_lives(lab, tell):
    """Killed while connections are held: the next one counts them, also those that began meanwhile."""
    lab.start_daemon(lab.config(POLICY))
    first = lab.load_start("tcp", to="192.0.2.1:80", to_range=200, rate=rate(500), count=150, hold=True)
    wait_for(lambda: sum(active(lab).values()) == 150, 20, "150 living connections")
    lab.daemon.kill9()
    second = lab.load_start("tcp", to="192.0.2.1:443", to_range=200, rate=rate(500), count=30, hold=True)
    wait_for(lambda: lab.flows("tcp") == 180, 20, "30 more while no daemon is there")
    lab.daemon.start()
    wait_for(lambda: sum(active(lab).values()) == 180, 5, "the new daemon to count them")
    tell(f"after the restart: {active(lab)}")
    assert first.stop()["ok"] == 150 and second.stop()["ok"] == 30
    wait_for(lambda: set(active(lab).values()) == {0}, 5, "the end of all")


def test_what_is_refused_by_a_limit_counts_nowhere(lab):
    """Decided, but dropped after that: the kernel knows nothing of it, and nobody tells its end."""
    lab.start_daemon(lab.config("""policies:
  - { name: few, limits: { connections: 10, per: source, over: drop } }
"""))
    load = lab.load_start("tcp", to="192.0.2.1:80", to_range=100, rate=rate(200), count=60, hold=True, timeout=1000)
    wait_for(lambda: sum(active(lab).values()) > 20, 5, "more to begin than may live")
    wait_for(lambda: sum(active(lab).values()) == 10, 10, "those to be taken back that were dropped")
    load.stop()
    wait_for(lambda: set(active(lab).values()) == {0}, 5, "the end of all")


# --- suspicion ----------------------------------------------------------------------------------------

TWO = "policies:\n  - name: everything\n    balance: { algorithm: round-robin, links: [fiber, cable] }\n"
SLOW_CHECK = "{ targets: [ { ping: 192.0.2.1 } ], interval: 10s }"


def many_networks(lab):
    """Servers in several networks of the internet."""
    lab.ip("inet", ["route add local 198.18.0.0/16 dev lo"])
    return [f"198.18.{number}.1:7" for number in range(1, 6)]


def fifty_a_second(lab, targets, **options):
    """Fifty connections a second, to all of them in turn."""
    return [lab.load_start("tcp", to=target, to_range=100, rate=rate(50 / len(targets)), **options) for target in targets]


def wait_all(loads):
    return [item for load in loads for item in load.wait()["attempts"]]


def begin_dropping(lab, targets, drop, **options):
    """Loads, of which some are answered before the ISP of fiber drops; and when it did."""
    loads = fifty_a_second(lab, targets, **options)
    wait_for(lambda: lab.ctl("status")["decisions"] >= rate(100), 10, "100 connections")
    return loads, drop(lab.link("fiber"))


def silence_tcp(lab):
    """The ISP forwards no TCP any more; pings still go both ways."""
    def drop(link):
        when = time.monotonic()
        lab.nft(f"isp{link.number}", "add rule inet isp hole meta l4proto tcp drop\n")
        return when
    return drop


def suspects(lab):
    return [item["name"] for item in lab.ctl("links") if item["suspect"]]


def test_a_link_that_drops_is_suspect_within_a_second(lab, tell):
    """Checks every ten seconds are still answered; connections are not."""
    targets = many_networks(lab)
    lab.start_daemon(lab.config(TWO, check=SLOW_CHECK))
    lab.wait_link("fiber", "up")
    loads, dropped = begin_dropping(lab, targets, silence_tcp(lab), seconds=8, timeout=2500)
    wait_for(lambda: suspects(lab) == ["fiber"], 3, "fiber to be suspect", pause=0.005)
    after = time.monotonic() - dropped
    explained = lab.ctl("explain", "--from", lab.zones[0].client4, "--to", "198.18.1.1", "--protocol", "tcp", "--to-port", "7")
    assert lab.link_state("fiber") == "up", "its checks say nothing"
    attempts = wait_all(loads)
    late = [item for item in attempts if item["outcome"] != "ok"]
    again = [item for item in lab.ctl("events") if "not suspect" in item["text"]]
    tell(f"suspect after {after * 1000:.0f} ms; {len(late)} of {len(attempts)} connections failed; {len(again)} tried again")
    assert after < 1 or SLOW
    reasons = {item["link"]: item["reason"] for item in explained["candidates"]}
    assert reasons["fiber"].startswith("suspect") and explained["link"] == "cable"
    # Nobody had to wait who began in the two seconds for which it is suspect at least.
    assert not [item for item in late if dropped + after + 0.1 < item["begun"] < dropped + after + 1.9]


def test_checks_of_a_suspect_link_run_at_once(lab, tell):
    """The ISP forwards nothing: the checks, which would have taken half a minute, say so within seconds."""
    targets = many_networks(lab)
    lab.start_daemon(lab.config(TWO, check=SLOW_CHECK))
    lab.wait_link("fiber", "up")
    loads, dropped = begin_dropping(lab, targets, lab.black_hole, seconds=10, timeout=2500)
    lab.wait_link("fiber", "down", deadline=8)
    took = time.monotonic() - dropped
    tell(f"down after {took:.1f} s")
    assert took < 5 or SLOW
    assert suspects(lab) == []
    wait_all(loads)


def test_a_suspect_link_gets_connections_again(lab, tell):
    targets = many_networks(lab)
    lab.start_daemon(lab.config(TWO, check=SLOW_CHECK))
    loads, _ = begin_dropping(lab, targets, silence_tcp(lab), seconds=60, timeout=1000)
    wait_for(lambda: suspects(lab) == ["fiber"], 3, "fiber to be suspect")
    lab.heal(lab.link("fiber"))
    healed = time.monotonic()
    wait_for(lambda: suspects(lab) == [], 8, "fiber to be trusted again")
    tell(f"trusted {time.monotonic() - healed:.1f} s after it works again")
    fiber = lab.link("fiber").address4
    begun = lab.server.counts("tcp").get(fiber, 0)
    wait_for(lambda: lab.server.counts("tcp").get(fiber, 0) >= begun + 10, 5, "connections on fiber")
    for load in loads:
        load.stop()
    assert suspects(lab) == []


def test_the_only_link_is_used_all_the_same(lab):
    """Suspect or not: there is no other."""
    targets = many_networks(lab)
    lab.start_daemon(lab.config("policies:\n  - { name: all, balance: { links: [fiber] } }\n", check=SLOW_CHECK,
                                links=["fiber"]))
    loads, _ = begin_dropping(lab, targets, silence_tcp(lab), seconds=60, timeout=500)
    wait_for(lambda: suspects(lab) == ["fiber"], 3, "fiber to be suspect")
    decided = lab.ctl("policies")[0]["links"]["fiber"]
    wait_for(lambda: lab.ctl("policies")[0]["links"]["fiber"] >= decided + 20, 5, "it to be taken nevertheless")
    for load in loads:
        load.stop()


def test_a_dead_server_accuses_no_link(lab):
    """Many knock at addresses of one network that do not answer, all by one link."""
    targets = many_networks(lab)
    lab.nft("inet", "table inet dead { chain in { type filter hook prerouting priority -10; "
                    "ip daddr 198.18.200.0/24 drop; }; }\n")
    lab.start_daemon(lab.config("""policies:
  - { name: dead, match: { to: 198.18.200.0/24 }, balance: { links: [fiber] } }
  - { name: rest, balance: { links: [cable] } }
""", check=SLOW_CHECK))
    knocks = lab.load_start("tcp", to="198.18.200.1:7", to_range=200, rate=rate(50), seconds=4, timeout=1000)
    others = wait_all(fifty_a_second(lab, targets, seconds=4))
    assert {item["outcome"] for item in others} == {"ok"} and knocks.wait()["ok"] == 0
    assert suspects(lab) == []
    assert not [item for item in lab.ctl("events") if "suspect" in item["text"]]


# --- the log of connections ---------------------------------------------------------------------------

LOGGED = """policies:
  - { name: web, match: { protocol: tcp }, balance: { links: [fiber] }, qos: normal }
  - { name: rest, balance: { links: [cable] } }
"""
QUICK_END = QUICK_UDP + ["net.netfilter.nf_conntrack_tcp_timeout_time_wait=1", "net.netfilter.nf_conntrack_tcp_timeout_close=1",
                         "net.netfilter.nf_conntrack_tcp_timeout_fin_wait=1", "net.netfilter.nf_conntrack_tcp_timeout_last_ack=1",
                         "net.netfilter.nf_conntrack_tcp_timeout_close_wait=1"]


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_a_line_for_each_connection(lab):
    """TCP and UDP, both families, of clients and of the gateway itself."""
    for setting in QUICK_END:
        lab.run("gw", "sysctl", "-q", "-w", setting)
    path = os.path.join(lab.folder, "connections.log")
    lab.start_daemon(lab.config(LOGGED, extra=f"connections: {{ log: {path}, limit: 1 MB }}\n"
                                              "qos: { classes: { normal: { min: 10% } }, default: normal }\n",
                                link_extra={name: "bandwidth: { download: 1 gbit, upload: 1 gbit }"
                                            for name in ("fiber", "cable", "lte")}))
    before = time.time()
    for family in ("ipv4", "ipv6"):
        assert lab.load("tcp", to=url(TARGETS[family].strip("[]"), 80), rate=rate(200), count=40)["ok"] == 40
        assert lab.load("udp", to=url(TARGETS[family].strip("[]"), 7), rate=rate(200), count=20)["ok"] == 20
    assert lab.load("tcp", "gw", to="192.0.2.1:443", rate=rate(200), count=10)["ok"] == 10
    wait_for(lambda: os.path.exists(path) and len(lines(path)) >= 130, 30, "a line for each of 130 connections", 0.1)
    found = lines(path)
    assert len(found) == 130
    for line in found:
        assert before - 1 < line["start"] <= line["end"] < time.time() + 1
        assert line["download_bytes"] > 0 and line["upload_bytes"] > 0
        assert line["policy"] == ("web" if line["protocol"] == "tcp" else "rest") and line["class"] == "normal"
        assert line["link"] == ("fiber" if line["protocol"] == "tcp" else "cable")
        assert ("handshake_ms" in line) == (line["protocol"] == "tcp")
        assert line.get("in") == ("lan0" if line["to_port"] != 443 else None)
    assert sum(line["to_port"] == 443 for line in found) == 10
    assert sum(":" in line["from"] for line in found) == 60
    clients = {(item["from"]) for item in found if item["to_port"] == 80}
    assert clients == {lab.zones[0].client4, lab.zones[0].client6}


def test_the_log_is_put_aside(lab):
    """By its limit, and by others, who say so with SIGHUP."""
    for setting in QUICK_END:
        lab.run("gw", "sysctl", "-q", "-w", setting)
    path = os.path.join(lab.folder, "connections.log")
    lab.start_daemon(lab.config(LOGGED.replace(", qos: normal", ""), extra=f"connections: {{ log: {path}, limit: 1 MB }}\n"))
    lab.load("tcp", to="192.0.2.1:80", rate=rate(200), count=20)
    wait_for(lambda: os.path.exists(path) and len(lines(path)) == 20, 20, "20 lines")
    os.rename(path, path + ".old")
    os.kill(lab.daemon.pid, signal.SIGHUP)
    lab.load("tcp", to="192.0.2.1:80", rate=rate(200), count=20)
    wait_for(lambda: os.path.exists(path) and len(lines(path)) == 20, 20, "20 lines in the new file")
    assert len(lines(path + ".old")) == 20
    with open(path, "a", encoding="utf-8") as file:
        file.write("{}\n" * 340000)
    os.kill(lab.daemon.pid, signal.SIGHUP)
    lab.load("tcp", to="192.0.2.1:80", rate=rate(200), count=20)
    wait_for(lambda: os.path.exists(path + ".1") and os.path.getsize(path) < 100000, 20, "the file to be put aside")
    wait_for(lambda: len(lines(path)) == 20, 20, "20 lines in the new file")
    # Switched off, nothing more is written; and an end loses nothing that was known.
    assert lab.daemon.reload(lab.config(LOGGED.replace(", qos: normal", ""))).returncode == 0
    lab.load("tcp", to="192.0.2.1:80", rate=rate(200), count=20)
    wait_for(lambda: lab.flows("tcp") == 0, 20, "the kernel to forget them")
    assert len(lines(path)) == 20


def test_a_log_that_cannot_be_written_is_told_once(lab):
    for setting in QUICK_END:
        lab.run("gw", "sysctl", "-q", "-w", setting)
    lab.start_daemon(lab.config(LOGGED.replace(", qos: normal", ""), extra=f"connections: {{ log: {lab.folder}/no/such/folder }}\n"))
    for _ in range(2):
        lab.load("tcp", to="192.0.2.1:80", rate=rate(200), count=20)
        wait_for(lambda: lab.flows("tcp") == 0, 20, "the kernel to forget them")
    told = wait_for(lambda: [item for item in lab.ctl("events") if "cannot be written" in item["text"]], 5, "an event")
    assert len(told) == 1 and "No such file" in told[0]["text"]
