# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as a program: how it ends and goes, what it refuses, what a signal does, and its exit codes."""

import os
import re
import signal
import subprocess
import time

import pytest

import daemon
import lab as laboratory
from lab import ROUTE_PROTOCOL
from test_repair import FOREIGN_TABLE, foreign_state, kernel_state, our_rule_lines, tables
from waiting import SLOW, patience, rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
OTHER_WEIGHTS = {"fiber": 1, "cable": 1, "lte": 1}


def weights(lab):
    return {item["name"]: item["weight"] for item in lab.ctl("links")}


def opened(lab):
    return sum(lab.server.counts("tcp").values())


def check_shares(lab):
    result = lab.load(to="192.0.2.1:7", to_range=20, rate=rate(500), count=100)
    assert dict(result.by_link()) == {name: 10 * weight for name, weight in WEIGHTS.items()}


def unowned_state(lab):
    """The state of the kernel but for who owns our table: that ends with the daemon."""
    state = kernel_state(lab)
    state["nftables"] = [re.sub(r" # progname \S+|\n\tflags\b.*", "", block) for block in state["nftables"]]
    return state


@pytest.fixture
def running(lab):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    return lab


def our_routes(lab):
    return [line for option in ("-4", "-6")
            for line in lab.run("gw", "ip", option, "route", "show", "table", "all", "proto", ROUTE_PROTOCOL)
            .stdout.splitlines()]


# --- the end ----------------------------------------------------------------------------------------


def test_sigterm_leaves_the_kernel_at_work(running, tell):
    """Held connections go on, new ones are shared by weight, nothing is taken away."""
    lab = running
    load = lab.load_start(to="192.0.2.1:7", to_range=10, rate=rate(500), count=100, hold=True)
    wait_for(lambda: opened(lab) >= 100, 20, "100 connections")
    before = unowned_state(lab)
    assert lab.daemon.stop() == 0
    assert unowned_state(lab) == before
    assert lab.daemon.uplinkctl("status").returncode == 3
    alone = lab.load(to="192.0.2.1:7", to_range=20, rate=rate(500), count=500)
    result = load.stop()
    tell(f"alone: {dict(alone.by_link())}; held: {result.figures()}")
    assert alone["ok"] == 500
    assert all(abs(alone.by_link()[name] - 50 * weight) <= 10 for name, weight in WEIGHTS.items())
    assert result["ok"] == 100
    assert min(item["answers"] for item in result["attempts"]) > 5
    assert unowned_state(lab) == before


def test_remove(lab):
    """Table, rules and routes of ours go, whoever made them; what is not ours stays."""
    lab.nft("gw", FOREIGN_TABLE)
    lab.ip("gw", ["rule add pref 1100 fwmark 0x80000000/0x80000000 lookup 4242",
                  "route add 198.18.0.0/15 via 203.0.2.1 dev wan2 proto static",
                  "route add default via 203.0.3.1 dev wan3 table 4242 proto static",
                  "route add 2001:db8:4242::/48 via fd00:3::1 dev wan3 table 4242 proto static"])
    before = foreign_state(lab), kernel_state(lab)
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    assert our_rule_lines(lab, "-4") and our_rule_lines(lab, "-6") and our_routes(lab)
    assert tables(lab) == {"inet foreign", "inet uplinkd"}
    assert lab.daemon.stop() == 0
    uplinkd = laboratory.program("uplinkd")
    for _ in range(2):  # there is nothing left for the second, and that is fine
        done = lab.run("gw", uplinkd, "--remove", "-c", lab.daemon.file)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert tables(lab) == {"inet foreign"}
        assert our_rule_lines(lab, "-4") == our_rule_lines(lab, "-6") == our_routes(lab) == []
        assert (foreign_state(lab), kernel_state(lab)) == before


def test_remove_needs_no_configuration(running):
    """Who takes the daemon away has often taken its file away before."""
    lab = running
    assert lab.daemon.stop() == 0
    done = lab.run("gw", laboratory.program("uplinkd"), "--remove", "-c", f"{lab.folder}/nosuch.yaml", check=False)
    assert done.returncode == 0, done.stderr
    assert tables(lab) == set() and our_routes(lab) == []


# --- a second one -----------------------------------------------------------------------------------


def start_second(lab, config):
    """Runs to its end with another file: the finished process."""
    path = f"{lab.folder}/second.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(config)
    return subprocess.run(["ip", "netns", "exec", lab.ns("gw"), laboratory.program("uplinkd"), "-f", "-c", path],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patience(10), check=False)


def second_config(lab, socket, state):
    return (lab.config(POLICY, OTHER_WEIGHTS).replace(f"{lab.folder}/control.sock", f"{lab.folder}/{socket}")
            .replace(f"{lab.folder}/state", f"{lab.folder}/{state}"))


