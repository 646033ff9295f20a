# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas of links: real bytes over warn, taper and cut-off; restarts and devices made anew; what the last link does."""

import json
import re
import time

from waiting import rate, wait_for

KB = 1000
# 2 MB, so that a few datagrams are a percent of it; no period begins while this runs.
RESET_DAY = 1 if 9 < time.localtime().tm_mday < 21 else 15
SMALL = f"quota: {{ volume: 2 MB, reset-day: {RESET_DAY}, warn: 40%, taper: 60%, cut-off: 90% }}"


def config(lab, algorithm="round-robin", quota=SMALL, links="[cable, lte]"):
    return lab.config(f"""policies:
  - name: spends
    match: {{ from: router }}
    balance: {{ links: lte }}
  - name: everything
    balance: {{ algorithm: {algorithm}, links: {links} }}
""", link_extra={"lte": quota})


def quota(lab, name="lte"):
    return next(item["quota"] for item in lab.ctl("links") if item["name"] == name)


def device_bytes(lab, name="lte"):
    """What the kernel counted on the device, both directions."""
    text = lab.run("gw", "ip", "-s", "-s", "-j", "link", "show", "dev", lab.link(name).device).stdout
    figures = json.loads(text)[0]["stats64"]
    return figures["rx"]["bytes"] + figures["tx"]["bytes"]


SENDER = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind((sys.argv[1], 0))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.settimeout(5)
    for _ in range(int(sys.argv[2])):
        s.sendto(b"x" * 1000, ("192.0.2.1", 7))
        s.recv(2000)
"""


def spend(lab, target):
    """Datagrams of this machine, to and fro by lte, until so much is used."""
    missing = target - quota(lab)["used"]
    count = max(1, missing // (2 * 1042))
    lab.run("gw", "python3", "-c", SENDER, lab.link("lte").address4, str(count))
    wait_for(lambda: quota(lab)["used"] >= target - 2 * 1042, 5, f"{target} bytes to be counted")


def shares(lab, count=160):
    result = lab.load("tcp", to="192.0.2.1:80", rate=rate(400), count=count)
    assert result["ok"] == count
    return result.by_link()


def told(lab):
    return [item["text"] for item in lab.ctl("events") if item["kind"] == "quota"]


def test_from_free_to_spent(lab, tell):
    """Each threshold with real bytes: told once, fewer connections, then none; the count is that of the device."""
    before = device_bytes(lab)
    lab.start_daemon(config(lab))
    assert quota(lab, "cable") is None
    state = wait_for(lambda: quota(lab), 5, "the quota to be counted")
    assert (state["volume"], state["stage"]) == (2000 * KB, "free")
    assert 0 < state["resets"] - state["begins"] <= 31 * 86400 + 3600
    base = device_bytes(lab) - before
    spend(lab, 900 * KB)
    wait_for(lambda: quota(lab)["stage"] == "warned", 5, "the warning")
    assert [text for text in told(lab) if "used (4" in text] and len(told(lab)) == 1
    free = shares(lab)
    assert free["lte"] == free["cable"] == 80
    spend(lab, 1600 * KB)
    wait_for(lambda: quota(lab)["stage"] == "tapered" and quota(lab)["taper"] >= 9, 5, "the link to taper")
    less = shares(lab)
    tell(f"{quota(lab)['used']} bytes: {dict(less)}")
    assert 0 < less["lte"] <= 70 and sum(less.values()) == 160
    spend(lab, 1830 * KB)
    wait_for(lambda: quota(lab)["stage"] == "spent", 5, "the cut-off")
    candidate = next(item for item in lab.ctl("explain", "--from", lab.zones[0].client4, "--to", "192.0.2.1", "--protocol", "tcp",
                                              "--to-port", "80")["candidates"] if item["link"] == "lte")
    assert (candidate["eligible"], candidate["reason"]) == (False, "its quota is used")
    assert set(shares(lab)) == {"cable"}
    texts = told(lab)
    tell("; ".join(texts))
    assert len(texts) == 3 and "only where no other link can" in texts[2]
    assert re.search(r"Quota +1\.8\d MB of 2\.00 MB, 9\d %.*; begins anew in \d", lab.daemon.uplinkctl("links", "lte").stdout)
    # The device alone counted; what was before the daemon nobody counts.
    wait_for(lambda: abs(quota(lab)["used"] - (device_bytes(lab) - before - base)) < 20 * KB, 5, "both to count the same")
    # The last link of a policy is used all the same.
    lab.cut_carrier(lab.link("cable"))
    lab.wait_link("cable", "down")
    assert set(shares(lab, 20)) == {"lte"}
    assert lab.daemon.reload(config(lab, quota=SMALL.replace("cut-off: 90%", "cut-off: 90%, alone: stop"))).returncode == 0
    wait_for(lambda: lab.load("tcp", to="192.0.2.1:80", rate=100, count=3, timeout=300)["ok"] == 0
             or "lte" not in lab.load("tcp", to="192.0.2.1:80", rate=100, count=3, timeout=300).by_link(), 10, "lte to stop")


def test_count_outlives_daemon_and_device(lab, tell):
    """Ended, killed, and bytes meanwhile; a device that is made anew; with priority the tapered link comes last."""
    lab.start_daemon(config(lab, "priority", links="[lte, cable]"))
    wait_for(lambda: quota(lab), 5, "the quota to be counted")
    spend(lab, 500 * KB)
    assert set(shares(lab, 20)) == {"lte"}
    was = wait_for(lambda: quota(lab)["used"], 5, "the count")
    counted = device_bytes(lab)
    assert lab.daemon.stop() == 0
    lab.run("gw", "python3", "-c", SENDER, lab.link("lte").address4, "50")
    meanwhile = device_bytes(lab) - counted
    lab.daemon.start()
    wait_for(lambda: quota(lab) and quota(lab)["used"] >= was + 100 * KB, 5, "what passed meanwhile")
    assert quota(lab)["used"] - was - meanwhile < 20 * KB
    # Killed: the file is of the start, and the counters of the device have the rest.
    spend(lab, 1000 * KB)
    was = quota(lab)["used"]
    lab.daemon.kill9()
    lab.daemon.start()
    wait_for(lambda: quota(lab) and quota(lab)["used"] >= was, 5, "nothing to be lost")
    lab.remove_device(lab.link("lte"))
    wait_for(lambda: lab.link_state("lte") == "down", 5, "lte to be down")
    was = quota(lab)["used"]
    lab.create_device(lab.link("lte"))
    lab.wait_link("lte", "up")
    assert was <= quota(lab)["used"] < was + 50 * KB
    spend(lab, 1300 * KB)
    wait_for(lambda: quota(lab)["stage"] == "tapered", 5, "the link to taper")
    tell(f"{quota(lab)}")
    assert set(shares(lab, 20)) == {"cable"}
