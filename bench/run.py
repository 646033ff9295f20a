#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures uplinkd against the least that the kernel allows, side by side in one run, and judges it by bounds.

Three laboratories stand beside each other: one with the bare accept loop on a queue (raw-queue), one with
uplinkd and 100 policies, one with plain policy routing in the kernel. They are loaded in turn, several
rounds. Needs root, iperf3, and the build tree in UPLINKD_BUILD.
"""

import argparse
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/lab"))
sys.dont_write_bytecode = True

import lab as laboratory  # noqa: E402
from waiting import wait_for  # noqa: E402

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
PLAIN_SHARES = "0-4 : 1, 5-7 : 2, 8-9 : 3"
MEMORY_BOUND_KB = 16 * 1024
# A connect has a fast and a slow mode, as the scheduler places who wakes whom: many short rounds meet both.
CONNECT_ROUNDS = 4


def hundred_policies():
    """99 that look at addresses, protocols and ports and do not match, and one for the rest."""
    lines = ["policies:"]
    for i in range(99):
        lines += [f"  - name: policy-{i}",
                  f"    match: {{ from: 10.{100 + i}.0.0/16, to: [198.18.{i}.0/24, \"2001:db8:{i:x}::/48\"],"
                  f" protocol: [tcp, udp], to-port: [{1000 + i}, {2000 + 10 * i}-{2009 + 10 * i}] }}",
                  "    balance: { algorithm: round-robin, links: [fiber, cable] }"]
    lines += ["  - name: everything", "    balance: { algorithm: round-robin }"]
    return "\n".join(lines) + "\n"


class Side:
    """One laboratory with one way to choose links."""

    def __init__(self):
        self.lab = laboratory.Lab()
        self.iperf = self.lab.start("inet", "iperf3", "-s", "-B", self.lab.SERVER4)
        for link in self.lab.links:
            # What floods is forwarded by the gateway and then forgotten, the same on every side.
            self.lab.nft(f"isp{link.number}", "add rule inet isp hole udp dport >= 1024 drop\n")
        self.prepare()

    def prepare(self):
        """What is there all the time."""

    def before_round(self):
        """What starts anew for a round."""

    def after_round(self):
        """Ends it; decisions are counted then."""

    def decisions(self):
        """How many there were in the round."""
        return 0

    def route_by_mark(self):
        """By marks 1, 2, 3; known networks first, for the answers: what every side does, here by hand."""
        lines = ["rule add pref 900 lookup main suppress_prefixlength 0"]
        for link in self.lab.links:
            lines += [f"route add default via {link.gateway4} dev {link.device} table {100 + link.number}",
                      f"rule add pref 1000 fwmark {link.number} lookup {100 + link.number}"]
        self.lab.ip("gw", lines)

    def close(self):
        self.lab.close()


class Raw(Side):
    name = "raw queue"
    process = None
    packets = 0

    def prepare(self):
        self.route_by_mark()
        self.lab.nft("gw", """
table inet plain {
    chain restore { type filter hook prerouting priority -151; meta mark set ct mark; }
    chain save { type filter hook prerouting priority -140; ct mark set meta mark; }
    chain nat { type nat hook postrouting priority 100; oifname "wan*" masquerade; }
}
""")

    def before_round(self):
        self.process = self.lab.start("gw", laboratory.program("raw-queue"), "0", "lan0", "3")
        wait_for(lambda: "ready" in self.said(), 5, "the raw loop")

    def said(self):
        with open(self.process.log, encoding="utf-8") as file:
            text = file.read()
        if self.process.poll() not in (None, 0):
            raise laboratory.LabError(text)
        return text

    def after_round(self):
        self.process.terminate()
        self.process.wait(10)
        self.packets = json.loads(self.said().splitlines()[-1])["packets"]

    def decisions(self):
        return self.packets


class Uplinkd(Side):
    name = "uplinkd"
    memory_kb = 0
    before = 0
    counted = 0

    def prepare(self):
        check = "{ targets: [ { ping: 192.0.2.1 } ] }"
        self.lab.start_daemon(self.lab.config(hundred_policies(), WEIGHTS, check))
        wait_for(lambda: all((item["latency_ms"] or 0) > 0 for item in self.lab.ctl("links")), 20, "answers")
        self.memory_kb = self.lab.daemon.resident_kb()

    def total(self):
        return self.lab.ctl("status")["decisions"]

    def before_round(self):
        self.before = self.total()

    def settled(self):
        """Whether nothing was decided since the last look."""
        last, self.counted = self.counted, self.total()
        return last == self.counted

    def after_round(self):
        wait_for(self.settled, 10, "the queues to be empty", pause=0.1)

    def decisions(self):
        return self.counted - self.before


class Plain(Side):
    name = "plain routing"

    def prepare(self):
        self.route_by_mark()
        self.lab.nft("gw", f"""
