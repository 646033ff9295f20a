# SPDX-License-Identifier: GPL-2.0-or-later
"""The main table's default route leaves by a device that is no link (any more), or is gone: policies still hold."""

import pytest

from waiting import rate


def test_default_route_by_no_link(lab):
    lab.start_daemon(lab.config("policies:\n  - name: all\n    balance: { algorithm: round-robin }\n", links=["cable", "lte"]))
    result = lab.load(to="192.0.2.1:7", to_range=20, rate=rate(300), count=20, timeout=2000)
    assert dict(result.by_link()) == {"cable": 10, "lte": 10}


@pytest.mark.parametrize("src_valid_mark", [0, 1])
def test_no_default_route_at_all(lab, src_valid_mark):
    """As when the one that PPP or DHCP brought goes with its link: answers that the other links bring are no martians."""
    first = lab.link("fiber")
    lab.run("gw", "sysctl", "-qw", f"net.ipv4.conf.all.src_valid_mark={src_valid_mark}")
    lab.start_daemon(lab.config("policies:\n  - name: all\n    balance: { algorithm: round-robin }\n",
                                link_extra={"fiber": "gateway: auto"}))
    lab.wait_link("fiber", "up")
    lab.ip("gw", [f"route del default via {first.gateway4} dev {first.device}",
                  f"route del ::/0 via {first.gateway6} dev {first.device}"])
    lab.wait_link("fiber", "down")
    for target in ("192.0.2.1:7", "[2001:db8:ffff::1]:7"):
        result = lab.load(to=target, to_range=20, rate=rate(300), count=20, timeout=2000)
        assert dict(result.by_link()) == {"cable": 10, "lte": 10}
    lab.run("gw", "ping", "-c", "1", "-W", "2", lab.SERVER4)
