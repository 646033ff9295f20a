# SPDX-License-Identifier: GPL-2.0-or-later
"""Links and policies come and go by reload: under load none fails, and numbers in marks stay with their names."""

from test_reload import opened
from waiting import SLOW, rate, wait_for

LINK_MASK, POLICY_SHIFT = 0x3F, 11
RELOADS = 6 if SLOW else 30


def policies(*names):
    """Each has a port of its own, so that a connection tells which policy it had."""
    ports = {"web": 80, "secure": 443, "echo": 7}
    return "policies:\n" + "".join(
        f"  - name: {name}\n    match: {{ protocol: tcp, to-port: {ports[name]} }}\n"
        "    balance: { algorithm: round-robin }\n" for name in names)


def test_links_and_policies_come_and_go(lab, tell):
    """500 connections a second; each reload takes a link or a policy away, or brings one."""
    texts = [lab.config(policies("echo", "web")),
             lab.config(policies("web", "secure", "echo"), links=["fiber", "cable"]),
             lab.config(policies("secure", "echo"), links=["fiber", "lte"]),
             lab.config(policies("echo"), links=["fiber", "cable", "lte"])]
    lab.start_daemon(texts[0])
    per_second = rate(500)
    load = lab.load_start(to="192.0.2.1:7", to_range=100, rate=per_second, count=per_second * 120, timeout=5000)
    wait_for(lambda: opened(lab) >= per_second / 2, 20, "traffic")
    for i in range(RELOADS):
        done = lab.daemon.reload(texts[(i + 1) % len(texts)])
        assert done.returncode == 0, f"reload {i}: {done.stdout}{done.stderr}"
        seen = opened(lab)
        wait_for(lambda: opened(lab) >= seen + per_second / 10, 20, "traffic after the reload")
    result = load.stop()
    slow = [item for item in result["attempts"] if item["connected"] - item["begun"] > 0.5]
    tell(f"{RELOADS} reloads; {result.figures()}; {dict(result.by_link())}; {len(slow)} needed a second SYN")
    assert result["failed"] == result["reset"] == 0 and result["ok"] == result["begun"]
    assert set(result.by_link()) == {"fiber", "cable", "lte"}
    assert [lab.strays(link) for link in lab.links] == [0, 0, 0]


def numbers(lab):
    """Of links by name, and of policies by port, as the marks of fresh connections have them."""
    lab.run("gw", "conntrack", "-F", check=False)
    for port in (7, 80, 443):
        assert lab.load(to=f"192.0.2.1:{port}", to_range=4, rate=rate(300), count=12)["ok"] == 12
    fresh = [item for item in lab.conntrack() if item["protocol"] == "tcp" and item["from"] == "10.77.1.2"]
    links = {(lab.link_of(item["seen"]), item["mark"] & LINK_MASK) for item in fresh}
    names = {(item["to_port"], item["mark"] >> POLICY_SHIFT) for item in fresh}
    assert len(dict(links)) == len(links) and len(dict(names)) == len(names), "one number for each name"
    assert len({number for _, number in links}) == len(links) and len({number for _, number in names}) == len(names)
    return dict(links), dict(names)


def test_numbers_stay_with_names(lab, tell):
    """Over reloads that add, reorder and remove, over a restart, and for who comes back."""
    everything = policies("secure", "echo", "web")
    lab.start_daemon(lab.config(policies("web", "echo", "secure"), links=["fiber", "lte"]))
    links, names = numbers(lab)
    assert set(links) == {"fiber", "lte"} and set(names) == {7, 80, 443}
    # One comes between the others.
    assert lab.daemon.reload(lab.config(everything)).returncode == 0
    more, same = numbers(lab)
    tell(f"links {more}, policies {same}")
    assert {name: more[name] for name in links} == links and same == names
    # One goes; a restart without it does not give its number away.
    assert lab.daemon.reload(lab.config(everything, links=["fiber", "cable"])).returncode == 0
    assert lab.daemon.stop() == 0
    lab.daemon.start()
    assert numbers(lab) == ({name: more[name] for name in ("fiber", "cable")}, names)
    # It comes back to its number, also after a death without a farewell.
    lab.daemon.kill9()
    lab.daemon.write(lab.config(policies("echo", "web", "secure")))
    lab.daemon.start()
    assert numbers(lab) == (more, names)
