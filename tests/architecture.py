#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Proves the layers of the house: who includes whom, what core may call, and the sizes of things.

Runs in the build folder, with the source folder in $srcdir (default: the one above this file).
"""

import os
import re
import statistics
import subprocess
import sys

ALLOWED_FOLDERS = {
    "core": {"core"},
    "config": {"config", "core"},
    "kernel": {"kernel", "core"},
    "service": {"service", "core"},
    "mail": {"mail", "core", "service"},
    "ctl": {"ctl", "core", "config"},
    "daemon": {"daemon", "core", "config", "kernel", "service"},
}

# Of the C library core may use what computes: nothing that reads, writes, waits or tells the time.
CORE_HEADERS = {
    "arpa/inet.h", "errno.h", "inttypes.h", "limits.h", "math.h", "netinet/in.h", "stdarg.h", "stdatomic.h",
    "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "strings.h", "sys/socket.h",
}
CORE_SYMBOLS = re.compile(
    r"(mem|str)[a-z]+|bcmp|__(mem|str)\w+_chk|(__)?v?snprintf(_chk)?|qsort|bsearch"
    r"|malloc|calloc|realloc|reallocarray|free|inet_(ntop|pton)|log|sqrt|__errno_location|__stack_chk_fail"
    r"|_GLOBAL_OFFSET_TABLE_")
NOT_OURS = re.compile(r"__(asan|ubsan|lsan|tsan|msan|sanitizer|odr_asan|start_|stop_|gcov|llvm)\w*")
# strerror() and the like belong to whoever reports; these names would pass the pattern above.
CORE_REFUSED = {"strerror", "strerror_r", "strsignal", "strftime", "strptime"}

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 100

# Paths of the machine on which it was written; in pieces, so that this file does not find itself.
MACHINE_PATHS = re.compile("/" + "work/" + r"|(?<![\w.-])" + "shared" + "/|" + r"\." + "pyenv")
TEXT_PLACES = [".ci", "bench", "contrib", "doc", "man", "policies", "quickstart", "src", "tests",
               "CHANGES", "Makefile.am", "README.md", "configure.ac"]
BUILT_SUFFIXES = (".log", ".trs", ".o", ".a", ".Po", ".Tpo", ".pyc")


class Report:
    """Counts the checks and tells each with what it looked at."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, what, looked_at, faults):
        for fault in faults:
            print(f"  {fault}")
        verdict = f"{len(faults)} faults" if faults else "ok"
        print(f"{what}: {looked_at}: {verdict}")
        if faults or not looked_at:
            self.failed += 1
        else:
            self.passed += 1


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def files_below(root, place):
    path = os.path.join(root, place)
    if os.path.isfile(path):
        yield place
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name not in (".deps", ".git", "__pycache__"))
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), root)


def c_files(root, *places):
    return [path for place in places for path in files_below(root, place) if path.endswith((".c", ".h"))]


