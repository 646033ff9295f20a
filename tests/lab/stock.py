# SPDX-License-Identifier: GPL-2.0-or-later
"""What stock kernels have and others may not: asked before a laboratory is built for it."""

import os
import shutil
import subprocess


def lacks_netem():
    """Why nothing can be delayed and lost by the kernel, or None."""
    return _refused("no netem", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")


def lacks_wireguard():
    if shutil.which("wg") is None:
        return "no wg"
    return _refused("no WireGuard", "ip", "link", "add", "probe", "type", "wireguard")


def lacks_layer(words):
    """words: as after `ip link add link DEVICE NAME type'."""
    return _refused(f"no {words.split()[0]}", "sh", "-c",
                    f"ip link add one type veth peer name other && ip link add link one name layer type {words}")


def lacks_pppoe():
    for program in ("pppd", "pppoe-server", "pppoe"):
        if shutil.which(program) is None:
            return f"no {program}"
    try:
        os.close(os.open("/dev/ppp", os.O_RDWR))
    except OSError as error:
        return f"no PPP in this kernel: {error}"
    return None


def _refused(what, *argv):
    """Tries it in a namespace of its own, which is gone afterwards."""
    done = subprocess.run(["unshare", "-n", *argv], capture_output=True, text=True, check=False)
    return f"{what} in this kernel: {done.stderr.strip()}" if done.returncode != 0 else None


class Netem:
    """What the line of a link does to packets, in each direction, at the ISP's two devices."""

    def __init__(self, lab):
        self.lab = lab

    def set(self, name, up="", down=""):
        """Of what goes to the internet, and what comes from it: words of tc-netem(8); none: nothing."""
        for device, words in (("inet", up), ("gw", down)):
            line = ["netem", "limit", "10000", *words.split()] if words else ["pfifo"]
            self.lab.run(f"isp{self.lab.link(name).number}", "tc", "qdisc", "replace", "dev", device, "root", *line)

    def dropped(self, name):
        """Packets that the line lost on the way to the internet."""
        text = self.lab.run(f"isp{self.lab.link(name).number}", "tc", "-s", "qdisc", "show", "dev", "inet").stdout
        return int(text.partition("dropped ")[2].split(",")[0])
