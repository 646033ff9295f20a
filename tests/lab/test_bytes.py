# SPDX-License-Identifier: GPL-2.0-or-later
"""Shares of bytes: what links carry is in proportion to weights, whatever connections carry."""

import json
import os
import random
import re
import subprocess

import pytest

from waiting import patience, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 9000
WEIGHTS = {"fiber": 7, "cable": 3}
SERVERS = {"ipv4": "192.0.2.1", "ipv6": "2001:db8:ffff::1"}
POLICIES = """policies:
  - name: transfers
    match: {{ from: lan, protocol: tcp, to-port: 9000 }}
    balance: {{ share: {share}, links: [fiber, cable] }}
  - name: rest
"""


@pytest.fixture(name="sized")
def sized_server(lab):
    process = lab.start("inet", "/usr/bin/python3", os.path.join(HERE, "sized.py"), "serve", str(PORT))
    wait_for(lambda: f":{PORT} " in lab.run("inet", "ss", "-Hltn").stdout, 10, "the server of sizes")
    return process


def bounded_pareto(chance, low, high, alpha=1.1):
    """Heavy-tailed between two bounds."""
    part = chance.random()
    return int((low ** -alpha - part * (low ** -alpha - high ** -alpha)) ** (-1 / alpha))


def sizes(count, seed):
    """Every tenth is large: turns by connections would give all of those to one link."""
    chance = random.Random(seed)
    return [bounded_pareto(chance, 150_000, 900_000) if i % 10 == 3 else bounded_pareto(chance, 500, 30_000)
            for i in range(count)]


class Fetch:
    """Downloads that run."""

    def __init__(self, lab, address, wanted, each_ms):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", lab.ns("lan"), "/usr/bin/python3", os.path.join(HERE, "sized.py"), "fetch",
             address, str(PORT), str(each_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write("".join(f"{size}\n" for size in wanted))
        self.process.stdin.close()

    def wait(self, seconds):
        self.process.wait(patience(seconds))
        return json.loads(self.process.stdout.read())


def carried(lab):
    """Bytes of each link's device, both ways."""
    devices = json.loads(lab.run("gw", "ip", "-j", "-s", "link").stdout)
    found = {device["ifname"]: device["stats64"]["rx"]["bytes"] + device["stats64"]["tx"]["bytes"] for device in devices}
    return {link.name: found[link.device] for link in lab.links}


def share_since(lab, before):
    now = carried(lab)
    fiber, cable = now["fiber"] - before["fiber"], now["cable"] - before["cable"]
    return fiber / (fiber + cable), fiber + cable


def counted(lab):
    return next(item for item in lab.ctl("policies") if item["name"] == "transfers")["link_bytes"]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_bytes_are_in_proportion(lab, tell, sized, family):
    lab.start_daemon(lab.config(POLICIES.format(share="bytes"), WEIGHTS))
    before = carried(lab)
    result = Fetch(lab, SERVERS[family], sizes(1500, 1), 14).wait(120)
    share, total = share_since(lab, before)
    tell(f"{share:.3f} of {total / 1e6:.1f} MB by fiber, {result}")
    assert result == {"whole": 1500, "broken": 0, "failed": 0}
    assert total > 30e6
    assert abs(share - 0.7) < 0.03
    # What the daemon tells agrees with the devices but for headers of frames and what else goes by.
    wait_for(lambda: sum(counted(lab).values()) > 0.95 * total, 5, "the bytes of all")
    told = counted(lab)
    assert sum(told.values()) <= total
    assert abs(told["fiber"] / (told["fiber"] + told["cable"]) - share) < 0.01
    assert told["lte"] == 0
    assert re.search(r"fiber \d+.*% of bytes", lab.daemon.uplinkctl("policies").stdout)


def test_connections_in_proportion_are_not_bytes_in_proportion(lab, tell, sized):
    """What the other test is measured against."""
    lab.start_daemon(lab.config(POLICIES.format(share="connections"), WEIGHTS))
    before = carried(lab)
    result = Fetch(lab, SERVERS["ipv4"], sizes(400, 1), 16).wait(120)
    share, total = share_since(lab, before)
    tell(f"{share:.3f} of {total / 1e6:.1f} MB by fiber, {result}")
    assert abs(share - 0.7) > 0.1
    assert "link_bytes" not in next(item for item in lab.ctl("policies") if item["name"] == "transfers")


def explained(lab):
    answer = lab.ctl("explain", "--from", "10.77.1.2", "--to", "192.0.2.1", "--protocol", "tcp", "--to-port", str(PORT))
    return answer["link"], {item["link"]: item for item in answer["candidates"]}


def test_what_is_owed_outlives_reloads(lab, tell, sized):
    """A great download by one link: after a reload the other one is still behind, and takes the next connections."""
    lab.start_daemon(lab.config(POLICIES.format(share="bytes"), {"fiber": 1, "cable": 1}))
    Fetch(lab, SERVERS["ipv4"], [20_000_000], 0).wait(60)
    wait_for(lambda: sum(counted(lab).values()) > 20_000_000, 5, "its bytes")
    first = max(counted(lab), key=counted(lab).get)
    other = "cable" if first == "fiber" else "fiber"
    wait_for(lambda: explained(lab)[0] == other, 5, f"{other} to be behind")
    _, candidates = explained(lab)
    tell(f"{candidates[other]['reason']}; {candidates[first]['reason']}")
    assert candidates[other]["score"] > 8e6 > 0 > candidates[first]["score"]
    assert "MB behind its share" in candidates[other]["reason"]
    assert "MB ahead of its share" in candidates[first]["reason"]
    was = counted(lab)
    lab.daemon.write(lab.config(POLICIES.format(share="bytes") + "  - name: one-more\n    match: { to-port: 1, protocol: tcp }\n",
                                {"fiber": 1, "cable": 1}))
    lab.ctl("reload")
    link, candidates = explained(lab)
    assert link == other and candidates[other]["score"] > 6e6
    assert counted(lab)[first] >= was[first]
    before = carried(lab)
    # Of more at once some would go by the first one: nobody knows that they are small.
    assert Fetch(lab, SERVERS["ipv4"], [20_000] * 4, 5).wait(60)["whole"] == 4
    now = carried(lab)
    assert now[other] - before[other] > 10 * (now[first] - before[first])


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_link_that_returns_gets_its_share_and_no_more(lab, tell, sized, family):
    lab.start_daemon(lab.config(POLICIES.format(share="bytes"), WEIGHTS))
    cable = lab.link("cable")
    lab.cut_carrier(cable)
    lab.wait_link("cable", "down")
    before = carried(lab)
    assert Fetch(lab, SERVERS[family], sizes(400, 2), 16).wait(60)["whole"] == 400
    away, total = share_since(lab, before)
    assert away > 0.99
    lab.restore_carrier(cable)
    lab.wait_link("cable", "up")
    before = carried(lab)
    assert Fetch(lab, SERVERS[family], sizes(800, 3), 16).wait(60)["whole"] == 800
    share, total = share_since(lab, before)
    tell(f"{share:.3f} of {total / 1e6:.1f} MB by fiber since cable is back")
    assert abs(share - 0.7) < 0.04
