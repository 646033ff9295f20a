#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The command of the tests: writes down, as JSON in a file of its own in the folder argv[1], what it was given and may do.
Then does what a file called `do' in that folder says, in Python."""

import json
import os
import sys
import time

folder = sys.argv[1]
status = dict(line.split(":\t", 1) for line in open("/proc/self/status", encoding="utf-8") if ":\t" in line)
seen = {
    "argv": sys.argv[2:], "environment": dict(os.environ), "input": sys.stdin.read(), "ids": [os.getuid(), os.geteuid(),
    os.getgid(), os.getegid()], "groups": os.getgroups(), "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd")),
    "capabilities": [status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")], "new": status["NoNewPrivs"].strip(),
    "session": os.getsid(0) == os.getpid() == os.getpgrp(), "folder": os.getcwd(), "from": time.monotonic(),
}
path = os.path.join(folder, f"{os.getpid()}.json")
with open(path + ".new", "w", encoding="utf-8") as file:
    json.dump(seen, file)
os.rename(path + ".new", path)
if os.path.exists(os.path.join(folder, "do")):
    with open(os.path.join(folder, "do"), encoding="utf-8") as file:
        exec(file.read())  # pylint: disable=exec-used
