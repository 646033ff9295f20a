# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that do not give up: TCP that connects again at once, UDP that goes on from the same port as QUIC does.

Runs in the namespace of a client, with a list of flows as JSON: name, kind (tcp or udp), from, to, port, and every, the
seconds between two questions; 0: it asks once, and again for each SIGUSR1. Prints a line of JSON for each answer that
comes by another link than the one before, for each connection that was reset, and at the end for each flow.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import time

PATIENCE = 0.3  # then TCP asks once more, on the same connection


class Flow:
    def __init__(self, options, asked_again):
        self.name, self.kind, self.every = options["name"], options["kind"], options["every"]
        self.source, self.target = (options["from"], 0), (options["to"], options["port"])
        self.asked_again = asked_again
        self.seen, self.answers, self.resets, self.last = None, 0, 0, None

    def say(self, **what):
        print(json.dumps({"name": self.name, "at": time.monotonic(), **what}), flush=True)

    def answer(self, text):
        seen = text.decode("ascii", "replace").split()[0]
        self.answers += 1
        self.last = time.monotonic()
        if seen != self.seen:
            self.seen = seen
            self.say(seen=seen)

    async def pause(self):
        if self.every > 0:
            await asyncio.sleep(self.every)
            return
        async with self.asked_again:
            await self.asked_again.wait()

    def end(self):
        self.say(end=True, answers=self.answers, resets=self.resets, last=self.last, seen=self.seen)


def open_socket(flow):
    kind = socket.SOCK_STREAM if flow.kind == "tcp" else socket.SOCK_DGRAM
    connection = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
    connection.bind(flow.source)
    return connection


async def talk(flow, connection):
    """One connection, until it breaks."""
    loop = asyncio.get_running_loop()
    await asyncio.wait_for(loop.sock_connect(connection, flow.target), 1)
    while True:
        await loop.sock_sendall(connection, b"w")
        while True:
            try:
                text = await asyncio.wait_for(loop.sock_recv(connection, 200), PATIENCE)
                break
            except asyncio.TimeoutError:
                await loop.sock_sendall(connection, b"w")
        if not text:
            raise ConnectionResetError
        flow.answer(text)
        await flow.pause()


async def tcp(flow):
    while True:
        connection = open_socket(flow)
        try:
            await talk(flow, connection)
        except (OSError, asyncio.TimeoutError) as error:
            if isinstance(error, ConnectionResetError):
                flow.resets += 1
                flow.say(reset=True)
        finally:
            connection.close()
        await asyncio.sleep(0.01)


async def udp(flow):
    loop = asyncio.get_running_loop()
    connection = open_socket(flow)
    connection.connect(flow.target)

    async def read():
        while True:
            try:
                flow.answer(await loop.sock_recv(connection, 200))
            except OSError:  # the error of an earlier datagram
                await asyncio.sleep(0)

    reading = asyncio.create_task(read())
    try:
        while True:
            try:
                await loop.sock_sendall(connection, b"w")
            except OSError:
                pass
            await flow.pause()
    finally:
        reading.cancel()
        connection.close()


async def run(options):
    asked_again, ended = asyncio.Condition(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def ask_again():
        async with asked_again:
            asked_again.notify_all()

    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: asyncio.ensure_future(ask_again()))
    flows = [Flow(item, asked_again) for item in options]
    tasks = [asyncio.create_task((tcp if flow.kind == "tcp" else udp)(flow)) for flow in flows]
    await ended.wait()
    for flow in flows:
        flow.end()
    assert len(tasks) == len(flows)
    os._exit(0)  # whatever they wait for


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.argv[1])))
