/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of replay.h: shares, loads, limits, outages, times, and what differs from the record. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "core/decide.h"
#include "core/replay.h"

#define EPOCH 1763735000.0

static const char gateway[] =
	"version: 1\n"
	"zones:\n"
	"  lan: { devices: [lan0] }\n"
	"  servers: { networks: [10.9.0.0/24] }\n"
	"links:\n"
	"  fiber: { device: wan1, gateway: 192.0.2.1, bandwidth: { download: 8 mbit, upload: 8 mbit }, weight: 3 }\n"
	"  lte: { device: wwan0, gateway: auto, bandwidth: { download: 4 mbit, upload: 1 mbit }, weight: 1 }\n"
	"policies:\n"
	"  - { name: ssh-in, match: { from: fiber, to: router, protocol: tcp, to-port: 22 } }\n"
	"  - { name: nosmtp, match: { protocol: tcp, to-port: 25 }, action: reject }\n"
	"  - { name: noon, match: { protocol: tcp, to-port: 99, time: { hours: \"12:00-13:00\" } }, action: drop }\n"
	"  - { name: few, match: { protocol: tcp, to-port: 81 }, limits: { connections: 2, per: source }, balance: { links: lte } }\n"
	"  - { name: slow, match: { protocol: tcp, to-port: 82 }, limits: { new-connections: 1/s, burst: 3, per: source }, balance: { links: lte } }\n"
	"  - { name: narrow, match: { protocol: tcp, to-port: 83 }, limits: { bandwidth: 1 mbit, per: all }, balance: { links: lte } }\n"
	"  - { name: heavy, match: { protocol: tcp, to-port: 84 }, balance: { links: fiber } }\n"
	"  - { name: overflow, match: { protocol: tcp, to-port: 85 }, balance: { algorithm: spillover, links: [fiber, lte] } }\n"
	"  - { name: fewest, match: { protocol: tcp, to-port: 86 }, balance: { algorithm: least-connections } }\n"
	"  - { name: rest, match: { to: internet } }\n";

struct past {
	struct config *config;
	struct replay *replay;
};

static struct past open_past(void)
{
	struct config_errors errors;
	struct past past;

	config_parse("test.yaml", gateway, strlen(gateway), &past.config, &errors);
	config_errors_print(stderr, &errors, 0);
	config_errors_free(&errors);
	assert_non_null(past.config);
	past.replay = replay_new(past.config, 1, 5);
	assert_non_null(past.replay);
	return past;
}

static void close_past(struct past *past)
{
	replay_free(past->replay);
	config_free(past->config);
}

static struct replay_connection connection(double start, const char *from, uint16_t port)
{
	struct replay_connection made = { .start = EPOCH + start, .duration = 1, .in = "lan0" };

	made.flow = (struct flow){ .family = IPV4, .protocol = 6, .ports = true, .from_port = 40000, .to_port = port };
	assert_true(address_parse(from, &made.flow.from));
	assert_true(address_parse("198.51.100.7", &made.flow.to));
	return made;
}

static struct replay_outcome add(struct past *past, const struct replay_connection *made)
{
	struct replay_outcome outcome;

	assert_int_equal(replay_add(past->replay, made, &outcome), 0);
	return outcome;
}

static void decides(const struct past *past, const struct replay_outcome *outcome, enum fate fate, const char *policy,
	const char *link)
{
	assert_int_equal(outcome->fate, fate);
	if (policy == NULL)
		assert_true(outcome->policy == NO_POLICY);
	else
		assert_string_equal(past->config->policies[outcome->policy].name, policy);
	if (link != NULL)
		assert_string_equal(past->config->links[outcome->link].name, link);
}

static void shares_follow_weights(void **state)
{
	struct past past = open_past();
	const struct replay_policy *rest = &replay_policies(past.replay)[9];

	(void)state;
	for (int i = 0; i < 400; i++) {
		struct replay_connection made = connection(i, "10.0.0.5", 443);

		made.bytes[DOWNLOAD] = 1000;
		add(&past, &made);
	}
	assert_int_equal(replay_finish(past.replay), 0);
	assert_int_equal(replay_links(past.replay)[0].connections, 300);
	assert_int_equal(replay_links(past.replay)[1].connections, 100);
	assert_int_equal(rest->connections, 400);
	assert_int_equal(rest->link_connections[1], 100);
	assert_int_equal(rest->link_bytes[0], 300000);
	assert_int_equal(replay_links(past.replay)[0].moved[DOWNLOAD], 300000);
	assert_int_equal(replay_links(past.replay)[0].peak_bps[DOWNLOAD], 8000);
	assert_int_equal(rest->peak_bps[DOWNLOAD], 8000);
	assert_true(replay_totals(past.replay)->first == EPOCH && replay_totals(past.replay)->last == EPOCH + 400);
	assert_int_equal(replay_totals(past.replay)->live, 0);
	close_past(&past);
}

