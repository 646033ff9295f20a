# SPDX-License-Identifier: GPL-2.0-or-later
"""uplinkctl why tells what was decided for real connections: living, gone, refused, before a reload, by the kernel alone."""

import time

from waiting import rate, wait_for

WEIGHTS = {"fiber": 5, "cable": 3, "lte": 2}
POLICIES = """
policies:
  - name: forbidden
    match: { to: 192.0.2.66 }
    action: drop
  - name: web
    match: { from: lan, protocol: tcp, to-port: [80, 443] }
    balance: { algorithm: priority, links: [lte, cable] }
  - name: rest
    balance: { algorithm: round-robin }
"""
KEYS = {"policy", "action", "link", "algorithm", "reason", "nat", "qos", "candidates", "steps", "when", "connection",
        "from", "from_port", "to", "to_port", "protocol", "recorded"}


def opened(lab):
    return sum(lab.server.counts("tcp").values())


def held(lab, port, count, to="192.0.2.1"):
    """So many connections to that port, open."""
    before = opened(lab)
    url = f"[{to}]:{port}" if ":" in to else f"{to}:{port}"
    load = lab.load_start(to=url, rate=rate(200), count=count, hold=True)
    wait_for(lambda: opened(lab) >= before + count, 20, f"{count} connections")
    return load


def why(lab, *more, source="10.77.1.2", target="192.0.2.1"):
    answer = lab.ctl("why", "--from", source, "--to", target, *more)
    for match in answer if isinstance(answer, list) else [answer]:
        assert KEYS <= set(match), KEYS - set(match)
    return answer


def test_a_living_connection(lab):
    """In both families: policy, link, scores, the state, and the address that the internet sees."""
    lab.start_daemon(lab.config(POLICIES, WEIGHTS))
    for source, target in (("10.77.1.2", lab.SERVER4), ("fd77:1::2", lab.SERVER6)):
        began = time.time()
        load = held(lab, 443, 3, to=target)
        answer = why(lab, "--protocol", "tcp", "--to-port", "443", source=source, target=target)
        assert (answer["policy"], answer["action"], answer["link"]) == ("web", "allow", "lte")
        assert (answer["algorithm"], answer["reason"], answer["recorded"]) == ("priority", "the algorithm's pick", True)
        assert answer["nat"] == "masquerade"
        assert began - 1 <= answer["when"] <= time.time() + 0.1
        assert {item["link"]: item["score"] for item in answer["candidates"]} == {"lte": 1, "cable": 0.5}
        assert {item["link"]: item["reason"] for item in answer["candidates"]} == {"lte": "chosen", "cable": "usable"}
        assert answer["steps"] == ["from inside", "forbidden: no, to does not match", "web: matches"]
        connection = answer["connection"]
        assert connection["state"] == "established" and connection["answered"] and connection["bytes"] > 0
        lte = lab.link("lte")
        assert connection["outside"]["from"] == (lte.address6 if ":" in target else lte.address4)
        assert (connection["outside"]["to"], connection["outside"]["to_port"]) == (target, 443)
        several = why(lab, "--to-port", "443", "--last", "10", source=source, target=target)
        assert len(several) == 3 and len({match["from_port"] for match in several}) == 3
        assert [match["when"] for match in several] == sorted((match["when"] for match in several), reverse=True)
        one = why(lab, "--from-port", str(several[2]["from_port"]), source=source, target=target)
        assert one["from_port"] == several[2]["from_port"]
        told = lab.daemon.uplinkctl("why", "--from", source, "--to", target).stdout
        assert "It lives: established" in told and "leaves by lte" in told, told
        load.stop()


def test_gone_refused_and_unknown(lab):
    """What lives no more and what was dropped is on record; what never was is an error."""
    lab.start_daemon(lab.config(POLICIES, WEIGHTS))
    assert lab.load("udp", to="192.0.2.1:53", rate=rate(200), count=1)["ok"] == 1
    lab.run("gw", "conntrack", "-D", "-p", "udp")
    answer = why(lab, "--protocol", "udp")
    assert (answer["policy"], answer["connection"]) == ("rest", None)
    assert {item["link"]: round(item["score"], 3) for item in answer["candidates"]} == {
        "fiber": 0.5, "cable": 0.3, "lte": 0.2}
    assert lab.load(to="192.0.2.66:80", rate=rate(200), count=1, timeout=200)["failed"] == 1
    answer = why(lab, target="192.0.2.66")
    assert (answer["policy"], answer["action"], answer["link"]) == ("forbidden", "drop", None)
    assert answer["reason"] == "the policy says so"
    done = lab.daemon.uplinkctl("why", "--from", "10.77.1.2", "--to", "192.0.2.99")
    assert done.returncode == 1 and "no such connection" in done.stderr
    assert lab.ctl("why", "--from", "10.77.1.2", "--to", "192.0.2.99", "--last", "5") == []
    done = lab.daemon.uplinkctl("why", "--from", "10.77.1.300")
    assert done.returncode == 1 and "is no address" in done.stderr


