# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits of a policy: what is within them arrives, what is over is dropped, refused or shut out; exact counts."""

import os
import time

import pytest

from lab import sanitized
from test_dos import FAMILIES, count_at, counter, elements
from waiting import SLOW, rate, wait_for


def policies(limits, extra=""):
    return (f"policies:\n  - name: limited\n    match: {{ protocol: [tcp, udp], to-port: [80, 7] }}\n"
            f"    limits: {{ {limits} }}\n{extra}  - name: rest\n")


def url(family, port=80):
    address = FAMILIES[family]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def over(lab, count=1):
    """The policy's connections over its limit; it has the first number."""
    return counter(lab, f"over-{count}")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("action", ["drop", "reject"])
def test_new_connections(lab, tell, family, action):
    """Exactly the burst of those that come at once; the others are dropped, or told at once."""
    lab.start_daemon(lab.config(policies(f"new-connections: 1/h, burst: 20, over: {action}")))
    result = lab.load(to=url(family), rate=rate(200), count=50, timeout=600)
    tell(result.figures())
    assert result["ok"] == 20
    assert result["errors"] == {"TIMEOUT" if action == "drop" else "ECONNREFUSED": 30}
    assert over(lab) == 30
    assert sum(lab.server.counts().values()) == 20
    # The other policy has no limit, and another host has a bucket of its own, in IPv4.
    assert lab.load(to=url(family, 443), rate=rate(200), count=50)["ok"] == 50
    lab.daemon.reload()
    assert lab.load(to=url(family), rate=rate(100), count=5, timeout=400)["ok"] == 0, "the reload forgot the count"
    if family == "ipv4":
        assert lab.load(to=url(family), rate=rate(200), count=30, timeout=400, bind_range="10.77.1.64/32")["ok"] == 20


@pytest.mark.parametrize("family", FAMILIES)
def test_datagrams_without_an_answer_are_one_connection(lab, family):
    """Nobody answers, so that each looks like a first one; but the connection was counted."""
    lab.start_daemon(lab.config(policies("new-connections: 1/h, burst: 1")))
    arrived = count_at(lab, "inet", "datagrams", "udp dport 7 ip daddr 192.0.2.0/24" if family == "ipv4"
                       else "udp dport 7 ip6 daddr 2001:db8:ffff::/64")
    lab.nft("inet", "table inet mute {\n chain out {\n type filter hook output priority 0; udp sport 7 drop\n }\n }\n")
    lab.run("lan", "/usr/bin/python3", "-c", SLOW_DATAGRAMS, FAMILIES[family], "20")
    wait_for(lambda: arrived() == 20, 3, "all of them")
    assert over(lab) == 0


SLOW_DATAGRAMS = """
import socket, sys, time
sender = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
for number in range(int(sys.argv[2])):
    sender.sendto(b"x", (sys.argv[1], 7))
    time.sleep(0.02)
"""


@pytest.mark.parametrize("family", FAMILIES)
def test_live_connections(lab, tell, family):
    """When some end, as many may begin again; a reload does not forget who lives."""
    lab.start_daemon(lab.config(policies("connections: 20, over: reject")))
    load = lab.load_start(to=url(family), rate=rate(200), count=50, hold=True)
    wait_for(lambda: over(lab) >= 30, 10, "30 connections too many")
    lab.daemon.reload()
    assert lab.load(to=url(family), rate=rate(100), count=5)["ok"] == 0, "the reload forgot the count"
    result = load.stop()
    tell(result.figures())
    assert sum(item["outcome"] == "ok" for item in result["attempts"]) == 20
    lab.run("gw", "conntrack", "-D", "-p", "tcp", check=False)
    lab.run("gw", "conntrack", "-D", "-p", "tcp", "-f", "ipv6", check=False)
    load = lab.load_start(to=url(family), rate=rate(200), count=20, hold=True)
    wait_for(lambda: sum(lab.server.counts().values()) >= 40, 10, "20 more at the server")
    assert load.stop()["errors"] == {}


