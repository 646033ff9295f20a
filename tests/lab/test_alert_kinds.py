# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is told of what: kinds and recipients, threads, flapping gathered, templates, reminders and summaries; and a mail
server with every fault there is, while connections go on as if there were none."""

import json
import os
import re
import subprocess
import time

from test_alerts import POLICY, about_links, body, mailbox, waiting_in_spool  # noqa: F401 (mailbox is a fixture)
from waiting import patience, rate, wait_for

SERVER = '"smtp://192.0.2.25:2525"'
TARGET = "192.0.2.1:7"


def flat(message):
    return " ".join(message["Subject"].split())


def receivers(message):
    return message["X-Envelope-To"].split(", ")


def switch(lab, name, up):
    """The cable of that link; returns when the daemon has seen it."""
    (lab.restore_carrier if up else lab.cut_carrier)(lab.link(name))
    lab.wait_link(name, "up" if up else "down", deadline=30)


def test_kinds_threads_and_flapping(lab, mailbox, tell):  # noqa: F811
    """Each kind goes to who wants it; a link that flaps is one conversation with a bounded number of mails."""
    folder = os.path.join(lab.folder, "mails")
    os.makedirs(folder)
    with open(os.path.join(folder, "down.txt"), "w", encoding="utf-8") as file:
        file.write("${host}: ${link} \N{EN DASH} $$0\n\nWhy: ${cause}\n${links}\n")
    config = lab.config(POLICY, extra=f"""alerts:
  mail:
    server: {SERVER}
    from: gw@example.net
    to: noc@example.net
    kinds: [down, up, flapping]
    recipients: [{{ to: [boss@example.net, noc@example.net], kinds: [down] }}, {{ to: admin@example.net, kinds: [daemon] }}]
    templates: {folder}
""")
    mailbox.open()
    lab.start_daemon(config)
    lab.run("gw", "ip", "rule", "del", "priority", "1000")
    repaired = mailbox.wait(1, 10)[0]
    assert receivers(repaired) == ["admin@example.net"] and "uplinkd repaired:" in flat(repaired)
    lab.daemon.write(config.replace("kinds: [daemon]", "kinds: [deamon]"))
    lab.daemon.process.send_signal(1)
    refused = mailbox.wait(2, 10)[1]
    assert receivers(refused) == ["admin@example.net"] and "`deamon' is no kind of alert" in body(refused)

    changes = 0
    for _ in range(8):
        for up in (False, True):
            switch(lab, "fiber", up)
            changes += 1
    messages = mailbox.wait(7, 10)[2:]
    tell(f"{changes} changes: " + "; ".join(flat(message) for message in messages))
    wait_for(lambda: not waiting_in_spool(lab), 5, "the spool to be empty")
    assert len(mailbox.messages()) == 7
    down, up = messages[0], messages[1]
    assert sorted(receivers(down)) == ["boss@example.net", "noc@example.net"] and receivers(up) == ["noc@example.net"]
    assert flat(down).startswith("=?") and "Why: no carrier" in body(down) and "In detail" not in body(down)
    assert re.search("link fiber FLAPPING: it goes and comes", flat(messages[4])) and up["In-Reply-To"] == down["Message-ID"]
    for message in messages[1:]:
        assert message["References"].split()[0] == down["Message-ID"]
    assert len({message["Message-ID"] for message in messages}) == 5


def edit_stories(lab, change):
    """Makes what the daemon keeps older, as if time had passed while it was away."""
    path = os.path.join(lab.folder, "state/stories.json")
    with open(path, encoding="utf-8") as file:
        stories = json.load(file)
    change(stories)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(stories, file)


def test_reminder_and_summary_over_a_restart(lab, mailbox, tell):  # noqa: F811
    """Both go by what is kept on disk; the reminder belongs to the thread of the outage."""
    lab.start_daemon(lab.config(POLICY, extra=f"""alerts:
  mail: {{ server: {SERVER}, from: gw@example.net, to: noc@example.net, reminder: 1h, summary: daily }}
