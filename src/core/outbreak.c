/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told of a link's changes, and what is gathered. */

#include "core/outbreak.h"

#include <stddef.h>
#include <string.h>

static void move(int64_t *moment, int64_t by)
{
	if (*moment != 0)
		*moment -= by;
}

/* A clock that was set back: what was, was just before now. */
static void follow_clock(struct outbreak *outbreak, int64_t now)
{
	int64_t latest = outbreak->changed > outbreak->spoken ? outbreak->changed : outbreak->spoken, by = latest - now;

	if (by <= 0)
		return;
	move(&outbreak->changed, by);
	move(&outbreak->since, by);
	move(&outbreak->spoken, by);
	move(&outbreak->flapping_since, by);
	move(&outbreak->settled, by);
	for (size_t i = 0; i < OUTBREAK_CHANGES; i++)
		move(&outbreak->told[i], by);
}

static void gather(struct outbreak *outbreak, enum link_state state, int64_t now)
{
	if (outbreak->state == LINK_DOWN)
		outbreak->down_s += (uint64_t)(now - outbreak->changed);
	outbreak->changes++;
	outbreak->outages += state == LINK_DOWN && outbreak->state != LINK_DOWN;
}

static enum outbreak_word begin_flapping(struct outbreak *outbreak, enum link_state state, int64_t now)
{
	bool again = outbreak->settled != 0 && now - outbreak->settled < OUTBREAK_CALM_S;

	outbreak->flapping_since = now;
	outbreak->changes = 1;
	outbreak->outages = state == LINK_DOWN;
	outbreak->down_s = 0;
	if (!again || outbreak->quiet_s == 0)
		outbreak->quiet_s = OUTBREAK_QUIET_S;
	else if (outbreak->quiet_s * 2 <= OUTBREAK_QUIET_MOST_S)
		outbreak->quiet_s *= 2;
	else
		outbreak->quiet_s = OUTBREAK_QUIET_MOST_S;
	return OUTBREAK_FLAPS;
}

static enum outbreak_word tell_change(struct outbreak *outbreak, int64_t now)
{
	memmove(&outbreak->told[1], &outbreak->told[0], sizeof(outbreak->told) - sizeof(outbreak->told[0]));
	outbreak->told[0] = now;
	return OUTBREAK_CHANGE;
}

enum outbreak_word outbreak_change(struct outbreak *outbreak, enum link_state state, int64_t now)
{
	enum outbreak_word word = OUTBREAK_SILENCE;
	int64_t oldest;

	follow_clock(outbreak, now);
	oldest = outbreak->told[OUTBREAK_CHANGES - 1];
	if (outbreak->flapping_since != 0)
		gather(outbreak, state, now);
	else if (oldest != 0 && now - oldest < OUTBREAK_WINDOW_S)
		word = begin_flapping(outbreak, state, now);
	else
		word = tell_change(outbreak, now);
	if (outbreak->since == 0)
		outbreak->since = now;
	if (state == LINK_UP && outbreak->flapping_since == 0)
		outbreak->since = 0;
	outbreak->state = state;
	outbreak->changed = now;
	if (word != OUTBREAK_SILENCE)
		outbreak->spoken = now;
	return word;
}

static enum outbreak_word settle(struct outbreak *outbreak, int64_t now)
{
	if (outbreak->state == LINK_DOWN)
		outbreak->down_s += (uint64_t)(now - outbreak->changed);
	outbreak->lasted_s = (uint64_t)(now - outbreak->flapping_since);
	outbreak->flapping_since = 0;
	outbreak->settled = now;
	outbreak->spoken = now;
	if (outbreak->state == LINK_UP)
		outbreak->since = 0;
	return OUTBREAK_SETTLED;
}

enum outbreak_word outbreak_second(struct outbreak *outbreak, uint32_t reminder_s, int64_t now)
{
	follow_clock(outbreak, now);
	if (outbreak->flapping_since != 0 && now - outbreak->changed >= outbreak->quiet_s)
		return settle(outbreak, now);
	if (outbreak->since == 0 || reminder_s == 0 || now - outbreak->spoken < reminder_s)
		return OUTBREAK_SILENCE;
	outbreak->spoken = now;
	return OUTBREAK_REMINDER;
}

bool outbreak_over(const struct outbreak *outbreak, int64_t now)
{
	return outbreak->since == 0 && now - outbreak->changed >= OUTBREAK_WINDOW_S;
}
