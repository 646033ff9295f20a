/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is told of a link's changes, and what is gathered: a link that goes and comes all the time is told of once when
 * that begins and once when it is over, and in between only reminded of. Pure; time is passed in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/health.h"

/* So many changes within so long are told one by one; what comes then is gathered. */
#define OUTBREAK_CHANGES  4
#define OUTBREAK_WINDOW_S 600

/* So long without a change and a flapping link has settled; twice as long each time that it flaps again within a day. */
#define OUTBREAK_QUIET_S      300
#define OUTBREAK_QUIET_MOST_S 3600
#define OUTBREAK_CALM_S       86400

enum outbreak_word {
	OUTBREAK_SILENCE,
	OUTBREAK_CHANGE,   /* the change itself is told */
	OUTBREAK_FLAPS,    /* it flaps from now on */
	OUTBREAK_SETTLED,  /* it flaps no more; what it was is in the struct until the next call */
	OUTBREAK_REMINDER, /* it is still so */
};

/* Seconds since 1970, 0: never. All zero is a link that nothing was ever told of. It is kept over restarts. */
struct outbreak {
	enum link_state state;  /* as of the last change */
	int64_t changed;        /* that change */
	int64_t since;          /* of the trouble: the link is down, degraded or flapping; 0: it is well */
	int64_t spoken;         /* the last word of any kind */
	int64_t told[OUTBREAK_CHANGES]; /* changes that were told one by one, newest first */
	int64_t flapping_since; /* 0: it does not flap */
	int64_t settled;        /* when it last did */
	uint32_t quiet_s;       /* how long it must hold still; 0: OUTBREAK_QUIET_S */
	uint32_t changes, outages; /* gathered since it flaps */
	uint64_t down_s;           /* so long was it down meanwhile */
	uint64_t lasted_s;         /* OUTBREAK_SETTLED: so long did it flap */
};

/* The link changed to that state. What is to be told of it. */
enum outbreak_word outbreak_change(struct outbreak *outbreak, enum link_state state, int64_t now);

/* Some time passed; every second is often enough. reminder_s: after so long without a word, 0: never. */
enum outbreak_word outbreak_second(struct outbreak *outbreak, uint32_t reminder_s, int64_t now);

/* Whether all that belongs together is over: the next change begins a new story. */
bool outbreak_over(const struct outbreak *outbreak, int64_t now);
