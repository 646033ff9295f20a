/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hours of links with delays of all kinds in fake time: what lowest-latency takes, and how often it changes its mind. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/balance.h"
#include "core/health_delay.h"
#include "tests/unit/chance.h"

/* In text, which is returned. */
static const char *remark(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
	const struct pick_context *context, char *text, size_t size)
{
	balancer_remark(balancer, candidate, flow, context, text, size);
	return text;
}

#define LINKS   3
#define NEVER   (LINKS + 1) /* no link: play on to the end */
#define TICK_MS 250
#define CHECK   { .need = 1, .interval_ms = 1000, .down_after = 3, .up_after = 5, .count = 1 }

static const struct check check = CHECK;

/* A policy over some links, which are checked once a second. */
struct play {
	struct balance balance;
	struct candidate candidates[LINKS];
	struct health health[LINKS];
	struct balancer *balancer;
	struct loads *loads;
	size_t count;
	uint64_t now_ms, seed;
	double latency_ms[LINKS]; /* 0: nobody answers */
	double noise_ms[LINKS];   /* on top, up to so much; now and then three times of it */
	double loss[LINKS];
	size_t held;
	unsigned int changes;
};

/* As a new snapshot does it. */
static void play_balance(struct play *play)
{
	struct balancer *next;

	for (size_t i = 0; i < play->count; i++)
		play->candidates[i].usable = health_usable(&play->health[i]);
	next = balancer_new(&play->balance, play->candidates, play->count, play->balancer);
	assert_non_null(next);
	balancer_free(play->balancer);
	play->balancer = next;
}

static struct play *play_start(const double *latency_ms, size_t count)
{
	struct play *play = calloc(1, sizeof(*play));

	play->balance.algorithm = ALGORITHM_LOWEST_LATENCY;
	play->loads = loads_new();
	play->count = count;
	play->now_ms = 1000000;
	play->seed = 42;
	for (size_t i = 0; i < count; i++) {
		play->candidates[i] = (struct candidate){ .link = (uint16_t)i, .id = (uint8_t)(i + 1), .usable = true, .weight = 1,
			.hash = i };
		health_init(&play->health[i], play->now_ms);
		play->latency_ms[i] = latency_ms[i];
	}
	play_balance(play);
	return play;
}

static void play_end(struct play *play)
{
	balancer_free(play->balancer);
	free(play->loads);
	free(play);
}

static struct pick_context peek(const struct play *play)
{
	return (struct pick_context){ .peek = true, .now_ms = play->now_ms, .loads = play->loads };
}

/* What is picked has the highest score, at every moment. */
static size_t picked(const struct play *play)
{
	struct pick_context context = peek(play);
	struct flow flow = { 0 };
	const struct candidate *chosen = balancer_pick(play->balancer, &flow, &context);

	for (size_t i = 0; chosen != NULL && i < play->count; i++) {
		if (play->candidates[i].usable && i != chosen->link)
			assert_true(balancer_score(play->balancer, &play->candidates[i], &flow, &context)
				    < balancer_score(play->balancer, chosen, &flow, &context));
	}
	return chosen == NULL ? LINKS : chosen->link;
}

static void play_check(struct play *play, size_t link)
{
	double noise = chance_part(&play->seed) * play->noise_ms[link], spike = chance_part(&play->seed) < 0.02 ? 3 : 1;
	bool lost = play->latency_ms[link] == 0 || chance_part(&play->seed) < play->loss[link];
	struct round round = { .asked = 1, .answered = !lost };

	if (!lost)
		round.latency_us = (uint32_t)(1000 * (play->latency_ms[link] + spike * noise));
	if (health_round(&play->health[link], &check, &round, play->now_ms))
		play_balance(play);
	play->loads->links[link + 1].delay_us = health_delay_us(&play->health[link]);
}

/* Until so much time has passed, or, where link is not NEVER, that one is picked. Seconds that it took. */
static double play_until(struct play *play, double seconds, size_t link)
{
	uint64_t start_ms = play->now_ms;

	while (play->now_ms - start_ms < seconds * 1000) {
		play->now_ms += TICK_MS;
		for (size_t i = 0; i < play->count && play->now_ms % 1000 == 0; i++)
			play_check(play, i);
		balancer_tick(play->balancer, &(struct balancer_tick){ play->now_ms, play->loads });
		if (picked(play) != play->held)
			play->changes++;
		play->held = picked(play);
		if (play->held == link)
			break;
	}
	return (double)(play->now_ms - start_ms) / 1000;
}

static void steady_links_change_nothing(void **state)
{
	struct play *play = play_start((double[]){ 30, 20, 25 }, 3);

	(void)state;
	play_until(play, 10, NEVER);
	assert_int_equal(play->held, 1);
	play->changes = 0;
	play_until(play, 3600, NEVER);
	assert_int_equal(play->held, 1);
	assert_int_equal(play->changes, 0);
	play_end(play);
}

