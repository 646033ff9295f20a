/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recognises a flood of connections that nobody finishes, whoever their sources pretend to be. */

#include "core/flood.h"

/* Fewer than so many in a window are no flood, whatever becomes of them. */
#define HARDLY_ANY 32

static uint64_t growth(uint64_t before, uint64_t now)
{
	return now >= before ? now - before : now;
}

static uint64_t sum(const uint64_t seconds[static FLOOD_WINDOW_S])
{
	uint64_t total = 0;

	for (int i = 0; i < FLOOD_WINDOW_S; i++)
		total += seconds[i];
	return total;
}

static bool is_flood(uint64_t begun, uint64_t finished)
{
	return begun > finished && begun - finished > FLOOD_HALF_OPEN && finished * 2 < begun;
}

static bool is_calm(uint64_t begun, uint64_t finished)
{
	return begun < HARDLY_ANY || finished * 10 >= begun * 9;
}

static enum flood_news judge(struct flood *flood)
{
	uint64_t begun = sum(flood->begun), finished = sum(flood->finished);

	if (!flood->raging) {
		flood->raging = is_flood(begun, finished);
		flood->calm_s = 0;
		return flood->raging ? FLOOD_BEGINS : FLOOD_NOTHING;
	}
	flood->calm_s = is_calm(begun, finished) ? flood->calm_s + 1 : 0;
	if (flood->calm_s < FLOOD_CALM_S)
		return FLOOD_NOTHING;
	flood->raging = false;
	return FLOOD_ENDS;
}

enum flood_news flood_second(struct flood *flood, uint64_t begun, uint64_t finished)
{
	uint32_t now = flood->second++ % FLOOD_WINDOW_S;

	flood->begun[now] = flood->started ? growth(flood->all_begun, begun) : 0;
	flood->finished[now] = flood->started ? growth(flood->all_finished, finished) : 0;
	flood->all_begun = begun;
	flood->all_finished = finished;
	flood->started = true;
	return judge(flood);
}

uint32_t flood_rate(const struct flood *flood)
{
	return (uint32_t)(sum(flood->begun) / FLOOD_WINDOW_S);
}