def include_faults(root, path, folder):
    """Faults of one file of src/folder, and the number of its includes."""
    faults = []
    found = re.findall(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', read(os.path.join(root, path)), re.M)
    for kind, name in found:
        target = name.split("/")[0]
        if kind == "<":
            allowed = folder != "core" or name in CORE_HEADERS
        elif "/" not in name:
            allowed = name == "config.h" and folder != "core"
        else:
            allowed = target in ALLOWED_FOLDERS[folder]
        if not allowed:
            faults.append(f"{path}: must not include {name}")
    return faults, len(found)


def check_includes(report, root):
    for folder, allowed in ALLOWED_FOLDERS.items():
        faults, includes = [], 0
        paths = c_files(root, f"src/{folder}")
        for path in paths:
            more, count = include_faults(root, path, folder)
            faults += more
            includes += count
        looked_at = f"{len(paths)} files, {includes} includes" if paths else ""
        report.check(f"src/{folder} includes only {', '.join(sorted(allowed))}", looked_at, faults)
    strangers = sorted(set(os.listdir(os.path.join(root, "src"))) - set(ALLOWED_FOLDERS) - {".deps", ".dirstamp"})
    report.check("src has known folders only", f"{len(ALLOWED_FOLDERS)} folders",
                 [f"src/{name}: which layer is it?" for name in strangers])


def nm(archive, *options):
    result = subprocess.run([os.environ.get("NM", "nm"), *options, archive],
                            capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def find_archive(name):
    if os.path.exists(name):
        return name
    for folder, _, names in os.walk("."):
        if name in names:
            return os.path.join(folder, name)
    return None


def undefined_symbols(archive):
    """Of the archive as a whole: what one of its objects defines is no need of it."""
    defined = {line.split()[-1] for line in nm(archive, "--defined-only", "-g") if len(line.split()) == 3}
    needed = {line.split()[-1] for line in nm(archive, "-u") if line.split()[:1] == ["U"]}
    return sorted(needed - defined)


def check_core_symbols(report, archive):
    symbols = [name for name in undefined_symbols(archive) if not NOT_OURS.fullmatch(name)]
    faults = [f"core calls {name}" for name in symbols
              if not CORE_SYMBOLS.fullmatch(name) or name in CORE_REFUSED]
    report.check("core calls nothing but arithmetic", f"{len(symbols)} symbols" if symbols else "", faults)


def check_core_state(report, archive):
    """Writable data in core would be state that no caller passes in.

    Constants that hold pointers stand in .data.rel: there the linker writes, not core.
    """
    lines = [line.split("|") for line in nm(archive, "-f", "sysv", "--defined-only")]
    objects = [(fields[0].strip(), fields[6].strip()) for fields in lines if len(fields) == 7]
    if any("asan" in name for name, _ in objects):
        print("core keeps no state of its own: SKIP, the sanitizer adds its own")
        return
    faults = [f"core has writable {name} in {section}" for name, section in objects
              if re.fullmatch(r"\.data(?!\.rel).*|\.bss.*|\.tdata.*|\.tbss.*|COMMON|\*COM\*", section)]
    report.check("core keeps no state of its own", f"{len(objects)} symbols" if objects else "", faults)


def check_core_archive(report):
    archive = find_archive("libcore.a")
    if archive is None:
        report.check("core archive", "libcore.a", ["libcore.a is not built"])
        return
    check_core_symbols(report, archive)
    check_core_state(report, archive)


def function_lengths(text):
    """(name, lines) of each function: its body starts and ends with a brace at the line's begin."""
    lines = text.splitlines()
    begin, found = None, []
    for number, line in enumerate(lines):
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            found.append((function_name(lines, begin), number - begin + 1))
            begin = None
    return found


def function_name(lines, brace):
    """Looks up from the opening brace for the line that the signature starts on."""
    for line in reversed(lines[max(0, brace - 6):brace]):
        match = re.match(r"\w.*?(\w+)\(", line)
        if match:
            return match.group(1)
    return "?"


def check_sizes(report, root, paths):
    faults, functions = [], []
    for path in paths:
        text = read(os.path.join(root, path))
        count = text.count("\n")
        if count > FILE_LINES_MAX:
            faults.append(f"{path}: {count} lines")
        functions += [(lines, name, path) for name, lines in function_lengths(text)]
    report.check(f"files have at most {FILE_LINES_MAX} lines", f"{len(paths)} files", faults)
    long = [f"{path}: {name}() has {lines} lines" for lines, name, path in functions
            if lines > FUNCTION_LINES_MAX]
    ours = [lines for lines, _, path in functions if path.startswith("src/")]
    looked_at = ""
    if ours:
        looked_at = f"{len(functions)} functions, in src median {statistics.median(ours):g}, longest {max(ours)}"
    report.check(f"functions have at most {FUNCTION_LINES_MAX} lines", looked_at, long)


def check_licences(report, root, paths):
    expected = "/* SPDX-License-Identifier: GPL-2.0-or-later */"
    faults = [f"{path}: its first line is not the licence" for path in paths
              if read(os.path.join(root, path)).split("\n", 1)[0] != expected]
    report.check("each C file starts with its licence", f"{len(paths)} files", faults)


def texts(root):
    """What git tracks, or where it is no clone, what a release has."""
    if os.path.exists(os.path.join(root, ".git")):
        try:
            result = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=True)
            return [name for name in result.stdout.decode().split("\0") if name]
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"  git cannot say what it tracks ({error}): looking at the folders")
    return [path for place in TEXT_PLACES for path in files_below(root, place)
            if not path.endswith(BUILT_SUFFIXES)]


def check_machine_paths(report, root):
    faults, looked_at = [], 0
    for path in texts(root):
        full = os.path.join(root, path)
        if not os.path.isfile(full):
            continue
        with open(full, "rb") as file:
            content = file.read()
        if b"\0" in content:
            continue
        looked_at += 1
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if MACHINE_PATHS.search(line):
                faults.append(f"{path}:{number}: {line.strip()[:80]}")
    report.check("no text names a path of one machine", f"{looked_at} files" if looked_at else "", faults)


def main():
    root = os.environ.get("srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    report = Report()
    paths = c_files(root, "src", "tests", "bench")
    check_includes(report, root)
    check_core_archive(report)
    check_sizes(report, root, paths)
    check_licences(report, root, paths)
    check_machine_paths(report, root)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
