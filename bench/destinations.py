# SPDX-License-Identifier: GPL-2.0-or-later
"""Destinations to which another link is the quickest each, and some of which change their mind."""

import statistics

import sides as laboratories
from ways import DESTINATIONS, LINKS, World, network

PER_SECOND = 80
LEARNING, FLIPPED, MEASURED = 800, 600, 1200  # connections
FLIPS = range(0, DESTINATIONS, 3)


class Visited:
    """Instead of pages and rates: ways of different lengths, and visitors."""

    def set_rates(self, rates):
        pass

    def start_server(self, root):
        self.world = World(self.lab)

    def visit(self, count):
        return self.world.visit(list(range(DESTINATIONS)), PER_SECOND, count)

    def flip(self):
        """What was the quickest way to some is the slowest now."""
        for number in FLIPS:
            ways = [self.world.ways[link][network(number)] for link in LINKS]
            for link, ms in zip(LINKS, ways[1:] + ways[:1]):
                self.world.change(number, link, ms)

    def least(self, number):
        return min(self.world.ways[link][network(number)] for link in LINKS)

    def judge(self, visits):
        """Seconds of each, and of the same connections had each taken the quickest way: that, and what all have on top."""
        taken = [item for item in visits if item["link"] is not None]
        ways = self.world.ways
        top = statistics.median(item["ms"] - ways[item["link"]][network(item["number"])] for item in taken)
        return ([item["ms"] / 1000 for item in taken],
                [(self.least(item["number"]) + top) / 1000 for item in taken])


class KernelVisited(Visited, laboratories.Kernel):
    pass


class UplinkdVisited(Visited, laboratories.Uplinkd):
    pass
