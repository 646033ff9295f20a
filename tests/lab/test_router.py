# SPDX-License-Identifier: GPL-2.0-or-later
"""The router's own traffic: its source, sockets that have chosen a link, and commands that are given one."""

import os
import time

import pytest

import lab as laboratory
from waiting import patience, wait_for

TO = {4: laboratory.Lab.SERVER4, 6: laboratory.Lab.SERVER6}
# Nobody gets fiber, which the main table leads to, unless he asks for it.
POLICY = """policies:
  - { name: own, match: { from: router, to: internet }, balance: { algorithm: priority, links: [cable, lte] } }
  - { name: rest, balance: { links: [fiber] } }
"""
ASK = ["/usr/bin/python3", "-B", os.path.join(os.path.dirname(os.path.abspath(__file__)), "ask.py")]


def asked(lab, *questions):
    """Names of the links that the server saw the router by, or what went wrong."""
    return [lab.link_of(word) for word in lab.run("gw", *ASK, *questions).stdout.split()]


def use(lab, *words):
    return lab.daemon.uplinkctl("use", *words)


def used(lab, link, *questions):
    done = use(lab, link, "--", *ASK, *questions)
    assert done.returncode == 0, done.stderr
    return [lab.link_of(word) for word in done.stdout.split()]


def address_of(link, family):
    return link.address4 if family == 4 else link.address6


@pytest.mark.parametrize("fallback", [False, True], ids=["daemon", "fallback"])
def test_sockets_that_have_chosen(lab, fallback):
    """Unbound ones by policy; bound to an address or a device by that link, also that of the main table."""
    lab.start_daemon(lab.config(POLICY))
    if fallback:
        lab.daemon.kill9()
    wanted = {}
    for family, to in TO.items():
        for question in (f"tcp {to}", f"udp {to}"):
            wanted[question] = "cable"
            for link in lab.links:
                wanted[f"--from {address_of(link, family)} {question}"] = link.name
                wanted[f"--device {link.device} {question}"] = link.name
    assert dict(zip(wanted, asked(lab, *wanted))) == wanted
    # Each ISP would drop, and count, a source that is not its own.
    for family, to in TO.items():
        for link in lab.links:
            for choice in (link.device, address_of(link, family)):
                lab.run("gw", "ping", f"-{family}", "-n", "-c", "1", "-W", "2", "-I", choice, to)
        lab.run("gw", "ping", f"-{family}", "-n", "-c", "1", "-W", "2", to)
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]
    if fallback:
        return
    assert lab.ctl("status")["fallbacks"] == 0
    question = ["--from", "203.0.1.2", "--to", TO[4], "--protocol", "tcp", "--to-port", "7"]
    for answer in (lab.ctl("explain", *question), lab.ctl("why", *question)):
        assert (answer["policy"], answer["link"], answer["reason"]) == ("own", "fiber", "its socket is bound to the link")
        assert answer["steps"][0] == "from this machine, by a socket that is bound to link fiber"
    assert lab.ctl("explain", "--from", "router", *question[2:])["link"] == "cable"


def name_servers(lab):
    """By link: a name server on an address of the internet. The echo server has their port, so another takes its place."""
    lab.server.process.terminate()
    lab.server.process.wait()
    lab.start("inet", laboratory.program("lab-server"), "--tcp=7", "--udp=7", "--control", os.path.join(lab.folder, "echo"))
    return {name: Names(lab, address) for name, address in SERVERS.items()}


class Names:
    """A server of every name on an address of the internet, which answers with that address."""

    def __init__(self, lab, address):
        self.address = address
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "name_server.py")
        self.process = lab.start("inet", "/usr/bin/python3", "-B", program, address, log=f"names-{address}")
        wait_for(lambda: f"{address}:53" in lab.run("inet", "ss", "-Hlun", "sport", "=", "53").stdout, 10, "the name server")

    def seen(self):
        with open(self.process.log, encoding="utf-8") as file:
            return file.read().split()


SERVERS = {"fiber": "192.0.2.53", "cable": "192.0.2.54"}
RESOLVERS = {name: f"resolvers: [{address}]" for name, address in SERVERS.items()}
CHECK = "{ targets: [ { ping: 192.0.2.1 } ], interval: 100ms, down-after: 2, up-after: 2 }"


