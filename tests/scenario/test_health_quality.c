/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plays links that work badly in fake time: what is measured, how long answers may take, what is degraded. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "play.h"

/* With two targets that are lost independently, as the shipped configuration has, an hour brings none. */
static void two_percent_loss_takes_no_link_down(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	seed_random();
	for (int i = 0; i < 100 * 3600; i++) {
		play.latency_us = chance(20) && chance(20) ? DEAD : 15000 + (uint32_t)rand() % 10000;
		play_round(&play);
	}
	assert_int_equal(play.downs, 0);
}

/*
 * One target at loss p: three failures in a row begin (1 - p) p^3 per round, so 100 hours of 2 % have
 * 2.8 of them in the mean; 16 and more have a chance below 1e-7.
 */
static void one_target_goes_down_as_seldom_as_it_must(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	seed_random();
	for (int i = 0; i < 100 * 3600; i++) {
		play.latency_us = chance(20) ? DEAD : 20000;
		play_round(&play);
	}
	print_message("2 %% loss, one target, 100 hours: down %u times\n", play.downs);
	assert_true(play.downs < 16);
	assert_true(play.ups + 1 >= play.downs);
}

static void tells_loss_of_five_and_twenty_percent(void **state)
{
	static const unsigned int permilles[] = { 50, 200 };

	(void)state;
	seed_random();
	for (size_t i = 0; i < 2; i++) {
		struct play play = play_new(1000);
		uint64_t usable = 0, sum = 0;

		play.check.degraded_loss_permille = 30;
		for (int k = 0; k < 3600; k++) {
			play.latency_us = chance(permilles[i]) ? DEAD : 20000;
			play_round(&play);
			usable += health_usable(&play.health);
			sum += health_loss_permille(&play.health);
		}
		print_message("%u permille: seen %u, usable %u of 3600, %u times down\n", permilles[i],
			(unsigned int)(sum / 3600), (unsigned int)usable, play.downs);
		assert_true(play.degradations > 0);
		assert_true(usable > (i == 0 ? 3500u : 2000u));
		assert_in_range(sum / 3600, permilles[i] * 6 / 10, permilles[i] * 14 / 10);
	}
}

/* Down soon, and back only where five in a row come through: about one round in 62 then ends an outage. */
static void half_loss_is_down_most_of_the_time(void **state)
{
	struct play play = play_new(1000);
	unsigned int down = 0;

	(void)state;
	seed_random();
	for (int i = 0; i < 20000; i++) {
		play.latency_us = chance(500) ? DEAD : 20000;
		play_round(&play);
		down += play.health.state == LINK_DOWN;
	}
	print_message("half loss: down %u of 20000 rounds, %u outages\n", down, play.downs);
	assert_true(play.downs > 0);
	assert_true(down > 20000 * 6 / 10);
}

static void satellite_stays_up(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	seed_random();
	for (int i = 0; i < 24 * 3600; i++) {
		play.latency_us = 600000 + (uint32_t)rand() % 100001;
		play_round(&play);
		assert_int_equal(play.health.failed_in_row, 0);
	}
	assert_int_equal(health_loss_permille(&play.health), 0);
}

/* A load on the line or a new path: the round trip is suddenly another, at whatever round. */
static void grown_round_trip_is_no_dead_link(void **state)
{
	static const uint32_t grown_us[] = { 110000, 250000, 400000, 600000, 900000, 1000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(grown_us) / sizeof(grown_us[0]); i++) {
		struct play play = play_new(1000);

		for (int change = 0; change < 20; change++) {
			play.latency_us = 2000;
			play_rounds(&play, 200);
			play.latency_us = grown_us[i];
			play_rounds(&play, 200);
		}
		assert_int_equal(play.downs, 0);
		assert_int_equal(health_loss_permille(&play.health), 0);
	}
}

