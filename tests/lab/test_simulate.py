# SPDX-License-Identifier: GPL-2.0-or-later
"""uplinkctl simulate: a log or a capture under other policies, without a daemon; what it tells, and what it refuses."""

import json
import struct
import time

import pytest

from test_uplinkctl import GOLDEN, PROGRAM, check_golden, complete, run

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")

SAMPLE = GOLDEN / "simulate"
GATEWAY, POLICIES, LOG = (str(SAMPLE / name) for name in ("gateway.yaml", "policies.yaml", "connections.jsonl"))
LINK_KEYS = {"name", "connections", "share", "connections_then", "download_bytes", "upload_bytes", "download_bps",
             "upload_bps", "download_mean_bps", "upload_mean_bps", "download_peak_bps", "upload_peak_bps",
             "download_busy_s", "upload_busy_s", "most_connections", "cut", "slowdown"}
POLICY_KEYS = {"name", "action", "connections", "connections_then", "dropped", "rejected", "over_connections",
               "over_new_connections", "over_bandwidth", "download_bytes", "upload_bytes", "links", "link_bytes"}


def simulate(*words, policies=POLICIES, log=LOG, config=GATEWAY):
    return run("-j", "-c", config, "simulate", "--policies", policies, "--connections", str(log), *words)


def document(*words, **more):
    done = simulate(*words, **more)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def by_name(items):
    return {item["name"]: item for item in items}


def entries():
    return [json.loads(line) for line in open(LOG, encoding="utf-8")]


def test_for_people(monkeypatch):
    monkeypatch.chdir(SAMPLE)
    words = ("-c", "gateway.yaml", "simulate", "--connections", "connections.jsonl", "--policies")
    check_golden("simulate-policies", run(*words, "policies.yaml", "--examples", "4").stdout)
    check_golden("simulate-same", run(*words, "gateway.yaml").stdout)
    check_golden("simulate-down", run(*words, "gateway.yaml", "--down", "fiber@30s-60s", "--examples", "2").stdout)
    check_golden("simulate-compare", run(*words, "gateway.yaml", "--compare", "policies.yaml", "--examples", "3").stdout)


def test_the_same_policies_change_nothing():
    answer = document(policies=GATEWAY)
    assert (answer["connections"], answer["bad"]) == (120, 0)
    assert (answer["changes"]["known"], answer["changes"]["changed"], answer["changes"]["examples"]) == (120, 0, [])
    links = by_name(answer["links"])
    for name, item in links.items():
        assert LINK_KEYS <= set(item)
        taken = [entry for entry in entries() if entry["link"] == name]
        assert item["connections"] == item["connections_then"] == len(taken)
        assert item["download_bytes"] == sum(entry["download_bytes"] for entry in taken)
    assert abs(sum(item["share"] for item in links.values()) - 1) < 1e-9
    for item in answer["policies"]:
        assert POLICY_KEYS <= set(item)


def test_other_policies(tmp_path):
    answer = document()
    policies = by_name(answer["policies"])
    mails = sum(entry["to_port"] == 25 for entry in entries())
    assert mails > 0 and policies["no-mail"]["rejected"] == mails
    assert 0 < policies["guests"]["over_connections"] < policies["guests"]["connections"]
    web = policies["web"]["links"]
    assert web["fiber"] == pytest.approx(4 * web["lte"], abs=4)
    assert answer["refused"] == mails + policies["guests"]["over_connections"] == answer["changes"]["refused"]
    assert answer["changes"]["other_link"] == web["lte"]
    assert [item["action"] for item in answer["changes"]["examples"]].count("reject") > 0
    assert len(document("--examples", "2")["changes"]["examples"]) == 2
    assert document("--compare", POLICIES)["changes"]["changed"] == 0
    assert document("--seed", "1") == answer


def test_a_link_that_is_down():
    answer = document("--down", "fiber", policies=GATEWAY)
    links = by_name(answer["links"])
    assert links["fiber"]["connections"] == 0 and links["lte"]["connections"] == 120
    part = by_name(document("--down", "fiber@20s-40s", policies=GATEWAY)["links"])
    assert 0 < part["fiber"]["connections"] < links["lte"]["connections"] and part["fiber"]["cut"] > 0
    for wrong in ("nosuch", "fiber@", "fiber@5-9", "fiber@9s-5s", "fiber,"):
        done = simulate("--down", wrong)
        assert done.returncode == 2 and "--down: " in done.stderr, wrong


