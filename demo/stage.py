# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything the demo needs besides the daemon: the laboratory, web and mail servers, and a web client."""

import collections
import email
import itertools
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(os.path.dirname(HERE), "tests", "lab")
sys.path.insert(0, LAB)
sys.dont_write_bytecode = True

import lab as laboratory  # noqa: E402
from waiting import LabError, patience, wait_for  # noqa: E402, F401 (handed on)

PYTHON = "/usr/bin/python3"
WEB = ",".join(f"192.0.2.{80 + i}" for i in range(10))
PORT, MAIL = "80", "192.0.2.25:2525"


class Client:
    """A running web client in the LAN; records() is what it told so far."""

    def __init__(self, stage, *arguments):
        path = os.path.join(HERE, "web_client.py")
        self.lab = stage.lab
        self.process = stage.lab.start("lan", PYTHON, path, *map(str, arguments), log=f"client-{next(stage.numbers)}.log")

    def records(self):
        with open(self.process.log, encoding="utf-8") as file:
            lines = file.read().split("\n")
        # the last one may not be whole yet
        return [json.loads(line) for line in lines[:-1]]

    def wait(self):
        if self.process.wait(patience(60)) != 0:
            raise LabError(f"the web client failed: {self.records()[-3:]}")
        return self.records()

    def stop(self):
        self.process.terminate()
        return self.wait()


class Stage:
    """The laboratory with its servers; close() takes all of it away."""

    def __init__(self):
        self.numbers = itertools.count(1)
        self.lab = laboratory.Lab(links=3)
        try:
            self._build()
        except BaseException:
            self.lab.close(check=False)
            raise

    def _build(self):
        # The echo servers of the tests hold the port of the web.
        self.lab.server.process.terminate()
        self.lab.server.process.wait(patience(5))
        self.web = self.lab.start("inet", PYTHON, os.path.join(HERE, "web_server.py"), PORT, log="access.log")
        self.letters = os.path.join(self.lab.folder, "mail")
        self.mail = self.lab.start("inet", PYTHON, os.path.join(LAB, "smtp_server.py"), "--listen", MAIL,
                                   "--folder", self.letters)
        for process, port in ((self.web, PORT), (self.mail, MAIL.rpartition(":")[2])):
            wait_for(lambda: self._listens(process, port), 10, f"the server at port {port}")

    def _listens(self, process, port):
        if process.poll() is not None:
            with open(process.log, encoding="utf-8") as file:
                raise LabError(f"a server ended: {file.read()}")
        return f":{port} " in self.lab.run("inet", "ss", "-ltn").stdout

    # --- traffic ----------------------------------------------------------------------------------

    def requests(self, per_second, count=None):
        return Client(self, "requests", WEB, PORT, per_second, *([count] if count else []))

    def films(self, count):
        return Client(self, "films", WEB, PORT, count)

    def served(self):
        """Where the access log of the web server ends now."""
        return os.path.getsize(self.web.log)

    def visitors(self, since):
        """Requests by link, as the web server logged them from that place on."""
        with open(self.web.log, encoding="utf-8") as file:
            file.seek(since)
            addresses = [line.split()[0] for line in file if line.endswith(" /\n")]
        return collections.Counter(map(self.lab.link_of, addresses))

    # --- mail -------------------------------------------------------------------------------------

    def messages(self):
        found = []
        for name in sorted(os.listdir(self.letters)):
            if name.endswith(".eml"):
                with open(os.path.join(self.letters, name), "rb") as file:
                    found.append(email.message_from_binary_file(file))
        return found

    def mail_about(self, words, deadline):
        """The first message with these words in its subject; None where it does not come in time."""
        def arrived():
            return next((m for m in self.messages() if words in str(m["Subject"])), None)
        try:
            return wait_for(arrived, deadline, f"a mail about {words}", pause=0.05)
        except LabError:
            return None

    # --- the daemon -------------------------------------------------------------------------------

    def config(self, policies):
        lab = self.lab
        links = "".join(f"  {link.name + ':':<6} {{ device: {link.device}, gateway: {link.gateway4}, weight: {weight},"
                        f"\n           check: *answers }}\n" for link, weight in zip(lab.links, (5, 3, 2)))
        first = "&answers { targets: [{ ping: 192.0.2.1 }], interval: 200ms }"
        return f"""\
version: 1
zones:
  lan: {{ devices: [lan0] }}
links:
{links.replace("*answers", first, 1).replace(f",{chr(10)}           check: *", ", check: *")}alerts:
  mail: {{ server: "smtp://{MAIL}", from: gateway@example.net, to: noc@example.net }}
{policies}
control: {{ socket: {lab.folder}/control.sock }}
state-directory: {lab.folder}/state
"""

    def uplinkctl(self, *arguments):
        """What an operator sees."""
        done = self.lab.daemon.uplinkctl(*arguments)
        if done.returncode != 0:
            raise LabError(f"uplinkctl {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout
