#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP on port 8080, HTTPS on 8443 and DNS in one process; what they answer stands in files that a test may change at any time."""

import argparse
import http.server
import os
import socket
import socketserver
import ssl
import struct
import threading


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, place, folder, family, context=None):
        self.address_family = family
        self.folder = folder
        super().__init__(place, Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def server_bind(self):
        """Without looking up its own name: where it stands nobody may answer."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        """Clients that do not like our certificate hang up: that is what they are there for."""


def told(folder, name, default):
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return default


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802
        folder = self.server.folder
        with open(os.path.join(folder, "seen"), "a", encoding="utf-8") as file:
            file.write(f"{self.client_address[0]} {self.headers['Host']} {self.path}\n")
        body = told(folder, "body", "").encode()
        self.send_response(int(told(folder, "status", "200")))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "http://portal.example/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):  # noqa: A002
        pass


def answer(question, mode):
    """mode: address, nodata, refused."""
    end = 12
    while question[end] != 0:
        end += question[end] + 1
    end += 5
    kind = struct.unpack("!H", question[end - 4:end - 2])[0]
    record = b""
    if mode == "address":
        data = socket.inet_pton(socket.AF_INET6, "2001:db8:ffff::1") if kind == 28 else socket.inet_aton("192.0.2.1")
        record = struct.pack("!HHHIH", 0xC00C, kind, 1, 5, len(data)) + data
    flags = 0x8185 if mode == "refused" else 0x8180
    return question[:2] + struct.pack("!HHHHH", flags, 1, 1 if record else 0, 0, 0) + question[12:end] + record


def serve_names(place, folder, family):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind(place)
    while True:
        question, sender = sock.recvfrom(2048)
        mode = told(folder, "names", "address")
        if mode != "silent":
            sock.sendto(answer(question, mode), sender)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--certificate")
    parser.add_argument("addresses", nargs="+")
    options = parser.parse_args()
    for address in options.addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        servers = [Server((address, 8080), options.folder, family)]
        if options.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(options.certificate)
            servers.append(Server((address, 8443), options.folder, family, context))
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        threading.Thread(target=serve_names, args=((address, 53), options.folder, family), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
