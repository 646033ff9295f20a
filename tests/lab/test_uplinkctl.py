# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs uplinkctl against a daemon that only plays its part: exit codes, JSON, what people read, completion.

UPLINKD_BUILD names the folder of the built programs. With UPLINKD_GOLDEN=write the golden files are written anew.
"""

import contextlib
import json
import os
import pathlib
import pty
import re
import select
import socket
import socketserver
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("UPLINKD_BUILD", ROOT))
PROGRAM = BUILD / "uplinkctl"
GOLDEN = ROOT / "tests" / "golden" / "ctl"
COMPLETION = ROOT / "contrib" / "completion" / "uplinkctl"
SECONDS = 20

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")


def link(name, state="up", ago=200, **more):
    return {
        "name": name, "device": f"wan-{name}", "state": state, "since": int(time.time()) - ago, "reason": "",
        "latency_ms": 4.1, "loss": 0, "download_bps": 12345678, "upload_bps": 987, "connections": 12345,
        "weight": 5, "down_for_s": None, "download_capacity_bps": 100e6, "download_capacity": "given",
        "download_confidence": None, "download_load": 0.123, "upload_capacity_bps": None, "upload_capacity": "unknown",
        "upload_confidence": None, "upload_load": None, "full": False, "congested": False, **more,
    }


def fine_links():
    return [
        link("fiber", ago=3 * 86400 + 4 * 3600 + 100),
        link("lte", "degraded", latency_ms=210.4, loss=0.051, download_bps=0, upload_bps=1.2e9, connections=0,
             weight=1, reason="latency above 200 ms", download_capacity_bps=42.7e6, download_capacity="learnt",
             download_confidence=0.93, upload_capacity="unknown", upload_confidence=0.1, congested=True, full=True),
    ]


def status(links, **more):
    return {
        "version": "0.1.0", "state": "up", "uptime_s": 7500, "links": links, "decisions": 1234567, "fallbacks": 0,
        "queue": {"held": 0, "dropped": 0, "user_dropped": 0}, "policy_count": 3,
        "since": int(time.time()) - 3 * 3600 - 10, "mail": {"waiting": 0}, **more,
    }


POLICIES = [
    {"name": "voice", "action": "allow", "connections": 1200, "dropped": 0, "links": {"fiber": 900, "lte": 300}},
    {"name": "backup", "action": "allow", "connections": 40, "dropped": 0, "links": {"fiber": 31, "lte": 9},
     "link_bytes": {"fiber": 6900000000, "lte": 3100000000}},
    {"name": "gäste-и-друзья", "action": "allow", "connections": 7, "dropped": 0, "links": {"fiber": 0, "lte": 7}},
    {"name": "日本", "action": "drop", "connections": 0, "dropped": 1500, "links": {}},
    {"name": "tunnels", "action": "allow", "connections": 2, "dropped": 0, "links": {"fiber": 0, "lte": 0},
     "packets": {"fiber": 3000, "lte": 1000}},
]

FLOWS = [
    {"protocol": "tcp", "from": "10.0.0.5", "from_port": 40000, "to": "198.51.100.7", "to_port": 443,
     "policy": "everything-else", "link": "fiber", "class": "normal", "bytes": 1250000000},
    {"protocol": "udp", "from": "fd00:20::5", "from_port": 5060, "to": "2001:db8::1", "to_port": 5060,
     "policy": "voice", "link": "lte", "class": "voice", "bytes": 999},
    {"protocol": "esp", "from": "203.0.113.5", "from_port": 0, "to": "198.51.100.10", "to_port": 0,
     "policy": "tunnels", "link": None, "by_packet": True, "class": "normal", "bytes": 1500},
    {"protocol": 47, "from": "10.0.0.6", "from_port": 0, "to": "192.0.2.9", "to_port": None,
     "policy": None, "link": None, "class": None, "bytes": None},
]

STICKY = {"total": 12345, "room": 65536, "entries": [
    {"policy": "web", "together": False, "by": "source", "from": "10.0.0.5", "to": None, "protocol": None, "to_port": None,
     "link": "fiber", "left_s": 540},
    {"policy": None, "together": True, "by": "source+destination", "from": "fd00:20::5", "to": "2001:db8::1",
     "protocol": None, "to_port": None, "link": "lte", "left_s": 3700},
    {"policy": "bank", "together": False, "by": "source+destination+port", "from": "fd00:20::5", "to": "2001:db8::2",
     "protocol": "tcp", "to_port": 443, "link": "lte", "left_s": 1},
    {"policy": None, "together": False, "by": "destination", "from": None, "to": "198.51.100.7", "protocol": None,
     "to_port": None, "link": None, "left_s": 9},
]}

CLASSES = [
    {"device": "wan1", "direction": "upload", "link": "fiber", "class": "voice", "min_bps": 2000000, "max_bps": 10000000,
     "priority": 0, "bytes": 123456, "packets": 1234, "dropped": 0, "waiting_bytes": 0, "rate_bps": 64000},
    {"device": "wan1", "direction": "upload", "link": "fiber", "class": "(checks)", "min_bps": 200000, "max_bps": 20000000,
     "priority": 0, "bytes": 84, "packets": 1, "dropped": 0, "waiting_bytes": 0, "rate_bps": 0},
    {"device": "lan0", "direction": "download", "link": "fiber", "class": "normal", "min_bps": 40000000,
     "max_bps": 100000000, "priority": 4, "bytes": 1250000000, "packets": 1000000, "dropped": 17, "waiting_bytes": 61000,
     "rate_bps": 98765432},
]

EXPLANATION = {
    "policy": "voice", "action": "allow", "link": "lte", "algorithm": "lowest-latency",
    "reason": "lte answers first", "nat": "masquerade", "qos": "voice",
    "candidates": [
        {"link": "fiber", "eligible": False, "score": None, "reason": "down: no carrier"},
        {"link": "lte", "eligible": True, "score": 12.5, "reason": "12.5 ms"},
    ],
    "steps": ["10.0.0.5 is in zone lan", "policy guests does not match: from", "policy voice matches"],
}

WHY = {
    **EXPLANATION, "protocol": "udp", "from": "10.0.0.5", "from_port": 40000, "to": "198.51.100.7", "to_port": 5060,
    "when": None, "recorded": True, "connection": {
        "state": "answered", "answered": True, "bytes": 1250000,
        "outside": {"from": "192.0.2.9", "from_port": 40000, "to": "198.51.100.7", "to_port": 5060}},
}
BY_THE_KERNEL = {
    **EXPLANATION, "protocol": "icmpv6", "from": "fd00::5", "from_port": 0, "to": "2001:db8::1", "to_port": 0,
    "reason": "decided by the kernel alone", "algorithm": None, "candidates": [], "steps": ["there is no record of it"],
    "when": None, "recorded": False, "connection": None,
}

EVENTS = [
    {"time": 1700000000.25, "kind": "daemon", "link": None, "text": "started"},
    {"time": 1700000060.5, "kind": "link", "link": "fiber", "text": "down: no carrier"},
    {"time": 1700000061.5, "kind": "mail", "link": None, "text": "bell \u0007, escape \u001b[31m, turned \u202e"},
]

def blocked():
    now = int(time.time())
    return [
        {"address": "198.51.100.7", "detector": "syn-flood", "policy": None, "since": now - 7530, "until": now + 3 * 3600 + 330,
         "times": 1, "dropped": 1234567},
        {"address": "2001:db8:0:1::/64", "detector": None, "policy": "gäste", "since": now - 90000, "until": now + 2 * 86400 + 5400,
         "times": 7, "dropped": 0},
        {"address": "192.0.2.9", "detector": None, "policy": None, "since": None, "until": now - 60, "times": 1,
         "dropped": None},
    ]


def paths():
    now = int(time.time())

    def by(link, ms, age_s, state="measured", failures=0, excluded_s=0):
        return {"link": link, "ms": ms, "age_s": age_s, "failures": failures, "excluded_s": excluded_s, "state": state,
                "stale": False}
    return {
        "learning": True, "known": 1234, "entries": 65536, "matched": 1234, "connections": 1234567, "explored": 1234,
        "destinations": [
            {"destination": "198.51.100.0/24", "port": 443, "popularity": 123.4, "best": "fiber",
             "best_since": now - 7530, "links": [by("fiber", 12.34, 0), by("cable", 40.1, 95), by("lte", 80.0, 3700, failures=1)]},
            {"destination": "2001:db8:7::/48", "port": None, "popularity": 5.01, "best": "cable", "best_since": now - 90,
             "links": [by("fiber", None, None, "excluded", 3, 25), by("cable", 210.5, 7), by("lte", 33.3, 700, "doubtful", 4)]},
            {"destination": "192.0.2.0/24", "port": 25, "popularity": 0.2, "best": None, "best_since": None,
             "links": [by("fiber", None, None, "not measured", 2), by("cable", 9.0, 2, "silent")]},
        ]}


RULESET = {"nftables": "table inet uplinkd {\n\tchain queue {\n\t}\n}\n", "routing": "rule 1000 fwmark 0x100/0x3f00"}


class Daemon:
    """What a test wants answered: path -> (status, document); `follow` is what a follower gets."""

    def __init__(self, folder):
        self.path = str(folder / "control.sock")
        self.answers = {}
        self.follow = []
        self.asked = []
        daemon = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self):
                url = urllib.parse.urlsplit(self.path)
                daemon.asked.append((self.command, url.path, dict(urllib.parse.parse_qsl(url.query))))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if "follow=1" in url.query:
                    return self.stream()
                code, document = daemon.answers.get(url.path, (404, {"error": "no such path"}))
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def stream(self):
                self.send_response(200)
                self.send_header("Connection", "close")
                self.end_headers()
                for line in daemon.follow:
                    self.wfile.write(line)
                    self.wfile.flush()
                self.close_connection = True

            do_GET = do_POST = reply

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

            def get_request(self):
                connection, _ = super().get_request()
                return connection, ("peer", 0)

        self.server = Server(self.path, Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def end(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def run(self, *words, **environment):
        return run("-s", self.path, *words, **environment)


def run(*words, **environment):
    base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "UPLINKD_SOCKET")}
    return subprocess.run([PROGRAM, *words], env={**base, "TZ": "UTC", **environment}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=SECONDS)


def run_on_terminal(*words, **environment):
    """stdout as a terminal shows it, before anything is made of it."""
    main, other = pty.openpty()
    with subprocess.Popen([PROGRAM, *words], env={**os.environ, "TERM": "xterm", **environment}, stdout=other,
                          stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        os.close(other)
        text = b""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if not select.select([main], [], [], 0.2)[0]:
                continue
            try:
                part = os.read(main, 65536)
            except OSError:
                break
            if not part:
                break
            text += part
        process.wait(SECONDS)
    os.close(main)
    return text.decode().replace("\r\n", "\n")


def check_golden(name, text):
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPLINKD_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


@pytest.fixture
def daemon(tmp_path):
    player = Daemon(tmp_path)
    yield player
    player.end()


STATUSES = {
    "status-well": lambda: status([link("fiber"), link("lte", weight=1)]),
    "status-degraded": lambda: status(fine_links(), fallbacks=17),
    "status-down": lambda: status([
        link("fiber", "down", reason="no carrier", latency_ms=None, loss=1, download_bps=None),
        link("lte"), link("dsl", "disabled", weight=2, latency_ms=None, loss=None)],
        mail={"waiting": 3}, queue={"held": 1, "dropped": 1200, "user_dropped": 34}),
    "status-nothing-up": lambda: status([link("fiber", "down", reason="3 check rounds failed in a row")]),
    "status-trial": lambda: status([link("fiber")], rolled_back=False, trial={
        "file": "/etc/uplinkd/new.yaml", "timeout_s": 120, "left_s": 95}),
    "status-rolled-back": lambda: status([link("fiber")], rolled_back=True, trial=None),
    "status-no-links": lambda: status([], policy_count=0),
}


@pytest.mark.parametrize("name", STATUSES)
def test_status_for_people(daemon, name):
    daemon.answers["/status"] = (200, STATUSES[name]())
    done = daemon.run()
    assert (done.returncode, done.stderr) == (0, "")
    check_golden(name, done.stdout)
    assert daemon.run("status").stdout == done.stdout


DOCUMENTS = {
    "policies": ("/policies", POLICIES, ["policies"]),
    "flows": ("/flows", FLOWS, ["flows"]),
    "classes": ("/classes", CLASSES, ["classes"]),
    "no-classes": ("/classes", [], ["classes"]),
    "ruleset-shaped": ("/ruleset", {**RULESET, "shaping": "# tc\nqdisc replace dev wan1 root handle 1: htb\n"}, ["ruleset"]),
    "explain": ("/explain", EXPLANATION,
                ["explain", "--from", "10.0.0.5", "--to=198.51.100.7", "--protocol", "udp", "--to-port", "5060"]),
    "explain-no-policy": ("/explain", {"policy": None, "action": "allow", "link": None, "algorithm": None, "nat": None,
                                       "reason": "", "qos": None, "candidates": [], "steps": ["no policy matches"]},
                          ["explain", "--from", "::1", "--to", "::2", "--protocol", "6"]),
    "explain-notes": ("/explain", {**EXPLANATION, "limits": "at most 200 connections per source; over it: drop",
                                   "hints": ["10.0.0.5 is reached by guest0, not by lan0"]},
                      ["explain", "--from", "10.0.0.5", "--to", "router", "--protocol", "icmp", "--icmp-type", "3/1",
                       "--dscp", "ef", "--at", "mon 22:30", "--in", "lan0"]),
    "explain-tiers": ("/explain", {**EXPLANATION, "candidates": [
        {"link": "fiber", "tier": 1, "eligible": False, "score": 0, "reason": "down"},
        {"link": "lte", "tier": 1, "eligible": True, "score": 1, "reason": "chosen"},
        {"link": "sat", "tier": 2, "eligible": False, "score": 0, "reason": "backup: tier 1 is usable"}]},
                      ["explain", "--from", "10.0.0.5", "--to=198.51.100.7", "--protocol", "udp", "--to-port", "5060"]),
    "why": ("/why", WHY, ["why", "--from", "10.0.0.5", "--to", "198.51.100.7"]),
    "why-last": ("/why", [WHY, BY_THE_KERNEL], ["why", "--to", "2001:db8::1", "--last", "2"]),
    "why-none": ("/why", [], ["why", "--last", "2"]),
    "events": ("/events", EVENTS, ["events"]),
    "ruleset": ("/ruleset", RULESET, ["ruleset"]),
    "blocked": ("/blocked", blocked, ["blocked"]),
    "nobody-blocked": ("/blocked", [], ["blocked"]),
    "sticky": ("/sticky", STICKY, ["sticky"]),
    "nothing-sticky": ("/sticky", {"total": 0, "room": 8, "entries": []}, ["sticky", "10.0.0.5"]),
    "no-policies": ("/policies", [], ["policies"]),
    "no-flows": ("/flows", [], ["flows"]),
    "paths": ("/paths", paths, ["paths"]),
    "no-paths": ("/paths", {**paths(), "learning": False, "matched": 0, "destinations": []}, ["paths", "192.0.2.0/24"]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_for_people_and_scripts(daemon, name):
    path, document, words = DOCUMENTS[name]
    document = document() if callable(document) else document  # what tells how long ago is made now
    daemon.answers[path] = (200, document)
    done = daemon.run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    check_golden(name, done.stdout)
    done = daemon.run("-j", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == document
    assert done.stdout.count("\n") == 1
    assert daemon.run(*words, "-j").stdout == done.stdout


def test_when_it_was_decided(daemon):
    daemon.answers["/why"] = (200, {**WHY, "when": time.time() - 200, "from": "fd00::5", "connection": None})
    lines = daemon.run("why", "--from", "fd00::5").stdout.splitlines()
    assert re.fullmatch(r"udp from \[fd00::5\]:40000 to 198\.51\.100\.7:5060, decided 3 min( \d+ s)? ago, "
                        r"at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", lines[0]), lines[0]
    assert lines[1] == "It does not live any more."
    assert daemon.asked[-1] == ("GET", "/why", {"from": "fd00::5"})


def test_try_confirm_and_rollback(daemon, tmp_path):
    file = tmp_path / "new.yaml"
    file.write_text("")
    daemon.answers["/try"] = (200, {"links": 3, "policies": 1, "trial": {
        "file": str(file), "timeout_s": 300, "left_s": 300}})
    done = daemon.run("try", "--timeout", "5m", os.path.relpath(file))
    assert done.stdout == (f"On trial is {file}: 3 links, 1 policy.\n"
                           "It is undone in 300 s, unless `uplinkctl confirm' comes before.\n")
    assert daemon.asked[-1] == ("POST", "/try", {"timeout": "5m", "file": str(file)})
    daemon.run("try")
    assert daemon.asked[-1] == ("POST", "/try", {})
    daemon.answers["/try"] = (422, {"errors": [{"file": "x.yaml", "line": 3, "column": 5, "message": "no"}]})
    done = daemon.run("try")
    assert (done.returncode, done.stderr.splitlines()[0]) == (4, "x.yaml:3:5: error: no")
    asked = len(daemon.asked)
    done = daemon.run("try", "/nowhere/new.yaml")
    assert done.returncode == 1 and "No such file" in done.stderr and len(daemon.asked) == asked
    daemon.answers["/confirm"] = (200, {"links": 3, "policies": 1, "file": str(file), "own_file": "/etc/u.yaml"})
    done = daemon.run("confirm")
    assert done.stdout == (f"Confirmed: {file} stays in force.\n"
                           "The next reload or start loads /etc/u.yaml again: copy it there.\n")
    daemon.answers["/confirm"] = (409, {"error": "no configuration is on trial"})
    assert daemon.run("confirm").returncode == 1
    daemon.answers["/rollback"] = (200, {"links": 1, "policies": 2, "own_file": "/etc/u.yaml"})
    done = daemon.run("rollback")
    assert done.stdout == ("The configuration before is in force again: 1 link, 2 policies.\n"
                           "/etc/u.yaml still has what was undone; a reload loads it.\n")
    assert daemon.asked[-1] == ("POST", "/rollback", {})


def test_hints_of_the_daemon(daemon):
    daemon.answers["/explain"] = (400, {"error": "in: there is no device `lan7'", "hint": "did you mean `lan0'?"})
    done = daemon.run("explain", "--from", "10.0.0.5", "--to", "::1", "--protocol", "tcp", "--in", "lan7")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "uplinkctl: in: there is no device `lan7'\nuplinkctl: did you mean `lan0'?\n"


OFFLINE = """version: 1
zones: { lan: { devices: [lan0] }, guest: { devices: [vlan20] } }
links: { cable: { device: wan2, labels: [cheap] }, dsl: { device: wan3, labels: [cheap] }, lte: { device: wwan0 } }
policies:
  - { name: not-to-lan, match: { from: guest, to: lan }, action: reject }
  - { name: guests, match: { from: guest, to: internet }, balance: { algorithm: priority, links: cheap } }
