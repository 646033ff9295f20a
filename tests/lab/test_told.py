# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon tells by itself: decisions in the log, settings in the way, alerts to syslog, why no mail goes."""

import collections
import os
import re
import socket

import pytest

from test_alerts import POLICY as PLAIN
from test_alerts import Mailbox, waiting_in_spool
from test_privileges import child_of
from waiting import patience, rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICIES = """
policies:
  - name: forbidden
    match: { to: 192.0.2.66 }
    action: drop
    log: true
  - name: refused
    match: { to: 192.0.2.67 }
    action: reject
    log: true
  - name: web
    match: { protocol: tcp, to-port: 80 }
    balance: { links: [cable] }
  - name: rest
    balance: { algorithm: round-robin }
    log: true
"""
DECISION = re.compile(r"^uplinkd: decision policy=(\S+) link=(.+) protocol=(\S+) from=(\S+) from-port=(\d+) "
                      r"to=(\S+) to-port=(\d+)$", re.M)
TOO_MANY = re.compile(r"^uplinkd: warning: (\d+) decisions were too many to log$", re.M)


def decisions(lab):
    return [match.groups() for match in DECISION.finditer(lab.daemon.said())]


# --- log: true --------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol, to", [("tcp", "192.0.2.1:7"), ("tcp", "[2001:db8:ffff::1]:7"),
                                          ("udp", "192.0.2.1:7")])
def test_a_line_for_each_connection(lab, tell, protocol, to):
    """With the policy, the link that the server saw, and both ends."""
    lab.start_daemon(lab.config(POLICIES, WEIGHTS))
    result = lab.load(protocol, to=to, to_range=5, rate=rate(200), count=50)
    assert result["ok"] == 50
    expected = {("rest", lab.link_of(item["seen"]), protocol, item["from"], str(item["from_port"]), item["to"], "7")
                for item in result["attempts"]}
    wait_for(lambda: len(decisions(lab)) >= 50, 5, "50 lines")
    tell("decision policy={} link={} protocol={} from={} from-port={} to={} to-port={}".format(*decisions(lab)[0]))
    assert len(expected) == 50
    assert collections.Counter(decisions(lab)) == collections.Counter(expected)


def test_no_line_where_the_policy_wants_none(lab):
    lab.start_daemon(lab.config(POLICIES, WEIGHTS))
    assert lab.load(to="192.0.2.1:80", rate=rate(200), count=20)["ok"] == 20
    # What comes later is written later: then nothing of the first is still on its way.
    assert lab.load(to="192.0.2.1:443", rate=rate(200), count=5)["ok"] == 5
    wait_for(lambda: len(decisions(lab)) >= 5, 5, "5 lines")
    assert {line[0] for line in decisions(lab)} == {"rest"} and len(decisions(lab)) == 5


def test_refused_connections_have_a_line_too(lab):
    lab.start_daemon(lab.config(POLICIES, WEIGHTS))
    assert lab.load(to="192.0.2.67:443", rate=rate(100), count=5, timeout=500)["errors"] == {"ECONNREFUSED": 5}
    assert lab.load(to="192.0.2.66:443", rate=rate(100), count=5, timeout=500)["errors"] == {"TIMEOUT": 5}
    wait_for(lambda: len(decisions(lab)) >= 10, 5, "10 lines")
    assert collections.Counter(line[:2] for line in decisions(lab)) == {
        ("refused", "rejected"): 5, ("forbidden", "dropped"): 5}


def test_two_thousand_at_once(lab, tell):
    """What the log cannot take is counted: nothing is lost unseen."""
    lab.start_daemon(lab.config(POLICIES, WEIGHTS))
    result = lab.load(to="192.0.2.1:7", to_range=50, count=2000, timeout=10000)
    assert result["ok"] == 2000

    def decided():
        return next(item["connections"] for item in lab.ctl("policies") if item["name"] == "rest")

    def told():
        return len(decisions(lab)) + sum(int(number) for number in TOO_MANY.findall(lab.daemon.said()))
    wait_for(lambda: told() >= decided(), 5, "every decision in the log")
    status = lab.ctl("status")
    tell(f"{len(decisions(lab))} lines, {told() - len(decisions(lab))} too many, {status['fallbacks']} by the kernel")
    assert told() == decided()
    assert decided() + status["fallbacks"] == 2000
    assert len(set(decisions(lab))) == len(decisions(lab)) >= 256


# --- settings in the way ----------------------------------------------------------------------------


def warnings(lab):
    return [event["text"] for event in lab.ctl("events") if event["kind"] == "kernel"]


