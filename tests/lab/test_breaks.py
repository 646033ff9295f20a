# SPDX-License-Identifier: GPL-2.0-or-later
"""Links break, each in another way: what is wrong is found out, and said in state, event, mail and report."""

import concurrent.futures
import os
import re
import time

import pytest

import breaks
from test_alerts import ALERTS, Mailbox, body, waiting_in_spool
from test_failover import POLICY
from waiting import patience, rate, wait_for

TIMES = ", interval: 200ms, down-after: 3, up-after: 2 }"
WAYS = 5


@pytest.fixture
def mailbox(make_lab):
    lab = make_lab(links=WAYS + 1)
    box = Mailbox(lab)
    box.open()
    return box


def links_of(lab):
    return {item["name"]: item for item in lab.ctl("links")}


def start(world, cases):
    lab = world.lab
    checks = {link.name: check(world.family) + TIMES for link, (_, check, _, _) in cases}
    checks[lab.links[-1].name] = breaks.ping_and_page(world.family) + TIMES
    lab.start_daemon(lab.config(POLICY, check=checks, extra=ALERTS))
    wait_for(lambda: all(item["latency_ms"] and item["finding"] == "" for item in lab.ctl("links")), 15, "answers on all links")


def why(mail):
    return re.search(r"Why: (.*?) Checks:", " ".join(body(mail).split()))[1]


def reports(lab, names):
    """All of them at once."""
    with concurrent.futures.ThreadPoolExecutor(WAYS) as pool:
        return dict(zip(names, pool.map(lambda name: lab.ctl("diagnose", name), names)))


@pytest.mark.parametrize("family", [4, 6])
def test_breaks(mailbox, tell, family):
    lab = mailbox.lab
    world = breaks.World(lab, family)
    cases = list(zip(lab.links, breaks.BREAKS[family]))
    sound = lab.links[-1].name
    start(world, cases)
    broken = time.monotonic()
    for link, (break_it, _, _, _) in cases:
        break_it(world, link)
    # State.
    for link, _ in cases:
        lab.wait_link(link.name, "down")
    down = time.monotonic()
    wait_for(lambda: all(links_of(lab)[link.name]["finding"] for link, _ in cases), 8, "findings")
    found = time.monotonic()
    links = links_of(lab)
    assert [(links[link.name]["reason"], links[link.name]["finding"]) for link, _ in cases] == [
        (reason, finding) for _, (_, _, reason, finding) in cases]
    assert links[sound]["finding"] == "" and links[sound]["state"] == "up"
    # Traffic is where it can be.
    result = lab.load(to=f"{breaks.ECHO[4]}:7", rate=rate(200), count=20)
    assert result["ok"] == 20 and set(result.by_link()) == {sound}
    # One mail for each, with what is wrong and what to do.
    mails = {re.match(r"\[\S+\] link (\w+) DOWN", mail["Subject"])[1]: mail for mail in mailbox.wait(WAYS, 10)}
    mailed = time.monotonic()
    for link, (_, _, _, finding) in cases:
        text = why(mails[link.name])
        assert finding in text and "advice: " in body(mails[link.name])
        tell(f"{finding}: {text}")
    # Event: of what the ground lacks the change of state tells, all else has its own.
    events = lab.ctl("events")
    for link, (_, _, _, finding) in cases:
        assert any(event["link"] == link.name and finding in event["text"] for event in events), (finding, events)
    # Reports.
    for name, report in reports(lab, [link.name for link, _ in cases]).items():
        assert report["finding"] == links[name]["finding"] and report["advice"]
        assert report["took_ms"] <= patience(3000)
    tell(f"the last down after {down - broken:.2f} s, the last finding {found - down:.2f} s later, mails {mailed - broken:.2f} s")
    assert len(mailbox.messages()) == WAYS


def descriptors(lab):
    return len(os.listdir(f"/proc/{lab.daemon.pid}/fd"))


