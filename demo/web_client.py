# SPDX-License-Identifier: GPL-2.0-or-later
"""The web client of the demo. It prints a line of JSON for everything that happens to it.

    web_client.py requests HOST,HOST… PORT PER_SECOND [COUNT]   a new connection for each request, host by host
    web_client.py films HOST,HOST… PORT COUNT                   streams; one that breaks is begun anew at once
"""

import asyncio
import errno
import json
import signal
import socket
import sys
import time

PATIENCE = 5.0  # seconds for a request


def tell(**record):
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def name_of(error):
    if isinstance(error, asyncio.TimeoutError):
        return "no answer"
    return errno.errorcode.get(getattr(error, "errno", None), type(error).__name__)


async def ask(host, port, path):
    """Sends the request; returns the streams, and the address that the server saw."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if " 200 " not in head.splitlines()[0]:
            raise OSError("the server said no")
        return reader, writer, head.split("X-Seen: ")[1].split()[0]
    except BaseException:
        writer.transport.abort()
        raise


async def fetch(host, port):
    reader, writer, seen = await ask(host, port, "/")
    try:
        if (await reader.read()).decode().strip() != seen:
            raise OSError("the answer is not whole")
        return seen
    finally:
        writer.close()


async def request(host, port):
    begun = time.monotonic()
    outcome, seen = "ok", None
    try:
        seen = await asyncio.wait_for(fetch(host, port), PATIENCE)
    except (OSError, EOFError, asyncio.TimeoutError) as error:
        outcome = name_of(error)
    tell(begun=begun, ended=time.monotonic(), outcome=outcome, seen=seen)


async def requests(stop, hosts, port, per_second, count=None):
    """At a steady pace, whatever becomes of the earlier ones."""
    begun, running, number = time.monotonic(), set(), 0
    while not stop.is_set() and number != count:
        task = asyncio.create_task(request(hosts[number % len(hosts)], port))
        running.add(task)
        task.add_done_callback(running.discard)
        number += 1
        await asyncio.sleep(max(0.0, begun + number / per_second - time.monotonic()))
    if running:
        await asyncio.wait(running)


def keep_alive(writer):
    """Who only receives must ask now and then whether the other side is still there: after a second here."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)


async def watch(number, host, port):
    reader, writer, seen = await asyncio.wait_for(ask(host, port, "/film"), PATIENCE)
    keep_alive(writer)
    tell(film=number, event="begun", at=time.monotonic(), seen=seen)
    size = 0
    try:
        while True:
            piece = await reader.read(65536)
            if not piece:
                raise EOFError
            size += len(piece)
    except (OSError, EOFError) as error:
        tell(film=number, event="broken", at=time.monotonic(), seen=seen, outcome=name_of(error), bytes=size)
    finally:
        writer.transport.abort()


async def viewer(number, host, port):
    while True:
        try:
            await watch(number, host, port)
        except (OSError, EOFError, asyncio.TimeoutError):
            await asyncio.sleep(0.1)


async def films(stop, hosts, port, count):
    viewers = [asyncio.create_task(viewer(number, hosts[number % len(hosts)], port)) for number in range(count)]
    await stop.wait()
    for task in viewers:
        task.cancel()
    await asyncio.gather(*viewers, return_exceptions=True)


async def main(what, hosts, *numbers):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    work = {"requests": requests, "films": films}[what]
    await work(stop, hosts.split(","), *map(int, numbers))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
