/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of paths.h: what is learnt of destinations, left, forgotten, told and kept. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "paths_fixture.h"

static void knows_networks(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);

	(void)state;
	answered(paths, "198.51.100.7", FIBER, 20000, START);
	answered(paths, "2001:db8:1:2::9", CABLE, 30000, START);
	assert_true(known(paths, "198.51.100.250", START));
	assert_false(known(paths, "198.51.101.7", START));
	assert_true(known(paths, "2001:db8:1:ffff::1", START));
	assert_false(known(paths, "2001:db8:2::9", START));
	assert_int_equal(path_of(paths, "198.51.100.1", FIBER, START).us, 20000);
	assert_int_equal(path_of(paths, "198.51.100.1", CABLE, START).us, 0);
	assert_int_equal(path_of(paths, "2001:db8:1::", CABLE, START + 7000).age_s, 7);
	assert_int_equal(paths_count_known(paths, START), 2);
	assert_true(known(paths, "198.51.100.7", START + 3600 * 1000));
	assert_false(known(paths, "198.51.100.7", START + 3602 * 1000));
	assert_int_equal(paths_count_known(paths, START + 3602 * 1000), 0);
	paths_free(paths);
}

static void passes_over_what_tells_nothing(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);
	struct handshake handshake;

	(void)state;
	handshake = answer("192.0.2.1", FIBER, 20000, START);
	handshake.protocol = 17;
	handshake.to_port = 53;
	paths_sample(paths, &handshake, NULL);
	handshake = answer("192.0.2.1", 0, 20000, START);
	paths_sample(paths, &handshake, NULL);
	handshake = answer("192.0.2.1", MARK_LINK_MAX + 1, 20000, START);
	paths_sample(paths, &handshake, NULL);
	handshake = answer("192.0.2.1", FIBER, 10000001, START);
	paths_sample(paths, &handshake, NULL);
	assert_int_equal(paths_count_known(paths, START), 0);
	handshake = answer("192.0.2.1", FIBER, 20000, START);
	handshake.protocol = 17;
	paths_sample(paths, &handshake, NULL);
	assert_int_equal(paths_count_known(paths, START), 1);
	paths_free(paths);
}

/* A burst is a mean, what is long ago hardly counts. */
static void the_last_counts_most(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);

	(void)state;
	answered(paths, "192.0.2.1", FIBER, 20000, START);
	answered(paths, "192.0.2.1", FIBER, 36000, START);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, START).us, 22000);
	answered(paths, "192.0.2.1", FIBER, 100000, START + 95000);
	assert_in_range(path_of(paths, "192.0.2.1", FIBER, START + 95000).us, 95000, 97000);
	paths_free(paths);
}

/* It was answered, but its SYN had been repeated, or it was refused. */
static void an_answer_may_have_no_time(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);

	(void)state;
	failed(paths, "192.0.2.1", FIBER, START);
	failed(paths, "192.0.2.1", FIBER, START);
	answered(paths, "192.0.2.1", FIBER, 0, START);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, START).failures, 0);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, START).us, 0);
	answered(paths, "192.0.2.1", FIBER, 20000, START);
	answered(paths, "192.0.2.1", FIBER, 0, START + 10000);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, START + 10000).us, 20000);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, START + 10000).age_s, 10);
	paths_free(paths);
}

static void congestion_is_not_the_destination(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);
	struct loads *loads = loads_new();
	struct handshake handshake = answer("192.0.2.1", FIBER, 20000, START);

	(void)state;
	loads->links[FIBER].congested = true;
	paths_sample(paths, &handshake, loads);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, START).us, 20000);
	handshake = answer("192.0.2.1", FIBER, 400000, START + 10000);
	paths_sample(paths, &handshake, loads);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, START + 10000).us, 20000);
	loads->links[FIBER].congested = false;
	paths_sample(paths, &handshake, loads);
	assert_true(path_of(paths, "192.0.2.1", FIBER, START + 10000).us > 200000);
	free(loads);
	paths_free(paths);
}

