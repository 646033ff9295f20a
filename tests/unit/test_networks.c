/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of networks.h: what is found is what is in one of them, and ranges are exact and short. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/networks.h"

static struct address address_of(const char *text)
{
	struct address address;

	if (!address_parse(text, &address))
		fail_msg("no address: %s", text);
	return address;
}

static struct network network_of(const char *text)
{
	struct network network;

	if (!network_parse(text, &network))
		fail_msg("no network: %s", text);
	return network;
}

static void assert_networks(const struct networks *networks, size_t count, const char *const *expected)
{
	char text[ADDRESS_TEXT_MAX];

	assert_int_equal(networks->count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(network_format(&networks->items[i], text, sizeof(text)), expected[i]);
}

#define ASSERT_NETWORKS(networks, ...) \
	assert_networks(networks, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
		(const char *const[]){ __VA_ARGS__ })

static void sorts_and_leaves_out_what_is_inside(void **state)
{
	struct network items[] = { network_of("2001:db8::/32"), network_of("10.0.0.0/8"), network_of("192.0.2.0/24"),
		network_of("10.1.0.0/16"), network_of("10.0.0.0/8"), network_of("2001:db8:5::/48"), network_of("0.0.0.0/32"),
		network_of("192.0.3.0/24"), network_of("::/128"), network_of("9.255.255.255/32") };
	struct networks networks = { items, sizeof(items) / sizeof(items[0]) };

	(void)state;
	networks_sort(&networks);
	ASSERT_NETWORKS(&networks, "0.0.0.0/32", "9.255.255.255/32", "10.0.0.0/8", "192.0.2.0/24", "192.0.3.0/24", "::/128",
		"2001:db8::/32");
	networks = (struct networks){ NULL, 0 };
	networks_sort(&networks);
	assert_int_equal(networks.count, 0);
}

static void clears_host_bits(void **state)
{
	struct network items[] = { { address_of("192.0.2.77"), 24 }, { address_of("192.0.2.5"), 30 } };
	struct networks networks = { items, 2 };

	(void)state;
	networks_sort(&networks);
	ASSERT_NETWORKS(&networks, "192.0.2.0/24");
}

static void parts_families(void **state)
{
	struct network items[] = { network_of("10.0.0.0/8"), network_of("255.255.255.255"), network_of("::/8"),
		network_of("ff00::/8") };
	struct networks all = { items, 4 }, four = networks_of_family(&all, IPV4), six = networks_of_family(&all, IPV6);

	(void)state;
	ASSERT_NETWORKS(&four, "10.0.0.0/8", "255.255.255.255/32");
	ASSERT_NETWORKS(&six, "::/8", "ff00::/8");
	all.count = 2;
	assert_int_equal(networks_of_family(&all, IPV6).count, 0);
	assert_int_equal(networks_of_family(&all, IPV4).count, 2);
}

static struct address random_address(void)
{
	struct address address = { .family = rand() % 2 == 0 ? IPV4 : IPV6 };

	/* Few different ones, so that networks meet. */
	for (size_t i = 0; i < family_size(address.family); i++)
		address.bytes[i] = (uint8_t)(i % 4 == 3 || i % 4 == 1 ? rand() % 8 << rand() % 6 : 10);
	return address;
}

static void finds_what_a_walk_finds(void **state)
{
	unsigned int found = 0;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct network items[60], sorted_items[60];
		struct networks all = { items, (size_t)rand() % 60 }, sorted = { sorted_items, all.count };

		for (size_t i = 0; i < all.count; i++) {
			struct address address = random_address();

			items[i] = network_around(&address, (uint8_t)(8 + rand() % (address.family == IPV4 ? 25 : 121)));
		}
		memcpy(sorted_items, items, sizeof(items));
		networks_sort(&sorted);
		for (int i = 0; i < 200; i++) {
			struct address address = random_address();
			bool holds = false;

			for (size_t j = 0; j < all.count; j++)
				holds |= network_contains(&items[j], &address);
			assert_int_equal(networks_hold(&sorted, &address), holds);
			found += holds;
		}
	}
	assert_in_range(found, 2000, 38000);
}

static void assert_range(const char *first, const char *last, size_t count, const char *const *expected)
{
	struct network items[NETWORKS_OF_RANGE_MAX];
	struct address low = address_of(first), high = address_of(last);
	struct networks networks = { items, networks_of_range(&low, &high, items) };

	assert_networks(&networks, count, expected);
}

#define ASSERT_RANGE(first, last, ...) \
	assert_range(first, last, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
		(const char *const[]){ __VA_ARGS__ })

static void covers_ranges(void **state)
{
	struct address low = address_of("192.0.2.2"), high = address_of("192.0.2.1"), other = address_of("::1");
	struct network items[NETWORKS_OF_RANGE_MAX];

	(void)state;
	ASSERT_RANGE("192.0.2.1", "192.0.2.1", "192.0.2.1/32");
	ASSERT_RANGE("192.0.2.0", "192.0.2.255", "192.0.2.0/24");
	ASSERT_RANGE("192.0.2.10", "192.0.2.20", "192.0.2.10/31", "192.0.2.12/30", "192.0.2.16/30", "192.0.2.20/32");
	ASSERT_RANGE("0.0.0.0", "255.255.255.255", "0.0.0.0/0");
	ASSERT_RANGE("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0");
	ASSERT_RANGE("255.255.255.254", "255.255.255.255", "255.255.255.254/31");
	ASSERT_RANGE("fd00::ffff", "fd00::1:0", "fd00::ffff/128", "fd00::1:0/128");
	assert_int_equal(networks_of_range(&low, &high, items), 0);
	assert_int_equal(networks_of_range(&low, &other, items), 0);
}

/* The longest there are. */
static void has_room_for_any_range(void **state)
{
	struct address low = address_of("::1"), high = address_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe");
	struct address low4 = address_of("0.0.0.1"), high4 = address_of("255.255.255.254");
	struct network items[NETWORKS_OF_RANGE_MAX];

	(void)state;
	assert_int_equal(networks_of_range(&low, &high, items), NETWORKS_OF_RANGE_MAX);
	assert_int_equal(networks_of_range(&low4, &high4, items), 62);
}

static uint32_t number_of(const struct address *address)
{
	const uint8_t *b = address->bytes;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static struct address number_address(uint32_t number)
{
	return (struct address){ .family = IPV4,
		.bytes = { (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number } };
}

/* They follow each other without a gap from first to last. */
static void random_ranges_are_exact(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint32_t a = (uint32_t)rand() * 2654435761u, b = round % 2 == 0 ? a + (uint32_t)rand() % 5000 : (uint32_t)rand();
		struct address low = number_address(a < b ? a : b), high = number_address(a < b ? b : a);
		struct network items[NETWORKS_OF_RANGE_MAX];
		size_t count = networks_of_range(&low, &high, items);
		uint64_t next = number_of(&low);

		assert_in_range(count, 1, 62);
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(number_of(&items[i].address), next);
			next += 1ull << (32 - items[i].length);
		}
		assert_int_equal(next, (uint64_t)number_of(&high) + 1);
	}
}

static void joins_two_lists(void **state)
{
	struct network a[] = { network_of("192.0.2.0/25"), network_of("fd00::/8") };
	struct network b[] = { network_of("192.0.2.0/24"), network_of("10.0.0.0/8") };
	struct networks left = { a, 2 }, right = { b, 2 }, none = { NULL, 0 }, joined, again;
	struct arena *arena = arena_new();

	(void)state;
	assert_true(networks_join(arena, &left, &right, &joined));
	ASSERT_NETWORKS(&joined, "10.0.0.0/8", "192.0.2.0/24", "fd00::/8");
	assert_true(networks_join(arena, &joined, &none, &again));
	assert_true(networks_equal(&joined, &again));
	again.items[2].length = 16;
	assert_false(networks_equal(&joined, &again));
	again.count = 2;
	assert_false(networks_equal(&joined, &again));
	assert_true(networks_join(arena, &none, &none, &again));
	assert_int_equal(again.count, 0);
	arena_free(arena);
}

int main(void)
{
	const char *given = getenv("UPLINKD_SEED");
	unsigned int seed = given != NULL ? (unsigned int)strtoul(given, NULL, 10) : (unsigned int)time(NULL);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_and_leaves_out_what_is_inside),
		cmocka_unit_test(clears_host_bits),
		cmocka_unit_test(parts_families),
		cmocka_unit_test(finds_what_a_walk_finds),
		cmocka_unit_test(covers_ranges),
		cmocka_unit_test(has_room_for_any_range),
		cmocka_unit_test(random_ranges_are_exact),
		cmocka_unit_test(joins_two_lists),
	};

	printf("UPLINKD_SEED=%u\n", seed);
	srand(seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