def test_over_reloads(lab):
    """Names are those of the configuration that decided, also where it has no such policy any more."""
    lab.start_daemon(lab.config(POLICIES, WEIGHTS))
    load = held(lab, 80, 1)
    assert lab.daemon.reload(lab.config(POLICIES.replace("name: web", "name: pages"), WEIGHTS)).returncode == 0
    answer = why(lab, "--to-port", "80")
    assert (answer["policy"], answer["link"], answer["recorded"]) == ("web", "lte", True)
    assert answer["nat"] == "masquerade"
    assert "web: matches" in answer["steps"] and any("changed since" in step for step in answer["steps"])
    load.stop()
    load = held(lab, 80, 1)
    assert why(lab, "--to-port", "80")["policy"] == "pages"
    load.stop()
    links = [name for name in WEIGHTS if name != "lte"]
    without = POLICIES.replace("links: [lte, cable]", "links: [cable]")
    assert lab.daemon.reload(lab.config(without, WEIGHTS, links=links)).returncode == 0
    answer = why(lab, "--to-port", "80")
    assert (answer["policy"], answer["link"]) == ("pages", "lte")
    assert [item["link"] for item in answer["candidates"] if item["reason"] == "chosen"] == ["lte"]


def test_classes(lab):
    """The class that the connection was given, of the policy or the default one, also after it was renamed."""
    qos = "qos: { classes: { voice: { min: 30% }, rest: { min: 50% } }, default: rest }\n"
    rates = {name: "bandwidth: { download: 50 mbit, upload: 50 mbit }" for name in WEIGHTS}
    classed = POLICIES.replace("name: web\n", "name: web\n    qos: voice\n")
    lab.start_daemon(lab.config(classed, WEIGHTS, link_extra=rates, extra=qos))
    load = held(lab, 443, 1)
    assert why(lab, "--to-port", "443")["qos"] == "voice"
    assert lab.ctl("explain", "--from", "10.77.1.2", "--to", "192.0.2.1", "--protocol", "udp")["qos"] == "rest"
    renamed = [text.replace("voice", "calls") for text in (classed, qos)]
    assert lab.daemon.reload(lab.config(renamed[0], WEIGHTS, link_extra=rates, extra=renamed[1])).returncode == 0
    assert why(lab, "--to-port", "443")["qos"] == "voice"
    load.stop()


def test_the_kernel_alone(lab):
    """What the fallback decided while no daemon lived is told as such, by its mark."""
    lab.start_daemon(lab.config(POLICIES, WEIGHTS))
    lab.daemon.kill9()
    load = held(lab, 443, 2)
    lab.daemon.start()
    answer = why(lab, "--to-port", "443")
    assert (answer["policy"], answer["link"], answer["recorded"]) == ("web", "lte", False)
    assert answer["reason"] == "decided by the kernel alone" and answer["when"] is None
    assert answer["connection"]["state"] == "established" and answer["candidates"] == []
    load.stop()


def test_the_record_is_bounded(lab, tell):
    """A small record keeps the newest, and memory does not grow; none is kept where none is wanted."""
    lab.start_daemon(lab.config(POLICIES, WEIGHTS, extra="decisions: { record: 64 }\n"))
    assert lab.load("udp", to="192.0.2.1:2000", rate=rate(500), count=300, to_range=1)["begun"] == 300
    kept = lab.ctl("why", "--protocol", "udp", "--last", "1000")
    recorded = [match for match in kept if match["recorded"]]
    tell(f"{len(recorded)} of 300 decisions on record")
    assert 16 <= len(recorded) <= 64
    lab.daemon.stop()
    lab.start_daemon(lab.config(POLICIES, WEIGHTS, extra="decisions: { record: 0 }\n"))
    load = held(lab, 443, 1)
    answer = why(lab, "--to-port", "443")
    assert not answer["recorded"] and answer["reason"].startswith("decided by the kernel alone, or")
    load.stop()
    done = lab.daemon.reload(lab.config(POLICIES, WEIGHTS, extra="decisions: { record: 64 }\n"))
    assert done.returncode == 1 and "decisions.record" in done.stderr
