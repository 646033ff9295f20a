/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ruleset with every kind of statement, for the tests that print it and load it. */
#pragma once

#include <netinet/in.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "core/ruleset.h"

#define SAMPLE_TABLE "uplinkd-test"

/* Lists are never written to, but plain data has no const in it. */
#define SAMPLE_COUNT(array) (sizeof(array) / sizeof(*(array)))
#define SAMPLE_VALUES(...)                                                                         \
	{                                                                                          \
		.items = (uint32_t[]){ __VA_ARGS__ },                                              \
		.count = SAMPLE_COUNT(((uint32_t[]){ __VA_ARGS__ }))                               \
	}
#define SAMPLE_NAMES(...)                                                                          \
	{                                                                                          \
		.items = (const char *[]){ __VA_ARGS__ },                                          \
		.count = SAMPLE_COUNT(((const char *[]){ __VA_ARGS__ }))                           \
	}
#define SAMPLE_PORTS(...)                                                                          \
	{                                                                                          \
		.items = (struct port_range[]){ __VA_ARGS__ },                                     \
		.count = SAMPLE_COUNT(((struct port_range[]){ __VA_ARGS__ }))                      \
	}
#define SAMPLE_NETWORKS(...)                                                                       \
	{                                                                                          \
		.items = (struct network[]){ __VA_ARGS__ },                                        \
		.count = SAMPLE_COUNT(((struct network[]){ __VA_ARGS__ }))                         \
	}
#define SAMPLE_RULE(text, ...)                                                                     \
	{                                                                                          \
		.comment = (text), .statements = (struct statement[]){ __VA_ARGS__ },              \
		.count = SAMPLE_COUNT(((struct statement[]){ __VA_ARGS__ }))                       \
	}
#define SAMPLE_IPV4(length_, ...) { .address = { .family = IPV4, .bytes = { __VA_ARGS__ } }, .length = (length_) }
#define SAMPLE_IPV6(length_, ...) { .address = { .family = IPV6, .bytes = { __VA_ARGS__ } }, .length = (length_) }

#define SAMPLE_DEVICES SAMPLE_NAMES("wan1", "wan2")
#define SAMPLE_FOUR    { .kind = MATCH_FAMILY, .family = IPV4 }
#define SAMPLE_SIX     { .kind = MATCH_FAMILY, .family = IPV6 }
#define SAMPLE_TCP     { .kind = MATCH_PROTOCOL, .values = SAMPLE_VALUES(IPPROTO_TCP) }
#define SAMPLE_BOTH    { .kind = MATCH_PROTOCOL, .values = SAMPLE_VALUES(IPPROTO_TCP, IPPROTO_UDP) }
#define SAMPLE_SPREAD(by_)                                                                         \
	{                                                                                          \
		.by = (by_), .chains = (const char *[]){ "first", "second" },                      \
		.weights = (unsigned int[]){ 7, 3 }, .count = 2, .seed = 0xdeadbeef                \
	}

