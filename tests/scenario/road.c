/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A link in fake time, with a queue before its bottleneck. */

#include "road.h"

#include <stdlib.h>

#define STEP_MS 100
#define BASE_US 20000

struct road road_new(uint64_t download_mbit, uint64_t upload_mbit)
{
	struct road road = { .base_us = BASE_US, .buffer_s = 0.25, .checked = true, .least_gap_ms = UINT64_MAX,
		.link = { .name = "fiber", .download_bps = download_mbit * MBIT, .upload_bps = upload_mbit * MBIT },
		.true_bps = { download_mbit * MBIT, upload_mbit * MBIT }, .now_ms = 1000000 };

	meter_init(&road.meter);
	return road;
}

double road_chance(void)
{
	return rand() / (RAND_MAX + 1.0);
}

static void carry(struct road *road, enum direction direction)
{
	double room = (double)road->true_bps[direction] * STEP_MS / 1000;
	double comes = room * road->wanted[direction] + road->queue_bits[direction], goes;

	if (road->held_bps[direction] != 0) {
		double held = (double)road->held_bps[direction] * STEP_MS / 1000 + road->queue_bits[direction];

		comes = comes < held ? comes : held;
	}
	goes = comes < room ? comes : room;
	road->bytes[direction] += goes / 8;
	road->queue_bits[direction] = comes - goes;
	if (road->queue_bits[direction] > road->buffer_s * (double)road->true_bps[direction])
		road->queue_bits[direction] = road->buffer_s * (double)road->true_bps[direction];
}

static uint32_t round_trip(const struct road *road)
{
	double us = road->base_us + road_chance() * road->jitter_us;

	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		if (road->true_bps[direction] != 0)
			us += road->queue_bits[direction] / (double)road->true_bps[direction] * 1e6;
	}
	return (uint32_t)us;
}

static void note_change(struct road *road, bool before)
{
	if (road->meter.full == before)
		return;
	if (road->changes > 0 && road->now_ms - road->changed_ms < road->least_gap_ms)
		road->least_gap_ms = road->now_ms - road->changed_ms;
	road->changes++;
	road->changed_ms = road->now_ms;
}

static void step(struct road *road)
{
	bool before = road->meter.full;

	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++)
		carry(road, direction);
	road->now_ms += STEP_MS;
	if (road->checked && road->now_ms % 1000 == 500)
		meter_round(&road->meter, &road->link, round_trip(road), road->now_ms);
	if (road->now_ms % 1000 != road->phase_ms)
		return;
	meter_second(&road->meter, &road->link, (uint64_t[]){ (uint64_t)road->bytes[DOWNLOAD], (uint64_t)road->bytes[UPLOAD] },
		road->held_bps, road->now_ms);
	note_change(road, before);
}

void road_run(struct road *road, double seconds)
{
	for (unsigned int i = 0; i < seconds * 1000 / STEP_MS; i++)
		step(road);
}