"""))
    mailbox.open()
    switch(lab, "fiber", False)
    down = mailbox.wait(1, 10)[0]
    switch(lab, "lte", False)
    switch(lab, "lte", True)
    mailbox.wait(3, 10)
    lab.load(to=TARGET, rate=rate(100), count=20)
    wait_for(lambda: any((link["down_for_s"] or 0) >= 2 for link in lab.ctl("links")), 10, "seconds of the outage to count")
    assert lab.daemon.stop() == 0

    def age(stories):
        stories["since"] -= 86400
        stories["until"] = int(time.time()) - 5
        for key in ("since", "spoken", "changed"):
            stories["links"]["fiber"][key] -= 7200

    edit_stories(lab, age)
    lab.daemon.start()
    messages = mailbox.wait(5, 15)[3:]
    tell("; ".join(flat(message) for message in messages))
    reminder = next(message for message in messages if "REMINDER" in flat(message))
    summary = next(message for message in messages if "SUMMARY" in flat(message))
    assert re.search(r"link fiber REMINDER: down for 2 h", flat(reminder))
    assert reminder["In-Reply-To"] == down["Message-ID"]
    assert "SUMMARY: fiber " in flat(summary)
    lines = body(summary)
    assert re.search(r"^fiber: up \d+\.\d\d %, 1 outage, down \d+ s, the longest \d+ s$", lines, re.M), lines
    assert re.search(r"^cable: up 100\.00 %$", lines, re.M) and "worst hours: " in lines, lines
    assert re.search(r"received \d+\.\d [kM]B, sent [1-9]|received \d+\.\d [kM]B, sent \d+\.[1-9]", lines), lines
    seen = lab.ctl("status")["uptime_s"]
    wait_for(lambda: lab.ctl("status")["uptime_s"] >= seen + 2, 10, "seconds in which neither comes a second time")
    assert lab.daemon.stop() == 0 and len(mailbox.messages()) == 5


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    "nobody.key", "-out", "nobody.pem", "-days", "2", "-subj", "/CN=nobody"], check=True, capture_output=True,
                   cwd=folder)
    return ["--tls", os.path.join(folder, "nobody.pem"), os.path.join(folder, "nobody.key")]


def waits(lab):
    """What was said of mails that could not go."""
    return [event["text"] for event in lab.ctl("events") if event["kind"] == "mail" and " waits: " in event["text"]]


def test_a_server_with_every_fault(lab, mailbox, tell):  # noqa: F811
    """It refuses, hangs, is slow, has a bad certificate, answers 451 and 550, is behind the dead link: mail is kept and comes
    once, connections do not notice."""
    policies = """policies:
  - name: mail
    match: { from: router, to: 192.0.2.25 }
    balance: { algorithm: priority, links: [fiber], if-none: drop }
  - name: everything
    balance: { algorithm: round-robin }
"""
    lab.start_daemon(lab.config(policies, extra=f"""alerts:
  mail: {{ server: {SERVER}, from: gw@example.net, to: noc@example.net, timeout: 1s }}
"""))
    faults = [("refuses", None, "onnect", "cable", False), ("hangs", ["--fault", "hang"], "imed? ?out|imeout", "cable", True),
              ("is slow", ["--fault", "drip"], "imed? ?out|imeout", "lte", False),
              ("has a bad certificate", certificate(lab.folder), "certificate", "lte", True),
              ("answers 451", ["--answer", "451 4.3.0 later"], "451", "cable", False)]
    without = lab.load(to=TARGET, to_range=50, rate=rate(200), count=100)
    figures = [f"without: p50 {without['p50_us']:.0f}, p99 {without['p99_us']:.0f} us"]
    for name, options, words, link, up in faults:
        if options is not None:
            mailbox.open(*options)
        before = len(waits(lab))
        switch(lab, link, up)
        result = lab.load(to=TARGET, to_range=50, rate=rate(200), count=100)
        wait_for(lambda: any(re.search(words, text) for text in waits(lab)[before:]), 15,
                 f"what is said of a server that {name}: {waits(lab)[before:]}")
        figures.append(f"{name}: p50 {result['p50_us']:.0f}, p99 {result['p99_us']:.0f} us")
        assert result["ok"] == result["begun"], result.figures()
        # A mail that is stuck is so for a second: nobody waited for it.
        assert result["max_us"] < max(2 * without["max_us"], 1e6 * patience(0.5))
        assert result["p50_us"] < max(3 * without["p50_us"], 1e6 * patience(0.01))
        if options is not None:
            mailbox.close()
    tell("; ".join(figures))
    assert len(waiting_in_spool(lab)) == 5 and mailbox.messages() == []

    mailbox.open("--answer", "550 5.7.1 not this one", "--answer-if", "lte UP")
    failed = os.path.join(lab.folder, "state/spool/failed")
    # Each test mail wakes who sends: the third refusal is the last one.
    wait_for(lambda: lab.daemon.uplinkctl("test-mail").returncode == 0 and os.path.isdir(failed) and os.listdir(failed), 30,
             "the mail that nobody takes to be given up")
    wait_for(lambda: not waiting_in_spool(lab), 20, "the spool to be empty")
    assert any("given up, kept in failed/" in text for text in waits(lab))
    assert len(os.listdir(failed)) == 1 and len(about_links(mailbox.messages())) == 4

    switch(lab, "fiber", False)
    wait_for(lambda: waiting_in_spool(lab), 10, "the mail that has no way")
    assert len(about_links(mailbox.messages())) == 4
    switch(lab, "fiber", True)
    wait_for(lambda: len(about_links(mailbox.messages())) == 6, 15, "both mails about that link", pause=0.05)
    wait_for(lambda: not waiting_in_spool(lab), 5, "the spool to be empty")
    messages = about_links(mailbox.messages())
    tell("; ".join(flat(message) for message in messages))
    assert len(messages) == 6 and len({message["Message-ID"] for message in messages}) == 6
    assert [re.search(r"link (\S+ \S+):", flat(message)).group(1) for message in messages] == [
        "cable DOWN", "cable UP", "lte DOWN", "cable DOWN", "fiber DOWN", "fiber UP"]