static struct ruleset_rule sample_match_rules[] = {
	SAMPLE_RULE("family", SAMPLE_FOUR, { .kind = COUNT }),
	SAMPLE_RULE("not family", { .kind = MATCH_FAMILY, .family = IPV4, .negate = true }, { .kind = COUNT }),
	SAMPLE_RULE("one device", { .kind = MATCH_DEVICE_IN, .names = SAMPLE_NAMES("wan1") }, { .kind = COUNT }),
	SAMPLE_RULE("devices", { .kind = MATCH_DEVICE_IN, .names = SAMPLE_DEVICES, .negate = true },
		{ .kind = COUNT }),
	SAMPLE_RULE("protocol", SAMPLE_TCP, { .kind = COUNT }),
	SAMPLE_RULE("protocols", { .kind = MATCH_PROTOCOL, .values = SAMPLE_VALUES(1, 58, 132, 253), .negate = true },
		{ .kind = COUNT }),
	SAMPLE_RULE("source", SAMPLE_FOUR,
		{ .kind = MATCH_SOURCE, .family = IPV4, .networks = SAMPLE_NETWORKS(SAMPLE_IPV4(12, 172, 16)) },
		{ .kind = COUNT }),
	SAMPLE_RULE("sources, two of them side by side, one at the end", SAMPLE_FOUR,
		{ .kind = MATCH_SOURCE, .family = IPV4,
			.networks = SAMPLE_NETWORKS(SAMPLE_IPV4(16, 10, 0), SAMPLE_IPV4(16, 10, 1),
				SAMPLE_IPV4(32, 192, 0, 2, 1), SAMPLE_IPV4(24, 255, 255, 255)) },
		{ .kind = COUNT }),
	SAMPLE_RULE("not destination", SAMPLE_SIX,
		{ .kind = MATCH_DESTINATION, .family = IPV6, .negate = true,
			.networks = SAMPLE_NETWORKS(SAMPLE_IPV6(10, 0xfe, 0x80)) },
		{ .kind = COUNT }),
	SAMPLE_RULE("destinations", SAMPLE_SIX,
		{ .kind = MATCH_DESTINATION, .family = IPV6,
			.networks = SAMPLE_NETWORKS(SAMPLE_IPV6(128, 0x20, 1, 0xd, 0xb8), SAMPLE_IPV6(8, 0xfd),
				SAMPLE_IPV6(8, 0xff)) },
		{ .kind = COUNT }),
	SAMPLE_RULE("from port", SAMPLE_BOTH, { .kind = MATCH_FROM_PORT, .ports = SAMPLE_PORTS({ 53, 53 }) },
		{ .kind = COUNT }),
	SAMPLE_RULE("not to ports", SAMPLE_BOTH,
		{ .kind = MATCH_TO_PORT, .ports = SAMPLE_PORTS({ 53, 60 }), .negate = true }, { .kind = COUNT }),
	SAMPLE_RULE("to port ranges", SAMPLE_BOTH,
		{ .kind = MATCH_TO_PORT, .ports = SAMPLE_PORTS({ 80, 80 }, { 5060, 5061 }, { 65000, 65535 }) },
		{ .kind = COUNT }),
	SAMPLE_RULE("neighbours", { .kind = MATCH_ICMP6_TYPE, .values = SAMPLE_VALUES(135, 136) }, { .kind = COUNT }),
	SAMPLE_RULE("clean SYN", { .kind = MATCH_TCP_SYN }, { .kind = COUNT }),
	SAMPLE_RULE("no clean SYN", { .kind = MATCH_TCP_SYN, .negate = true }, { .kind = COUNT }),
	SAMPLE_RULE("states",
		{ .kind = MATCH_CONNECTION_STATE, .values = SAMPLE_VALUES(CONNECTION_ESTABLISHED, CONNECTION_RELATED) },
		{ .kind = COUNT }),
	SAMPLE_RULE("not new", { .kind = MATCH_CONNECTION_STATE, .values = SAMPLE_VALUES(CONNECTION_NEW), .negate = true },
		{ .kind = COUNT }),
	SAMPLE_RULE("mark", { .kind = MATCH_MARK, .mask = 0x3f, .values = SAMPLE_VALUES(1) }, { .kind = COUNT }),
	SAMPLE_RULE("whole mark", { .kind = MATCH_MARK, .mask = UINT32_MAX, .values = SAMPLE_VALUES(1), .negate = true },
		{ .kind = COUNT }),
	SAMPLE_RULE("connection marks",
		{ .kind = MATCH_CONNECTION_MARK, .mask = 0xfff800, .values = SAMPLE_VALUES(0x800, 0x1000), .negate = true },
		{ .kind = COUNT }),
	SAMPLE_RULE("kind", { .kind = MATCH_DESTINATION_KIND, .values = SAMPLE_VALUES(RTN_LOCAL) }, { .kind = COUNT }),
	SAMPLE_RULE("kinds", { .kind = MATCH_DESTINATION_KIND, .values = SAMPLE_VALUES(RTN_BROADCAST, RTN_MULTICAST) },
		{ .kind = COUNT }),
	SAMPLE_RULE("routed out", { .kind = MATCH_ROUTED_OUT, .names = SAMPLE_DEVICES, .negate = true }, { .kind = COUNT }),
	SAMPLE_RULE("routed out of one", { .kind = MATCH_ROUTED_OUT, .names = SAMPLE_NAMES("wan1") }, { .kind = COUNT }),
	SAMPLE_RULE("routed", { .kind = MATCH_ROUTED }, { .kind = COUNT }),
	SAMPLE_RULE("not routed", { .kind = MATCH_ROUTED, .negate = true }, { .kind = COUNT_NAMED, .name = "sample" }),
};

