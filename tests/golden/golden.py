#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Configurations in; the canonical print, or every error with its place, out. With --update it writes what it sees.

usage: golden.py [--update] CONFIG_TOOL [SOURCE_DIRECTORY]

good/NAME.yaml, or good/NAME/uplinkd.yaml with policies.d beside it, prints NAME.out, and that prints itself.
bad/NAME.yaml, or bad/NAME/uplinkd.yaml, gives NAME.err and exit code 4.
warn/NAME.yaml loads, and warns as NAME.err says.
Also: the configurations that ship must load, and the manual must name each key and each default.
"""

import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

UPDATE = "--update" in sys.argv
ARGUMENTS = [argument for argument in sys.argv[1:] if argument != "--update"]
TOOL = os.path.abspath(ARGUMENTS[0] if ARGUMENTS else os.environ.get("CONFIG_TOOL", "tests/golden/config_tool"))
TOP = pathlib.Path(ARGUMENTS[1] if len(ARGUMENTS) > 1 else
                   os.environ.get("srcdir", pathlib.Path(__file__).resolve().parent.parent.parent)).resolve()
HERE = TOP / "tests" / "golden"
failures = []


def run(*arguments, folder=HERE):
    return subprocess.run([TOOL, *arguments], cwd=folder, capture_output=True, text=True, errors="replace", timeout=60)


PLACES = [line.split("=", 1) for line in run("places").stdout.splitlines()]


def expect(what, condition, detail=""):
    print("ok  " if condition else "FAIL", what)
    if not condition:
        failures.append(what)
        print(detail)


def compare(what, path, text):
    """The file at path holds text, with the places of this build and of this tree written as @NAME@."""
    text = text.replace(f"{HERE}/", "@HERE@/")
    for mark, place in PLACES:
        text = text.replace(place + "/", mark + "/")
    if UPDATE:
        path.write_text(text)
    wanted = path.read_text() if path.exists() else ""
    diff = difflib.unified_diff(wanted.splitlines(), text.splitlines(), "wanted", "seen", lineterm="")
    expect(what, wanted == text, "\n".join(diff))


def cases(folder):
    for entry in sorted((HERE / folder).iterdir()):
        if entry.suffix == ".yaml":
            yield entry.stem, entry.name
        elif entry.is_dir():
            yield entry.name, entry.name + "/uplinkd.yaml"


def prints_itself(what, text):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as again:
        again.write(text)
        again.flush()
        second = run("print", again.name)
    expect(what + " loads again to the same", second.stdout == text, second.stderr)


def test_good():
    for name, path in cases("good"):
        result = run("print", path, folder=HERE / "good")
        expect(f"good/{name} loads", result.returncode == 0, result.stderr)
        compare(f"good/{name} prints", HERE / "good" / (name + ".out"), result.stdout)
        prints_itself(f"good/{name}", result.stdout)


def test_bad():
    place = re.compile(r"^\S+?:\d+:\d+: error: ", re.M)
    expect("twenty are broken", len(list(cases("bad"))) >= 20)
    for name, path in cases("bad"):
        result = run("check", path, folder=HERE / "bad")
        expect(f"bad/{name} is refused", result.returncode == 4 and result.stdout == "", result.stdout)
        # Only an empty file has no line to point at.
        expect(f"bad/{name} tells the place of each",
               name == "empty" or len(place.findall(result.stderr)) == result.stderr.count("error: "), result.stderr)
        expect(f"bad/{name} tells the way out of each", result.stderr.count("error: ") == result.stderr.count("    hint: "))
        compare(f"bad/{name} says", HERE / "bad" / (name + ".err"), result.stderr)


def test_warn():
    for name, path in cases("warn"):
        result = run("warn", path, folder=HERE / "warn")
        expect(f"warn/{name} loads", result.returncode == 0 and ": error: " not in result.stderr, result.stderr)
        expect(f"warn/{name} tells the way out of each", result.stderr.count("warning: ") == result.stderr.count("    hint: "))
        compare(f"warn/{name} says", HERE / "warn" / (name + ".err"), result.stderr)


def test_examples():
    """Each policy file that ships loads beside the links that it states, and the example loads as it is."""
    example = TOP / "contrib" / "uplinkd.yaml"
    result = run("print", str(example))
    expect("contrib/uplinkd.yaml loads", result.returncode == 0, result.stderr)
    prints_itself("contrib/uplinkd.yaml", result.stdout)
    expect("contrib/uplinkd.yaml has no warnings", run("warn", str(example)).stderr == "")
    policies = sorted(path for path in (TOP / "policies").glob("*.yaml") if not path.name.endswith(".expect.yaml"))
    expect("ten policies ship", len(policies) >= 10)
    named = (TOP / "man" / "uplinkd.yaml.5").read_text()
    for policy in policies:
        with tempfile.TemporaryDirectory() as folder:
            base = pathlib.Path(folder)
            (base / "policies.d").mkdir()
            (base / "policies.d" / policy.name).write_text(policy.read_text())
            (base / "uplinkd.yaml").write_text(stated_links(policy.read_text()))
            result = run("print", str(base / "uplinkd.yaml"))
            warnings = run("warn", str(base / "uplinkd.yaml")).stderr
        expect(f"policies/{policy.name} loads", result.returncode == 0, result.stderr)
        missing = re.compile(r": warning: this machine has no device ")
        expect(f"policies/{policy.name} has no warnings but of devices",
               len(missing.findall(warnings)) == warnings.count(": warning: "), warnings)
        expect(f"the manual has policies/{policy.name}", f".It Pa {policy.name}\n" in named)
        prints_itself(f"policies/{policy.name}", result.stdout)


def stated_links(text):
    """The lines after `# Needs:` are the configuration that a policy file is made for."""
    lines = text.split("# Needs:\n", 1)[1].splitlines()
    stated = []
    for line in lines:
        if not line.startswith("#   "):
            break
        stated.append(line[4:])
    return "version: 1\n" + "\n".join(stated) + "\n"


def test_manual():
    manual = (TOP / "man" / "uplinkd.yaml.5").read_text()
    for line in run("keys").stdout.splitlines():
        key, standard, meaning = line.split("\t")
        entry = re.search(r"^\.It Ic %s\b(.*?)(?=^\.It Ic |^\.S[hs] )" % re.escape(key), manual, re.M | re.S)
        expect(f"the manual has `{key}'", entry is not None)
        expect(f"the schema explains `{key}'", meaning not in ("", "(null)"))
        if entry is None or standard in ("", "(null)"):
            continue
        for mark, place in PLACES:
            standard = standard.replace(place + "/", {"@RUNSTATEDIR@": "/run/", "@LOCALSTATEDIR@": "/var/"}.get(mark, "/"))
        entries = re.findall(r"^\.It Ic %s\b(.*?)(?=^\.It Ic |^\.S[hs] )" % re.escape(key), manual, re.M | re.S)
        expect(f"the manual has the default of `{key}'",
               any(standard in text.replace("\\-", "-") for text in entries), standard)


test_good()
test_bad()
test_warn()
test_examples()
test_manual()
print(f"{len(failures)} failed")
sys.exit(1 if failures else 0)
