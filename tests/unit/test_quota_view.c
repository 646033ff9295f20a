/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves what a quota does to decisions: weights that shrink, links that come last, and the last one, which is used. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/schedule.h"
#include "core/tiers.h"
#include "core/view.h"

#define LINKS 3

struct world {
	struct choice choices[LINKS];
	struct link_view links[LINKS];
	struct balance balance;
	struct view view;
};

static void begin(struct world *world, enum algorithm algorithm, unsigned int a, unsigned int b, unsigned int c)
{
	const unsigned int weights[LINKS] = { a, b, c };

	*world = (struct world){ .balance = { .algorithm = algorithm, .choices = world->choices, .count = LINKS } };
	world->view.links = world->links;
	for (uint16_t i = 0; i < LINKS; i++) {
		world->choices[i] = (struct choice){ .link = i, .weight = weights[i] };
		world->links[i].usable = true;
	}
}

static unsigned int weight(const struct world *world, size_t choice)
{
	return view_weight(&world->view, &world->balance, choice);
}

/* A bit for each link that takes connections. */
static unsigned int taken(const struct world *world)
{
	struct tiers tiers = tiers_now(world->links, &world->balance);
	unsigned int bits = 0;

	for (size_t i = 0; i < LINKS; i++)
		bits |= (unsigned int)tiers_take(&tiers, &world->choices[i]) << i;
	return bits;
}

static void weights_shrink_evenly(void **state)
{
	struct world world;

	(void)state;
	begin(&world, ALGORITHM_ROUND_ROBIN, 1, 1, 2);
	assert_int_equal(weight(&world, 0), 1);
	for (uint8_t taper = 1; taper < QUOTA_TAPER_STEPS; taper++) {
		world.links[1].taper = taper;
		assert_int_equal(weight(&world, 0), 16);
		assert_int_equal(weight(&world, 1), 16 - taper);
		assert_int_equal(weight(&world, 2), 32);
		assert_int_equal(taken(&world), 7);
	}
}

/* Whatever the weights are, the cycle can be laid out, and nobody has a weight of 0. */
static void large_weights_stay_within_the_cycle(void **state)
{
	struct world world;

	(void)state;
	for (unsigned int large = 1; large <= 4000; large += 13) {
		unsigned int sum = 0;

		begin(&world, ALGORITHM_RANDOM, large, 1, 95);
		world.links[0].taper = 3;
		world.links[1].taper = 15;
		for (size_t i = 0; i < LINKS; i++) {
			assert_true(weight(&world, i) >= 1);
			sum += weight(&world, i);
		}
		assert_true(sum <= SCHEDULE_MAX_CYCLE);
		assert_true(weight(&world, 0) * 16 <= (weight(&world, 2) * large / 95 + 16) * 13);
	}
}

static void without_weights_it_comes_last(void **state)
{
	static const enum algorithm algorithms[] = { ALGORITHM_PRIORITY, ALGORITHM_SPILLOVER, ALGORITHM_FASTEST,
		ALGORITHM_LOWEST_LATENCY };
	struct world world;

	(void)state;
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		begin(&world, algorithms[i], 1, 1, 1);
		world.links[0].taper = 1;
		assert_int_equal(taken(&world), 6);
		world.links[1].usable = world.links[2].usable = false;
		assert_int_equal(taken(&world), 1);
	}
}

static void what_is_spent_is_used_where_nothing_else_is(void **state)
{
	struct world world;

	(void)state;
	begin(&world, ALGORITHM_ROUND_ROBIN, 1, 1, 1);
	world.links[0].spent = world.links[1].spent = true;
	assert_int_equal(taken(&world), 4);
	world.links[2].usable = false;
	assert_int_equal(taken(&world), 3);
	world.links[0].usable = false; /* told to stop */
	assert_int_equal(taken(&world), 2);
	/* Also over tiers: a backup is better than what costs more. */
	world.links[2].usable = true;
	world.choices[1].tier = 0;
	world.choices[2].tier = 1;
	assert_int_equal(taken(&world), 4);
	world.links[1].spent = false;
	assert_int_equal(taken(&world), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_shrink_evenly),
		cmocka_unit_test(large_weights_stay_within_the_cycle),
		cmocka_unit_test(without_weights_it_comes_last),
		cmocka_unit_test(what_is_spent_is_used_where_nothing_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