static void three_failures_exclude_for_longer_each_time(void **state)
{
	static const unsigned int lengths[] = { 30, 60, 120, 240, 480, 600, 600 };
	struct paths *paths = paths_new(64, &paths_key);
	uint64_t now_ms = START;

	(void)state;
	failed(paths, "192.0.2.1", FIBER, now_ms);
	failed(paths, "192.0.2.1", FIBER, now_ms + 1000);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, now_ms).excluded_s, 0);
	now_ms += 2000;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		failed(paths, "192.0.2.1", FIBER, now_ms);
		assert_int_equal(path_of(paths, "192.0.2.1", FIBER, now_ms).excluded_s, lengths[i]);
		/* What was on its way meanwhile makes it no longer. */
		failed(paths, "192.0.2.1", FIBER, now_ms + 500);
		assert_int_equal(path_of(paths, "192.0.2.1", FIBER, now_ms).excluded_s, lengths[i]);
		now_ms += lengths[i] * 1000;
		assert_int_equal(path_of(paths, "192.0.2.1", FIBER, now_ms).excluded_s, 0);
		assert_true(path_of(paths, "192.0.2.1", FIBER, now_ms).doubtful);
	}
	answered(paths, "192.0.2.1", FIBER, 20000, now_ms);
	assert_false(path_of(paths, "192.0.2.1", FIBER, now_ms).doubtful);
	failed(paths, "192.0.2.1", FIBER, now_ms);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, now_ms).failures, 1);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, now_ms).excluded_s, 0);
	paths_free(paths);
}

static void failures_far_apart_are_no_row(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		failed(paths, "192.0.2.1", FIBER, START + i * 601000);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, START + 9 * 601000).failures, 1);
	failed(paths, "192.0.2.1", CABLE, START);
	failed(paths, "192.0.2.1", CABLE, START);
	answered(paths, "192.0.2.1", CABLE, 20000, START);
	failed(paths, "192.0.2.1", CABLE, START);
	assert_int_equal(path_of(paths, "192.0.2.1", CABLE, START).excluded_s, 0);
	paths_free(paths);
}

static void nine_links_share_eight_places(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);

	(void)state;
	for (uint8_t link = 1; link <= 9; link++)
		answered(paths, "192.0.2.1", link, 10000u * link, START + 1000u * link);
	assert_int_equal(path_of(paths, "192.0.2.1", 1, START + 9000).us, 0);
	for (uint8_t link = 2; link <= 9; link++)
		assert_int_equal(path_of(paths, "192.0.2.1", link, START + 9000).us, 10000 * link);
	paths_free(paths);
}

static void a_link_that_went_is_forgotten(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);

	(void)state;
	answered(paths, "192.0.2.1", FIBER, 20000, START);
	answered(paths, "192.0.2.1", CABLE, 40000, START);
	paths_forget_link(paths, FIBER);
	assert_int_equal(path_of(paths, "192.0.2.1", FIBER, START).us, 0);
	assert_int_equal(path_of(paths, "192.0.2.1", CABLE, START).us, 40000);
	assert_true(path_of(paths, "192.0.2.1", CABLE, START).current);
	paths_free(paths);
}

/* After a restart links have other numbers, one is gone, and 100 s have passed; the new clock has just begun. */
static void survives_a_restart(void **state)
{
	static const char *const others[MARK_LINK_MAX + 1] = { [7] = "fiber", [FIBER] = "cable" };
	struct paths *before = paths_new(256, &paths_key), *after = paths_new(64, &paths_key);
	struct path path;
	size_t size;
	void *bytes;

	(void)state;
	answered(before, "192.0.2.1", FIBER, 20000, START);
	answered(before, "192.0.2.1", CABLE, 40000, START + 5000);
	answered(before, "192.0.2.1", LTE, 10000, START + 5000);
	for (int i = 0; i < 4; i++)
		failed(before, "2001:db8::1", CABLE, START + 590000);
	answered(before, "198.51.100.1", FIBER, 20000, START - 3550000);
	bytes = paths_export(before, START + 600000, 1700000000, link_names, &size);
	assert_true(paths_import(after, bytes, size, 3000, 1700000100, others));
	path = path_of(after, "192.0.2.1", 7, 3000);
	assert_int_equal(path.us, 20000);
	assert_int_equal(path.age_s, 700);
	assert_true(path.current);
	path = path_of(after, "192.0.2.1", FIBER, 3000);
	assert_int_equal(path.us, 40000);
	assert_int_equal(path.age_s, 695);
	assert_int_equal(path_of(after, "192.0.2.1", LTE, 3000).us, 0);
	path = path_of(after, "2001:db8::1", FIBER, 3000);
	assert_int_equal(path.failures, 3);
	assert_int_equal(path.excluded_s, 0);
	assert_true(path.doubtful);
	assert_false(known(after, "198.51.100.1", 3000));
	assert_int_equal(paths_count_known(after, 3000), 2);
	free(bytes);
	paths_free(before);
	paths_free(after);
}

