/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of neighbour.h: what goes out, byte by byte, and whom is believed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/neighbour.h"

static const struct neighbour four = { .target = { IPV4, { 192, 0, 2, 1 } }, .own = { IPV4, { 192, 0, 2, 2 } },
	.hardware = { 2, 0, 0, 0, 0, 2 } };
static const struct neighbour six = { .target = { IPV6, { 0xfe, 0x80, [13] = 0xab, [14] = 0xcd, [15] = 0xef } },
	.own = { IPV6, { 0xfe, 0x80, [15] = 2 } }, .hardware = { 2, 0, 0, 0, 0, 2 } };

/* As a host answers to four. */
static const uint8_t reply[] = { 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 2, 0, 0, 0, 0, 2, 192, 0, 2, 2 };

/* And to six: from a router, solicited, override. */
static const uint8_t advertisement[] = { 136, 0, 0x12, 0x34, 0xe0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xab,
	0xcd, 0xef, 2, 1, 2, 0, 0, 0, 0, 1 };

static void asks_as_rfc_826(void **state)
{
	static const uint8_t expected[] = { 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 192, 0, 2, 2, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1 };
	uint8_t packet[NEIGHBOUR_ARP_SIZE];

	(void)state;
	neighbour_request(&four, packet);
	assert_memory_equal(packet, expected, sizeof(expected));
	assert_false(neighbour_replies(&four, packet, sizeof(packet))); /* our own question is no answer */
}

static void asks_as_rfc_4861(void **state)
{
	static const uint8_t expected[] = { 135, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, 0xcd, 0xef,
		1, 1, 2, 0, 0, 0, 0, 2 };
	static const struct address group = { IPV6, { 0xff, 2, [11] = 1, [12] = 0xff, [13] = 0xab, [14] = 0xcd, [15] = 0xef } };
	struct address found = neighbour_group(&six.target);
	uint8_t packet[NEIGHBOUR_SOLICITATION_SIZE];

	(void)state;
	neighbour_solicitation(&six, packet);
	assert_memory_equal(packet, expected, sizeof(expected));
	assert_true(address_equal(&found, &group));
	assert_false(neighbour_advertises(&six, packet, sizeof(packet)));
}

/* Every byte that says who answers whom counts; a longer packet is padded by the wire. */
static void believes_the_one_reply(void **state)
{
	uint8_t bytes[60] = { 0 };

	(void)state;
	memcpy(bytes, reply, sizeof(reply));
	assert_true(neighbour_replies(&four, bytes, sizeof(reply)));
	assert_true(neighbour_replies(&four, bytes, sizeof(bytes)));
	for (size_t length = 0; length < sizeof(reply); length++)
		assert_false(neighbour_replies(&four, bytes, length));
	for (size_t i = 0; i < sizeof(reply); i++) {
		bool sender = i >= 8 && i < 14; /* whatever it is, but see below */

		bytes[i] ^= 4;
		assert_int_equal(neighbour_replies(&four, bytes, sizeof(reply)), sender);
		bytes[i] ^= 4;
	}
	bytes[8] |= 1; /* a group */
	assert_false(neighbour_replies(&four, bytes, sizeof(reply)));
	memset(bytes + 8, 0, HARDWARE_SIZE);
	assert_false(neighbour_replies(&four, bytes, sizeof(reply)));
	memcpy(bytes + 8, four.hardware, HARDWARE_SIZE); /* ourselves */
	assert_false(neighbour_replies(&four, bytes, sizeof(reply)));
}

static void believes_the_one_advertisement(void **state)
{
	uint8_t bytes[sizeof(advertisement)];

	(void)state;
	memcpy(bytes, advertisement, sizeof(bytes));
	assert_true(neighbour_advertises(&six, bytes, sizeof(bytes)));
	assert_true(neighbour_advertises(&six, bytes, 24));
	for (size_t length = 0; length < 24; length++)
		assert_false(neighbour_advertises(&six, bytes, length));
	bytes[4] = 0xa0; /* not asked for */
	assert_false(neighbour_advertises(&six, bytes, sizeof(bytes)));
	bytes[4] = 0x40;
	assert_true(neighbour_advertises(&six, bytes, sizeof(bytes)));
	for (size_t i = 8; i < 24; i++) {
		bytes[i] ^= 1;
		assert_false(neighbour_advertises(&six, bytes, sizeof(bytes)));
		bytes[i] ^= 1;
	}
	bytes[1] = 1;
	assert_false(neighbour_advertises(&six, bytes, sizeof(bytes)));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_as_rfc_826),
		cmocka_unit_test(asks_as_rfc_4861),
		cmocka_unit_test(believes_the_one_reply),
		cmocka_unit_test(believes_the_one_advertisement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
