# SPDX-License-Identifier: GPL-2.0-or-later
"""An operator takes a link out of service and puts it back: drain, disable, enable."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from test_alerts import ALERTS, mailbox, waiting_in_spool  # noqa: F401
from test_failover import POLICY, TARGETS, WEIGHTS, opened
from waiting import wait_for

WITHOUT_FIBER = {"cable": 300, "lte": 200}


def shares(lab, family="ipv4", count=500):
    result = lab.load(to=TARGETS[family], to_range=50, rate=500, count=count)
    assert result["ok"] == count
    return dict(result.by_link())


def order(lab, *words, code=0):
    answer = lab.daemon.uplinkctl(*words)
    assert answer.returncode == code, answer.stderr
    return answer.stdout + answer.stderr


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_drain_keeps_what_runs(lab, family):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    load = lab.load_start(to=TARGETS[family], to_range=10, rate=500, count=100, hold=True)
    wait_for(lambda: opened(lab) >= 100, 20, "100 connections")
    assert "fiber is draining" in order(lab, "drain", "fiber")
    assert lab.link_state("fiber") == "draining"
    asked = lab.ctl("explain", "--from", "10.77.1.2", "--to", "192.0.2.1", "--protocol", "tcp", "--to-port", "7")
    assert {item["link"]: item["reason"] for item in asked["candidates"]}["fiber"] == "out of service by order"
    assert shares(lab, family) == WITHOUT_FIBER
    result = load.stop()
    assert {item["outcome"] for item in result["attempts"]} == {"ok"}
    assert result.by_link()["fiber"] == 50
    order(lab, "enable", "fiber")
    assert shares(lab, family, 1000) == {"fiber": 500, "cable": 300, "lte": 200}


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_disable_tells_what_runs(lab, family):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    load = lab.load_start(to=TARGETS[family], to_range=10, rate=500, count=100, hold=True)
    wait_for(lambda: opened(lab) >= 100, 20, "100 connections")
    order(lab, "disable", "fiber")
    assert lab.link_state("fiber") == "disabled"
    wait_for(lambda: "fiber" not in {flow["link"] for flow in lab.ctl("flows")}, 20, "the connections of fiber to end")
    result = load.stop()
    ended = [item for item in result["attempts"] if item["outcome"] != "ok"]
    assert {lab.link_of(item["seen"]) for item in ended} == {"fiber"} and len(ended) == 50
    assert shares(lab, family) == WITHOUT_FIBER
    assert lab.ctl("status")["state"] == "up"


def test_a_drain_has_a_deadline(lab):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    assert "disabled in" in order(lab, "drain", "fiber", "--deadline", "2s")
    lab.wait_link("fiber", "disabled", deadline=10)
    assert "deadline" in order(lab, "drain", "fiber", "--deadline", "2", code=1)


def test_an_order_outlives_daemon_and_reload(lab):
    config = lab.config(POLICY, WEIGHTS)
    lab.start_daemon(config)
    order(lab, "disable", "fiber")
    lab.daemon.reload(config.replace("weight: 3", "weight: 4"))
    assert lab.link_state("fiber") == "disabled"
    lab.daemon.stop()
    lab.daemon.start()
    assert lab.link_state("fiber") == "disabled"
    assert shares(lab, count=600) == {"cable": 400, "lte": 200}
    order(lab, "enable", "fiber")
    lab.daemon.stop()
    lab.daemon.start()
    lab.wait_link("fiber", "up")


def test_the_last_link_goes_only_by_force(lab):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    order(lab, "disable", "cable")
    order(lab, "drain", "lte")
    assert "only link that works" in order(lab, "disable", "fiber", code=1)
    assert lab.link_state("fiber") == "up"
    order(lab, "disable", "fiber", "--force")
    assert lab.link_state("fiber") == "disabled"
    assert "no link" in order(lab, "enable", "cabel", code=1)
    assert "needs a link" in order(lab, "enable", code=2)
    assert lab.ctl("status")["state"] == "down"


def test_a_disabled_link_sends_no_mail_until_it_serves(lab, mailbox):  # noqa: F811
    mailbox.open()
    lab.start_daemon(lab.config(POLICY, WEIGHTS, extra=ALERTS))
    order(lab, "disable", "fiber")
    lab.cut_carrier(lab.link("fiber"))
    wait_for(lambda: "no carrier" in [link["reason"] for link in lab.ctl("links")], 10, "the cut to be seen")
    assert mailbox.messages() == [] and waiting_in_spool(lab) == []
    order(lab, "enable", "fiber")
    assert "fiber DOWN" in mailbox.wait(1, 20)[0]["subject"]


def test_many_orders_at_once_leave_the_last_on_disk(lab):
    """Each is written to disk by a worker; none may be in the other's way."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    orders = [(verb, link) for verb in ("drain", "enable", "drain") for link in ("fiber", "cable")]
    with ThreadPoolExecutor(len(orders)) as pool:
        for _ in range(10):
            assert all(item.returncode == 0 for item in pool.map(lambda words: lab.daemon.uplinkctl(*words), orders))
    order(lab, "enable", "cable")
    order(lab, "drain", "fiber")
    lab.daemon.stop()
    assert "cannot write" not in lab.daemon.said()
    lab.daemon.start()
    assert {link["name"]: link["state"] for link in lab.ctl("links")} == {"fiber": "draining", "cable": "up", "lte": "up"}
