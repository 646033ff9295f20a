/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plays the life of a link in fake time: when it goes down, when it comes back, and what it survives. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "play.h"

static void starts_up(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	assert_int_equal(play.health.state, LINK_UP);
	assert_int_equal(play.health.since_ms, play.start_ms);
	assert_int_equal(health_latency_us(&play.health), 0);
	assert_int_equal(health_loss_permille(&play.health), 0);
	play_rounds(&play, 1000);
	assert_int_equal(play.ups + play.downs + play.degradations, 0);
	assert_int_equal(health_latency_us(&play.health), 20000);
}

/* The measured time from the last answer to DOWN, worst over round trips from 1 ms to 650 ms. */
static void finds_silent_loss_in_time(void **state)
{
	static const struct {
		uint32_t interval_ms, limit_ms;
	} cases[] = { { 1000, 3400 }, { 200, 900 } };
	static const uint32_t latencies_us[] = { 300, 1000, 20000, 80000, 150000, 400000, 650000, 900000 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t worst = 0;

		for (size_t k = 0; k < sizeof(latencies_us) / sizeof(latencies_us[0]); k++) {
			struct play play = play_new(cases[i].interval_ms);
			uint64_t took;

			if (latencies_us[k] / 1000 >= cases[i].interval_ms)
				continue;
			play.latency_us = latencies_us[k];
			play_rounds(&play, 100);
			assert_int_equal(play.health.state, LINK_UP);
			play.latency_us = DEAD;
			play_rounds(&play, 2);
			assert_int_equal(play.health.state, LINK_UP);
			play_rounds(&play, 1);
			assert_int_equal(play.health.state, LINK_DOWN);
			assert_int_equal(play.health.cause, CAUSE_CHECKS);
			took = play.now_ms - play.answer_ms;
			worst = took > worst ? took : worst;
		}
		print_message("interval %u ms: down %u ms after the last answer at worst\n",
			cases[i].interval_ms, (unsigned int)worst);
		assert_true(worst < cases[i].limit_ms);
	}
}

static void is_dead_from_the_start(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play.latency_us = DEAD;
	play_rounds(&play, 3);
	assert_int_equal(play.health.state, LINK_DOWN);
	assert_true(play.now_ms - 1000000 <= 3000);
	play_rounds(&play, 1000);
	assert_int_equal(play.downs, 1);
	assert_int_equal(play.ups, 0);
}

static void counts_down_after_and_up_after(void **state)
{
	(void)state;
	for (unsigned int down_after = 1; down_after <= 6; down_after++) {
		struct play play = play_new(1000);

		play.check.down_after = down_after;
		play.check.up_after = down_after + 2;
		play_rounds(&play, 20);
		play.latency_us = DEAD;
		play_rounds(&play, down_after - 1);
		assert_int_equal(play.health.state, LINK_UP);
		play_rounds(&play, 1);
		assert_int_equal(play.health.state, LINK_DOWN);
		play.latency_us = 20000;
		play_rounds(&play, down_after + 1);
		assert_int_equal(play.health.state, LINK_DOWN);
		play_rounds(&play, 1);
		assert_int_equal(play.health.state, LINK_UP);
		assert_int_equal(play.health.cause, CAUSE_NONE);
	}
}

static void needs_a_row_without_a_gap(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	for (int i = 0; i < 100; i++) {
		play.latency_us = i % 3 == 2 ? 20000 : DEAD;
		play_round(&play);
	}
	assert_int_equal(play.downs, 0);

	play.latency_us = DEAD;
	play_rounds(&play, 3);
	assert_int_equal(play.health.state, LINK_DOWN);
	for (int i = 0; i < 100; i++) {
		play.latency_us = i % 5 == 4 ? DEAD : 20000;
		play_round(&play);
	}
	assert_int_equal(play.ups, 0);
}

static void needs_as_many_answers_as_told(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play.check.count = 3;
	play.check.need = 2;
	play.answered = 2;
	play_rounds(&play, 10);
	assert_int_equal(play.health.state, LINK_UP);
	play.answered = 1;
	play_rounds(&play, 3);
	assert_int_equal(play.health.state, LINK_DOWN);
	assert_int_equal(health_latency_us(&play.health), 20000);
}

static void a_round_that_asked_nothing_tells_nothing(void **state)
{
	struct play play = play_new(1000);
	struct round round = { .asked = 0 };

	(void)state;
	for (uint64_t i = 1; i <= 100; i++)
		assert_false(health_round(&play.health, &play.check, &round, play.start_ms + 1000 * i));
	assert_int_equal(play.health.state, LINK_UP);
	assert_int_equal(play.health.samples, 0);
}

/* A second on, a second off, ten minutes long: by checks nothing, by carrier one outage. */
static void flapping_makes_few_transitions(void **state)
{
	struct play checks = play_new(1000), carrier = play_new(1000);

	(void)state;
	for (int i = 0; i < 300; i++) {
		checks.latency_us = DEAD;
		play_round(&checks);
		checks.latency_us = 20000;
		play_round(&checks);

		play_ground(&carrier, GROUND_NO_CARRIER);
		carrier.start_ms += 1000;
		play_ground(&carrier, GROUND_READY);
		play_round(&carrier);
	}
	assert_int_equal(checks.ups + checks.downs, 0);
	assert_int_equal(carrier.downs, 1);
	assert_int_equal(carrier.ups, 0);
	play_rounds(&carrier, 5);
	assert_int_equal(carrier.ups, 1);
}

