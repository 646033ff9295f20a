#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks who it is seen as: ask.py [--child] "[--device NAME] [--from ADDRESS] tcp|udp ADDRESS" ... Prints for each the
address, or the error's name. "name NAME" is looked up by the resolver of the C library, "id -" is who it is. With
--child another process asks."""

import argparse
import errno
import os
import socket
import subprocess
import sys

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def echo(arguments):
    family = socket.AF_INET6 if ":" in arguments.to else socket.AF_INET
    with socket.socket(family, KINDS[arguments.what]) as asker:
        asker.settimeout(2)
        if arguments.device:
            asker.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, arguments.device.encode())
        if arguments.source:
            asker.bind((arguments.source, 0))
        asker.connect((arguments.to, 7))
        asker.send(b"w")
        return asker.recv(200).decode().split()[0]


def answer(arguments):
    try:
        if arguments.what == "name":
            return socket.getaddrinfo(arguments.to, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
        return f"{os.getuid()}:{os.getgid()}" if arguments.what == "id" else echo(arguments)
    except socket.gaierror as error:
        return error.args[1].replace(" ", "-")
    except OSError as error:
        return errno.errorcode.get(error.errno, "timeout")


def main():
    if sys.argv[1] == "--child":
        sys.exit(subprocess.call([sys.executable, sys.argv[0], *sys.argv[2:]]))
    parser = argparse.ArgumentParser()
    parser.add_argument("--device")
    parser.add_argument("--from", dest="source")
    parser.add_argument("what", choices=[*KINDS, "name", "id"])
    parser.add_argument("to")
    for question in sys.argv[1:]:
        print(answer(parser.parse_args(question.split())), flush=True)


main()
