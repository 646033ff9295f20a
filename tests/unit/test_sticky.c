/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of sticky.h and pending.h: what is remembered, for how long, and how much at most. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pending.h"
#include "core/sticky.h"

#define SPREAD 0x9e3779b97f4a7c15ULL

static void remembers_until_the_end(void **state)
{
	struct sticky *sticky = sticky_new(1024);

	(void)state;
	assert_int_equal(sticky_get(sticky, SPREAD, 100), 0);
	sticky_put(sticky, SPREAD, 7, 100, 60);
	assert_int_equal(sticky_get(sticky, SPREAD, 159), 7);
	assert_int_equal(sticky_get(sticky, SPREAD, 160), 0);
	sticky_put(sticky, SPREAD, 7, 150, 60);
	assert_int_equal(sticky_get(sticky, SPREAD, 200), 7);
	sticky_put(sticky, SPREAD, 3, 200, 60);
	assert_int_equal(sticky_get(sticky, SPREAD, 201), 3);
	assert_int_equal(sticky_count(sticky, 201), 1);
	sticky_free(sticky);
}

static void stays_in_its_bounds(void **state)
{
	struct sticky *sticky = sticky_new(1024);
	unsigned int kept = 0;

	(void)state;
	for (uint64_t i = 1; i <= 100000; i++)
		sticky_put(sticky, i * SPREAD, 1 + i % 5, 1000, 600);
	assert_in_range(sticky_count(sticky, 1000), 1000, 1024);
	for (uint64_t i = 1; i <= 100000; i++) {
		uint8_t link = sticky_get(sticky, i * SPREAD, 1000);

		kept += link != 0;
		if (link != 0)
			assert_int_equal(link, 1 + i % 5);
	}
	assert_in_range(kept, 1000, 1024);
	sticky_free(sticky);
}

/* A full group gives up what ends first. */
static void the_soonest_to_end_gives_way(void **state)
{
	struct sticky *sticky = sticky_new(8);

	(void)state;
	for (uint64_t i = 1; i <= 8; i++)
		sticky_put(sticky, i << 32, (uint8_t)i, 0, (uint32_t)(100 + i));
	sticky_put(sticky, 9ULL << 32, 9, 0, 500);
	assert_int_equal(sticky_get(sticky, 1ULL << 32, 0), 0);
	for (uint64_t i = 2; i <= 9; i++)
		assert_int_equal(sticky_get(sticky, i << 32, 0), i);
	sticky_free(sticky);
}

static void survives_a_restart_with_the_time_that_was_left(void **state)
{
	struct sticky *before = sticky_new(256), *after = sticky_new(256);
	size_t size;
	void *bytes;

	(void)state;
	for (uint64_t i = 1; i <= 40; i++)
		sticky_put(before, i * SPREAD, 5, 1000, i <= 20 ? 100 : 10);
	bytes = sticky_export(before, 1050, &size);
	/* the new clock has just begun */
	assert_true(sticky_import(after, bytes, size, 3));
	for (uint64_t i = 1; i <= 40; i++) {
		assert_int_equal(sticky_get(after, i * SPREAD, 3 + 49), i <= 20 ? 5 : 0);
		assert_int_equal(sticky_get(after, i * SPREAD, 3 + 50), 0);
	}
	free(bytes);
	sticky_free(before);
	sticky_free(after);
}

static void refuses_bytes_that_are_not_its_own(void **state)
{
	struct sticky *sticky = sticky_new(64);
	unsigned char noise[400];

	(void)state;
	memset(noise, 0xa5, sizeof(noise));
	assert_false(sticky_import(sticky, noise, sizeof(noise), 0));
	assert_false(sticky_import(sticky, noise, 3, 0));
	assert_int_equal(sticky_count(sticky, 0), 0);
	sticky_free(sticky);
}

static void pending_answers_the_same_within_a_generation(void **state)
{
	struct pending *pending = pending_new();
	uint32_t mark = 0;

	(void)state;
	assert_false(pending_find(pending, SPREAD, 1, 1000, &mark));
	pending_add(pending, SPREAD, 1, 1000, 42);
	assert_true(pending_find(pending, SPREAD, 1, 1000 + PENDING_MS, &mark));
	assert_int_equal(mark, 42);
	assert_false(pending_find(pending, SPREAD, 2, 1000, &mark));
	assert_false(pending_find(pending, SPREAD, 1, 1001 + PENDING_MS, &mark));
	pending_free(pending);
}

static void pending_tells_flows_apart(void **state)
{
	struct hash_key key = { { 1, 2 } };
	struct flow flow = { .family = IPV4, .protocol = 17, .from_port = 1000, .to_port = 53, .device = 2 };
	uint64_t hash = pending_hash(&key, &flow);

	(void)state;
	assert_true(pending_hash(&key, &flow) == hash);
	flow.from_port++;
	assert_true(pending_hash(&key, &flow) != hash);
	flow.from_port--;
	flow.device = 3;
	assert_true(pending_hash(&key, &flow) != hash);
	flow.device = 2;
	flow.family = IPV6;
	assert_true(pending_hash(&key, &flow) != hash);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_until_the_end),
		cmocka_unit_test(stays_in_its_bounds),
		cmocka_unit_test(the_soonest_to_end_gives_way),
		cmocka_unit_test(survives_a_restart_with_the_time_that_was_left),
		cmocka_unit_test(refuses_bytes_that_are_not_its_own),
		cmocka_unit_test(pending_answers_the_same_within_a_generation),
		cmocka_unit_test(pending_tells_flows_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
