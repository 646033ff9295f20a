/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A link in fake time, with a queue before its bottleneck. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/meter.h"

#define MBIT UINT64_C(1000000)

/* What goes in, and what the link makes of it. */
struct road {
	struct meter meter;
	struct link link;
	uint64_t now_ms, phase_ms;          /* of the meter's seconds */
	uint64_t true_bps[DIRECTIONS];
	double wanted[DIRECTIONS];          /* part of the true capacity that would like to go through */
	uint64_t held_bps[DIRECTIONS];      /* by our own shaper */
	double bytes[DIRECTIONS];
	double queue_bits[DIRECTIONS];
	uint32_t base_us, jitter_us;
	double buffer_s;                    /* of the bottleneck, in seconds */
	bool checked;                       /* a round each second */
	unsigned int changes;               /* of full */
	uint64_t changed_ms, least_gap_ms;
};

/* What is given is what it has; nothing goes through, and a check each second says 20 ms. */
struct road road_new(uint64_t download_mbit, uint64_t upload_mbit);

void road_run(struct road *road, double seconds);

/* By rand(): from 0 to 1. */
double road_chance(void);
