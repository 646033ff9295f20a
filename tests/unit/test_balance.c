/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of balance.h: shares, minimal disruption, order, and counters that go on. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/balance.h"
#include "core/key.h"

static const struct hash_key key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };

static void make_candidates(struct candidate *candidates, const unsigned int *weights, size_t count)
{
	static const char *const names[] = { "fiber", "dsl", "lte", "satellite" };

	for (size_t i = 0; i < count; i++)
		candidates[i] = (struct candidate){ .link = (uint16_t)i, .id = (uint8_t)(i + 1), .usable = weights[i] > 0, .weight = weights[i],
			.hash = name_hash(&key, names[i]) };
}

static struct flow flow_from(uint32_t source)
{
	struct flow flow = { .family = IPV4, .protocol = 6 };

	memcpy(flow.from.bytes, &source, sizeof(source));
	return flow;
}

static void count_picks(const struct balancer *balancer, unsigned int picks, unsigned int *taken)
{
	for (unsigned int i = 0; i < picks; i++) {
		struct pick_context context = { .key = &key, .random = (uint64_t)rand() << 31 ^ (uint64_t)rand() };
		struct flow flow = flow_from(i);

		taken[balancer_pick(balancer, &flow, &context)->link]++;
	}
}

static void round_robin_is_exact(void **state)
{
	struct balance balance = { .algorithm = ALGORITHM_ROUND_ROBIN };
	unsigned int taken[3] = { 0 };
	struct candidate candidates[3];
	struct balancer *balancer;

	(void)state;
	make_candidates(candidates, (unsigned int[]){ 5, 3, 2 }, 3);
	balancer = balancer_new(&balance, candidates, 3, NULL);
	count_picks(balancer, 1000, taken);
	assert_int_equal(taken[0], 500);
	assert_int_equal(taken[1], 300);
	assert_int_equal(taken[2], 200);
	balancer_free(balancer);
}

static void round_robin_goes_on_after_a_reload(void **state)
{
	struct balance balance = { .algorithm = ALGORITHM_ROUND_ROBIN };
	unsigned int taken[3] = { 0 };
	struct balancer *balancer = NULL;
	struct candidate candidates[3];

	(void)state;
	make_candidates(candidates, (unsigned int[]){ 5, 3, 2 }, 3);
	for (int reload = 0; reload < 1000; reload++) {
		struct balancer *next = balancer_new(&balance, candidates, 3, balancer);

		balancer_free(balancer);
		balancer = next;
		count_picks(balancer, 1, taken);
	}
	assert_int_equal(taken[0], 500);
	assert_int_equal(taken[1], 300);
	assert_int_equal(taken[2], 200);
	balancer_free(balancer);
}

static void peeking_takes_nothing(void **state)
{
	struct balance balance = { .algorithm = ALGORITHM_ROUND_ROBIN };
	struct pick_context peek = { .key = &key, .peek = true }, take = { .key = &key };
	struct flow flow = flow_from(1);
	struct candidate candidates[3];
	struct balancer *balancer;

	(void)state;
	make_candidates(candidates, (unsigned int[]){ 1, 1, 1 }, 3);
	balancer = balancer_new(&balance, candidates, 3, NULL);
	for (int i = 0; i < 10; i++) {
		const struct candidate *expected = balancer_pick(balancer, &flow, &peek);

		assert_ptr_equal(balancer_pick(balancer, &flow, &peek), expected);
		assert_ptr_equal(balancer_pick(balancer, &flow, &take), expected);
	}
	balancer_free(balancer);
}

/* Within four standard deviations of the binomial distribution. */
static void shares_hold(enum algorithm algorithm)
{
	struct balance balance = { .algorithm = algorithm, .hash_by = KEY_SOURCE };
	const double shares[] = { 0.5, 0.3, 0.2 };
	const unsigned int picks = 50000;
	unsigned int taken[3] = { 0 };
	struct candidate candidates[3];
	struct balancer *balancer;

	make_candidates(candidates, (unsigned int[]){ 5, 3, 2 }, 3);
	balancer = balancer_new(&balance, candidates, 3, NULL);
	count_picks(balancer, picks, taken);
	for (size_t i = 0; i < 3; i++)
		assert_true(fabs(taken[i] - picks * shares[i]) < 4 * sqrt(picks * shares[i] * (1 - shares[i])));
	balancer_free(balancer);
}