REFUSED = {
    "queues": ("second.sock", "", r"error: queues from number \d+ on: another program has one of them "
               r"\(kernel\.first-queue\)"),
    "socket": ("control.sock", "kernel: { first-queue: 500 }\n", r"error: control socket \S*/control\.sock: "
               r"another uplinkd answers on it"),
}


@pytest.mark.parametrize("same", REFUSED)
def test_a_second_daemon_is_refused(running, tell, same):
    lab = running
    socket, extra, message = REFUSED[same]
    before = kernel_state(lab)
    done = start_second(lab, second_config(lab, socket, "second-state") + extra)
    tell(done.stderr.strip())
    assert done.returncode == 1
    assert re.search(message, done.stderr), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert kernel_state(lab) == before
    assert weights(lab) == WEIGHTS
    check_shares(lab)
    assert lab.daemon.reload().returncode == 0


def test_a_second_daemon_leaves_state_alone(running):
    """Refused at the socket it has decided nothing: it writes nothing where the first one keeps its state."""
    lab = running
    assert not os.path.exists(f"{lab.folder}/state/sticky")
    done = start_second(lab, second_config(lab, "control.sock", "state") + "kernel: { first-queue: 500 }\n")
    assert done.returncode == 1 and "another uplinkd answers on it" in done.stderr
    assert not os.path.exists(f"{lab.folder}/state/sticky")


# --- what a reload cannot do ------------------------------------------------------------------------


@pytest.mark.parametrize("key, change", {
    "mark-shift": lambda lab, text: text + "kernel: { mark-shift: 8 }\n",
    "mark-policy-bits": lambda lab, text: text + "kernel: { mark-policy-bits: 14 }\n",
    "first-queue": lambda lab, text: text + "kernel: { first-queue: 77 }\n",
    "decisions.record": lambda lab, text: text + "decisions: { record: 64 }\n",
    "control.socket": lambda lab, text: text.replace("/control.sock", "/moved.sock"),
    "state-directory": lambda lab, text: text.replace(f"{lab.folder}/state", f"{lab.folder}/moved"),
}.items())
def test_reload_refuses_what_needs_a_restart(running, tell, key, change):
    """Exit code 1, the key, and nothing of the new file is in force."""
    lab = running
    before = kernel_state(lab)
    done = lab.daemon.reload(change(lab, lab.config(POLICY, OTHER_WEIGHTS)))
    tell((done.stdout + done.stderr).strip())
    assert done.returncode == 1
    assert key in done.stderr and "restart" in done.stderr
    assert weights(lab) == WEIGHTS
    assert kernel_state(lab) == before
    check_shares(lab)
    assert not os.path.exists(f"{lab.folder}/moved.sock") and not os.path.exists(f"{lab.folder}/moved")
    assert lab.daemon.reload(lab.config(POLICY, OTHER_WEIGHTS)).returncode == 0
    assert weights(lab) == OTHER_WEIGHTS


# --- signals ----------------------------------------------------------------------------------------


def reload_events(lab):
    return [event["text"] for event in lab.ctl("events") if event["kind"] == "reload"]


def test_sighup_with_a_broken_file(running, tell):
    """Nobody waits for the answer: log and events say where it is wrong, and the old one stays."""
    lab = running
    before = kernel_state(lab)
    broken = lab.config(POLICY, OTHER_WEIGHTS).replace("algorithm: round-robin", "algoritm: round-robin")
    line = next(i for i, text in enumerate(broken.splitlines(), 1) if "algoritm" in text)
    lab.daemon.write(broken)
    os.kill(lab.daemon.pid, 1)
    where = re.compile(rf"{re.escape(lab.daemon.file)}:{line}:\d+: error: .*algorit")
    told = wait_for(lambda: [text for text in reload_events(lab) if where.search(text)], 5, "an event")
    tell(told[0])
    assert "the old configuration stays" in told[0]
    assert any(where.search(text) for text in lab.daemon.said().splitlines())
    assert weights(lab) == WEIGHTS and kernel_state(lab) == before
    check_shares(lab)
    # And one that is right again is taken.
    lab.daemon.write(lab.config(POLICY, OTHER_WEIGHTS))
    os.kill(lab.daemon.pid, 1)
    wait_for(lambda: weights(lab) == OTHER_WEIGHTS, 5, "the new weights")
    assert "configuration loaded: 3 links, 1 policies" in reload_events(lab)


def test_sighup_cannot_move_the_socket(running):
    lab = running
    lab.daemon.write(lab.config(POLICY, OTHER_WEIGHTS).replace("/control.sock", "/moved.sock"))
    os.kill(lab.daemon.pid, 1)
    wait_for(lambda: any("control.socket can change only with a restart" in text for text in reload_events(lab)), 5,
             "an event")
    assert weights(lab) == WEIGHTS


# --- in the background ------------------------------------------------------------------------------


