# SPDX-License-Identifier: GPL-2.0-or-later
"""The main table's default route leaves by a device that is no link (any more): policies still hold."""

from waiting import rate


def test_default_route_by_no_link(lab):
    lab.start_daemon(lab.config("policies:\n  - name: all\n    balance: { algorithm: round-robin }\n", links=["cable", "lte"]))
    result = lab.load(to="192.0.2.1:7", to_range=20, rate=rate(300), count=20, timeout=2000)
    assert dict(result.by_link()) == {"cable": 10, "lte": 10}