static void spikes_take_no_link_down(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	seed_random();
	for (int i = 0; i < 10 * 3600; i++) {
		play.latency_us = 20000 + (chance(300) ? (uint32_t)rand() % 500000 : 0);
		play_round(&play);
	}
	assert_int_equal(play.downs, 0);
}

static void timeout_follows_the_round_trip(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	assert_int_equal(health_timeout(&play.health, &play.check), 1000);
	play.check.interval_ms = 5000;
	assert_int_equal(health_timeout(&play.health, &play.check), 1000);
	play.check.interval_ms = 200;
	assert_int_equal(health_timeout(&play.health, &play.check), 200);
	play.check.interval_ms = 1000;

	play.latency_us = 1000;
	play_rounds(&play, 50);
	assert_int_equal(health_timeout(&play.health, &play.check), 100);
	play.latency_us = 300000;
	play_rounds(&play, 50);
	assert_in_range(health_timeout(&play.health, &play.check), 300, 500);
	play.latency_us = 900000;
	play_rounds(&play, 50);
	assert_int_equal(health_timeout(&play.health, &play.check), 1000);

	play.check.timeout_ms = 250;
	assert_int_equal(health_timeout(&play.health, &play.check), 250);
	play.check.timeout_ms = 3000;
	assert_int_equal(health_timeout(&play.health, &play.check), 1000);
}

/* RFC 6298 section 2, computed by hand: R = 100 ms, then R' = 200 ms. */
static void measures_as_rfc_6298(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play.latency_us = 100000;
	play_round(&play);
	assert_int_equal(play.health.smoothed_us, 100000);
	assert_int_equal(play.health.deviation_us, 50000);
	play.latency_us = 200000;
	play_round(&play);
	assert_int_equal(play.health.deviation_us, 62500);
	assert_int_equal(play.health.smoothed_us, 112500);
	play.check.down_after = 1; /* a round that decides: SRTT + 4 RTTVAR */
	assert_int_equal(health_timeout(&play.health, &play.check), 362);
}

/* RFC 3550 section 6.4.1, by hand: |D| = 16 ms three times gives 1000, 1937.5, 2816 us. */
static void measures_jitter_as_rfc_3550(void **state)
{
	static const uint32_t expected[] = { 0, 1000, 1937, 2815 };
	struct play play = play_new(1000);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		play.latency_us = i % 2 == 0 ? 20000 : 36000;
		play_round(&play);
		assert_int_equal(play.health.jitter_us, expected[i]);
	}
	/* A lost round in between is no distance: the next answer is compared with the one before. */
	play.latency_us = DEAD;
	play_round(&play);
	assert_int_equal(play.health.jitter_us, expected[3]);
	play.latency_us = 36000;
	play_round(&play);
	assert_int_equal(play.health.jitter_us, 2815 - 2815 / 16);
}

static void latency_degrades_and_heals_with_hysteresis(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play.check.degraded_latency_ms = 200;
	play.latency_us = 210000;
	play_rounds(&play, 4);
	assert_int_equal(play.health.state, LINK_UP);
	play_round(&play);
	assert_int_equal(play.health.state, LINK_DEGRADED);
	assert_int_equal(play.health.cause, CAUSE_LATENCY);
	assert_true(health_usable(&play.health));

	/* Between 160 and 200 ms it stays as it is, in both states. */
	play.latency_us = 170000;
	play_rounds(&play, 500);
	assert_int_equal(play.health.state, LINK_DEGRADED);
	play.latency_us = 20000;
	play_rounds(&play, 100);
	assert_int_equal(play.health.state, LINK_UP);
	assert_int_equal(play.health.cause, CAUSE_NONE);
	play.latency_us = 190000;
	play_rounds(&play, 500);
	assert_int_equal(play.degradations, 1);
	assert_int_equal(play.ups, 1);
}

