# SPDX-License-Identifier: GPL-2.0-or-later
"""Connects to many addresses and tells, of each connection, the kernel's time of its handshake and which link it took.

Runs in the namespace of a client; prints a list as JSON when all are over.
"""

import asyncio
import json
import random
import socket
import struct
import sys
import time

TCPI_RTT = 68  # offset of tcpi_rtt in struct tcp_info


async def visit(address, port, patience, results):
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    entry = {"to": address, "begun": time.monotonic(), "ms": None, "seen": None}
    results.append(entry)
    loop = asyncio.get_running_loop()
    try:
        await asyncio.wait_for(loop.sock_connect(connection, (address, port)), patience)
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        entry["ms"] = struct.unpack_from("I", info, TCPI_RTT)[0] / 1000
        await loop.sock_sendall(connection, b"w")
        text = await asyncio.wait_for(loop.sock_recv(connection, 200), patience)
        entry["seen"] = text.decode("ascii", "replace").split()[0]
    except (OSError, IndexError, asyncio.TimeoutError):
        pass
    finally:
        connection.close()


async def run(addresses, port, rate, count, patience, seed):
    chance = random.Random(seed)
    results, tasks = [], set()
    weights = [1 / (i + 1) for i in range(len(addresses))]
    due = time.monotonic()
    for _ in range(count):
        due += chance.expovariate(rate)
        await asyncio.sleep(max(0, due - time.monotonic()))
        task = asyncio.create_task(visit(chance.choices(addresses, weights)[0], port, patience, results))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    print(json.dumps(results))


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    asyncio.run(run(**options))