def test_settings_in_the_way_are_told(lab, tell):
    lab.run("gw", "sysctl", "-q", "net.ipv4.ip_forward=0")
    lab.run("gw", "sysctl", "-q", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.wan2.rp_filter=1")
    lab.start_daemon(lab.config(PLAIN))
    found = warnings(lab)
    tell("; ".join(found))
    assert [text for text in found if "net.ipv4.ip_forward is 0, not 1" in text]
    strict = [text for text in found if "rp_filter is strict" in text]
    assert len(strict) == 1 and "wan2" in strict[0] and "cable" in strict[0]
    assert next(event for event in lab.ctl("events") if "rp_filter" in event["text"])["link"] == "cable"
    assert "uplinkd: warning: net.ipv4.ip_forward is 0" in lab.daemon.said()
    # A reload looks again.
    lab.run("gw", "sysctl", "-q", "net.ipv4.ip_forward=1", "net.ipv4.conf.wan2.rp_filter=2")
    assert lab.daemon.reload().returncode == 0
    assert warnings(lab) == found


def test_strict_for_all_means_every_link(lab):
    lab.run("gw", "sysctl", "-q", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.wan1.rp_filter=0",
            "net.ipv4.conf.wan2.rp_filter=2", "net.ipv4.conf.wan3.rp_filter=1")
    lab.start_daemon(lab.config(PLAIN))
    # The kernel takes the higher of the two, and 2 is loose.
    assert {event["link"] for event in lab.ctl("events") if "rp_filter is strict" in event["text"]} == {"fiber", "lte"}


def test_good_settings_are_not_told(lab):
    lab.start_daemon(lab.config(PLAIN))
    assert warnings(lab) == []


# --- alerts -----------------------------------------------------------------------------------------


LOCAL3 = 19


def syslog_alerts(facility):
    return f"alerts:\n  syslog: {{ facility: {facility} }}\n"


class Syslog:
    """A socket that is /dev/log for whoever is started with .prefix."""

    def __init__(self, lab):
        path = f"{lab.folder}/log.sock"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(patience(5))
        self.prefix = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                       f'mount -t tmpfs none /dev && ln -s {path} /dev/log && exec "$@"', "sh"]

    def next_with(self, words):
        """The next message that has them: facility, severity, text."""
        while True:
            message = self.socket.recv(4096).decode()
            if words in message:
                match = re.fullmatch(r"<(\d+)>\w{3} [ \d]\d [\d:]{8} uplinkd\[\d+\]: (.*)", message.rstrip("\n\0"))
                assert match, message
                return int(match[1]) >> 3, int(match[1]) & 7, match[2]

    def is_empty(self):
        self.socket.setblocking(False)
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return True
        return False


@pytest.fixture
def syslog(lab):
    made = Syslog(lab)
    if lab.run("gw", *made.prefix, "true", check=False).returncode != 0:
        pytest.skip("no mount namespace of our own")
    yield made
    made.socket.close()


def test_link_events_reach_syslog(lab, syslog, tell):
    lab.start_daemon(lab.config(PLAIN, extra=syslog_alerts("local3")), prefix=syslog.prefix)
    assert syslog.next_with(" runs: ")[0] == LOCAL3
    lab.cut_carrier(lab.link("fiber"))
    facility, severity, text = syslog.next_with("link fiber ")
    tell(f"facility {facility}, severity {severity}: {text}")
    assert (facility, severity) == (LOCAL3, 4)
    assert text == "link fiber down: no carrier; traffic on cable, lte"
    wait_for(lambda: text in lab.daemon.said(), 5, "the same in the log")
    # Another facility after a reload.
    assert lab.daemon.reload(lab.config(PLAIN, extra=syslog_alerts("daemon"))).returncode == 0
    lab.restore_carrier(lab.link("fiber"))
    facility, severity, text = syslog.next_with("link fiber up")
    assert (facility, severity) == (3, 5)


def test_nothing_reaches_syslog_unasked(lab, syslog):
    lab.start_daemon(lab.config(PLAIN), prefix=syslog.prefix)
    lab.cut_carrier(lab.link("fiber"))
    wait_for(lambda: "link fiber down" in lab.daemon.said(), 5, "the event in the log")
    assert syslog.is_empty()


def test_password_that_others_can_read(lab, tell):
    """No mail goes: told in events, and nothing is tried; after chmod and reload it goes."""
    mailbox = Mailbox(lab)
    mailbox.open()
    path = f"{lab.folder}/password"
    with open(path, "w", encoding="utf-8") as file:
        file.write("secret\n")
    os.chmod(path, 0o644)
    alerts = ('alerts:\n  mail: { server: "smtp://192.0.2.25:2525", from: gw@example.net, to: [noc@example.net], '
              f"user: gw, password-file: {path} }}\n")
    lab.start_daemon(lab.config(PLAIN, extra=alerts))
    told = [event["text"] for event in lab.ctl("events") if event["kind"] == "mail"]
    tell("; ".join(told))
    assert told == [f"no mail: {path} must be readable for nobody but its owner"]
    assert f"uplinkd: error: {told[0]}" in lab.daemon.said()
    lab.cut_carrier(lab.link("fiber"))
    wait_for(lambda: "link fiber down" in lab.daemon.said(), 5, "the event in the log")
    done = lab.daemon.uplinkctl("test-mail")
    assert (done.returncode, done.stderr) == (1, f"uplinkctl: {told[0]}\n")
    assert waiting_in_spool(lab) == [] and child_of(lab.daemon.pid) is None
    assert [item for item in lab.conntrack() if item["to_port"] == 2525] == []
    assert "secret" not in lab.daemon.said()
    os.chmod(path, 0o600)
    assert lab.daemon.reload().returncode == 0
    lab.cut_carrier(lab.link("cable"))
    wait_for(lambda: child_of(lab.daemon.pid) is not None, 5, "the mail process")
    wait_for(lambda: [item for item in lab.conntrack() if item["to_port"] == 2525], 10, "an attempt to send")
