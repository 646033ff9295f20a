/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One link as it is loaded: rates, queue delay, capacity, and whether it is full. Pure; time is passed in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/capacity.h"
#include "core/config.h"
#include "core/loads.h"

/* A link is full when one direction carries more than this part of its capacity, in the mean of three seconds, */
#define METER_FULL_PERCENT 90
#define METER_FULL_SECONDS 3
/* or is congested; and no more when all carry less than this for so many seconds in a row. */
#define METER_FREE_PERCENT 75
#define METER_FREE_SECONDS 10
/* It changes once in this time at most. */
#define METER_HOLD_MS      10000

#define METER_SAMPLES 6

struct meter {
	bool counted;                 /* bytes are of at_ms */
	uint64_t at_ms;
	struct meter_pipe {
		uint64_t bytes;
		uint64_t rates_bps[METER_FULL_SECONDS]; /* newest first */
		struct capacity capacity;
	} pipes[DIRECTIONS];
	unsigned int seconds;         /* of rates, in a row */
	uint32_t baseline_us;         /* the round trip without a queue; 0: not measured */
	uint32_t queue_us;            /* by how much the last round trip was longer */
	unsigned int samples;
	uint8_t late;                 /* the last samples, a bit each, newest in bit 0: the queue was long */
	uint64_t sample_ms;
	bool lost;                    /* the last sample */
	bool congested, full;
	bool changed;                 /* full was another one before changed_ms */
	uint64_t changed_ms;
	unsigned int free_seconds;    /* in a row with less than METER_FREE_PERCENT */
};

/* All zero is a meter that knows nothing. */
void meter_init(struct meter *meter);

/*
 * A finished round of checks: the quickest answer, or 0 where nobody answered. The baseline follows shorter round trips
 * at once (0.9 of the way) and longer ones slowly (0.003), or less slowly (0.1) while the link is idle, when nothing
 * can be queued. A sample is late with more than 30 ms over it and the time of a frame (cake-autorate's rule).
 */
void meter_round(struct meter *meter, const struct link *link, uint32_t latency_us, uint64_t now_ms);

/*
 * Once a second: counters of the device in bytes, by direction. held_bps: what our shaper holds each direction
 * to, 0 where it does not. A counter that went back starts anew.
 */
void meter_second(struct meter *meter, const struct link *link, const uint64_t bytes[DIRECTIONS],
	const uint64_t held_bps[DIRECTIONS], uint64_t now_ms);

/* Without counters, as where the device is gone: rates are unknown, what was learnt stays. */
void meter_pause(struct meter *meter);

uint64_t meter_rate_bps(const struct meter *meter, enum direction direction);

/* As given, or as learnt; 0: not known. */
uint64_t meter_capacity_bps(const struct meter *meter, const struct link *link, enum direction direction);

/*
 * Whether it is used whole in this moment, as far as the newest sample tells: a queue stood, or, while connections live
 * on it, nobody answered.
 */
bool meter_whole(const struct meter *meter, uint32_t connections, uint64_t now_ms);

/* What those that decide go by; whatever was placed meanwhile is in the rates now. */
void meter_publish(const struct meter *meter, const struct link *link, struct link_load *load);
