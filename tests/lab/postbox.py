# SPDX-License-Identifier: GPL-2.0-or-later
"""What the mail tests need: a spool, uplinkd-mail as an unprivileged user, and servers that misbehave."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time

import smtp_server

BUILD = pathlib.Path(os.environ.get("UPLINKD_BUILD", pathlib.Path(__file__).parents[2]))
NOBODY = 65534


def wait_until(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


class Process:
    """uplinkd-mail as an unprivileged user; its reports arrive in .reports."""

    def __init__(self, program, spool, settings):
        identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self.popen = subprocess.Popen([program, spool], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, **identity)
        self.reports = []
        self.condition = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.say(json.dumps(settings))

    def read(self):
        for line in self.popen.stdout:
            with self.condition:
                self.reports.append(json.loads(line))
                self.condition.notify_all()

    def say(self, line):
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def wake(self):
        self.say("wake")

    def report(self, count=1, seconds=15):
        """The count-th report."""
        with self.condition:
            assert self.condition.wait_for(lambda: len(self.reports) >= count, seconds), self.reports
            return self.reports[count - 1]

    def end(self, seconds=15):
        """EOF on stdin; returns the exit status."""
        self.popen.stdin.close()
        status = self.popen.wait(seconds)
        self.reader.join(seconds)
        errors = self.popen.stderr.read()
        self.popen.stdout.close()
        self.popen.stderr.close()
        assert "Sanitizer" not in errors and "runtime error" not in errors, errors
        self.errors = errors
        return status

    def kill(self):
        self.popen.kill()
        self.popen.wait()


class Post:
    """A spool folder, the program, and everything that must be gone after the test."""

    def __init__(self, folder):
        self.folder = folder
        self.spool = folder / "spool"
        self.program = folder / "uplinkd-mail"
        self.processes, self.servers, self.count = [], [], 0
        folder.chmod(0o755)
        shutil.copy(BUILD / "uplinkd-mail", self.program)
        self.spool.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(self.spool, NOBODY, NOBODY)

    def put(self, text=None, ident=None, to="noc@example.net,\r\n old@example.net, grey@example.net"):
        """As the daemon would: beside, then renamed. Returns the message id."""
        self.count += 1
        ident = ident or f"{self.count}.test@gw.example.net"
        text = text or (f"From: gw@example.net\r\nTo: {to}\r\nSubject: number {self.count}\r\n"
                        f"Message-ID: <{ident}>\r\n\r\nHello.\r\n.\r\n..two dots\r\nLast line.\r\n")
        name = f"{time.time_ns() // 1000 + self.count:020}-{self.count:016x}.eml"
        path = self.spool / f".{name}.tmp"
        path.write_bytes(text.encode())
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.rename(self.spool / name)
        return ident

    def waiting(self):
        return sorted(path.name for path in self.spool.glob("*.eml"))

    def server(self, *args, **options):
        handler = smtp_server.Handler(*args, **{key: options.pop(key) for key in ("refuse", "recipient") if key in options})
        server = smtp_server.Server(handler, **options)
        self.servers.append(server)
        return server

    def settings(self, port, **more):
        settings = {"server": f"smtp://127.0.0.1:{port}", "from": "gw@example.net", "to": ["noc@example.net"],
                    "tls": "never", "timeout_s": 15}
        settings.update(more)
        return settings

    def start(self, port, **more):
        process = Process(self.program, self.spool, self.settings(port, **more))
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            if process.popen.poll() is None:
                process.kill()
        for server in self.servers:
            server.stop()


class Script:
    """A server that plays given lines, and remembers what the client said."""

    def __init__(self, play):
        self.play = play
        self.heard = []
        self.connections = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        try:
            with connection, connection.makefile("rwb", buffering=0) as stream:
                self.play(self, stream)
        except OSError:
            pass

    def hear(self, stream):
        line = stream.readline().decode("latin-1").rstrip("\r\n")
        self.heard.append(line)
        return line

    def say(self, stream, line):
        stream.write(line.encode() + b"\r\n")
        stream.flush()

    def stop(self):
        self.socket.close()
