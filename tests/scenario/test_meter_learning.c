/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the meter learns of a link's capacity, that stays or changes, is shaped or not. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "road.h"

static struct road road_learning(uint64_t download_mbit, uint64_t upload_mbit)
{
	struct road road = road_new(download_mbit, upload_mbit);

	road.link.download_bps = road.link.upload_bps = 0;
	road.link.learn[DOWNLOAD].on = road.link.learn[UPLOAD].on = true;
	return road;
}

static double error_of(const struct road *road, enum direction direction)
{
	double truth = (double)road->true_bps[direction];

	return fabs((double)meter_capacity_bps(&road->meter, &road->link, direction) - truth) / truth;
}

/* Nothing is said before it is sure: an idle link's capacity is not what it happened to carry. */
static void light_use_teaches_nothing(void **state)
{
	struct road road = road_learning(100, 20);

	(void)state;
	road.wanted[DOWNLOAD] = 0.1;
	road_run(&road, 600);
	assert_int_equal(meter_capacity_bps(&road.meter, &road.link, DOWNLOAD), 0);
	assert_false(road.meter.full);
}

static void congestion_teaches_the_capacity(void **state)
{
	struct road road = road_learning(10, 2);

	(void)state;
	road_run(&road, 10);
	road.wanted[DOWNLOAD] = 1.3;
	road.wanted[UPLOAD] = 0.1;
	road_run(&road, 20);
	assert_true(error_of(&road, DOWNLOAD) < 0.05);
	assert_true(road.meter.pipes[DOWNLOAD].capacity.confidence > 0.5);
	assert_int_equal(meter_capacity_bps(&road.meter, &road.link, UPLOAD), 0);
	assert_true(road.meter.full);
}

/* A queue in one direction says nothing of the other. */
static void each_direction_learns_its_own(void **state)
{
	struct road road = road_learning(100, 10);

	(void)state;
	road_run(&road, 10);
	road.wanted[DOWNLOAD] = 1.3;
	road_run(&road, 30);
	road.wanted[DOWNLOAD] = 0.05;
	road.wanted[UPLOAD] = 1.3;
	road_run(&road, 60);
	assert_true(error_of(&road, DOWNLOAD) < 0.05);
	assert_true(error_of(&road, UPLOAD) < 0.05);
}

static void bounds_hold(void **state)
{
	struct road road = road_learning(10, 10);

	(void)state;
	road.link.learn[DOWNLOAD].most_bps = 8 * MBIT;
	road.link.learn[UPLOAD].least_bps = 12 * MBIT;
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		road.wanted[DOWNLOAD] = road.wanted[UPLOAD] = 0;
		road_run(&road, 10);
		road.wanted[direction] = 1.3;
		road_run(&road, 30);
	}
	assert_int_equal(meter_capacity_bps(&road.meter, &road.link, DOWNLOAD), 8 * MBIT);
	assert_int_equal(meter_capacity_bps(&road.meter, &road.link, UPLOAD), 12 * MBIT);
}

