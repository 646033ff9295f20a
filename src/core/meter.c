/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One link as it is loaded: rates, queue delay, capacity, and whether it is full. */

#include "core/meter.h"

#include <string.h>

/* Longer than this over the baseline, a queue is one. */
#define LATE_US       30000
#define FRAME_BITS    (1514 * 8)

/* Congested from so many late samples on of the last METER_SAMPLES, until there are fewer than the lower number. */
#define LATE_MANY     3
#define LATE_FEW      2

/* Samples that are older tell nothing. */
#define SAMPLE_AGE_MS 15000

/* Or nothing of this moment. */
#define FRESH_MS      2500

#define BASELINE_DOWN 0.9
#define BASELINE_UP   0.003
#define BASELINE_IDLE 0.1

/* Less than a tenth of the capacity is idle; of an unknown one, less than this. */
#define IDLE_PARTS    10
#define IDLE_BPS      200000

/* With less than this in either direction no queue is ours. */
#define TRAFFIC_BPS   64000

/* The answers to what goes the other way take less than this part of it. */
#define ANSWERS_PARTS 10

void meter_init(struct meter *meter)
{
	memset(meter, 0, sizeof(*meter));
}

uint64_t meter_rate_bps(const struct meter *meter, enum direction direction)
{
	return meter->pipes[direction].rates_bps[0];
}

static uint64_t given_bps(const struct link *link, enum direction direction)
{
	return direction == DOWNLOAD ? link->download_bps : link->upload_bps;
}

uint64_t meter_capacity_bps(const struct meter *meter, const struct link *link, enum direction direction)
{
	const struct learning *learning = &link->learn[direction];

	return learning->on ? capacity_bps(&meter->pipes[direction].capacity, learning) : given_bps(link, direction);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static bool is_idle(const struct meter *meter, const struct link *link)
{
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		uint64_t capacity = meter_capacity_bps(meter, link, direction);

		if (meter_rate_bps(meter, direction) > (capacity == 0 ? IDLE_BPS : capacity / IDLE_PARTS))
			return false;
	}
	return true;
}

/* The time of a frame on the slower direction is no queue. */
static uint32_t late_us(const struct meter *meter, const struct link *link)
{
	uint64_t slowest = UINT64_MAX;

	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		uint64_t capacity = meter_capacity_bps(meter, link, direction);

		if (capacity != 0 && capacity < slowest)
			slowest = capacity;
	}
	return LATE_US + (slowest == UINT64_MAX ? 0 : (uint32_t)(FRAME_BITS * UINT64_C(1000000) / larger(slowest, 8000)));
}

static void follow_baseline(struct meter *meter, uint32_t latency_us, bool idle)
{
	double step = latency_us < meter->baseline_us ? BASELINE_DOWN : idle ? BASELINE_IDLE : BASELINE_UP;

	if (meter->baseline_us == 0)
		meter->baseline_us = latency_us;
	else
		meter->baseline_us = (uint32_t)(meter->baseline_us + step * ((double)latency_us - meter->baseline_us));
	meter->queue_us = latency_us > meter->baseline_us ? latency_us - meter->baseline_us : 0;
}

static unsigned int late_samples(const struct meter *meter)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < METER_SAMPLES; i++)
		count += meter->late >> i & 1;
	return count;
}

void meter_round(struct meter *meter, const struct link *link, uint32_t latency_us, uint64_t now_ms)
{
	bool late = meter->late & 1;

	/* A lost one may have been dropped by a queue that is full: then it is like the one before. */
	if (latency_us > 0) {
		follow_baseline(meter, latency_us, is_idle(meter, link));
		late = meter->queue_us > late_us(meter, link);
	}
	meter->late = (uint8_t)((meter->late << 1 | (late ? 1 : 0)) & ((1 << METER_SAMPLES) - 1));
	meter->sample_ms = now_ms;
	meter->lost = latency_us == 0;
	if (meter->samples < METER_SAMPLES)
		meter->samples++;
}

/* False: there is nothing to compare with yet. */
static bool count_bytes(struct meter *meter, const uint64_t bytes[DIRECTIONS], uint64_t now_ms)
{
	uint64_t past_ms = now_ms - meter->at_ms;
	bool good = meter->counted && past_ms > 0;

	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++)
		good = good && bytes[direction] >= meter->pipes[direction].bytes;
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		struct meter_pipe *pipe = &meter->pipes[direction];

		if (good) {
			memmove(&pipe->rates_bps[1], &pipe->rates_bps[0], sizeof(pipe->rates_bps) - sizeof(pipe->rates_bps[0]));
			pipe->rates_bps[0] = (bytes[direction] - pipe->bytes) * 8000 / past_ms;
		}
		pipe->bytes = bytes[direction];
	}
	meter->counted = true;
	meter->at_ms = now_ms;
	return good;
}

