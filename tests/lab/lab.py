# SPDX-License-Identifier: GPL-2.0-or-later
"""A laboratory of network namespaces: clients, a gateway, several ISPs, and an internet behind them.

    lan ---- lan0 |         | wan1 ---- isp1 ---- |
                  | gateway | wan2 ---- isp2 ---- | internet
    guest - guest0|         | wan3 ---- isp3 ---- |

The gateway has another address on each link, so the internet sees by the source address which link a
connection took. Each ISP drops, and counts, what comes from the gateway with a source address that is
not of its link, as real ones do. Every name carries the process id: many laboratories run side by side.
"""

import atexit
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import daemon
import traffic
from waiting import LabError, SLOW, patience, wait_for  # noqa: F401 (handed on to the tests)

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("UPLINKD_BUILD", SOURCE))
ROUTE_PROTOCOL = "87"  # of the daemon's routes and rules
# Of the far end of each link. The kernel tells of a lost carrier at once where both ends of a cable have
# different indexes; where they happen to be the same it may wait for up to a second, as with a real device.
FAR_INDEX = "901"
LINK_NAMES = ["fiber", "cable", "lte", "sat", "five", "six", "seven", "eight"]

# Where the gateway's own file of kernel settings is missing.
GATEWAY_SYSCTLS = """
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
net.ipv6.conf.default.forwarding = 1
net.ipv4.conf.all.rp_filter = 2
net.ipv4.conf.default.rp_filter = 2
net.ipv4.conf.all.src_valid_mark = 1
net.ipv4.fwmark_reflect = 1
net.ipv6.fwmark_reflect = 1
net.ipv4.tcp_fwmark_accept = 1
net.netfilter.nf_conntrack_acct = 1
"""

# Nothing waits for duplicate addresses, and nobody configures himself.
COMMON_SYSCTLS = """
net.ipv6.conf.all.accept_dad = 0
net.ipv6.conf.default.accept_dad = 0
net.ipv6.conf.default.accept_ra = 0
net.ipv6.conf.default.autoconf = 0
net.ipv6.conf.default.keep_addr_on_down = 1
net.ipv4.ping_group_range = 0 2147483647
"""

ROUTER_SYSCTLS = """
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
net.ipv6.conf.default.forwarding = 1
net.ipv4.conf.all.rp_filter = 0
net.ipv4.conf.default.rp_filter = 0
"""


def program(name):
    """Path of a program of this build tree."""
    for folder in ("", "src/daemon", "src/ctl", "src/mail", "tests/lab/tools", "bench"):
        path = os.path.join(BUILD, folder, name)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    raise LabError(f"{name} is not built: set UPLINKD_BUILD to the top of the build tree")


def sanitized():
    """Whether the daemon was built with sanitizers, which take time and keep memory that was freed."""
    with open(program("uplinkd"), "rb") as file:
        return b"__asan_init" in file.read()


