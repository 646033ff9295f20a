# SPDX-License-Identifier: GPL-2.0-or-later
"""The mail about a link that goes down arrives: soon, once, and also after troubles on the way."""

import email
import os
import re
import time

import pytest

from waiting import patience, wait_for

ALERTS = 'alerts:\n  mail: { server: "smtp://192.0.2.25:2525", from: gw@example.net, to: [noc@example.net] }\n'
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"


class Mailbox:
    """The SMTP server in the internet, and the folder where it keeps what it got."""

    def __init__(self, lab):
        self.lab = lab
        self.folder = os.path.join(lab.folder, "mail")
        os.makedirs(self.folder, exist_ok=True)
        self.process = None

    def open(self, *options):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "smtp_server.py")
        self.process = self.lab.start("inet", "/usr/bin/python3", program, "--listen", "192.0.2.25:2525",
                                      "--folder", self.folder, *options)
        wait_for(self._listens, 10, "the SMTP server")

    def _listens(self):
        assert self.process.poll() is None, open(self.process.log, encoding="utf-8").read()
        return ":2525" in self.lab.run("inet", "ss", "-ltn").stdout

    def close(self):
        self.process.terminate()
        self.process.wait()

    def messages(self):
        names = sorted(name for name in os.listdir(self.folder) if name.endswith(".eml"))
        result = []
        for name in names:
            with open(os.path.join(self.folder, name), "rb") as file:
                result.append(email.message_from_binary_file(file))
        return result

    def subjects(self):
        return [" ".join(message["Subject"].split()) for message in self.messages()]

    def wait(self, count, deadline):
        wait_for(lambda: len(self.messages()) >= count, deadline, f"{count} mails", pause=0.05)
        return self.messages()


@pytest.fixture
def mailbox(lab):
    return Mailbox(lab)


def waiting_in_spool(lab):
    folder = os.path.join(lab.folder, "state/spool")
    return [name for name in os.listdir(folder) if name.endswith(".eml")] if os.path.isdir(folder) else []


def about_links(messages):
    """Without what the daemon tells of itself, as that it was killed."""
    return [message for message in messages if "] link " in " ".join(message["Subject"].split())]


def body(message):
    return message.get_payload(decode=True).decode()


def test_down_and_up(lab, mailbox, tell):
    """Within 5 s; the subject says what is on; UP answers DOWN and tells the length of the outage."""
    mailbox.open()
    lab.start_daemon(lab.config(POLICY, extra=ALERTS))
    cut = lab.cut_carrier(lab.link("fiber"))
    down = mailbox.wait(1, 5)[0]
    took = time.monotonic() - cut
    tell(f"DOWN after {took:.2f} s: {down['Subject']}")
    assert took < patience(5)
    assert re.fullmatch(r"\[\S+\] link fiber DOWN: traffic on cable( and |, )lte", down["Subject"])
    assert down["To"] == "noc@example.net" and down["From"] and down["Date"] and down["Message-ID"]
    for word in ("fiber", "no carrier", "everything", "cable", "lte"):
        assert word in body(down)
    lab.restore_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "up", deadline=30)
    up = mailbox.wait(2, 5)[1]
    tell(f"UP: {up['Subject']}")
    assert re.match(r"\[\S+\] link fiber UP", up["Subject"])
    assert up["In-Reply-To"] == down["Message-ID"]
    assert re.search(r"\d+ s|second", body(up))
    assert len(mailbox.messages()) == 2 and waiting_in_spool(lab) == []


def test_server_away_at_first(lab, mailbox, tell):
    lab.start_daemon(lab.config(POLICY, extra=ALERTS))
    lab.cut_carrier(lab.link("fiber"))
    wait_for(lambda: waiting_in_spool(lab), 5, "a mail in the spool")
    wait_for(lambda: any(event["kind"] == "mail" and "waits" in event["text"] for event in lab.ctl("events")), 20,
             "the first attempt to fail")
    mailbox.open()
    opened = time.monotonic()
    mailbox.wait(1, 90)
    tell(f"arrived {time.monotonic() - opened:.1f} s after the server was there")
    wait_for(lambda: not waiting_in_spool(lab), 5, "the spool to be empty")
    lab.daemon.stop()
    assert len(mailbox.messages()) == 1


def test_killed_in_between(lab, mailbox, tell):
    """SIGKILL while the mail waits; the next daemon delivers it, once."""
    config = lab.config(POLICY, extra=ALERTS)
    lab.start_daemon(config)
    lab.cut_carrier(lab.link("fiber"))
    wait_for(lambda: waiting_in_spool(lab), 5, "a mail in the spool")
    lab.daemon.kill9()
    mailbox.open()
    lab.daemon.start()
    first = about_links(mailbox.wait(2, 60))[0]
    assert "fiber DOWN" in first["Subject"]
    # The outage goes on over the death: its end answers that mail, and it is not told twice.
    lab.restore_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "up", deadline=30)
    messages = mailbox.wait(3, 10)
    assert [message for message in messages if "started again: the one before ended without order" in
            " ".join(message["Subject"].split())]
    messages = about_links(messages)
    tell("; ".join(message["Subject"] for message in messages))
    assert [("DOWN" in message["Subject"]) for message in messages] == [True, False]
    assert messages[1]["In-Reply-To"] == first["Message-ID"]
    lab.daemon.stop()
    assert len(mailbox.messages()) == 3


def test_mail_leaves_by_a_link_that_works(lab, mailbox):
    """Also where the main table's own default route is by the dead link."""
    mailbox.open()
    lab.start_daemon(lab.config(POLICY, extra=ALERTS))
    for name in ("fiber", "cable"):
        lab.cut_carrier(lab.link(name))
        lab.wait_link(name, "down")
    subjects = [message["Subject"] for message in mailbox.wait(1, 10)]
    wait_for(lambda: any("cable DOWN" in m["Subject"] or "cable" in body(m) for m in mailbox.messages()), 15,
             f"the mail about cable, not only {subjects}")


def test_test_mail(lab, mailbox):
    mailbox.open()
    lab.start_daemon(lab.config(POLICY, extra=ALERTS))
    done = lab.daemon.uplinkctl("test-mail")
    assert done.returncode == 0, done.stderr
    assert "250" in done.stdout
    assert len(mailbox.messages()) == 1


