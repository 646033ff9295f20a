/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long it takes to see that a link is silent, and that it is back: ours, and as others do by default. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PHASES 2000

/* Sorted, in microseconds from the cut, or from its end. */
struct times {
	uint64_t detection_us[PHASES], recovery_us[PHASES];
};

/* A link that is cut for a minute and mended, at as many random phases of its checks. */
struct manner {
	const char *name;
	void (*play)(uint64_t cut_us, uint64_t mended_us, uint64_t seed, uint64_t *ret_down_us, uint64_t *ret_up_us);
};

/* Ends with one without a name; the first two are ours, by default and quick. */
extern const struct manner manners[];

void distribution(const struct manner *manner, uint64_t seed, struct times *ret_times);

/* Of sorted ones; part in permille: 0 is the least, 1000 the most. */
uint64_t quantile(const uint64_t sorted[PHASES], unsigned int part);