table inet plain {{
    chain choose {{
        type filter hook prerouting priority -150;
        iifname "lan0" ct state new meta mark set numgen inc mod 10 map {{ {PLAIN_SHARES} }} ct mark set meta mark
        ct state established,related meta mark set ct mark
    }}
    chain nat {{ type nat hook postrouting priority 100; oifname "wan*" masquerade; }}
}}
""")


# --- figures --------------------------------------------------------------------------------------


def forget(side):
    """An empty connection table, so that no round pays for the one before."""
    side.lab.run("gw", "conntrack", "-F", check=False)
    wait_for(lambda: int(side.lab.run("gw", "sysctl", "-n", "net.netfilter.nf_conntrack_count").stdout) < 100, 20,
             "an empty connection table")


def new_flows(side, seconds):
    """New flows decided per second under a flood."""
    side.before_round()
    text = side.lab.run("lan", laboratory.program("new-flows"), "192.0.2.1", str(seconds)).stdout
    side.after_round()
    return side.decisions() / json.loads(text)["seconds"]


def connect_time(side, count):
    """Median time of a TCP connect in microseconds."""
    side.before_round()
    text = side.lab.run("lan", laboratory.program("tcp-connects"), "192.0.2.1", "7", str(count)).stdout
    side.after_round()
    return json.loads(text)["p50_us"]


def throughput(side, seconds):
    """Of one established connection, in Gbit/s."""
    side.before_round()
    text = side.lab.run("lan", "iperf3", "-c", side.lab.SERVER4, "-t", str(max(1, round(seconds))), "-J").stdout
    side.after_round()
    return json.loads(text)["end"]["sum_received"]["bits_per_second"] / 1e9


def middle_mean(values):
    """Without the lowest and the highest quarter."""
    cut = len(values) // 4
    return statistics.fmean(sorted(values)[cut:len(values) - cut])


def rounds(measure, sides, count, argument, figure=statistics.median):
    """One figure by side over the rounds; their order turns around each time. The first only warms up."""
    figures = {side.name: [] for side in sides}
    for number in range(count + 1):
        for side in sides if number % 2 == 0 else reversed(sides):
            forget(side)
            value = measure(side, argument)
            if number > 0:
                figures[side.name].append(value)
            print(f"  {measure.__name__} {side.name}: {value:.1f}", file=sys.stderr)
    return {name: {"figure": figure(values), "all": values} for name, values in figures.items()}


def judge(name, unit, ours, theirs, bound, at_least):
    ratio = ours["figure"] / theirs["figure"]
    return {"name": name, "unit": unit, "uplinkd": ours["figure"], "against": theirs["figure"], "ratio": ratio,
            "bound": bound, "fine": ratio >= bound if at_least else ratio <= bound, "at_least": at_least,
            "values": {"uplinkd": ours["all"], "against": theirs["all"]}}


def measure_all(options):
    raw, ours, plain = Raw(), Uplinkd(), Plain()
    try:
        flows = rounds(new_flows, [raw, ours], options.rounds, options.seconds)
        # Each round gives a median. They fall into two heaps, between which a median of them would jump; and some
        # are of a machine that did something else.
        connects = rounds(connect_time, [raw, ours], CONNECT_ROUNDS * options.rounds, options.connects,
                          middle_mean)
        # What else runs on the machine only takes away: the best round tells most.
        speeds = rounds(throughput, [plain, ours], options.rounds, options.seconds, max)
    finally:
        for side in (raw, ours, plain):
            side.close()
    memory = {"name": "resident memory at rest", "unit": "kB", "uplinkd": ours.memory_kb, "against": None,
              "ratio": None, "bound": MEMORY_BOUND_KB, "fine": ours.memory_kb < MEMORY_BOUND_KB, "at_least": False}
    return [
        judge("new flows, 100 policies, against the raw loop", "1/s", flows["uplinkd"], flows["raw queue"],
              0.90, True),
        judge("median TCP connect against the raw loop", "us", connects["uplinkd"], connects["raw queue"],
              1.30, False),
        judge("established throughput against plain routing", "Gbit/s", speeds["uplinkd"], speeds["plain routing"],
              0.90, True),
        memory,
    ]


def row(item):
    if item["ratio"] is None:
        against, ratio, bound = "-", "-", f"< {item['bound']} {item['unit']}"
    else:
        against, ratio = f"{item['against']:.1f}", f"{item['ratio']:.3f}"
        bound = f"{'>=' if item['at_least'] else '<='} {item['bound']:.2f}"
    verdict = "fine" if item["fine"] else "FAILED"
    name = f"{item['name']}, {item['unit']}"
    return f"{name:<52} {item['uplinkd']:>10.1f} {against:>10} {ratio:>7}  {bound:<12} {verdict}"


def print_table(results):
    print(f"{'figure':<52} {'uplinkd':>10} {'against':>10} {'ratio':>7}  bound")
    for item in results:
        print(row(item))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-j", "--json", action="store_true", help="print JSON")
    parser.add_argument("-r", "--rounds", type=int, default=7, help="rounds of each figure (7)")
    parser.add_argument("-s", "--seconds", type=float, default=1, help="length of a flood or a transfer (1)")
    parser.add_argument("-c", "--connects", type=int, default=1000, help="connections in a round (1000)")
    options = parser.parse_args()
    began = time.monotonic()
    results = measure_all(options)
    if options.json:
        print(json.dumps({"results": results, "seconds": round(time.monotonic() - began, 1)}, indent=2))
    else:
        print_table(results)
    return 0 if all(item["fine"] for item in results) else 1


if __name__ == "__main__":
    sys.exit(main())
