# SPDX-License-Identifier: GPL-2.0-or-later
"""A tunnel between two network namespaces: what goes into a TUN device in one comes out of the other's.

tunnel.py NAMESPACE DEVICE NAMESPACE DEVICE. The devices go with this process.
"""

import ctypes
import fcntl
import os
import select
import struct
import sys

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def open_in(namespace, device):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}", "rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def main():
    ends = open_in(*sys.argv[1:3]), open_in(*sys.argv[3:5])
    while True:
        for fd in select.select(ends, [], [])[0]:
            try:
                os.write(ends[fd == ends[0]], os.read(fd, 65536))
            except OSError:  # the other one is down
                continue


main()
