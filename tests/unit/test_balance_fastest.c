/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves how `fastest' reads what was learnt: what is preferred, explored, avoided, and told. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/balance.h"
#include "core/key.h"
#include "paths_fixture.h"

static struct flow flow_to(const char *to)
{
	struct flow flow = { .family = IPV4, .protocol = 6, .ports = true, .to_port = 443, .to = address_of(to) };

	flow.family = flow.to.family;
	return flow;
}

static struct balancer *balancer_of(size_t links)
{
	struct balance balance = { .algorithm = ALGORITHM_FASTEST };
	struct candidate candidates[LTE];
	struct balancer *balancer;

	for (uint8_t i = 0; i < links; i++)
		candidates[i] = (struct candidate){ .link = i, .id = (uint8_t)(i + 1), .usable = true, .weight = 1,
			.hash = name_hash(&paths_key, link_names[i + 1]) };
	balancer = balancer_new(&balance, candidates, links, NULL);
	assert_non_null(balancer);
	return balancer;
}

static uint8_t pick(const struct balancer *balancer, struct paths *paths, const char *to, uint64_t now_ms, bool peek)
{
	struct pick_context context = { .key = &paths_key, .now_ms = now_ms, .paths = paths, .peek = peek };
	struct flow flow = flow_to(to);

	return balancer_pick(balancer, &flow, &context)->id;
}

static const char *remark(const struct balancer *balancer, struct paths *paths, const char *to, uint8_t link,
	uint64_t now_ms, char text[static 96])
{
	struct pick_context context = { .key = &paths_key, .now_ms = now_ms, .paths = paths, .peek = true };
	struct flow flow = flow_to(to);

	balancer_remark(balancer, balancer_candidate(balancer, link), &flow, &context, text, 96);
	return text;
}

static void another_has_to_be_clearly_better(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);
	struct balancer *balancer = balancer_of(2);

	(void)state;
	answered(paths, "192.0.2.1", FIBER, 20000, START);
	answered(paths, "192.0.2.1", CABLE, 18000, START);
	assert_true(path_of(paths, "192.0.2.1", FIBER, START).current);
	assert_int_equal(pick(balancer, paths, "192.0.2.1", START, true), FIBER);
	answered(paths, "192.0.2.1", CABLE, 10000, START + 20000);
	assert_true(path_of(paths, "192.0.2.1", CABLE, START + 20000).current);
	assert_int_equal(pick(balancer, paths, "192.0.2.1", START + 20000, true), CABLE);
	balancer_free(balancer);
	paths_free(paths);
}

static void the_unknown_goes_by_turns(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);
	struct balancer *balancer = balancer_of(2);
	unsigned int taken[LTE + 1] = { 0 };
	char text[96];

	(void)state;
	for (int i = 0; i < 100; i++)
		taken[pick(balancer, paths, "192.0.2.1", START, false)]++;
	assert_int_equal(taken[FIBER], 50);
	assert_int_equal(taken[CABLE], 50);
	assert_string_equal(remark(balancer, paths, "192.0.2.1", FIBER, START, text), "not measured");
	/* Without a table, too. */
	for (int i = 0; i < 10; i++)
		taken[pick(balancer, NULL, "192.0.2.1", START, false)]++;
	assert_int_equal(taken[FIBER], 55);
	/* Where one fails from the beginning, turns pass it by. */
	for (int i = 0; i < 3; i++)
		failed(paths, "192.0.2.1", FIBER, START);
	for (int i = 0; i < 10; i++)
		assert_int_equal(pick(balancer, paths, "192.0.2.1", START, false), CABLE);
	balancer_free(balancer);
	paths_free(paths);
}

/* Makes it popular, with all links known, and gives credit for exploring. */
static void make_popular(struct paths *paths, const char *to, uint64_t now_ms)
{
	for (int i = 0; i < 20; i++) {
		answered(paths, to, FIBER, 20000, now_ms);
		answered(paths, to, CABLE, 40000, now_ms);
		answered(paths, to, LTE, 60000, now_ms);
	}
	for (int i = 0; i < 200; i++)
		paths_count(paths);
}

static void explores_the_stalest_once(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);
	struct balancer *balancer = balancer_of(3);
	uint64_t connections, explored, later = START + 290000;
	char text[96];

	(void)state;
	make_popular(paths, "192.0.2.1", START);
	assert_int_equal(pick(balancer, paths, "192.0.2.1", START, false), FIBER);
	answered(paths, "192.0.2.1", CABLE, 40000, START + 100000);
	for (int i = 0; i < 200; i++)
		answered(paths, "192.0.2.1", FIBER, 20000, later);
	/* Asking changes nothing. */
	for (int i = 0; i < 10; i++)
		assert_int_equal(pick(balancer, paths, "192.0.2.1", later, true), LTE);
	assert_string_equal(remark(balancer, paths, "192.0.2.1", LTE, later, text), "explored: 60.0 ms, 290 s ago");
	assert_string_equal(remark(balancer, paths, "192.0.2.1", FIBER, later, text), "20.0 ms, 0 s ago, the best so far");
	assert_int_equal(pick(balancer, paths, "192.0.2.1", later, false), LTE);
	assert_true(path_of(paths, "192.0.2.1", LTE, later).asked);
	/* The next stalest, and then nothing more until answers are in. */
	assert_int_equal(pick(balancer, paths, "192.0.2.1", later + 1000, false), CABLE);
	for (int i = 0; i < 10; i++)
		assert_int_equal(pick(balancer, paths, "192.0.2.1", later + 2000 + (uint64_t)i, false), FIBER);
	paths_spent(paths, &connections, &explored);
	assert_int_equal(connections, 200 + 1 + 12);
	assert_int_equal(explored, 2);
	answered(paths, "192.0.2.1", LTE, 60000, later + 1000);
	assert_false(path_of(paths, "192.0.2.1", LTE, later + 1000).stale);
	balancer_free(balancer);
	paths_free(paths);
}

static void intervals_double_while_nothing_changes(void **state)
{
	static const unsigned int ages[] = { 31, 61, 121, 241, 301, 301 };
	struct paths *paths = paths_new(64, &paths_key);
	uint64_t now_ms = START;

	(void)state;
	make_popular(paths, "192.0.2.1", now_ms);
	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
		for (unsigned int s = 0; s < ages[i] - 1; s++) {
			now_ms += 1000;
			for (int j = 0; j < 100; j++)
				answered(paths, "192.0.2.1", FIBER, 20000, now_ms);
			assert_false(path_of(paths, "192.0.2.1", CABLE, now_ms).stale);
		}
		now_ms += 1000;
		assert_true(path_of(paths, "192.0.2.1", CABLE, now_ms).stale);
		answered(paths, "192.0.2.1", CABLE, 40000, now_ms);
	}
	/* The one in use becomes slow: the others are worth a sample at once. */
	for (int i = 0; i < 10; i++)
		answered(paths, "192.0.2.1", FIBER, 39000, now_ms + 1000);
	assert_true(path_of(paths, "192.0.2.1", CABLE, now_ms + 1000).stale);
	paths_free(paths);
}

static void the_price_depends_on_how_much_slower_it_was(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);
	uint64_t now_ms = START + 60000;

	(void)state;
	/* 60 in ten minutes: of 20 connections one for a sample of what is as fast, of 40 for what takes twice as long. */
	make_popular(paths, "192.0.2.1", START);
	assert_false(path_of(paths, "192.0.2.1", CABLE, now_ms).stale);
	now_ms = START + 3 * 60000;
	assert_false(path_of(paths, "192.0.2.1", CABLE, now_ms).stale);
	for (int i = 0; i < 200; i++)
		answered(paths, "192.0.2.1", FIBER, 20000, now_ms);
	assert_true(path_of(paths, "192.0.2.1", CABLE, now_ms).stale);
	paths_free(paths);
}

static void the_unpopular_is_not_explored(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);
	struct balancer *balancer = balancer_of(2);

	(void)state;
	make_popular(paths, "198.51.100.1", START);
	answered(paths, "192.0.2.1", FIBER, 20000, START);
	answered(paths, "192.0.2.1", CABLE, 40000, START);
	for (int i = 0; i < 100; i++)
		assert_int_equal(pick(balancer, paths, "192.0.2.1", START + 3000000, false), FIBER);
	balancer_free(balancer);
	paths_free(paths);
}

static void silence_is_noticed_before_failures(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);
	struct balancer *balancer = balancer_of(2);
	char text[96];

	(void)state;
	answered(paths, "192.0.2.1", FIBER, 20000, START);
	answered(paths, "192.0.2.1", CABLE, 40000, START);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pick(balancer, paths, "192.0.2.1", START + 1000, false), FIBER);
	assert_int_equal(pick(balancer, paths, "192.0.2.1", START + 1099, true), FIBER);
	for (int i = 0; i < 10; i++)
		assert_int_equal(pick(balancer, paths, "192.0.2.1", START + 1100, false), CABLE);
	assert_string_equal(remark(balancer, paths, "192.0.2.1", FIBER, START + 1100, text), "20.0 ms, 1 s ago, but silent now");
	/* An answer to what was sent before says nothing; one of the three does. */
	answered(paths, "192.0.2.1", FIBER, 120000, START + 1110);
	assert_true(path_of(paths, "192.0.2.1", FIBER, START + 1200).silent);
	answered(paths, "192.0.2.1", FIBER, 215000, START + 1220);
	assert_false(path_of(paths, "192.0.2.1", FIBER, START + 1300).silent);
	balancer_free(balancer);
	paths_free(paths);
}

/* What explain shows agrees with what is picked, whatever is known. */
static void the_best_score_is_picked(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);
	struct balancer *balancer = balancer_of(3);
	struct flow flow = flow_to("192.0.2.1");

	(void)state;
	srand(1);
	for (uint64_t i = 0; i < 20000; i++) {
		struct pick_context context = { .key = &paths_key, .now_ms = START + i * 500, .paths = paths, .peek = true };
		uint8_t link = (uint8_t)(1 + rand() % LTE), picked;
		double scores[LTE];

		if (rand() % 5 == 0)
			failed(paths, "192.0.2.1", link, context.now_ms);
		else
			answered(paths, "192.0.2.1", link, 10000 + (uint32_t)rand() % 50000, context.now_ms);
		balancer_scores(balancer, &flow, &context, scores);
		picked = pick(balancer, paths, "192.0.2.1", context.now_ms, true);
		for (uint8_t j = 0; j < LTE; j++) {
			assert_true(scores[j] <= scores[picked - 1]);
			assert_true(scores[j] == balancer_score(balancer, balancer_candidate(balancer, j + 1), &flow, &context));
		}
		assert_int_equal(pick(balancer, paths, "192.0.2.1", context.now_ms, false), picked);
	}
	balancer_free(balancer);
	paths_free(paths);
}

struct explorer {
	struct paths *paths;
	uint64_t now_ms;
	unsigned int first, won;
};

static void *explore_all(void *data)
{
	struct explorer *explorer = data;

	for (unsigned int i = 0; i < 200; i++) {
		char text[32];
		struct address address;

		snprintf(text, sizeof(text), "198.51.%u.1", i);
		address = address_of(text);
		explorer->won += paths_explore(explorer->paths, paths_find(explorer->paths, &address, explorer->now_ms), LTE,
			explorer->now_ms);
	}
	return NULL;
}

/* Of all threads together: no more than the budget, and no destination twice. */
static void threads_share_one_budget(void **state)
{
	struct paths *paths = paths_new(1024, &paths_key);
	struct explorer explorers[4];
	uint64_t connections, explored;
	unsigned int won = 0;
	pthread_t threads[4];

	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		char text[32];

		snprintf(text, sizeof(text), "198.51.%u.1", i);
		answered(paths, text, FIBER, 20000, START);
	}
	for (int i = 0; i < 10000; i++)
		paths_count(paths);
	/* Ten are saved up at most, and two are allowed at once; then one each half second. */
	for (uint64_t moment = 0; moment < 30; moment++) {
		for (size_t i = 0; i < 4; i++) {
			explorers[i] = (struct explorer){ .paths = paths, .now_ms = START + moment * 500 };
			assert_int_equal(pthread_create(&threads[i], NULL, explore_all, &explorers[i]), 0);
		}
		for (size_t i = 0; i < 4; i++) {
			pthread_join(threads[i], NULL);
			won += explorers[i].won;
		}
		assert_true(won <= 2 + moment);
	}
	assert_int_equal(won, 10);
	assert_false(paths_affordable(paths, START + 100000));
	paths_spent(paths, &connections, &explored);
	assert_int_equal(explored, 10);
	paths_free(paths);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_has_to_be_clearly_better),
		cmocka_unit_test(the_unknown_goes_by_turns),
		cmocka_unit_test(explores_the_stalest_once),
		cmocka_unit_test(intervals_double_while_nothing_changes),
		cmocka_unit_test(the_price_depends_on_how_much_slower_it_was),
		cmocka_unit_test(the_unpopular_is_not_explored),
		cmocka_unit_test(silence_is_noticed_before_failures),
		cmocka_unit_test(the_best_score_is_picked),
		cmocka_unit_test(threads_share_one_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