def test_a_failure_that_is_over_at_once(make_lab):
    """The mail waits for the finding, but it does not get lost: neither by a return, nor by an end of the daemon; and
    more links fail together than are looked at at one time."""
    lab = make_lab(links=7)
    mailbox, link = Mailbox(lab), lab.links[0]
    mailbox.open()
    lab.start_daemon(lab.config(POLICY, check=breaks.ping(4) + TIMES, extra=ALERTS))
    wait_for(lambda: all(item["latency_ms"] for item in lab.ctl("links")), 10, "answers")
    before = descriptors(lab)
    lab.black_hole(link)
    lab.wait_link(link.name, "down")
    lab.heal(link)
    lab.wait_link(link.name, "up")
    subjects = {mail["Subject"].split(":")[0].split("] ")[1]: mail for mail in mailbox.wait(2, 8)}
    assert set(subjects) == {f"link {link.name} DOWN", f"link {link.name} UP"}
    assert subjects[f"link {link.name} UP"]["In-Reply-To"] == subjects[f"link {link.name} DOWN"]["Message-ID"]
    assert links_of(lab)[link.name]["finding"] == ""
    lab.ctl("diagnose", link.name)
    wait_for(lambda: descriptors(lab) <= before, 5, "the descriptors of diagnoses to be closed")
    several = lab.links[1:6]
    for link in several:
        lab.black_hole(link)
    for mail in mailbox.wait(2 + len(several), 10)[2:]:
        assert "beyond the gateway" in why(mail)
    assert {links_of(lab)[link.name]["finding"] for link in several} == {"beyond the gateway"}
    lab.black_hole(lab.links[6])
    lab.wait_link(lab.links[6].name, "down")
    lab.daemon.stop()
    assert len(mailbox.messages()) + len(waiting_in_spool(lab)) == 3 + len(several)


def test_report(mailbox, tell):
    """Of a link that is well, in words and as JSON: path, latency, loss, DNS, MTU, and what the world sees."""
    lab = mailbox.lab
    world = breaks.World(lab, 4)
    world.say("body", "<p>203.0.1.2 asks</p>")
    name = lab.links[0].name
    more = f', public-address: "{breaks.url(4, "who")}" }}'
    lab.start_daemon(lab.config(POLICY, check={name: breaks.names(4) + more, lab.links[1].name: breaks.ping(6) + " }"}))
    wait_for(lambda: links_of(lab)[name]["latency_ms"], 10, "an answer")
    report = lab.ctl("diagnose", name)
    assert report["finding"] == "" and report["carrier"] and report["public_address"] == "203.0.1.2"
    assert [target["here"] for target in report["targets"]] == ["good", "good"]
    for family in report["families"]:
        assert (family["neighbour"], family["gateway_echo"], family["mtu_passes"]) == ("good", "good", 1500)
        assert family["received"] == family["sent"] == 10 and family["loss"] == 0
    assert [hop["address"] for hop in report["families"][0]["hops"]] == [lab.links[0].gateway4, breaks.ECHO[4]]
    assert [hop["address"] for hop in report["families"][1]["hops"]] == [lab.links[0].gateway6, breaks.ECHO[6]]
    tell(f"a report of a link that is well took {report['took_ms']} ms")
    # Large packets vanish while the checks pass: nobody but a report tells of it.
    world.large_lost(lab.links[0])
    text = lab.daemon.uplinkctl("diagnose", name).stdout
    assert "MTU black hole" in text and "1400 bytes pass, 1500 do not" in text
    assert links_of(lab)[name]["state"] == "up"
    # Where a router says what it takes, that is no fault.
    lab.heal(lab.links[0])
    lab.ip("isp1", ["link set inet mtu 1400"])
    report = lab.ctl("diagnose", name)
    assert report["finding"] == "" and report["families"][0]["mtu_told"] == 1400
    # A name that nobody has.
    done = lab.daemon.uplinkctl("diagnose", "nobody")
    assert done.returncode == 1 and "there is no link `nobody'" in done.stderr
