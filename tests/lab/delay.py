# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds packets that come from the gateway for a while, by destination: a long way where the kernel has no netem.

Runs in the namespace of an ISP. The file tells, as JSON, milliseconds by network; null is a hole. It is read again
whenever it changes. What it says nothing of passes at once.
"""

import fcntl
import heapq
import ipaddress
import json
import os
import select
import struct
import subprocess
import sys
import time

DEVICE = "delay0"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
TABLE = "100"


def open_device():
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    for words in (["link", "set", DEVICE, "up"], ["route", "add", "default", "dev", DEVICE, "table", TABLE],
                  ["rule", "add", "iif", "gw", "lookup", TABLE]):
        subprocess.run(["ip", *words], check=True)
    return device


class Ways:
    """Networks with their times, as the file says now."""

    def __init__(self, path):
        self.path, self.changed, self.known = path, None, {}
        self.ways = []

    def follow(self):
        changed = os.stat(self.path).st_mtime_ns
        if changed == self.changed:
            return
        with open(self.path, encoding="utf-8") as file:
            table = json.load(file)
        self.ways = [(ipaddress.ip_network(network), ms) for network, ms in table.items()]
        self.changed, self.known = changed, {}

    def of(self, address):
        """Seconds, or None where nothing gets through."""
        if address not in self.known:
            known = ipaddress.ip_address(address)
            ms = next((ms for network, ms in self.ways if known in network), 0)
            self.known[address] = None if ms is None else ms / 1000
        return self.known[address]


def main(path):
    ways, waiting, number = Ways(path), [], 0
    ways.follow()
    device = open_device()
    with open(f"{path}.ready", "w", encoding="utf-8"):
        pass
    while True:
        left = waiting[0][0] - time.monotonic() if waiting else 0.05
        select.select([device], [], [], max(0, min(left, 0.05)))
        ways.follow()
        while True:
            try:
                packet = os.read(device, 65536)
            except BlockingIOError:
                break
            seconds = ways.of(packet[16:20]) if packet[0] >> 4 == 4 else 0
            if seconds is not None:
                heapq.heappush(waiting, (time.monotonic() + seconds, number, packet))
                number += 1
        while waiting and waiting[0][0] <= time.monotonic():
            os.write(device, heapq.heappop(waiting)[2])


if __name__ == "__main__":
    main(sys.argv[1])
