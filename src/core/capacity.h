/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one direction of a link can carry, learnt from what it did carry. Pure; called once a second. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"

/*
 * An estimate that follows two proofs. What went through for two seconds in a row fits through: the estimate is never
 * below it. And what goes through while the queue grows is all that fits through: then the estimate comes down to it.
 */
struct capacity {
	uint64_t bps;         /* the estimate; 0: none yet */
	double confidence;    /* 0 to 1: how much was seen under congestion that agrees with it */
	bool known;           /* it was sure once, so it may be used */
	uint64_t before_bps;  /* the rate of the second before */
	unsigned int congested; /* seconds of congestion in a row */
	uint64_t held_bps;    /* what it was held to by us, last time */
	double growth;        /* a second, while it is held */
};

struct capacity_second {
	uint64_t rate_bps;
	bool congested;       /* and this direction is what fills the queue */
	uint64_t held_bps;    /* our own shaper lets no more through; 0: it is not shaped */
};

/*
 * Estimates by one more second. While our own shaper is the bottleneck no queue of the link grows and nothing above
 * the estimate gets through: as long as it is used whole, the estimate creeps upward by itself.
 */
void capacity_learn(struct capacity *capacity, const struct capacity_second *second);

/* What may be used: the estimate within its bounds, or 0 while it is not sure enough. */
uint64_t capacity_bps(const struct capacity *capacity, const struct learning *learning);

/* As it was before a restart. */
void capacity_recall(struct capacity *capacity, uint64_t bps, double confidence);
