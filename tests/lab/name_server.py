#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A name server for the laboratory: every name has the server's own address. Prints who asks."""

import socket
import sys

own = sys.argv[1]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind((own, 53))
    while True:
        question, asker = server.recvfrom(2048)
        print(asker[0], flush=True)
        end = question.index(0, 12) + 5
        answer = bytes([0xc0, 12]) + question[end - 4:end] + bytes([0, 0, 0, 0, 0, 4]) + socket.inet_aton(own)
        answered = question[end - 4:end - 2] == b"\0\1"
        server.sendto(question[:2] + b"\x81\x80\0\1" + (b"\0\1" if answered else b"\0\0") + b"\0\0\0\0" + question[12:end]
                      + (answer if answered else b""), asker)
