# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways in which a link breaks, each with what it takes to notice, and what is then to be said of it."""

import os
import sys

import lab as laboratory
import traffic
from waiting import wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
WEB = {4: "192.0.2.30", 6: "2001:db8:ffff::30"}
ECHO = {4: "192.0.2.1", 6: "2001:db8:ffff::1"}
DEAD = {4: "192.0.2.99", 6: "2001:db8:ffff::99"}
LARGE = 20000  # bytes of the page: many full packets


def isp(link):
    return f"isp{link.number}"


def url(family, path="page"):
    host = WEB[family] if family == 4 else f"[{WEB[family]}]"
    return f"http://{host}:8080/{path}"


class World:
    """The laboratory with web pages and names in the internet, in one family; each link breaks in its own way."""

    def __init__(self, lab, family):
        self.lab, self.family = lab, family
        self.folder = os.path.join(lab.folder, "web")
        os.makedirs(self.folder)
        self.say("body", "x" * LARGE)
        self._give_ports_back()
        lab.run("inet", "sysctl", "-qw", "net.ipv6.ip_nonlocal_bind=1")
        self.web = self.serve("inet", self.folder, *WEB.values())

    def _give_ports_back(self):
        """The echo server has the ports of pages and names on every address: it keeps but one."""
        server = self.lab.server
        server.process.terminate()
        server.process.wait()
        if os.path.exists(server.path):
            os.remove(server.path)
        server.process = self.lab.start("inet", laboratory.program("lab-server"), f"--tcp={traffic.TCP_PORTS[0]}",
                                        "--control", server.path)
        wait_for(lambda: os.path.exists(server.path), 5, "the echo server")

    def serve(self, place, folder, *addresses):
        process = self.lab.start(place, sys.executable, os.path.join(HERE, "web_server.py"), "--folder", folder, *addresses)

        def listens():
            assert process.poll() is None, open(process.log, encoding="utf-8").read()
            return self.lab.run(place, "ss", "-Hltn", "sport", "=", "8080").stdout.count("\n") == len(addresses)
        wait_for(listens, 10, "the web server")
        return process

    def say(self, name, text, folder=None):
        with open(os.path.join(folder or self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    # --- how it breaks ----------------------------------------------------------------------------

    def carrier(self, link):
        self.lab.cut_carrier(link)

    def address_gone(self, link):
        self.lab.ip("gw", [f"addr flush dev {link.device}"])

    def gateway_dead(self, link):
        """The router is gone, though something holds the carrier up: a switch, a modem."""
        self.lab.ip(isp(link), ["addr flush dev gw"])

    def black_hole(self, link):
        self.lab.black_hole(link)

    def answers_lost(self, link):
        """What is sent arrives; nothing comes back."""
        self.lab.nft(isp(link), 'add rule inet isp hole iifname "inet" drop\n')

    def names_lost(self, link):
        self.lab.nft(isp(link), "add rule inet isp hole udp dport 53 drop\n")

    def portal(self, link):
        """The provider answers every page himself, with a redirection to where one pays."""
        folder = os.path.join(self.lab.folder, "portal")
        os.makedirs(folder)
        self.say("status", "302", folder)
        at = link.gateway4 if self.family == 4 else link.gateway6
        self.serve(isp(link), folder, at)
        to, ip = (at, "ip") if self.family == 4 else (f"[{at}]", "ip6")
        self.lab.nft(isp(link), "add table inet portal\n"
                               "add chain inet portal c { type nat hook prerouting priority -100; }\n"
                               f'add rule inet portal c iifname "gw" tcp dport 8080 dnat {ip} to {to}:8080\n')

    def large_lost(self, link):
        self.lab.nft(isp(link), "add rule inet isp hole meta length > 1400 drop\n")

    def target_dead(self, _link):
        """Everywhere: the link has nothing to do with it."""
        self.lab.nft("inet", "add table inet dead\nadd chain inet dead c { type filter hook input priority 0; }\n"
                             f"add rule inet dead c {'ip' if self.family == 4 else 'ip6'} daddr {DEAD[self.family]} drop\n")


def ping(family):
    return f'{{ targets: [ {{ ping: "{ECHO[family]}" }} ]'


def ping_and(family, more):
    return f'{{ targets: [ {{ ping: "{ECHO[family]}" }}, {more} ], need: 2'


def names(family):
    return ping_and(family, f'{{ dns: {{ server: "{WEB[family]}", name: example.net }} }}')


def page(family):
    return f'{{ targets: [ {{ http: "{url(family)}" }} ]'


def ping_and_page(family):
    return ping_and(family, f'{{ http: "{url(family)}" }}')


def dead_target(family):
    return f'{{ targets: [ {{ ping: "{DEAD[family]}" }} ]'


# For each family: how a link breaks, the check that it has, the reason of its state, and the finding. Side by side, so
# that links are compared with others that are broken as well; the last link is left alone.
BREAKS = {
    4: [(World.carrier, ping, "no carrier", "no carrier"),
        (World.gateway_dead, ping, "checks failed", "gateway silent"),
        (World.answers_lost, ping, "checks failed", "beyond the gateway"),
        (World.portal, page, "checks failed", "captive portal"),
        (World.large_lost, ping_and_page, "checks failed", "MTU black hole")],
    6: [(World.address_gone, ping, "no address", "no address"),
        (World.gateway_dead, ping, "checks failed", "gateway silent"),
        (World.black_hole, ping, "checks failed", "beyond the gateway"),
        (World.names_lost, names, "checks failed", "DNS only"),
        (World.target_dead, dead_target, "checks failed", "target only")],
}