@pytest.mark.parametrize("first, second, allowed", [("192.0.2.1", "192.0.2.2", 10), ("[2001:db8:ffff::1]", "[2001:db8:ffff::2]", 0)],
                         ids=FAMILIES)
def test_per_destination(lab, first, second, allowed):
    """Another address has a limit of its own; in IPv6 one of the same /64 has not."""
    sources = "10.77.1.64/26" if "." in first else "fd77:1::40/122"
    lab.start_daemon(lab.config(policies("new-connections: 1/h, burst: 10, per: destination, over: reject")))
    assert lab.load(to=f"{first}:80", rate=rate(200), count=20, bind_range=sources)["ok"] == 10
    lab.daemon.reload()
    assert lab.load(to=f"{second}:80", rate=rate(200), count=20, bind_range=sources)["ok"] == allowed


def test_per_all(lab):
    lab.start_daemon(lab.config(policies("new-connections: 1/h, burst: 10, per: all, over: reject")))
    assert lab.load(to="192.0.2.1:80", rate=rate(200), count=20, bind_range="10.77.1.64/26")["ok"] == 10
    assert lab.load(to="[2001:db8:ffff::1]:80", rate=rate(200), count=5)["ok"] == 0


def test_live_connections_of_all_together(lab):
    """A reload that leaves the policy as it is does not forget who lives."""
    lab.start_daemon(lab.config(policies("connections: 20, per: all, over: reject")))
    load = lab.load_start(to="192.0.2.1:80", rate=rate(200), count=30, hold=True, bind_range="10.77.1.64/26")
    wait_for(lambda: over(lab) >= 10, 10, "10 connections too many")
    assert lab.load(to="[2001:db8:ffff::1]:80", rate=rate(100), count=5)["ok"] == 0
    lab.daemon.reload()
    assert lab.load(to="192.0.2.1:80", rate=rate(100), count=5)["ok"] == 0, "the reload forgot the count"
    assert sum(item["outcome"] == "ok" for item in load.stop()["attempts"]) == 20


@pytest.mark.parametrize("family, source, site", [("ipv4", "10.77.1.2", "10.77.1.2"), ("ipv6", "fd77:9::2", "fd77:9::")],
                         ids=FAMILIES)
def test_block_for(lab, family, source, site):
    """Who is over the limit of one policy is shut out of all. IPv6 from a network without an address of the gateway."""
    if family == "ipv6":
        lab.ip("lan", ["addr add fd77:9::2/128 dev eth0 nodad"])
        lab.ip("gw", ["route add fd77:9::/64 via fd77:1::2"])
    lab.start_daemon(lab.config(policies("new-connections: 1/h, burst: 5, block-for: 10m")))
    own = {"bind_range": f"{source}/{32 if family == 'ipv4' else 128}"}
    lab.load(to=url(family), rate=rate(200), count=20, timeout=400, **own)
    wait_for(lambda: elements(lab, f"blocked-{family[-1]}") == [site], 3, "the source to be shut out")
    found = wait_for(lambda: lab.ctl("blocked"), 3, "blocked to tell it")
    assert [(item["address"].partition("/")[0], item["policy"], item["detector"]) for item in found] == [(site, "limited", None)]
    lab.daemon.reload()
    assert lab.load(to=url(family, 443), rate=rate(100), count=5, timeout=400, **own)["ok"] == 0
    assert lab.load(to=url(family, 443), rate=rate(100), count=5, timeout=400)["ok"] == (0 if family == "ipv4" else 5)
    assert lab.daemon.uplinkctl("unblock", source).returncode == 0
    assert lab.load(to=url(family, 443), rate=rate(100), count=5, **own)["ok"] == 5


