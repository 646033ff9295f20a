/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves what algorithms that look at load promise: their order, the herd guard, links of which nothing is known. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/balance.h"

#define MBIT UINT64_C(1000000)

static const struct hash_key key = { { 1, 2 } };

/* A policy over links with the numbers 1, 2, ... and what is known of them. */
struct bench {
	struct balancer *balancer;
	struct candidate candidates[8];
	struct loads *loads;
	size_t count;
};

static struct bench bench_new(enum algorithm algorithm, const unsigned int *weights, size_t count)
{
	struct balance balance = { .algorithm = algorithm };
	struct bench bench = { .loads = loads_new(), .count = count };

	for (size_t i = 0; i < count; i++)
		bench.candidates[i] = (struct candidate){ .link = (uint16_t)i, .id = (uint8_t)(i + 1), .usable = weights[i] > 0, .weight = weights[i],
			.hash = i };
	bench.balancer = balancer_new(&balance, bench.candidates, count, NULL);
	assert_non_null(bench.balancer);
	assert_non_null(bench.loads);
	return bench;
}

static void bench_free(struct bench *bench)
{
	balancer_free(bench->balancer);
	free(bench->loads);
}

static struct link_load *load_of(struct bench *bench, size_t link)
{
	return &bench->loads->links[link + 1];
}

static void set_link(struct bench *bench, size_t link, uint64_t rate_mbit, uint64_t capacity_mbit)
{
	load_of(bench, link)->rate_bps[DOWNLOAD] = rate_mbit * MBIT;
	load_of(bench, link)->capacity_bps[DOWNLOAD] = capacity_mbit * MBIT;
}

static size_t ask(struct bench *bench, bool peek)
{
	struct pick_context context = { .key = &key, .random = (uint64_t)rand() << 20 ^ (uint64_t)rand(), .peek = peek,
		.loads = bench->loads };
	struct flow flow = { .family = IPV4 };

	return balancer_pick(bench->balancer, &flow, &context)->link;
}

static size_t pick(struct bench *bench)
{
	return ask(bench, false);
}

static double score(struct bench *bench, size_t link)
{
	struct pick_context context = { .key = &key, .loads = bench->loads };
	struct flow flow = { .family = IPV4 };

	return balancer_score(bench->balancer, &bench->candidates[link], &flow, &context);
}

/* NULL: nothing is said. */
static const char *note(struct bench *bench, size_t link)
{
	static char text[64];
	struct pick_context context = { .key = &key, .loads = bench->loads };
	struct flow flow = { .family = IPV4 };

	balancer_remark(bench->balancer, &bench->candidates[link], &flow, &context, text, sizeof(text));
	return text[0] == '\0' ? NULL : text;
}

/* Each connection goes where (connections + 1) / weight is smallest, whatever comes and goes. */
static void least_connections_is_shortest_expected_delay(void **state)
{
	static const unsigned int weights[] = { 5, 3, 1, 1 };
	struct bench bench = bench_new(ALGORITHM_LEAST_CONNECTIONS, weights, 4);

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t picked = pick(&bench);
		struct link_load *ends = load_of(&bench, (size_t)rand() % 4);

		for (size_t other = 0; other < 4; other++)
			assert_true((load_of(&bench, picked)->connections + 1) * weights[other]
				<= (load_of(&bench, other)->connections + 1) * weights[picked]);
		load_of(&bench, picked)->connections++;
		if (ends->connections > 0 && rand() % 3 > 0)
			ends->connections--;
	}
	bench_free(&bench);
}

/* Without ends the counts are the weights' shares. */
static void least_connections_keeps_the_shares(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_CONNECTIONS, (unsigned int[]){ 7, 3 }, 2);

	(void)state;
	for (int i = 0; i < 1000; i++)
		load_of(&bench, pick(&bench))->connections++;
	assert_in_range(load_of(&bench, 0)->connections, 699, 701);
	bench_free(&bench);
}

/* Connections that end before the next begins do not all go the same way. */
static void ties_are_broken_by_weight(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_CONNECTIONS, (unsigned int[]){ 1, 1 }, 2);
	unsigned int first = 0;

	(void)state;
	for (int i = 0; i < 10000; i++)
		first += pick(&bench) == 0;
	assert_in_range(first, 4700, 5300);
	bench_free(&bench);
}

static void least_load_takes_what_is_free(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_LOAD, (unsigned int[]){ 1, 1 }, 2);

	(void)state;
	set_link(&bench, 0, 30, 100);
	set_link(&bench, 1, 20, 100);
	load_of(&bench, 0)->connections = load_of(&bench, 1)->connections = 10;
	assert_int_equal(ask(&bench, true), 1);
	assert_true(fabs(score(&bench, 0) - 70) < 0.01);
	assert_true(fabs(score(&bench, 1) - 80) < 0.01);
	set_link(&bench, 0, 10, 100);
	assert_int_equal(ask(&bench, true), 0);
	bench_free(&bench);
}