/* 4 MB in 2 s is 16 mbit: over 8 mbit it takes 4 s. Two of them take 8 s each. */
static void bytes_take_their_time(void **state)
{
	struct past past = open_past();
	struct replay_connection big = connection(0, "10.0.0.5", 84), last = connection(20, "10.0.0.5", 84);
	const struct replay_link *fiber = &replay_links(past.replay)[0];
	const struct loads *loads = replay_loads(past.replay);

	(void)state;
	big.duration = 2;
	big.bytes[DOWNLOAD] = 4000000;
	add(&past, &big);
	add(&past, &big);
	assert_int_equal(loads_of(loads, 1)->connections, 2);
	big.start += 6;
	add(&past, &big);
	assert_int_equal(loads_of(loads, 1)->connections, 3);
	assert_int_equal(loads_of(loads, 1)->rate_bps[DOWNLOAD], 8000000);
	assert_int_equal(loads_of(loads, 1)->capacity_bps[DOWNLOAD], 8000000);
	add(&past, &last);
	assert_int_equal(loads_of(loads, 1)->rate_bps[DOWNLOAD], 0);
	assert_int_equal(loads_of(loads, 1)->connections, 1);
	assert_int_equal(replay_finish(past.replay), 0);
	assert_int_equal(fiber->busy_s[DOWNLOAD], 12);
	assert_int_equal(fiber->busy_s[UPLOAD], 0);
	assert_int_equal(fiber->most, 3);
	assert_int_equal(fiber->peak_bps[DOWNLOAD], 8000000);
	assert_int_equal(fiber->moved[DOWNLOAD], 12000000);
	/* Recorded 2 + 2 + 2 + 1 s. The first two have 1 MB each left at 6 s, and end at 9 s; the third has 1 then, ends at 12 s. */
	assert_true(fabs(fiber->recorded_s - 7) < 1e-6);
	assert_true(fabs(fiber->taken_s - (9 + 9 + 6 + 1)) < 1e-6);
	close_past(&past);
}

static void bytes_left_over_are_told(void **state)
{
	struct past past = open_past();
	struct replay_connection big = connection(0, "10.0.0.5", 84);

	(void)state;
	big.bytes[UPLOAD] = 8000000;
	add(&past, &big);
	assert_int_equal(replay_finish(past.replay), 0);
	assert_int_equal(replay_totals(past.replay)->live, 1);
	assert_int_equal(replay_links(past.replay)[0].moved[UPLOAD], 1000000);
	assert_int_equal(replay_links(past.replay)[0].bytes[UPLOAD], 8000000);
	close_past(&past);
}

/* Full links are passed by, and taken again when there has been room for ten seconds: as the daemon would see it. */
static void full_links_spill_over(void **state)
{
	struct past past = open_past();
	int first = -1, last = -1;

	(void)state;
	for (int i = 0; i < 60; i++) {
		struct replay_connection made = connection(i + 0.5, "10.0.0.5", i < 10 ? 84 : 85);
		struct replay_outcome outcome;

		made.bytes[DOWNLOAD] = i < 10 ? 970000 : 100;
		if (i == 2)
			assert_int_equal(loads_of(replay_loads(past.replay), 1)->full, false);
		outcome = add(&past, &made);
		if (i >= 10 && outcome.link == 1) {
			first = first < 0 ? i : first;
			last = i;
		}
	}
	assert_int_equal(first, 10);
	assert_in_range(last, 15, 24);
	close_past(&past);
}

/* Connections that last are counted until they end: links get them by weight, whatever the order. */
static void living_connections_count(void **state)
{
	struct past past = open_past();

	(void)state;
	for (int i = 0; i < 400; i++) {
		struct replay_connection made = connection(i / 100.0, "10.0.0.5", 86);

		made.duration = 1000;
		add(&past, &made);
	}
	assert_int_equal(loads_of(replay_loads(past.replay), 1)->connections, 300);
	assert_int_equal(loads_of(replay_loads(past.replay), 2)->connections, 100);
	close_past(&past);
}