def processor_time(pid):
    """Seconds that a process took of it so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_block_for_of_many(lab, tell):
    """Whichever of 600 policies it is, its offender is shut out as soon; and watching all of them takes next to nothing."""
    limits = "limits: { new-connections: 1/h, burst: 5, block-for: 10m }"
    many = "".join(f"  - {{ name: policy-{i}, match: {{ protocol: tcp, to-port: {5000 + i} }}, {limits} }}\n" for i in range(600))
    lab.start_daemon(lab.config(f"policies:\n{many}  - name: rest\n"))
    before, begun = processor_time(lab.daemon.pid), time.monotonic()
    time.sleep(3)
    share = (processor_time(lab.daemon.pid) - before) / (time.monotonic() - begun)
    took = []
    for i, source in ((599, "10.77.1.70"), (3, "10.77.1.71"), (599, "10.77.1.72")):
        assert lab.load(to=url("ipv4", 5000 + i), rate=rate(200), count=20, timeout=400,
                        bind_range=f"{source}/32")["ok"] <= 5
        begun = time.monotonic()
        wait_for(lambda who=source: who in elements(lab, "blocked-4"), 3, f"{source} to be shut out")
        took.append(time.monotonic() - begun)
    tell(f"{share * 100:.1f} % of a processor to watch; shut out {', '.join(f'{seconds:.2f}' for seconds in took)} s after the load")
    assert len(lab.ctl("blocked")) == 3
    assert share < 0.08 * (10 if sanitized() or SLOW else 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_limits_hold_without_the_daemon(lab, family):
    lab.start_daemon(lab.config(policies("new-connections: 1/h, burst: 10, over: reject")))
    assert lab.load(to=url(family), rate=rate(200), count=4)["ok"] == 4
    lab.daemon.kill9()
    assert lab.load(to=url(family), rate=rate(200), count=20)["ok"] == 6


@pytest.mark.parametrize("family", FAMILIES)
def test_bandwidth(lab, tell, family):
    """A transfer of ten seconds carries what is allowed, and what one second brings on top."""
    bits = 8_000_000
    lab.start_daemon(lab.config("policies:\n  - name: limited\n    limits: { bandwidth: 8 mbit }\n"))
    address = FAMILIES[family]
    sink = lab.start("inet", "/usr/bin/python3", "-c", SINK, address, "9000")
    wait_for(lambda: ":9000" in lab.run("inet", "ss", "-ltn").stdout, 5, "the sink")
    source = lab.run("lan", "/usr/bin/python3", "-c", SOURCE, address, "9000", "5")
    seconds, count = (float(word) for word in source.stdout.split())
    sink.wait(10)
    with open(sink.log, encoding="utf-8") as file:
        received = int(file.read())
    allowed = bits / 8 * (seconds + 1) + 65536
    tell(f"{received} bytes in {seconds:.2f} s: {received * 8 / seconds / 1e6:.2f} mbit/s; {allowed:.0f} are allowed")
    assert received <= allowed and received <= count
    assert received >= 0.5 * bits / 8 * seconds
    assert counter(lab, "excess-1") > 0


SINK = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family)
peer, total = listener.accept()[0], 0
while data := peer.recv(1 << 16):
    total += len(data)
print(total, flush=True)
"""
SOURCE = """
import socket, sys, time
peer, total, begin = socket.create_connection((sys.argv[1], int(sys.argv[2]))), 0, time.monotonic()
while time.monotonic() < begin + float(sys.argv[3]):
    total += peer.send(bytes(1 << 14))
peer.shutdown(socket.SHUT_WR)
peer.settimeout(20)
peer.recv(1)
print(time.monotonic() - begin, total)
"""


REFUSALS = """
policies:
  - { name: forbidden, match: { to-port: 443, protocol: [tcp, udp] }, action: drop }
  - { name: refused, match: { to-port: 5060, protocol: [tcp, udp] }, action: reject }
  - name: rest
"""


def policy(lab, name):
    return next(item for item in lab.ctl("policies") if item["name"] == name)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_refusals_are_repeated_by_the_kernel(lab, tell, family, protocol):
    """The daemon is asked once; each refusal is counted; a reload with another policy holds at once."""
    lab.start_daemon(lab.config(REFUSALS))
    before = lab.ctl("status")["decisions"]
    dropped = lab.load(protocol, to=url(family, 443), rate=rate(100), count=50, timeout=300)
    rejected = lab.load(protocol, to=url(family, 5060), rate=rate(100), count=50, timeout=300)
    asked = lab.ctl("status")["decisions"] - before
    tell(f"100 connections, the daemon was asked {asked} times")
    assert dropped["errors"] == {"TIMEOUT": 50}
    # The kernel sends six ICMP errors to a host at once and then one each second.
    assert rejected["errors"].get("ECONNREFUSED", 0) == 50 or protocol == "udp" and rejected["ok"] == 0
    assert 2 <= asked <= 10
    assert policy(lab, "forbidden")["dropped"] == 50 and policy(lab, "refused")["dropped"] == 50
    lab.daemon.reload(lab.config("policies:\n  - name: rest\n"))
    assert lab.load(protocol, to=url(family, 443), rate=rate(100), count=20)["ok"] == 20


