# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets reach the daemon in the way that this kernel has: the native expression, or the NFQUEUE target."""

import os

import pytest

from waiting import rate

POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"


@pytest.mark.skipif("LAB_QUEUE" not in os.environ, reason="LAB_QUEUE does not say what to expect: native or compat")
def test_which_queue(lab, tell):
    lab.start_daemon(lab.config(POLICY))
    listed = lab.run("gw", "nft", "list", "ruleset").stdout
    tell(f"{os.uname().release}: {lab.daemon.said().splitlines()[0]}")
    assert ("queue flags bypass" in listed) == (os.environ["LAB_QUEUE"] == "native")
    result = lab.load(to="192.0.2.1:7", rate=rate(300), count=30)
    assert dict(result.by_link()) == {"fiber": 10, "cable": 10, "lte": 10}
    assert lab.ctl("status")["decisions"] >= 30
