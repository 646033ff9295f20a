# SPDX-License-Identifier: GPL-2.0-or-later
"""uplinkd-mail against real SMTP conversations: good ones, slow ones, hostile ones, and sudden ends.

UPLINKD_BUILD is the folder of the built programs.
"""

import asyncio
import email
import email.policy
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
pytest.importorskip("aiosmtpd", reason="python3-aiosmtpd is missing")

from postbox import BUILD, NOBODY, Post, Script, wait_until  # noqa: E402

pytestmark = pytest.mark.skipif(not (BUILD / "uplinkd-mail").exists(), reason="uplinkd-mail is not built")


@pytest.fixture
def post():
    with tempfile.TemporaryDirectory(prefix="uplinkd-mail-") as folder:
        box = Post(pathlib.Path(folder))
        yield box
        box.close()


@pytest.fixture(scope="module")
def certificates():
    """A certificate authority and a server certificate for localhost and 127.0.0.1."""
    with tempfile.TemporaryDirectory(prefix="uplinkd-ca-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)

        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)

        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", 2, "-subj", "/CN=Lab CA")
        (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", "server.pem", "-days", 2, "-extfile", "names")
        (folder / "ca.pem").chmod(0o644)
        yield folder


def pair(certificates):
    return str(certificates / "server.pem"), str(certificates / "server.key")


def test_plain_delivery_is_exact_and_leaves_the_spool(post):
    server = post.server()
    ident = post.put()
    original = (post.spool / post.waiting()[0]).read_bytes()
    process = post.start(server.port)
    report = process.report()
    assert report["message"] == ident and report["delivered"] is True
    assert report["answer"] == "250 OK: message 1 kept"
    assert server.handler.messages[0].original_content == original
    assert server.handler.messages[0].mail_from == "gw@example.net"
    assert server.handler.messages[0].rcpt_tos == ["noc@example.net"]
    assert server.handler.sessions[0] == (False, False, socket.gethostname())
    assert post.waiting() == []
    assert process.end() == 0


def test_wake_sends_what_came_later(post):
    server = post.server()
    process = post.start(server.port)
    for number in range(1, 4):
        post.put()
        process.wake()
        assert process.report(number)["delivered"]
    assert process.end() == 0


def test_keeps_the_order_of_the_spool(post):
    server = post.server()
    idents = [post.put() for _ in range(20)]
    process = post.start(server.port)
    process.report(20)
    assert [report["message"] for report in process.reports] == idents
    subjects = [email.message_from_bytes(message.content)["Subject"] for message in server.handler.messages]
    assert subjects == [f"number {number}" for number in range(1, 21)]
    assert server.connections == 1
    assert process.end() == 0


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "smtps"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_login_over_tls(post, certificates, implicit, host):
    server = post.server(tls=pair(certificates), implicit=implicit, auth=("gw", "s3cret \"pass\\word"))
    post.put()
    process = post.start(server.port, server=f"{'smtps' if implicit else 'smtp'}://{host}:{server.port}", tls="required",
                         ca_file=str(certificates / "ca.pem"), user="gw", password="s3cret \"pass\\word")
    assert process.report()["delivered"], process.reports
    encrypted, authenticated, _ = server.handler.sessions[0]
    assert encrypted and authenticated
    assert process.end() == 0


def test_wrong_password_keeps_the_mail(post, certificates):
    server = post.server(tls=pair(certificates), auth=("gw", "right"))
    post.put()
    process = post.start(server.port, tls="required", ca_file=str(certificates / "ca.pem"), user="gw", password="wrong")
    for number in (1, 2, 3, 4):
        report = process.report(number, 20)
        assert not report["delivered"] and report["answer"].startswith("535")
    assert len(post.waiting()) == 1 and not (post.spool / "failed").exists()
    assert server.handler.messages == []
    assert process.end() == 0


@pytest.mark.parametrize("tls", ["required", "opportunistic"])
def test_refuses_a_certificate_that_nobody_vouches_for(post, certificates, tls):
    server = post.server(tls=pair(certificates))
    post.put()
    process = post.start(server.port, tls=tls)
    assert not process.report()["delivered"]
    assert "certificate" in process.reports[0]["answer"].lower()
    assert server.handler.messages == [] and len(post.waiting()) == 1
    assert process.end() == 0


def test_refuses_a_certificate_for_another_name(post, certificates):
    server = post.server(tls=pair(certificates), address="127.0.0.2")
    post.put()
    process = post.start(server.port, server=f"smtp://127.0.0.2:{server.port}", tls="required",
                         ca_file=str(certificates / "ca.pem"))
    assert not process.report()["delivered"]
    assert server.handler.messages == [] and len(post.waiting()) == 1
    assert process.end() == 0


def script(post, play):
    server = Script(play)
    post.servers.append(server)
    return server


def offers_login_without_tls(server, stream):
    server.say(stream, "220 mail.example.net")
    while (line := server.hear(stream)) != "":
        if line.startswith("EHLO"):
            server.say(stream, "250-mail.example.net")
            server.say(stream, "250 AUTH PLAIN LOGIN")
        else:
            server.say(stream, "250 OK")


@pytest.mark.parametrize("tls", ["required", "opportunistic"])
def test_never_logs_in_without_tls(post, tls):
    server = script(post, offers_login_without_tls)
    post.put()
    process = post.start(server.port, tls=tls, user="gw", password="secret")
    assert not process.report()["delivered"]
    assert not any(line.startswith("AUTH") for line in server.heard), server.heard
    assert process.end() == 0


def test_opportunistic_goes_in_clear_where_nothing_is_secret(post):
    server = post.server()
    post.put()
    process = post.start(server.port, tls="opportunistic")
    assert process.report()["delivered"]
    assert process.end() == 0


def test_put_off_then_taken(post):
    tries = []
    server = post.server(refuse=lambda envelope: tries.append(1) or ("451 4.3.0 later" if len(tries) < 3 else None))
    ident = post.put()
    process = post.start(server.port)
    assert process.report(1) == {"message": ident, "delivered": False, "answer": "451 4.3.0 later"}
    began = time.monotonic()
    assert not process.report(2)["delivered"]
    assert process.report(3)["delivered"]
    assert time.monotonic() - began > 2.5  # 1 s, then 2 s
    assert len(server.handler.messages) == 1 and post.waiting() == []
    assert process.end() == 0


def test_one_that_is_put_off_does_not_hold_the_others(post):
    server = post.server(refuse=lambda envelope: "451 not this one" if b"number 1" in envelope.content else None)
    post.put(), post.put(), post.put()
    process = post.start(server.port)
    assert [process.report(number)["delivered"] for number in (1, 2, 3)] == [False, True, True]
    assert len(post.waiting()) == 1
    assert process.end() == 0


def test_refused_for_good_goes_to_failed_after_three_tries(post):
    server = post.server(recipient=lambda address: "550 5.1.1 no such user\x1b[31m")
    ident = post.put()
    process = post.start(server.port)
    reports = [process.report(number) for number in (1, 2, 3)]
    assert all(report["message"] == ident and not report["delivered"] for report in reports)
    assert reports[0]["answer"] == "550 5.1.1 no such user\\x1b[31m"
    assert reports[2]["answer"].endswith("(given up, kept in failed/)")
    assert post.waiting() == [] and len(list((post.spool / "failed").glob("*.eml"))) == 1
    assert process.end() == 0


def test_failed_is_bounded(post):
    server = post.server(refuse=lambda envelope: "554 5.7.1 spam")
    for _ in range(40):
        post.put()
    names = post.waiting()
    process = post.start(server.port)
    process.report(120, 30)
    wait_until(lambda: post.waiting() == [])
    assert sorted(path.name for path in (post.spool / "failed").iterdir()) == names[-32:]
    assert process.end() == 0


def test_one_bad_recipient_does_not_keep_it_from_the_others(post):
    server = post.server(recipient=lambda address: "550 5.1.1 gone" if address.startswith("old") else None)
    post.put()
    process = post.start(server.port, to=["old@example.net", "noc@example.net"])
    report = process.report()
    assert report["delivered"] and "550 5.1.1 gone" in report["answer"]
    assert server.handler.messages[0].rcpt_tos == ["noc@example.net"]
    assert process.end() == 0


def test_greylisted_recipient_is_asked_again_alone(post):
    asked = []

    def recipient(address):
        asked.append(address)
        return "450 4.2.0 greylisted" if address.startswith("grey") and len(asked) < 3 else None

    server = post.server(recipient=recipient)
    post.put()
    process = post.start(server.port, to=["noc@example.net", "grey@example.net"])
    assert not process.report(1)["delivered"]
    assert process.report(2)["delivered"]
    assert [message.rcpt_tos for message in server.handler.messages] == [["noc@example.net"], ["grey@example.net"]]
    assert process.end() == 0


def test_login_wanted_but_none_given_is_not_the_fault_of_the_message(post, certificates):
    server = post.server(tls=pair(certificates), auth=("gw", "secret"))
    post.put()
    process = post.start(server.port, tls="required", ca_file=str(certificates / "ca.pem"))
    for number in (1, 2, 3, 4):
        assert process.report(number, 20)["answer"].startswith("530")
    assert len(post.waiting()) == 1
    assert process.end() == 0


def test_server_away_then_back(post):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    post.put(), post.put()
    process = post.start(port)
    assert not process.report(1)["delivered"]
    assert len(process.reports) == 1  # the second one is not tried: it would fail the same way
    server = post.server(port=port)
    assert server.handler.wait(2)
    wait_until(lambda: post.waiting() == [])
    assert process.end() == 0


def test_wake_tries_at_once_and_at_most_once_a_second(post):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    post.put()
    process = post.start(port)
    process.report(3, 20)  # the next would come after 4 s
    began = time.monotonic()
    for _ in range(1000):
        process.wake()
    process.report(4)
    assert time.monotonic() - began < 2.5
    assert len(process.reports) <= 5
    assert process.end() == 0


def hang(server, stream):
    server.say(stream, "220 mail.example.net")
    while server.hear(stream) != "":
        pass


def drip(server, stream):
    for byte in b"220 mail.example.net is in no hurry at all today, as you see\r\n" * 100:
        stream.write(bytes([byte]))
        stream.flush()
        time.sleep(0.2)


@pytest.mark.parametrize("play", [hang, drip])
def test_slow_server_is_left(post, play):
    server = script(post, play)
    post.put()
    began = time.monotonic()
    process = post.start(server.port, timeout_s=2)
    assert not process.report()["delivered"]
    assert 1.5 < time.monotonic() - began < 6
    assert len(post.waiting()) == 1
    assert process.end() == 0


def rubbish(server, stream):
    server.say(stream, "\x00\xff" * 3000)
    stream.write(os.urandom(100000))
    stream.flush()


def test_rubbish_from_the_server_does_no_harm(post):
    server = script(post, rubbish)
    post.put()
    process = post.start(server.port, timeout_s=2)
    report = process.report()
    assert not report["delivered"] and report["answer"].isprintable()
    assert process.end() == 0


def test_killed_between_messages_each_is_delivered_once(post):
    server = post.server()
    idents = [post.put() for _ in range(60)]
    process = post.start(server.port)
    process.report(10)
    os.kill(process.popen.pid, signal.SIGSTOP)  # so that the kill hits between two messages
    settled = len(server.handler.messages)
    process.kill()
    second = post.start(server.port)
    wait_until(lambda: post.waiting() == [])
    assert second.end() == 0
    found = [email.message_from_bytes(message.content)["Message-ID"][1:-1] for message in server.handler.messages]
    assert settled >= 10 and list(dict.fromkeys(found)) == idents
    # the one that was on its way may come twice, with the same Message-ID; no other
    assert len(found) <= len(idents) + 1


def test_killed_before_the_server_took_it_is_delivered_once(post):
    tries = []
    reached = threading.Event()

    async def refuse(envelope):
        tries.append(1)
        if len(tries) > 1:
            return None
        reached.set()
        await asyncio.sleep(60)  # cancelled when the connection is lost
        return "451 too late"

    server = post.server(refuse=refuse)
    post.put()
    process = post.start(server.port)
    assert reached.wait(10)
    process.kill()
    second = post.start(server.port)
    assert second.report()["delivered"]
    assert len(server.handler.messages) == 1 and post.waiting() == []
    assert second.end() == 0


@pytest.mark.parametrize("way", ["eof", "term"])
def test_end_of_the_daemon_lets_it_finish_the_message(post, way):
    reached, release = threading.Event(), threading.Event()

    async def refuse(envelope):
        reached.set()
        while not release.is_set():
            await asyncio.sleep(0.01)

    server = post.server(refuse=refuse)
    post.put(), post.put()
    process = post.start(server.port)
    assert reached.wait(10)
    if way == "term":
        process.popen.send_signal(signal.SIGTERM)
    else:
        process.popen.stdin.close()
    with pytest.raises(subprocess.TimeoutExpired):
        process.popen.wait(0.3)
    release.set()
    assert process.popen.wait(10) == 0
    assert len(server.handler.messages) == 1 and len(post.waiting()) == 1


def test_two_processes_on_one_spool_deliver_once(post):
    server = post.server()
    for _ in range(30):
        post.put()
    first, second = post.start(server.port), post.start(server.port)
    wait_until(lambda: post.waiting() == [])
    assert first.end() == 0 and second.end() == 0
    assert len(server.handler.messages) == 30
    assert [] in (first.reports, second.reports)  # one of them waited for the other


def test_second_process_goes_on_when_the_first_ends(post):
    server = post.server()
    first = post.start(server.port)
    post.put()
    first.wake()
    assert first.report()["delivered"]
    second = post.start(server.port)
    post.put()
    assert first.end() == 0
    assert second.report()["delivered"]
    assert second.end() == 0


@pytest.mark.parametrize("change", [
    {"from": "gw@example.net>\r\nRCPT TO:<evil@example.org"},
    {"to": ["noc@example.net\r\nDATA"]},
    {"to": ["noc@example.net", "a b@example.net"]},
    {"to": ["<noc@example.net>"]},
    {"to": ["a@b@example.net"]},
    {"to": ["nobody"]},
    {"to": []},
    {"server": "http://127.0.0.1:25"},
    {"server": "smtp://user:secret@127.0.0.1:25"},
    {"server": "file:///etc/passwd"},
    {"tls": "maybe"},
])
def test_refuses_settings_that_could_do_harm(post, change):
    server = script(post, hang)
    post.put()
    process = post.start(server.port, **change)
    assert process.popen.wait(10) == 1
    assert process.end() == 1 and process.errors.startswith("uplinkd-mail: settings: ")
    assert server.connections == 0 and len(post.waiting()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_refuses_to_run_as_root(post):
    done = subprocess.run([post.program, post.spool], input="", capture_output=True, text=True, timeout=10)
    assert done.returncode == 1 and "root" in done.stderr


def test_bad_usage():
    assert subprocess.run([BUILD / "uplinkd-mail"], capture_output=True, timeout=10).returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_has_no_rights_and_no_stray_descriptors(post):
    reached, release = threading.Event(), threading.Event()

    def play(server, stream):
        reached.set()
        release.wait(10)

    server = script(post, play)
    post.put()
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    with subprocess.Popen([post.program, post.spool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          pass_fds=[writing], **identity) as popen:
        popen.stdin.write(json.dumps(post.settings(server.port)) + "\n")
        popen.stdin.flush()
        assert reached.wait(10)
        os.close(writing)
        assert os.read(reading, 1) == b""  # ours was the only other writer
        status = dict(line.split(":\t", 1) for line in open(f"/proc/{popen.pid}/status") if ":\t" in line)
        assert status["NoNewPrivs"].strip() == "1"
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[kind], 16) == 0, kind
        popen.stdin.close()
        release.set()
        popen.wait(20)
    os.close(reading)


def test_old_leftovers_are_cleaned(post):
    old, fresh = post.spool / ".00000000000000000001-0000000000000001.eml.tmp", post.spool / ".new.eml.tmp"
    old.write_text("half")
    fresh.write_text("half")
    os.utime(old, (1, 1))
    server = post.server()
    process = post.start(server.port)
    wait_until(lambda: not old.exists())
    assert fresh.exists()
    assert process.end() == 0


def test_the_lab_server_as_a_program(post):
    """What the demo relies on: an address other than 127.0.0.1, files, and a line for each message."""
    kept = post.folder / "kept"
    with socket.create_server(("127.0.0.9", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, os.path.join(os.path.dirname(__file__), "smtp_server.py"), "--listen", f"127.0.0.9:{port}",
               "--folder", kept, "--refuse-first", "1", "--auth", "gw:secret"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as popen:
        assert popen.stdout.readline() == f"listening on 127.0.0.9:{port}\n"
        post.put()
        process = post.start(port, server=f"smtp://127.0.0.9:{port}", user="gw", password="secret")
        assert process.report(1)["answer"].startswith("451") and process.report(2)["delivered"]
        assert popen.stdout.readline() == "refused for now: number 1\n"
        assert popen.stdout.readline() == "0001 gw@example.net -> noc@example.net: number 1\n"
        message = email.message_from_bytes((kept / "0001.eml").read_bytes(), policy=email.policy.SMTP)
        assert message["X-Arrived"] and message["Subject"] == "number 1"
        popen.terminate()
        assert popen.wait(10) == 0
        assert process.end() == 0