/* What is free on the smaller link counts by the fourth root of what it is of the larger. */
static void a_smaller_link_must_offer_more(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_LOAD, (unsigned int[]){ 1, 1 }, 2);

	(void)state;
	set_link(&bench, 0, 43, 100);
	set_link(&bench, 1, 0, 64);
	load_of(&bench, 0)->connections = load_of(&bench, 1)->connections = 10;
	assert_true(fabs(score(&bench, 0) - 57) < 0.01);
	assert_true(fabs(score(&bench, 1) - 57.243) < 0.01);
	assert_int_equal(ask(&bench, true), 1);
	set_link(&bench, 0, 42, 100);
	assert_int_equal(ask(&bench, true), 0);
	set_link(&bench, 0, 60, 100);
	assert_int_equal(ask(&bench, true), 1);
	bench_free(&bench);
}

/* The worse direction counts. */
static void least_load_looks_at_both_directions(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_LOAD, (unsigned int[]){ 1, 1 }, 2);

	(void)state;
	set_link(&bench, 0, 10, 100);
	set_link(&bench, 1, 20, 100);
	load_of(&bench, 0)->connections = load_of(&bench, 1)->connections = 10;
	assert_int_equal(ask(&bench, true), 0);
	load_of(&bench, 0)->capacity_bps[UPLOAD] = 10 * MBIT;
	load_of(&bench, 0)->rate_bps[UPLOAD] = 4 * MBIT;
	assert_int_equal(ask(&bench, true), 1);
	bench_free(&bench);
}

/* A hundred connections within the second in which nothing is measured do not all go to the idle link. */
static void a_herd_is_spread(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_LOAD, (unsigned int[]){ 1, 1 }, 2);
	unsigned int first = 0;

	(void)state;
	set_link(&bench, 0, 0, 40);
	set_link(&bench, 1, 10, 40);
	for (int i = 0; i < 100; i++) {
		size_t picked = pick(&bench);

		load_of(&bench, picked)->connections++;
		first += picked == 0;
	}
	assert_in_range(first, 50, 62);
	bench_free(&bench);
}

/* Shares of what is placed at once follow capacities, the larger a little more: 4 to 1 by the power of 1.25. */
static void a_herd_follows_capacity(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_LOAD, (unsigned int[]){ 1, 1 }, 2);
	unsigned int first = 0;

	(void)state;
	set_link(&bench, 0, 0, 80);
	set_link(&bench, 1, 0, 20);
	for (int i = 0; i < 500; i++) {
		size_t picked = pick(&bench);

		load_of(&bench, picked)->connections++;
		first += picked == 0;
	}
	assert_in_range(first, 420, 430);
	bench_free(&bench);
}

static void peeking_places_nothing(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_LOAD, (unsigned int[]){ 1, 1 }, 2);

	(void)state;
	set_link(&bench, 0, 0, 10);
	set_link(&bench, 1, 0, 10);
	for (int i = 0; i < 10; i++)
		ask(&bench, true);
	assert_int_equal(load_of(&bench, 0)->placed_bps[DOWNLOAD] + load_of(&bench, 1)->placed_bps[DOWNLOAD], 0);
	pick(&bench);
	assert_int_equal(load_of(&bench, 0)->placed_bps[DOWNLOAD] + load_of(&bench, 1)->placed_bps[DOWNLOAD], MBIT);
	bench_free(&bench);
}

/* Nobody counts them: rates alone decide, and what was placed by them. */
static void without_counts_rates_decide(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_LOAD, (unsigned int[]){ 1, 1 }, 2);
	unsigned int first = 0;

	(void)state;
	set_link(&bench, 0, 38, 40);
	set_link(&bench, 1, 10, 40);
	for (int i = 0; i < 100; i++)
		first += pick(&bench) == 0;
	assert_in_range(first, 34, 38);
	bench_free(&bench);
}

/* Links that are used whole: rates are equal then, and only connections tell them apart. */
static void used_whole_the_connections_tell(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_LOAD, (unsigned int[]){ 1, 1 }, 2);

	(void)state;
	set_link(&bench, 0, 40, 40);
	set_link(&bench, 1, 10, 10);
	load_of(&bench, 0)->connections = 30;
	load_of(&bench, 1)->connections = 4;
	assert_int_equal(ask(&bench, true), 1);
	load_of(&bench, 1)->connections = 5;
	assert_int_equal(ask(&bench, true), 0);
	bench_free(&bench);
}

static void what_is_congested_is_used_whole(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_LOAD, (unsigned int[]){ 1, 1 }, 2);

	(void)state;
	set_link(&bench, 0, 5, 40);
	set_link(&bench, 1, 20, 40);
	load_of(&bench, 0)->connections = load_of(&bench, 1)->connections = 8;
	load_of(&bench, 0)->congested = true;
	assert_string_equal(note(&bench, 0), "congested");
	assert_null(note(&bench, 1));
	set_link(&bench, 1, 19, 40);
	assert_int_equal(ask(&bench, true), 1);
	bench_free(&bench);
}

