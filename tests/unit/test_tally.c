/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of tally.h: what a link was like over a day or a week. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/tally.h"

static void pass(struct tally *tally, enum link_state state, unsigned int hour, uint32_t seconds)
{
	for (uint32_t i = 0; i < seconds; i++)
		tally_pass(tally, state, hour, 1, NULL);
}

static void counts_outages_and_the_longest(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	assert_int_equal(tally_uptime(&tally), 10000);
	pass(&tally, LINK_UP, 0, 3600);
	pass(&tally, LINK_DOWN, 1, 30);
	pass(&tally, LINK_UP, 1, 3000);
	pass(&tally, LINK_DOWN, 1, 90);
	pass(&tally, LINK_DEGRADED, 1, 480);
	assert_int_equal(tally.watched_s, 7200);
	assert_int_equal(tally.outages, 2);
	assert_int_equal(tally.down_s, 120);
	assert_int_equal(tally.longest_s, 90);
	assert_int_equal(tally.degraded_s, 480);
	assert_int_equal(tally.bad_s[1], 600);
	assert_int_equal(tally_uptime(&tally), 9833);
}

static void names_the_worst_hours(void **state)
{
	struct tally tally = { 0 };
	unsigned int hours[3];

	(void)state;
	assert_int_equal(tally_worst(&tally, hours, 3), 0);
	pass(&tally, LINK_DOWN, 167, 10);
	pass(&tally, LINK_DEGRADED, 5, 100);
	assert_int_equal(tally_worst(&tally, hours, 3), 2);
	assert_int_equal(hours[0], 5);
	assert_int_equal(hours[1], 167);
	pass(&tally, LINK_DOWN, 30, 50);
	pass(&tally, LINK_DOWN, 31, 5);
	pass(&tally, LINK_DOWN, 32, 500);
	assert_int_equal(tally_worst(&tally, hours, 3), 3);
	assert_int_equal(hours[0], 32);
	assert_int_equal(hours[1], 5);
	assert_int_equal(hours[2], 30);
	assert_int_equal(tally_worst(&tally, hours, 1), 1);
	assert_int_equal(hours[0], 32);
	tally_pass(&tally, LINK_DOWN, 40, 100000, NULL);
	assert_int_equal(tally.bad_s[40], UINT16_MAX);
	tally_pass(&tally, LINK_DOWN, TALLY_HOURS, 1, NULL);
}

/* A device that comes anew counts from 0, and what it carried before anybody watched is not counted. */
static void counts_bytes_over_new_devices(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	tally_pass(&tally, LINK_UP, 0, 1, (uint64_t[]){ 5000, 700 });
	assert_int_equal(tally.bytes[0], 0);
	tally_pass(&tally, LINK_UP, 0, 1, (uint64_t[]){ 6000, 900 });
	tally_pass(&tally, LINK_DOWN, 0, 1, NULL);
	tally_pass(&tally, LINK_UP, 0, 1, (uint64_t[]){ 300, 10 });
	tally_pass(&tally, LINK_UP, 0, 1, (uint64_t[]){ 400, 20 });
	assert_int_equal(tally.bytes[0], 1400);
	assert_int_equal(tally.bytes[1], 220);
	tally_renew(&tally);
	assert_int_equal(tally.bytes[0] + tally.bytes[1] + tally.watched_s, 0);
	tally_pass(&tally, LINK_UP, 0, 1, (uint64_t[]){ 500, 30 });
	assert_int_equal(tally.bytes[0], 100);
}

static void an_outage_over_the_end_is_in_both_periods(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	pass(&tally, LINK_DOWN, 0, 100);
	tally_renew(&tally);
	pass(&tally, LINK_DOWN, 0, 50);
	assert_int_equal(tally.outages, 1);
	assert_int_equal(tally.down_s, 50);
	assert_int_equal(tally_uptime(&tally), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_outages_and_the_longest),
		cmocka_unit_test(names_the_worst_hours),
		cmocka_unit_test(counts_bytes_over_new_devices),
		cmocka_unit_test(an_outage_over_the_end_is_in_both_periods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
