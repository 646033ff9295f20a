# SPDX-License-Identifier: GPL-2.0-or-later
"""The operator's own command for alerts: what it is given, what it may, how long, and how many at once."""

import json
import os
import pwd

import pytest

from test_privileges import as_nobody
from waiting import wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
POLICY = "policies:\n  - { name: everything, balance: { links: internet } }\n"
CHECK = "{ targets: [ { ping: 192.0.2.1 } ], interval: 100ms, down-after: 1, up-after: 1 }"
WORDS = ["$(touch /tmp/uplinkd-hook-was-here)", "a b", "", "; exit", "'\"`\\", "ü€"]


class Hook:
    """A folder that nobody may write to, and the command's files in it."""

    def __init__(self, lab):
        self.lab = lab
        self.folder = os.path.join(lab.folder, "hook")
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o777)

    def config(self, extra="", words=()):
        run = ["/usr/bin/python3", "-B", os.path.join(HERE, "hook_command.py"), self.folder, *words]
        return f"alerts:\n  command: {{ run: {json.dumps(run, ensure_ascii=False)}{extra} }}\n"

    def do(self, text):
        with open(os.path.join(self.folder, "do"), "w", encoding="utf-8") as file:
            file.write(text)

    def seen(self):
        found = []
        for name in os.listdir(self.folder):
            if name.endswith(".json"):
                with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                    found.append(json.load(file))
        return sorted(found, key=lambda item: item["from"])

    def results(self):
        return [event["text"] for event in self.lab.ctl("events") if event["text"].startswith("the command for")]

    def wait(self, count):
        return wait_for(lambda: len(self.seen()) >= count and self.seen(), 10, f"{count} commands")


@pytest.fixture
def hook(lab):
    return Hook(lab)


def flap(lab, link):
    """Down and up again. The third time it would be called flapping, and what is told gathered."""
    lab.cut_carrier(link)
    lab.wait_link(link.name, "down")
    lab.restore_carrier(link)
    lab.wait_link(link.name, "up")


@pytest.mark.parametrize("root", [True, False], ids=["root", "capabilities"])
def test_what_it_is_given_and_may(lab, hook, root):
    """Word for word, in a process without rights and without anything that the daemon has open."""
    nobody = pwd.getpwnam("nobody")
    if not root:
        os.chown(lab.folder, nobody.pw_uid, nobody.pw_gid)
    lab.start_daemon(lab.config(POLICY, check={"lte": CHECK}, extra=hook.config(", kinds: [down]", WORDS)),
                     prefix=["unshare", "--uts", "/usr/bin/python3", "-c", "import os, socket, sys\n"
                             "socket.sethostname('gw\\n$(id);\\x1b[1m')\nos.execvp(sys.argv[1], sys.argv[1:])",
                             *([] if root else as_nobody())])
    lab.wait_link("lte", "up")
    lab.cut_carrier(lab.link("lte"))
    (seen,) = hook.wait(1)
    assert seen["argv"] == WORDS
    assert not os.path.exists("/tmp/uplinkd-hook-was-here")
    said = json.loads(seen["input"])
    assert seen["input"].count("\n") == 0
    variables = seen["environment"]
    variables.pop("LC_CTYPE", None)  # Python's own
    assert sorted(variables) == ["PATH", "UPLINKD_CAUSE", "UPLINKD_HOST", "UPLINKD_KIND", "UPLINKD_LASTED", "UPLINKD_LINK",
                                 "UPLINKD_OVER", "UPLINKD_STATE", "UPLINKD_TEXT", "UPLINKD_TIME"]
    assert (variables["UPLINKD_KIND"], variables["UPLINKD_LINK"], variables["UPLINKD_STATE"]) == ("down", "lte", "down")
    assert variables["UPLINKD_HOST"] == said["host"] == "gw?$(id);?[1m"
    assert variables["UPLINKD_CAUSE"] == said["cause"] and said["cause"].startswith("no carrier")
    assert variables["UPLINKD_TEXT"] == said["text"] and "link lte down" in said["text"]
    assert (variables["UPLINKD_OVER"], variables["UPLINKD_LASTED"]) == ("false", "0")
    assert str(said["time"]) == variables["UPLINKD_TIME"]
    assert any("policy everything" in detail for detail in said["details"])
    assert seen["ids"] == [nobody.pw_uid] * 2 + [nobody.pw_gid] * 2
    assert seen["groups"] == ([nobody.pw_gid] if root else [])
    assert seen["capabilities"] == ["0000000000000000"] * 4 and seen["new"] == "1"
    # The last is of the look itself.
    assert seen["descriptors"] == [0, 1, 2, 3]
    assert seen["session"] and seen["folder"] == "/"
    wait_for(hook.results, 10, "the event")
    assert hook.results()[0].startswith("the command for down of lte ended with 0 after")
    # Kinds that it is not for.
    lab.restore_carrier(lab.link("lte"))
    lab.wait_link("lte", "up")
    lab.cut_carrier(lab.link("lte"))
    hook.wait(2)
    assert [item["environment"]["UPLINKD_KIND"] for item in hook.seen()] == ["down", "down"]


