/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of scan.h and flood.h: who is a scanner after how much, and when a flood begins and ends. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/flood.h"
#include "core/scan.h"

static const struct hash_key key = { { 1, 2 } };

static struct address address(uint32_t host)
{
	return (struct address){ IPV4, { 198, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host } };
}

static struct scans *paper(void)
{
	struct scans *scans = scans_new(65536, key, (struct scan_settings){ SCAN_STEPS, 10 });

	assert_non_null(scans);
	return scans;
}

static enum scan contact(struct scans *scans, uint32_t from, uint32_t to, uint16_t port, bool failed, uint32_t now_s)
{
	struct address source = address(from), target = address(to);

	return scans_contact(scans, &source, &target, port, failed, now_s);
}

/* Contacts of a source with ever new machines until the walk ends; true where it is told a scanner. */
static bool walk_of(struct scans *scans, uint32_t source, unsigned int failing_percent, unsigned int *ret_steps)
{
	int net = 0;

	for (uint32_t i = 0; i < 60; i++) {
		bool failed = (unsigned int)rand() % 100 < failing_percent;

		++*ret_steps;
		net += failed ? 1 : -1;
		if (contact(scans, source, i * 7919 + source, 80, failed, 100) != SCAN_NONE)
			return true;
		if (net <= -SCAN_STEPS)
			return false;
	}
	return false;
}

static void four_net_failures_are_a_scanner(void **state)
{
	struct scans *scans = paper();

	(void)state;
	assert_int_equal(contact(scans, 1, 201, 80, true, 5), SCAN_NONE);
	assert_int_equal(contact(scans, 1, 202, 80, true, 5), SCAN_NONE);
	assert_int_equal(contact(scans, 1, 203, 80, false, 5), SCAN_NONE);
	assert_int_equal(contact(scans, 1, 204, 80, true, 5), SCAN_NONE);
	assert_int_equal(contact(scans, 1, 204, 80, true, 5), SCAN_NONE); /* the same again counts once */
	assert_int_equal(contact(scans, 1, 207, 80, true, 5), SCAN_NONE);
	assert_int_equal(contact(scans, 1, 206, 80, true, 5), SCAN_ADDRESSES);
	scans_free(scans);
}

static void ports_of_one_machine_are_a_port_scan(void **state)
{
	struct scans *scans = paper();
	enum scan scan = SCAN_NONE;
	uint16_t port;

	(void)state;
	for (port = 1; scan == SCAN_NONE && port < 100; port++)
		scan = contact(scans, 1, 101, port, true, 5);
	assert_int_equal(scan, SCAN_PORTS);
	assert_in_range(port, 11, 16); /* ten ports; some may share a bit of the filter */
	scans_free(scans);
}

static void who_was_told_is_not_told_again_within_the_hour(void **state)
{
	struct scans *scans = paper();
	unsigned int told = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		told += contact(scans, 1, 1000 + i * 31, 80, true, 10) != SCAN_NONE;
	assert_int_equal(told, 1);
	for (uint32_t i = 0; i < 1000; i++)
		told += contact(scans, 1, 1000 + i * 31, 80, true, 10 + SCAN_TOLD_S) != SCAN_NONE;
	assert_int_equal(told, 2);
	scans_free(scans);
}

static void what_is_off_is_not_told(void **state)
{
	struct scans *scans = scans_new(64, key, (struct scan_settings){ 0, 0 });

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(contact(scans, 1, i, (uint16_t)i, true, 10), SCAN_NONE);
	scans_free(scans);
}

/* The paper's promise: 99 % of scanners are found, 1 % of friends are taken for one. */
static void errs_as_rarely_as_the_paper_says(void **state)
{
	struct scans *scans = paper();
	unsigned int seed = getenv("UPLINKD_SEED") != NULL ? (unsigned int)atoi(getenv("UPLINKD_SEED")) : 2004;
	unsigned int found = 0, wronged = 0, steps = 0, ignored = 0;

	(void)state;
	srand(seed);
	for (uint32_t i = 0; i < 5000; i++) {
		found += walk_of(scans, 10 + i, 80, &steps);
		wronged += walk_of(scans, 1000000 + i, 20, &ignored);
	}
	printf("seed %u: detection %.4f, false alarms %.4f, %.1f contacts each\n", seed, found / 5000.0, wronged / 5000.0,
		steps / 5000.0);
	assert_in_range(found, 5000 * 98 / 100, 5000);
	assert_in_range(wronged, 0, 5000 / 100);
	assert_in_range(steps / 5000, 5, 8);
	scans_free(scans);
}

