/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plays links with their checks in fake time, late answers included: how soon an outage is seen, and what is none. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "distribution.h"
#include "line.h"
#include "play.h"

#define SECOND_US UINT64_C(1000000)
#define HOUR_US   (3600 * SECOND_US)

static uint64_t base_seed;

static int choose_seed(void **state)
{
	(void)state;
	seed_random();
	base_seed = (uint64_t)rand() + 1;
	return 0;
}

static void show(const char *what, const uint64_t sorted[PHASES])
{
	print_message("%s: %.2f to %.2f s, median %.2f, 95 %% %.2f\n", what, (double)quantile(sorted, 0) / 1e6,
		(double)quantile(sorted, 1000) / 1e6, (double)quantile(sorted, 500) / 1e6, (double)quantile(sorted, 950) / 1e6);
}

static void is_found_in_time_at_any_phase(void **state)
{
	static const uint64_t limits_us[2][2] = { { 3500000, 5500000 }, { 1000000, 1500000 } };
	static struct times times;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		distribution(&manners[i], base_seed, &times);
		show(manners[i].name, times.detection_us);
		show("  and back", times.recovery_us);
		assert_true(quantile(times.detection_us, 1000) < limits_us[i][0]);
		assert_true(quantile(times.recovery_us, 1000) < limits_us[i][1]);
	}
}

/* The models are those that they shall be: the figures that were seen or computed of the others. */
static void others_take_as_long_as_they_do(void **state)
{
	static const struct { uint64_t down_s[2], up_s[2]; } expected[] = {
		{ { 15, 20 }, { 10, 20 } },  /* Peplink */
		{ { 5, 10 }, { 0, 10 } },    /* VyOS */
		{ { 13, 16 }, { 45, 60 } },  /* pfSense */
		{ { 60, 70 }, { 40, 54 } },  /* mwan3 */
	};
	static struct times times;

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		distribution(&manners[i + 2], base_seed, &times);
		show(manners[i + 2].name, times.detection_us);
		show("  and back", times.recovery_us);
		/* An answer under way is lost as well: a round trip more or less. */
		assert_in_range(quantile(times.detection_us, 0) + SECOND_US / 10, expected[i].down_s[0] * SECOND_US,
			expected[i].down_s[1] * SECOND_US);
		assert_in_range(quantile(times.detection_us, 1000), expected[i].down_s[0] * SECOND_US,
			expected[i].down_s[1] * SECOND_US + SECOND_US / 10);
		assert_in_range(quantile(times.recovery_us, 1000), expected[i].up_s[0] * SECOND_US,
			expected[i].up_s[1] * SECOND_US + SECOND_US / 10);
	}
	assert_null(manners[2 + sizeof(expected) / sizeof(expected[0])].name);
}

/* The first round included, by default and quick, and without a word in the configuration. */
static void a_satellite_works_untouched(void **state)
{
	static const uint32_t trips_ms[] = { 600, 750, 900, 1000, 1200, 1500 }, intervals_ms[] = { 1000, 200 };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		for (size_t j = 0; j < 2; j++) {
			struct line line = line_new(intervals_ms[j], trips_ms[i] * 1000, base_seed + i);
			uint64_t begun = line.start_us, down, up;

			line.spread_us = 100000;
			line.check.degraded_loss_permille = 50;
			line_run(&line, begun + HOUR_US);
			assert_int_equal(line.downs + line.degradations, 0);
			assert_in_range(health_latency_us(&line.health), trips_ms[i] * 1000, trips_ms[i] * 1000 + 100000);
			line.cut_us = line.start_us + SECOND_US;
			line.mended_us = line.cut_us + 60 * SECOND_US;
			down = line_until(&line, LINK_DOWN, line.mended_us);
			up = line_until(&line, LINK_UP, line.mended_us + HOUR_US);
			print_message("%u ms every %u ms: down after %.2f s, back after %.2f s\n", trips_ms[i], intervals_ms[j],
				(double)(down - line.cut_us) / 1e6, (double)(up - line.mended_us) / 1e6);
			assert_true(down - line.cut_us < (trips_ms[i] < 900 ? 4 : 10) * SECOND_US);
			assert_true(up - line.mended_us < 16 * SECOND_US);
		}
	}
}

/* From a near network to a far one and back, at any phase: a satellite takes over, a queue is full. */
static void a_round_trip_that_grows_is_no_outage(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct line line = line_new(1000, 20000, base_seed + seed);

		for (int i = 0; i < 10; i++) {
			line.trip_us = i % 2 == 0 ? 20000 : 300000 + (uint32_t)line_random(&line.random, 1200000);
			line_run(&line, line.start_us + 100 * SECOND_US + line_random(&line.random, SECOND_US));
		}
		assert_int_equal(line.downs, 0);
	}
}

static void two_percent_loss_is_no_outage_in_an_hour(void **state)
{
	static const uint32_t intervals_ms[] = { 1000, 200 };

	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		for (size_t i = 0; i < 2; i++) {
			struct line line = line_new(intervals_ms[i], 20000, base_seed + seed);

			line.spread_us = 20000;
			line.loss_permille = 20;
			line_run(&line, line.start_us + HOUR_US);
			assert_true(line.rounds > 3500);
			assert_int_equal(line.downs, 0);
		}
	}
}

/*
 * Of one target, with p lost: (1 - p) p p^2 p^2 per round. An hour of 5 % has 0.001 of it, of 20 % 0.9, of 50 % it
 * is most of the time, and what comes back needs five rounds in a row.
 */
