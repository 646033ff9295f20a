/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a link carries at most in this moment: less than its capacity where a radio is slow just now. Pure; time is passed in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/loads.h"

/*
 * Several times a second the pace is led by what goes through. While a link is used whole, of which a queue tells, what
 * goes through is what it can: the pace follows it, with a time constant of PACE_FOLLOW_MS up and PACE_FALL_MS down. Else it is that at least,
 * and drifts back to the capacity within some PACE_TRUST_MS, for what a link that is not asked could do nobody knows.
 */
#define PACE_FOLLOW_MS 200
#define PACE_FALL_MS   400
#define PACE_TRUST_MS  10000

struct pace {
	bool counted;                /* bytes are of at_ms */
	uint64_t at_ms;
	uint64_t bytes[DIRECTIONS];
	double bps[DIRECTIONS];      /* 0: not known */
};

/* All zero is a pace that is not known. What a link is in the moment of a look: */
struct pace_look {
	uint64_t bytes[DIRECTIONS];        /* counters of the device */
	uint64_t capacity_bps[DIRECTIONS]; /* 0: not known, and then the pace is not either */
	bool whole;                        /* used so that a queue stands, in one direction */
	bool silent;                       /* the same, and nobody answers any more: what goes through is believed at once */
	uint64_t now_ms;
};

void pace_look(struct pace *pace, const struct pace_look *look);

/* Bits a second, a fiftieth of the capacity at least; 0: not known. */
uint64_t pace_bps(const struct pace *pace, enum direction direction);
