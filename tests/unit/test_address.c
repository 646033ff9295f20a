/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of address.h: what is an address and a network, what is in it, and how it is written. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "core/address.h"

static void knows_families(void **state)
{
	(void)state;
	assert_int_equal(family_size(IPV4), 4);
	assert_int_equal(family_size(IPV6), 16);
	assert_int_equal(family_native(IPV4), AF_INET);
	assert_int_equal(family_native(IPV6), AF_INET6);
}

static void reads_and_writes_addresses(void **state)
{
	static const struct {
		const char *text, *expected;
		enum family family;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", IPV4 },
		{ "0.0.0.0", "0.0.0.0", IPV4 },
		{ "255.255.255.255", "255.255.255.255", IPV4 },
		{ "::", "::", IPV6 },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1", IPV6 },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1", IPV6 },
		{ "1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888", IPV6 },
	};
	char text[ADDRESS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address address;

		memset(&address, 0xff, sizeof(address));
		assert_true(address_parse(cases[i].text, &address));
		assert_int_equal(address.family, cases[i].family);
		for (size_t byte = family_size(address.family); byte < sizeof(address.bytes); byte++)
			assert_int_equal(address.bytes[byte], 0);
		assert_ptr_equal(address_format(&address, text, sizeof(text)), text);
		assert_string_equal(text, cases[i].expected);
	}
}

static void refuses_what_is_no_address(void **state)
{
	static const char *const cases[] = {
		"", " ", "192.0.2", "192.0.2.256", "192.0.2.1 ", " 192.0.2.1", "192.0.2.01", "192.0.2.1/24",
		"fe80::1%eth0", ":::", "2001:db8", "g::", "localhost", "1::2::3",
	};
	struct address address = { .family = IPV6, .bytes = { 7 } }, before = address;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (address_parse(cases[i], &address))
			fail_msg("taken for an address: \"%s\"", cases[i]);
		assert_memory_equal(&address, &before, sizeof(address));
	}
}

static void reads_and_writes_networks(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.0/24" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "192.0.2.128/25", "192.0.2.128/25" },
		{ "192.0.2.1", "192.0.2.1/32" },
		{ "192.0.2.1/32", "192.0.2.1/32" },
		{ "::/0", "::/0" },
		{ "2001:db8::/32", "2001:db8::/32" },
		{ "2001:db8::1", "2001:db8::1/128" },
		{ "fd00:20:0:8000::/49", "fd00:20:0:8000::/49" },
	};
	char text[ADDRESS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct network network;

		assert_true(network_parse(cases[i].text, &network));
		assert_ptr_equal(network_format(&network, text, sizeof(text)), text);
		assert_string_equal(text, cases[i].expected);
	}
}

static void refuses_what_is_no_network(void **state)
{
	static const char *const cases[] = {
		"", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/024", "192.0.2.0/00", "192.0.2.0/-1",
		"192.0.2.0/+24", "192.0.2.0/ 24", "192.0.2.0/24 ", "192.0.2.0/24/24", "192.0.2.1/24",
		"192.0.2.64/25", "2001:db8::1/64", "2001:db8::/129", "2001:db8::/4294967328", "lan/24",
		"2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/32",
	};
	struct network network = { .length = 9 }, before = network;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (network_parse(cases[i], &network))
			fail_msg("taken for a network: \"%s\"", cases[i]);
		assert_memory_equal(&network, &before, sizeof(network));
	}
}

static void keeps_within_the_room_for_text(void **state)
{
	struct network network;
	char text[16];

	(void)state;
	assert_true(network_parse("2001:db8:1:2::/64", &network));
	for (size_t size = 0; size <= sizeof(text); size++) {
		memset(text, '#', sizeof(text));
		network_format(&network, text, size);
		for (size_t i = size; i < sizeof(text); i++)
			assert_int_equal(text[i], '#');
		if (size > 0)
			assert_int_equal(strlen(text), size - 1);
	}
	assert_memory_equal(text, "2001:db8:1:2::/", 16);
	address_format(&network.address, text, 5);
	assert_string_equal(text, "2001");
}

static struct address address_of(const char *text)
{
	struct address address;

	assert_true(address_parse(text, &address));
	return address;
}

static struct network network_of(const char *text)
{
	struct network network;

	assert_true(network_parse(text, &network));
	return network;
}

static bool is_in(const char *network_text, const char *address_text)
{
	struct network network = network_of(network_text);
	struct address address = address_of(address_text);

	return network_contains(&network, &address);
}

static void knows_what_is_in_a_network(void **state)
{
	(void)state;
	assert_true(is_in("192.0.2.0/25", "192.0.2.127"));
	assert_false(is_in("192.0.2.0/25", "192.0.2.128"));
	assert_true(is_in("192.0.2.7/32", "192.0.2.7"));
	assert_false(is_in("192.0.2.7/32", "192.0.2.6"));
	assert_true(is_in("0.0.0.0/0", "255.255.255.255"));
	assert_true(is_in("2001:db8::/33", "2001:db8:7fff:ffff::"));
	assert_false(is_in("2001:db8::/33", "2001:db8:8000::"));
	assert_true(is_in("2001:db8::1/128", "2001:db8::1"));
	assert_false(is_in("2001:db8::1/128", "2001:db8::3"));
	assert_true(is_in("::/0", "::1"));
	/* The families are apart, also where all bytes are alike. */
	assert_false(is_in("0.0.0.0/0", "::"));
	assert_false(is_in("::/0", "0.0.0.0"));
}

static void compares(void **state)
{
	struct address four = address_of("0.0.0.0"), six = address_of("::"), other = address_of("0.0.0.1");
	struct network wide = network_of("10.0.0.0/8"), narrow = network_of("10.0.0.0/9");

	(void)state;
	assert_true(address_equal(&four, &four));
	assert_false(address_equal(&four, &six));
	assert_false(address_equal(&four, &other));
	assert_true(network_equal(&wide, &wide));
	assert_false(network_equal(&wide, &narrow));
}

static void cuts_the_length_to_the_family(void **state)
{
	struct address four = address_of("192.0.2.1"), six = address_of("2001:db8::1");
	char text[ADDRESS_TEXT_MAX];
	struct network network = network_around(&four, 33);

	(void)state;
	assert_string_equal(network_format(&network, text, sizeof(text)), "192.0.2.1/32");
	network = network_around(&six, 255);
	assert_string_equal(network_format(&network, text, sizeof(text)), "2001:db8::1/128");
	network = network_around(&four, 0);
	assert_string_equal(network_format(&network, text, sizeof(text)), "0.0.0.0/0");
	network = network_around(&four, 23);
	assert_string_equal(network_format(&network, text, sizeof(text)), "192.0.2.0/23");
}

static unsigned int bit_of(const struct address *address, size_t bit)
{
	return address->bytes[bit / 8] >> (7 - bit % 8) & 1u;
}

/* Against the definition: the first length bits decide and the others are zero. */
static void agrees_with_single_bits(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int trial = 0; trial < 20000; trial++) {
		struct address a = { .family = rand() % 2 == 0 ? IPV4 : IPV6 }, b;
		size_t bits = family_size(a.family) * 8, alike = 0;
		uint8_t length = (uint8_t)(rand() % (int)(bits + 1));
		struct network network;

		for (size_t i = 0; i < bits / 8; i++)
			a.bytes[i] = (uint8_t)rand();
		b = a;
		b.bytes[rand() % (int)(bits / 8)] ^= (uint8_t)(1u << rand() % 8);
		while (bit_of(&a, alike) == bit_of(&b, alike))
			alike++;

		network = network_around(&a, length);
		assert_true(network_contains(&network, &a));
		assert_int_equal(network_contains(&network, &b), alike >= length);
		for (size_t bit = 0; bit < bits; bit++)
			assert_int_equal(bit_of(&network.address, bit), bit < length ? bit_of(&a, bit) : 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_families),
		cmocka_unit_test(reads_and_writes_addresses),
		cmocka_unit_test(refuses_what_is_no_address),
		cmocka_unit_test(reads_and_writes_networks),
		cmocka_unit_test(refuses_what_is_no_network),
		cmocka_unit_test(keeps_within_the_room_for_text),
		cmocka_unit_test(knows_what_is_in_a_network),
		cmocka_unit_test(compares),
		cmocka_unit_test(cuts_the_length_to_the_family),
		cmocka_unit_test(agrees_with_single_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