def test_refusals_are_not_kept_where_more_counts(lab):
    """A policy that looks at the source's port: the next connection may be another's."""
    text = REFUSALS.replace("  - name: rest", "  - { name: low, match: { protocol: tcp, from-port: 1-1023 } }\n  - name: rest")
    lab.start_daemon(lab.config(text))
    before = lab.ctl("status")["decisions"]
    lab.load(to=url("ipv4", 443), rate=rate(100), count=20, timeout=300)
    assert lab.ctl("status")["decisions"] - before >= 20
    assert policy(lab, "forbidden")["dropped"] == 20


CLASSES = """qos:
  classes:
    normal:  { min: 10% }
    penalty: { max: 1 mbit, priority: 7 }
  default: normal
policies:
  - name: limited
    match: { protocol: udp }
    limits: { bandwidth: 4 mbit, over: { class: penalty } }
"""
STEADY = """
import socket, sys, time
family, rate, seconds = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, float(sys.argv[2]), float(sys.argv[3])
sender, begin, sent = socket.socket(family, socket.SOCK_DGRAM), time.monotonic(), 0
while time.monotonic() < begin + seconds:
    if sent * 8000 <= rate * (time.monotonic() - begin):
        sender.sendto(bytes(1000), (sys.argv[1], 7))
        sent += 1
    else:
        time.sleep(0.0005)
"""


@pytest.mark.parametrize("family", FAMILIES)
def test_over_the_bandwidth_is_another_class_for_a_while(lab, tell, family):
    """Within two seconds it has what the class has; five quiet seconds later all is as before."""
    link = "bandwidth: { download: 20 mbit, upload: 20 mbit }"
    lab.start_daemon(lab.config("policies:\n  - name: limited\n", link_extra={"fiber": link}, links=["fiber"]))
    config = lab.config(CLASSES, link_extra={item.name: link for item in lab.links}, links=["fiber"])
    done = lab.daemon.reload(config)
    if "`qos' is not known" in done.stderr:
        pytest.skip("this build has no classes")
    assert done.returncode == 0, done.stderr
    lab.nft("inet", "table inet mute {\n chain out {\n type filter hook output priority 0; udp sport 7 drop\n }\n }\n")
    arrived = count_at(lab, "inet", "datagrams", "udp dport 7 meta nfproto " + family)
    penalty = "penalty-1-4" if family == "ipv4" else "penalty-1-6"

    def mbit(seconds, wanted):
        """What arrives of a steady stream, after its first two seconds."""
        process = lab.start("lan", "/usr/bin/python3", "-c", STEADY, FAMILIES[family], str(wanted * 1e6), str(seconds + 2))
        begin = time.monotonic()
        wait_for(lambda: time.monotonic() > begin + 2, 5, "two seconds")
        before, since = arrived(), time.monotonic()
        inside = bool(elements(lab, penalty))
        process.wait(20)
        return (arrived() - before) * 8000 / (time.monotonic() - since) / 1e6, inside
    within, inside = mbit(2, 3)
    assert not inside and within > 2.7
    over_it, inside = mbit(3, 10)
    tell(f"3 mbit/s within the limit: {within:.2f} arrive; 10 mbit/s: {over_it:.2f} arrive after two seconds")
    assert inside and over_it < 1.2
    wait_for(lambda: not elements(lab, penalty), 8, "the penalty to end")
    again, inside = mbit(2, 3)
    tell(f"and 3 mbit/s afterwards: {again:.2f}")
    assert not inside and again > 2.7
