# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways of different lengths to several networks, by link, and visitors that tell how long a handshake took."""

import json
import os
import sys

from waiting import wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
LINKS = ["fiber", "cable", "lte"]
# Of the way to each destination, in ms, by link: a third of them is best by each.
WAYS = [(40, 80, 120), (120, 40, 80), (80, 120, 40)]
DESTINATIONS = 12


def network(number):
    return f"198.18.{number}.0/24"


def host(number):
    return f"198.18.{number}.1"


class World:
    """The laboratory with ways of different lengths to several networks."""

    def __init__(self, lab):
        self.lab = lab
        lab.ip("inet", ["route add local 198.18.0.0/15 dev lo"])
        self.ways = {link.name: {network(i): WAYS[i % 3][link.number - 1] for i in range(DESTINATIONS)}
                     for link in lab.links}
        for link in lab.links:
            self.write(link)
            lab.start(f"isp{link.number}", sys.executable, os.path.join(HERE, "delay.py"), self.path(link))
        for link in lab.links:
            wait_for(lambda path=f"{self.path(link)}.ready": os.path.exists(path), 10, "the long ways")

    def path(self, link):
        return os.path.join(self.lab.folder, f"ways-{link.name}.json")

    def write(self, link):
        with open(f"{self.path(link)}.new", "w", encoding="utf-8") as file:
            json.dump(self.ways[link.name], file)
        os.rename(f"{self.path(link)}.new", self.path(link))

    def change(self, number, link, ms):
        """From now on; None: nothing gets through."""
        self.ways[link][network(number)] = ms
        self.write(self.lab.link(link))

    def best(self, number):
        return min(LINKS, key=lambda link: self.ways[link][network(number)])

    def visit(self, numbers, per_second, count, patience=2.5, seed=1):
        """Connects to them, the first the most often; each with the link that it took."""
        options = {"addresses": [host(i) for i in numbers], "port": 443, "rate": per_second, "count": count,
                   "patience": patience, "seed": seed}
        done = self.lab.run("lan", sys.executable, os.path.join(HERE, "visits.py"), json.dumps(options))
        visits = json.loads(done.stdout)
        for item in visits:
            item["number"] = int(item["to"].split(".")[2])
            item["link"] = None if item["seen"] is None else self.lab.link_of(item["seen"])
        return visits

    def destinations(self, *words):
        """What the daemon has learnt, by number of the destination."""
        return {int(item["destination"].split(".")[2]): item for item in self.lab.ctl("paths", *words)["destinations"]}

    def measured(self, number, link):
        """Of one destination by one link, or None."""
        links = self.destinations().get(number, {"links": []})["links"]
        return next((item for item in links if item["link"] == link), None)
