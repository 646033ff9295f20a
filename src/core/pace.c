/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a link carries at most in this moment: less than its capacity where a radio is slow just now. */

#include "core/pace.h"

#include <string.h>

/* Of the capacity: a link that carries nothing is tried again now and then. */
#define LEAST_PARTS 50

/* A look after longer than this begins anew. */
#define LOOK_MAX_MS 3000

static double least(double a, double b)
{
	return a < b ? a : b;
}

/* What went through since the last look; false: there is nothing to compare with. */
static bool rates_of(const struct pace *pace, const struct pace_look *look, double *ret_rates)
{
	uint64_t past_ms = look->now_ms - pace->at_ms;

	if (!pace->counted || past_ms == 0 || past_ms > LOOK_MAX_MS)
		return false;
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		if (look->bytes[direction] < pace->bytes[direction])
			return false;
		ret_rates[direction] = (double)(look->bytes[direction] - pace->bytes[direction]) * 8000 / (double)past_ms;
	}
	return true;
}

/* Round trips do not say in which direction the queue is: where what goes through is more of what there is. */
static enum direction queued(const struct pace_look *look, const double *rates)
{
	if (look->capacity_bps[DOWNLOAD] == 0 || look->capacity_bps[UPLOAD] == 0)
		return rates[UPLOAD] > rates[DOWNLOAD] ? UPLOAD : DOWNLOAD;
	return rates[UPLOAD] / (double)look->capacity_bps[UPLOAD] > rates[DOWNLOAD] / (double)look->capacity_bps[DOWNLOAD]
		? UPLOAD : DOWNLOAD;
}

/* Down it goes more slowly than up: the queue may be gone since it was seen. */
static double following(double bps, double rate, bool silent, double past_ms)
{
	double step = past_ms / (rate < bps ? PACE_FALL_MS : PACE_FOLLOW_MS);

	return bps + (rate - bps) * (silent ? 1 : least(step, 0.7));
}

static double next_bps(double bps, double rate, double capacity, const struct pace_look *look, bool whole, double past_ms)
{
	if (bps <= 0)
		bps = capacity;
	if (whole) {
		bps = following(bps, rate, look->silent, past_ms);
	} else {
		bps = rate > bps ? rate : bps;
		bps += (capacity - bps) * least(past_ms / PACE_TRUST_MS, 1);
	}
	return bps > capacity / LEAST_PARTS ? bps : capacity / LEAST_PARTS;
}

void pace_look(struct pace *pace, const struct pace_look *look)
{
	double rates[DIRECTIONS] = { 0 }, past_ms = (double)(look->now_ms - pace->at_ms);
	bool known = rates_of(pace, look, rates);

	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		bool whole = look->whole && queued(look, rates) == direction;

		if (look->capacity_bps[direction] == 0)
			pace->bps[direction] = 0;
		else if (known)
			pace->bps[direction] = next_bps(pace->bps[direction], rates[direction], (double)look->capacity_bps[direction],
				look, whole, past_ms);
	}
	memcpy(pace->bytes, look->bytes, sizeof(pace->bytes));
	pace->at_ms = look->now_ms;
	pace->counted = true;
}

uint64_t pace_bps(const struct pace *pace, enum direction direction)
{
	return (uint64_t)pace->bps[direction];
}
