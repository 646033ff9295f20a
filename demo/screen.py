# SPDX-License-Identifier: GPL-2.0-or-later
"""Calm text on a terminal: chapters, shares, quotations, claims. Colours only where they can be seen."""

import os
import sys
import textwrap
import time

WIDTH = 92
BAR = 40


class Screen:
    """Prints the story, and remembers which claims did not hold and what was measured."""

    def __init__(self, out=sys.stdout):
        self.out = out
        self.live = out.isatty()
        self.colours = self.live and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.unicode = "utf" in (out.encoding or "").lower()
        self.missed = []
        self.figures = []
        self.number = 0
        self.shown = False

    def paint(self, text, code):
        return f"\033[{code}m{text}\033[0m" if self.colours else text

    def sign(self, pretty, plain):
        return pretty if self.unicode else plain

    def line(self, text=""):
        self.clear()
        print(text, file=self.out, flush=True)

    def clear(self):
        """Takes the line of progress away."""
        if self.shown:
            self.out.write("\r\033[K")
            self.out.flush()
        self.shown = False

    def progress(self, text):
        """What goes on now; on a terminal alone."""
        if self.live:
            self.out.write("\r\033[K" + self.paint(f"  {text}"[:WIDTH], "2"))
            self.out.flush()
            self.shown = True

    def chapter(self, title):
        self.number += 1
        self.line()
        self.line(self.paint(f"{self.number}. {title}", "1"))
        self.line(self.paint(self.sign("─", "-") * WIDTH, "2"))

    def say(self, text):
        for line in textwrap.wrap(" ".join(text.split()), WIDTH):
            self.line(line)

    def quote(self, text, command=None):
        """What a program or a mail said, as it is."""
        self.line()
        if command:
            self.line("  " + self.paint(f"$ {command}", "36"))
        for line in text.rstrip("\n").splitlines():
            pieces = [line] if len(line) <= WIDTH + 12 else textwrap.wrap(line, WIDTH, subsequent_indent="    ")
            for piece in pieces:
                self.line(f"  {piece}".rstrip())
        self.line()

    def shares(self, counts, names):
        total = sum(counts.values()) or 1
        self.line()
        for name in names:
            part = counts.get(name, 0) / total
            bar = self.sign("█", "#") * round(part * BAR)
            self.line(f"  {name:<8} {self.paint(f'{bar:<{BAR}}', '34')} {counts.get(name, 0):>6,}  {part:6.1%}")
        self.line()

    def measured(self, what, value):
        """For the table at the end."""
        self.figures.append((what, value))

    def claim(self, holds, text):
        """Shown, or not: that decides how the demo ends."""
        if holds:
            self.line(f"  {self.paint(self.sign('✓', 'ok'), '32')} {text}")
        else:
            self.line(f"  {self.paint(self.sign('✗', '--') + ' not so:', '31')} {text}")
            self.missed.append(f"chapter {self.number}: {text}")
        return holds

    def table(self):
        widest = max(len(what) for what, _ in self.figures)
        for what, value in self.figures:
            self.line(f"  {what:<{widest}}  {value}")

    def watch(self, seconds, text):
        """Lets the traffic run for a while, and says so."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.progress(f"{text()}")
            time.sleep(min(left, 0.2))
        self.clear()
