/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A link and its checks in fake time, as service/checker.c does them: rounds on a grid, answers that come while others
 * are asked, late ones, and two questions after a round that failed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/health.h"

#define LINE_NEVER UINT64_MAX

struct line {
	struct check check;
	struct health health;
	unsigned int targets;      /* that are asked, each lost by itself; one is enough */
	uint32_t trip_us, spread_us; /* an answer takes trip_us, and up to spread_us more */
	unsigned int loss_permille;
	uint64_t cut_us, mended_us; /* nothing that is sent or under way between these comes */
	uint64_t random;           /* state of the generator, never 0 */

	uint64_t start_us;         /* of the next round */
	uint64_t now_us;
	unsigned int failed_in_row, number;
	struct { uint64_t sent_us, arrives_us; unsigned int number; bool listened; } late;
	unsigned int ups, downs, degradations, rounds, late_rounds;
	uint64_t down_us, up_us;   /* when last; 0: never */
};

/* One target, as the configuration is without keys; the first round begins at the start. */
struct line line_new(uint32_t interval_ms, uint32_t trip_us, uint64_t seed);

/* Plays all rounds that begin before that time. */
void line_run(struct line *line, uint64_t until_us);

/* Plays until the state is reached; when that was, or LINE_NEVER after that time. */
uint64_t line_until(struct line *line, enum link_state state, uint64_t until_us);

/* The machine stands still for so long, before the next round. */
void line_pause(struct line *line, uint64_t us);

/* A uniform number below the bound. */
uint64_t line_random(uint64_t *state, uint64_t bound);