static void leaves_degraded_after_a_row_of_calm_rounds(void **state)
{
	struct play play = play_new(1000);
	unsigned int calm = 0;

	(void)state;
	play.check.degraded_latency_ms = 100;
	play.latency_us = 500000;
	play_rounds(&play, HEALTH_WINDOW);
	assert_int_equal(play.health.state, LINK_DEGRADED);
	play.latency_us = 10000;
	while (play.health.state == LINK_DEGRADED) {
		play_round(&play);
		calm += health_latency_us(&play.health) <= 80000;
		assert_true(calm <= play.check.up_after);
	}
	assert_int_equal(calm, play.check.up_after);
}

static void loss_degrades_and_heals(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play.check.degraded_loss_permille = 50;
	play_rounds(&play, 10);
	play.latency_us = DEAD;
	play_round(&play);
	assert_int_equal(play.health.state, LINK_UP); /* 91 permille, but one round alone is no rate */
	play.latency_us = 20000;
	play_round(&play);
	play.latency_us = DEAD;
	play_round(&play);
	assert_int_equal(play.health.state, LINK_DEGRADED);
	assert_int_equal(play.health.cause, CAUSE_LOSS);
	play.latency_us = 20000;
	play_rounds(&play, HEALTH_WINDOW + play.check.up_after);
	assert_int_equal(play.health.state, LINK_UP);
	assert_int_equal(health_loss_permille(&play.health), 0);
}

static void jitter_degrades_and_heals(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play.check.degraded_jitter_ms = 50;
	for (int i = 0; i < 60; i++) {
		play.latency_us = i % 2 == 0 ? 20000 : 120000;
		play_round(&play);
	}
	assert_int_equal(play.health.state, LINK_DEGRADED);
	assert_int_equal(play.health.cause, CAUSE_JITTER);
	assert_in_range(play.health.jitter_us, 90000, 100000);
	play.latency_us = 20000;
	play_rounds(&play, 60);
	assert_int_equal(play.health.state, LINK_UP);
	assert_int_equal(play.degradations, 1);
}

static void no_threshold_never_degrades(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	seed_random();
	for (int i = 0; i < 3600; i++) {
		play.latency_us = i % 3 == 0 ? DEAD : (uint32_t)rand() % 900000 + 1;
		play_round(&play);
	}
	assert_int_equal(play.degradations, 0);
}

/* What was lost while it was down would keep it degraded for a minute after. */
static void comes_back_with_an_empty_window(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play.check.degraded_loss_permille = 50;
	play_rounds(&play, 60);
	play.latency_us = DEAD;
	play_rounds(&play, 40);
	assert_int_equal(play.health.state, LINK_DOWN);
	assert_true(health_loss_permille(&play.health) > 600);
	play.latency_us = 20000;
	play_rounds(&play, play.check.up_after);
	assert_int_equal(play.health.state, LINK_UP);
	assert_int_equal(play.health.samples, 0);
	play_rounds(&play, 100);
	assert_int_equal(play.ups, 1);
	assert_int_equal(health_loss_permille(&play.health), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_percent_loss_takes_no_link_down),
		cmocka_unit_test(one_target_goes_down_as_seldom_as_it_must),
		cmocka_unit_test(tells_loss_of_five_and_twenty_percent),
		cmocka_unit_test(half_loss_is_down_most_of_the_time),
		cmocka_unit_test(satellite_stays_up),
		cmocka_unit_test(grown_round_trip_is_no_dead_link),
		cmocka_unit_test(spikes_take_no_link_down),
		cmocka_unit_test(timeout_follows_the_round_trip),
		cmocka_unit_test(measures_as_rfc_6298),
		cmocka_unit_test(measures_jitter_as_rfc_3550),
		cmocka_unit_test(latency_degrades_and_heals_with_hysteresis),
		cmocka_unit_test(leaves_degraded_after_a_row_of_calm_rounds),
		cmocka_unit_test(loss_degrades_and_heals),
		cmocka_unit_test(jitter_degrades_and_heals),
		cmocka_unit_test(no_threshold_never_degrades),
		cmocka_unit_test(comes_back_with_an_empty_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
