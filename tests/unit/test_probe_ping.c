/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that of all bytes only the answer passes for the answer, and that none are read past the end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "service/probe_ping.h"

#define IPV4_HEADER 24 /* with an option of four bytes */
#define ANSWER_SIZE 24 /* header and cookie of the echo reply */

static const struct ping ping4 = { .target = { .family = IPV4 }, .identifier = 0x1234, .sequence = 0xfffe,
	.cookie = "sixteen bytes ok" };
static const struct ping ping6 = { .target = { .family = IPV6 }, .identifier = 0x1234, .sequence = 0xfffe,
	.cookie = "sixteen bytes ok" };

/* The shortest answer; returns its length. */
static size_t make_answer(const struct ping *ping, uint8_t *bytes)
{
	static const uint8_t echo[] = { 0, 0, 0xab, 0xcd, 0x12, 0x34, 0xff, 0xfe };
	size_t header = ping->target.family == IPV4 ? IPV4_HEADER : 0;

	memset(bytes, 0, header);
	memcpy(bytes + header, echo, sizeof(echo));
	memcpy(bytes + header + sizeof(echo), ping->cookie, PING_COOKIE_SIZE);
	if (ping->target.family == IPV4)
		bytes[0] = 0x40 | IPV4_HEADER / 4;
	else
		bytes[0] = 129;
	return header + ANSWER_SIZE;
}

/* From the heap and of exact size, so that a sanitizer sees any byte too many that is read. */
static bool matches(const struct ping *ping, const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	bool result;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	result = probe_ping_matches(ping, copy, length);
	free(copy);
	return result;
}

static void check_family(const struct ping *ping)
{
	size_t header = ping->target.family == IPV4 ? IPV4_HEADER : 0;
	uint8_t bytes[IPV4_HEADER + ANSWER_SIZE];
	size_t length = make_answer(ping, bytes);

	assert_true(matches(ping, bytes, length));
	for (size_t shorter = 0; shorter < length; shorter++)
		assert_false(matches(ping, bytes, shorter));
	for (size_t i = header; i < length; i++) {
		bool checksum = i == header + 2 || i == header + 3; /* the kernel's affair */

		for (unsigned int bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1u << bit);
			assert_int_equal(matches(ping, bytes, length), checksum);
			bytes[i] ^= (uint8_t)(1u << bit);
		}
	}
}

static void takes_the_answer_alone(void **state)
{
	(void)state;
	check_family(&ping4);
	check_family(&ping6);
}

static void bears_any_bytes(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);
	uint8_t bytes[100];

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int trial = 0; trial < 20000; trial++) {
		size_t length = (size_t)rand() % sizeof(bytes);

		for (size_t i = 0; i < length; i++)
			bytes[i] = (uint8_t)rand();
		assert_false(matches(&ping4, bytes, length));
		assert_false(matches(&ping6, bytes, length));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_answer_alone),
		cmocka_unit_test(bears_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