static struct ruleset_rule sample_action_rules[] = {
	SAMPLE_RULE("no device", { .kind = MATCH_DEVICE_IN, .names = SAMPLE_NAMES("") }, { .kind = COUNT }),
	SAMPLE_RULE("set", { .kind = SET_MARK, .mask = 0xffffff, .value = 0x801 }),
	SAMPLE_RULE("set whole", { .kind = SET_MARK, .mask = UINT32_MAX, .value = 0x801 }),
	SAMPLE_RULE("restore", { .kind = RESTORE_MARK, .mask = 0x00ffffff }),
	SAMPLE_RULE("restore shifted", { .kind = RESTORE_MARK, .mask = 0xffffff00 }),
	SAMPLE_RULE("save", { .kind = SAVE_MARK, .mask = 0x0ffffff0 }),
	SAMPLE_RULE("save whole", { .kind = SAVE_MARK, .mask = UINT32_MAX }),
	SAMPLE_RULE("accept", SAMPLE_FOUR, { .kind = ACCEPT }),
	SAMPLE_RULE("drop", SAMPLE_FOUR, { .kind = DROP }),
	SAMPLE_RULE("return", SAMPLE_FOUR, { .kind = RETURN }),
	SAMPLE_RULE("jump", { .kind = JUMP, .name = "first" }),
	SAMPLE_RULE("reset", SAMPLE_TCP, { .kind = REJECT_RESET }),
	SAMPLE_RULE("prohibit", SAMPLE_SIX, { .kind = REJECT_PROHIBITED }),
	SAMPLE_RULE("in turn", SAMPLE_FOUR, { .kind = SPREAD, .spread = SAMPLE_SPREAD(SPREAD_IN_TURN) }),
	SAMPLE_RULE("random", SAMPLE_FOUR, { .kind = SPREAD, .spread = SAMPLE_SPREAD(SPREAD_RANDOM) }),
	SAMPLE_RULE("by source", SAMPLE_FOUR,
		{ .kind = SPREAD, .family = IPV4, .spread = SAMPLE_SPREAD(SPREAD_BY_SOURCE) }),
	SAMPLE_RULE("by destination", SAMPLE_SIX,
		{ .kind = SPREAD, .family = IPV6, .spread = SAMPLE_SPREAD(SPREAD_BY_DESTINATION) }),
	SAMPLE_RULE("by both", SAMPLE_SIX, { .kind = SPREAD, .family = IPV6, .spread = SAMPLE_SPREAD(SPREAD_BY_BOTH) }),
	SAMPLE_RULE("one queue", SAMPLE_FOUR, { .kind = QUEUE, .queue = 9, .queues = 1 }),
	SAMPLE_RULE("queues", { .kind = QUEUE, .queue = 10, .queues = 4 }),
	SAMPLE_RULE("to the end", { .kind = GOTO, .name = "second" }),
};

static struct ruleset_rule sample_nat_rules[] = {
	SAMPLE_RULE("own address", SAMPLE_FOUR, { .kind = MATCH_DEVICE_OUT, .names = SAMPLE_NAMES("wan1") },
		{ .kind = SOURCE_NAT, .address = { .family = IPV4, .bytes = { 192, 0, 2, 1 } } }),
	SAMPLE_RULE("own address, IPv6", SAMPLE_SIX,
		{ .kind = SOURCE_NAT, .address = { .family = IPV6, .bytes = { 0x20, 1, 0xd, 0xb8, [15] = 1 } } }),
	SAMPLE_RULE("masquerade \"wan2\"", { .kind = MATCH_DEVICE_OUT, .names = SAMPLE_DEVICES }, { .kind = MASQUERADE }),
};

static struct chain sample_chains[] = {
	{ .name = "prerouting", .kind = CHAIN_FILTER, .hook = HOOK_PREROUTING, .priority = -150,
		.rules = sample_match_rules, .count = SAMPLE_COUNT(sample_match_rules) },
	{ .name = "prerouting-later", .kind = CHAIN_FILTER, .hook = HOOK_PREROUTING, .priority = -149,
		.rules = sample_action_rules, .count = SAMPLE_COUNT(sample_action_rules) },
	{ .name = "output", .kind = CHAIN_ROUTE, .hook = HOOK_OUTPUT, .priority = -150 },
	{ .name = "postrouting", .kind = CHAIN_NAT, .hook = HOOK_POSTROUTING, .priority = 100,
		.rules = sample_nat_rules, .count = SAMPLE_COUNT(sample_nat_rules) },
	{ .name = "first" },
	{ .name = "second" },
};

static const struct ruleset sample_ruleset = {
	.table = SAMPLE_TABLE,
	.chains = sample_chains,
	.chain_count = SAMPLE_COUNT(sample_chains),
	.counters = SAMPLE_NAMES("sample"),
};
