# SPDX-License-Identifier: GPL-2.0-or-later
"""What is too much of anything: counted exactly, and who sends it is shut out, told of, and let in again."""

import json
import re
import time

import pytest

from lab import sanitized
from test_alerts import ALERTS, Mailbox, body
from waiting import patience, rate, wait_for

FAMILIES = {"ipv4": "192.0.2.1", "ipv6": "2001:db8:ffff::1"}
POLICY = "policies:\n  - name: everything\n"


def dos(text):
    return f"dos: {{ {text} }}\n"


def counter(lab, name):
    """Packets of a named counter of the gateway's table."""
    text = lab.run("gw", "nft", "-j", "list", "counter", "inet", "uplinkd", name).stdout
    return next(item["counter"]["packets"] for item in json.loads(text)["nftables"] if "counter" in item)


def elements(lab, name):
    """Addresses in a set of the gateway's table."""
    kind = "map" if name.startswith("answers") else "set"
    text = lab.run("gw", "nft", "-j", "list", kind, "inet", "uplinkd", name).stdout
    found = next(item[kind] for item in json.loads(text)["nftables"] if kind in item).get("elem", [])
    return [item["elem"]["val"] if isinstance(item, dict) else item for item in found]


def count_at(lab, place, name, match):
    """A counter of what arrives at a place; returns how to read it."""
    lab.nft(place, f"table inet arrivals {{ counter {name} {{ }}\n chain in-{name} {{ "
                   f"type filter hook prerouting priority -300; {match} counter name {name}\n }}\n }}\n")

    def read():
        text = lab.run(place, "nft", "-j", "list", "counter", "inet", "arrivals", name).stdout
        return next(item["counter"]["packets"] for item in json.loads(text)["nftables"] if "counter" in item)
    return read


@pytest.mark.parametrize("family", FAMILIES)
def test_ping_flood_passes_rate_times_time_and_burst(lab, tell, family):
    """Of one program's pings, which are one connection, as many as are allowed arrive: not one more, not one less."""
    to = FAMILIES[family]
    icmp = "icmp type echo-request" if family == "ipv4" else "icmpv6 type echo-request"
    arrived = count_at(lab, "inet", "pings", icmp)
    lab.start_daemon(lab.config(POLICY, extra=dos("ping-flood: { rate: 20/s, burst: 30, block-for: none }")))
    begin = time.monotonic()
    lab.run("lan", "ping", "-q", "-i", "0.002", "-c", "1500", "-W", "1", to, check=False)
    took = time.monotonic() - begin
    allowed, seen = 30 + 20 * took, arrived()
    tell(f"{seen} of 1500 arrived in {took:.2f} s; {allowed:.1f} are allowed")
    # The clock of this test runs from before the first to a second after the last: the wait for answers.
    assert 30 + 20 * (took - 1.3) - 1 <= seen <= allowed + 1
    assert seen + counter(lab, "ping-flood") == 1500
    assert lab.ctl("blocked") == []


@pytest.mark.parametrize("family", FAMILIES)
def test_pings_of_the_gateway_itself_are_not_counted(lab, family):
    lab.start_daemon(lab.config(POLICY, extra=dos("ping-flood: { rate: 1/s, burst: 1 }")))
    done = lab.run("gw", "ping", "-q", "-i", "0.01", "-c", "50", "-W", "1", FAMILIES[family], check=False)
    assert "50 received" in done.stdout, done.stdout


def begin_flood(lab, family, place="lan", per_second=500):
    """TCP connections from one source until it is stopped; most of them fail."""
    to = FAMILIES[family]
    return lab.load_start("tcp", place, to=f"[{to}]:80" if ":" in to else f"{to}:80", rate=rate(per_second), count=20000,
                          timeout=300)


SYN = "syn-flood: { rate: 20/s, burst: 40, per: source, block-for: 4s }"


def only(lab):
    found = lab.ctl("blocked")
    assert len(found) <= 1, found
    return found[0] if found else None