static void watch_queue(struct meter *meter, uint64_t now_ms)
{
	unsigned int late = late_samples(meter);
	bool traffic = larger(meter_rate_bps(meter, DOWNLOAD), meter_rate_bps(meter, UPLOAD)) >= TRAFFIC_BPS;

	if (meter->samples == 0 || now_ms - meter->sample_ms > SAMPLE_AGE_MS || !traffic)
		meter->congested = false;
	else
		meter->congested = late >= (meter->congested ? LATE_FEW : LATE_MANY);
}

/*
 * Round trips do not say in which direction the queue is: it is that which is nearer to its end, or, where not both ends
 * are known, that which carries more.
 */
static bool fills_queue(const struct meter *meter, const struct link *link, enum direction direction)
{
	enum direction other = direction == DOWNLOAD ? UPLOAD : DOWNLOAD;
	double here = (double)meter_rate_bps(meter, direction), there = (double)meter_rate_bps(meter, other);
	uint64_t most_here = meter_capacity_bps(meter, link, direction), most_there = meter_capacity_bps(meter, link, other);

	/* The newest sample too: it is a queue of this second. */
	if (!meter->congested || (meter->late & 1) == 0 || here < there / ANSWERS_PARTS)
		return false;
	if (most_here == 0 || most_there == 0)
		return here >= there;
	return here / (double)most_here >= there / (double)most_there;
}

static void learn(struct meter *meter, const struct link *link, const uint64_t held_bps[DIRECTIONS])
{
	bool fills[DIRECTIONS];

	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++)
		fills[direction] = fills_queue(meter, link, direction);
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		struct capacity_second second = { meter_rate_bps(meter, direction), fills[direction], held_bps[direction] };

		if (link->learn[direction].on)
			capacity_learn(&meter->pipes[direction].capacity, &second);
	}
}

/* In the mean of the last seconds, of any direction. */
static bool is_loaded(const struct meter *meter, const struct link *link)
{
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		uint64_t capacity = meter_capacity_bps(meter, link, direction), sum = 0;

		for (size_t i = 0; i < METER_FULL_SECONDS; i++)
			sum += meter->pipes[direction].rates_bps[i];
		if (capacity != 0 && meter->seconds >= METER_FULL_SECONDS
		    && sum * 100 > capacity * METER_FULL_PERCENT * METER_FULL_SECONDS)
			return true;
	}
	return false;
}

static bool has_room(const struct meter *meter, const struct link *link)
{
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		uint64_t capacity = meter_capacity_bps(meter, link, direction);

		if (capacity != 0 && meter_rate_bps(meter, direction) * 100 >= capacity * METER_FREE_PERCENT)
			return false;
	}
	return !meter->congested;
}

static void watch_full(struct meter *meter, const struct link *link, uint64_t now_ms)
{
	bool full = meter->full;

	meter->free_seconds = has_room(meter, link) ? meter->free_seconds + 1 : 0;
	if (!full)
		full = meter->congested || is_loaded(meter, link);
	else if (meter->free_seconds >= METER_FREE_SECONDS)
		full = false;
	if (full == meter->full || (meter->changed && now_ms - meter->changed_ms < METER_HOLD_MS))
		return;
	meter->full = full;
	meter->changed = true;
	meter->changed_ms = now_ms;
}

void meter_second(struct meter *meter, const struct link *link, const uint64_t bytes[DIRECTIONS],
	const uint64_t held_bps[DIRECTIONS], uint64_t now_ms)
{
	if (!count_bytes(meter, bytes, now_ms))
		return;
	if (meter->seconds < METER_FULL_SECONDS)
		meter->seconds++;
	watch_queue(meter, now_ms);
	learn(meter, link, held_bps);
	watch_full(meter, link, now_ms);
}

void meter_pause(struct meter *meter)
{
	meter->counted = false;
	meter->seconds = 0;
	meter->congested = false;
	meter->full = false;
	meter->free_seconds = 0;
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++)
		memset(meter->pipes[direction].rates_bps, 0, sizeof(meter->pipes[direction].rates_bps));
}

bool meter_whole(const struct meter *meter, uint32_t connections, uint64_t now_ms)
{
	if (meter->samples == 0 || now_ms - meter->sample_ms > FRESH_MS || connections == 0)
		return false;
	return meter->lost || (meter->late & 1) != 0;
}

void meter_publish(const struct meter *meter, const struct link *link, struct link_load *load)
{
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		atomic_store_explicit(&load->rate_bps[direction], meter_rate_bps(meter, direction), memory_order_relaxed);
		atomic_store_explicit(&load->capacity_bps[direction], meter_capacity_bps(meter, link, direction),
			memory_order_relaxed);
		atomic_store_explicit(&load->placed_bps[direction], 0, memory_order_relaxed);
	}
	atomic_store_explicit(&load->congested, meter->congested, memory_order_relaxed);
	atomic_store_explicit(&load->full, meter->full, memory_order_relaxed);
}
