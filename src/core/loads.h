/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links as they are loaded now: measured by one thread, read by those that decide, without a lock. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/mark.h"

/* Seen from inside. */
enum direction {
	DOWNLOAD,
	UPLOAD,
};
#define DIRECTIONS 2

/* Whoever reads takes each figure alone: they may be of two seconds. 0 is what is not known. */
struct link_load {
	_Atomic uint64_t rate_bps[DIRECTIONS];     /* over the last second */
	_Atomic uint64_t capacity_bps[DIRECTIONS]; /* as configured, or as learnt */
	_Atomic uint64_t pace_bps[DIRECTIONS];     /* what it carries at most in this moment: core/pace.h */
	_Atomic uint64_t placed_bps[DIRECTIONS];   /* expected of what was placed since the rate was measured */
	_Atomic uint32_t connections;              /* that live; whoever decides adds, whoever sees the end subtracts */
	_Atomic uint32_t delay_us;                 /* latency, jitter and loss of the checks, as one delay */
	_Atomic bool full;                         /* one direction is: spillover passes it by */
	_Atomic bool congested;                    /* its queues grow */
};

/* By number of the link in marks. */
struct loads {
	struct link_load links[MARK_LINK_MAX + 1];
};

/* Nothing known of any link. The caller frees it with free(). NULL: no memory. */
struct loads *loads_new(void);

/* Of that link; loads may be NULL: then nothing is known. */
const struct link_load *loads_of(const struct loads *loads, uint8_t link);