def run(*argv, text=None, check=True):
    """Runs a command to its end; its output is in the error where it fails."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(argv)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done


def kernel_taint():
    """Whether this kernel has died a little (bit 7) or warned (bit 9)."""
    with open("/proc/sys/kernel/tainted", encoding="ascii") as file:
        return int(file.read()) & (1 << 7 | 1 << 9)


class Link:
    """One way to the internet: what the gateway calls it, and who is at its ends."""

    def __init__(self, number):
        self.number = number
        self.name = LINK_NAMES[number - 1]
        self.device = f"wan{number}"
        self.address4, self.address6 = f"203.0.{number}.2", f"fd00:{number}::2"
        self.gateway4, self.gateway6 = f"203.0.{number}.1", f"fd00:{number}::1"
        self.network4, self.network6 = f"203.0.{number}.0/24", f"fd00:{number}::/64"

    def __repr__(self):
        return self.name


class Zone:
    """An inside network with one client namespace that has 64 further addresses."""

    def __init__(self, number, name):
        self.number, self.name = number, name
        self.device = f"{name}0"
        self.router4, self.router6 = f"10.77.{number}.1", f"fd77:{number}::1"
        self.client4, self.client6 = f"10.77.{number}.2", f"fd77:{number}::2"
        self.range4, self.range6 = f"10.77.{number}.64/26", f"fd77:{number}::40/122"
        self.network4, self.network6 = f"10.77.{number}.0/24", f"fd77:{number}::/64"

    def addresses(self):
        yield from (f"{self.client4}/24", f"{self.client6}/64")
        for i in range(64, 128):
            yield from (f"10.77.{self.number}.{i}/24", f"fd77:{self.number}::{i:x}/64")


class Lab:
    """Builds it all, and takes all of it away again with close()."""

    SERVER4, SERVER6 = "192.0.2.1", "2001:db8:ffff::1"
    INSIDE4, INSIDE6 = "198.51.100.10", "2001:db8:aaaa::10"  # a public server behind the gateway
    _counter = itertools.count(1)

    def __init__(self, links=3, zones=("lan",)):
        self.prefix = f"ul{os.getpid()}x{next(Lab._counter)}"
        self.folder = tempfile.mkdtemp(prefix=f"{self.prefix}-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.links = [Link(i + 1) for i in range(links)]
        self.zones = [Zone(i + 1, name) for i, name in enumerate(zones)]
        self.processes, self.loads = [], []
        self.daemon = None
        self.log_number = itertools.count(1)
        self.taint = kernel_taint()
        atexit.register(self.close)
        try:
            self._build()
            self.server = traffic.Server(self, "inet")
        except BaseException:
            self.close(check=False)
            raise

    # --- namespaces -------------------------------------------------------------------------------

    def ns(self, place):
        """Name of the namespace of gw, inet, isp1 …, or of a zone."""
        return f"{self.prefix}-{place}"

    def places(self):
        return ["gw", "inet"] + [f"isp{link.number}" for link in self.links] + [z.name for z in self.zones]

    def run(self, place, *argv, text=None, check=True):
        return run("ip", "netns", "exec", self.ns(place), *argv, text=text, check=check)

    def start(self, place, *argv, log=None, env=None):
        """Starts a program in a namespace; close() ends it. log: file for both outputs."""
        path = os.path.join(self.folder, log or f"{next(self.log_number)}.log")
        with open(path, "ab") as out:
            process = subprocess.Popen(["ip", "netns", "exec", self.ns(place), *argv], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out, env=env, start_new_session=True)
        process.log = path
        self.processes.append(process)
        return process

    def ip(self, place, lines):
        run("ip", "-n", self.ns(place), "-batch", "-", text="\n".join(lines) + "\n")

    def nft(self, place, text):
        return self.run(place, "nft", "-f", "-", text=text)

    # --- building ---------------------------------------------------------------------------------

    def _build(self):
        names = [f"netns add {self.ns(place)}" for place in self.places()]
        run("ip", "-batch", "-", text="\n".join(names) + "\n")
        for place in self.places():
            self._sysctl(place)
        run("ip", "-batch", "-", text="\n".join(self._cables()) + "\n")
        self.ip("gw", self._gateway())
        self.ip("inet", self._internet())
        for link in self.links:
            self.ip(f"isp{link.number}", self._isp(link))
            self.nft(f"isp{link.number}", self._isp_filter(link))
        for zone in self.zones:
            self.ip(zone.name, self._client(zone))

    def _sysctl(self, place):
        text = COMMON_SYSCTLS
        if place == "gw":
            path = os.path.join(SOURCE, "contrib/sysctl/90-uplinkd.conf")
            text += open(path, encoding="utf-8").read() if os.path.exists(path) else GATEWAY_SYSCTLS
        elif place.startswith("isp"):
            text += ROUTER_SYSCTLS
        self.run(place, "sysctl", "-e", "-q", "-p", "-", text=text)

    def _cables(self):
        gateway, internet = self.ns("gw"), self.ns("inet")
        for link in self.links:
            isp = self.ns(f"isp{link.number}")
            yield f"link add gw index {FAR_INDEX} netns {isp} type veth peer name {link.device} netns {gateway}"
            yield f"link add isp{link.number} netns {internet} type veth peer name inet netns {isp}"
        for zone in self.zones:
            yield f"link add {zone.device} netns {gateway} type veth peer name eth0 netns {self.ns(zone.name)}"

    def _gateway(self):
        yield "link set lo up"
        for link in self.links:
            yield f"link set {link.device} up"
            yield f"addr add {link.address4}/24 dev {link.device}"
            yield f"addr add {link.address6}/64 dev {link.device} nodad"
        for zone in self.zones:
            yield f"link set {zone.device} up"
            yield f"addr add {zone.router4}/24 dev {zone.device}"
            yield f"addr add {zone.router6}/64 dev {zone.device} nodad"
        first = self.links[0]
        yield f"route add default via {first.gateway4} dev {first.device}"
        yield f"route add ::/0 via {first.gateway6} dev {first.device}"
        if self.zones:
            yield f"route add {self.INSIDE4}/32 via {self.zones[0].client4}"
            yield f"route add {self.INSIDE6}/128 via {self.zones[0].client6}"

    def _internet(self):
        yield "link set lo up"
        yield f"addr add {self.SERVER4}/32 dev lo"
        yield f"addr add {self.SERVER6}/128 dev lo nodad"
        yield "route add local 192.0.2.0/24 dev lo"
        yield "route add local 2001:db8:ffff::/64 dev lo"
        for link in self.links:
            n = link.number
            yield f"link set isp{n} up"
            yield f"addr add 10.99.{n}.2/24 dev isp{n}"
            yield f"addr add fd99:{n}::2/64 dev isp{n} nodad"
            yield f"route add {link.network4} via 10.99.{n}.1"
            yield f"route add {link.network6} via fd99:{n}::1"

    def _isp(self, link):
        n = link.number
        yield "link set lo up"
        yield "link set inet up"
        yield f"addr add 10.99.{n}.1/24 dev inet"
        yield f"addr add fd99:{n}::1/64 dev inet nodad"
        yield f"route add default via 10.99.{n}.2"
        yield f"route add ::/0 via fd99:{n}::2"
        yield "link set gw up"
        yield f"addr add {link.gateway4}/24 dev gw"
        yield f"addr add {link.gateway6}/64 dev gw nodad"

    def _isp_filter(self, link):
        return f"""
