/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of syslog_ring.h: lines come out as they went in, and what has no room is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "service/syslog_ring.h"

static void keeps_order_over_its_end(void **state)
{
	struct syslog_ring ring;
	char line[64], expected[64];
	unsigned int added = 0, taken = 0;

	(void)state;
	assert_int_equal(syslog_ring_begin(&ring, 100), 0);
	assert_int_equal(syslog_ring_take(&ring, line, sizeof(line)), 0);
	for (int i = 0; i < 1000; i++) {
		for (;;) {
			int length = snprintf(line, sizeof(line), "%u%.*s", added, (int)(added % 17), "xxxxxxxxxxxxxxxxx");

			if (!syslog_ring_add(&ring, line, (size_t)length))
				break;
			added++;
		}
		assert_true(ring.count >= 3);
		for (int j = 0; j < 2; j++, taken++) {
			size_t length = syslog_ring_take(&ring, line, sizeof(line));

			line[length] = '\0';
			snprintf(expected, sizeof(expected), "%u%.*s", taken, (int)(taken % 17), "xxxxxxxxxxxxxxxxx");
			assert_string_equal(line, expected);
		}
	}
	assert_int_equal(ring.count, added - taken);
	syslog_ring_end(&ring);
}

static void fills_to_the_last_byte(void **state)
{
	struct syslog_ring ring;
	char line[64];

	(void)state;
	assert_int_equal(syslog_ring_begin(&ring, 12), 0);
	assert_true(syslog_ring_add(&ring, "abcd", 4));
	assert_false(syslog_ring_add(&ring, "abcde", 5));
	assert_true(syslog_ring_add(&ring, "efgh", 4));
	assert_false(syslog_ring_add(&ring, "", 0));
	assert_int_equal(syslog_ring_take(&ring, line, 2), 2); /* cut, and gone */
	assert_memory_equal(line, "ab", 2);
	assert_int_equal(syslog_ring_take(&ring, line, sizeof(line)), 4);
	assert_memory_equal(line, "efgh", 4);
	assert_int_equal(ring.used, 0);
	syslog_ring_end(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order_over_its_end),
		cmocka_unit_test(fills_to_the_last_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
