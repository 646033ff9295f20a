/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves with real packets what statements do: masked copies of marks, shares, resets, queues, routes. */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "kernel/ruleset.h"
#include "../../unit/sample_ruleset.h"
#include "ruleset_lab.h"

#define PORT 7001

/* A table of one base chain, and regular chains that it goes to. */
static void apply(struct lab *lab, struct chain *chains, size_t count)
{
	struct ruleset ruleset = { .table = SAMPLE_TABLE, .chains = chains, .chain_count = count,
		.counters = SAMPLE_NAMES("first", "second", "third", "fourth") };
	char message[512] = "";

	if (ruleset_apply(lab->netlink, &ruleset, &lab->features, message, sizeof(message)) < 0)
		fail_msg("%s", message);
}

static void apply_rules(struct lab *lab, enum chain_hook hook, struct ruleset_rule *rules, size_t count)
{
	struct chain chain = { .name = "base", .kind = CHAIN_FILTER, .hook = hook, .priority = -150,
		.rules = rules, .count = count };

	apply(lab, &chain, 1);
}

/*
 * Another table gives the connection a mark before ours copies, and counts after it where both marks
 * are what they must be.
 */
static void assert_marks(struct lab *lab, uint32_t mark, uint32_t connection_mark, uint32_t expected_mark,
	uint32_t expected_connection_mark)
{
	lab_run("nft 'table inet other { counter right { }; "
		"chain before { type filter hook output priority -160; udp dport %d ct mark set 0x%" PRIx32 "; }; "
		"chain after { type filter hook output priority -140; udp dport %d meta mark 0x%" PRIx32
		" ct mark 0x%" PRIx32 " counter name right; }; }'",
		PORT, connection_mark, PORT, expected_mark, expected_connection_mark);
	lab_send("127.0.0.1", "127.0.0.1", PORT, mark, 1);
	if (lab_counted_in(lab, "other", "right") != 1)
		fail_msg("mark %08" PRIx32 ", connection mark %08" PRIx32 " did not become %08" PRIx32 ", %08" PRIx32,
			mark, connection_mark, expected_mark, expected_connection_mark);
	lab_run("nft delete table inet other");
}

static uint32_t random_mark(void)
{
	return (uint32_t)random() << 16 ^ (uint32_t)random();
}

/* Masks as the daemon has them at every shift, with bits on one side or both, in several runs, and all. */
static const uint32_t masks[] = {
	0x00ffffff, 0x01fffffe, 0x0ffffff0, 0x7fffff80, 0xffffff00, 0x0000003f, 0x80000000, 0x00000001,
	0x80000001, 0x00f00f00, 0xfffffffe, 0xffffffff,
};

static void copies_marks(struct lab *lab, enum statement_kind kind)
{
	for (size_t i = 0; i < SAMPLE_COUNT(masks); i++) {
		uint32_t mark = random_mark(), connection_mark = random_mark(), mask = masks[i];
		struct ruleset_rule rules[] = { SAMPLE_RULE("copy", { .kind = kind, .mask = mask }) };

		apply_rules(lab, HOOK_OUTPUT, rules, 1);
		if (kind == RESTORE_MARK)
			assert_marks(lab, mark, connection_mark, (mark & ~mask) | (connection_mark & mask),
				connection_mark);
		else
			assert_marks(lab, mark, connection_mark, mark,
				(connection_mark & ~mask) | (mark & mask));
	}
}

static void restoring_keeps_foreign_bits(void **state)
{
	copies_marks(*state, RESTORE_MARK);
}

static void saving_keeps_foreign_bits(void **state)
{
	copies_marks(*state, SAVE_MARK);
}

static void setting_keeps_foreign_bits(void **state)
{
	for (size_t i = 0; i < SAMPLE_COUNT(masks); i++) {
		uint32_t mark = random_mark(), value = random_mark(), mask = masks[i];
		struct ruleset_rule rules[] = { SAMPLE_RULE("set", { .kind = SET_MARK, .mask = mask, .value = value }) };

		apply_rules(*state, HOOK_OUTPUT, rules, 1);
		assert_marks(*state, mark, 0x12345678, (mark & ~mask) | (value & mask), 0x12345678);
	}
}

