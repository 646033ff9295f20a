/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a silent link goes unnoticed, and how long it takes to come back, over random phases of the checks: ours as
 * the code is, and as others' documented defaults have it, all in fake time. usage: detection [SEED]
 */

#include <stdio.h>
#include <stdlib.h>

#include "distribution.h"

static const unsigned int parts[] = { 0, 500, 950, 1000 };

static void print(const uint64_t sorted[PHASES])
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		printf(" %.2f |", (double)quantile(sorted, parts[i]) / 1e6);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	static struct times times;

	printf("seed %llu, %d phases, seconds\n\n", (unsigned long long)seed, PHASES);
	puts("| | down: least | median | 95 % | most | back: least | median | 95 % | most |");
	puts("|---|---|---|---|---|---|---|---|---|");
	for (const struct manner *manner = manners; manner->name != NULL; manner++) {
		distribution(manner, seed, &times);
		printf("| %s |", manner->name);
		print(times.detection_us);
		print(times.recovery_us);
		putchar('\n');
	}
	return 0;
}
