/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One direction of a link as a pipe that flows share: what each gets, and when it has moved all its bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Processor sharing with a rate of its own for each flow (max-min fairness; Bertsekas, Gallager, "Data Networks", 6.5.2):
 * while their own rates fit into the capacity all move at them. Else there is one level for all, so that
 * min(own rate, level) summed up is the capacity: a flow that wants less than the level does not feel the others.
 * Exact between events; an event costs O(log n). Times are seconds of any clock that does not go back.
 */

/* Where a flow stands in its two heaps; the caller has one for each number, shared by pipes that have no flow in common. */
struct fluid_flow {
	uint32_t place[2];
	double own;    /* bytes a second */
	bool squeezed; /* gets the level, not its own rate */
};

/* Entries by key, the least first. */
struct fluid_heap {
	struct fluid_entry {
		double key;
		uint32_t flow;
	} *entries;
	size_t count, room;
};

struct fluid {
	double capacity;      /* bytes a second; 0: without an end */
	double now;
	double moved;         /* bytes, by all flows so far */
	double free_rate;     /* of the flows that move at their own rate */
	double level;         /* of those that are squeezed */
	double squeezed_work; /* bytes that each of those has moved, since there were any */
	struct fluid_heap free_ends, free_rates, squeezed_ends, squeezed_rates;
};

/* Nothing can fail yet. Close it in any case. */
void fluid_open(struct fluid *fluid, double capacity, double now);
void fluid_close(struct fluid *fluid);

/* A flow begins now (see fluid_advance()) that has bytes > 0 to move, at own > 0 a second at most. 0 or -ENOMEM. */
int fluid_add(struct fluid *fluid, struct fluid_flow *flows, uint32_t number, double bytes, double own);

/* A flow ends before it has moved all. */
void fluid_remove(struct fluid *fluid, struct fluid_flow *flows, uint32_t number);

/* When the next flow has moved all its bytes, and which; infinite where there is none. */
double fluid_next(const struct fluid *fluid, uint32_t *ret_number);

/* Moves bytes until then; not past fluid_next(). */
void fluid_advance(struct fluid *fluid, double now);

/* Bytes a second, of all flows together, now. */
double fluid_rate(const struct fluid *fluid);

/* Flows that have begun and not ended. */
size_t fluid_flows(const struct fluid *fluid);
