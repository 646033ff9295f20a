# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the laboratory tests: laboratories that always go away, and figures that are told at the end."""

import os
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import lab as laboratory  # noqa: E402

FIGURE_MAX = 240


def why_not():
    """What this machine lacks for a laboratory, or None."""
    if os.geteuid() != 0:
        return "namespaces need root"
    name = f"ul{os.getpid()}probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"no network namespaces: {made.stderr.strip()}"
    table = subprocess.run(["ip", "netns", "exec", name, "nft", "add", "table", "inet", "probe"], capture_output=True,
                           text=True, check=False)
    subprocess.run(["ip", "netns", "del", name], check=False)
    return f"no nftables: {table.stderr.strip()}" if table.returncode != 0 else None


def pytest_configure():
    # A polite end still takes the namespaces away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    in_lab = [item for item in items if "make_lab" in getattr(item, "fixturenames", ())]
    reason = why_not() if in_lab else None
    for item in in_lab if reason else []:
        item.add_marker(pytest.mark.skip(reason=reason))


def figures(terminalreporter):
    """What tests told, also those that ran in other processes."""
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        for name, text in getattr(report, "user_properties", ()) if getattr(report, "when", "") == "teardown" else ():
            yield f"{report.nodeid.partition('::')[2]}: {text}" if name == "measured" else text


def pytest_terminal_summary(terminalreporter):
    lines = list(figures(terminalreporter))
    if lines:
        terminalreporter.section("measured")
    for line in lines:
        terminalreporter.write_line(line if len(line) <= FIGURE_MAX else f"{line[:FIGURE_MAX]} ...")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.failed_once = True


@pytest.fixture
def tell(request):
    """tell("...") puts a measured figure into the summary."""
    def add(text):
        print(text)
        request.node.user_properties.append(("measured", text))
    return add


@pytest.fixture
def make_lab(request):
    """make_lab(links=3, zones=("lan",)) builds a laboratory that is taken away after the test."""
    made = []

    def build(**options):
        made.append(laboratory.Lab(**options))
        return made[-1]
    yield build
    for built in made:
        if getattr(request.node, "failed_once", False):
            for load in built.loads:
                print(f"--- a load\n{load.told()}")
            print(f"--- what the kernel lost\n{built.losses()}")
            if built.daemon is not None:
                print(f"--- the daemon's log\n{built.daemon.said()}")
        built.close()


@pytest.fixture
def lab(make_lab):
    """Three links, one inside network."""
    return make_lab()
