/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of schedule.h: exact cycles, even spread, exact totals over threads, clear refusals. */

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "core/schedule.h"

static void spreads_five_one_one(void **state)
{
	static const uint16_t weights[] = { 5, 1, 1 };
	static const size_t expected[] = { 0, 0, 1, 0, 2, 0, 0 };
	struct schedule *schedule = schedule_new(weights, 3);

	(void)state;
	assert_non_null(schedule);
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < 7; i++)
			assert_int_equal(schedule_next(schedule), expected[i]);
	}
	schedule_free(schedule);
}

/* In every prefix each link is less than one pick away from its share. */
static void stay_within_one_pick(unsigned int seed)
{
	print_message("seed %u\n", seed);
	srand(seed);
	for (int trial = 0; trial < 200; trial++) {
		size_t count = 1 + (size_t)rand() % 8, taken[8] = { 0 };
		uint16_t weights[8];
		double total = 0;
		struct schedule *schedule;

		for (size_t i = 0; i < count; i++)
			total += weights[i] = (uint16_t)(1 + rand() % 100);
		schedule = schedule_new(weights, count);
		assert_non_null(schedule);
		for (int pick = 1; pick <= 2000; pick++) {
			taken[schedule_next(schedule)]++;
			for (size_t i = 0; i < count; i++)
				assert_true(fabs((double)taken[i] - pick * weights[i] / total) < 1.0);
		}
		schedule_free(schedule);
	}
}

/* The first seed is one with which smooth weighted round robin goes beyond. */
static void stays_within_one_pick(void **state)
{
	(void)state;
	stay_within_one_pick(1795254113);
	stay_within_one_pick((unsigned int)time(NULL));
}

struct worker {
	struct schedule *schedule;
	size_t taken[3];
};

static void *pick_many(void *data)
{
	struct worker *worker = data;

	for (int i = 0; i < 100000; i++)
		worker->taken[schedule_next(worker->schedule)]++;
	return NULL;
}

static void is_exact_over_threads(void **state)
{
	static const uint16_t weights[] = { 5, 3, 2 };
	struct schedule *schedule = schedule_new(weights, 3);
	struct worker workers[4] = { 0 };
	pthread_t threads[4];
	size_t taken[3] = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		workers[i].schedule = schedule;
		assert_int_equal(pthread_create(&threads[i], NULL, pick_many, &workers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		for (int link = 0; link < 3; link++)
			taken[link] += workers[i].taken[link];
	}
	assert_int_equal(taken[0], 200000);
	assert_int_equal(taken[1], 120000);
	assert_int_equal(taken[2], 80000);
	schedule_free(schedule);
}

/* Threads may hold on to the old one for a while: together they stay exact. */
static void two_draw_from_one_counter(void **state)
{
	static const uint16_t weights[] = { 5, 3, 2 };
	struct schedule *old = schedule_new(weights, 3), *next = schedule_new(weights, 3);
	size_t taken[3] = { 0 };

	(void)state;
	for (int i = 0; i < 7; i++)
		taken[schedule_next(old)]++;
	schedule_resume(next, old);
	for (int i = 0; i < 43; i++) {
		assert_int_equal(schedule_peek(old), schedule_peek(next));
		taken[schedule_next(i % 3 == 0 ? old : next)]++;
	}
	schedule_free(old);
	for (int i = 0; i < 50; i++)
		taken[schedule_next(next)]++;
	assert_int_equal(taken[0], 50);
	assert_int_equal(taken[1], 30);
	assert_int_equal(taken[2], 20);
	schedule_free(next);
}

static void refuses_what_it_cannot_keep(void **state)
{
	static const uint16_t zero[] = { 3, 0 }, coprime[] = { 4001, 4003 };

	(void)state;
	assert_null(schedule_new(zero, 2));
	assert_int_equal(errno, EINVAL);
	assert_null(schedule_new(zero, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(schedule_new(coprime, 2));
	assert_int_equal(errno, ERANGE);
	schedule_free(NULL);
}

/* The cycle is shared, whose turn it is is not, and either may go first. */
static void schedules_alike_count_alone(void **state)
{
	const uint16_t weights[] = { 3, 2, 1 };
	struct schedule *first = schedule_new(weights, 3), *second, *fresh = schedule_new(weights, 3);

	(void)state;
	schedule_next(first);
	second = schedule_alike(first);
	for (int i = 0; i < 6; i++)
		assert_int_equal(schedule_next(second), schedule_next(fresh));
	schedule_free(first);
	for (int i = 0; i < 6; i++)
		assert_int_equal(schedule_next(second), schedule_next(fresh));
	schedule_free(second);
	schedule_free(fresh);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedules_alike_count_alone),
		cmocka_unit_test(spreads_five_one_one),
		cmocka_unit_test(stays_within_one_pick),
		cmocka_unit_test(is_exact_over_threads),
		cmocka_unit_test(two_draw_from_one_counter),
		cmocka_unit_test(refuses_what_it_cannot_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