#define COUNTING_CHAIN(name_)                                                                      \
	{                                                                                          \
		.name = (name_), .count = 1,                                                       \
		.rules = (struct ruleset_rule[]){ SAMPLE_RULE("count", { .kind = COUNT_NAMED, .name = (name_) }) } \
	}

/* UDP of IPv4 from here goes where the spread says. */
static void apply_spread(struct lab *lab, enum spread_by by)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("spread", SAMPLE_FOUR, { .kind = MATCH_PROTOCOL, .values = SAMPLE_VALUES(IPPROTO_UDP) },
			{ .kind = SPREAD, .family = IPV4, .spread = SAMPLE_SPREAD(by) }),
	};
	struct chain chains[] = {
		{ .name = "base", .kind = CHAIN_FILTER, .hook = HOOK_OUTPUT, .rules = rules, .count = 1 },
		COUNTING_CHAIN("first"),
		COUNTING_CHAIN("second"),
	};

	apply(lab, chains, SAMPLE_COUNT(chains));
}

static void in_turn_is_exact(void **state)
{
	apply_spread(*state, SPREAD_IN_TURN);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0, 100);
	assert_int_equal(lab_counted(*state, "first"), 70);
	assert_int_equal(lab_counted(*state, "second"), 30);
}

static void random_spread_is_fair(void **state)
{
	apply_spread(*state, SPREAD_RANDOM);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0, 2000);
	/* 1400 expected, standard deviation 20.5: out by chance once in 10^9. */
	assert_in_range(lab_counted(*state, "first"), 1400 - 125, 1400 + 125);
	assert_int_equal(lab_counted(*state, "first") + lab_counted(*state, "second"), 2000);
}

/* Same addresses, same chain; of many addresses each chain has some. */
static void a_hash_sticks(void **state)
{
	unsigned int before = 0, users = 0;

	apply_spread(*state, SPREAD_BY_SOURCE);
	for (unsigned int i = 1; i <= 40; i++) {
		char source[32];
		unsigned int first;

		snprintf(source, sizeof(source), "127.0.1.%u", i);
		lab_send(source, "127.0.0.1", PORT, 0, 5);
		first = lab_counted(*state, "first");
		assert_int_equal((first - before) % 5, 0);
		users += first != before;
		before = first;
	}
	/* 28 expected; the seed is fixed, so this is the same in every run. */
	assert_in_range(users, 16, 38);
}

static void a_reset_refuses_in_prerouting(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("reset", SAMPLE_TCP, { .kind = MATCH_TO_PORT, .ports = SAMPLE_PORTS({ PORT, PORT }) },
			{ .kind = MATCH_TCP_SYN }, { .kind = REJECT_RESET }),
	};

	apply_rules(*state, HOOK_PREROUTING, rules, 1);
	assert_false(lab_connects(PORT));
	assert_true(lab_connects(PORT + 1));
}

static void a_queue_without_a_listener_lets_pass(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("ask", { .kind = MATCH_PROTOCOL, .values = SAMPLE_VALUES(IPPROTO_UDP) },
			{ .kind = COUNT_NAMED, .name = "first" }, { .kind = QUEUE, .queue = 40000, .queues = 4 }),
	};

	apply_rules(*state, HOOK_PREROUTING, rules, 1);
	assert_true(lab_arrives(PORT));
	assert_int_equal(lab_counted(*state, "first"), 1);
}

static void a_dropped_packet_does_not_arrive(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("drop", SAMPLE_FOUR,
			{ .kind = MATCH_SOURCE, .family = IPV4,
				.networks = SAMPLE_NETWORKS(SAMPLE_IPV4(8, 10), SAMPLE_IPV4(16, 127)) },
			{ .kind = MATCH_PROTOCOL, .values = SAMPLE_VALUES(IPPROTO_UDP) },
			{ .kind = MATCH_TO_PORT, .ports = SAMPLE_PORTS({ 53, 53 }, { PORT, PORT + 2 }) },
			{ .kind = DROP }),
	};

	apply_rules(*state, HOOK_PREROUTING, rules, 1);
	assert_false(lab_arrives(PORT + 2));
	assert_true(lab_arrives(PORT + 3));
}

