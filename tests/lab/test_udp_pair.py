# SPDX-License-Identifier: GPL-2.0-or-later
"""Two datagrams of one new flow leave by one link, also where both wait for a decision."""

from waiting import rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICY = "policies:\n  - name: everything\n    balance: { algorithm: round-robin }\n"


def held(lab):
    """Packets that wait in the gateway's queues."""
    text = lab.run("gw", "cat", "/proc/net/netfilter/nfnetlink_queue").stdout
    return sum(int(line.split()[2]) for line in text.splitlines())


def test_sent_back_to_back(lab, tell):
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    result = lab.load("udp", to="192.0.2.1:7", to_range=20, rate=rate(100), count=200, datagrams=2)
    tell(f"{result.figures()}; split over links {result['split']}, over ports {result['split_ports']}; "
         f"{dict(result.by_link())}")
    assert result["ok"] == 200
    assert result["split"] == 0 and result["split_ports"] == 0
    # One decision for both: the shares of 200 flows are exact.
    assert all(abs(result.by_link()[name] - 20 * weight) <= 1 for name, weight in WEIGHTS.items())


def test_held_together(lab, tell):
    """The daemon stands still while both arrive."""
    lab.start_daemon(lab.config(POLICY, WEIGHTS))
    shares, most = {}, 0
    for round_number in range(10):
        lab.daemon.freeze()
        load = lab.load_start("udp", to="192.0.2.1:7", to_range=20, rate=2000, count=20, datagrams=2, timeout=5000)
        wait_for(lambda: held(lab) >= 40, 2, "40 datagrams in the queue")
        most = max(most, held(lab))
        lab.daemon.thaw()
        result = load.wait()
        assert result["ok"] == 20, f"round {round_number}: {result['errors']}"
        assert result["split"] == 0 and result["split_ports"] == 0
        for name, count in result.by_link().items():
            shares[name] = shares.get(name, 0) + count
    tell(f"200 flows, up to {most} datagrams held together, none split: {shares}")
    assert all(abs(shares[name] - 20 * weight) <= 1 for name, weight in WEIGHTS.items())