/* Alike but for noise: whichever is held is as good as the others. */
static void noise_moves_next_to_nothing(void **state)
{
	static const struct { double latency_ms[2], noise_ms[2]; unsigned int most; } cases[] = {
		{ { 30, 30 }, { 8, 8 }, 4 },
		{ { 30, 28 }, { 5, 5 }, 4 },
		{ { 20, 20 }, { 20, 20 }, 20 },
		{ { 5, 4 }, { 2, 2 }, 4 },
		{ { 100, 100 }, { 60, 60 }, 20 },
		{ { 30, 20 }, { 5, 30 }, 20 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct play *play = play_start(cases[i].latency_ms, 2);

		memcpy(play->noise_ms, cases[i].noise_ms, sizeof(cases[i].noise_ms));
		play_until(play, 60, NEVER);
		play->changes = 0;
		play_until(play, 3600, NEVER);
		print_message("%.0f and %.0f ms with noise of %.0f and %.0f: %u changes in an hour\n", cases[i].latency_ms[0],
			cases[i].latency_ms[1], cases[i].noise_ms[0], cases[i].noise_ms[1], play->changes);
		assert_true(play->changes <= cases[i].most);
		play_end(play);
	}
}

static void a_real_change_is_followed(void **state)
{
	struct play *play = play_start((double[]){ 20, 30 }, 2);
	double took;

	(void)state;
	play_until(play, 60, NEVER);
	assert_int_equal(play->held, 0);
	play->latency_ms[0] = 45;
	took = play_until(play, 60, 1);
	print_message("from 20 to 45 ms beside 30: after %.1f s\n", took);
	assert_true(took >= 10 && took <= 14);
	/* And not back when it is a little better again. */
	play->latency_ms[0] = 28;
	assert_true(play_until(play, 600, 0) == 600);
	play->latency_ms[0] = 15;
	took = play_until(play, 60, 0);
	print_message("back to 15 ms: after %.1f s\n", took);
	assert_true(took >= 10 && took <= 20);
	play_end(play);
}

/* One late answer is not the end of a proof. */
static void a_change_beside_noise_is_followed(void **state)
{
	double longest = 0;

	(void)state;
	for (uint64_t run = 1; run <= 50; run++) {
		struct play *play = play_start((double[]){ 40, 60 }, 2);

		play->seed = run;
		play->noise_ms[0] = play->noise_ms[1] = 6;
		play_until(play, 60, NEVER);
		assert_int_equal(play->held, 0);
		play->latency_ms[1] = 25;
		longest = fmax(longest, play_until(play, 120, 1));
		play_end(play);
	}
	print_message("from 60 to 25 ms beside 40, with noise of 6: after %.1f s at most\n", longest);
	assert_true(longest < 25);
}

static void what_is_far_worse_is_left_at_once(void **state)
{
	struct play *play = play_start((double[]){ 20, 30 }, 2);
	double took;

	(void)state;
	play_until(play, 60, NEVER);
	play->latency_ms[0] = 300;
	took = play_until(play, 60, 1);
	print_message("from 20 to 300 ms beside 30: after %.2f s\n", took);
	assert_true(took <= 3);
	play_end(play);
}

/* Twice of next to nothing is nothing. */
static void what_nobody_hears_is_no_reason(void **state)
{
	struct play *play = play_start((double[]){ 1, 2 }, 2);

	(void)state;
	play_until(play, 60, NEVER);
	play->latency_ms[0] = 3.5;
	assert_true(play_until(play, 600, 1) == 600);
	play_end(play);
}

static void failure_and_return(void **state)
{
	struct play *play = play_start((double[]){ 20, 30 }, 2);
	double took;

	(void)state;
	play_until(play, 60, NEVER);
	play->latency_ms[0] = 0;
	took = play_until(play, 60, 1);
	print_message("nobody answers: after %.2f s\n", took);
	assert_true(took <= 3);
	play_until(play, 60, NEVER);
	assert_int_equal(play->held, 1);
	play->latency_ms[0] = 20;
	took = play_until(play, 200, 0);
	print_message("it answers again: after %.2f s\n", took);
	/* It is up after five rounds, and what it has lost is forgotten then. */
	assert_true(took >= 14 && took <= 16);
	play_end(play);
}

static void the_device_goes_and_the_choice_stays(void **state)
{
	struct play *play = play_start((double[]){ 20, 30 }, 2);

	(void)state;
	play_until(play, 60, NEVER);
	health_ground(&play->health[0], &check, GROUND_NO_CARRIER, play->now_ms);
	play_balance(play);
	/* Before any tick. */
	assert_int_equal(picked(play), 1);
	play_until(play, 5, NEVER);
	assert_int_equal(play->held, 1);
	health_ground(&play->health[1], &check, GROUND_NO_CARRIER, play->now_ms);
	play_balance(play);
	assert_int_equal(picked(play), LINKS);
	health_ground(&play->health[1], &check, GROUND_READY, play->now_ms);
	play_until(play, 6, NEVER);
	assert_int_equal(play->held, 1);
	play_end(play);
}

static void loss_counts(void **state)
{
	struct play *play = play_start((double[]){ 20, 60 }, 2);

	(void)state;
	play_until(play, 60, NEVER);
	assert_int_equal(play->held, 0);
	play->loss[0] = 0.1;
	assert_true(play_until(play, 60, 1) < 60);
	play->changes = 0;
	play_until(play, 3600, NEVER);
	print_message("one in ten lost: %u changes in an hour\n", play->changes);
	assert_true(play->changes <= 8);
	play_end(play);
}

/* A single lost round is none. */
static void one_lost_round_does_not(void **state)
{
	struct play *play = play_start((double[]){ 20, 30 }, 2);

	(void)state;
	play_until(play, 120, NEVER);
	play->loss[0] = 1;
	play_until(play, 1, NEVER);
	play->loss[0] = 0;
	play->changes = 0;
	play_until(play, 120, NEVER);
	assert_int_equal(play->changes, 0);
	assert_int_equal(play->held, 0);
	play_end(play);
}

static void what_is_not_measured_comes_after(void **state)
{
	struct play *play = play_start((double[]){ 20, 30, 40 }, 3);

	(void)state;
	/* Nothing is known: the order counts. */
	assert_int_equal(picked(play), 0);
	balancer_tick(play->balancer, &(struct balancer_tick){ play->now_ms, NULL });
	assert_int_equal(picked(play), 0);
	/* Only the last one is known. */
	play->loads->links[3].delay_us = 500000;
	balancer_tick(play->balancer, &(struct balancer_tick){ play->now_ms, play->loads });
	assert_int_equal(picked(play), 2);
	play_end(play);
}

static void what_it_says(void **state)
{
	struct play *play = play_start((double[]){ 20, 30 }, 2);
	struct pick_context context = peek(play);
	struct flow flow = { 0 };
	char text[64];

	(void)state;
	assert_string_equal(remark(play->balancer, &play->candidates[1], &flow, &context, text, sizeof(text)),
		"delay not known");
	play_until(play, 60, NEVER);
	assert_string_equal(remark(play->balancer, &play->candidates[0], &flow, &context, text, sizeof(text)),
		"20.0 ms");
	assert_true(fabs(balancer_score(play->balancer, &play->candidates[0], &flow, &context) - 50) < 0.1);
	assert_true(fabs(balancer_score(play->balancer, &play->candidates[1], &flow, &context) - 100.0 / 3) < 0.1);
	play->latency_ms[0] = 40;
	play_until(play, 6, NEVER);
	assert_non_null(strstr(remark(play->balancer, &play->candidates[0], &flow, &context, text, sizeof(text)),
		" ms; kept for now"));
	play_end(play);
}

static void the_delay_has_jitter_and_loss_in_it(void **state)
{
	struct health health = { .smoothed_us = 20000, .jitter_us = 3000 };

	(void)state;
	assert_int_equal(health_delay_us(&health), 26000);
	health.samples = health.next = 50;
	for (unsigned int i = 0; i < 50; i++)
		health.window[i].latency_us = i < 45 ? 20000 : 22000;
	/* The last five, not those before. */
	assert_int_equal(health_delay_us(&health), 28000);
	health.window[47].lost = true;
	assert_int_equal(health_delay_us(&health), 27600);
	health.window[9].lost = true;
	assert_int_equal(health_delay_us(&health), 27600 + 40 * 10000);
	health.samples = 0;
	health.smoothed_us = 0;
	assert_int_equal(health_delay_us(&health), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steady_links_change_nothing),
		cmocka_unit_test(noise_moves_next_to_nothing),
		cmocka_unit_test(a_real_change_is_followed),
		cmocka_unit_test(a_change_beside_noise_is_followed),
		cmocka_unit_test(what_is_far_worse_is_left_at_once),
		cmocka_unit_test(what_nobody_hears_is_no_reason),
		cmocka_unit_test(failure_and_return),
		cmocka_unit_test(the_device_goes_and_the_choice_stays),
		cmocka_unit_test(loss_counts),
		cmocka_unit_test(one_lost_round_does_not),
		cmocka_unit_test(what_is_not_measured_comes_after),
		cmocka_unit_test(what_it_says),
		cmocka_unit_test(the_delay_has_jitter_and_loss_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
