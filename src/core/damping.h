/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flap damping: a link that goes down again and again is avoided until it has been calm for a while. Pure; time is
 * passed in. The idea is that of route flap damping (RFC 2439), with times that fit a link to a provider.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a link that goes down is charged with, and in what time half of that is forgotten. */
#define DAMPING_CHARGE       1000
#define DAMPING_HALF_LIFE_MS 120000

/* From here on a link is suppressed, and below there it is not any more. */
#define DAMPING_SUPPRESS     2500
#define DAMPING_REUSE        750

/* Nobody is suppressed for longer after the last time that he went down: the penalty has a ceiling, 750 * 2^(10/2). */
#define DAMPING_LONGEST_MS   600000
#define DAMPING_CEILING      24000

struct damping {
	double penalty;  /* as it was then */
	uint64_t at_ms;
	bool suppressed;
};

/* All zero bytes are a link that never went down. */

/* The penalty now: what it was, halved with each half-life. A clock that goes back changes nothing. */
double damping_penalty(const struct damping *damping, uint64_t now_ms);

/* The link went down. True where it is suppressed from now on. */
bool damping_down(struct damping *damping, uint64_t now_ms);

/* True where it was suppressed until now. */
bool damping_over(struct damping *damping, uint64_t now_ms);

/* How long until it is not suppressed any more, if it stays calm; 0 where it is not. */
uint64_t damping_left_ms(const struct damping *damping, uint64_t now_ms);