static void refusals(void **state)
{
	struct past past = open_past();
	struct replay_connection made = connection(0, "10.0.0.5", 25);
	struct replay_outcome outcome = add(&past, &made);

	(void)state;
	decides(&past, &outcome, FATE_REJECTED, "nosmtp", NULL);
	made = connection(1, "10.0.0.5", 99);
	made.minute = 11 * 60 + 59;
	outcome = add(&past, &made);
	decides(&past, &outcome, FATE_LINK, "rest", NULL);
	made.minute++;
	outcome = add(&past, &made);
	decides(&past, &outcome, FATE_DROPPED, "noon", NULL);
	made.minute += 60;
	outcome = add(&past, &made);
	decides(&past, &outcome, FATE_LINK, "rest", NULL);
	assert_int_equal(replay_finish(past.replay), 0);
	assert_int_equal(replay_totals(past.replay)->fates[FATE_REJECTED], 1);
	assert_int_equal(replay_totals(past.replay)->fates[FATE_LINK], 2);
	close_past(&past);
}

static void limit_of_connections(void **state)
{
	struct past past = open_past();
	struct replay_connection made = connection(0, "10.0.0.5", 81), other = connection(0.5, "10.0.0.6", 81);
	struct replay_outcome outcome;

	(void)state;
	for (int i = 0; i < 4; i++) {
		outcome = add(&past, &made);
		assert_int_equal(outcome.fate, i < 2 ? FATE_LINK : FATE_CONNECTIONS);
	}
	outcome = add(&past, &other);
	assert_int_equal(outcome.fate, FATE_LINK);
	made.start += 1.001;
	outcome = add(&past, &made);
	assert_int_equal(outcome.fate, FATE_LINK);
	assert_int_equal(replay_policies(past.replay)[3].fates[FATE_CONNECTIONS], 2);
	close_past(&past);
}

static void limit_of_new_connections(void **state)
{
	struct past past = open_past();
	unsigned int let_in = 0;

	(void)state;
	/* Ten in each of ten seconds: three at once, and one a second. */
	for (int i = 0; i < 100; i++) {
		struct replay_connection made = connection(i / 10.0, "10.0.0.5", 82);

		let_in += add(&past, &made).fate == FATE_LINK;
	}
	assert_int_equal(let_in, 12);
	assert_int_equal(replay_policies(past.replay)[4].fates[FATE_RATE], 88);
	close_past(&past);
}

static void limit_of_bandwidth(void **state)
{
	struct past past = open_past();
	struct replay_connection made = connection(0, "10.0.0.5", 83);

	(void)state;
	made.bytes[DOWNLOAD] = 50000;
	made.bytes[UPLOAD] = 10000;
	for (int i = 0; i < 5; i++)
		add(&past, &made);
	assert_int_equal(replay_policies(past.replay)[5].over_bandwidth, 3);
	made.start += 5;
	add(&past, &made);
	assert_int_equal(replay_policies(past.replay)[5].over_bandwidth, 3);
	close_past(&past);
}

static void links_go_down_and_up(void **state)
{
	struct past past = open_past();

	(void)state;
	assert_int_equal(replay_outage(past.replay, 0, 100, 200), 0);
	for (int i = 0; i < 400; i++) {
		struct replay_connection made = connection(i, "10.0.0.5", 443);
		struct replay_outcome outcome;

		made.duration = 10;
		made.bytes[DOWNLOAD] = 1000;
		outcome = add(&past, &made);
		if (i >= 100 && i < 200)
			decides(&past, &outcome, FATE_LINK, "rest", "lte");
	}
	assert_int_equal(replay_finish(past.replay), 0);
	assert_int_equal(replay_links(past.replay)[0].connections, 225);
	/* Of the ten that lived when it went, three in four were on it: seven or eight. */
	assert_in_range(replay_links(past.replay)[0].cut, 7, 8);
	assert_int_equal(replay_links(past.replay)[1].cut, 0);
	close_past(&past);
}

