# SPDX-License-Identifier: GPL-2.0-or-later
"""A provider that gives addresses by DHCP and advertises itself (dnsmasq), and a gateway that asks (udhcpc): nothing of
them touches the machine outside of the laboratory's namespaces."""

import os
import signal

from waiting import wait_for

# What udhcpc wants done. As many clients do, a renewal takes the route away and puts it back a moment later.
SCRIPT = """#!/bin/sh
case $1 in
deconfig)
	ip -4 addr flush dev $interface ;;
bound | renew)
	ip -4 route flush exact 0.0.0.0/0 dev $interface
	sleep 0.3
	ip -4 -o addr show dev $interface | grep -q " $ip/" || ip -4 addr flush dev $interface
	ip addr replace $ip/$mask dev $interface
	ip route replace default via $router dev $interface metric 300
	echo "$1 $ip by $router" >>{told} ;;
esac
"""


class Provider:
    """dnsmasq at the far end of a link."""

    def __init__(self, lab, link):
        self.lab, self.place = lab, f"isp{link.number}"
        self.leases = os.path.join(lab.folder, f"leases-{self.place}")
        self.process = None

    def start(self, *options):
        """Anew with other options: leases are remembered."""
        self.stop()
        self.process = self.lab.start(self.place, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
                                      "--interface=gw", "--bind-interfaces", "--user=root", "--group=root", "--pid-file=",
                                      "--no-ping", f"--dhcp-leasefile={self.leases}", *options)

    def offer(self, first, last, router):
        self.start("--dhcp-authoritative", f"--dhcp-range={first},{last},255.255.255.0,2m", f"--dhcp-option=option:router,{router}")

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Client:
    """udhcpc on a device of the gateway."""

    def __init__(self, lab, device):
        self.lab, self.device = lab, device
        self.told = os.path.join(lab.folder, f"dhcp-{device}")
        self.script = os.path.join(lab.folder, f"dhcp-{device}.sh")
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(SCRIPT.replace("{told}", self.told))
        os.chmod(self.script, 0o755)
        self.process = None

    def start(self):
        self.process = self.lab.start("gw", "udhcpc", "-f", "-i", self.device, "-s", self.script, "-t", "4", "-T", "1", "-A", "1")

    def leases(self):
        """Each time that it got one: what it was told."""
        if not os.path.exists(self.told):
            return []
        with open(self.told, encoding="utf-8") as file:
            return file.read().splitlines()

    def release(self):
        """Gives the lease back, and waits for the next renew()."""
        os.kill(self.process.pid, signal.SIGUSR2)

    def renew(self, deadline=15):
        """Asks now; the lease that it then has."""
        before = len(self.leases())
        os.kill(self.process.pid, signal.SIGUSR1)
        return wait_for(lambda: self.leases()[before:], deadline, "a renewed lease")[-1]
