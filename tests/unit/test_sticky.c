/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of sticky.h and pending.h: what is remembered, for how long, and who gives way. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pending.h"
#include "sample_sticky.h"

#define SPREAD 0x9e3779b97f4a7c15ULL

static void remembers_until_the_end(void **state)
{
	struct sticky *sticky = sticky_new(1024);
	struct sticky_key key = source_key(1);

	(void)state;
	assert_int_equal(sticky_get(sticky, &key, 100), 0);
	assert_int_equal(sticky_put(sticky, &key, 7, 0, 100, 60), 7);
	assert_int_equal(sticky_get(sticky, &key, 159), 7);
	assert_int_equal(sticky_get(sticky, &key, 160), 0);
	sticky_put(sticky, &key, 7, 0, 150, 60);
	assert_int_equal(sticky_get(sticky, &key, 200), 7);
	assert_int_equal(sticky_put(sticky, &key, 3, 7, 200, 60), 3);
	assert_int_equal(sticky_get(sticky, &key, 201), 3);
	assert_int_equal(sticky_count(sticky, 201), 1);
	sticky_free(sticky);
}

static void who_comes_second_takes_what_the_first_has_put(void **state)
{
	struct sticky *sticky = sticky_new(1024);
	struct sticky_key key = source_key(1);

	(void)state;
	sticky_put(sticky, &key, 7, 0, 100, 60);
	assert_int_equal(sticky_put(sticky, &key, 3, 0, 110, 60), 7); /* saw nothing, but there is 7 by now */
	assert_int_equal(sticky_get(sticky, &key, 169), 7);           /* and it is a new connection of the key */
	assert_int_equal(sticky_put(sticky, &key, 3, 5, 110, 60), 7);
	assert_int_equal(sticky_put(sticky, &key, 3, 7, 110, 60), 3);
	sticky_free(sticky);
}

/* A policy with a shorter time does not end what another one has begun. */
static void shared_keys_are_not_shortened(void **state)
{
	struct sticky *sticky = sticky_new(64);
	struct flow flow = { .family = IPV4, .from = address_of("10.0.0.1"), .to = address_of("192.0.2.1") };
	struct sticky_key shared = sticky_key_of(&hash_key, KEY_SOURCE, &flow, STICKY_TOGETHER);
	struct sticky_key own = sticky_key_of(&hash_key, KEY_SOURCE, &flow, 5);

	(void)state;
	sticky_put(sticky, &shared, 2, 0, 100, 600);
	sticky_put(sticky, &shared, 2, 2, 110, 10);
	assert_int_equal(sticky_get(sticky, &shared, 699), 2);
	assert_int_equal(sticky_get(sticky, &shared, 700), 0);
	sticky_put(sticky, &own, 2, 0, 100, 600);
	sticky_put(sticky, &own, 2, 2, 110, 10);
	assert_int_equal(sticky_get(sticky, &own, 120), 0);
	sticky_free(sticky);
}

/* Two flows have the same key exactly where they agree in what it is made of. */
static void keys_are_made_of_what_they_say(void **state)
{
	static const struct {
		enum flow_key by;
		bool by_source, by_destination, by_port;
	} rows[] = {
		{ KEY_SOURCE, true, false, false },
		{ KEY_DESTINATION, false, true, false },
		{ KEY_SOURCE_DESTINATION, true, true, false },
		{ KEY_SOURCE_DESTINATION_PORT, true, true, true },
	};
	static const char *const froms[] = { "10.0.0.1", "2001:db8:1::1" }, *const tos[] = { "192.0.2.1", "2001:db8:2::1" };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct address from = address_of(froms[i % 2]), to = address_of(tos[i % 2]);
		struct sticky_key key = key_by(rows[i / 2].by, from, to, 443);

		assert_true(key_by(rows[i / 2].by, from, to, 443).hash == key.hash);
		assert_int_equal(key_by(rows[i / 2].by, address_plus(froms[i % 2], 1), to, 443).hash != key.hash, rows[i / 2].by_source);
		assert_int_equal(key_by(rows[i / 2].by, from, address_plus(tos[i % 2], 1), 443).hash != key.hash,
			rows[i / 2].by_destination);
		assert_int_equal(key_by(rows[i / 2].by, from, to, 444).hash != key.hash, rows[i / 2].by_port);
	}
}

