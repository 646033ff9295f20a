/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A link in fake time: rounds of checks and events, counted and checked at each step. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/health.h"

#define HOUR_MS 3600000u
#define DEAD    UINT32_MAX

/* A link with its targets: what the scenario changes and what it counts. */
struct play {
	struct health health;
	struct check check;
	uint64_t start_ms, now_ms; /* when the next round starts; when the last one ended */
	uint32_t latency_us;       /* of the next answer, or DEAD */
	unsigned int answered;     /* targets that answer; 0: all */
	unsigned int ups, downs, degradations;
	uint64_t answer_ms;        /* when the last answer came */
};

/* One target, need 1, down-after 3, up-after 5, timeout auto, no thresholds, 20 ms of round trip. */
struct play play_new(uint32_t interval_ms);

/* One round. An answer counts where it comes within the timeout; a round without one ends at its timeout. */
void play_round(struct play *play);
void play_rounds(struct play *play, unsigned int rounds);

/* The ground changes when the next round would start. Returns whether the state changed. */
bool play_ground(struct play *play, enum link_ground ground);

/* Fails the test where what holds at all times does not hold. */
void play_require_sound(const struct play *play);

/* Seeds rand() with $SEED, or else with the time, and prints the seed. */
void seed_random(void);
bool chance(unsigned int permille);