def test_syn_flood_is_shut_out_told_and_let_in(lab, tell):
    """Within a second in the kernel's set; one event, one mail; twice as long when it comes back; unblock."""
    mailbox = Mailbox(lab)
    mailbox.open()
    lab.start_daemon(lab.config(POLICY, extra=ALERTS + dos(SYN)))
    begun = time.monotonic()
    load = begin_flood(lab, "ipv4")
    wait_for(lambda: elements(lab, "blocked-4"), 5, "the source to be shut out", pause=0.02)
    took = time.monotonic() - begun
    tell(f"shut out {took:.2f} s after the load was started")
    assert took < patience(1.0)
    assert elements(lab, "blocked-4") == ["10.77.1.2"]
    first = wait_for(lambda: only(lab), 2, "blocked to tell it")
    assert (first["address"], first["detector"], first["policy"], first["times"]) == ("10.77.1.2", "syn-flood", None, 1)
    assert 3 <= first["until"] - first["since"] <= 5
    # The flood goes on: it is back when its time is over, for twice as long.
    again = wait_for(lambda: (only(lab) or {"times": 0})["times"] == 2 and only(lab), 10, "it to come back")
    assert 7 <= again["until"] - again["since"] <= 9
    assert again["dropped"] > 0
    load.stop()
    lab.daemon.reload()
    assert elements(lab, "blocked-4") == ["10.77.1.2"], "a reload let it in"
    assert lab.daemon.uplinkctl("unblock", "10.77.1.2").returncode == 0
    assert elements(lab, "blocked-4") == [] and lab.ctl("blocked") == []
    assert lab.daemon.uplinkctl("unblock", "10.77.1.2").returncode == 1
    assert lab.load(to="192.0.2.1:80", rate=10, count=10)["ok"] == 10
    events = [item["text"] for item in lab.ctl("events") if item["kind"] == "attack"]
    tell(events)
    assert len(events) == 3 and "came back" in events[1] and "let in" in events[2]
    mail = mailbox.wait(1, 5)
    tell(mail[0]["Subject"])
    assert re.fullmatch(r"\[\S+\] attack syn-flood from 10\.77\.1\.2: blocked until \d\d:\d\d", mail[0]["Subject"])
    assert re.search(r"syn-flood from 10\.77\.1\.2: at least \d+ each second were too many; blocked until", body(mail[0]))
    assert len(mailbox.messages()) == 1


def test_ipv6_is_shut_out_by_its_network(lab, tell):
    """A server outside floods the public server inside: its /64 is shut out, nobody else."""
    lab.delegate(lab.links[0])
    lab.start_daemon(lab.config(POLICY, extra=dos(SYN)))
    load = lab.load_start("tcp", "inet", to=f"[{lab.INSIDE6}]:80", rate=rate(500), count=20000,
                          timeout=300, **{"from": "2001:db8:ffff::1"})
    wait_for(lambda: elements(lab, "blocked-6"), 5, "the network to be shut out", pause=0.02)
    assert elements(lab, "blocked-6") == ["2001:db8:ffff::"]
    assert wait_for(lambda: only(lab), 2, "blocked to tell it")["address"] == "2001:db8:ffff::/64"
    load.stop()
    assert lab.daemon.uplinkctl("unblock", "2001:db8:ffff::77").returncode == 0


def test_neighbours_in_ipv6_are_limited_but_not_shut_out(lab):
    """The inside network of 64 bits has an address of the gateway in it."""
    lab.start_daemon(lab.config(POLICY, extra=dos(SYN)))
    load = begin_flood(lab, "ipv6")
    wait_for(lambda: counter(lab, "syn-flood") > 100, 10, "the limit")
    wait_for(lambda: elements(lab, "offenders-syn-flood-6"), 5, "the daemon to be told")
    time_to_be_seen = time.monotonic() + 1
    wait_for(lambda: time.monotonic() > time_to_be_seen, 5, "two polls")
    assert lab.ctl("blocked") == [] and elements(lab, "blocked-6") == []
    load.stop()


def name_servers():
    with open("/etc/resolv.conf", encoding="utf-8") as file:
        return re.findall(r"^nameserver ([\d.]+)$", file.read(), re.M)


def test_exempt(lab):
    lab.start_daemon(lab.config(POLICY, extra=dos(SYN + ", exempt: [10.77.1.2, 192.0.2.0/24]")))
    result = lab.load(to="192.0.2.1:80", rate=rate(400), count=400)
    assert result["ok"] == 400 and counter(lab, "syn-flood") == 0
    spared = lab.run("gw", "nft", "list", "set", "inet", "uplinkd", "exempt-4").stdout
    for address in [link.gateway4 for link in lab.links] + name_servers():
        assert re.search(rf"(?<![\d.]){re.escape(address)}(?![\d.])", spared), f"{address} is not spared: {spared}"
    assert lab.load(to="192.0.2.1:80", rate=rate(400), count=400, bind_range="10.77.1.64/32")["ok"] < 200


@pytest.mark.parametrize("family", FAMILIES)
def test_udp_flood_counts_connections(lab, tell, family):
    """Exactly the burst of connections at once; more datagrams of one connection are none."""
    to, another = (f"[{FAMILIES[family][:-1]}{i}]:7" if family == "ipv6" else f"{FAMILIES[family][:-1]}{i}:7" for i in (1, 2))
    lab.start_daemon(lab.config(POLICY, extra=dos("udp-flood: { rate: 1/h, burst: 25, block-for: none }")))
    # Held open: a port that is free again could be that of a connection that was let through.
    load = lab.load_start("udp", to=to, rate=rate(400), count=100, timeout=500, hold=True)
    wait_for(lambda: counter(lab, "udp-flood") >= 75, 10, "all to be sent")
    result = load.stop()
    tell(result.figures())
    assert result["ok"] == 25 and counter(lab, "udp-flood") == 75
    lab.daemon.reload()
    assert lab.load("udp", to=another, rate=rate(400), count=10, timeout=500)["ok"] == 0, "the reload forgot the count"


@pytest.mark.parametrize("family", FAMILIES)
def test_connections(lab, tell, family):
    to = f"[{FAMILIES[family]}]:80" if family == "ipv6" else FAMILIES[family] + ":80"
    lab.start_daemon(lab.config(POLICY, extra=dos("connections: { max: 30 }")))
    load = lab.load_start(to=to, rate=rate(200), count=60, hold=True, timeout=800)
    wait_for(lambda: counter(lab, "connections") >= 30, 10, "30 connections too many")
    lab.daemon.reload()
    assert lab.load(to=to, rate=rate(100), count=5, timeout=400)["ok"] == 0, "the reload forgot the count"
    result = load.stop()
    tell(result.figures())
    assert sum(item["outcome"] == "ok" for item in result["attempts"]) == 30


def test_restart_of_the_daemon_keeps_who_is_shut_out(lab):
    lab.start_daemon(lab.config(POLICY, extra=dos(SYN.replace("4s", "10m"))))
    load = begin_flood(lab, "ipv4")
    wait_for(lambda: elements(lab, "blocked-4"), 5, "the source to be shut out", pause=0.02)
    load.stop()
    lab.daemon.kill9()
    lab.daemon.start()
    found = wait_for(lambda: only(lab), 5, "the next daemon to know")
    assert found["address"] == "10.77.1.2" and found["detector"] is None
    assert 500 < found["until"] - time.time() <= 600
    assert lab.daemon.uplinkctl("unblock", "10.77.1.2").returncode == 0
    assert elements(lab, "blocked-4") == []


# Begins TCP connections from random sources, each with right checksums: the identification makes good for what the
# source adds to the sum of the IP header, the sequence number for what it adds to that of TCP.
FLOOD = """
import random, socket, struct, sys
device, target, to, count = sys.argv[1], bytes.fromhex(sys.argv[2]), socket.inet_aton(sys.argv[3]), int(sys.argv[4])
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
sender.bind((device, 0))
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff
tcp = struct.pack("!HHIIBBHHH", 40000, 80, 0x10000, 0, 0x50, 2, 65535, 0, 0)
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, bytes(4), to)
ip_sum = struct.pack("!H", checksum(ip))
tcp_sum = struct.pack("!H", checksum(bytes(4) + to + struct.pack("!HH", 6, 20) + tcp))
head = target + sender.getsockname()[4] + struct.pack("!H", 0x0800) + ip[:4]
middle, behind = ip[6:10] + ip_sum, to + tcp[:6]
rest = tcp[8:16] + tcp_sum + tcp[18:]
chance = random.Random(4711)
for number in range(count):
    source = chance.randrange(0x0b000000, 0x7e000000)
    balance = (0xffff - ((source >> 16) + (source & 0xffff)) % 0xffff).to_bytes(2, "big")
    sender.send(head + balance + middle + source.to_bytes(4, "big") + behind + balance + rest)
print(count)
"""


def test_a_million_random_sources_take_no_more_memory_than_thousands(lab, tell):
    """Sets are bounded, the daemon does not grow, nobody is shut out, and from inside everything works."""
    lab.delegate(lab.links[0])
    policy = ("policies:\n  - { name: closed, match: { from: internet }, action: drop }\n"
              "  - { name: rest, limits: { new-connections: 1000/s } }\n")
    lab.start_daemon(lab.config(policy, extra=dos(SYN + ", connections: { max: 100 }, exempt: [10.77.1.0/24]")))
    device = json.loads(lab.run("gw", "ip", "-j", "link", "show", "wan1").stdout)[0]["address"].replace(":", "")

    def flood(count):
        return lab.start("isp1", "/usr/bin/python3", "-c", FLOOD, "gw", device, lab.INSIDE4, str(count))
    assert flood(20_000).wait(patience(60)) == 0
    wait_for(lambda: len(elements(lab, "syn-flood-4-20/s-40")) > 10_000, 5, "the sources to be counted")
    before, begun = lab.daemon.resident_kb(), time.monotonic()
    process = flood(1_000_000)
    inside = lab.load(to="192.0.2.1:443", rate=rate(100), seconds=5)
    assert process.wait(patience(180)) == 0
    took = time.monotonic() - begun
    sizes = {name: len(elements(lab, name)) for name in
             ("syn-flood-4-20/s-40", "connections-4-100", "answers-4", "offenders-syn-flood-4", "blocked-4")}
    after = lab.daemon.resident_kb()
    tell(f"1,000,000 sources in {took:.1f} s; sets {sizes}; the daemon had {before} kB and has {after} kB; "
         f"inside: {inside.figures()}")
    assert all(size <= 65536 for size in sizes.values()) and sizes["syn-flood-4-20/s-40"] > 60_000
    assert sizes["blocked-4"] == sizes["offenders-syn-flood-4"] == 0 and lab.ctl("blocked") == []
    assert after <= before + (16384 if sanitized() else 2048)
    assert inside["ok"] >= 0.99 * inside["begun"]