/* A source in IPv6 is an address, for a whole network inside may have one /64; the /64 bounds what it may take. */
static void sites_are_networks_of_64_bits(void **state)
{
	struct sticky_key one = key_by(KEY_SOURCE, address_of("2001:db8:1::1"), address_of("2001:db8:2::1"), 1);
	struct sticky_key other = key_by(KEY_SOURCE, address_of("2001:db8:1::2"), address_of("2001:db8:2::1"), 1);
	struct sticky_key far = key_by(KEY_SOURCE, address_of("2001:db8:1:1::1"), address_of("2001:db8:2::1"), 1);

	(void)state;
	assert_true(one.hash != other.hash);
	assert_int_equal(one.site, other.site);
	assert_int_not_equal(one.owner, other.owner);
	assert_int_not_equal(one.site, far.site);
}

/* A full group of different sources gives up what ends first. */
static void the_soonest_to_end_gives_way(void **state)
{
	struct sticky *sticky = sticky_new(8);

	(void)state;
	for (uint32_t i = 1; i <= 9; i++) {
		struct sticky_key key = source_key(i);

		sticky_put(sticky, &key, (uint8_t)i, 0, 0, i < 9 ? 100 + i : 500);
	}
	for (uint32_t i = 1; i <= 9; i++) {
		struct sticky_key key = source_key(i);

		assert_int_equal(sticky_get(sticky, &key, 0), i == 1 ? 0 : i);
	}
	sticky_free(sticky);
}

/* A source with much in a full group gives up its own, the soonest to end of it. */
static void who_has_most_gives_way(void **state)
{
	struct sticky *sticky = sticky_new(8);
	struct sticky_key keys[9];

	(void)state;
	for (uint32_t i = 0; i < 9; i++) {
		struct address from = i < 3 ? address_of("10.0.0.1") : address_plus("10.0.0.1", i);

		keys[i] = key_by(KEY_SOURCE_DESTINATION, from, address_plus("192.0.2.1", i), 80);
		sticky_put(sticky, &keys[i], (uint8_t)(i + 1), 0, 0, i == 1 ? 400 : i < 3 ? 500 : 100);
	}
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(sticky_get(sticky, &keys[i], 0), i == 1 ? 0 : i + 1);
	sticky_free(sticky);
}

static bool count_listed(const struct sticky_entry *entry, void *data)
{
	unsigned int *count = data;

	assert_int_equal(entry->left_s, 600);
	(*count)++;
	return true;
}

static bool stop_at_once(const struct sticky_entry *entry, void *data)
{
	unsigned int *count = data;

	(void)entry;
	(*count)++;
	return false;
}

static void lists_and_forgets(void **state)
{
	struct sticky *sticky = sticky_new(4096);
	struct network network;
	unsigned int count = 0;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		struct sticky_key pair = key_by(KEY_SOURCE_DESTINATION, address_plus("10.0.0.0", i % 10), address_plus("192.0.2.0", i), 80);
		struct sticky_key single = key_by(KEY_DESTINATION, address_of("10.0.0.3"), address_plus("198.51.100.0", i), 80);

		sticky_put(sticky, &pair, 4, 0, 1000, 600);
		sticky_put(sticky, &single, 4, 0, 1000, 600);
	}
	sticky_each(sticky, &hash_key, 1000, count_listed, &count);
	assert_int_equal(count, 200);
	count = 0;
	sticky_each(sticky, &hash_key, 1000, stop_at_once, &count);
	assert_int_equal(count, 1);
	assert_true(network_parse("10.0.0.3", &network));
	assert_int_equal(sticky_forget(sticky, &hash_key, &network, 1000), 10); /* keys by destination are nobody's */
	assert_int_equal(sticky_forget(sticky, &hash_key, &network, 1000), 0);
	assert_true(network_parse("10.0.0.0/29", &network));
	assert_int_equal(sticky_forget(sticky, &hash_key, &network, 1000), 70);
	assert_true(network_parse("198.51.100.0/31", &network));
	assert_int_equal(sticky_forget(sticky, &hash_key, &network, 1000), 2);
	assert_int_equal(sticky_count(sticky, 1000), 118);
	sticky_free(sticky);
}

