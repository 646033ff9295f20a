# SPDX-License-Identifier: GPL-2.0-or-later
"""A configuration on trial undoes itself: in time, on rollback, over a crash; confirmed it stays."""

import json
import os
import time

from waiting import rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
SHUT = "policies:\n  - { name: nobody-out, match: { from: lan }, action: drop }\n"
OTHER = POLICY.replace("everything", "tried")


def names(lab):
    return [policy["name"] for policy in lab.ctl("policies")]


def texts(lab):
    return [event["text"] for event in lab.ctl("events") if event["kind"] == "reload"]


def connects(lab):
    return lab.load(to="192.0.2.1:7", rate=rate(200), count=2, timeout=300)["ok"] == 2


def attempt(lab, text, *words):
    """Puts text in place, and tries it."""
    lab.daemon.write(text)
    done = lab.daemon.uplinkctl("-j", "try", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_who_cuts_himself_off(lab, tell):
    """Nobody confirms: traffic flows again after the time, and what the file has stays out, over a restart too."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    assert connects(lab)
    answer = attempt(lab, lab.config(SHUT, WEIGHTS), "--timeout", "4s")
    began = time.monotonic()
    assert answer["trial"]["timeout_s"] == 4 and 0 < answer["trial"]["left_s"] <= 4
    assert answer["trial"]["file"] == lab.daemon.file and answer["policies"] == 1
    assert names(lab) == ["nobody-out"] and not connects(lab)
    assert 0 < lab.ctl("status")["trial"]["left_s"] <= 4
    wait_for(lambda: names(lab) == ["everything"], 20, "the configuration before")
    tell(f"undone after {time.monotonic() - began:.1f} s of 4")
    assert time.monotonic() - began >= 3.5
    assert connects(lab)
    status = lab.ctl("status")
    assert status["trial"] is None and status["rolled_back"] is True
    assert "was undone" in lab.daemon.uplinkctl("status").stdout
    assert any("nobody confirmed" in text for text in texts(lab))
    lab.daemon.stop()
    lab.daemon.start()
    assert names(lab) == ["everything"] and lab.ctl("status")["rolled_back"] is True
    # In earnest the file is loaded after all.
    assert lab.daemon.reload().returncode == 0
    assert names(lab) == ["nobody-out"] and lab.ctl("status")["rolled_back"] is False
    assert not os.listdir(f"{lab.folder}/state/trial")


def test_confirmed_it_stays(lab):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    attempt(lab, lab.config(OTHER, WEIGHTS), "--timeout", "2s")
    done = lab.daemon.uplinkctl("confirm")
    assert (done.returncode, done.stdout) == (0, f"Confirmed: {lab.daemon.file} stays in force.\n")
    end = time.monotonic() + 3
    wait_for(lambda: time.monotonic() > end, 5, "the time that the trial would have had", pause=0.2)
    assert names(lab) == ["tried"]
    assert lab.ctl("status")["trial"] is None and lab.ctl("status")["rolled_back"] is False
    done = lab.daemon.uplinkctl("confirm")
    assert done.returncode == 1 and "no configuration is on trial" in done.stderr
    lab.daemon.kill9()
    lab.daemon.start()
    assert names(lab) == ["tried"]


def test_killed_during_a_trial(lab, tell):
    """The next daemon starts with what was confirmed, and tells so; a new text in the file counts again."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    attempt(lab, lab.config(SHUT, WEIGHTS), "--timeout", "1h")
    assert not connects(lab)
    lab.daemon.kill9()
    lab.daemon.start()
    assert names(lab) == ["everything"] and connects(lab)
    told = next(text for text in texts(lab) if "was pending" in text)
    tell(told)
    assert lab.daemon.file in told
    assert lab.ctl("status")["rolled_back"] is True
    lab.daemon.kill9()
    lab.daemon.write(lab.config(OTHER, WEIGHTS))
    lab.daemon.start()
    assert names(lab) == ["tried"] and lab.ctl("status")["rolled_back"] is False


def test_rollback(lab):
    """Of a trial, and of a reload, one step; connections that live are not touched."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    done = lab.daemon.uplinkctl("rollback")
    assert done.returncode == 1 and "there is no configuration to return to" in done.stderr
    before = sum(lab.server.counts("tcp").values())
    load = lab.load_start(to="192.0.2.1:7", rate=rate(200), count=20, hold=True)
    wait_for(lambda: sum(lab.server.counts("tcp").values()) >= before + 20, 20, "20 connections")
    attempt(lab, lab.config(OTHER, WEIGHTS))
    assert lab.ctl("status")["trial"]["timeout_s"] == 120
    done = lab.daemon.uplinkctl("rollback")
    assert done.returncode == 0 and "in force again: 3 links, 1 policy" in done.stdout
    assert names(lab) == ["everything"]
    assert lab.daemon.uplinkctl("rollback").returncode == 1
    assert lab.daemon.reload(lab.config(OTHER, WEIGHTS)).returncode == 0
    assert names(lab) == ["tried"]
    assert lab.daemon.uplinkctl("rollback").returncode == 0
    assert names(lab) == ["everything"]
    assert load.stop()["ok"] == 20


def test_nothing_else_meanwhile(lab):
    """Reload, SIGHUP and another trial are refused, and the trial goes on."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    attempt(lab, lab.config(OTHER, WEIGHTS), "--timeout", "1h")
    lab.daemon.write(lab.config(SHUT, WEIGHTS))
    for verb in ("reload", "try"):
        done = lab.daemon.uplinkctl(verb)
        assert done.returncode == 1 and "is on trial for" in done.stderr, done.stderr
    lab.daemon.process.send_signal(1)
    wait_for(lambda: any("stays: " in text and "is on trial" in text for text in texts(lab)), 5, "the refusal")
    assert names(lab) == ["tried"] and "is on trial" in lab.daemon.uplinkctl("status").stdout


def test_what_cannot_be_tried(lab):
    """Errors have their places, exit code 4; what needs a restart, a bad time, a missing file: nothing changes."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    other = f"{lab.folder}/other.yaml"
    with open(other, "w", encoding="utf-8") as file:
        file.write(lab.config(OTHER.replace("balance", "ballance"), WEIGHTS))
    done = lab.daemon.uplinkctl("try", other)
    assert done.returncode == 4 and "other.yaml:" in done.stderr and "did you mean" in done.stderr
    with open(other, "w", encoding="utf-8") as file:
        file.write(lab.config(OTHER, WEIGHTS, extra="kernel: { first-queue: 700 }\n"))
    done = lab.daemon.uplinkctl("try", other)
    assert done.returncode == 1 and "only with a restart" in done.stderr
    assert lab.daemon.uplinkctl("try", f"{lab.folder}/nosuch.yaml").returncode == 1
    for wrong in ("120", "0s", "25h", "soon"):
        done = lab.daemon.uplinkctl("try", "--timeout", wrong)
        assert done.returncode == 1 and "from 1s to 24h" in done.stderr
    assert names(lab) == ["everything"] and lab.ctl("status")["trial"] is None
    with open(other, "w", encoding="utf-8") as file:
        file.write(lab.config(OTHER, WEIGHTS))
    assert lab.daemon.uplinkctl("try", other).returncode == 0
    assert names(lab) == ["tried"]
    done = lab.daemon.uplinkctl("confirm")
    assert done.returncode == 0 and f"loads {lab.daemon.file} again: copy it there" in done.stdout