"""


def test_explain_without_a_daemon(tmp_path):
    file = tmp_path / "uplinkd.yaml"
    file.write_text(OFFLINE)
    words = ("explain", "-c", str(file), "--protocol", "tcp", "--to-port", "80", "--from", "10.0.2.5", "--to")
    check_golden("explain-offline", run(*words, "198.51.100.7").stdout)
    answer = json.loads(run("-j", *words, "198.51.100.7", "--down", "cable,lte").stdout)
    assert (answer["policy"], answer["link"]) == ("guests", "dsl")
    assert json.loads(run("-j", *words, "10.0.1.7").stdout)["action"] == "reject"
    done = run(*words, "198.51.100.7", "--down", "cable,what")
    assert (done.returncode, done.stderr) == (1, "uplinkctl: --down: there is no link `what'\n")
    done = run(*words, "198.51.100.7", "--in", "lan7")
    assert done.returncode == 1 and "no device `lan7'" in done.stderr and "name a device" in done.stderr
    done = run(*words, "198.51.100.7", "--at", "never")
    assert done.returncode == 1 and "mon 22:30" in done.stderr
    file.write_text(OFFLINE.replace("reject", "refuse"))
    done = run(*words, "198.51.100.7")
    assert done.returncode == 4 and "uplinkd.yaml:5:" in done.stderr
    assert run("explain", "--from", "::1", "--to", "::2", "--protocol", "6", "--down", "dsl").returncode == 2


def test_links_by_name(daemon):
    states = ["up", "degraded", "down", "draining", "disabled"]
    daemon.answers["/links"] = (200, [link(state, state) for state in states])
    codes = [daemon.run("links", state).returncode for state in states]
    assert codes == [0, 0, 1, 1, 1]
    done = daemon.run("-j", "links", "down")
    assert done.returncode == 1
    assert [found["name"] for found in json.loads(done.stdout)] == ["down"]
    done = daemon.run("links", "none")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "uplinkctl: there is no link `none'; there are up, degraded, down, draining and disabled\n"


def test_links_for_people(daemon):
    daemon.answers["/links"] = (200, fine_links())
    check_golden("links", daemon.run("links").stdout)
    check_golden("links-one", daemon.run("links", "lte").stdout)
    daemon.answers["/links"] = (200, [])
    assert daemon.run("links").stdout == "No link is configured.\n"


def family_report(family, **more):
    return {
        "family": family, "addresses": [], "routed": False, "gateway": None, "neighbour": "not asked",
        "gateway_echo": "not asked", "destination": None, "hops": [], "sent": 0, "received": 0, "loss": None,
        "least_ms": None, "mean_ms": None, "most_ms": None, "mtu_device": None, "mtu_passes": None, "mtu_told": None, **more,
    }


DIAGNOSIS = {
    "link": "fiber", "device": "wan1", "state": "up", "present": True, "carrier": True, "families": [
        family_report("ipv4", addresses=["203.0.113.7/24"], routed=True, gateway="203.0.113.1", neighbour="good",
                      gateway_echo="none", destination="192.0.2.1", sent=10, received=9, loss=0.1, least_ms=3.1,
                      mean_ms=4.2, most_ms=40.5, mtu_device=1500, mtu_passes=1400, hops=[
                          {"address": "203.0.113.1", "latency_ms": 0.9}, {"address": None, "latency_ms": None},
                          {"address": "192.0.2.1", "latency_ms": 4.4}]),
        family_report("ipv6", addresses=["2001:db8::2/64"], destination=None)],
    "targets": [
        {"kind": "ping", "target": "192.0.2.1", "here": "good", "elsewhere": "good", "latency_ms": 4.1},
        {"kind": "http", "target": "http://example.net/\x1b[1m", "here": "none", "elsewhere": "not asked", "latency_ms": None}],
    "servers": [{"server": "192.0.2.53", "answer": "good", "latency_ms": 12.5}],
    "public_page": "good", "public_address": "203.0.113.7", "finding": "MTU black hole",
    "text": "MTU black hole: large packets are lost without a word; 1400 bytes pass, 1500 do not",
    "advice": "Set the MTU of the link to what passes", "took_ms": 1400,
}


def test_a_diagnosis(daemon):
    daemon.answers["/diagnose"] = (200, DIAGNOSIS)
    check_golden("diagnose", daemon.run("diagnose", "fiber").stdout)
    assert daemon.asked[-1] == ("GET", "/diagnose", {"link": "fiber"})
    assert json.loads(daemon.run("-j", "diagnose", "fiber").stdout) == DIAGNOSIS
    gone = dict(DIAGNOSIS, state="down", present=False, carrier=False, finding="no device", text="no device: it is not there",
                families=[family_report("ipv4"), family_report("ipv6")], targets=[], servers=[], public_page="not configured",
                public_address=None)
    daemon.answers["/diagnose"] = (200, gone)
    check_golden("diagnose-gone", daemon.run("diagnose", "fiber").stdout)
    assert daemon.run("diagnose").returncode == 2


def test_query_reaches_the_daemon_as_typed(daemon):
    daemon.answers["/explain"] = (200, EXPLANATION)
    strange = "a&b=c d%/?+ü"
    daemon.run("explain", "--from", strange, "--to", "::1", "--protocol", "47", "--in", "lan0", "--from-port", "9")
    assert daemon.asked[-1] == ("GET", "/explain", {
        "from": strange, "to": "::1", "protocol": "47", "in": "lan0", "from-port": "9"})
    daemon.answers["/events"] = (200, EVENTS)
    daemon.run("paths", "-n", "3", "192.0.2.0/24")
    assert daemon.asked[-1] == ("GET", "/paths", {"limit": "3", "prefix": "192.0.2.0/24"})
    daemon.run("events", "-n", "3")
    assert daemon.asked[-1] == ("GET", "/events", {"limit": "3"})


def test_unblock(daemon):
    daemon.answers["/unblock"] = (200, {"address": "192.0.2.9"})
    done = daemon.run("unblock", "192.0.2.9")
    assert (done.returncode, done.stdout, done.stderr) == (0, "192.0.2.9 is let in again.\n", "")
    assert daemon.asked[-1] == ("POST", "/unblock", {"address": "192.0.2.9"})
    assert json.loads(daemon.run("-j", "unblock", "192.0.2.9").stdout) == {"address": "192.0.2.9"}
    daemon.answers["/unblock"] = (404, {"error": "192.0.2.9 is not shut out"})
    done = daemon.run("unblock", "192.0.2.9")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "uplinkctl: 192.0.2.9 is not shut out\n")


def test_sticky(daemon):
    daemon.answers["/sticky"] = (200, STICKY)
    daemon.run("sticky", "10.0.0.0/24")
    assert daemon.asked[-1] == ("GET", "/sticky", {"address": "10.0.0.0/24"})
    daemon.answers["/sticky-forget"] = (200, {"address": "10.0.0.5", "forgotten": 3})
    done = daemon.run("sticky", "--forget", "10.0.0.5")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 entries of 10.0.0.5 are forgotten.\n", "")
    assert daemon.asked[-1] == ("POST", "/sticky-forget", {"address": "10.0.0.5"})
    assert json.loads(daemon.run("-j", "sticky", "--forget", "10.0.0.5").stdout) == {"address": "10.0.0.5", "forgotten": 3}
    daemon.answers["/sticky-forget"] = (404, {"error": "nothing is remembered of 10.0.0.5"})
    done = daemon.run("sticky", "--forget", "10.0.0.5")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "uplinkctl: nothing is remembered of 10.0.0.5\n")


def test_daemon_is_not_running(tmp_path):
    path = tmp_path / "control.sock"
    done = run("-s", str(path))
    assert done.returncode == 3
    assert done.stderr == f"uplinkctl: uplinkd is not running: nobody answers on {path}\n"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
    for words in (["status"], ["links", "x"], ["reload"], ["events", "-f"], ["-j", "flows"]):
        assert run("-s", str(path), *words).returncode == 3
    assert run("status", UPLINKD_SOCKET=str(path)).returncode == 3


def test_environment_names_the_socket(daemon):
    daemon.answers["/policies"] = (200, [])
    assert run("policies", UPLINKD_SOCKET=daemon.path).returncode == 0
    assert run("-s", "/nowhere", "policies", UPLINKD_SOCKET=daemon.path).returncode == 3
    # A proxy of the environment has no business with a local socket.
    assert run("policies", UPLINKD_SOCKET=daemon.path, http_proxy="http://192.0.2.1:3128").returncode == 0
    assert daemon.asked[-1] == ("GET", "/policies", {})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_no_permission_is_told_apart(daemon, tmp_path):
    os.chmod(daemon.path, 0o600)
    folder = tmp_path
    while folder != pathlib.Path("/tmp") and folder != folder.parent:
        os.chmod(folder, 0o755)
        folder = folder.parent
    program = tmp_path / "uplinkctl"
    program.write_bytes(PROGRAM.read_bytes())
    program.chmod(0o755)
    done = subprocess.run([program, "-s", daemon.path], user=65534, group=65534, extra_groups=[], capture_output=True,
                          text=True, timeout=SECONDS)
    assert done.returncode == 1
    assert done.stderr == f"uplinkctl: may not talk to the daemon on {daemon.path}: be root or in the group uplinkd\n"


@pytest.mark.parametrize("words", [
    ["statsu"], ["--nonsense"], ["links", "a", "b"], ["policies", "x"], ["explain", "--from", "1.2.3.4"],
    ["explain", "--from"], ["-s"], ["-s", ""], ["-s", "/" + "x" * 200], ["events", "-n", "many"], ["unblock"], ["sticky", "--forget"], ["help", "nothing"],
    ["status", "-x"], ["-f", "events"],
])
def test_bad_usage(words):
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("uplinkctl: ")


def test_bad_usage_shows_the_way():
    assert "did you mean `status'?" in run("statsu").stderr
    assert "`explain' needs --to\n" in run("explain", "--from", "1.2.3.4").stderr


def test_help():
    verbs = run("help", "--words").stdout.split("\n--")[0].split()
    assert verbs[0] == "status" and "test-mail" in verbs
    whole = run("--help")
    assert whole.returncode == 0
    for verb in verbs:
        assert f"\n  {verb}" in whole.stdout
        done = run("help", verb)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("usage: uplinkctl [-j] [-s SOCKET] " + verb)
        assert run(verb, "-h").stdout == done.stdout
    assert run("-V").stdout.startswith("uplinkctl ")


def test_manual_has_every_verb_and_option():
    page = (ROOT / "man" / "uplinkctl.8").read_text()
    words = run("help", "--words").stdout.split()
    for word in words:
        if word.startswith("--"):
            assert f"Fl -{word[2:].rstrip('=')}" in page
        else:
            assert f"Cm {word}" in page


def test_check_warns(tmp_path):
    """Warnings leave the exit code alone; devices are looked for where the file is this machine's, or when told to."""
    file = tmp_path / "uplinkd.yaml"
    file.write_text("version: 1\nlinks:\n  fiber: { device: no-such-dev }\npolicies:\n  - name: all\n"
                    "    balance: { if-none: drop }\n  - name: never\n")
    hidden = f"{file}:7:11: warning: policy `never' can never match: `all' ({file}:5) takes all that it would\n"
    missing = f"{file}:3:20: warning: this machine has no device `no-such-dev'\n"
    done = run("check", str(file))
    assert (done.returncode, done.stdout) == (0, f"{file}: fine: 1 link, 2 policies, 1 warning\n")
    assert hidden in done.stderr and missing not in done.stderr
    for words in (["check", "--devices", str(file)], ["-c", str(file), "check"]):
        done = run(*words)
        assert done.returncode == 0 and "2 warnings" in done.stdout
        assert hidden in done.stderr and missing in done.stderr
    told = json.loads(run("-j", "check", str(file)).stdout)
    assert told["errors"] == [] and [item["line"] for item in told["warnings"]] == [7]
    assert told["warnings"][0]["hint"] == "move it before `all', or take it out"