static void what_differs_is_told(void **state)
{
	struct past past = open_past();
	struct replay_connection made = connection(0, "10.0.0.5", 84);
	const struct replay_example *examples;
	size_t count;

	(void)state;
	add(&past, &made);
	made.known = true;
	made.link = "fiber";
	made.policy = "heavy";
	add(&past, &made);
	made.link = "lte";
	add(&past, &made);
	made.policy = "long-gone";
	add(&past, &made);
	made.flow.to_port = 25;
	add(&past, &made);
	for (int i = 0; i < 10; i++)
		add(&past, &made);
	examples = replay_examples(past.replay, &count);
	assert_int_equal(count, 5);
	assert_string_equal(examples[0].connection.link, "lte");
	assert_int_equal(examples[0].outcome.link, 0);
	assert_int_equal(replay_totals(past.replay)->connections, 15);
	assert_int_equal(replay_totals(past.replay)->known, 14);
	assert_int_equal(replay_totals(past.replay)->changed, 13);
	assert_int_equal(replay_totals(past.replay)->other_link, 2);
	assert_int_equal(replay_totals(past.replay)->other_policy, 12);
	assert_int_equal(replay_totals(past.replay)->refused, 11);
	assert_int_equal(replay_links(past.replay)[0].then, 1);
	assert_int_equal(replay_links(past.replay)[1].then, 13);
	assert_int_equal(replay_policies(past.replay)[6].then, 2);
	close_past(&past);
}

static void who_begins_is_found(void **state)
{
	struct past past = open_past();
	struct replay_connection made = connection(0, "203.0.113.9", 22);
	struct replay_outcome outcome;

	(void)state;
	made.in = "wan1";
	outcome = add(&past, &made);
	decides(&past, &outcome, FATE_LINK, "ssh-in", "fiber");
	made.flow.to_port = 443;
	outcome = add(&past, &made);
	decides(&past, &outcome, FATE_LINK, NULL, "fiber");
	made = connection(0, "10.0.0.5", 443);
	assert_true(address_parse("10.9.0.7", &made.flow.to));
	outcome = add(&past, &made);
	decides(&past, &outcome, FATE_DIRECT, NULL, NULL);
	made = connection(0, "192.168.7.7", 443);
	made.in = NULL;
	outcome = add(&past, &made);
	decides(&past, &outcome, FATE_LINK, "rest", NULL);
	close_past(&past);
}

static void the_same_seed_gives_the_same(void **state)
{
	struct past one = open_past(), other = open_past();

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct replay_connection made = connection(rand() % 100, "10.0.0.5", (uint16_t)(80 + rand() % 6));

		made.duration = rand() % 50;
		made.bytes[DOWNLOAD] = (uint64_t)(rand() % 1000000);
		assert_int_equal(add(&one, &made).link, add(&other, &made).link);
	}
	replay_finish(one.replay);
	replay_finish(other.replay);
	assert_memory_equal(replay_links(one.replay), replay_links(other.replay), 2 * sizeof(struct replay_link));
	assert_true(replay_totals(one.replay)->connections == 2000 && replay_totals(one.replay)->live > 0);
	close_past(&one);
	close_past(&other);
}

/* A year without anything is not a year of seconds to look at; and no clock that went back, no number that is none, harms. */
static void strange_times(void **state)
{
	static const double starts[] = { 0, 3e7, 3e9, -EPOCH, 5, 6e9 };
	static const double durations[] = { 1, -5, 0, 1e300, 10 };
	struct past past = open_past();

	(void)state;
	for (size_t i = 0; i < 30; i++) {
		struct replay_connection made = connection(starts[i % 6], "10.0.0.5", 443);

		made.duration = durations[i % 5];
		made.bytes[DOWNLOAD] = i == 7 ? UINT64_MAX : 1000;
		add(&past, &made);
	}
	assert_int_equal(replay_finish(past.replay), 0);
	assert_int_equal(replay_totals(past.replay)->connections, 30);
	close_past(&past);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_follow_weights),
		cmocka_unit_test(bytes_take_their_time),
		cmocka_unit_test(bytes_left_over_are_told),
		cmocka_unit_test(full_links_spill_over),
		cmocka_unit_test(living_connections_count),
		cmocka_unit_test(refusals),
		cmocka_unit_test(limit_of_connections),
		cmocka_unit_test(limit_of_new_connections),
		cmocka_unit_test(limit_of_bandwidth),
		cmocka_unit_test(links_go_down_and_up),
		cmocka_unit_test(what_differs_is_told),
		cmocka_unit_test(who_begins_is_found),
		cmocka_unit_test(the_same_seed_gives_the_same),
		cmocka_unit_test(strange_times),
	};

	srand(4);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