static void pause_of_the_machine_is_no_outage(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	for (int i = 0; i < 20; i++) {
		play.latency_us = 20000;
		play_rounds(&play, 5);
		play.latency_us = DEAD;
		play_rounds(&play, 2);
		assert_int_equal(play.health.failed_in_row, 2);
		play.start_ms += 60000;
		play_round(&play);
		assert_true(play.health.doubtful);
		assert_int_equal(play.health.failed_in_row, 0);
	}
	assert_int_equal(play.downs, 0);
	/* Only one round is doubtful: a link that is dead after the pause is found. */
	play_rounds(&play, 2);
	assert_false(play.health.doubtful);
	assert_int_equal(play.downs, 0);
	play_rounds(&play, 1);
	assert_int_equal(play.downs, 1);
}

static void good_round_after_a_pause_counts_as_the_first(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play.latency_us = DEAD;
	play_rounds(&play, 10);
	play.latency_us = 20000;
	play_rounds(&play, 4);
	play.start_ms += 60000;
	play_rounds(&play, 4);
	assert_int_equal(play.health.state, LINK_DOWN);
	play_round(&play);
	assert_int_equal(play.health.state, LINK_UP);
}

/* Two intervals and a timeout may pass where a round was late; that is no pause. */
static void late_rounds_count(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play_rounds(&play, 50);
	play.latency_us = DEAD;
	for (int i = 0; i < 3; i++) {
		play.start_ms += 900;
		play_round(&play);
		assert_false(play.health.doubtful);
	}
	assert_int_equal(play.health.state, LINK_DOWN);
}

/* Also one that goes back: only the time of the change is then of no use. */
static void clock_that_stands_still_does_no_harm(void **state)
{
	struct round good = { .answered = 1, .asked = 1, .latency_us = 1 }, failed = { .asked = 1 };

	(void)state;
	for (int step = 0; step < 2; step++) {
		struct play play = play_new(1000);
		uint64_t now = play.start_ms;

		for (int i = 1; i <= 30; i++, now -= (uint64_t)step * 700)
			assert_int_equal(health_round(&play.health, &play.check, &failed, now), i == 3);
		assert_int_equal(play.health.state, LINK_DOWN);
		for (int i = 1; i <= 30; i++, now -= (uint64_t)step * 700)
			assert_int_equal(health_round(&play.health, &play.check, &good, now), i == 5);
		assert_int_equal(play.health.state, LINK_UP);
		play_require_sound(&play);
	}
}

