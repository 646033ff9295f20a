# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws distributions as SVG: a panel for each experiment, a line for each side."""

from xml.sax.saxutils import escape

PANEL_WIDTH, PANEL_HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 36, 48
LINE_HEIGHT = 16
COLOURS = ["#7f7f7f", "#bcbd22", "#1f77b4", "#ff7f0e", "#9467bd", "#8c564b", "#2ca02c", "#d62728", "#17becf", "#e377c2"]
PERCENTILE_MAX = 0.98  # where the axis of seconds ends


def nice_step(length):
    """A step of 1, 2 or 5 times a power of ten that divides length into 4 to 10."""
    step = 10.0 ** -3
    for factor in (2, 2.5, 2) * 8:
        if length / step <= 10:
            break
        step *= factor
    return step


class Panel:
    """Share of pages (up) that were loaded within so many seconds (right)."""

    def __init__(self, title, series, y):
        self.title, self.series, self.y = title, series, y
        tops = [sorted(values)[int(PERCENTILE_MAX * (len(values) - 1))] for values in series.values()]
        self.longest = max(tops) or 1

    def right(self, seconds):
        return LEFT + (PANEL_WIDTH - LEFT - RIGHT) * min(1.0, seconds / self.longest)

    def up(self, share):
        return self.y + TOP + (PANEL_HEIGHT - TOP - BOTTOM) * (1 - share)

    def axes(self):
        yield f'<text x="{LEFT}" y="{self.y + 22}" font-weight="bold">{escape(self.title)}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1):
            yield (f'<path d="M{LEFT} {self.up(share):.1f}H{PANEL_WIDTH - RIGHT}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{self.up(share) + 4:.1f}" text-anchor="end">{100 * share:.0f} %</text>')
        step, seconds = nice_step(self.longest), 0.0
        while seconds <= self.longest:
            yield (f'<text x="{self.right(seconds):.1f}" y="{self.up(0) + 16:.1f}" '
                   f'text-anchor="middle">{seconds:g}</text>')
            seconds = round(seconds + step, 6)
        yield (f'<text x="{PANEL_WIDTH / 2:.0f}" y="{self.up(0) + 34:.1f}" text-anchor="middle">'
               "seconds until a page is loaded</text>")

    def line(self, values, colour):
        points = [f"M{self.right(0):.1f} {self.up(0):.1f}"]
        for i, seconds in enumerate(sorted(values)):
            points.append(f"H{self.right(seconds):.1f}V{self.up((i + 1) / len(values)):.1f}")
        return f'<path d="{"".join(points)}" fill="none" stroke="{colour}" stroke-width="1.6"/>'

    def draw(self):
        yield from self.axes()
        for i, (name, values) in enumerate(self.series.items()):
            colour, y = COLOURS[i % len(COLOURS)], self.y + TOP + 10 + LINE_HEIGHT * i
            yield self.line(values, colour)
            yield (f'<path d="M{PANEL_WIDTH} {y}h18" stroke="{colour}" stroke-width="3"/>'
                   f'<text x="{PANEL_WIDTH + 24}" y="{y + 4}">{escape(name)}, '
                   f'{sum(values) / len(values):.2f} s</text>')


def write(path, panels):
    """panels: title -> name of a side -> seconds of its pages. The mean stands beside the name."""
    width, height = PANEL_WIDTH + 280, PANEL_HEIGHT * len(panels)
    with open(path, "w", encoding="utf-8") as file:
        print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
              'font-family="sans-serif" font-size="12">', file=file)
        print(f'<rect width="{width}" height="{height}" fill="white"/>', file=file)
        for i, (title, series) in enumerate(panels.items()):
            print("\n".join(Panel(title, series, i * PANEL_HEIGHT).draw()), file=file)
        print("</svg>", file=file)