static void survives_a_restart_with_the_time_that_was_left(void **state)
{
	struct sticky *before = sticky_new(1024), *after = sticky_new(256);
	size_t size;
	void *bytes;

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		struct sticky_key key = mixed_key(i);

		sticky_put(before, &key, 5, 0, 1000, i < 20 ? 100 : 10);
	}
	bytes = sticky_export(before, &hash_key, 1050, &size);
	assert_non_null(bytes);
	assert_true(sticky_import(after, &hash_key, bytes, size, 3));
	for (uint32_t i = 0; i < 40; i++) {
		struct sticky_key key = mixed_key(i);

		assert_int_equal(sticky_get(after, &key, 3 + 49), i < 20 ? 5 : 0);
		assert_int_equal(sticky_get(after, &key, 3 + 50), 0);
	}
	free(bytes);
	sticky_free(before);
	sticky_free(after);
}

static void refuses_bytes_that_are_not_its_own(void **state)
{
	static const uint64_t older[] = { 0x75706c696e6b7331, 0x1234567800000001, 0x0000000500000064 };
	struct sticky *sticky = sticky_new(64);
	struct sticky_key key = source_key(1);
	uint8_t noise[64], *bytes;
	size_t size;

	(void)state;
	memset(noise, 0xaa, sizeof(noise));
	assert_false(sticky_import(sticky, &hash_key, noise, sizeof(noise), 0));
	assert_false(sticky_import(sticky, &hash_key, noise, 3, 0));
	assert_false(sticky_import(sticky, &hash_key, older, sizeof(older), 0));
	assert_int_equal(sticky_count(sticky, 0), 0);
	/* What no key has is passed over, and so is half a record. */
	sticky_put(sticky, &key, 5, 0, 0, 100);
	bytes = sticky_export(sticky, &hash_key, 0, &size);
	assert_int_equal(sticky_forget(sticky, &hash_key, &(struct network){ key.from, 32 }, 0), 1);
	assert_true(sticky_import(sticky, &hash_key, bytes, size - 1, 0));
	memset(bytes + 8 + 40, 0xff, 8);
	assert_true(sticky_import(sticky, &hash_key, bytes, size, 0));
	assert_int_equal(sticky_count(sticky, 0), 0);
	free(bytes);
	sticky_free(sticky);
}

static void pending_answers_the_same_within_a_generation(void **state)
{
	struct pending *pending = pending_new();
	uint32_t mark = 0;

	(void)state;
	assert_false(pending_find(pending, SPREAD, 1, 1000, &mark));
	pending_add(pending, SPREAD, 1, 1000, 42);
	assert_true(pending_find(pending, SPREAD, 1, 1000 + PENDING_MS, &mark));
	assert_int_equal(mark, 42);
	assert_false(pending_find(pending, SPREAD, 2, 1000, &mark));
	assert_false(pending_find(pending, SPREAD, 1, 1001 + PENDING_MS, &mark));
	pending_free(pending);
}

static void pending_tells_flows_apart(void **state)
{
	struct hash_key key = { { 1, 2 } };
	struct flow flow = { .family = IPV4, .protocol = 17, .from_port = 1000, .to_port = 53, .device = 2 };
	uint64_t hash = pending_hash(&key, &flow);

	(void)state;
	assert_true(pending_hash(&key, &flow) == hash);
	flow.from_port++;
	assert_true(pending_hash(&key, &flow) != hash);
	flow.from_port--;
	flow.device = 3;
	assert_true(pending_hash(&key, &flow) != hash);
	flow.device = 2;
	flow.family = IPV6;
	assert_true(pending_hash(&key, &flow) != hash);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_until_the_end),
		cmocka_unit_test(who_comes_second_takes_what_the_first_has_put),
		cmocka_unit_test(shared_keys_are_not_shortened),
		cmocka_unit_test(keys_are_made_of_what_they_say),
		cmocka_unit_test(sites_are_networks_of_64_bits),
		cmocka_unit_test(the_soonest_to_end_gives_way),
		cmocka_unit_test(who_has_most_gives_way),
		cmocka_unit_test(lists_and_forgets),
		cmocka_unit_test(survives_a_restart_with_the_time_that_was_left),
		cmocka_unit_test(refuses_bytes_that_are_not_its_own),
		cmocka_unit_test(pending_answers_the_same_within_a_generation),
		cmocka_unit_test(pending_tells_flows_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