def test_bad_lines_are_told_and_passed_over(tmp_path):
    log = tmp_path / "connections.log"
    lines = open(LOG, encoding="utf-8").read().splitlines()[:3]
    log.write_text("\n".join(["half a li", *lines, "", '{"start":1}', lines[0].replace("tcp", "what").replace("udp", "what")]) + "\n")
    done = simulate(log=log)
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert (answer["connections"], answer["bad"]) == (3, 3)
    told = done.stderr.splitlines()
    assert told[0].startswith(f"uplinkctl: {log}:1: error: no JSON")
    assert told[1] == f"uplinkctl: {log}:6: error: `from' is missing, or no text"
    assert told[2] == f"uplinkctl: {log}:7: error: protocol: `what' is not known"
    log.write_text("x\n" * 1000 + "\x1b[2J" * 20000)
    done = simulate(log=log)
    assert (done.returncode, json.loads(done.stdout)["bad"]) == (0, 1001)
    assert len(done.stderr.splitlines()) == 21 and "\x1b" not in done.stderr
    log.write_text("")
    assert json.loads(simulate(log=log).stdout)["connections"] == 0
    assert run("-c", GATEWAY, "simulate", "--policies", POLICIES, "--connections", str(log)).returncode == 0


def test_refusals(tmp_path):
    done = simulate(log=tmp_path / "none")
    assert done.returncode == 1 and "cannot read" in done.stderr
    done = simulate(policies=str(tmp_path / "none.yaml"))
    assert done.returncode == 4 and "none.yaml" in done.stderr
    broken = tmp_path / "policies.yaml"
    broken.write_text("policies:\n  - { name: x, match: { from: nowhere } }\n")
    done = simulate(policies=str(broken))
    assert done.returncode == 4 and "policies.yaml:2:" in done.stderr
    assert run("simulate", "--policies", POLICIES).returncode == 2
    assert simulate("--examples", "many").returncode == 2
    assert simulate("--inside", "here").returncode == 2
    done = run("-c", str(tmp_path / "none.yaml"), "simulate", "--policies", POLICIES, "--connections", LOG)
    assert done.returncode == 4 and "none.yaml" in done.stderr


def test_policies_stand_in_for_those_of_the_folder(tmp_path):
    config = tmp_path / "uplinkd.yaml"
    config.write_text(open(GATEWAY, encoding="utf-8").read().split("policies:")[0])
    folder = tmp_path / "policies.d"
    folder.mkdir()
    (folder / "10-all.yaml").write_text("policies:\n  - { name: all, balance: { links: lte } }\n")
    whole = document(policies=str(config), config=str(tmp_path / "none.yaml"))
    assert by_name(whole["policies"])["all"]["connections"] == 120
    alone = document(config=str(config))
    assert "all" not in by_name(alone["policies"]) and by_name(alone["policies"])["web"]["connections"] > 0


def tcp(source, target, ports, flags, size):
    packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 1, 0, 64, 6, 0, source, target)
    return packet + struct.pack("!HHIIBBHHH", *ports, 1, 0, 0x50, flags, 64240, 0, 0), size


def conversation(begin, source, port):
    """60 + 1000 bytes out, 60 + 99000 in, over two seconds."""
    source, target = bytes(map(int, source.split("."))), bytes([198, 51, 100, 7])
    yield begin, tcp(source, target, (port, 443), 0x02, 60)
    yield begin + 0.01, tcp(target, source, (443, port), 0x12, 60)
    yield begin + 0.5, tcp(source, target, (port, 443), 0x18, 1000)
    for i in range(66):
        yield begin + 0.5 + i / 50, tcp(target, source, (443, port), 0x10, 1500)
    yield begin + 2, tcp(source, target, (port, 443), 0x04, 40)


