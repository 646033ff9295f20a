# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks that ask for more than an echo: pages and names, through the link that they are about."""

import os

import pytest

import lab as laboratory
from test_failover import POLICY
from waiting import wait_for

WEB4, WEB6 = "192.0.2.30", "2001:db8:ffff::30"


class Web:
    def __init__(self, lab):
        self.lab = lab
        self.folder = os.path.join(lab.folder, "web")
        os.makedirs(self.folder)
        certificate = os.path.join(self.folder, "pem")
        laboratory.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                       "-subj", "/CN=www.example", "-days", "2", "-keyout", certificate, "-out", certificate + ".crt")
        with open(certificate, "a", encoding="utf-8") as file, open(certificate + ".crt", encoding="utf-8") as crt:
            file.write(crt.read())
        # The echo server has these ports on every address.
        lab.server.process.terminate()
        lab.server.process.wait()
        lab.run("inet", "sysctl", "-qw", "net.ipv6.ip_nonlocal_bind=1")
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "web_server.py")
        self.process = lab.start("inet", "/usr/bin/python3", program, "--folder", self.folder, "--certificate",
                                 certificate, WEB4, WEB6)
        wait_for(self._listens, 10, "the web server")

    def _listens(self):
        assert self.process.poll() is None, open(self.process.log, encoding="utf-8").read()
        return self.lab.run("inet", "ss", "-Hltn", "sport", "=", "8443").stdout.count("\n") == 2

    def say(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def seen(self):
        path = os.path.join(self.folder, "seen")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return [line.split() for line in file.read().splitlines()]


@pytest.fixture
def web(lab):
    return Web(lab)


def start(lab, *targets):
    check = f"{{ targets: [{', '.join(targets)}], interval: 400ms, down-after: 2, up-after: 2 }}"
    lab.start_daemon(lab.config(POLICY, check=check))


def settled(lab, web, count=3):
    """Rounds that begin from now on have ended."""
    before = len(web.seen())
    wait_for(lambda: len(web.seen()) >= before + count * len(lab.links), 20, "pages to be fetched")


def states(lab):
    return {link["name"]: link["state"] for link in lab.ctl("links")}


def all_are(lab, state):
    wait_for(lambda: set(states(lab).values()) == {state}, 15, f"all links {state}")


@pytest.mark.parametrize("host", [WEB4, f"[{WEB6}]"])
def test_a_page(lab, web, host):
    start(lab, f'{{ http: "http://{host}:8080/check" }}')
    settled(lab, web)
    assert set(states(lab).values()) == {"up"}
    assert {line[2] for line in web.seen()} == {"/check"}
    # Each link has asked by itself.
    assert {lab.link_of(line[0]) for line in web.seen()} == {link.name for link in lab.links}
    # Through the one link it is not to be had: that link alone is down.
    lab.nft("isp2", "add table inet shut\nadd chain inet shut c { type filter hook forward priority 0; }\n"
                    "add rule inet shut c tcp dport 8080 drop\n")
    lab.wait_link(lab.links[1].name, "down")
    assert states(lab)[lab.links[0].name] == "up"
    lab.nft("isp2", "delete table inet shut\n")
    lab.wait_link(lab.links[1].name, "up", deadline=20)


def test_a_portal_is_not_the_page(lab, web):
    start(lab, f'{{ http: "http://{WEB4}:8080/" }}')
    settled(lab, web)
    web.say("status", "302")
    all_are(lab, "down")
    web.say("status", "200")
    all_are(lab, "up")


def test_status_and_text(lab, web):
    web.say("status", "200")
    web.say("body", "x" * 100000 + "all is well")
    start(lab, f'{{ http: {{ url: "http://{WEB4}:8080/", status: 200, text: "all is well" }} }}')
    all_are(lab, "down")  # too far behind: only 64 KB are read
    web.say("body", "<html>all is well</html>")
    all_are(lab, "up")
    web.say("status", "203")
    all_are(lab, "down")


def test_a_certificate(lab, web):
    start(lab, f'{{ http: {{ url: "https://www.example:8443/", address: {WEB4} }} }}')
    all_are(lab, "down")
    assert web.seen() == []
    with open(lab.daemon.file, encoding="utf-8") as file:
        lab.daemon.reload(file.read().replace(f"address: {WEB4}", f"address: {WEB4}, verify: false"))
    all_are(lab, "up")
    assert {line[1] for line in web.seen()} == {"www.example:8443"}


@pytest.mark.parametrize("server, kind", [(WEB4, "a"), (f'"{WEB6}"', "aaaa")])
def test_a_name(lab, web, server, kind):
    start(lab, f"{{ dns: {{ server: {server}, name: example.net, type: {kind} }} }}")
    all_are(lab, "up")
    for trouble in "nodata", "refused", "silent":
        web.say("names", trouble)
        all_are(lab, "down")
        web.say("names", "address")
        all_are(lab, "up")


def test_the_host_of_a_page_is_looked_up_through_the_link(lab, web):
    folder = f"/etc/netns/{lab.ns('gw')}"
    os.makedirs(folder)
    try:
        with open(f"{folder}/resolv.conf", "w", encoding="utf-8") as file:
            file.write(f"nameserver {WEB4}\n")
        start(lab, '{ http: "http://page.example:8080/" }')
        # The name leads to an address where nobody serves pages: refused, but asked for.
        all_are(lab, "down")
        lab.start("inet", "/usr/bin/python3", os.path.join(os.path.dirname(os.path.abspath(__file__)), "web_server.py"),
                  "--folder", web.folder, "192.0.2.1")
        all_are(lab, "up")
        assert "page.example:8080" in {line[1] for line in web.seen()}
    finally:
        os.remove(f"{folder}/resolv.conf")
        os.rmdir(folder)