def test_schema():
    done = run("schema")
    assert (done.returncode, done.stderr) == (0, "")
    schema = json.loads(done.stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"version", "links", "policies", "zones"} <= set(schema["properties"])


def test_errors_of_the_daemon(daemon):
    daemon.answers["/flows"] = (503, {"error": "not \u001b now"})
    done = daemon.run("flows")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "uplinkctl: not \\x1b now\n")
    done = daemon.run("-j", "flows")
    assert (done.returncode, json.loads(done.stdout)) == (1, {"error": "not \u001b now"})
    daemon.answers["/flows"] = (200, b"<html>")
    done = daemon.run("flows")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not JSON" in done.stderr
    daemon.answers["/flows"] = (200, {"unexpected": True})
    assert daemon.run("flows").returncode == 0
    daemon.answers["/status"] = (200, {})
    assert daemon.run("status").returncode == 0


def test_reload(daemon):
    daemon.answers["/reload"] = (200, {"links": 1, "policies": 5, "changed": True})
    done = daemon.run("reload")
    assert (done.returncode, done.stdout) == (0, "Reloaded: 1 link, 5 policies.\n")
    assert daemon.asked[-1][:2] == ("POST", "/reload")
    daemon.answers["/reload"] = (200, {"links": 2, "policies": 1, "changed": False})
    assert daemon.run("reload").stdout == "Nothing has changed: 2 links, 1 policy.\n"
    errors = {"errors": [{"file": "/etc/uplinkd/uplinkd.yaml", "line": 3, "column": 5,
                          "message": "unknown key `wieght'", "hint": "did you mean `weight'?",
                          "source": "    wieght: 5"},
                         {"file": "x", "line": 0, "column": 0, "message": "no links", "hint": None, "source": None}]}
    daemon.answers["/reload"] = (422, errors)
    done = daemon.run("reload")
    assert (done.returncode, done.stdout) == (4, "")
    assert "/etc/uplinkd/uplinkd.yaml:3:5: error: unknown key `wieght'\n" in done.stderr
    assert "    wieght: 5\n" in done.stderr and "did you mean `weight'?" in done.stderr
    done = daemon.run("-j", "reload")
    assert (done.returncode, json.loads(done.stdout)) == (4, errors)
    daemon.answers["/reload"] = (403, {"error": "only root may do this"})
    assert (daemon.run("reload").returncode, daemon.run("reload").stderr) == (1, "uplinkctl: only root may do this\n")


