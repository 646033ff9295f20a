#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the seed captures of fuzz_frame.c into corpus/frame beside this file."""

import os
import struct

ETHERNET, IP, LOOP, COOKED, COOKED2 = range(5)
SYN, SYN_ACK, ACK, FIN, RST = 0x02, 0x12, 0x10, 0x11, 0x04
INSIDE, OUTSIDE = bytes([10, 0, 0, 5]), bytes([198, 51, 100, 7])
INSIDE6, OUTSIDE6 = bytes.fromhex("fd00" + "00" * 13 + "05"), bytes.fromhex("20010db8" + "00" * 11 + "07")


def tcp(source, target, flags, payload=b"", back=False):
    ports = (443, 40000) if back else (40000, 443)
    segment = struct.pack("!HHIIBBHHH", *ports, 1, 0, 0x50, flags, 64240, 0, 0) + payload
    return packet(source, target, 6, segment)


def udp(source, target, ports, payload=b"uplinkd."):
    return packet(source, target, 17, struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload)


def packet(source, target, protocol, payload):
    if len(source) == 4:
        return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + source + target + payload
    return struct.pack("!IHBB", 0x60000000, len(payload), protocol, 64) + source + target + payload


def ethernet(payload, tags=b"", kind=None):
    kind = (0x86DD if payload[0] >> 4 == 6 else 0x0800) if kind is None else kind
    return bytes(12) + tags + struct.pack("!H", kind) + payload


def cooked(payload):
    return struct.pack("!HHH8sH", 0, 1, 6, bytes(8), 0x0800) + payload


def cooked2(payload):
    return struct.pack("!HHIHBB8s", 0x0800, 0, 2, 1, 0, 6, bytes(8)) + payload


def capture(kind, *frames, gap=1):
    return bytes([kind]) + b"".join(bytes([len(frame), gap]) + frame for frame in frames)


def conversation(source, target):
    return [tcp(source, target, SYN), tcp(target, source, SYN_ACK, back=True), tcp(source, target, ACK, b"question"),
            tcp(target, source, ACK, b"answer" * 10, back=True), tcp(source, target, FIN),
            tcp(target, source, FIN, back=True), tcp(source, target, SYN), tcp(target, source, RST, back=True)]


CAPTURES = {
    "ethernet": capture(ETHERNET, *map(ethernet, conversation(INSIDE, OUTSIDE))),
    "ethernet-ipv6": capture(ETHERNET, *map(ethernet, conversation(INSIDE6, OUTSIDE6))),
    "ethernet-vlan": capture(ETHERNET, ethernet(tcp(INSIDE, OUTSIDE, SYN), b"\x81\x00\x00\x07")),
    "ethernet-vlans": capture(ETHERNET, ethernet(tcp(INSIDE, OUTSIDE, SYN), b"\x88\xa8\x00\x07\x81\x00\x00\x09")),
    "ethernet-vlan-cut": capture(ETHERNET, bytes(12) + b"\x81\x00\x00"),
    "ethernet-pppoe": capture(ETHERNET, ethernet(b"\x11\x00\x00\x01\x00\x2a\x00\x21" + tcp(INSIDE, OUTSIDE, SYN), kind=0x8864)),
    "ethernet-arp": capture(ETHERNET, ethernet(bytes(28), kind=0x0806)),
    "ethernet-cut": capture(ETHERNET, ethernet(tcp(INSIDE, OUTSIDE, SYN))[:20]),
    "ip": capture(IP, *conversation(INSIDE, OUTSIDE)),
    "loop": capture(LOOP, b"\x02\0\0\0" + tcp(INSIDE, OUTSIDE, SYN)),
    "cooked": capture(COOKED, *map(cooked, conversation(INSIDE, OUTSIDE))),
    "cooked2": capture(COOKED2, *map(cooked2, conversation(INSIDE, OUTSIDE))),
    "idle": capture(IP, *conversation(INSIDE, OUTSIDE), gap=61),
    "from-outside": capture(IP, tcp(OUTSIDE, INSIDE, SYN), tcp(INSIDE, OUTSIDE, SYN_ACK, back=True)),
    "udp": capture(IP, udp(INSIDE, OUTSIDE, (40000, 53)), udp(OUTSIDE, INSIDE, (53, 40000))),
    "udp-answer-first": capture(IP, udp(OUTSIDE, INSIDE, (53, 40000)), udp(INSIDE, OUTSIDE, (40000, 53))),
    "inside-only": capture(IP, udp(INSIDE, bytes([192, 168, 1, 1]), (40000, 53))),
    "ping": capture(IP, packet(INSIDE, OUTSIDE, 1, b"\x08\0\0\0\0\7\0\1"), packet(OUTSIDE, INSIDE, 1, b"\0\0\0\0\0\7\0\1")),
    "unreachable": capture(IP, packet(OUTSIDE, INSIDE, 1, b"\3\1\0\0\0\0\0\0" + tcp(INSIDE, OUTSIDE, SYN)[:28])),
    "empty": b"",
    "kind-only": b"\0",
}


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "frame")
    os.makedirs(folder, exist_ok=True)
    for name, content in CAPTURES.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main()
