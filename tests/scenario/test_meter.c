/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the meter makes of a link's bytes and round trips: rates, congestion, and whether it is full. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "road.h"

static void rates_are_those_of_the_last_second(void **state)
{
	struct road road = road_new(100, 10);

	(void)state;
	road.wanted[DOWNLOAD] = 0.5;
	road.wanted[UPLOAD] = 0.2;
	road_run(&road, 5);
	assert_in_range(meter_rate_bps(&road.meter, DOWNLOAD), 50 * MBIT - 1000, 50 * MBIT + 1000);
	assert_in_range(meter_rate_bps(&road.meter, UPLOAD), 2 * MBIT - 1000, 2 * MBIT + 1000);
	road.wanted[DOWNLOAD] = 0;
	road_run(&road, 2);
	assert_int_equal(meter_rate_bps(&road.meter, DOWNLOAD), 0);
}

/* Counters of a device that was made anew. */
static void a_counter_that_went_back_is_no_rate(void **state)
{
	struct road road = road_new(100, 10);

	(void)state;
	road.wanted[DOWNLOAD] = 0.5;
	road_run(&road, 5);
	road.bytes[DOWNLOAD] = 0;
	road_run(&road, 1);
	assert_in_range(meter_rate_bps(&road.meter, DOWNLOAD), 50 * MBIT - 1000, 50 * MBIT + 1000);
	road_run(&road, 1);
	assert_in_range(meter_rate_bps(&road.meter, DOWNLOAD), 50 * MBIT - 1000, 50 * MBIT + 1000);
}

/* From nothing to one and a half times what the link has, at any moment of a second; with checks or without. */
static void it_is_full_within_four_seconds(void **state)
{
	(void)state;
	for (uint64_t phase_ms = 0; phase_ms < 2000; phase_ms += 100) {
		struct road road = road_new(100, 20);
		enum direction direction = phase_ms % 200 == 0 ? DOWNLOAD : UPLOAD;

		road.phase_ms = phase_ms % 1000;
		road.checked = phase_ms >= 1000;
		road_run(&road, 30);
		assert_false(road.meter.full);
		road.wanted[direction] = 1.5;
		road_run(&road, 2);
		assert_false(road.meter.full);
		road_run(&road, 2);
		assert_true(road.meter.full);
	}
}

static void a_short_burst_fills_nothing(void **state)
{
	struct road road = road_new(100, 20);

	(void)state;
	for (int i = 0; i < 100; i++) {
		road.wanted[DOWNLOAD] = 1;
		road_run(&road, 2);
		road.wanted[DOWNLOAD] = 0.2;
		road_run(&road, 5);
	}
	assert_int_equal(road.changes, 0);
}

/* Any load up to three quarters, for an hour, with round trips that vary. */
static void below_three_quarters_it_is_never_full(void **state)
{
	struct road road = road_new(100, 20);

	(void)state;
	road.jitter_us = 20000;
	for (int i = 0; i < 3600; i++) {
		road.wanted[DOWNLOAD] = road_chance() * 0.75;
		road.wanted[UPLOAD] = road_chance() * 0.75;
		road_run(&road, 1);
		assert_false(road.meter.congested);
	}
	assert_int_equal(road.changes, 0);
}

static void it_is_free_after_ten_seconds(void **state)
{
	struct road road = road_new(100, 20);

	(void)state;
	road.wanted[DOWNLOAD] = 1.2;
	road_run(&road, 20);
	assert_true(road.meter.full);
	road.wanted[DOWNLOAD] = 0.8;
	road_run(&road, 60);
	assert_true(road.meter.full);
	road.wanted[DOWNLOAD] = 0.7;
	road_run(&road, 9.5);
	assert_true(road.meter.full);
	road_run(&road, 2);
	assert_false(road.meter.full);
}

/* Whatever the load does around the threshold. */
static void it_changes_once_in_ten_seconds(void **state)
{
	struct road road = road_new(100, 20);
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < 5000; i++) {
		road.wanted[DOWNLOAD] = rand() % 3 == 0 ? road_chance() * 0.3 : 0.6 + road_chance() * 0.8;
		road_run(&road, 0.1 * (1 + rand() % 200));
	}
	assert_true(road.changes > 20);
	assert_true(road.least_gap_ms >= METER_HOLD_MS);
}

