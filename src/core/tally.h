/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a link was like over a day or a week: for how long up, how much it carried, and in which hours it was bad. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/health.h"

#define TALLY_HOURS 168

/* Since it was begun with all zero. */
struct tally {
	uint64_t watched_s;         /* the daemon knew of it */
	uint64_t down_s, degraded_s;
	uint64_t outage_s;          /* of the outage that lasts */
	uint64_t longest_s;
	uint32_t outages;
	uint64_t bytes[2];          /* received and sent by its device */
	uint64_t counters[2];       /* of the device when it was last looked at; 0: not yet */
	uint16_t bad_s[TALLY_HOURS]; /* down or degraded in each hour of the week, Monday 00:00 first */
};

/*
 * seconds have passed in that state, up to now; hour is that of the local week. counters are the device's, received and
 * sent, NULL where there is no device; one that is smaller than before began anew.
 */
void tally_pass(struct tally *tally, enum link_state state, unsigned int hour, uint32_t seconds, const uint64_t *counters);

/* A new period: figures begin with 0, and an outage that lasts is in it from the start. */
void tally_renew(struct tally *tally);

/* Of 10000, for how much of what was watched it was not down; 10000 where nothing was watched. */
uint32_t tally_uptime(const struct tally *tally);

/* The worst hours, at most room, worst first; those that were good are none. Returns how many. */
size_t tally_worst(const struct tally *tally, unsigned int *ret_hours, size_t room);