table inet isp {{
    set own4 {{ type ipv4_addr; flags interval; elements = {{ {link.network4} }} }}
    set own6 {{ type ipv6_addr; flags interval; elements = {{ {link.network6} }} }}
    counter strays {{ }}
    chain hole {{ type filter hook forward priority -10; }}
    chain forward {{
        type filter hook forward priority 0;
        iifname "gw" ip saddr != @own4 counter name strays drop
        iifname "gw" ip6 saddr != @own6 counter name strays drop
    }}
}}
"""

    def _client(self, zone):
        yield "link set lo up"
        yield "link set eth0 up"
        for address in zone.addresses():
            yield f"addr add {address} dev eth0{' nodad' if ':' in address else ''}"
        yield f"route add default via {zone.router4} src {zone.client4}"
        yield f"route add ::/0 via {zone.router6} src {zone.client6}"
        if zone is self.zones[0]:
            yield f"addr add {self.INSIDE4}/32 dev eth0"
            yield f"addr add {self.INSIDE6}/128 dev eth0 nodad"

    def delegate(self, link):
        """The public addresses of the inside server are reached by this link."""
        n = link.number
        self.ip("inet", [f"route replace {self.INSIDE4}/32 via 10.99.{n}.1",
                         f"route replace {self.INSIDE6}/128 via fd99:{n}::1"])
        self.ip(f"isp{n}", [f"route replace {self.INSIDE4}/32 via {link.address4}",
                            f"route replace {self.INSIDE6}/128 via {link.address6}"])
        self.nft(f"isp{n}", f"add element inet isp own4 {{ {self.INSIDE4} }}\n"
                            f"add element inet isp own6 {{ {self.INSIDE6} }}\n")

    # --- what happens to links --------------------------------------------------------------------

    def link(self, name):
        return next(link for link in self.links if link.name == name)

    def cut_carrier(self, link):
        """Pulls the cable between gateway and ISP; returns when, by the monotonic clock."""
        when = time.monotonic()
        self.ip(f"isp{link.number}", ["link set gw down"])
        return when

    def restore_carrier(self, link):
        when = time.monotonic()
        self.ip(f"isp{link.number}", ["link set gw up"])
        return when

    def remove_device(self, link):
        """Deletes the gateway's device of this link, and with it the cable."""
        when = time.monotonic()
        self.ip("gw", [f"link del {link.device}"])
        return when

    def create_device(self, link):
        """Makes the device anew with the same name, addresses and ISP."""
        isp = f"isp{link.number}"
        run("ip", "link", "add", "gw", "index", FAR_INDEX, "netns", self.ns(isp), "type", "veth",
            "peer", "name", link.device, "netns", self.ns("gw"))
        self.ip(isp, ["link set gw up", f"addr add {link.gateway4}/24 dev gw",
                      f"addr add {link.gateway6}/64 dev gw nodad"])
        self.ip("gw", [f"link set {link.device} up", f"addr add {link.address4}/24 dev {link.device}",
                       f"addr add {link.address6}/64 dev {link.device} nodad"])

    def black_hole(self, link):
        """The ISP forwards nothing any more, but its router still answers."""
        when = time.monotonic()
        self.nft(f"isp{link.number}", "add rule inet isp hole drop\n")
        return when

    def heal(self, link):
        when = time.monotonic()
        self.nft(f"isp{link.number}", "flush chain inet isp hole\n")
        return when

    def strays(self, link):
        """Packets that left by this link with the address of another."""
        text = self.run(f"isp{link.number}", "nft", "-j", "list", "counter", "inet", "isp", "strays").stdout
        return next(item["counter"]["packets"] for item in json.loads(text)["nftables"] if "counter" in item)

    def link_of(self, address):
        """Name of the link whose gateway address this is; the address itself where it is of none."""
        for link in self.links:
            if address in (link.address4, link.address6):
                return link.name
        return address

    # --- traffic ----------------------------------------------------------------------------------

    def load_start(self, protocol="tcp", place=None, **options):
        return traffic.Load(self, place or self.zones[0].name, protocol, **options)

    def load(self, protocol="tcp", place=None, **options):
        """Runs lab-load to its end: a traffic.Result."""
        return self.load_start(protocol, place, **options).wait()

    def conntrack(self):
        """The gateway's connections: protocol, source, ports, destination, reply destination, mark."""
        return traffic.connections(self.run("gw", "conntrack", "-L").stdout
                                   + self.run("gw", "conntrack", "-L", "-f", "ipv6").stdout)

    def losses(self):
        """Every counter of errors and drops that is not zero, by place."""
        lines = []
        for place in self.places():
            text = self.run(place, "nstat", "-az", check=False).stdout
            found = re.findall(r"^((?:Ip|Udp|Tcp|Icmp)\w*(?:Err|Discard|NoRoute|Drop|Unreach|NoPorts)\w*) +([1-9]\d*)", text, re.M)
            lines += [f"{place}: {name} {number}" for name, number in found]
            for line in self.run(place, "ip", "-s", "-o", "link", check=False).stdout.splitlines():
                dropped = re.search(r"^\d+: (\S+?)[@:].*RX:.*?mcast\\\s+\d+\s+\d+\s+(\d+)\s+(\d+)", line)
                if dropped and dropped[2] + dropped[3] != "00":
                    lines.append(f"{place}: {dropped[1]} received in error {dropped[2]}, dropped {dropped[3]}")
        lines.append(self.run("gw", "conntrack", "-S", check=False).stdout)
        lines += [f"isp{link.number}: strays {self.strays(link)}" for link in self.links]
        return "\n".join(lines)

    def flows(self, protocol):
        """How many connections of clients with a link of ours the gateway knows."""
        return sum(item["protocol"] == protocol and item["from"] != item["seen"] for item in self.conntrack())

    # --- the daemon -------------------------------------------------------------------------------

    def config(self, policies="", weights=None, check=None, link_extra=None, extra="", links=None):
        """A configuration for this laboratory. check: text of the check of every link, or by name."""
        lines = ["version: 1", f"control: {{ socket: {self.folder}/control.sock }}",
                 f"state-directory: {self.folder}/state", "zones:"]
        lines += [f"  {zone.name}: {{ devices: [{zone.device}] }}" for zone in self.zones]
        lines.append("links:")
        for link in self.links:
            if links is not None and link.name not in links:
                continue
            lines += [f"  {link.name}:", f"    device: {link.device}"]
            if "gateway:" not in (link_extra or {}).get(link.name, ""):
                lines.append(f'    gateway: [{link.gateway4}, "{link.gateway6}"]')
            lines.append(f"    weight: {(weights or {}).get(link.name, 1)}")
            text = check.get(link.name) if isinstance(check, dict) else check
            if text:
                lines.append(f"    check: {text}")
            lines += [f"    {line}" for line in (link_extra or {}).get(link.name, "").splitlines()]
        return "\n".join(lines) + "\n" + extra + policies

    def start_daemon(self, config, **options):
        self.daemon = daemon.Daemon(self, **options)
        self.daemon.write(config)
        self.daemon.start()
        return self.daemon

    def ctl(self, *verb):
        """Answer of uplinkctl -j VERB as JSON."""
        return self.daemon.ctl(*verb)

    def link_state(self, name):
        return next(item["state"] for item in self.ctl("links") if item["name"] == name)

    def wait_link(self, name, *states, deadline=10.0):
        return wait_for(lambda: self.link_state(name) in states, deadline, f"{name} to be {' or '.join(states)}")

    # --- the end ----------------------------------------------------------------------------------

    def _pids(self):
        found = {}
        for place in self.places():
            done = run("ip", "netns", "pids", self.ns(place), check=False)
            for pid in done.stdout.split():
                try:
                    with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                        found[int(pid)] = file.read().replace("\0", " ").strip()
                except OSError:
                    continue
        return found

    def _end_processes(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(patience(5))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _left_processes(self):
        """What nobody ended: told, and ended now."""
        end = time.monotonic() + patience(2)
        left = self._pids()
        while left and time.monotonic() < end:
            time.sleep(0.02)
            left = self._pids()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return left

    def close(self, check=True):
        """Takes everything away; raises LabError where something stayed behind."""
        if self.folder is None:
            return
        atexit.unregister(self.close)
        problems = self.daemon.farewell() if self.daemon is not None else []
        self._end_processes()
        problems += [f"process {pid} was left: {command}" for pid, command in self._left_processes().items()]
        for place in self.places():
            run("ip", "netns", "del", self.ns(place), check=False)
        if os.environ.get("LAB_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
            problems += [f"{self.folder} was left"] if os.path.exists(self.folder) else []
        self.folder = None
        listed = run("ip", "netns", "list").stdout
        problems += [f"namespace {name} was left" for name in re.findall(rf"{self.prefix}-\S+", listed)]
        if kernel_taint() != self.taint:
            problems.append("the kernel warned of a fault of its own: see dmesg")
        if check and problems:
            raise LabError("; ".join(problems))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close(check=kind is None)
