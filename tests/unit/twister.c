/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chance that published figures were computed with: MT19937 (Matsumoto, Nishimura 1998) as Python's random has it. */

#include "twister.h"

#include <math.h>

#define WORDS 624
#define MIDDLE 397
#define TURN 6.283185307179586

static void fill(struct twister *twister, uint32_t seed)
{
	twister->state[0] = seed;
	for (uint32_t i = 1; i < WORDS; i++) {
		uint32_t before = twister->state[i - 1];

		twister->state[i] = 1812433253u * (before ^ before >> 30) + i;
	}
}

/* By an array of one word, as Python seeds with a small number. */
void twister_seed(struct twister *twister, uint32_t seed)
{
	uint32_t *state = twister->state, i = 1;

	fill(twister, 19650218);
	for (uint32_t round = 0; round < WORDS; round++) {
		state[i] = (state[i] ^ (state[i - 1] ^ state[i - 1] >> 30) * 1664525u) + seed;
		if (++i == WORDS) {
			state[0] = state[WORDS - 1];
			i = 1;
		}
	}
	for (uint32_t round = 1; round < WORDS; round++) {
		state[i] = (state[i] ^ (state[i - 1] ^ state[i - 1] >> 30) * 1566083941u) - i;
		if (++i == WORDS) {
			state[0] = state[WORDS - 1];
			i = 1;
		}
	}
	state[0] = 0x80000000;
	twister->used = WORDS;
	twister->spare_known = false;
}

static void twist(struct twister *twister)
{
	uint32_t *state = twister->state;

	for (uint32_t i = 0; i < WORDS; i++) {
		uint32_t both = (state[i] & 0x80000000) | (state[(i + 1) % WORDS] & 0x7fffffff);

		state[i] = state[(i + MIDDLE) % WORDS] ^ both >> 1 ^ (both & 1 ? 0x9908b0df : 0);
	}
	twister->used = 0;
}

static uint32_t next(struct twister *twister)
{
	uint32_t word;

	if (twister->used == WORDS)
		twist(twister);
	word = twister->state[twister->used++];
	word ^= word >> 11;
	word ^= word << 7 & 0x9d2c5680;
	word ^= word << 15 & 0xefc60000;
	return word ^ word >> 18;
}

double twister_random(struct twister *twister)
{
	uint32_t high = next(twister) >> 5, low = next(twister) >> 6;

	return (high * 67108864.0 + low) / 9007199254740992.0;
}

unsigned int twister_range(struct twister *twister, unsigned int first, unsigned int last)
{
	unsigned int count = last - first + 1, bits = 0, drawn;

	while (count >> bits != 0)
		bits++;
	do
		drawn = next(twister) >> (32 - bits);
	while (drawn >= count);
	return first + drawn;
}

double twister_gauss(struct twister *twister)
{
	double angle, radius;

	twister->spare_known = !twister->spare_known;
	if (!twister->spare_known)
		return twister->spare;
	angle = twister_random(twister) * TURN;
	radius = sqrt(-2 * log(1 - twister_random(twister)));
	twister->spare = sin(angle) * radius;
	return cos(angle) * radius;
}

double twister_normal(struct twister *twister)
{
	for (;;) {
		double first = twister_random(twister), second = 1 - twister_random(twister);
		double number = 4 * exp(-0.5) / sqrt(2) * (first - 0.5) / second;

		if (number * number / 4 <= -log(second))
			return number;
	}
}
