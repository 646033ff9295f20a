/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plays links that go down again and again in fake time: the penalty, and how much is told of it. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/damping.h"
#include "core/outbreak.h"
#include "line.h"
#include "play.h"

#define MINUTE_MS 60000u
#define SECOND_US UINT64_C(1000000)

static void assert_near(double a, double b)
{
	if (fabs(a - b) > 1e-3 * (fabs(b) + 1))
		fail_msg("%f is not %f", a, b);
}

static void decays_by_half_in_two_minutes(void **state)
{
	struct damping damping = { 0 };
	double expected = 0;
	uint64_t now = 5000;

	(void)state;
	seed_random();
	assert_false(damping_down(&damping, now));
	for (uint64_t ms = 0; ms < 40 * MINUTE_MS; ms += 777)
		assert_near(damping_penalty(&damping, now + ms), 1000 * pow(2, -(double)ms / DAMPING_HALF_LIFE_MS));
	expected = 1000;
	for (int i = 0; i < 1000; i++) {
		uint64_t wait = (uint64_t)rand() % 300000;

		now += wait;
		expected = fmin(expected * pow(2, -(double)wait / DAMPING_HALF_LIFE_MS) + 1000, DAMPING_CEILING);
		damping_down(&damping, now);
		assert_near(damping.penalty, expected);
	}
	/* Whoever waits for years is forgiven, and a clock that goes back forgives nothing. */
	assert_near(damping_penalty(&damping, now + ((uint64_t)1 << 40)), 0);
	assert_near(damping_penalty(&damping, now - 1000), damping.penalty);
}

static void one_outage_suppresses_nobody(void **state)
{
	struct damping damping = { 0 };

	(void)state;
	/* Nor do two at once, nor one every two minutes for a day. */
	assert_false(damping_down(&damping, 1000));
	assert_false(damping_down(&damping, 1000));
	damping = (struct damping){ 0 };
	for (uint64_t now = 0; now < 24 * 60 * MINUTE_MS; now += 2 * MINUTE_MS)
		assert_false(damping_down(&damping, now));
}

static void three_quick_ones_suppress_for_four_minutes(void **state)
{
	struct damping damping = { 0 };
	uint64_t now = 1000, left;

	(void)state;
	assert_false(damping_down(&damping, now));
	assert_false(damping_down(&damping, now += 100));
	assert_true(damping_down(&damping, now += 100));
	assert_false(damping_down(&(struct damping){ .penalty = 3000, .at_ms = now, .suppressed = true }, now));
	left = damping_left_ms(&damping, now);
	assert_in_range(left, 239000, 240000); /* 2 log2(3000 / 750) minutes */
	assert_false(damping_over(&damping, now + left - 500));
	assert_true(damping_over(&damping, now + left + 500));
	assert_false(damping_over(&damping, now + left + 501));
	assert_int_equal(damping_left_ms(&damping, now + left + 501), 0);
}

static void nobody_is_suppressed_for_longer_than_told(void **state)
{
	struct damping damping = { 0 };
	uint64_t now = 0;

	(void)state;
	for (int i = 0; i < 10000; i++)
		damping_down(&damping, now += 10);
	assert_in_range(damping_left_ms(&damping, now), DAMPING_LONGEST_MS - 1000, DAMPING_LONGEST_MS);
	assert_true(damping_over(&damping, now + DAMPING_LONGEST_MS + 1));
}

/* What is made of changes: the penalty, and what people are told. */
struct tally {
	struct damping damping;
	struct outbreak outbreak;
	unsigned int changes, suppressions, mails;
};

static void note(struct tally *tally, enum link_state state, uint64_t now_ms)
{
	damping_over(&tally->damping, now_ms);
	if (state == LINK_DOWN)
		tally->suppressions += damping_down(&tally->damping, now_ms);
	tally->changes++;
	tally->mails += outbreak_change(&tally->outbreak, state, (int64_t)(now_ms / 1000)) != OUTBREAK_SILENCE;
}

/* So long down and so long up, by its checks and by its carrier, for ten minutes. */
static struct tally flap(uint64_t down_us, uint64_t up_us)
{
	struct line line = line_new(1000, 20000, 7);
	uint64_t end = line.start_us + 600 * SECOND_US;
	struct tally tally = { .mails = 0 };
	unsigned int downs = 0, ups = 0;

	while (line.start_us < end) {
		line.cut_us = line.mended_us == LINE_NEVER ? line.start_us + SECOND_US : line.mended_us + up_us;
		line.mended_us = line.cut_us + down_us;
		while (line.start_us < line.mended_us + up_us) {
			line_run(&line, line.start_us + 1);
			if (line.downs != downs)
				note(&tally, LINK_DOWN, line.now_us / 1000);
			if (line.ups != ups)
				note(&tally, LINK_UP, line.now_us / 1000);
			downs = line.downs;
			ups = line.ups;
		}
	}
	return tally;
}

static void ten_minutes_of_flapping_tell_little(void **state)
{
	static const struct { uint64_t down_s, up_s; unsigned int changes; } cases[] = {
		{ 1, 1, 0 }, { 2, 2, 4 }, { 5, 5, 130 }, { 5, 8, 100 }, { 10, 10, 62 }, { 30, 30, 22 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally tally = flap(cases[i].down_s * SECOND_US, cases[i].up_s * SECOND_US);

		print_message("%u s down, %u s up: %u changes, %u of them mailed\n", (unsigned int)cases[i].down_s,
			(unsigned int)cases[i].up_s, tally.changes, tally.mails);
		assert_true(tally.changes <= cases[i].changes);
		assert_true(tally.mails <= OUTBREAK_CHANGES + 1);
		/* Who flaps all the time is suppressed once, and stays so. */
		assert_true(tally.suppressions <= 1);
		assert_int_equal(tally.damping.suppressed, tally.changes > 10);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(decays_by_half_in_two_minutes),
		cmocka_unit_test(one_outage_suppresses_nobody),
		cmocka_unit_test(three_quick_ones_suppress_for_four_minutes),
		cmocka_unit_test(nobody_is_suppressed_for_longer_than_told),
		cmocka_unit_test(ten_minutes_of_flapping_tell_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