def test_how_it_ends(lab, hook):
    """Its exit status and words, its time, and what it leaves behind."""
    config = lab.config(POLICY, check={"lte": CHECK}, extra=hook.config(", timeout: 1s, kinds: [down]"))
    lab.start_daemon(config)
    lab.wait_link("lte", "up")
    hook.do("print('first line', flush=True); print('\\x1b[31msecond', file=sys.stderr, flush=True); sys.exit(3)")
    flap(lab, lab.link("lte"))
    wait_for(lambda: len(hook.results()) == 1, 10, "the first result")
    assert hook.results()[0].startswith("the command for down of lte ended with 3 after")
    assert hook.results()[0].endswith(" s: first line??[31msecond?")
    # SIGTERM is not heard, children in its group neither.
    hook.do("import signal, subprocess\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "subprocess.Popen(['sleep', '987654'])\nsubprocess.run(['sleep', '987654'])\ntime.sleep(60)")
    flap(lab, lab.link("cable"))
    hook.wait(2)
    sleepers = lambda: lab.run("gw", "pgrep", "-fx", "sleep 987654", check=False).stdout.split()
    wait_for(sleepers, 10, "its children")
    wait_for(lambda: len(hook.results()) == 2, 10, "the second result")
    assert "was ended after 3." in hook.results()[1] and "its time was over" in hook.results()[1]
    wait_for(lambda: not sleepers(), 10, "its children to end with it")
    # Another configuration: the next one is run as that says; users other than by name are refused.
    assert lab.daemon.reload(config.replace("timeout: 1s", "user: root")).returncode == 4
    assert lab.daemon.reload(config.replace("timeout: 1s", "user: nobody-here")).returncode == 0
    hook.do("")
    flap(lab, lab.link("lte"))
    wait_for(lambda: len(hook.results()) == 3, 10, "the third result")
    assert "ended with 125" in hook.results()[2] and "nobody-here" in hook.results()[2]
    assert lab.daemon.reload(config.replace("/usr/bin/python3", "/usr/bin/python3-not-here")).returncode == 0
    flap(lab, lab.link("cable"))
    wait_for(lambda: len(hook.results()) == 4, 10, "the fourth result")
    assert "ended with 127" in hook.results()[3] and "python3-not-here" in hook.results()[3]


def test_many_at_once(make_lab):
    """Eight links fail and come back at one time: four commands run, the others wait, and the daemon goes on."""
    lab = make_lab(links=8)
    hook = Hook(lab)
    lab.start_daemon(lab.config(POLICY, extra=hook.config()))
    hook.do("time.sleep(0.3)\nopen(os.path.join(folder, f'{os.getpid()}.end'), 'w').write(str(time.monotonic()))")
    for link in lab.links:
        lab.cut_carrier(link)
    for link in lab.links:
        lab.wait_link(link.name, "down")
    assert lab.ctl("status")["state"] == "down"
    hook.wait(8)
    wait_for(lambda: len(hook.results()) == 8, 10, "all results")
    assert sorted(item["environment"]["UPLINKD_LINK"] for item in hook.seen()) == sorted(link.name for link in lab.links)
    spans = [(item["from"], 1) for item in hook.seen()]
    for name in os.listdir(hook.folder):
        if name.endswith(".end"):
            with open(os.path.join(hook.folder, name), encoding="utf-8") as file:
                spans.append((float(file.read()), -1))
    running = [sum(step for _when, step in sorted(spans)[:i + 1]) for i in range(len(spans))]
    assert len(spans) == 16 and 2 <= max(running) <= 4, running