static void random_and_hash_keep_shares(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	shares_hold(ALGORITHM_RANDOM);
	shares_hold(ALGORITHM_HASH);
}

static void hash_moves_only_the_keys_of_the_lost_link(void **state)
{
	struct balance balance = { .algorithm = ALGORITHM_HASH, .hash_by = KEY_SOURCE };
	struct candidate all[3], two[3];
	struct balancer *before, *after;
	unsigned int moved = 0;

	(void)state;
	make_candidates(all, (unsigned int[]){ 5, 3, 2 }, 3);
	make_candidates(two, (unsigned int[]){ 5, 0, 2 }, 3);
	before = balancer_new(&balance, all, 3, NULL);
	after = balancer_new(&balance, two, 3, NULL);
	for (uint32_t source = 0; source < 20000; source++) {
		struct pick_context context = { .key = &key };
		struct flow flow = flow_from(source);
		uint16_t old = balancer_pick(before, &flow, &context)->link, new = balancer_pick(after, &flow, &context)->link;

		moved += old == 1;
		if (old != 1)
			assert_int_equal(old, new);
	}
	assert_in_range(moved, 5600, 6400);
	balancer_free(before);
	balancer_free(after);
}

static void priority_takes_the_first_usable(void **state)
{
	struct balance balance = { .algorithm = ALGORITHM_PRIORITY };
	struct pick_context context = { .key = &key };
	struct flow flow = flow_from(1);
	struct candidate candidates[3];
	struct balancer *balancer;

	(void)state;
	make_candidates(candidates, (unsigned int[]){ 0, 1, 9 }, 3);
	balancer = balancer_new(&balance, candidates, 3, NULL);
	assert_int_equal(balancer_pick(balancer, &flow, &context)->link, 1);
	assert_null(balancer_candidate(balancer, 1));
	assert_int_equal(balancer_candidate(balancer, 3)->link, 2);
	balancer_free(balancer);
}

static void nothing_usable_gives_nothing(void **state)
{
	struct pick_context context = { .key = &key };
	struct flow flow = flow_from(1);
	struct candidate candidates[2];

	(void)state;
	make_candidates(candidates, (unsigned int[]){ 0, 0 }, 2);
	for (enum algorithm algorithm = 0; algorithm < ALGORITHMS; algorithm++) {
		struct balance balance = { .algorithm = algorithm };
		struct balancer *balancer = balancer_new(&balance, candidates, 2, NULL);

		assert_non_null(balancer);
		assert_null(balancer_pick(balancer, &flow, &context));
		balancer_free(balancer);
	}
}

/* What `explain` shows agrees with what is picked. */
static void the_best_score_is_picked(void **state)
{
	struct balance balance = { .algorithm = ALGORITHM_HASH, .hash_by = KEY_SOURCE };
	struct candidate candidates[4];
	struct balancer *balancer;
	double scores[4];

	(void)state;
	make_candidates(candidates, (unsigned int[]){ 4, 3, 2, 1 }, 4);
	balancer = balancer_new(&balance, candidates, 4, NULL);
	for (uint32_t source = 0; source < 1000; source++) {
		struct pick_context context = { .key = &key };
		struct flow flow = flow_from(source);
		const struct candidate *picked = balancer_pick(balancer, &flow, &context);

		balancer_scores(balancer, &flow, &context, scores);
		for (size_t i = 0; i < 4; i++) {
			assert_true(scores[i] == balancer_score(balancer, &candidates[i], &flow, &context));
			assert_true(scores[i] <= balancer_score(balancer, picked, &flow, &context));
		}
	}
	balancer_free(balancer);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_robin_is_exact),
		cmocka_unit_test(round_robin_goes_on_after_a_reload),
		cmocka_unit_test(peeking_takes_nothing),
		cmocka_unit_test(random_and_hash_keep_shares),
		cmocka_unit_test(hash_moves_only_the_keys_of_the_lost_link),
		cmocka_unit_test(priority_takes_the_first_usable),
		cmocka_unit_test(nothing_usable_gives_nothing),
		cmocka_unit_test(the_best_score_is_picked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
