#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds packets back: slow.py DEVICE FILE. What is routed to the TUN device comes back out of it as many ms later as FILE says.

For kernels without netem. FILE may change at any time; packets keep their order while it stays the same.
"""

import fcntl
import heapq
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def delay_s(path):
    try:
        with open(path, encoding="ascii") as file:
            return float(file.read()) / 1000
    except ValueError:  # half written
        return 0.0


def run(device, path):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
    held, number = [], 0
    while True:
        rest = held[0][0] - time.monotonic() if held else 1
        if rest > 0:
            select.select([tun], [], [], rest)
        now, delay = time.monotonic(), delay_s(path)
        try:
            while True:
                heapq.heappush(held, (now + delay, number, os.read(tun, 65536)))
                number += 1
        except BlockingIOError:
            pass
        while held and held[0][0] <= time.monotonic():
            os.write(tun, heapq.heappop(held)[2])


run(sys.argv[1], sys.argv[2])
