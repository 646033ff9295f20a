# SPDX-License-Identifier: GPL-2.0-or-later
"""The web servers of the demo: / tells the client its address, /film streams until somebody goes away."""

import http.server
import socketserver
import sys
import time

PIECE = bytes(2048)
PIECES_PER_SECOND = 10


class Visitor(http.server.BaseHTTPRequestHandler):
    """One request; each connection has a thread of its own."""

    def do_GET(self):
        try:
            if self.path == "/film":
                self.stream()
            else:
                self.answer(f"{self.client_address[0]}\n".encode())
        except OSError:
            self.close_connection = True

    def head(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("X-Seen", self.client_address[0])

    def answer(self, body):
        self.head()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        self.head()
        self.end_headers()
        while True:
            self.wfile.write(PIECE)
            time.sleep(1 / PIECES_PER_SECOND)

    def log_message(self, format, *args):
        """The access log: who asked for what."""
        sys.stdout.write(f"{self.client_address[0]} {self.path}\n")
        sys.stdout.flush()


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def server_bind(self):
        # not that of HTTPServer, which looks its own name up where there is no DNS
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "web", self.server_address[1]

    def handle_error(self, request, client_address):
        """Connections that are cut are what this demo is about."""


if __name__ == "__main__":
    Server(("0.0.0.0", int(sys.argv[1])), Visitor).serve_forever()
