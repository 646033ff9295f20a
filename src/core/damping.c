/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flap damping: a link that goes down again and again is avoided until it has been calm for a while. */

#include "core/damping.h"

#include <math.h>

/* Binary places of an exponent that are looked at: a millisecond of a half-life is 2^-17. */
#define PLACES 24

/* 2^-x for x >= 0, by square roots: the first place after the point halves the exponent, and so on. */
static double halved(double x)
{
	double factor = 1, root = 0.5;

	for (; x >= 1; x -= 1) {
		factor /= 2;
		if (factor < 1e-12)
			return 0;
	}
	for (int i = 0; i < PLACES; i++) {
		root = sqrt(root);
		x *= 2;
		if (x < 1)
			continue;
		factor *= root;
		x -= 1;
	}
	return factor;
}

double damping_penalty(const struct damping *damping, uint64_t now_ms)
{
	if (now_ms <= damping->at_ms)
		return damping->penalty;
	return damping->penalty * halved((double)(now_ms - damping->at_ms) / DAMPING_HALF_LIFE_MS);
}

bool damping_down(struct damping *damping, uint64_t now_ms)
{
	bool before = damping->suppressed;

	damping->penalty = damping_penalty(damping, now_ms) + DAMPING_CHARGE;
	if (damping->penalty > DAMPING_CEILING)
		damping->penalty = DAMPING_CEILING;
	damping->at_ms = now_ms;
	if (damping->penalty > DAMPING_SUPPRESS)
		damping->suppressed = true;
	return damping->suppressed && !before;
}

bool damping_over(struct damping *damping, uint64_t now_ms)
{
	if (!damping->suppressed || damping_penalty(damping, now_ms) >= DAMPING_REUSE)
		return false;
	damping->suppressed = false;
	return true;
}

uint64_t damping_left_ms(const struct damping *damping, uint64_t now_ms)
{
	double penalty = damping_penalty(damping, now_ms);

	if (!damping->suppressed || penalty <= DAMPING_REUSE)
		return 0;
	return (uint64_t)(log(penalty / DAMPING_REUSE) / log(2) * DAMPING_HALF_LIFE_MS);
}
