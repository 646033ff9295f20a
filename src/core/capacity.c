/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one direction of a link can carry, learnt from what it did carry. */

#include "core/capacity.h"

/* Seconds of congestion in a row until the estimate may come down: the first may be of the time before. */
#define CONGESTED_SECONDS 3

/* Of the distance, each second. */
#define DOWN_STEP 0.3

/* A rate within this part of the estimate agrees with it. */
#define AGREES 0.2

/* Of what is missing to certainty, by each second that agrees; seven of them make it known. */
#define CONFIDENCE_STEP 0.1
#define CONFIDENCE_LOSS 0.8
#define CONFIDENCE_KNOWN 0.5

/* While our own shaper is in the way: a second, from the last congestion on, and twice that after each step. */
#define GROWTH_LEAST 0.002
#define GROWTH_MOST  0.04
#define HELD_USED    0.9
#define HELD_AHEAD   1.3

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool agrees(const struct capacity *capacity, uint64_t rate_bps)
{
	double ratio = (double)rate_bps / (double)capacity->bps;

	return ratio > 1 - AGREES && ratio < 1 + AGREES;
}

/* What two seconds in a row carried. */
static void learn_peak(struct capacity *capacity, uint64_t rate_bps)
{
	uint64_t carried_bps = smaller(rate_bps, capacity->before_bps);

	if (carried_bps <= capacity->bps)
		return;
	if (capacity->bps != 0 && !agrees(capacity, carried_bps))
		capacity->confidence *= CONFIDENCE_LOSS;
	capacity->bps = carried_bps;
}

static void learn_congested(struct capacity *capacity, uint64_t rate_bps)
{
	uint64_t carried_bps = rate_bps > capacity->before_bps ? rate_bps : capacity->before_bps;

	if (capacity->bps == 0)
		return;
	if (agrees(capacity, rate_bps))
		capacity->confidence += (1 - capacity->confidence) * CONFIDENCE_STEP;
	else
		capacity->confidence *= CONFIDENCE_LOSS;
	capacity->known |= capacity->confidence >= CONFIDENCE_KNOWN;
	capacity->growth = GROWTH_LEAST;
	capacity->congested++;
	/* One slow second may be a pause of the sender, or the end of what filled the queue. */
	if (capacity->congested >= CONGESTED_SECONDS && carried_bps < capacity->bps)
		capacity->bps -= (uint64_t)((double)(capacity->bps - carried_bps) * DOWN_STEP);
}

static void learn_held(struct capacity *capacity, const struct capacity_second *second)
{
	if (second->held_bps > capacity->held_bps && capacity->growth < GROWTH_MOST)
		capacity->growth *= 2;
	capacity->held_bps = second->held_bps;
	if (capacity->growth < GROWTH_LEAST)
		capacity->growth = GROWTH_LEAST;
	if ((double)second->rate_bps < HELD_USED * (double)second->held_bps
	    || (double)capacity->bps > HELD_AHEAD * (double)second->held_bps)
		return;
	capacity->bps += (uint64_t)((double)capacity->bps * capacity->growth);
}

void capacity_learn(struct capacity *capacity, const struct capacity_second *second)
{
	learn_peak(capacity, second->rate_bps);
	if (second->congested)
		learn_congested(capacity, second->rate_bps);
	else
		capacity->congested = 0;
	if (second->held_bps > 0 && !second->congested)
		learn_held(capacity, second);
	capacity->before_bps = second->rate_bps;
}

uint64_t capacity_bps(const struct capacity *capacity, const struct learning *learning)
{
	uint64_t bps = capacity->bps;

	if (!capacity->known)
		return 0;
	if (bps < learning->least_bps)
		bps = learning->least_bps;
	return learning->most_bps != 0 && bps > learning->most_bps ? learning->most_bps : bps;
}

void capacity_recall(struct capacity *capacity, uint64_t bps, double confidence)
{
	*capacity = (struct capacity){ .bps = bps, .confidence = confidence, .known = bps > 0 };
}
