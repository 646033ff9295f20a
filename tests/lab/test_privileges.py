# SPDX-License-Identifier: GPL-2.0-or-later
"""Never root: the daemon works with two capabilities, and its mail process with none."""

import os
import pwd
import re
import shutil

import pytest

from test_alerts import ALERTS, Mailbox
from waiting import rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"
CAPABILITIES = "-all,+net_admin,+net_raw"
NET_ADMIN_AND_RAW = 1 << 12 | 1 << 13


def as_nobody():
    """What systemd does for the unit: another user, ambient capabilities, a bounding set, no new privileges."""
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", f"--inh-caps={CAPABILITIES}",
            f"--ambient-caps={CAPABILITIES}", f"--bounding-set={CAPABILITIES}", "--no-new-privs"]


def status_of(pid):
    """Capability sets and user of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        text = file.read()
    sets = {name: int(value, 16) for name, value in re.findall(r"^(Cap\w+):\s+([0-9a-f]+)$", text, re.M)}
    return sets, int(re.search(r"^Uid:\s+\d+\s+(\d+)", text, re.M).group(1))


def child_of(pid):
    """The daemon's mail process, or None."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = file.read().split()
    return int(children[0]) if children else None


@pytest.fixture
def unprivileged(lab):
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv")
    nobody = pwd.getpwnam("nobody")
    os.chown(lab.folder, nobody.pw_uid, nobody.pw_gid)
    return lab


def test_two_capabilities_are_enough(unprivileged, tell):
    lab = unprivileged
    mailbox = Mailbox(lab)
    mailbox.open()
    config = lab.config(POLICY, WEIGHTS, check="{ interval: 200ms, targets: [ { ping: 192.0.2.1 } ] }", extra=ALERTS)
    lab.start_daemon(config, prefix=as_nobody())
    sets, user = status_of(lab.daemon.pid)
    assert user != 0
    assert sets["CapEff"] == sets["CapBnd"] == NET_ADMIN_AND_RAW
    assert sets["CapAmb"] == 0
    result = lab.load(to="192.0.2.1:7", to_range=20, rate=rate(400), count=100)
    assert [result.by_link()[name] for name in WEIGHTS] == [50, 30, 20]
    # Its probes work: without CAP_NET_RAW the links would be down after three rounds.
    wait_for(lambda: all(link["latency_ms"] is not None for link in lab.ctl("links")), 10, "answers to pings")
    lab.cut_carrier(lab.link("fiber"))
    lab.wait_link("fiber", "down")
    wait_for(lambda: child_of(lab.daemon.pid) is not None, 5, "the mail process")
    mail_sets, mail_user = status_of(child_of(lab.daemon.pid))
    assert mail_user != 0
    assert mail_sets["CapEff"] == mail_sets["CapPrm"] == mail_sets["CapAmb"] == 0
    mailbox.wait(1, 5)
    assert lab.ctl("reload") is not None
    tell(f"daemon {sets['CapEff']:#x}, mail process {mail_sets['CapEff']:#x}")
