/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chance that published figures were computed with: MT19937 (Matsumoto, Nishimura 1998) as Python's random has it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct twister {
	uint32_t state[624];
	unsigned int used;
	bool spare_known;
	double spare;
};

void twister_seed(struct twister *twister, uint32_t seed);

/* From 0 up to 1, with 53 bits. */
double twister_random(struct twister *twister);

/* A whole number from first to last. */
unsigned int twister_range(struct twister *twister, unsigned int first, unsigned int last);

/* Of the normal distribution: as random.gauss(0, 1), by Box and Muller, */
double twister_gauss(struct twister *twister);
/* and as random.normalvariate(0, 1), by Kinderman and Monahan. */
double twister_normal(struct twister *twister);