CHANGES = [
    {"kind": "changed", "what": "setting", "name": "kernel.queues", "key": None, "before": "2", "after": "4", "more": 0,
     "less": 0, "restart": True},
    {"kind": "changed", "what": "setting", "name": "alerts.mail.server", "key": None, "before": None,
     "after": "smtp://\u001b[31m", "more": 0, "less": 0, "restart": False},
    {"kind": "changed", "what": "set", "name": "partners", "key": "networks", "before": "[" + "10.0.0.0/8, " * 9 + "]",
     "after": "[" + "10.0.0.0/8, " * 7 + "]", "more": 1, "less": 3, "restart": False},
    {"kind": "changed", "what": "link", "name": "fiber", "key": "check.interval", "before": "1s", "after": "2s", "more": 0,
     "less": 0, "restart": False},
    {"kind": "added", "what": "link", "name": "dsl", "key": None, "before": None, "after": None, "more": 0, "less": 0,
     "restart": False},
    {"kind": "removed", "what": "link", "name": "lte", "key": None, "before": None, "after": None, "more": 0, "less": 0,
     "restart": False, "connections": 4000},
    {"kind": "moved", "what": "policy", "name": "voice", "key": None, "before": "web", "after": None, "more": 0, "less": 0,
     "restart": False},
    {"kind": "changed", "what": "policy", "name": "web", "key": "balance", "before": "{" + "x" * 99 + "}", "after": None,
     "more": 0, "less": 0, "restart": False},
]


