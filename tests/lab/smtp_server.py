#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A small SMTP server for the lab and the demo: keeps each message as a file, prints a line for each."""

import argparse
import asyncio
import contextlib
import datetime
import email
import email.header
import os
import signal
import socket
import ssl
import sys
import threading
import time
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    """Answers as told by refuse(envelope) and keeps what it took."""

    def __init__(self, folder=None, refuse=None, recipient=None, on_message=None):
        self.folder = folder
        self.refuse = refuse or (lambda envelope: None)
        self.recipient = recipient or (lambda address: None)
        self.on_message = on_message or (lambda number, envelope: None)
        self.messages = []
        self.sessions = []
        self.condition = threading.Condition()

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = self.recipient(address)
        if answer is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        answer = self.refuse(envelope)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer is not None:
            return answer
        with self.condition:
            self.messages.append(envelope)
            encrypted = server.transport.get_extra_info("cipher") is not None
            self.sessions.append((encrypted, bool(session.authenticated), session.host_name))
            number = len(self.messages)
            if self.folder is not None:
                self.keep(number, envelope)
            self.on_message(number, envelope)
            self.condition.notify_all()
        return f"250 OK: message {number} kept"

    def keep(self, number, envelope):
        """Whole at once for whoever watches the folder."""
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        path = os.path.join(self.folder, f"{number:04}.eml")
        with open(path + ".tmp", "wb") as file:
            file.write(f"X-Arrived: {now}\r\n".encode())
            file.write(f"X-Envelope-From: {envelope.mail_from}\r\n".encode())
            file.write(f"X-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n".encode())
            file.write(envelope.original_content)
        os.rename(path + ".tmp", path)

    def wait(self, count, seconds=15):
        """True once there are so many messages."""
        with self.condition:
            return self.condition.wait_for(lambda: len(self.messages) >= count, seconds)


class Server:
    """Runs in a thread of its own, on any address of this network namespace; port 0 takes a free one."""

    def __init__(self, handler, address="127.0.0.1", port=0, tls=None, implicit=False, auth=None, family=socket.AF_INET):
        self.handler = handler
        self.context = None
        if tls is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        self.implicit = implicit
        self.auth = auth
        self.connections = 0
        self.loop = asyncio.new_event_loop()
        self.socket = socket.create_server((address, port), family=family)
        self.port = self.socket.getsockname()[1]
        started = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(started,), daemon=True)
        self.thread.start()
        started.wait()

    def authenticate(self, server, session, envelope, mechanism, data):
        good = data.login == self.auth[0].encode() and data.password == self.auth[1].encode()
        return AuthResult(success=good, handled=good)

    def protocol(self):
        self.connections += 1
        # the host name is given because looking it up may hang where there is no DNS
        options = {"hostname": socket.gethostname(), "loop": self.loop, "enable_SMTPUTF8": False}
        if self.context is not None and not self.implicit:
            options["tls_context"] = self.context
        if self.auth is not None:
            # aiosmtpd takes TLS from the first byte for none; it warns of that
            starttls = self.context is not None and not self.implicit
            options.update(authenticator=self.authenticate, auth_required=True, auth_require_tls=starttls)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return SMTP(self.handler, **options)

    def run(self, started):
        asyncio.set_event_loop(self.loop)
        # some clients drop the connection in the middle on purpose; that is no news
        self.loop.set_exception_handler(lambda loop, context: None)
        implicit = self.context if self.implicit else None
        server = self.loop.run_until_complete(self.loop.create_server(self.protocol, sock=self.socket, ssl=implicit))
        self.loop.call_soon(started.set)
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def stop(self):
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()


def subject_of(content):
    text = email.message_from_bytes(content).get("Subject", "(no subject)")
    return " ".join(str(email.header.make_header(email.header.decode_header(text))).split())


def hang(connection):
    connection.sendall(b"220 mail.example.net\r\n")
    while connection.recv(4096):
        pass


def drip(connection):
    for byte in b"220 mail.example.net is in no hurry at all today, as you see, and will not be tomorrow\r\n":
        connection.sendall(bytes([byte]))
        time.sleep(1)


FAULTS = {"hang": hang, "drip": drip}


def play(fault, place, family):
    """A server with that fault, until it is killed."""
    def talk(connection):
        with connection, contextlib.suppress(OSError):
            fault(connection)

    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    with socket.create_server(place, family=family) as server:
        while True:
            threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True, metavar="ADDR:PORT", help="such as 192.0.2.25:25 or [2001:db8::25]:25")
    parser.add_argument("--folder", required=True, metavar="DIR", help="messages are kept here as NNNN.eml")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="offer STARTTLS")
    parser.add_argument("--implicit", action="store_true", help="TLS from the first byte (smtps) in place of STARTTLS")
    parser.add_argument("--auth", metavar="USER:PASS", help="take mail only after this login")
    parser.add_argument("--answer", metavar="TEXT", help="what to say to messages in place of taking them, as `550 no'")
    parser.add_argument("--answer-if", metavar="TEXT", default="", help="only to those with that text in their subject")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="say nothing after the greeting, or all of it a byte a second")
    parser.add_argument("--refuse-first", type=int, default=0, metavar="N", help="answer 451 to the first N messages")
    return parser.parse_args()


def main():
    options = arguments()
    address, _, port = options.listen.rpartition(":")
    family = socket.AF_INET6 if address.startswith("[") else socket.AF_INET
    left = [options.refuse_first]

    def refuse(envelope):
        if options.answer and options.answer_if in subject_of(envelope.content):
            return options.answer
        left[0] -= 1
        if left[0] < 0:
            return None
        print(f"refused for now: {subject_of(envelope.content)}", flush=True)
        return "451 4.3.0 try again later"

    def told(number, envelope):
        print(f"{number:04} {envelope.mail_from} -> {', '.join(envelope.rcpt_tos)}: {subject_of(envelope.content)}", flush=True)

    os.makedirs(options.folder, exist_ok=True)
    handler = Handler(folder=options.folder, refuse=refuse, on_message=told)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    if options.fault:
        return play(FAULTS[options.fault], (address.strip("[]"), int(port)), family)
    auth = tuple(options.auth.split(":", 1)) if options.auth else None
    server = Server(handler, address.strip("[]"), int(port), options.tls, options.implicit, auth, family)
    print(f"listening on {options.listen}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
