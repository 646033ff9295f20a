/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves how rates of events are read and printed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "config/value.h"

static void events_are_so_many_in_a_time(void **state)
{
	static const struct {
		const char *text;
		enum value_error error;
	} wrong[] = {
		{ "", VALUE_NOT_A_NUMBER }, { "/s", VALUE_NOT_A_NUMBER }, { "-5/s", VALUE_NOT_A_NUMBER }, { "50", VALUE_NO_UNIT },
		{ "05/s", VALUE_LEADING_ZERO }, { "1.5/s", VALUE_TOO_FINE }, { "50/d", VALUE_UNIT_UNKNOWN },
		{ "50 /s", VALUE_UNIT_UNKNOWN }, { "50/s ", VALUE_UNIT_UNKNOWN }, { "50/", VALUE_UNIT_UNKNOWN },
		{ "9999999999/s", VALUE_TOO_LARGE },
	};
	static const char *const fine[] = { "50/s", "300/m", "10/h", "0/s", "999999999/h" };
	static const uint32_t per_ms[] = { 1000, 60000, 3600000, 1000, 3600000 };
	uint32_t count = 42, per = 42;
	char text[VALUE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (value_events(wrong[i].text, &count, &per) != wrong[i].error)
			fail_msg("`%s' was not refused as it should be", wrong[i].text);
		assert_true(count == 42 && per == 42);
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		assert_int_equal(value_events(fine[i], &count, &per), VALUE_FINE);
		assert_int_equal(per, per_ms[i]);
		assert_string_equal(value_events_format(count, per, text), fine[i]);
	}
}

static void reads_ports(void **state)
{
	static const char *const wrong[] = { "", "0", "65536", "80-", "-80", "90-80", "80 - 90", "08", "a", "80-90-100", "100000" };
	uint16_t first = 0, last = 0;

	(void)state;
	assert_true(value_ports("80", &first, &last));
	assert_int_equal(first, 80);
	assert_int_equal(last, 80);
	assert_true(value_ports("10000-65535", &first, &last));
	assert_int_equal(first, 10000);
	assert_int_equal(last, 65535);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(value_ports(wrong[i], &first, &last));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_so_many_in_a_time),
		cmocka_unit_test(reads_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