/* By weight, as the links beside it whose capacity is known. */
static void what_is_not_known_goes_by_weight(void **state)
{
	struct bench bench = bench_new(ALGORITHM_LEAST_LOAD, (unsigned int[]){ 4, 1 }, 2);
	unsigned int first = 0;

	(void)state;
	assert_string_equal(note(&bench, 0), "capacity not known");
	for (int i = 0; i < 500; i++) {
		size_t picked = pick(&bench);

		load_of(&bench, picked)->connections++;
		first += picked == 0;
	}
	assert_in_range(first, 420, 430);
	set_link(&bench, 0, 0, 80);
	load_of(&bench, 1)->connections = 0;
	load_of(&bench, 1)->placed_bps[DOWNLOAD] = 0;
	assert_true(fabs(score(&bench, 1) - 14.142) < 0.01);
	bench_free(&bench);
}

static void spillover_takes_the_first_with_room(void **state)
{
	struct bench bench = bench_new(ALGORITHM_SPILLOVER, (unsigned int[]){ 1, 1, 1 }, 3);

	(void)state;
	assert_int_equal(pick(&bench), 0);
	load_of(&bench, 0)->full = true;
	assert_int_equal(pick(&bench), 1);
	assert_string_equal(note(&bench, 0), "full");
	assert_null(note(&bench, 1));
	load_of(&bench, 1)->full = true;
	assert_int_equal(pick(&bench), 2);
	load_of(&bench, 0)->full = false;
	assert_int_equal(pick(&bench), 0);
	bench_free(&bench);
}

static void spillover_where_all_are_full(void **state)
{
	struct bench bench = bench_new(ALGORITHM_SPILLOVER, (unsigned int[]){ 1, 1, 0 }, 3);

	(void)state;
	set_link(&bench, 0, 99, 100);
	set_link(&bench, 1, 91, 100);
	load_of(&bench, 0)->full = load_of(&bench, 1)->full = true;
	assert_int_equal(ask(&bench, true), 1);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pick(&bench), 1);
	/* Eight megabit were placed: both are used alike, and more of it goes to either. */
	assert_true(score(&bench, 0) - score(&bench, 1) < 1e-9);
	pick(&bench);
	pick(&bench);
	assert_true(load_of(&bench, 0)->placed_bps[DOWNLOAD] > 0);
	bench_free(&bench);
}

/* What `explain` shows agrees with what is picked. */
static void the_best_score_is_picked(void **state)
{
	(void)state;
	for (enum algorithm algorithm = ALGORITHM_LEAST_CONNECTIONS; algorithm <= ALGORITHM_SPILLOVER; algorithm++) {
		struct bench bench = bench_new(algorithm, (unsigned int[]){ 4, 0, 3, 2, 1 }, 5);

		for (int i = 0; i < 20000; i++) {
			size_t picked, some = (size_t)rand() % 5;

			set_link(&bench, some, (uint64_t)rand() % 120, (uint64_t)rand() % 4 * 40);
			load_of(&bench, some)->connections = (uint32_t)rand() % 50;
			load_of(&bench, some)->full = rand() % 2;
			load_of(&bench, some)->congested = rand() % 4 == 0;
			picked = ask(&bench, true);
			for (size_t other = 0; other < 5; other++)
				assert_true(score(&bench, other) <= score(&bench, picked));
			assert_int_not_equal(picked, 1);
		}
		bench_free(&bench);
	}
}

/* Without a daemon's figures, as where a file is explained. */
static void nothing_known_is_no_fault(void **state)
{
	(void)state;
	for (enum algorithm algorithm = ALGORITHM_LEAST_CONNECTIONS; algorithm <= ALGORITHM_SPILLOVER; algorithm++) {
		struct bench bench = bench_new(algorithm, (unsigned int[]){ 1, 2 }, 2);

		free(bench.loads);
		bench.loads = NULL;
		assert_true(pick(&bench) < 2);
		assert_true(score(&bench, 0) > 0 && score(&bench, 1) > 0);
		bench_free(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(least_connections_is_shortest_expected_delay),
		cmocka_unit_test(least_connections_keeps_the_shares),
		cmocka_unit_test(ties_are_broken_by_weight),
		cmocka_unit_test(least_load_takes_what_is_free),
		cmocka_unit_test(a_smaller_link_must_offer_more),
		cmocka_unit_test(least_load_looks_at_both_directions),
		cmocka_unit_test(a_herd_is_spread),
		cmocka_unit_test(a_herd_follows_capacity),
		cmocka_unit_test(peeking_places_nothing),
		cmocka_unit_test(without_counts_rates_decide),
		cmocka_unit_test(used_whole_the_connections_tell),
		cmocka_unit_test(what_is_congested_is_used_whole),
		cmocka_unit_test(what_is_not_known_goes_by_weight),
		cmocka_unit_test(spillover_takes_the_first_with_room),
		cmocka_unit_test(spillover_where_all_are_full),
		cmocka_unit_test(the_best_score_is_picked),
		cmocka_unit_test(nothing_known_is_no_fault),
	};

	srand((unsigned int)time(NULL));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
