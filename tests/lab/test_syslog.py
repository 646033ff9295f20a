# SPDX-License-Identifier: GPL-2.0-or-later
"""Syslog to real servers: events and records, by UDP, TCP and TLS; servers that are away or not to be trusted."""

import datetime
import json
import re
import sys

import pytest

import lab as laboratory

from syslog_server import SyslogServer, parse
from waiting import rate, wait_for

POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
LOCAL3, DAEMON = 19, 3


def alerts(server, more=""):
    return f'alerts:\n  syslog: {{ facility: local3, server: "{server}"{more} }}\n'


def rename(lab, link, name):
    """The gateway's device gets another name."""
    lab.ip("gw", [f"link set {link.device} down"])
    lab.run("gw", "ip", "link", "set", "dev", link.device, "name", name)
    lab.run("gw", "ip", "link", "set", "dev", name, "up")
    link.device = name


def test_events_by_udp_over_both_families(lab, tell):
    """Structured data, and a device whose name would be something else; another server after a reload."""
    lte = lab.link("lte")
    rename(lab, lte, 'w"]\\\'=<>')
    lte.device = json.dumps(lte.device)  # as YAML has it
    four = SyslogServer(lab, "udp", lab.SERVER4, 514)
    six = SyslogServer(lab, "udp", lab.SERVER6, 5514)
    lab.start_daemon(lab.config(POLICY, extra=alerts(f"udp://{lab.SERVER4}:514")))
    assert four.wait_text(" runs: ")["kind"] == "daemon"
    lab.cut_carrier(lab.link("fiber"))
    message = four.wait_text("link fiber down")
    tell(message["data"])
    assert (message["facility"], message["severity"], message["kind"]) == (LOCAL3, 4, "link")
    assert message["program"] == "uplinkd" and message["process"] == str(lab.daemon.pid)
    assert message["text"] == "link fiber down: no carrier; traffic on cable, lte"
    assert message["fields"] == {"link": "fiber", "state": "down", "device": "wan1", "latency_ms": "0.000", "loss_permille": "0"}
    sent = datetime.datetime.fromisoformat(message["when"].replace("Z", "+00:00"))
    assert abs((datetime.datetime.now(datetime.timezone.utc) - sent).total_seconds()) < 60
    lab.cut_carrier(lte)
    message = four.wait_text("link lte down")
    assert message["fields"]["device"] == 'w"]\\\'=<>' and r'device="w\"\]\\' in message["data"]
    assert lab.daemon.reload(lab.config(POLICY, extra=alerts(f"udp://[{lab.SERVER6}]:5514"))).returncode == 0
    lab.restore_carrier(lab.link("fiber"))
    assert six.wait_text("link fiber up")["severity"] == 5
    assert not any("link fiber up" in item["text"] for item in four.messages())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A CA, and a certificate of it for the server; another one that nobody vouches for."""
    folder = tmp_path_factory.mktemp("syslog")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    for name in ("good", "bad"):
        laboratory.run("openssl", "req", "-x509", *curve, "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:192.0.2.1",
                       "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem")
    laboratory.run("openssl", "req", "-x509", *curve, "-subj", "/CN=good", "-addext", "subjectAltName=DNS:other.example",
                   "-keyout", f"{folder}/other.key", "-out", f"{folder}/other.pem")
    laboratory.run("sh", "-c", f"cat {folder}/other.pem {folder}/good.pem > {folder}/trusted.pem")
    folder.chmod(0o755)
    return folder


def pair(certificates, name):
    return [f"{certificates}/{name}.pem", f"{certificates}/{name}.key"]


def test_tls_goes_to_nobody_but_the_right_server(lab, certificates, tell):
    """A certificate that nobody vouches for, and one of another host: not a byte; the right one gets what waited."""
    server = SyslogServer(lab, "tls", lab.SERVER4, 6514, pair(certificates, "bad"))
    lab.start_daemon(lab.config(POLICY, extra=alerts(f"tls://{lab.SERVER4}:6514", f", ca-file: {certificates}/trusted.pem")))
    told = wait_for(lambda: next((item["text"] for item in lab.ctl("events") if "takes no lines" in item["text"]), None), 10,
                    "the refusal to be told")
    tell(told)
    assert "certificate" in told
    server.stop()
    server.arguments[4:] = pair(certificates, "other")
    server.start()
    lab.cut_carrier(lab.link("fiber"))
    wait_for(lambda: lab.link_state("fiber") == "down", 5, "fiber to be down")
    wait_for(lambda: lab.run("inet", "nstat", "-az", "TcpPassiveOpens").stdout and accepted(lab) >= 2, 15, "a second attempt")
    assert server.raw() == []
    server.stop()
    server.arguments[4:] = pair(certificates, "good")
    server.start()
    lab.restore_carrier(lab.link("fiber"))
    server.wait_text("takes lines again", 40)
    texts = [item["text"] for item in server.messages()]
    assert "runs: " in texts[0] or "runs: " in texts[1], texts
    assert sum("link fiber down" in text for text in texts) == 1
    assert len([text for text in texts if "takes no lines" in text]) == 1


def accepted(lab):
    """Connections that the internet's servers took."""
    return int(re.search(r"TcpPassiveOpens\s+(\d+)", lab.run("inet", "nstat", "-az", "TcpPassiveOpens").stdout)[1])


def begun_to(server, port):
    """Ids of connections that began."""
    return [item["fields"]["id"] for item in server.messages("connection-start") if item["fields"].get("to_port") == str(port)]