static void ground_takes_the_link_down_at_once(void **state)
{
	static const struct {
		enum link_ground ground;
		enum link_cause cause;
	} cases[] = {
		{ GROUND_NO_DEVICE, CAUSE_NO_DEVICE },
		{ GROUND_NO_CARRIER, CAUSE_NO_CARRIER },
		{ GROUND_NO_ADDRESS, CAUSE_NO_ADDRESS },
		{ GROUND_NO_GATEWAY, CAUSE_NO_GATEWAY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct play play = play_new(1000);

		play_rounds(&play, 10);
		assert_true(play_ground(&play, cases[i].ground));
		assert_int_equal(play.health.state, LINK_DOWN);
		assert_int_equal(play.health.cause, cases[i].cause);
		assert_false(play_ground(&play, cases[i].ground));
		/* Answers that were on their way change nothing. */
		play_rounds(&play, 20);
		assert_int_equal(play.health.state, LINK_DOWN);
	}
}

static void ground_that_returns_waits_for_checks(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play_rounds(&play, 10);
	play_ground(&play, GROUND_NO_CARRIER);
	play.start_ms += HOUR_MS;
	assert_false(play_ground(&play, GROUND_NO_ADDRESS));
	assert_int_equal(play.health.cause, CAUSE_NO_ADDRESS);
	play.start_ms += HOUR_MS;
	assert_false(play_ground(&play, GROUND_READY));
	assert_int_equal(play.health.state, LINK_DOWN);
	play_rounds(&play, 4);
	assert_int_equal(play.health.state, LINK_DOWN);
	assert_false(play_ground(&play, GROUND_READY)); /* told again: nothing starts over */
	play_rounds(&play, 1);
	assert_int_equal(play.health.state, LINK_UP);
}

static void dead_path_behind_a_ready_ground_is_told(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play_ground(&play, GROUND_NO_CARRIER);
	play_ground(&play, GROUND_READY);
	play.latency_us = DEAD;
	play_rounds(&play, 2);
	assert_int_equal(play.health.cause, CAUSE_NO_CARRIER);
	play_rounds(&play, 1);
	assert_int_equal(play.health.cause, CAUSE_CHECKS);
	assert_int_equal(play.downs, 1);
}

static void without_targets_the_ground_decides(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play.check.count = 0;
	assert_true(play_ground(&play, GROUND_NO_GATEWAY));
	assert_true(play_ground(&play, GROUND_READY));
	assert_int_equal(play.health.state, LINK_UP);
	assert_int_equal(play.health.cause, CAUSE_NONE);
	assert_false(play_ground(&play, GROUND_READY));
}

static void targets_that_a_reload_took_away_hold_no_link_down(void **state)
{
	struct play play = play_new(1000);

	(void)state;
	play.latency_us = DEAD;
	play_rounds(&play, 3);
	assert_int_equal(play.health.state, LINK_DOWN);
	play.check.count = 0;
	assert_true(play_ground(&play, GROUND_READY));
	assert_int_equal(play.health.state, LINK_UP);
}

/* Random events of every kind: what play_require_sound() asks holds after each, and nothing gets stuck. */
static void survives_any_order_of_events(void **state)
{
	(void)state;
	seed_random();
	for (int life = 0; life < 200; life++) {
		struct play play = play_new(50u + (uint32_t)rand() % 5000);

		play.check.down_after = 1 + (unsigned int)rand() % 5;
		play.check.up_after = 1 + (unsigned int)rand() % 5;
		play.check.degraded_latency_ms = (uint32_t)rand() % 300;
		play.check.degraded_loss_permille = (uint32_t)rand() % 300;
		play.check.degraded_jitter_ms = (uint32_t)rand() % 100;
		for (int i = 0; i < 500; i++) {
			if (chance(20))
				play_ground(&play, (enum link_ground)(rand() % 5));
			if (chance(10))
				play.start_ms += (uint64_t)rand() % 100000;
			play.latency_us = chance(300) ? DEAD : (uint32_t)rand() % 1000000;
			play_round(&play);
		}
		play_ground(&play, GROUND_READY);
		play.latency_us = 1000;
		play_rounds(&play, HEALTH_WINDOW * 3);
		assert_int_not_equal(play.health.state, LINK_DOWN);
	}
}

static void has_words_for_states_and_causes(void **state)
{
	(void)state;
	assert_string_equal(link_state_name(LINK_UP), "up");
	assert_string_equal(link_state_name(LINK_DEGRADED), "degraded");
	assert_string_equal(link_state_name(LINK_DOWN), "down");
	assert_string_equal(link_cause_text(CAUSE_NONE), "");
	assert_string_equal(link_cause_text(CAUSE_NO_CARRIER), "no carrier");
	for (enum link_cause cause = CAUSE_NO_DEVICE; cause <= CAUSE_JITTER; cause++)
		assert_true(strlen(link_cause_text(cause)) > 0);
}

/* A link of 20 ms stalls, and what was asked meanwhile is answered two seconds late: that makes it no satellite. */
static void a_stall_does_not_make_the_next_one_late(void **state)
{
	struct check check = { .count = 1, .need = 1, .interval_ms = 200, .down_after = 1000, .up_after = 5 };
	struct round good = { .answered = 1, .asked = 1, .latency_us = 20000 }, lost = { .asked = 1 };
	struct round late = { .answered = 1, .asked = 1, .latency_us = 2000000, .late = 1 };
	struct health health;
	uint64_t now_ms = 1000;

	(void)state;
	health_init(&health, now_ms);
	for (int i = 0; i < 20; i++)
		health_round(&health, &check, &good, now_ms += 200);
	assert_int_equal(health_timeout(&health, &check), 100);
	for (int i = 0; i < 10; i++)
		health_round(&health, &check, &lost, now_ms += 200);
	health_round(&health, &check, &late, now_ms);
	assert_int_equal(health_timeout(&health, &check), 200);
	for (int i = 0; i < 5; i++)
		health_round(&health, &check, &good, now_ms += 200);
	assert_int_equal(health_timeout(&health, &check), 100);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_up),
		cmocka_unit_test(finds_silent_loss_in_time),
		cmocka_unit_test(is_dead_from_the_start),
		cmocka_unit_test(counts_down_after_and_up_after),
		cmocka_unit_test(needs_a_row_without_a_gap),
		cmocka_unit_test(needs_as_many_answers_as_told),
		cmocka_unit_test(a_round_that_asked_nothing_tells_nothing),
		cmocka_unit_test(flapping_makes_few_transitions),
		cmocka_unit_test(pause_of_the_machine_is_no_outage),
		cmocka_unit_test(good_round_after_a_pause_counts_as_the_first),
		cmocka_unit_test(late_rounds_count),
		cmocka_unit_test(clock_that_stands_still_does_no_harm),
		cmocka_unit_test(ground_takes_the_link_down_at_once),
		cmocka_unit_test(ground_that_returns_waits_for_checks),
		cmocka_unit_test(dead_path_behind_a_ready_ground_is_told),
		cmocka_unit_test(without_targets_the_ground_decides),
		cmocka_unit_test(targets_that_a_reload_took_away_hold_no_link_down),
		cmocka_unit_test(a_stall_does_not_make_the_next_one_late),
		cmocka_unit_test(survives_any_order_of_events),
		cmocka_unit_test(has_words_for_states_and_causes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