def test_diff(daemon):
    document = {"file": "/etc/uplinkd/uplinkd.yaml", "changes": CHANGES, "restart": ["kernel.queues"]}
    daemon.answers["/diff"] = (200, document)
    done = daemon.run("diff")
    assert (done.returncode, done.stderr) == (0, "")
    assert daemon.asked[-1] == ("GET", "/diff", {})
    check_golden("diff", done.stdout)
    assert json.loads(daemon.run("-j", "diff").stdout) == document
    daemon.answers["/diff"] = (200, {"file": "/etc/uplinkd/uplinkd.yaml", "changes": [], "restart": []})
    done = daemon.run("diff")
    assert (done.returncode, done.stdout) == (0, "/etc/uplinkd/uplinkd.yaml: nothing would change.\n")
    daemon.answers["/diff"] = (422, {"errors": [{"file": "x.yaml", "line": 3, "column": 5, "message": "unknown key `a'",
                                                 "hint": None, "source": "    a: 5"}]})
    done = daemon.run("diff")
    assert (done.returncode, done.stdout) == (4, "") and "x.yaml:3:5: error: unknown key `a'\n" in done.stderr


def test_diff_of_a_file(daemon, tmp_path):
    """It is read here, and compared with what the daemon says is in force."""
    file = tmp_path / "new.yaml"
    file.write_text(CONFIGURATION)
    daemon.answers["/config"] = (200, {"file": "/etc/uplinkd/uplinkd.yaml", "text": CONFIGURATION})
    daemon.answers["/links"] = (200, [link("fiber"), link("lte", connections=7)])
    done = daemon.run("diff", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}: nothing would change.\n", "")
    daemon.answers["/config"] = (200, {"text": CONFIGURATION.replace("links:\n", "links:\n  lte: { device: wwan0 }\n")})
    done = daemon.run("diff", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "link lte removed: 7 connections go by it now\n" in done.stdout
    told = json.loads(daemon.run("-j", "diff", str(file)).stdout)
    assert {"kind": "removed", "what": "link", "name": "lte", "connections": 7}.items() <= told["changes"][0].items()
    file.write_text(CONFIGURATION.replace("device", "devise"))
    done = daemon.run("diff", str(file))
    assert (done.returncode, done.stdout) == (4, "") and f"{file}:3:" in done.stderr
    told = json.loads(daemon.run("-j", "diff", str(file)).stdout)
    assert told["errors"][0]["line"] == 3
    file.write_text(CONFIGURATION)
    daemon.answers["/config"] = (200, {"text": "nonsense"})
    assert daemon.run("diff", str(file)).returncode == 1
    assert run("-s", str(tmp_path / "nobody"), "diff", str(file)).returncode == 3


def test_test_mail(daemon):
    daemon.answers["/test-mail"] = (200, {"delivered": True, "answer": "250 2.0.0 Ok: queued"})
    done = daemon.run("test-mail")
    assert (done.returncode, done.stdout) == (0, "Delivered: 250 2.0.0 Ok: queued\n")
    assert daemon.asked[-1][:2] == ("POST", "/test-mail")
    daemon.answers["/test-mail"] = (200, {"delivered": False, "answer": "550 no such user"})
    done = daemon.run("test-mail")
    assert (done.returncode, done.stdout) == (1, "Not delivered: 550 no such user\n")
    daemon.answers["/test-mail"] = (409, {"error": "no mail server is configured"})
    assert daemon.run("test-mail").returncode == 1


def test_events_follow_without_gap_or_doubles(daemon):
    new = {"time": 1700000099.125, "kind": "link", "link": "fiber", "text": "up"}
    daemon.answers["/events"] = (200, EVENTS)
    last = json.dumps(EVENTS[-1]).encode() + b"\n"
    text = json.dumps(new).encode() + b"\n"
    daemon.follow = [b"\n", last, text[:7], text[7:], b"\n\n"]
    done = daemon.run("events", "-f")
    assert done.returncode == 3
    check_golden("events-follow", done.stdout)
    assert daemon.asked[-1][2] == {"limit": "10"}
    done = daemon.run("-j", "events", "-f")
    assert [json.loads(line) for line in done.stdout.splitlines()] == EVENTS + [new]
    daemon.follow = [b"\n", b"not JSON\n", text]
    done = daemon.run("-j", "events", "-f")
    assert "is not JSON" in done.stderr and json.loads(done.stdout.splitlines()[-1]) == new


CONFIGURATION = """version: 1
links:
  fiber: { device: wan1, gateway: 192.0.2.1, bandwidth: { download: 10 mbit, upload: 10 mbit } }
policies:
  - name: all
    balance: { algorithm: round-robin }
"""


def test_check(tmp_path):
    file = tmp_path / "good.yaml"
    file.write_text(CONFIGURATION)
    done = run("check", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}: fine: 1 link, 1 policy\n", "")
    assert run("-c", str(file), "check").stdout.startswith(f"{file}: fine: 1 link, 1 policy")
    assert json.loads(run("-j", "check", str(file)).stdout) == {"file": str(file), "errors": [], "warnings": []}

    file = tmp_path / "bad.yaml"
    file.write_text(CONFIGURATION.replace("device", "devise").replace("algorithm", "algoritm"))
    done = run("check", str(file))
    assert (done.returncode, done.stdout) == (4, "")
    assert f"{file}:3:" in done.stderr and f"{file}:6:" in done.stderr and "error: " in done.stderr
    done = run("-j", "check", str(file))
    document = json.loads(done.stdout)
    assert (done.returncode, document["file"]) == (4, str(file))
    assert {error["line"] for error in document["errors"]} >= {3, 6}
    assert all(set(error) == {"file", "line", "column", "message", "hint"} for error in document["errors"])

    assert run("check", str(tmp_path / "none.yaml")).returncode == 4
    done = run("-j", "check", b"/nowhere/\xff.yaml")
    assert (done.returncode, json.loads(done.stdout)["file"]) == (4, "/nowhere/\\xff.yaml")


def test_colours_only_on_a_terminal(daemon):
    daemon.answers["/links"] = (200, fine_links())
    assert "\033" not in daemon.run("links", TERM="xterm").stdout
    assert "\033[32mup\033[0m" in run_on_terminal("-s", daemon.path, "links")
    assert "\033" not in run_on_terminal("-s", daemon.path, "links", NO_COLOR="1")
    assert "\033" not in run_on_terminal("-s", daemon.path, "links", TERM="dumb")
    indented = run_on_terminal("-s", daemon.path, "-j", "links")
    assert indented.startswith("[\n  {\n    \"name\": \"fiber\"")
    daemon.answers["/links"] = (200, [link("a\u0085\u202eb\u001b]0;x\u0007")])
    for words in (["links"], ["-j", "links"]):
        shown = run_on_terminal("-s", daemon.path, *words, NO_COLOR="1")
        assert not any(sign in shown for sign in "\u0085\u202e\u001b\u0007")


def test_full_disk_is_an_error(daemon):
    daemon.answers["/links"] = (200, fine_links())
    with open("/dev/full", "w") as full:
        done = subprocess.run([PROGRAM, "-s", daemon.path, "links"], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=SECONDS)
    assert (done.returncode, done.stderr) == (1, "uplinkctl: cannot write\n")


def complete(*words):
    """What bash would offer for the last word."""
    script = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _uplinkctl; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", COMPLETION, PROGRAM, *words], capture_output=True,
                          text=True, timeout=SECONDS)
    assert done.stderr == ""
    return done.stdout.split()