static int compare_doubles(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* A step of the walk of a radio link, within 4 and 60 mbit. */
static uint64_t walk(uint64_t bps)
{
	double sum = 0, next;

	for (int i = 0; i < 12; i++)
		sum += road_chance();
	next = (double)bps * exp(0.1 * (sum - 6));
	return (uint64_t)(next < 4e6 ? 4e6 : next > 60e6 ? 60e6 : next);
}

/* A third of the time idle, a third greedy, a third something between. */
static double some_load(void)
{
	switch (rand() % 3) {
	case 0:
		return road_chance() * 0.2;
	case 1:
		return 1.3;
	default:
		return 0.5 + road_chance() * 0.5;
	}
}

/* Capacity walks each second by a tenth or so; the load changes every 20 seconds or so. */
static void follow_a_changing_link(unsigned int seed)
{
	struct road road = road_learning(20, 20);
	static double errors[20000];
	size_t count = 0;

	srand(seed);
	road.jitter_us = 5000;
	road_run(&road, 10);
	for (int second = 0; second < 10000; second++) {
		road.true_bps[DOWNLOAD] = walk(road.true_bps[DOWNLOAD]);
		if (rand() % 20 == 0)
			road.wanted[DOWNLOAD] = some_load();
		road.wanted[UPLOAD] = 0.05;
		road_run(&road, 1);
		if (road.wanted[DOWNLOAD] > 0.7 && road.meter.pipes[DOWNLOAD].capacity.known)
			errors[count++] = error_of(&road, DOWNLOAD);
	}
	qsort(errors, count, sizeof(*errors), compare_doubles);
	print_message("seed %u: %zu seconds, median error %.3f\n", seed, count, errors[count / 2]);
	assert_true(count > 2000);
	assert_true(errors[count / 2] < 0.2);
}

static void a_changing_link_is_followed(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 5; seed++)
		follow_a_changing_link(seed);
	follow_a_changing_link((unsigned int)time(NULL));
}

/* As the daemon does it: the shaper follows where it is a fifth off, a little below, every ten seconds at most. */
static void shape(struct road *road, unsigned int second, uint64_t *applied_bps)
{
	uint64_t bps = meter_capacity_bps(&road->meter, &road->link, DOWNLOAD);
	bool changed = bps * 5 > *applied_bps * 6 || bps * 5 < *applied_bps * 4
	               || (road->meter.congested && bps * 20 < *applied_bps * 19);

	if (second % 10 != 0 || bps == 0 || !changed)
		return;
	*applied_bps = bps;
	road->held_bps[DOWNLOAD] = bps / 100 * 95;
}

/* Where our own shaper hides the queue: more is found by and by, and less at once. */
static void a_shaped_link_is_followed(void **state)
{
	struct road road = road_learning(10, 10);
	unsigned int congested = 0;
	uint64_t applied = 0;

	(void)state;
	road_run(&road, 10);
	road.wanted[DOWNLOAD] = 1.5;
	for (unsigned int second = 0; second < 300; second++) {
		road_run(&road, 1);
		shape(&road, second, &applied);
	}
	assert_true(error_of(&road, DOWNLOAD) < 0.25);
	for (unsigned int second = 0; second < 1200; second++) {
		road_run(&road, 1);
		shape(&road, second, &applied);
		congested += road.meter.congested;
	}
	print_message("shaped: congested %u seconds of 1200\n", congested);
	assert_in_range(congested, 0, 240);
	road.true_bps[DOWNLOAD] = 40 * MBIT;
	for (unsigned int second = 0; second < 600; second++) {
		road_run(&road, 1);
		shape(&road, second, &applied);
	}
	assert_true(error_of(&road, DOWNLOAD) < 0.25);
	road.true_bps[DOWNLOAD] = 15 * MBIT;
	for (unsigned int second = 0; second < 60; second++) {
		road_run(&road, 1);
		shape(&road, second, &applied);
	}
	assert_true(error_of(&road, DOWNLOAD) < 0.25);
}

static void what_was_learnt_is_recalled(void **state)
{
	struct road road = road_learning(50, 10);

	(void)state;
	capacity_recall(&road.meter.pipes[DOWNLOAD].capacity, 48 * MBIT, 0.8);
	road_run(&road, 2);
	assert_int_equal(meter_capacity_bps(&road.meter, &road.link, DOWNLOAD), 48 * MBIT);
	road.wanted[DOWNLOAD] = 1.5;
	road_run(&road, 10);
	assert_true(error_of(&road, DOWNLOAD) < 0.05);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(light_use_teaches_nothing),
		cmocka_unit_test(congestion_teaches_the_capacity),
		cmocka_unit_test(each_direction_learns_its_own),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(a_changing_link_is_followed),
		cmocka_unit_test(a_shaped_link_is_followed),
		cmocka_unit_test(what_was_learnt_is_recalled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
