# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads on the laboratory's network, and the servers that see them."""

import collections
import json
import os
import re
import socket
import subprocess

import lab as laboratory
from waiting import LabError, patience, wait_for

TCP_PORTS = ["7", "80", "443", "5060", "8080-8089"]
UDP_PORTS = ["7", "53", "443", "5060"]


class Server:
    """A lab-server in one of the namespaces: echoes, and remembers who came."""

    def __init__(self, lab, place):
        self.path = os.path.join(lab.folder, f"server-{place}.sock")
        arguments = [f"--tcp={port}" for port in TCP_PORTS] + [f"--udp={port}" for port in UDP_PORTS]
        self.process = lab.start(place, laboratory.program("lab-server"), *arguments, "--control", self.path)
        wait_for(lambda: os.path.exists(self.path) or self.process.poll() is not None, 5, "the server")
        if self.process.poll() is not None:
            with open(self.process.log, encoding="utf-8") as file:
                raise LabError(f"the server ended: {file.read()}")

    def _ask(self, question):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(patience(5))
            connection.connect(self.path)
            connection.sendall(question)
            with connection.makefile("r") as answer:
                return answer.read()

    def counts(self, protocol="tcp"):
        """How many connections, or datagrams, by peer address."""
        return json.loads(self._ask(b"counts"))[protocol]

    def list(self):
        return json.loads(self._ask(b"list"))

    def clear(self):
        self._ask(b"clear")


class Result(dict):
    """The figures of a load; attempts has each of them."""

    lab = None

    def by_link(self, attempts=None):
        """Number of successes by name of the link that they took, as the server saw it."""
        chosen = self["attempts"] if attempts is None else attempts
        return collections.Counter(self.lab.link_of(item["seen"]) for item in chosen if item["seen"])

    def begun_since(self, when):
        return [item for item in self["attempts"] if item["begun"] >= when]

    def not_ok_since(self, when=0.0):
        """Attempts begun at or after when that did not succeed."""
        return [item for item in self.begun_since(when) if item["outcome"] != "ok"]

    def links_by_source(self):
        """For each client address the set of links that it took."""
        links = collections.defaultdict(set)
        for item in self["attempts"]:
            if item["seen"]:
                links[item["from"]].add(self.lab.link_of(item["seen"]))
        return dict(links)

    def figures(self):
        """One line for people."""
        return (f"{self['ok']}/{self['begun']} ok, {self['failed']} failed, {self['reset']} reset, "
                f"{self['stalled']} stalled, p50 {self.get('p50_us', 0):.0f} us, p99 {self.get('p99_us', 0):.0f} us, "
                f"max {self.get('max_us', 0):.0f} us {self['errors'] or ''}")


class Load:
    """A running lab-load."""

    def __init__(self, lab, place, protocol, **options):
        self.lab = lab
        path = os.path.join(lab.folder, f"load-{next(lab.log_number)}.json")
        arguments = [laboratory.program("lab-load"), protocol, "--each"]
        for name, value in options.items():
            name = "--" + name.replace("_", "-")
            for item in value if isinstance(value, list) else [value]:
                arguments += [name] if item is True else [name, str(item)]
        self.process = lab.start(place, *arguments, log=os.path.basename(path))
        lab.loads.append(self)

    def wait(self, deadline=120.0):
        """Waits until it ends by itself, and returns its Result."""
        try:
            self.process.wait(patience(deadline))
        except subprocess.TimeoutExpired:
            raise LabError("lab-load does not end") from None
        with open(self.process.log, encoding="utf-8") as file:
            text = file.read()
        if self.process.returncode != 0:
            raise LabError(f"lab-load ended with {self.process.returncode}: {text}")
        result = Result(json.loads(text))
        result.lab = self.lab
        return result

    def told(self):
        """How it fares, for who looks for the cause of a failure: ends it."""
        try:
            result = self.stop()
        except (LabError, ValueError) as error:
            return str(error)
        bad = [item for item in result["attempts"] if item["outcome"] != "ok"]
        return "\n".join([result.figures(), *map(str, bad[:5])])

    def stop(self):
        """Tells it to end now, and returns its Result."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait()


def connections(text):
    """What conntrack -L printed, as a list."""
    pattern = re.compile(r"^(\w+) .*?src=(\S+) dst=(\S+)(?: sport=(\d+) dport=(\d+))?"
                         r".*? src=\S+ dst=(\S+) .*?mark=(\d+)", re.M)
    return [{"protocol": match[1], "from": match[2], "to": match[3], "from_port": int(match[4] or 0),
             "to_port": int(match[5] or 0), "seen": match[6], "mark": int(match[7])}
            for match in pattern.finditer(text)]
