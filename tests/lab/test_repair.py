# SPDX-License-Identifier: GPL-2.0-or-later
"""What others break is whole again within a second, and told; what is theirs stays as it is."""

import re
import time

import pytest

from lab import ROUTE_PROTOCOL
from waiting import SLOW, rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
BOUND = 5.0 if SLOW else 1.0
OUR_BITS = 0x00FFFFFF
FOREIGN_BIT = 0x40000000


def chains(text):
    """A listed ruleset without counters; chains that were made anew may stand in another place."""
    text = re.sub(r"packets \d+ bytes \d+", "", text)
    return sorted(block.strip(" \n}") for block in text.split("\n\n"))


def tables(lab):
    return set(re.findall(r"^table (\S+ \S+)", lab.run("gw", "nft", "list", "tables").stdout, re.M))


def kernel_state(lab):
    """Ruleset, rules and routes of the gateway as text."""
    return {
        "nftables": chains(lab.run("gw", "nft", "-s", "list", "ruleset", check=False).stdout),
        "rules": lab.run("gw", "ip", "rule").stdout,
        "rules6": lab.run("gw", "ip", "-6", "rule").stdout,
        "routes": lab.run("gw", "ip", "route", "show", "table", "all", "type", "unicast").stdout,
        "routes6": "\n".join(line for line in lab.run("gw", "ip", "-6", "route", "show", "table", "all")
                             .stdout.splitlines() if "fe80" not in line and "ff00" not in line),
    }


@pytest.fixture
def running(lab):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    lab.load(to="192.0.2.1:7", rate=rate(200), count=20)
    return lab


def our_table(lab):
    found = [name for name in tables(lab) if "foreign" not in name]
    assert len(found) == 1, found
    return found[0]


def our_rule_lines(lab, option):
    """Rules with our protocol number."""
    text = lab.run("gw", "ip", option, "-d", "rule").stdout
    return [line for line in text.splitlines() if f"proto {ROUTE_PROTOCOL}" in line]


def delete_rules(lab):
    for option in ("-4", "-6"):
        for line in our_rule_lines(lab, option):
            lab.run("gw", "ip", option, "rule", "del", "pref", line.split(":")[0], check=False)
    return True


def delete_routes(lab):
    for option in ("-4", "-6"):
        text = lab.run("gw", "ip", option, "route", "show", "table", "all", "proto", ROUTE_PROTOCOL).stdout
        for line in text.splitlines():
            number = re.search(r"table (\d+)", line)[1]
            lab.run("gw", "ip", option, "route", "flush", "table", number)
    return True


def nft(lab, *command):
    """Whether nft could do it: a table with an owner is not for others."""
    return lab.run("gw", "nft", *command, check=False).returncode == 0


def flush_ruleset(lab):
    """nft is content also where it leaves a table with an owner alone."""
    nft(lab, "flush", "ruleset")
    return False


# Each breaks something, and returns whether that must have done damage.
BREAKS = {
    "nft-flush-ruleset": flush_ruleset,
    "nft-delete-table": lambda lab: nft(lab, "delete", "table", *our_table(lab).split()),
    "nft-flush-table": lambda lab: nft(lab, "flush", "table", *our_table(lab).split()),
    "rules": delete_rules,
    "routes": delete_routes,
}


@pytest.mark.parametrize("how", BREAKS)
def test_restored(running, tell, how):
    lab = running
    assert our_rule_lines(lab, "-4") and our_rule_lines(lab, "-6")
    before = kernel_state(lab)
    told = len(lab.ctl("events"))
    damage = BREAKS[how](lab)
    broken = time.monotonic()
    wait_for(lambda: kernel_state(lab) == before, 10, "everything as it was")
    whole = time.monotonic()
    events = [event for event in lab.ctl("events")[told:] if event["kind"] == "kernel"]
    tell(f"whole {whole - broken:.2f} s after the last blow; "
         + ("; ".join(event["text"] for event in events) or "nothing was told"))
    assert whole - broken < BOUND
    if damage:
        wait_for(lambda: [event for event in lab.ctl("events")[told:] if event["kind"] == "kernel"], 5, "an event")
    result = lab.load(to="192.0.2.1:7", to_range=20, rate=rate(500), count=100)
    assert all(abs(result.by_link()[name] - 10 * weight) <= 1 for name, weight in WEIGHTS.items())


