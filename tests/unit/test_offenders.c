/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves how long offenders are shut out, in fake time, and that forged sources are left alone. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "core/offenders.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)

static const struct hash_key key = { { 1, 2 } };

static struct address address(const char *text)
{
	struct address address;

	assert_true(address_parse(text, &address));
	return address;
}

static enum offence offend(struct offenders *offenders, const char *source, uint32_t block_for_s, uint64_t now_ms,
	struct offender *ret_offender)
{
	struct address from = address(source);

	return offenders_add(offenders, &from, DETECT_SYN_FLOOD, block_for_s, now_ms, ret_offender);
}

static void each_return_doubles_up_to_an_hour(void **state)
{
	static const unsigned int minutes[] = { 5, 10, 20, 40, 60, 60 };
	struct offenders *offenders = offenders_new(64, key);
	struct offender offender;
	uint64_t now_ms = MINUTE;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(offend(offenders, "192.0.2.1", 300, now_ms, &offender), i == 0 ? OFFENCE_FIRST : OFFENCE_AGAIN);
		assert_int_equal(offender.times, i + 1);
		assert_int_equal(offender.since_ms, now_ms);
		assert_int_equal(offender.until_ms - now_ms, minutes[i] * MINUTE);
		assert_int_equal(offend(offenders, "192.0.2.1", 300, now_ms + SECOND, &offender), OFFENCE_KNOWN);
		now_ms = offender.until_ms + SECOND;
	}
	offenders_free(offenders);
}

static void a_long_first_time_stays(void **state)
{
	struct offenders *offenders = offenders_new(64, key);
	struct offender offender;

	(void)state;
	offend(offenders, "192.0.2.1", 7200, 0, &offender);
	assert_int_equal(offender.until_ms - offender.since_ms, 7200 * SECOND);
	offend(offenders, "192.0.2.1", 7200, offender.until_ms, &offender);
	assert_int_equal(offender.until_ms - offender.since_ms, 7200 * SECOND);
	offenders_free(offenders);
}

static void who_was_quiet_begins_anew(void **state)
{
	struct offenders *offenders = offenders_new(64, key);
	struct offender offender;

	(void)state;
	offend(offenders, "192.0.2.1", 10, SECOND, &offender);
	assert_int_equal(offend(offenders, "192.0.2.1", 10, 20 * SECOND, &offender), OFFENCE_AGAIN);
	assert_int_equal(offender.until_ms, 40 * SECOND);
	assert_int_equal(offend(offenders, "192.0.2.1", 10, 60 * SECOND, &offender), OFFENCE_FIRST);
	assert_int_equal(offender.until_ms, 70 * SECOND);
	offenders_free(offenders);
}

static void ipv6_offends_by_its_network(void **state)
{
	struct offenders *offenders = offenders_new(64, key);
	struct address site = address("2001:db8:0:1::");
	char text[ADDRESS_TEXT_MAX];
	struct offender offender;

	(void)state;
	assert_int_equal(offend(offenders, "2001:db8:0:1::5", 10, SECOND, &offender), OFFENCE_FIRST);
	assert_true(address_equal(&offender.site, &site));
	assert_string_equal(offender_text(&offender.site, text, sizeof(text)), "2001:db8:0:1::/64");
	assert_int_equal(offend(offenders, "2001:db8:0:1:ffff::", 10, SECOND, &offender), OFFENCE_KNOWN);
	assert_int_equal(offend(offenders, "2001:db8:0:2::5", 10, SECOND, &offender), OFFENCE_FIRST);
	offenders_free(offenders);
}

static void count_one(const struct offender *offender, void *data)
{
	(void)offender;
	++*(size_t *)data;
}

static size_t shut_out(const struct offenders *offenders, uint64_t now_ms)
{
	size_t count = 0;

	offenders_each(offenders, now_ms, count_one, &count);
	return count;
}

static void forgiven_and_adopted(void **state)
{
	struct offenders *offenders = offenders_new(64, key);
	struct address one = address("192.0.2.1"), two = address("2001:db8::1");
	struct offender offender;

	(void)state;
	offend(offenders, "192.0.2.1", 10, SECOND, &offender);
	offenders_add(offenders, &one, OFFENCE_POLICY + 7, 100, SECOND, &offender);
	offenders_adopt(offenders, &two, SECOND, 5 * SECOND);
	assert_int_equal(shut_out(offenders, 2 * SECOND), 3);
	assert_int_equal(shut_out(offenders, 5 * SECOND), 2);
	assert_int_equal(shut_out(offenders, 50 * SECOND), 1);
	assert_int_equal(offenders_forget(offenders, &one), 2);
	assert_int_equal(offenders_forget(offenders, &one), 0);
	assert_int_equal(offend(offenders, "192.0.2.1", 10, 2 * SECOND, &offender), OFFENCE_FIRST);
	offenders_free(offenders);
}

/* The address of a number. */
static struct address numbered(uint32_t number)
{
	struct address address = { .family = IPV4, .bytes = { 10, number >> 16 & 255, number >> 8 & 255, number & 255 } };

	return address;
}

static void forged_sources_are_left_alone(void **state)
{
	struct offenders *offenders = offenders_new(16384, key);
	struct address honest = address("192.0.2.1");
	struct offender offender;
	size_t blocked = 0;

	(void)state;
	assert_int_equal(offend(offenders, "192.0.2.1", 3, SECOND, &offender), OFFENCE_FIRST);
	for (uint32_t i = 0; i < 100000; i++) {
		struct address from = numbered(i);

		blocked += offenders_add(offenders, &from, DETECT_SYN_FLOOD, 300, 2 * SECOND + i / 100, &offender) == OFFENCE_FIRST;
	}
	assert_int_equal(blocked, OFFENDERS_FORGED - 1);
	/* Another detector goes on, and who was known before is no forger. */
	assert_int_equal(offenders_add(offenders, &honest, DETECT_UDP_FLOOD, 3, 3 * SECOND, &offender), OFFENCE_FIRST);
	/* Ten quiet seconds later everything is as before. */
	honest = address("192.0.2.99");
	assert_int_equal(offenders_add(offenders, &honest, DETECT_SYN_FLOOD, 3, 13 * SECOND, &offender), OFFENCE_FIRST);
	offenders_free(offenders);
}

static void a_full_table_forgets_the_oldest(void **state)
{
	struct offenders *offenders = offenders_new(8, key);
	struct address last = address("192.0.2.1");
	struct offender offender;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		struct address from = numbered(i);

		assert_int_equal(offenders_add(offenders, &from, DETECT_SYN_FLOOD, 300, (i + 1) * MINUTE, &offender),
			OFFENCE_FIRST);
	}
	assert_int_equal(offenders_add(offenders, &last, DETECT_SYN_FLOOD, 300, 1001 * MINUTE, &offender), OFFENCE_FIRST);
	assert_in_range(shut_out(offenders, 1001 * MINUTE), 5, 8);
	offenders_free(offenders);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_return_doubles_up_to_an_hour),
		cmocka_unit_test(a_long_first_time_stays),
		cmocka_unit_test(who_was_quiet_begins_anew),
		cmocka_unit_test(ipv6_offends_by_its_network),
		cmocka_unit_test(forgiven_and_adopted),
		cmocka_unit_test(forged_sources_are_left_alone),
		cmocka_unit_test(a_full_table_forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
