# SPDX-License-Identifier: GPL-2.0-or-later
"""A syslog server in one of the laboratory's namespaces: by UDP, TCP or TLS; writes what it gets into a file, a line of JSON each.

As a program: syslog_server.py KIND ADDRESS PORT FILE [CERTIFICATE KEY]."""

import json
import os
import re
import selectors
import socket
import ssl
import sys

from waiting import LabError, wait_for

DATA = r'\[[^ =\]"]{1,32}(?: [^ =\]"]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*\]'
MESSAGE = re.compile(rf"<(\d{{1,3}})>1 (\S+) (\S+) (\S+) (\S+) (\S+) (-|{DATA})(?: ([ -~]*))?")
PARAMETER = re.compile(r' ([^= \]"]+)="((?:[^"\\\]]|\\["\\\]])*)"')


def parse(text):
    """One message of RFC 5424: facility, severity, kind, fields, text."""
    match = MESSAGE.fullmatch(text)
    assert match, f"no message of RFC 5424: {text!r}"
    fields = {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in PARAMETER.findall(match[7])}
    return {"facility": int(match[1]) >> 3, "severity": int(match[1]) & 7, "when": match[2], "host": match[3],
            "program": match[4], "process": match[5], "kind": match[6], "data": match[7], "fields": fields,
            "text": match[8] or ""}


class SyslogServer:
    """It runs from start() to stop(); what it got before stays."""

    def __init__(self, lab, kind, address, port, certificate=None, place="inet"):
        self.lab, self.place = lab, place
        self.path = f"{lab.folder}/syslog-{kind}-{port}.json"
        self.arguments = [kind, address, str(port), self.path, *(certificate or [])]
        self.process = None
        self.start()

    def start(self):
        ready = f"{self.path}.ready"
        if os.path.exists(ready):
            os.unlink(ready)
        self.process = self.lab.start(self.place, sys.executable, os.path.abspath(__file__), *self.arguments)
        wait_for(lambda: os.path.exists(ready) or self.process.poll() is not None, 10, "the syslog server")
        if self.process.poll() is not None:
            with open(self.process.log, encoding="utf-8") as file:
                raise LabError(f"the syslog server ended: {file.read()}")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def raw(self):
        """What came, undecoded but for UTF-8."""
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().splitlines(keepends=True) if line.endswith("\n")]

    def messages(self, kind=None):
        parsed = [parse(text) for text in self.raw()]
        return [item for item in parsed if kind in (None, item["kind"])]

    def wait_text(self, words, deadline=10):
        """The first message whose text has these words."""
        return wait_for(lambda: next((item for item in self.messages() if words in item["text"]), None), deadline,
                        f"a message with {words!r}")


# --- the program ------------------------------------------------------------------------------------


class Frames:
    """Takes a stream apart by octet counting, RFC 6587, 3.4.1."""

    def __init__(self):
        self.bytes = b""

    def add(self, data):
        self.bytes += data
        while True:
            match = re.match(rb"([1-9]\d{0,4}) ", self.bytes)
            if not match:
                assert len(self.bytes) < 6, f"no frame: {self.bytes[:80]!r}"
                return
            end = match.end() + int(match[1])
            if len(self.bytes) < end:
                return
            yield self.bytes[match.end():end]
            self.bytes = self.bytes[end:]


def serve_stream(listener, context, write):
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                try:
                    connection.settimeout(5)
                    connection = context.wrap_socket(connection, server_side=True) if context else connection
                except (ssl.SSLError, OSError):
                    connection.close()
                    continue
                selector.register(connection, selectors.EVENT_READ, Frames())
                continue
            data = b""
            try:
                data = key.fileobj.recv(65536)
                while context and key.fileobj.pending():
                    data += key.fileobj.recv(65536)
            except OSError:
                pass
            if not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                continue
            for frame in key.data.add(data):
                write(frame)


def main(kind, address, port, path, *certificate):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with open(path, "a", encoding="utf-8") as file:
        def write(message):
            file.write(json.dumps(message.decode()) + "\n")
            file.flush()

        bound = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, int(port)))
        context = None
        if kind == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
        if kind != "udp":
            bound.listen()
        with open(f"{path}.ready", "w", encoding="utf-8"):
            pass
        if kind == "udp":
            while True:
                write(bound.recv(65536))
        serve_stream(bound, context, write)


if __name__ == "__main__":
    main(*sys.argv[1:])
