# SPDX-License-Identifier: GPL-2.0-or-later
"""Laboratories with a web server in the internet and links of a given rate: one for each way to choose links."""

import json
import os
import subprocess
import sys

import lab as laboratory
from waiting import LabError, wait_for

PORT = 8000
NOTHING = 0.05  # mbit/s, where a real link would give none: its packets wait, and a token bucket cannot stand still
# Of a token bucket, in bytes. The same at every rate: what is let in as one packet must never be larger than what a
# new bucket lets out at once, or it waits there for ever.
BURST = 10_000
PLACES = 64  # of the cycle of weighted round robin
LOAD_SECONDS = 300  # an object that takes longer has failed

NGINX = """
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    sendfile on;
    keepalive_timeout {keep_alive};
    server {{ listen 0.0.0.0:{port} backlog=1024; listen [::]:{port} backlog=1024; root {root}; }}
}}
"""

# Of servers. By route, because a namespace may not choose everything for all of itself.
CONGESTION = "cubic"


class Side:
    """One laboratory with a way to choose links.

    nominal: mbit/s of each link, at which queue_ms wait in its queue at most. rto_max_ms: of TCP, or None; kernels
    before 6.15 do not know it.
    """

    def __init__(self, name, nominal, queue_ms, rto_max_ms, root, options):
        self.name, self.nominal, self.queue_ms, self.options = name, nominal, queue_ms, options
        self.lab = laboratory.Lab(links=len(nominal))
        try:
            self.prepare_internet()
            for place in ("inet", self.lab.zones[0].name) if rto_max_ms else ():
                self.lab.run(place, "sysctl", "-q", "-w", f"net.ipv4.tcp_rto_max_ms={rto_max_ms}", check=False)
                # With timers that no longer double, the usual counts of retries would be over in seconds.
                self.lab.run(place, "sysctl", "-q", "-w", *(f"net.ipv4.tcp_{name}=100" for name in (
                    "retries2", "syn_retries", "synack_retries", "orphan_retries")))
            self.prepare()
            self.set_rates(nominal)
            self.start_server(root)
        except BaseException:
            self.lab.close(check=False)
            raise

    def prepare(self):
        """What is there all the time."""

    def changed(self, rates):
        """The links have these mbit/s now."""

    def prepare_internet(self):
        """Connections remember nothing of those before, and a server that has sent all is as patient as before."""
        self.lab.run("inet", "sysctl", "-q", "-w", "net.ipv4.tcp_no_metrics_save=1", "net.ipv4.tcp_orphan_retries=15")
        lines = []
        for link in self.lab.links:
            lines += [f"route replace {link.network4} via 10.99.{link.number}.1 congctl {CONGESTION}",
                      f"route replace {link.network6} via fd99:{link.number}::1 congctl {CONGESTION}"]
        self.lab.ip("inet", lines)

    def start_server(self, root):
        path = os.path.join(self.lab.folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(NGINX.format(folder=self.lab.folder, port=PORT, root=root,
                                    keep_alive=60 if self.options.keep_alive else 0))
        server = self.lab.start("inet", "nginx", "-c", path, "-e", os.path.join(self.lab.folder, "nginx.log"))
        wait_for(lambda: self.listens(server), 10, "nginx")

    def listens(self, server):
        if server.poll() is not None:
            with open(server.log, encoding="utf-8") as file:
                raise LabError(f"nginx ended: {file.read()}")
        return f":{PORT}" in self.lab.run("inet", "ss", "-Hltn").stdout

    # --- links ------------------------------------------------------------------------------------

    def bucket(self, device, mbit, nominal):
        bits = max(mbit, NOTHING) * 1e6
        limit = round(nominal * 1e6 * self.queue_ms / 8000)
        return f"qdisc replace dev {device} root tbf rate {round(bits)}bit burst {BURST} limit {limit}"

    def set_rates(self, rates):
        """mbit/s of each link, in both directions."""
        for link, mbit, nominal in zip(self.lab.links, rates, self.nominal):
            lines = [self.bucket(device, mbit, nominal) for device in ("gw", "inet")]
            laboratory.run("tc", "-n", self.lab.ns(f"isp{link.number}"), "-batch", "-", text="\n".join(lines) + "\n")
        self.changed(rates)

    # --- pages ------------------------------------------------------------------------------------

    def address(self, host):
        return f"[2001:db8:ffff::{0x100 + host:x}]" if self.options.ipv6 else f"192.0.2.{10 + host}"

    def load(self, page):
        """Loads it, and tells what page-load tells. A page of which an object failed is told of and loaded once more."""
        told = self.load_once(page)
        if told["failed"] > 0:
            print(f"\n{self.failure(told)}: the page is loaded again", file=sys.stderr)
            told = self.load_once(page)
        if told["failed"] > 0:
            raise LabError(self.failure(told))
        return told

    def failure(self, told):
        return f"{self.name}: {told['failed']} of {told['objects']} objects failed: {told['problem']}"

    def load_once(self, page):
        lines = "".join(f"http://{self.address(host)}:{PORT}/bytes {size}\n" for host, size in page.objects)
        argv = [laboratory.program("page-load"), "--timeout", str(LOAD_SECONDS)]
        if self.options.keep_alive:
            argv.append("--keep-alive")
        return json.loads(self.lab.run(self.lab.zones[0].name, *argv, text=lines).stdout)

    def close(self, check=True):
        self.lab.close(check)


class Kernel(Side):
    """Plain policy routing by an expression of nf_tables for the mark of a new connection."""

    def __init__(self, *arguments, choice):
        self.choice = choice
        super().__init__(*arguments)

    def prepare(self):
        for family, gateway in (("-4", "gateway4"), ("-6", "gateway6")):
            lines = ["rule add pref 900 lookup main suppress_prefixlength 0"]
            for link in self.lab.links:
                lines += [f"route add default via {getattr(link, gateway)} dev {link.device} table {100 + link.number}",
                          f"rule add pref 1000 fwmark {link.number} lookup {100 + link.number}"]
            laboratory.run("ip", family, "-n", self.lab.ns("gw"), "-batch", "-", text="\n".join(lines) + "\n")
        self.lab.nft("gw", f"""
table inet plain {{
    map choice {{ typeof numgen inc mod {PLACES} : meta mark; }}
    chain choose {{
        type filter hook prerouting priority -150;
        iifname "lan0" ct state new meta mark set {self.choice} ct mark set meta mark
        ct state established,related meta mark set ct mark
    }}
    chain nat {{ type nat hook postrouting priority 100; oifname "wan*" masquerade; }}
}}
""")


class Weighted(Kernel):
    """The papers' weighted round robin: places of a cycle in proportion to the rates, anew with each change."""

    def __init__(self, *arguments):
        super().__init__(*arguments, choice=f"numgen inc mod {PLACES} map @choice")

    def changed(self, rates):
        places = ", ".join(f"{place} : {number}" for place, number in enumerate(cycle(rates)))
        self.lab.nft("gw", f"flush map inet plain choice\nadd element inet plain choice {{ {places} }}\n")


def cycle(rates):
    """Smooth weighted round robin: numbers of links for PLACES connections."""
    current, total = [0.0] * len(rates), sum(rates)
    for _ in range(PLACES):
        current = [have + rate for have, rate in zip(current, rates)]
        best = current.index(max(current))
        current[best] -= total
        yield best + 1


class Uplinkd(Side):
    """The daemon with one policy. links: text of each link's configuration, with {mbit}; check: of their checks."""

    def __init__(self, *arguments, balance, links, check):
        self.balance, self.links, self.check = balance, links, check
        super().__init__(*arguments)

    def prepare(self):
        weights = {link.name: max(1, round(mbit)) for link, mbit in zip(self.lab.links, self.nominal)}
        extra = {link.name: self.links.format(mbit=round(mbit)) for link, mbit in zip(self.lab.links, self.nominal)}
        policies = f"policies:\n  - name: everything\n    balance: {{ {self.balance}, on-failure: keep }}\n"
        self.lab.start_daemon(self.lab.config(policies, weights, self.check, link_extra=extra))


def file_of_bytes(folder, size):
    """The one file that objects are ranges of; it does not compress, and lies in memory."""
    path = os.path.join(folder, "bytes")
    with open(path, "wb") as file:
        file.write(os.urandom(size))
    os.chmod(folder, 0o755)
    return path


def has_nginx():
    return subprocess.run(["nginx", "-v"], capture_output=True, check=False).returncode == 0