/*
 * Packets leave by one end of a pair and come in by the other: where would they go on to? The second
 * destination is known to packets with mark 1 only: one question leaves the mark out, the other does not.
 */
static void asks_the_routing_table_with_and_without_mark(void **state)
{
	struct statement out = { .kind = MATCH_ROUTED_OUT, .names = SAMPLE_NAMES("pair0", "other") };
	struct statement not_out = out, count = { .kind = COUNT_NAMED };
	struct statement in = { .kind = MATCH_DEVICE_IN, .names = SAMPLE_NAMES("pair1") };
	struct statement udp = { .kind = MATCH_PROTOCOL, .values = SAMPLE_VALUES(IPPROTO_UDP) };
	struct statement first = count, second = count, third = count, fourth = count;

	not_out.negate = true;
	first.name = "first";
	second.name = "second";
	third.name = "third";
	fourth.name = "fourth";

	struct ruleset_rule rules[] = {
		SAMPLE_RULE("goes out there", in, udp, out, first),
		SAMPLE_RULE("goes elsewhere or nowhere", in, udp, not_out, second),
		SAMPLE_RULE("has a way", in, udp, { .kind = MATCH_ROUTED }, third),
		SAMPLE_RULE("has none", in, udp, { .kind = MATCH_ROUTED, .negate = true }, fourth),
	};

	lab_run("ip link add pair0 type veth peer name pair1 address 02:00:00:00:00:02 && ip link set pair0 up && ip link set pair1 up && "
		"ip addr add 192.0.2.1/24 dev pair0 && "
		"ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev pair0");
	lab_run("ip rule add fwmark 1 lookup 100 && ip route add 203.0.113.0/24 via 192.0.2.2 table 100");
	apply_rules(*state, HOOK_PREROUTING, rules, SAMPLE_COUNT(rules));
	lab_send("192.0.2.1", "192.0.2.2", PORT, 0, 3);
	lab_send("192.0.2.1", "203.0.113.9", PORT, 1, 2);
	assert_int_equal(lab_counted(*state, "first"), 3);
	assert_int_equal(lab_counted(*state, "second"), 2);
	assert_int_equal(lab_counted(*state, "third"), 5);
	assert_int_equal(lab_counted(*state, "fourth"), 0);
	lab_run("ip rule del fwmark 1; ip link del pair0");
}

/* The empty name is that of no device: packets from this machine itself. */
static void knows_its_own_packets(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("own", { .kind = MATCH_DEVICE_IN, .names = SAMPLE_NAMES("") },
			{ .kind = COUNT_NAMED, .name = "first" }),
	};

	apply_rules(*state, HOOK_OUTPUT, rules, 1);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0, 2);
	assert_true(lab_counted(*state, "first") >= 2);
	lab_clean(state);
	apply_rules(*state, HOOK_PREROUTING, rules, 1);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0, 2);
	assert_int_equal(lab_counted(*state, "first"), 0);
}

#define TEST(function) cmocka_unit_test_teardown(function, lab_clean)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(restoring_keeps_foreign_bits),
		TEST(saving_keeps_foreign_bits),
		TEST(setting_keeps_foreign_bits),
		TEST(in_turn_is_exact),
		TEST(random_spread_is_fair),
		TEST(a_hash_sticks),
		TEST(a_reset_refuses_in_prerouting),
		TEST(a_queue_without_a_listener_lets_pass),
		TEST(a_dropped_packet_does_not_arrive),
		TEST(asks_the_routing_table_with_and_without_mark),
		TEST(knows_its_own_packets),
	};
	unsigned int seed = (unsigned int)time(NULL);

	if (!lab_enter()) {
		print_message("SKIP: a network namespace needs root\n");
		return 77;
	}
	print_message("seed %u\n", seed);
	srandom(seed);
	return cmocka_run_group_tests(tests, lab_open, lab_close);
}