/* Of 1,000 walks of four contacts, as the smallest thresholds have them, hardly one loses a contact. */
static void short_walks_lose_no_contact(void **state)
{
	struct scans *scans = paper();
	unsigned int found = 0;

	(void)state;
	for (uint32_t source = 1; source <= 1000; source++) {
		for (uint32_t i = 0; i < SCAN_STEPS; i++)
			found += contact(scans, source, source * 100 + i, 80, true, 5) == SCAN_ADDRESSES;
	}
	assert_in_range(found, 996, 1000);
	scans_free(scans);
}

static void ipv6_counts_by_site(void **state)
{
	struct scans *scans = paper();
	enum scan scan = SCAN_NONE;

	(void)state;
	for (uint8_t i = 0; i < SCAN_STEPS; i++) {
		struct address from = { IPV6, { 0x20, 1, [15] = i } }, to = { IPV6, { 0x20, 2, [13] = i, [15] = (uint8_t)(3 * i) } };

		scan = scans_contact(scans, &from, &to, 80, true, 5);
	}
	assert_int_equal(scan, SCAN_ADDRESSES);
	scans_free(scans);
}

static void stays_in_its_bounds(void **state)
{
	struct scans *scans = scans_new(256, key, (struct scan_settings){ SCAN_STEPS, 10 });

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(contact(scans, i, i + 1, 80, true, i), SCAN_NONE);
	scans_free(scans);
}

struct seconds {
	struct flood flood;
	uint64_t begun, finished;
};

static enum flood_news second(struct seconds *s, uint64_t begun, uint64_t finished)
{
	s->begun += begun;
	s->finished += finished;
	return flood_second(&s->flood, s->begun, s->finished);
}

static void a_flood_begins_within_a_second_and_ends_after_a_calm_minute(void **state)
{
	struct seconds s = { .begun = 1000000, .finished = 3 };

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(second(&s, 500, 490), FLOOD_NOTHING); /* what was before us does not count */
	assert_int_equal(second(&s, 20000, 490), FLOOD_BEGINS);
	assert_in_range(flood_rate(&s.flood), 2000, 3000);
	for (int i = 0; i < 200; i++)
		assert_int_equal(second(&s, 20000, 490), FLOOD_NOTHING);
	for (int i = 0; i < FLOOD_CALM_S + FLOOD_WINDOW_S - 2; i++)
		assert_int_equal(second(&s, 500, 490), FLOOD_NOTHING);
	assert_int_equal(second(&s, 500, 490), FLOOD_ENDS);
	assert_false(s.flood.raging);
}

static void failures_of_the_few_and_success_of_the_many_are_no_flood(void **state)
{
	struct seconds few = { 0 }, many = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(second(&few, 20, 0), FLOOD_NOTHING);
		assert_int_equal(second(&many, 20000, 12000), FLOOD_NOTHING);
	}
}

static void a_counter_that_begins_anew_is_no_flood(void **state)
{
	struct seconds s = { 0 };

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(second(&s, 1000, 1000), FLOOD_NOTHING);
	assert_int_equal(flood_second(&s.flood, 10, 10), FLOOD_NOTHING);
	assert_int_equal(flood_second(&s.flood, 20, 20), FLOOD_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_net_failures_are_a_scanner),
		cmocka_unit_test(ports_of_one_machine_are_a_port_scan),
		cmocka_unit_test(who_was_told_is_not_told_again_within_the_hour),
		cmocka_unit_test(what_is_off_is_not_told),
		cmocka_unit_test(errs_as_rarely_as_the_paper_says),
		cmocka_unit_test(short_walks_lose_no_contact),
		cmocka_unit_test(ipv6_counts_by_site),
		cmocka_unit_test(stays_in_its_bounds),
		cmocka_unit_test(a_flood_begins_within_a_second_and_ends_after_a_calm_minute),
		cmocka_unit_test(failures_of_the_few_and_success_of_the_many_are_no_flood),
		cmocka_unit_test(a_counter_that_begins_anew_is_no_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