static void refuses_bytes_that_are_not_its_own(void **state)
{
	struct paths *paths = paths_new(64, &paths_key), *other = paths_new(64, &paths_key);
	unsigned char noise[400];
	size_t size;
	uint8_t *bytes;

	(void)state;
	memset(noise, 0xa5, sizeof(noise));
	assert_false(paths_import(paths, noise, sizeof(noise), START, 0, link_names));
	assert_false(paths_import(paths, noise, 3, START, 0, link_names));
	assert_int_equal(paths_count_known(paths, START), 0);
	for (int i = 0; i < 3; i++)
		answered(other, "192.0.2.1", LTE, 10000, START);
	bytes = paths_export(other, START, 0, link_names, &size);
	/* Cut off anywhere, and with each byte spoilt: no more than nonsense comes of it. */
	for (size_t i = 0; i < size; i++) {
		uint8_t *part = malloc(i + 1);

		memcpy(part, bytes, i);
		assert_false(paths_import(paths, part, i, START, 0, link_names));
		free(part);
		bytes[i] ^= 0xff;
		paths_import(paths, bytes, size, START, 0, link_names);
		bytes[i] ^= 0xff;
	}
	assert_true(paths_import(paths, bytes, size, START, 0, link_names));
	free(bytes);
	paths_free(paths);
	paths_free(other);
}

static void remember(const struct destination_facts *facts, void *data)
{
	struct destination_facts *kept = data;

	*kept = *facts;
}

static void tells_what_it_knows(void **state)
{
	struct paths *paths = paths_new(64, &paths_key);
	struct destination_facts facts = { 0 };
	char text[ADDRESS_TEXT_MAX];

	(void)state;
	answered(paths, "2001:db8:7::1", FIBER, 20000, START);
	answered(paths, "2001:db8:7::1", CABLE, 5000, START + 4000);
	paths_each(paths, START + 10000, remember, &facts);
	assert_string_equal(network_format(&facts.network, text, sizeof(text)), "2001:db8:7::/48");
	assert_int_equal(facts.port, 443);
	assert_true(facts.popularity > 1.9 && facts.popularity <= 2);
	assert_int_equal(facts.current, CABLE);
	assert_int_equal(facts.current_for_s, 6);
	assert_int_equal(facts.link_count, 2);
	assert_int_equal(facts.links[0].link, FIBER);
	assert_int_equal(facts.links[0].path.age_s, 10);
	assert_int_equal(facts.links[1].path.us, 5000);
	paths_free(paths);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_networks),
		cmocka_unit_test(passes_over_what_tells_nothing),
		cmocka_unit_test(the_last_counts_most),
		cmocka_unit_test(an_answer_may_have_no_time),
		cmocka_unit_test(congestion_is_not_the_destination),
		cmocka_unit_test(three_failures_exclude_for_longer_each_time),
		cmocka_unit_test(failures_far_apart_are_no_row),
		cmocka_unit_test(nine_links_share_eight_places),
		cmocka_unit_test(a_link_that_went_is_forgotten),
		cmocka_unit_test(survives_a_restart),
		cmocka_unit_test(refuses_bytes_that_are_not_its_own),
		cmocka_unit_test(tells_what_it_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
