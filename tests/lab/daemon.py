# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon under test, in the gateway's namespace, and uplinkctl beside it."""

import json
import os
import re
import signal
import subprocess
import time

import lab as laboratory
from waiting import LabError, patience, wait_for

COMPLAINTS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error|stack smashing|Assertion")


class Daemon:
    """Starts, stops, kills, freezes; ctl() asks it."""

    def __init__(self, lab, arguments=(), prefix=()):
        self.lab = lab
        self.arguments = list(arguments)
        self.prefix = list(prefix)  # what starts it, such as setpriv with options
        self.file = os.path.join(lab.folder, "uplinkd.yaml")
        self.socket = os.path.join(lab.folder, "control.sock")
        self.log = os.path.join(lab.folder, "uplinkd.log")
        self.process = None

    def write(self, config):
        """Puts the configuration in its place; a running daemon does not look at it by itself."""
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(config)

    def start(self, wait=True):
        self.process = self.lab.start("gw", *self.prefix, laboratory.program("uplinkd"), "-f", "-c", self.file,
                                      *self.arguments, log="uplinkd.log")
        if wait:
            wait_for(self.answers, 10, "the daemon to answer")

    def answers(self):
        if self.process.poll() is not None:
            raise LabError(f"the daemon ended with {self.process.returncode}:\n{self.said()}")
        return self.uplinkctl("-j", "status").returncode == 0

    @property
    def pid(self):
        return self.process.pid

    def said(self):
        """What it wrote to its log."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    # --- uplinkctl --------------------------------------------------------------------------------

    def uplinkctl(self, *arguments):
        """Runs it as it is: a subprocess.CompletedProcess."""
        return laboratory.run("ip", "netns", "exec", self.lab.ns("gw"), laboratory.program("uplinkctl"),
                              "-s", self.socket, *arguments, check=False)

    def ctl(self, *verb):
        """The answer of uplinkctl -j VERB as JSON."""
        done = self.uplinkctl("-j", *verb)
        if done.returncode != 0:
            raise LabError(f"uplinkctl {' '.join(verb)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def reload(self, config=None):
        """Loads the file, with new text where given: the finished uplinkctl."""
        if config is not None:
            self.write(config)
        return self.uplinkctl("reload")

    # --- life and death ---------------------------------------------------------------------------

    def stop(self):
        """Ends it politely and returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(patience(10))
        except subprocess.TimeoutExpired:
            raise LabError("the daemon does not end on SIGTERM") from None

    def kill9(self):
        """SIGKILL; returns when, by the monotonic clock."""
        when = time.monotonic()
        self.process.kill()
        self.process.wait()
        return when

    def _states(self):
        """Of each thread: R, S, T …"""
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{thread}/stat", encoding="utf-8") as file:
                yield file.read().rpartition(")")[2].split()[0]

    def freeze(self):
        """SIGSTOP; returns when every thread stands still."""
        os.kill(self.pid, signal.SIGSTOP)
        wait_for(lambda: set(self._states()) == {"T"}, 5, "every thread to stop")

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def resident_kb(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def farewell(self):
        """Ends it with the laboratory: a list of what was wrong with it."""
        problems = []
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            try:
                status = self.stop()
                if status != 0:
                    problems.append(f"the daemon ended with {status}")
            except LabError as error:
                problems.append(str(error))
                self.process.kill()
                self.process.wait()
        if os.path.exists(self.log):
            problems += [f"the daemon said: {line}" for line in self.said().splitlines() if COMPLAINTS.search(line)]
        return problems