@pytest.fixture
def resolv_conf(lab):
    """The lab's own resolv.conf, which `ip netns exec' puts in the place of the machine's."""
    folder = f"/etc/netns/{lab.ns('gw')}"
    os.makedirs(folder)
    path = os.path.join(folder, "resolv.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(f"nameserver {address}\n" for address in SERVERS.values()) + "options timeout:5\n")
    yield path
    os.remove(path)
    os.rmdir(folder)


def groups():
    """Control groups that commands were run in, of the whole machine."""
    found = set()
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        places = [line.split()[4] for line in file if " - cgroup2 " in line]
    for place in places:
        for folder, names, _files in os.walk(place):
            found.update(os.path.join(folder, name) for name in names if name.startswith("uplinkd-use."))
    return found


def test_commands_that_are_given_a_link(lab, resolv_conf):
    del resolv_conf
    names = name_servers(lab)
    lab.start_daemon(lab.config(POLICY, link_extra=RESOLVERS))
    questions = [f"{protocol} {to}" for protocol in ("tcp", "udp") for to in TO.values()]
    for link in lab.links:
        assert used(lab, link.name, "--child", *questions) == [link.name] * 4
        for family, to in TO.items():
            assert use(lab, link.name, "--", "ping", f"-{family}", "-n", "-c", "1", "-W", "2", to).returncode == 0
    # An inside network is no link's, nor is this machine itself.
    zone = lab.zones[0]
    assert use(lab, "lte", "--", "ping", "-n", "-c", "1", "-W", "2", zone.client4).returncode == 0
    assert use(lab, "lte", "--", "ping", "-n", "-c", "1", "-W", "2", "127.0.0.1").returncode == 0
    for name, server in names.items():
        before = {key: len(item.seen()) for key, item in names.items()}
        assert used(lab, name, "name www.example") == [server.address]
        assert {lab.link_of(address) for address in server.seen()[before[name]:]} == {name}
        assert all(len(item.seen()) == before[key] for key, item in names.items() if key != name)
    # One in the other: the inner one.
    inner = ["uplinkctl", "-s", lab.daemon.socket, "use", "lte", "--", *ASK, f"tcp {TO[4]}"]
    done = use(lab, "fiber", "--", laboratory.program(inner[0]), *inner[1:])
    assert lab.link_of(done.stdout.strip()) == "lte", done.stderr
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


def test_how_commands_end(lab):
    lab.start_daemon(lab.config(POLICY, check={"lte": CHECK}))
    lab.wait_link("lte", "up")
    assert use(lab, "fiber", "--", "sh", "-c", "exit 7").returncode == 7
    assert use(lab, "fiber", "--", "sh", "-c", "kill -TERM $$").returncode == -15
    assert use(lab, "fiber", "--", "/nothing/here").returncode == 127
    assert use(lab, "fiber", "--", "/etc").returncode == 126
    assert use(lab, "fiber", "true").returncode == use(lab, "fiber").returncode == use(lab).returncode == 2
    assert use(lab, "--user", "nobody-here", "fiber", "--", "true").returncode == 2
    assert use(lab, "--user", "nobody", "fiber", "--", *ASK, "id -").stdout.split(":")[0] == "65534"
    done = use(lab, "fibre", "--", "true")
    assert done.returncode == 1 and "there is no link `fibre'" in done.stderr
    done = lab.run("gw", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", laboratory.program("uplinkctl"),
                   "-s", lab.daemon.socket, "use", "fiber", "--", "true", check=False)
    assert done.returncode in (1, 3) and done.stderr
    # A child that goes on has the link as long as it lives; then nothing of it is left.
    before = groups()
    done = use(lab, "lte", "--", "sh", "-c", f"(sleep 0.5; {' '.join(ASK)} 'tcp {TO[4]}' > {lab.folder}/late) >&- 2>&- & true")
    assert done.returncode == 0
    late = os.path.join(lab.folder, "late")
    wait_for(lambda: os.path.exists(late) and os.path.getsize(late) > 0, 10, "the child's word")
    with open(late, encoding="utf-8") as file:
        assert lab.link_of(file.read().strip()) == "lte"
    wait_for(lambda: groups() <= before, 10, "the control group to go")

    lab.black_hole(lab.link("lte"))
    lab.wait_link("lte", "down")
    done = use(lab, "lte", "--", "true")
    assert done.returncode == 1 and "link lte is down" in done.stderr and "--even-if-down" in done.stderr
    assert use(lab, "lte", "--even-if-down", "--", "true").returncode == 0
    assert use(lab, "--even-if-down", "lte", "--", *ASK, f"udp {TO[4]}").stdout.strip() == "timeout"
    lab.nft("isp3", "insert rule inet isp hole ip daddr 192.0.2.9 accept\n")
    lab.nft("isp3", "insert rule inet isp hole ip saddr 192.0.2.9 accept\n")
    done = use(lab, "--even-if-down", "lte", "--", *ASK, "tcp 192.0.2.9", "udp 192.0.2.9", "tcp 192.0.2.9")
    assert [lab.link_of(word) for word in done.stdout.split()] == ["lte"] * 3, done.stderr


def test_name_servers_of_links(lab, resolv_conf):
    """Each is asked by its own link; where that is down, the other is asked at once."""
    del resolv_conf
    names = name_servers(lab)
    lab.start_daemon(lab.config(POLICY, link_extra=RESOLVERS, check={"fiber": CHECK}))
    lab.wait_link("fiber", "up")
    assert asked(lab, "name www.example") == [SERVERS["fiber"]]
    # The ISP of fiber answers no more: neither do its servers.
    lab.black_hole(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    start = time.monotonic()
    assert asked(lab, "name www.example") == [SERVERS["cable"]]
    # A look at the first server without an answer takes 5 s.
    assert time.monotonic() - start < patience(2)
    lab.heal(lab.link("fiber"))
    lab.wait_link("fiber", "up")
    assert asked(lab, "name www.example") == [SERVERS["fiber"]]
    seen = {name: {lab.link_of(address) for address in server.seen()} for name, server in names.items()}
    assert seen == {"fiber": {"fiber"}, "cable": {"cable"}}


def test_own_connections_move(lab):
    """A link fails: TCP is told, UDP goes on by another; both have a source that no link takes away."""
    policy = "policies:\n  - { name: own, match: { from: router }, balance: { algorithm: priority, links: [fiber, lte] } }\n"
    lab.start_daemon(lab.config(policy, check={"fiber": CHECK}))
    lab.wait_link("fiber", "up")
    loads = {(protocol, family): lab.load_start(protocol, place="gw", to=f"{TO[family] if family == 4 else f'[{TO[6]}]'}:7",
                                                to_range=5, rate=200, count=20, hold=True)
             for protocol in ("tcp", "udp") for family in (4, 6)}
    wait_for(lambda: len([flow for flow in lab.ctl("flows") if flow["link"] == "fiber"]) >= 80, 20, "80 connections")
    assert {flow["from"] for flow in lab.ctl("flows")} == {lab.zones[0].router4, lab.zones[0].router6}
    # Its address goes with it, as with DHCP or PPP.
    lab.black_hole(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    lab.ip("gw", [f"addr del {lab.link('fiber').address4}/24 dev wan1", f"addr del {lab.link('fiber').address6}/64 dev wan1"])
    wait_for(lambda: len([flow for flow in lab.ctl("flows") if flow["link"] == "lte" and flow["protocol"] == "udp"]) >= 40, 20,
             "UDP to go on by the other link")
    seen = sum(lab.server.counts("udp").values())
    wait_for(lambda: sum(lab.server.counts("udp").values()) >= seen + 200, 20, "datagrams by it")
    results = {key: load.stop() for key, load in loads.items()}
    for (protocol, _family), result in results.items():
        outcomes = {item["outcome"] for item in result["attempts"]}
        assert outcomes == ({"reset"} if protocol == "tcp" else {"ok"}), (protocol, outcomes)
    assert lab.strays(lab.link("lte")) == 0