FOREIGN_TABLE = f"""
table inet foreign {{
    set friends {{ type ipv4_addr; elements = {{ 192.0.2.77, 192.0.2.78 }} }}
    chain before {{
        type filter hook prerouting priority -190;
        iifname "lan0" ct state new ct mark set ct mark or {FOREIGN_BIT} meta mark set meta mark or {FOREIGN_BIT}
    }}
    chain forward {{
        type filter hook forward priority 10;
        ip daddr @friends meta mark and {FOREIGN_BIT} == {FOREIGN_BIT} accept
    }}
}}
"""


def foreign_state(lab):
    return (lab.run("gw", "nft", "-s", "list", "table", "inet", "foreign").stdout,
            [line for line in lab.run("gw", "ip", "rule").stdout.splitlines() if "4242" in line],
            lab.run("gw", "ip", "route", "show", "table", "4242").stdout,
            lab.run("gw", "ip", "-6", "route", "show", "table", "4242").stdout,
            lab.run("gw", "ip", "route", "show", "198.18.0.0/15").stdout)


def test_foreign_things_stay(lab, tell):
    """A foreign table, rule, routes and mark bits: over start, traffic, failover, reload, kill, restart and stop."""
    lab.nft("gw", FOREIGN_TABLE)
    lab.ip("gw", ["rule add pref 1100 fwmark 0x80000000/0x80000000 lookup 4242",
                  "rule add pref 31000 fwmark 0x80000000/0x80000000 lookup 4242",
                  "route add 198.18.0.0/15 via 203.0.2.1 dev wan2 proto static",
                  "route add default via 203.0.3.1 dev wan3 table 4242 proto static",
                  "route add 2001:db8:4242::/48 via fd00:3::1 dev wan3 table 4242 proto static"])
    before = foreign_state(lab)
    assert all(before)
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    result = lab.load(to="192.0.2.1:7", to_range=20, rate=rate(400), count=200)
    assert result["ok"] == 200
    assert all(abs(result.by_link()[name] - 20 * weight) <= 1 for name, weight in WEIGHTS.items())
    marks = {item["mark"] for item in lab.conntrack() if item["protocol"] == "tcp" and item["from"] == "10.77.1.2"}
    tell("connection marks: " + ", ".join(f"{mark:#x}" for mark in sorted(marks)))
    assert len(marks) == 3
    for mark in marks:
        assert mark & ~OUR_BITS == FOREIGN_BIT, f"{mark:#x}"
        assert mark & OUR_BITS != 0
    lab.cut_carrier(lab.link("lte"))
    lab.wait_link("lte", "down")
    lab.restore_carrier(lab.link("lte"))
    lab.wait_link("lte", "up", deadline=30)
    # The kernel itself takes routes of a device that lost its carrier only when it goes down: ours did not.
    assert foreign_state(lab) == before
    assert lab.daemon.reload(lab.config(POLICY, {"fiber": 1})).returncode == 0
    lab.daemon.kill9()
    lab.daemon.start()
    assert foreign_state(lab) == before
    assert lab.daemon.stop() == 0
    assert foreign_state(lab) == before


@pytest.mark.parametrize("shift, bits", [(8, 13), (5, 16)])
def test_shifted_mark(lab, tell, shift, bits):
    """Our bits can be moved out of the way of others, and be as many as there are."""
    foreign = (1 << shift) - 1
    lab.nft("gw", FOREIGN_TABLE.replace(str(FOREIGN_BIT), "0x5"))
    lab.start_daemon(lab.config(POLICY, WEIGHTS, extra=f"kernel: {{ mark-shift: {shift}, mark-policy-bits: {bits} }}\n"))
    result = lab.load(to="192.0.2.1:7", to_range=20, rate=rate(400), count=100)
    assert all(abs(result.by_link()[name] - 10 * weight) <= 1 for name, weight in WEIGHTS.items())
    marks = {item["mark"] for item in lab.conntrack() if item["protocol"] == "tcp" and item["from"] == "10.77.1.2"}
    tell("connection marks: " + ", ".join(f"{mark:#x}" for mark in sorted(marks)))
    assert {mark & foreign for mark in marks} == {5}
