/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long it takes to see that a link is silent, and that it is back: ours, and as others do by default. */

#include "distribution.h"

#include <stdbool.h>
#include <stdlib.h>

#include "line.h"

#define SECOND_US UINT64_C(1000000)
#define TRIP_US   20000
#define WARM_US   (120 * SECOND_US)
#define CUT_US    (120 * SECOND_US)
#define AFTER_US  (300 * SECOND_US)

/* What is sent then is answered. */
static bool answered(uint64_t sent_us, uint64_t cut_us, uint64_t mended_us)
{
	return sent_us + TRIP_US <= cut_us || sent_us >= mended_us;
}

static void play_ours(uint32_t interval_ms, uint64_t cut_us, uint64_t mended_us, uint64_t seed, uint64_t *ret_down_us,
	uint64_t *ret_up_us)
{
	struct line line = line_new(interval_ms, TRIP_US, seed);
	uint64_t base = line.start_us;

	line.spread_us = TRIP_US / 4;
	line.cut_us = base + cut_us;
	line.mended_us = base + mended_us;
	*ret_down_us = line_until(&line, LINK_DOWN, base + mended_us) - base;
	*ret_up_us = line_until(&line, LINK_UP, base + mended_us + AFTER_US) - base;
}

static void ours(uint64_t cut_us, uint64_t mended_us, uint64_t seed, uint64_t *ret_down_us, uint64_t *ret_up_us)
{
	play_ours(1000, cut_us, mended_us, seed, ret_down_us, ret_up_us);
}

static void ours_quick(uint64_t cut_us, uint64_t mended_us, uint64_t seed, uint64_t *ret_down_us, uint64_t *ret_up_us)
{
	play_ours(200, cut_us, mended_us, seed, ret_down_us, ret_up_us);
}

/* One target at a time: a probe, its answer or its timeout, a pause; so many in a row either way. */
struct in_turn {
	uint64_t timeout_us, pause_us;
	bool on_grid; /* the pause is counted from the probe, not from its end */
	unsigned int down, up;
};

static void play_in_turn(const struct in_turn *how, uint64_t cut_us, uint64_t mended_us, uint64_t *ret_down_us,
	uint64_t *ret_up_us)
{
	unsigned int failed = 0, good = 0;
	uint64_t now = 0;

	*ret_down_us = *ret_up_us = LINE_NEVER;
	while (*ret_up_us == LINE_NEVER && now < mended_us + AFTER_US) {
		bool came = answered(now, cut_us, mended_us);
		uint64_t end = now + (came ? TRIP_US : how->timeout_us);

		failed = came ? 0 : failed + 1;
		good = came ? good + 1 : 0;
		if (*ret_down_us == LINE_NEVER && failed == how->down)
			*ret_down_us = end;
		if (*ret_down_us != LINE_NEVER && good == how->up)
			*ret_up_us = end;
		now = how->on_grid && now + how->pause_us > end ? now + how->pause_us : end + (how->on_grid ? 0 : how->pause_us);
	}
}

/* mwan3 2.12: interval 10 s, timeout 4 s, down 5, up 5; it sleeps after each round. */
static void mwan3(uint64_t cut_us, uint64_t mended_us, uint64_t seed, uint64_t *ret_down_us, uint64_t *ret_up_us)
{
	static const struct in_turn how = { 4 * SECOND_US, 10 * SECOND_US, false, 5, 5 };

	(void)seed;
	play_in_turn(&how, cut_us, mended_us, ret_down_us, ret_up_us);
}

/* VyOS: 5 s of sleep between sweeps, 5 s for an answer, once is enough; as if this were the only link that is swept. */
static void vyos(uint64_t cut_us, uint64_t mended_us, uint64_t seed, uint64_t *ret_down_us, uint64_t *ret_up_us)
{
	static const struct in_turn how = { 5 * SECOND_US, 5 * SECOND_US, false, 1, 1 };

	(void)seed;
	play_in_turn(&how, cut_us, mended_us, ret_down_us, ret_up_us);
}

/* Peplink: every 5 s, 5 s for an answer, three in a row; in its favour a probe goes out as soon as one has failed. */
static void peplink(uint64_t cut_us, uint64_t mended_us, uint64_t seed, uint64_t *ret_down_us, uint64_t *ret_up_us)
{
	static const struct in_turn how = { 5 * SECOND_US, 5 * SECOND_US, true, 3, 3 };

	(void)seed;
	play_in_turn(&how, cut_us, mended_us, ret_down_us, ret_up_us);
}

#define DPINGER_SEND_US   (SECOND_US / 2)
#define DPINGER_WINDOW_US (60 * SECOND_US)
#define DPINGER_LOST_US   (2 * SECOND_US)
#define DPINGER_HOLD      10

/* Of the probes of the last minute that are old enough to be lost; in percent, rounded down. */
static unsigned int dpinger_loss(uint64_t now, uint64_t cut_us, uint64_t mended_us)
{
	uint64_t first = now > DPINGER_WINDOW_US ? now - DPINGER_WINDOW_US : 0;
	unsigned int sent = 0, lost = 0;

	first = (first + DPINGER_SEND_US - 1) / DPINGER_SEND_US * DPINGER_SEND_US;
	for (uint64_t at = first; at + DPINGER_LOST_US <= now; at += DPINGER_SEND_US) {
		sent++;
		lost += !answered(at, cut_us, mended_us);
	}
	return sent == 0 ? 0 : lost * 100 / sent;
}

/* pfSense: dpinger, twice a second over a minute, lost after 2 s; out above 20 %, back after 10 looks of 1 s below. */
static void pfsense(uint64_t cut_us, uint64_t mended_us, uint64_t seed, uint64_t *ret_down_us, uint64_t *ret_up_us)
{
	unsigned int calm = 0;

	*ret_down_us = *ret_up_us = LINE_NEVER;
	for (uint64_t now = seed % SECOND_US; *ret_up_us == LINE_NEVER && now < mended_us + AFTER_US; now += SECOND_US) {
		bool bad = dpinger_loss(now, cut_us, mended_us) > 20;

		calm = bad ? 0 : calm + 1;
		if (bad && *ret_down_us == LINE_NEVER)
			*ret_down_us = now;
		if (*ret_down_us != LINE_NEVER && calm == DPINGER_HOLD)
			*ret_up_us = now;
	}
}

const struct manner manners[] = {
	{ "uplinkd, defaults", ours },
	{ "uplinkd, interval: 200ms", ours_quick },
	{ "Peplink, defaults", peplink },
	{ "VyOS, defaults", vyos },
	{ "pfSense, defaults", pfsense },
	{ "mwan3, defaults", mwan3 },
	{ NULL, NULL },
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void distribution(const struct manner *manner, uint64_t seed, struct times *ret_times)
{
	uint64_t random = seed * 2 + 1;

	for (size_t i = 0; i < PHASES; i++) {
		uint64_t cut_us = WARM_US + line_random(&random, 20 * SECOND_US);
		uint64_t mended_us = cut_us + CUT_US + line_random(&random, 20 * SECOND_US), down_us, up_us;

		manner->play(cut_us, mended_us, seed + i, &down_us, &up_us);
		ret_times->detection_us[i] = down_us - cut_us;
		ret_times->recovery_us[i] = up_us - mended_us;
	}
	qsort(ret_times->detection_us, PHASES, sizeof(uint64_t), compare);
	qsort(ret_times->recovery_us, PHASES, sizeof(uint64_t), compare);
}

uint64_t quantile(const uint64_t sorted[PHASES], unsigned int part)
{
	return sorted[(size_t)part * (PHASES - 1) / 1000];
}
