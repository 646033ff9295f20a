/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the pipe that flows share against a plain reading of its rule, on flows made up by chance. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/fluid.h"

#define FLOWS 60

/* What the rule says, without any cleverness: all flows looked at for each event. */
struct plain {
	double left[FLOWS], own[FLOWS], rates[FLOWS];
};

/* Fills flows up to the level, from the one that wants least. */
static void plain_rates(struct plain *plain, double capacity)
{
	bool done[FLOWS] = { false };
	size_t count = 0;

	for (size_t i = 0; i < FLOWS; i++)
		count += plain->left[i] > 0;
	for (; count > 0; count--) {
		size_t least = FLOWS;
		double share = capacity / (double)count;

		for (size_t i = 0; i < FLOWS; i++) {
			if (plain->left[i] > 0 && !done[i] && (least == FLOWS || plain->own[i] < plain->own[least]))
				least = i;
		}
		plain->rates[least] = plain->own[least] < share ? plain->own[least] : share;
		capacity -= plain->rates[least];
		done[least] = true;
	}
}

struct case_of {
	double capacity;
	double begins[FLOWS], bytes[FLOWS], own[FLOWS]; /* in order of begin */
};

static double chance(void)
{
	return (rand() + 1.0) / (RAND_MAX + 2.0);
}

static struct case_of make_case(void)
{
	struct case_of made = { .capacity = 10 };
	double now = 0;

	for (size_t i = 0; i < FLOWS; i++) {
		now += chance() * 0.8;
		made.begins[i] = now;
		made.bytes[i] = exp(4 * chance()) / 2;
		made.own[i] = exp(5 * chance()) / 10;
	}
	return made;
}

static void plain_run(const struct case_of *made, double *ends)
{
	struct plain plain = { .own = { 0 } };
	double now = 0;
	size_t begun = 0, ended = 0;

	while (ended < FLOWS) {
		double next = begun < FLOWS ? made->begins[begun] : HUGE_VAL;
		size_t ending = FLOWS;

		plain_rates(&plain, made->capacity);
		for (size_t i = 0; i < begun; i++) {
			if (plain.left[i] > 0 && now + plain.left[i] / plain.rates[i] < next) {
				next = now + plain.left[i] / plain.rates[i];
				ending = i;
			}
		}
		for (size_t i = 0; i < begun; i++) {
			if (plain.left[i] > 0)
				plain.left[i] -= plain.rates[i] * (next - now);
		}
		now = next;
		if (ending < FLOWS) {
			plain.left[ending] = 0;
			ends[ending] = now;
			ended++;
		} else {
			plain.left[begun] = made->bytes[begun];
			plain.own[begun] = made->own[begun];
			begun++;
		}
	}
}

static void fluid_run(const struct case_of *made, double *ends, double *ret_moved)
{
	struct fluid_flow flows[FLOWS];
	struct fluid fluid;
	size_t begun = 0;

	fluid_open(&fluid, made->capacity, 0);
	while (begun < FLOWS || fluid_flows(&fluid) > 0) {
		uint32_t number = 0;
		double next = fluid_next(&fluid, &number);

		if (begun < FLOWS && made->begins[begun] <= next) {
			fluid_advance(&fluid, made->begins[begun]);
			assert_int_equal(fluid_add(&fluid, flows, (uint32_t)begun, made->bytes[begun], made->own[begun]), 0);
			begun++;
		} else {
			fluid_advance(&fluid, next);
			fluid_remove(&fluid, flows, number);
			ends[number] = next;
		}
		assert_true(fluid_rate(&fluid) <= made->capacity * (1 + 1e-6));
	}
	*ret_moved = fluid.moved;
	fluid_close(&fluid);
}

static void is_what_the_rule_says(void **state)
{
	size_t squeezed = 0;

	(void)state;
	for (int run = 0; run < 300; run++) {
		struct case_of made = make_case();
		double expected[FLOWS], ends[FLOWS], moved, all = 0;

		plain_run(&made, expected);
		fluid_run(&made, ends, &moved);
		for (size_t i = 0; i < FLOWS; i++) {
			assert_true(fabs(ends[i] - expected[i]) < 1e-6);
			squeezed += ends[i] > made.begins[i] + made.bytes[i] / made.own[i] + 1e-6;
			all += made.bytes[i];
		}
		assert_true(fabs(moved - all) < 1e-6 * all);
	}
	printf("%zu of %d flows were slowed\n", squeezed, 300 * FLOWS);
	assert_true(squeezed > 300 * FLOWS / 10 && squeezed < 300 * FLOWS * 9 / 10);
}

static void without_capacity_nobody_waits(void **state)
{
	struct fluid_flow flows[2];
	struct fluid fluid;
	uint32_t number = 9;

	(void)state;
	fluid_open(&fluid, 0, 5);
	assert_true(isinf(fluid_next(&fluid, &number)));
	fluid_add(&fluid, flows, 0, 1e12, 1e11);
	fluid_add(&fluid, flows, 1, 1e12, 1e12);
	assert_true(fabs(fluid_next(&fluid, &number) - 6) < 1e-9);
	assert_int_equal(number, 1);
	assert_true(fluid_rate(&fluid) == 1.1e12);
	fluid_close(&fluid);
}

static void who_wants_little_does_not_feel_the_others(void **state)
{
	struct fluid_flow flows[3];
	struct fluid fluid;

	(void)state;
	fluid_open(&fluid, 10, 0);
	fluid_add(&fluid, flows, 0, 1000, 1);
	fluid_add(&fluid, flows, 1, 1000, 100);
	fluid_add(&fluid, flows, 2, 1000, 100);
	assert_false(flows[0].squeezed);
	assert_true(flows[1].squeezed && flows[2].squeezed);
	assert_true(fabs(fluid.level - 4.5) < 1e-9);
	fluid_remove(&fluid, flows, 1);
	assert_true(fabs(fluid.level - 9) < 1e-9);
	fluid_remove(&fluid, flows, 2);
	assert_true(fabs(fluid_rate(&fluid) - 1) < 1e-9);
	fluid_close(&fluid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_what_the_rule_says),
		cmocka_unit_test(without_capacity_nobody_waits),
		cmocka_unit_test(who_wants_little_does_not_feel_the_others),
	};

	srand(20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