@pytest.fixture
def background(lab):
    """Started as `uplinkd -c uplinkd.yaml' in the folder of the file."""
    lab.daemon = daemon.Daemon(lab)
    lab.daemon.write(lab.config(POLICY, WEIGHTS))
    with open(lab.daemon.log, "ab") as log:
        started = subprocess.run(["ip", "netns", "exec", lab.ns("gw"), laboratory.program("uplinkd"), "-c", "uplinkd.yaml"],
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=lab.folder, timeout=patience(10),
                                 check=False)
    assert started.returncode == 0
    wait_for(lambda: lab.daemon.uplinkctl("status").returncode == 0, 10, "the daemon to answer")
    yield lab
    pid = background_pid(lab)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 10, "the daemon to end")


def background_pid(lab):
    for pid in lab.run("gw", "ip", "netns", "pids", lab.ns("gw")).stdout.split():
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            if file.read().split("\0")[1:3] == ["-c", "uplinkd.yaml"]:
                return int(pid)
    raise AssertionError("no daemon in the background")


def test_reload_of_a_file_named_from_its_folder(background):
    """A daemon's own folder is /, but its file is where it was."""
    lab = background
    assert os.readlink(f"/proc/{background_pid(lab)}/cwd") == "/"
    done = lab.daemon.reload(lab.config(POLICY, OTHER_WEIGHTS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert weights(lab) == OTHER_WEIGHTS
    assert lab.ctl("diff")["changes"] == []


# --- options and exit codes -------------------------------------------------------------------------


def uplinkd(lab, *arguments):
    return lab.run("gw", laboratory.program("uplinkd"), *arguments, check=False)


def test_exit_codes(lab, tell):
    good, bad = f"{lab.folder}/good.yaml", f"{lab.folder}/bad.yaml"
    with open(good, "w", encoding="utf-8") as file:
        file.write(lab.config(POLICY, WEIGHTS))
    with open(bad, "w", encoding="utf-8") as file:
        file.write(lab.config(POLICY, WEIGHTS) + "nonsense: 5\n")
    before = kernel_state(lab)
    for mode in ("-t", "-T", "--dry-run"):
        done = uplinkd(lab, mode, "-c", good)
        assert done.returncode == 0 and done.stdout, mode
        # Checked, it says what is hardly meant: the zone is used by no policy.
        assert re.fullmatch(r"\S+:\d+:\d+: warning: zone `lan' .*\n.*\n.*\n    hint: .*\n" if mode == "-t" else "", done.stderr), mode
        done = uplinkd(lab, mode, "-c", bad)
        assert (done.returncode, done.stdout) == (4, ""), mode
        assert re.search(r"bad\.yaml:\d+:1: error: .*nonsense", done.stderr), mode
    assert re.fullmatch(r"uplinkd \d+\.\d+\.\d+\n", uplinkd(lab, "-V").stdout)
    assert uplinkd(lab, "-V").returncode == uplinkd(lab, "--version").returncode == 0
    assert uplinkd(lab, "-h").returncode == 0
    for wrong in (["--nonsense"], ["-x"], ["-c"], ["-t", "too", "much"], ["-f", good]):
        done = uplinkd(lab, *wrong)
        assert (done.returncode, done.stdout) == (2, ""), wrong
        assert "usage: uplinkd" in done.stderr, wrong
    done = uplinkd(lab, "-f", "-c", bad)
    assert done.returncode == 4 and re.search(r"bad\.yaml:\d+:1: error: ", done.stderr)
    done = uplinkd(lab, "-t", "-c", f"{lab.folder}/nosuch.yaml")
    tell(done.stderr.strip())
    assert done.returncode == 4 and "nosuch.yaml" in done.stderr
    assert kernel_state(lab) == before and not os.path.exists(f"{lab.folder}/state")


# --- a carrier of which the kernel does not tell ----------------------------------------------------


def test_carrier_lost_without_news(lab, tell):
    """Where both ends of a cable have the same index the kernel holds its news back; the daemon looks itself."""
    link = lab.link("fiber")
    lab.remove_device(link)
    lab.ip("gw", [f"link add {link.device} index 777 type veth peer name gw index 777 netns {lab.ns('isp1')}",
                  f"link set {link.device} up", f"addr add {link.address4}/24 dev {link.device}",
                  f"addr add {link.address6}/64 dev {link.device} nodad"])
    lab.ip("isp1", ["link set gw up", f"addr add {link.gateway4}/24 dev gw",
                    f"addr add {link.gateway6}/64 dev gw nodad"])
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    lab.wait_link("fiber", "up", deadline=20)
    waits = []
    for _ in range(5):
        cut = lab.cut_carrier(link)
        wait_for(lambda: lab.link_state("fiber") == "down", 5, "fiber to be down")
        waits.append(time.monotonic() - cut)
        lab.restore_carrier(link)
        lab.wait_link("fiber", "up", deadline=20)
    tell("down after " + ", ".join(f"{wait * 1000:.0f}" for wait in waits) + " ms")
    assert max(waits) < (3 if SLOW else 0.4)