def test_completion(daemon, tmp_path):
    daemon.answers["/links"] = (200, [link("fiber"), link("fallback"), link("lte")])
    assert complete("re") == ["reload"]
    assert complete("l") == ["links"]
    assert "status" in complete("") and "--json" not in complete("")
    assert complete("--js") == ["--json"]
    assert complete("explain", "--to") == ["--to=", "--to-port="]
    assert complete("explain", "") == []
    assert complete("-j", "events", "--f") == ["--follow"]
    assert complete("help", "test") == ["test-mail"]
    assert complete("-s", daemon.path, "links", "") == ["fiber", "fallback", "lte"]
    assert complete("-s", daemon.path, "links", "f") == ["fiber", "fallback"]
    assert complete("-s", "/nowhere", "links", "") == []
    daemon.answers["/sticky"] = (200, STICKY)
    assert complete("sticky", "--f") == ["--forget"]
    assert complete("-s", daemon.path, "sticky", "10") == ["10.0.0.5"]
    (tmp_path / "uplinkd.yaml").write_text("")
    assert complete("check", f"{tmp_path}/upl") == [f"{tmp_path}/uplinkd.yaml"]
    assert complete("-s", f"{tmp_path}/con") == [daemon.path]


def test_completion_runs_nothing_that_a_name_says(daemon, tmp_path):
    daemon.answers["/links"] = (200, [link(f"$(touch {tmp_path}/harm)"), link("`id`")])
    complete("-s", daemon.path, "links", "")
    assert not (tmp_path / "harm").exists()