def packets():
    made = [packet for i in range(20) for packet in conversation(1763735000 + i, f"192.168.7.{i + 2}", 40000 + i)]
    made += [(1763735003, tcp(bytes([203, 0, 113, 9]), bytes([192, 168, 7, 2]), (5000, 22), 0x02, 60))]
    return sorted(made, key=lambda item: item[0])


ETHERNET = bytes(12)


def frame(kind, packet):
    return {1: ETHERNET + b"\x81\x00\x00\x07\x08\x00" + packet, 101: packet,
            113: struct.pack("!HHH8sH", 0, 1, 6, bytes(8), 0x0800) + packet,
            276: struct.pack("!HHIHBB8s", 0x0800, 0, 2, 1, 0, 6, bytes(8)) + packet}[kind]


def pcap(kind):
    text = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, kind)
    for when, (packet, size) in packets():
        bytes_ = frame(kind, packet)
        text += struct.pack("<IIII", int(when), round(when % 1 * 1e6) % 1000000, len(bytes_), len(bytes_) - len(packet) + size)
        text += bytes_
    return text


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def pcapng(kind):
    text = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", kind, 0, 262144))
    for when, (packet, size) in packets():
        bytes_ = frame(kind, packet)
        micros = round(when * 1e6)
        text += block(6, struct.pack("<IIIII", 0, micros >> 32, micros & 0xFFFFFFFF, len(bytes_),
                                     len(bytes_) - len(packet) + size) + bytes_)
    return text


@pytest.mark.parametrize("kind", [1, 101, 113, 276])
@pytest.mark.parametrize("write", [pcap, pcapng])
def test_captures(tmp_path, kind, write):
    capture = tmp_path / "lan.pcap"
    capture.write_bytes(write(kind))
    answer = document(log=capture)
    assert (answer["connections"], answer["bad"], answer["seconds"]) == (20, 1, pytest.approx(21, abs=1e-3))
    web = by_name(answer["policies"])["web"]
    assert (web["connections"], web["download_bytes"], web["upload_bytes"]) == (20, 20 * 99060, 20 * 1100)
    assert web["links"] == {"fiber": 16, "lte": 4}
    assert answer["changes"]["known"] == 0 and by_name(answer["links"])["lte"]["connections_then"] is None


def test_captures_with_flaws(tmp_path):
    capture = tmp_path / "lan.pcap"
    capture.write_bytes(pcap(1)[:-30])
    done = simulate(log=capture)
    assert done.returncode == 0 and "what came before is used" in done.stderr
    assert json.loads(done.stdout)["connections"] == 20
    done = simulate("--inside", "10.0.0.0/8", log=capture)
    assert json.loads(done.stdout)["connections"] == 0 and "--inside" in done.stderr
    capture.write_bytes(pcap(1).replace(struct.pack("<I", 1), struct.pack("<I", 105), 1)[:24])
    head = bytearray(pcap(1)[:24])
    head[20:24] = struct.pack("<I", 105)
    capture.write_bytes(bytes(head))
    done = simulate(log=capture)
    assert done.returncode == 1 and "frames of this kind" in done.stderr
    capture.write_bytes(pcap(1)[:10])
    done = simulate(log=capture)
    assert done.returncode == 1 and done.stderr.startswith("uplinkctl: ")


def test_a_hundred_thousand_connections(tmp_path, tell):
    """Bounds are wide: this is about an engine that grows by more than the number of connections."""
    log = tmp_path / "connections.log"
    line = entries()[0]
    with open(log, "w", encoding="utf-8") as file:
        for i in range(100000):
            line.update(start=1763735000 + i / 100, end=1763735000 + i / 100 + i % 50, from_port=1024 + i % 60000)
            file.write(json.dumps(line) + "\n")
    begun = time.monotonic()
    answer = document(log=log)
    took = time.monotonic() - begun
    tell(f"{took:.1f} s")
    assert answer["connections"] == 100000 and took < 15


def test_completion_of_files(tmp_path):
    (tmp_path / "office.yaml").write_text("")
    assert complete("simulate", "--policies", f"{tmp_path}/off") == [f"{tmp_path}/office.yaml"]
    assert complete("simulate", "--policies", "=", f"{tmp_path}/off") == [f"{tmp_path}/office.yaml"]
    assert complete("simulate", "--co") == ["--connections=", "--compare=", "--config="]
