# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo: the real daemon between three simulated providers, on real traffic, in network namespaces.

Every figure is measured in this run. It ends with 0 only if each chapter showed what it claims.
"""

import collections
import datetime
import signal
import sys
import time

sys.dont_write_bytecode = True

from screen import Screen  # noqa: E402
from stage import LabError, Stage, wait_for  # noqa: E402

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICIES = """\
policies:                                  # the first whose match holds decides
  - name: web
    match: { from: lan, to: internet, protocol: tcp, to-port: 80 }
    balance: { algorithm: round-robin }
  - name: everything-else
    match: { to: internet }
    balance: { algorithm: priority, links: [fiber, cable, lte] }"""
CONNECTION = ["--from", "10.77.1.2", "--to", "192.0.2.80", "--protocol", "tcp", "--to-port", "80"]
DRAWING = """\
   LAN             gateway                              providers          internet

                              wan1 fiber  203.0.1.2 ---- provider 1 ---+
  client ------ lan0 uplinkd  wan2 cable  203.0.2.2 ---- provider 2 ---+--- web  192.0.2.80 to .89
  10.77.1.2                   wan3 lte    203.0.3.2 ---- provider 3 ---+    mail 192.0.2.25"""


def failed(records):
    return [item for item in records if item["outcome"] != "ok"]


def span(records, since, until=float("inf")):
    """Those that began in that time."""
    return [item for item in records if since <= item["begun"] < until]


def outcomes(records):
    counts = collections.Counter(item["outcome"] for item in failed(records))
    return ", ".join(f"{count} {name}" for name, count in counts.items())


class Demo:
    def __init__(self, screen, stage):
        self.screen = screen
        self.stage = stage
        self.lab = stage.lab
        self.begun = time.monotonic()
        self.down_mails = {}

    def by_link(self, records):
        return collections.Counter(self.lab.link_of(item["seen"]) for item in records if item["seen"])

    def run_requests(self, per_second, count):
        """Runs them to their end: what the client says, and what the web server logged."""
        logged = self.stage.served()
        client = self.stage.requests(per_second, count)
        while client.process.poll() is None:
            self.screen.progress(f"{len(client.records()):,} of {count:,} requests")
            time.sleep(0.1)
        return client.wait(), self.stage.visitors(logged)

    def let_run(self, client, seconds, what):
        self.screen.watch(seconds, lambda: f"{what}: {len(client.records()):,} requests so far")

    # --- the chapters -----------------------------------------------------------------------------

    def who_is_who(self):
        screen = self.screen
        screen.chapter("Who is who")
        screen.say("Each of these is a network namespace of its own on this machine. The gateway hides the LAN behind "
                   "another address on each link, so the web server sees by which link a request came. A provider drops "
                   "and counts packets that have the address of another link.")
        screen.quote(DRAWING)
        config = self.stage.config(POLICIES)
        screen.say("The whole configuration:")
        screen.quote(config)
        self.lab.start_daemon(config)
        wait_for(lambda: all(link["latency_ms"] for link in self.lab.ctl("links")), 10, "answers to checks")
        links = self.lab.ctl("links")
        screen.claim(all(link["state"] == "up" for link in links), "uplinkd runs, and all links answer their checks")

    def shares(self):
        screen = self.screen
        screen.chapter("A thousand requests over three links, 5 : 3 : 2")
        self.measure_shares("Shares of 1,000 HTTP requests")
        status = self.lab.ctl("status")
        screen.claim(status["fallbacks"] == 0, f"uplinkd decided on every connection: {status['decisions']:,} so far")

    def measure_shares(self, name):
        screen = self.screen
        records, seen = self.run_requests(250, 1000)
        screen.say("A connection for each request, 250 of them a second. By the access log of the web server:")
        screen.shares(seen, WEIGHTS)
        screen.measured(name, " : ".join(str(seen[link]) for link in WEIGHTS))
        good = len(records) - len(failed(records))
        screen.claim(good == len(records) == 1000, f"all were answered: {good:,}")
        screen.claim(all(abs(seen[link] - 100 * weight) <= 1 for link, weight in WEIGHTS.items()),
                     "each link has its share, give or take one request")

    def explain(self):
        screen = self.screen
        screen.chapter("Why does a connection go where it goes?")
        screen.quote(self.stage.uplinkctl("explain", *CONNECTION), f"uplinkctl explain {' '.join(CONNECTION)}")
        told = self.lab.ctl("explain", *CONNECTION)
        records, seen = self.run_requests(10, 1)
        taken = self.lab.link_of(records[0]["seen"]) if records[0]["seen"] else "no link"
        screen.claim(told["policy"] == "web" and told["link"] == taken,
                     f"uplinkctl says {told['link']}; the next request took {taken}")

    def cut(self):
        screen = self.screen
        screen.chapter("The cable of fiber is cut, under load")
        screen.say("100 requests a second, and ten films that stream over one connection each. Who watches a film only "
                   "receives; its TCP asks once a second whether the other side is still there.")
        films = self.stage.films(10)
        wait_for(lambda: len(films.records()) >= 10, 10, "ten films")
        client = self.stage.requests(100)
        self.let_run(client, 2, "all links")
        cut = self.lab.cut_carrier(self.lab.link("fiber"))
        self.lab.wait_link("fiber", "down")
        noticed = time.monotonic() - cut
        self.let_run(client, 5, "without fiber")
        records, events = client.stop(), films.stop()
        self.tell_cut(records, cut, noticed)
        self.tell_films(events, cut)
        self.tell_mail("fiber", time.time() - (time.monotonic() - cut))

    def tell_cut(self, records, cut, noticed):
        screen = self.screen
        bad = failed(span(records, cut - 6))
        last = max((item["begun"] - cut for item in bad), default=None)
        screen.line()
        screen.say(f"uplinkd told of the dead link {noticed:.2f} s after the cut. Of {len(records)} requests "
                   f"{len(bad)} failed" + (f" ({outcomes(bad)}), the last one begun {last:.2f} s after the cut." if bad else "."))
        screen.shares(self.by_link(span(records, cut + noticed)), WEIGHTS)
        screen.measured("Cut cable: noticed after", f"{noticed:.2f} s")
        screen.measured("Cut cable: requests failed", f"{len(bad)} of {len(records)}")
        screen.claim(noticed < 2, "the cut is noticed within two seconds")
        late = span(records, cut + noticed)
        screen.claim(len(late) > 300 and not failed(late) and not self.by_link(late)["fiber"],
                     f"{len(late) - len(failed(late))} of {len(late)} requests begun since then were answered, none by fiber")

    def tell_films(self, events, cut):
        screen = self.screen
        first = {item["film"]: self.lab.link_of(item["seen"]) for item in reversed(events) if item["event"] == "begun"}
        last = {item["film"]: item for item in events if item["event"] == "begun"}
        victims = [film for film, link in first.items() if link == "fiber"]
        resets = [item for item in events if item["event"] == "broken" and item["outcome"] == "ECONNRESET"]
        moved = [film for film in victims if self.lab.link_of(last[film]["seen"]) != "fiber"]
        after = max((last[film]["at"] - cut for film in moved), default=0)
        screen.claim(len(victims) > 0 and {item["film"] for item in resets} == set(victims) == set(moved),
                     f"{len(victims)} of 10 films ran by fiber: each was told by a reset, and plays by another link "
                     f"{after:.2f} s after the cut")
        screen.claim(all(last[film]["at"] < cut for film in first if film not in victims),
                     f"the other {len(first) - len(victims)} films did not notice anything")
        screen.measured("Cut cable: films play again after", f"{after:.2f} s ({len(moved)} of {len(victims)})")

    def tell_mail(self, link, since):
        """The mail about the failure of that link, which was at that time of the wall clock."""
        screen = self.screen
        screen.progress("waiting for the mail")
        mail = self.stage.mail_about(f"link {link} DOWN", 15)
        if not screen.claim(mail is not None, "a mail about it has arrived" + (":" if mail else "")):
            return
        self.down_mails[link] = mail
        text = "".join(f"{name}: {mail[name]}\n" for name in ("From", "To", "Subject"))
        screen.quote(text + "\n" + mail.get_payload(decode=True).decode())
        arrived = datetime.datetime.fromisoformat(mail["X-Arrived"]).timestamp()
        screen.measured("Cut cable: mail there after", f"{arrived - since:.2f} s")

    def black_hole(self):
        screen = self.screen
        screen.chapter("Behind the provider of cable, packets vanish")
        screen.say("The cable is fine and the provider's router answers, but nothing that lies behind it. Only checks of "
                   "something far away can see that: here a ping each 200 ms, and three in vain are enough.")
        client = self.stage.requests(100)
        self.let_run(client, 2, "cable and lte")
        hole = self.lab.black_hole(self.lab.link("cable"))
        self.lab.wait_link("cable", "down")
        noticed = time.monotonic() - hole
        self.let_run(client, 3, "lte alone")
        records = client.stop()
        screen.quote(self.stage.uplinkctl("status"), "uplinkctl status")
        bad, late = failed(records), span(records, hole + noticed)
        screen.say(f"Noticed after {noticed:.2f} s. Of {len(records)} requests {len(bad)} failed"
                   + (f" ({outcomes(bad)})." if bad else "."))
        screen.measured("Black hole: noticed after", f"{noticed:.2f} s")
        screen.measured("Black hole: requests failed", f"{len(bad)} of {len(records)}")
        screen.claim(noticed < 2, "the black hole is noticed within two seconds")
        screen.claim(len(late) > 200 and not failed(late) and set(self.by_link(late)) == {"lte"},
                     f"{len(late) - len(failed(late))} of {len(late)} requests begun since then were answered, by lte, the one "
                     "link left")
        self.down_mails["cable"] = self.stage.mail_about("link cable DOWN", 15)
        screen.claim(self.down_mails["cable"] is not None, "a mail told of cable")

    def recover(self):
        screen = self.screen
        screen.chapter("Both links are back")
        screen.progress("waiting for five good rounds of checks")
        back = self.lab.restore_carrier(self.lab.link("fiber"))
        self.lab.heal(self.lab.link("cable"))
        for link in ("fiber", "cable"):
            self.lab.wait_link(link, "up", deadline=30)
        took = time.monotonic() - back
        screen.measured("Both links in use again after", f"{took:.2f} s")
        screen.claim(took < 10, f"both are up {took:.2f} s after their repair")
        self.measure_shares("Shares after the return")
        for link in ("fiber", "cable"):
            self.tell_return(link)
        screen.quote(self.stage.uplinkctl("events"), "uplinkctl events")

    def tell_return(self, link):
        down, up = self.down_mails.get(link), self.stage.mail_about(f"link {link} UP", 20)
        known = down is not None and up is not None and up["In-Reply-To"] == down["Message-ID"]
        self.screen.claim(known, f"a mail answers the one about the failure of {link}"
                          + (f": {up['Subject']}" if up else ""))

    def kill(self):
        screen = self.screen
        screen.chapter("The daemon is killed, under load")
        screen.say("200 requests a second; then SIGKILL. The kernel goes on by the fallback plan that uplinkd has left "
                   "in its ruleset, until the daemon is there again.")
        client = self.stage.requests(200)
        self.let_run(client, 2, "with the daemon")
        killed = self.lab.daemon.kill9()
        self.let_run(client, 5, "without the daemon")
        started = time.monotonic()
        self.lab.daemon.start()
        again = time.monotonic()
        self.let_run(client, 2, "with the daemon again")
        self.tell_kill(client.stop(), killed, started, again)

    def tell_kill(self, records, killed, started, again):
        screen = self.screen
        alone = span(records, killed, started)
        counts = self.by_link(alone)
        status = self.lab.ctl("status")
        screen.line()
        screen.say(f"The {len(alone)} requests of the {started - killed:.1f} s without a daemon:")
        screen.shares(counts, WEIGHTS)
        bad = failed(records)
        slowest = max(item["ended"] - item["begun"] for item in span(records, killed - 1, again))
        screen.measured("SIGKILL: requests failed", f"{len(bad)} of {len(records)}")
        screen.measured("SIGKILL: slowest request", f"{slowest * 1000:.0f} ms")
        screen.measured("SIGKILL: shares by the kernel alone", " : ".join(str(counts[link]) for link in WEIGHTS))
        screen.measured("Daemon started again and in charge after", f"{again - started:.2f} s")
        screen.claim(not bad, f"{len(bad)} of {len(records)} requests failed" + (f": {outcomes(bad)}" if bad else ""))
        screen.claim(all(abs(counts[link] / max(len(alone), 1) - weight / 10) < 0.02 for link, weight in WEIGHTS.items()),
                     "the shares held within two percent")
        low, high = len(span(records, killed, started)), len(span(records, killed - 0.1, again))
        screen.claim(low - 5 <= status["fallbacks"] <= high + 5,
                     f"the new daemon has counted what the kernel did without it: {status['fallbacks']:,} connections")
        after = len(span(records, again + 0.2))
        screen.claim(status["decisions"] >= after > 100, f"and decides again: {status['decisions']:,} connections so far")

    def end(self):
        screen = self.screen
        screen.chapter("In the end")
        screen.quote(self.stage.uplinkctl("status"), "uplinkctl status")
        screen.quote(self.stage.uplinkctl("events"), "uplinkctl events")
        screen.claim(all(link["state"] == "up" for link in self.lab.ctl("links")), "all links are up")
        strays = sum(self.lab.strays(link) for link in self.lab.links)
        screen.claim(strays == 0, f"packets that the providers saw with the address of another link: {strays}")

    def play(self):
        for chapter in (self.who_is_who, self.shares, self.explain, self.cut, self.black_hole, self.recover, self.kill,
                        self.end):
            chapter()


def conclude(screen, begun):
    """What was measured, and whether it is what was claimed: the exit code."""
    screen.line()
    screen.line(screen.paint("Measured in this run", "1"))
    screen.table()
    screen.line()
    if screen.missed:
        screen.line(screen.paint(f"{len(screen.missed)} claim{'s' * (len(screen.missed) > 1)} did not hold:", "31"))
        for text in screen.missed:
            screen.line(f"  {text}")
    else:
        screen.line(f"Every claim held. {time.monotonic() - begun:.0f} s in all; no process, namespace or file is left.")
    return 1 if screen.missed else 0


def perform(screen):
    """Plays it, and takes everything away whatever happens."""
    stage = Stage()
    try:
        Demo(screen, stage).play()
    except LabError:
        if stage.lab.daemon is not None:
            screen.quote(stage.lab.daemon.said(), "the log of uplinkd")
        raise
    finally:
        screen.clear()
        # a second Ctrl-C must not leave half of it behind
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # a daemon that is interrupted while it starts may end by the signal: no news then
        stage.lab.close(check=sys.exc_info()[0] is not KeyboardInterrupt)


def main():
    screen, begun = Screen(), time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    screen.line(screen.paint("uplinkd: three links to the internet, and what happens when they fail", "1"))
    try:
        perform(screen)
    except KeyboardInterrupt:
        screen.line("\nInterrupted; everything has been taken away.")
        return 130
    except LabError as error:
        screen.line(f"\nThe demo cannot go on: {error}")
        return 1
    return conclude(screen, begun)


if __name__ == "__main__":
    sys.exit(main())
