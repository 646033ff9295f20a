#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the seed packets of fuzz_packet.c into corpus/packet beside this file."""

import os
import struct
import sys

TCP, UDP, ICMP, ICMP6, SCTP, GRE, ESP, AH = 6, 17, 1, 58, 132, 47, 50, 51
HOP, ROUTING, FRAGMENT, DESTINATION, NONE = 0, 43, 44, 60, 59

PORTS = struct.pack("!HH", 40000, 443)
SEGMENT = PORTS + struct.pack("!IIBBHHH", 1, 0, 0x50, 2, 64240, 0, 0)
DATAGRAM = PORTS + struct.pack("!HH", 16, 0) + b"uplinkd."


def ipv4(protocol, payload, options=b"", fragment=0, total=None):
    header_length = 20 + len(options)
    total = header_length + len(payload) if total is None else total
    return struct.pack("!BBHHHBBH", 0x40 | header_length // 4, 0, total, 1, fragment, 64, protocol, 0) \
        + bytes([192, 0, 2, 1, 198, 51, 100, 7]) + options + payload


def ipv6(following, payload, length=None):
    length = len(payload) if length is None else length
    return struct.pack("!IHBB", 0x60000000, length, following, 64) \
        + bytes.fromhex("20010db8" + "00" * 11 + "01") + bytes.fromhex("20010db8" + "00" * 11 + "02") + payload


def extension(following, body=b"\1\4\0\0\0\0"):
    return bytes([following, (len(body) + 2) // 8 - 1]) + body


def fragment_header(following, offset):
    return struct.pack("!BBHI", following, 0, offset, 9)


def echo(kind):
    return struct.pack("!BBHHH", kind, 0, 0, 0x1234, 1) + b"abcdefgh"


PACKETS = {
    "empty": b"",
    "one-byte": b"\x45",
    "nineteen-bytes": ipv4(TCP, SEGMENT)[:19],
    "version-5": b"\x55" + ipv4(TCP, SEGMENT)[1:],
    "ipv4-tcp": ipv4(TCP, SEGMENT),
    "ipv4-udp": ipv4(UDP, DATAGRAM),
    "ipv4-udp-wrong-length": ipv4(UDP, PORTS + struct.pack("!HH", 65535, 0)),
    "ipv4-options": ipv4(TCP, SEGMENT, options=b"\1" * 40),
    "ipv4-options-missing": b"\x4f" + ipv4(TCP, SEGMENT)[1:],
    "ipv4-header-too-short": b"\x44" + ipv4(TCP, SEGMENT)[1:],
    "ipv4-total-zero": ipv4(TCP, SEGMENT, total=0),
    "ipv4-total-too-small": ipv4(TCP, SEGMENT, total=22),
    "ipv4-fragment-first": ipv4(UDP, DATAGRAM, fragment=0x2000),
    "ipv4-fragment-last": ipv4(UDP, DATAGRAM, fragment=0x00b9),
    "ipv4-icmp-echo": ipv4(ICMP, echo(8)),
    "ipv4-icmp-error": ipv4(ICMP, struct.pack("!BBHI", 3, 4, 0, 1400) + ipv4(TCP, SEGMENT)[:28]),
    "ipv4-esp": ipv4(ESP, bytes(16)),
    "ipv4-gre": ipv4(GRE, bytes([0, 0, 8, 0]) + ipv4(TCP, SEGMENT)),
    "ipv4-sctp": ipv4(SCTP, PORTS + bytes(8)),
    "ipv6-tcp": ipv6(TCP, SEGMENT),
    "ipv6-cut": ipv6(TCP, SEGMENT)[:42],
    "ipv6-payload-zero": ipv6(TCP, SEGMENT, length=0),
    "ipv6-icmp-echo": ipv6(ICMP6, echo(128)),
    "ipv6-no-next-header": ipv6(NONE, bytes(8)),
    "ipv6-each-extension": ipv6(HOP, extension(ROUTING) + extension(DESTINATION) + extension(AH)
                                + bytes([FRAGMENT, 1]) + bytes(10) + fragment_header(UDP, 1) + DATAGRAM),
    "ipv6-fragment-last": ipv6(FRAGMENT, fragment_header(DESTINATION, 8) + bytes(8) + DATAGRAM),
    "ipv6-extension-too-long": ipv6(DESTINATION, bytes([TCP, 255]) + bytes(6) + SEGMENT),
    "ipv6-extensions-64": ipv6(DESTINATION, extension(DESTINATION) * 63 + extension(TCP) + SEGMENT),
}


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "packet")
    os.makedirs(folder, exist_ok=True)
    for name, packet in PACKETS.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(packet)
    print(f"{len(PACKETS)} packets in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
