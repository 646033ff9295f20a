/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a link was like over a day or a week. */

#include "core/tally.h"

#include <string.h>

static void count_bytes(struct tally *tally, const uint64_t *counters)
{
	for (size_t i = 0; i < 2; i++) {
		if (tally->counters[i] != 0)
			tally->bytes[i] += counters[i] >= tally->counters[i] ? counters[i] - tally->counters[i] : counters[i];
		tally->counters[i] = counters[i];
	}
}

static void pass_down(struct tally *tally, uint32_t seconds)
{
	tally->outages += tally->outage_s == 0;
	tally->down_s += seconds;
	tally->outage_s += seconds;
	if (tally->longest_s < tally->outage_s)
		tally->longest_s = tally->outage_s;
}

void tally_pass(struct tally *tally, enum link_state state, unsigned int hour, uint32_t seconds, const uint64_t *counters)
{
	uint32_t bad = state == LINK_UP ? 0 : seconds;

	tally->watched_s += seconds;
	if (state == LINK_DOWN && seconds > 0)
		pass_down(tally, seconds);
	else if (state != LINK_DOWN)
		tally->outage_s = 0;
	if (state == LINK_DEGRADED)
		tally->degraded_s += seconds;
	if (hour < TALLY_HOURS)
		tally->bad_s[hour] = (uint16_t)(tally->bad_s[hour] + bad < UINT16_MAX ? tally->bad_s[hour] + bad : UINT16_MAX);
	if (counters != NULL)
		count_bytes(tally, counters);
}

void tally_renew(struct tally *tally)
{
	struct tally fresh = { .counters = { tally->counters[0], tally->counters[1] } };

	*tally = fresh;
}

uint32_t tally_uptime(const struct tally *tally)
{
	if (tally->watched_s == 0)
		return 10000;
	return (uint32_t)((tally->watched_s - tally->down_s) * 10000 / tally->watched_s);
}

size_t tally_worst(const struct tally *tally, unsigned int *ret_hours, size_t room)
{
	size_t count = 0;

	for (unsigned int hour = 0; hour < TALLY_HOURS; hour++) {
		size_t place = count;

		while (place > 0 && tally->bad_s[ret_hours[place - 1]] < tally->bad_s[hour])
			place--;
		if (tally->bad_s[hour] == 0 || place >= room)
			continue;
		count += count < room;
		memmove(&ret_hours[place + 1], &ret_hours[place], (count - 1 - place) * sizeof(*ret_hours));
		ret_hours[place] = hour;
	}
	return count;
}