def test_server_that_goes_and_comes_back(lab, tell):
    """What waits comes in order, nothing twice; what had no room is told, once."""
    server = SyslogServer(lab, "tcp", lab.SERVER4, 601)
    lab.start_daemon(lab.config(POLICY, extra=alerts(f"tcp://{lab.SERVER4}:601", ", buffer: 64 KB, records: true")))
    server.wait_text(" runs: ")
    first = lab.load("tcp", to="192.0.2.1:80", to_range=200, rate=rate(500), count=100)
    assert first["ok"] == 100
    wait_for(lambda: len(begun_to(server, 80)) == 100, 10, "a hundred records")
    server.stop()
    away = 600
    second = lab.load("tcp", to="192.0.2.1:80", to_range=200, rate=rate(500), count=away)
    assert second["ok"] == away
    wait_for(lambda: any("takes no lines" in item["text"] for item in lab.ctl("events")), 10, "the server's absence to be told")
    server.start()
    told = server.wait_text("were lost", 60)
    lost = int(re.match(r"(\d+) lines for the syslog server", told["text"])[1])
    begun = begun_to(server, 80)
    tell(f"{len(begun)} of {away + 100} beginnings came, {lost} lines lost")
    assert len(set(begun)) == len(begun)
    # The server's own connections have records, too, each time that one is tried.
    assert 700 - len(begun) <= lost < 700 - len(begun) + 60 and lost < away
    third = lab.load("tcp", to="192.0.2.1:443", rate=rate(500), count=10)
    assert third["ok"] == 10
    wait_for(lambda: len(begun_to(server, 443)) == 10, 10, "records of what began later")
    texts = [item["text"] for item in server.messages()]
    assert sum("were lost" in text for text in texts) == 1
    assert len([text for text in texts if "takes no lines" in text]) == 1


CLIENT = """
import socket, sys
kind, host, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as s:
    s.settimeout(10)
    s.connect((host, 7))
    for _ in range(count):
        s.sendall(b"x" * size)
        left = size
        while left > 0:
            left -= len(s.recv(65536))
    print(s.getsockname()[1])
"""

COUNTERS = """
table inet counted {
    counter up { }
    counter down { }
    chain out {
        type filter hook output priority 0
        ip daddr 192.0.2.55 counter name up
    }
    chain in {
        type filter hook input priority 0
        ip saddr 192.0.2.55 counter name down
    }
}
"""


def counted(lab):
    text = lab.run("lan", "nft", "-j", "list", "counters").stdout
    return {item["counter"]["name"]: item["counter"]["bytes"] for item in json.loads(text)["nftables"] if "counter" in item}


def exchange(lab, kind, host, count, size):
    return lab.run("lan", sys.executable, "-c", CLIENT, kind, host, str(count), str(size)).stdout.strip()


def test_records_have_the_bytes(lab, tell):
    """Beginning and end of a UDP flow and of a TCP connection: exactly what was sent, and by whom, before and after NAT."""
    lab.run("gw", "sysctl", "-qw", "net.netfilter.nf_conntrack_udp_timeout=1", "net.netfilter.nf_conntrack_udp_timeout_stream=1",
            "net.netfilter.nf_conntrack_tcp_timeout_time_wait=1", "net.netfilter.nf_conntrack_acct=1")
    lab.nft("lan", COUNTERS)
    server = SyslogServer(lab, "tcp", lab.SERVER6, 6601)
    lab.start_daemon(lab.config("policies:\n  - name: billed\n    balance: { links: [cable] }\n",
                                extra=alerts(f"tcp://[{lab.SERVER6}]:6601", ", records: true")))
    ports = {"udp": exchange(lab, "udp", "192.0.2.54", 25, 700), "tcp": exchange(lab, "tcp", "192.0.2.55", 40, 3000)}
    for kind, host in (("udp", "192.0.2.54"), ("tcp", "192.0.2.55")):
        start, end = wait_for(lambda h=host: both(lab, server, h), 30, f"both records of {host}")
        tell(f"{end['text']}: {end['data']}")
        same = {"protocol": kind, "from": lab.zones[0].client4, "from_port": ports[kind], "to": host, "to_port": "7",
                "in": "lan0", "policy": "billed", "link": "cable"}
        assert {key: start["fields"].get(key) for key in same} == same
        assert {key: end["fields"].get(key) for key in same} == same
        assert start["fields"]["id"] == end["fields"]["id"] and start["severity"] == end["severity"] == 6
        assert end["fields"]["start"] < end["fields"]["end"]
        assert end["fields"]["nat_from"] == lab.link("cable").address4 and end["fields"]["nat_to"] == host
        assert "download_bytes" not in start["fields"]
        if kind == "udp":
            bytes_there = bytes_back = 25 * (700 + 28)
        else:
            bytes_there, bytes_back = counted(lab)["up"], counted(lab)["down"]
            assert bytes_there > 40 * 3000
        assert (int(end["fields"]["upload_bytes"]), int(end["fields"]["download_bytes"])) == (bytes_there, bytes_back)


def both(lab, server, host):
    lab.conntrack()  # who lists connections has the kernel forget those whose time is over
    found = {item["kind"]: item for item in server.messages() if item["fields"].get("to") == host}
    return (found["connection-start"], found["connection-end"]) if len(found) == 2 else None


def test_reader_of_messages():
    """The witness itself: what is no RFC 5424 does not pass."""
    assert parse('<30>1 2026-01-01T00:00:00.000000Z h p 1 k [a@1 b="c\\]\\"\\\\"] text')["fields"] == {"b": 'c]"\\'}
    for text in ("<30>Jan  1 00:00:00 h p: text", '<30>1 t h p 1 k [a@1 b="c] text', "<30>1 t h p 1 text"):
        with pytest.raises(AssertionError):
            parse(text)
