/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chance that is the same on every machine: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014). */
#pragma once

#include <stdint.h>

static inline uint64_t chance_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Above 0 and below 1. */
static inline double chance_part(uint64_t *state)
{
	return ((double)(chance_next(state) >> 11) + 0.5) / 9007199254740992.0;
}