static void loss_is_told_before_it_is_an_outage(void **state)
{
	static const struct { unsigned int permille, downs[2]; } cases[] = { { 50, { 0, 1 } }, { 200, { 0, 12 } }, { 500, { 10, 150 } } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct line line = line_new(1000, 20000, base_seed + i);

		line.loss_permille = cases[i].permille;
		line.check.degraded_loss_permille = 20;
		line_run(&line, line.start_us + HOUR_US);
		print_message("%u permille lost: %u times down, %u times degraded in an hour\n", cases[i].permille, line.downs,
			line.degradations);
		assert_in_range(line.downs, cases[i].downs[0], cases[i].downs[1]);
		assert_true(line.degradations > 0);
	}
}

static void jitter_is_told_and_is_no_outage(void **state)
{
	struct line line = line_new(1000, 20000, base_seed);

	(void)state;
	line.check.degraded_jitter_ms = 50;
	line_run(&line, line.start_us + 600 * SECOND_US);
	assert_int_equal(line.degradations, 0);
	line.spread_us = 400000;
	line_run(&line, line.start_us + HOUR_US);
	assert_int_equal(line.downs, 0);
	assert_int_equal(line.health.state, LINK_DEGRADED);
	line.spread_us = 0;
	line_run(&line, line.start_us + 600 * SECOND_US);
	assert_int_equal(line.health.state, LINK_UP);
	assert_in_range(line.degradations, 1, 3);
}

/* At every phase of a round, also with one that was lost right before. */
static void a_pause_of_a_minute_is_no_outage(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 500; seed++) {
		struct line line = line_new(1000, 20000, base_seed + seed);

		line_run(&line, line.start_us + 30 * SECOND_US);
		line.cut_us = line.start_us + line_random(&line.random, 2 * SECOND_US);
		line.mended_us = line.cut_us + 2 * SECOND_US;
		line_run(&line, line.cut_us + SECOND_US);
		line_pause(&line, 60 * SECOND_US);
		line_run(&line, line.start_us + 30 * SECOND_US);
		assert_int_equal(line.downs, 0);
	}
}

/* While the machine sleeps its clock stands still; whoever was asked before answered to nobody. */
static void a_machine_that_slept_blames_nobody(void **state)
{
	struct health health;
	struct check check = { .count = 1, .need = 1, .interval_ms = 1000, .down_after = 3, .up_after = 5 };
	struct round good = { .answered = 1, .asked = 1, .targets = 1, .latency_us = 20000 }, lost = { .asked = 1 };
	uint64_t now = 1000;

	(void)state;
	health_init(&health, now);
	for (int i = 0; i < 10; i++)
		health_round(&health, &check, &good, now += 1000);
	health_round(&health, &check, &lost, now += 1000);
	health_round(&health, &check, &lost, now += 1000);
	lost.slept = true;
	assert_false(health_round(&health, &check, &lost, now += 1000));
	assert_int_equal(health.failed_in_row, 0);
	assert_int_equal(health.state, LINK_UP);
	lost.slept = false;
	for (int i = 0; i < 3; i++)
		assert_int_equal(health_round(&health, &check, &lost, now += 1000), i == 2);
}

static void comes_back_only_after_its_hold(void **state)
{
	struct line line = line_new(1000, 20000, base_seed);
	uint64_t up;

	(void)state;
	line.check.hold_ms = 30000;
	line_run(&line, line.start_us + 30 * SECOND_US);
	line.cut_us = line.start_us;
	line.mended_us = line.cut_us + 20 * SECOND_US;
	line_until(&line, LINK_DOWN, line.mended_us);
	/* One lost round begins the hold anew. */
	line_run(&line, line.mended_us + 25 * SECOND_US);
	assert_int_equal(line.health.state, LINK_DOWN);
	line.cut_us = line.start_us;
	line.mended_us = line.cut_us + SECOND_US / 2;
	up = line_until(&line, LINK_UP, line.mended_us + HOUR_US);
	assert_in_range(up - line.mended_us, 30 * SECOND_US, 32 * SECOND_US);
}

/* The ground alone brings up a link without targets, and its hold counts from there. */
static void holds_without_targets_too(void **state)
{
	struct check check = { .need = 1, .interval_ms = 1000, .down_after = 3, .up_after = 5, .hold_ms = 30000 };
	struct health health;

	(void)state;
	health_init(&health, 1000);
	assert_true(health_ground(&health, &check, GROUND_NO_CARRIER, 5000));
	assert_false(health_ground(&health, &check, GROUND_READY, 10000));
	assert_false(health_ground(&health, &check, GROUND_READY, 39999));
	assert_true(health_ground(&health, &check, GROUND_READY, 40000));
	assert_int_equal(health.state, LINK_UP);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_found_in_time_at_any_phase),
		cmocka_unit_test(others_take_as_long_as_they_do),
		cmocka_unit_test(a_satellite_works_untouched),
		cmocka_unit_test(a_round_trip_that_grows_is_no_outage),
		cmocka_unit_test(two_percent_loss_is_no_outage_in_an_hour),
		cmocka_unit_test(loss_is_told_before_it_is_an_outage),
		cmocka_unit_test(jitter_is_told_and_is_no_outage),
		cmocka_unit_test(a_pause_of_a_minute_is_no_outage),
		cmocka_unit_test(a_machine_that_slept_blames_nobody),
		cmocka_unit_test(comes_back_only_after_its_hold),
		cmocka_unit_test(holds_without_targets_too),
	};

	return cmocka_run_group_tests(tests, choose_seed, NULL);
}
