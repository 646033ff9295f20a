/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recognises a flood of connections that nobody finishes, whoever their sources pretend to be. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FLOOD_WINDOW_S 10

/* A flood: more than so many half-open connections in a window, and less than half of all finished. */
#define FLOOD_HALF_OPEN 256

/* It has ended: nine of ten were finished, or hardly any came, for so long. */
#define FLOOD_CALM_S 60

/* One link's TCP connections from outside. All zero to begin with. */
struct flood {
	uint64_t begun[FLOOD_WINDOW_S], finished[FLOOD_WINDOW_S]; /* by second */
	uint64_t all_begun, all_finished; /* the counters when last read */
	uint32_t second, calm_s;
	bool started, raging;
};

enum flood_news {
	FLOOD_NOTHING,
	FLOOD_BEGINS,
	FLOOD_ENDS,
};

/*
 * begun and finished are counters of the connections that began, what a shield kept away included, and of
 * those whose handshake was completed. A counter that falls began anew. Call once a second.
 */
enum flood_news flood_second(struct flood *flood, uint64_t begun, uint64_t finished);

/* Connections begun per second, over the window. */
uint32_t flood_rate(const struct flood *flood);
