# SPDX-License-Identifier: GPL-2.0-or-later
"""Made-up pages and rates of links, shaped as "flow-based load balancing" papers tell of theirs; the same for a seed.

Pages (the 100 most visited sites, each flow a connection of its own): 42 flows on average, many above 30, at most
281; the majority of flows has a few hundred kB or less, and the largest of some 4,200 is close to 5 MB. The four with
most flows have 281, 207, 169 and 151. Flows of a page here: lognormal, median 27.5, sigma 0.92: the mean is 42, and of
100 pages the four largest are expected at some 280, 200, 165 and 145. Bytes of a flow: lognormal, median 170 kB, sigma 0.95: 80 of 100
are below 380 kB, the largest of 4,200 is expected at 5 MB, and nothing is larger.

Rates (a walk over a campus, measured each second): indoors WiFi is up to five times what LTE gives outdoors, and LTE
weak; outdoors LTE is steady, WiFi mostly below it, up and down, with stretches of nothing.
"""

import dataclasses
import math
import random

FLOWS_MEDIAN, FLOWS_SIGMA, FLOWS_MAX = 27.5, 0.92, 281
BYTES_MEDIAN, BYTES_SIGMA, BYTES_MAX = 170_000, 0.95, 5_000_000
BYTES_MIN = 200
FLOWS_OF_HOST = 7  # a browser opens 6 connections to a host, and 24 need four hosts
HOSTS_MAX = 12

INDOORS = 0.3  # part of the walk
LTE_INDOORS = 0.25  # of what it gives outdoors
GAPS = 0.25  # part of the stretches outdoors without WiFi


@dataclasses.dataclass
class Page:
    """Objects: pairs of the number of the host and bytes."""

    number: int
    objects: list

    @property
    def size(self):
        return sum(size for _, size in self.objects)


def pages(seed, count):
    chance = random.Random(f"pages {seed}")
    made = []
    for number in range(count):
        flows = min(FLOWS_MAX, max(1, round(chance.lognormvariate(math.log(FLOWS_MEDIAN), FLOWS_SIGMA))))
        hosts = min(HOSTS_MAX, math.ceil(flows / FLOWS_OF_HOST))
        sizes = [chance.lognormvariate(math.log(BYTES_MEDIAN), BYTES_SIGMA) for _ in range(flows)]
        made.append(Page(number, [(i % hosts, round(min(BYTES_MAX, max(BYTES_MIN, size))))
                                  for i, size in enumerate(sizes)]))
    return made


def stretches(chance, seconds):
    """Lengths in seconds, 3 to 12, that fill seconds: for as long the surroundings stay much the same."""
    left = seconds
    while left > 0:
        length = min(left, chance.randint(3, 12))
        yield length
        left -= length


def walk(seed, seconds, steady):
    """For each second mbit/s of (WiFi, LTE), 0 where there is nothing; steady: what LTE gives outdoors."""
    chance = random.Random(f"walk {seed}")
    indoors = round(seconds * INDOORS)
    lte = [steady * (LTE_INDOORS if second < indoors else 1) * chance.uniform(0.9, 1.1) for second in range(seconds)]
    wifi = []
    for length in stretches(chance, indoors):
        level = chance.uniform(1, 4)
        wifi += [steady * min(5, level * chance.uniform(0.6, 1.4)) for _ in range(length)]
    for length in stretches(chance, seconds - indoors):
        level = 0 if chance.random() < GAPS else chance.uniform(0.1, 1.1)
        wifi += [steady * level * chance.uniform(0.6, 1.4) for _ in range(length)]
    return list(zip(wifi, lte))