/* The link has less than its provider sold: only round trips tell. */
static void a_queue_is_congestion(void **state)
{
	struct road road = road_new(100, 20);

	(void)state;
	road.true_bps[DOWNLOAD] = 40 * MBIT;
	road_run(&road, 30);
	road.wanted[DOWNLOAD] = 1.3;
	road_run(&road, 4);
	assert_true(road.meter.congested);
	assert_true(road.meter.full);
	road.wanted[DOWNLOAD] = 0.5;
	road_run(&road, 6);
	assert_false(road.meter.congested);
}

static void half_a_load_is_no_congestion(void **state)
{
	struct road road = road_new(100, 20);

	(void)state;
	road.jitter_us = 25000;
	road.wanted[DOWNLOAD] = road.wanted[UPLOAD] = 0.5;
	for (int i = 0; i < 600; i++) {
		road_run(&road, 1);
		assert_false(road.meter.congested);
	}
}

/* Another path to the same target takes longer: no queue, however long it lasts. */
static void a_longer_way_is_no_congestion(void **state)
{
	struct road road = road_new(100, 20);

	(void)state;
	road_run(&road, 30);
	road.base_us = 150000;
	road_run(&road, 60);
	road.wanted[DOWNLOAD] = 0.5;
	road_run(&road, 60);
	assert_int_equal(road.changes, 0);
}

/* Checks that a full queue drops are late ones; those that a dead link drops are none. */
static void lost_checks_are_like_the_one_before(void **state)
{
	struct road road = road_new(100, 20);

	(void)state;
	road.true_bps[DOWNLOAD] = 40 * MBIT;
	road_run(&road, 10);
	road.wanted[DOWNLOAD] = 1.3;
	road_run(&road, 3);
	road.checked = false;
	for (int i = 0; i < 20; i++) {
		meter_round(&road.meter, &road.link, 0, road.now_ms);
		road_run(&road, 1);
	}
	assert_true(road.meter.congested);
	road = road_new(100, 20);
	road.wanted[DOWNLOAD] = 0.5;
	road_run(&road, 10);
	road.checked = false;
	for (int i = 0; i < 20; i++) {
		meter_round(&road.meter, &road.link, 0, road.now_ms);
		road_run(&road, 1);
	}
	assert_false(road.meter.congested);
}

static void what_is_published_is_what_was_measured(void **state)
{
	struct link_load load = { .placed_bps = { 5, 6 }, .connections = 7, .delay_us = 8 };
	struct road road = road_new(100, 20);

	(void)state;
	road_run(&road, 5);
	road.wanted[DOWNLOAD] = 1.5;
	road_run(&road, 20);
	meter_publish(&road.meter, &road.link, &load);
	assert_int_equal(load.capacity_bps[DOWNLOAD], 100 * MBIT);
	assert_int_equal(load.capacity_bps[UPLOAD], 20 * MBIT);
	assert_in_range(load.rate_bps[DOWNLOAD], 99 * MBIT, 101 * MBIT);
	assert_int_equal(load.placed_bps[DOWNLOAD] + load.placed_bps[UPLOAD], 0);
	assert_true(load.full && load.congested);
	assert_int_equal(load.connections, 7);
	assert_int_equal(load.delay_us, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_those_of_the_last_second),
		cmocka_unit_test(a_counter_that_went_back_is_no_rate),
		cmocka_unit_test(it_is_full_within_four_seconds),
		cmocka_unit_test(a_short_burst_fills_nothing),
		cmocka_unit_test(below_three_quarters_it_is_never_full),
		cmocka_unit_test(it_is_free_after_ten_seconds),
		cmocka_unit_test(it_changes_once_in_ten_seconds),
		cmocka_unit_test(a_queue_is_congestion),
		cmocka_unit_test(half_a_load_is_no_congestion),
		cmocka_unit_test(a_longer_way_is_no_congestion),
		cmocka_unit_test(lost_checks_are_like_the_one_before),
		cmocka_unit_test(what_is_published_is_what_was_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
