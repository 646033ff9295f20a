/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of pace.h. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/pace.h"

#define MBIT UINT64_C(1000000)

/* Looks four times a second at a link that carries so much. */
static void carry(struct pace *pace, struct pace_look *look, uint64_t download_bps, uint64_t upload_bps, bool whole, double seconds)
{
	look->whole = whole;
	for (double past = 0; past < seconds; past += 0.25) {
		look->now_ms += 250;
		look->bytes[DOWNLOAD] += download_bps / 32;
		look->bytes[UPLOAD] += upload_bps / 32;
		pace_look(pace, look);
	}
}

static void assert_pace(const struct pace *pace, enum direction direction, uint64_t from, uint64_t to)
{
	assert_in_range(pace_bps(pace, direction), from, to);
}

static void a_link_that_is_not_asked_is_trusted(void **state)
{
	struct pace_look look = { .capacity_bps = { 100 * MBIT, 20 * MBIT } };
	struct pace pace = { 0 };

	(void)state;
	assert_pace(&pace, DOWNLOAD, 0, 0);
	carry(&pace, &look, 3 * MBIT, MBIT, false, 60);
	assert_pace(&pace, DOWNLOAD, 99 * MBIT, 100 * MBIT);
	assert_pace(&pace, UPLOAD, 19 * MBIT, 20 * MBIT);
}

/* Within a second, and back within half a minute once nothing tells otherwise. */
static void a_slow_moment_is_followed_and_forgotten(void **state)
{
	struct pace_look look = { .capacity_bps = { 100 * MBIT, 20 * MBIT } };
	struct pace pace = { 0 };

	(void)state;
	carry(&pace, &look, 90 * MBIT, MBIT, true, 2);
	carry(&pace, &look, 10 * MBIT, MBIT, true, 1);
	assert_pace(&pace, DOWNLOAD, 9 * MBIT, 14 * MBIT);
	assert_pace(&pace, UPLOAD, 19 * MBIT, 20 * MBIT); /* the queue is not there */
	carry(&pace, &look, MBIT, MBIT, false, 5);
	assert_pace(&pace, DOWNLOAD, 35 * MBIT, 60 * MBIT);
	carry(&pace, &look, MBIT, MBIT, false, 30);
	assert_pace(&pace, DOWNLOAD, 95 * MBIT, 100 * MBIT);
}

static void what_goes_through_is_the_least(void **state)
{
	struct pace_look look = { .capacity_bps = { 10 * MBIT, 0 } };
	struct pace pace = { 0 };

	(void)state;
	carry(&pace, &look, 50 * MBIT, MBIT, false, 1);
	assert_pace(&pace, DOWNLOAD, 47 * MBIT, 51 * MBIT);
	assert_pace(&pace, UPLOAD, 0, 0); /* of an unknown capacity nothing is known */
}

static void a_dead_moment_leaves_a_little(void **state)
{
	struct pace_look look = { .capacity_bps = { 50 * MBIT, 10 * MBIT } };
	struct pace pace = { 0 };

	(void)state;
	carry(&pace, &look, 0, 0, true, 10);
	assert_pace(&pace, DOWNLOAD, MBIT, MBIT);
}

/* Where nobody answers, at once; where only a queue stood, more slowly, for it may be gone. */
static void silence_is_believed_at_once(void **state)
{
	struct pace_look look = { .capacity_bps = { 50 * MBIT, 10 * MBIT } };
	struct pace pace = { 0 };

	(void)state;
	carry(&pace, &look, 45 * MBIT, MBIT, true, 2);
	carry(&pace, &look, 0, 0, true, 0.25);
	assert_pace(&pace, DOWNLOAD, 15 * MBIT, 25 * MBIT);
	carry(&pace, &look, 45 * MBIT, MBIT, true, 2);
	look.silent = true;
	carry(&pace, &look, 0, 0, true, 0.25);
	assert_pace(&pace, DOWNLOAD, MBIT, MBIT);
}

/* A device that was made anew counts from zero; a look after a long time compares with nothing. */
static void counters_may_begin_anew(void **state)
{
	struct pace_look look = { .capacity_bps = { 100 * MBIT, 20 * MBIT } };
	struct pace pace = { 0 };

	(void)state;
	carry(&pace, &look, 10 * MBIT, MBIT, true, 3);
	look.bytes[DOWNLOAD] = look.bytes[UPLOAD] = 0;
	carry(&pace, &look, 0, 0, true, 0.25);
	assert_pace(&pace, DOWNLOAD, 9 * MBIT, 12 * MBIT);
	look.now_ms += 60000;
	carry(&pace, &look, 0, 0, true, 0.25);
	assert_pace(&pace, DOWNLOAD, 9 * MBIT, 12 * MBIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_that_is_not_asked_is_trusted),
		cmocka_unit_test(a_slow_moment_is_followed_and_forgotten),
		cmocka_unit_test(what_goes_through_is_the_least),
		cmocka_unit_test(a_dead_moment_leaves_a_little),
		cmocka_unit_test(silence_is_believed_at_once),
		cmocka_unit_test(counters_may_begin_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
