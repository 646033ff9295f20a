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

#define SAMPLE_ICMP(...)                                                                           \
	{                                                                                          \
		.items = (struct icmp_type[]){ __VA_ARGS__ },                                      \
		.count = SAMPLE_COUNT(((struct icmp_type[]){ __VA_ARGS__ }))                       \
	}
#define SAMPLE_KEYS(...)                                                                           \
	{                                                                                          \
		.items = { __VA_ARGS__ }, .count = SAMPLE_COUNT(((enum packet_key[]){ __VA_ARGS__ })) \
	}
#define SAMPLE_FLOW SAMPLE_KEYS(PACKET_SOURCE, PACKET_DESTINATION, PACKET_PROTOCOL, PACKET_FROM_PORT, PACKET_TO_PORT)

/* What nft can read as it is printed. */
static struct ruleset_rule sample_input_rules[] = {
	SAMPLE_RULE("source kind", { .kind = MATCH_SOURCE_KIND, .values = SAMPLE_VALUES(RTN_LOCAL) }, { .kind = COUNT }),
	SAMPLE_RULE("echo", { .kind = MATCH_ICMP_TYPE, .icmp_types = SAMPLE_ICMP({ 8, true, 0 }) }, { .kind = COUNT }),
	SAMPLE_RULE("no errors",
		{ .kind = MATCH_ICMP_TYPE, .family = IPV6, .negate = true,
			.icmp_types = SAMPLE_ICMP({ 1, true, 0 }, { 2, true, 0 }) },
		{ .kind = COUNT }),
	SAMPLE_RULE("voice", SAMPLE_FOUR, { .kind = MATCH_DSCP, .values = SAMPLE_VALUES(46) }, { .kind = COUNT }),
	SAMPLE_RULE("no video", SAMPLE_FOUR,
		{ .kind = MATCH_DSCP, .values = SAMPLE_VALUES(34, 36), .negate = true }, { .kind = COUNT }),
	SAMPLE_RULE("voice, IPv6", SAMPLE_SIX, { .kind = MATCH_DSCP, .family = IPV6, .values = SAMPLE_VALUES(46) },
		{ .kind = COUNT }),
	SAMPLE_RULE("video, IPv6", SAMPLE_SIX,
		{ .kind = MATCH_DSCP, .family = IPV6, .values = SAMPLE_VALUES(34, 36) }, { .kind = COUNT }),
	SAMPLE_RULE("in devices", { .kind = MATCH_IN_SET, .negate = true, .name = "doors", .keys = SAMPLE_KEYS(PACKET_DEVICE_NAME) },
		{ .kind = COUNT }),
	SAMPLE_RULE("in protocols and ports",
		{ .kind = MATCH_IN_SET, .name = "with-ports", .keys = SAMPLE_KEYS(PACKET_PROTOCOL) },
		{ .kind = MATCH_IN_SET, .name = "services", .keys = SAMPLE_KEYS(PACKET_FROM_PORT) },
		{ .kind = MATCH_IN_SET, .name = "services", .keys = SAMPLE_KEYS(PACKET_TO_PORT) }, { .kind = COUNT }),
	SAMPLE_RULE("in set", SAMPLE_FOUR,
		{ .kind = MATCH_IN_SET, .name = "offices", .keys = SAMPLE_KEYS(PACKET_SOURCE) }, { .kind = COUNT }),
	SAMPLE_RULE("not in set", SAMPLE_SIX,
		{ .kind = MATCH_IN_SET, .family = IPV6, .name = "offices6", .keys = SAMPLE_KEYS(PACKET_DESTINATION),
			.negate = true },
		{ .kind = COUNT }),
	SAMPLE_RULE("flow in set", SAMPLE_FOUR, SAMPLE_BOTH,
		{ .kind = MATCH_IN_SET, .name = "flows", .keys = SAMPLE_FLOW }, { .kind = COUNT }),
	SAMPLE_RULE("original", { .kind = MATCH_ORIGINAL }, { .kind = COUNT }),
	SAMPLE_RULE("reply", { .kind = MATCH_ORIGINAL, .negate = true }, { .kind = COUNT }),
	SAMPLE_RULE("translated",
		{ .kind = MATCH_STATUS, .values = SAMPLE_VALUES(STATUS_SOURCE_NAT, STATUS_DESTINATION_NAT) },
		{ .kind = COUNT }),
	SAMPLE_RULE("third packet", { .kind = MATCH_ORIGINAL_PACKETS, .value = 3 }, { .kind = COUNT }),
	SAMPLE_RULE("first answer", { .kind = MATCH_REPLY_PACKETS, .value = 1 }, { .kind = LOG_COPY, .queue = 200, .value = 96 }),
	SAMPLE_RULE("null scan", { .kind = MATCH_TCP_FLAGS, .mask = 0xff, .value = 0 }, { .kind = COUNT }),
	SAMPLE_RULE("answer to a SYN", { .kind = MATCH_TCP_FLAGS, .mask = 0x12, .value = 0x12 }, { .kind = COUNT }),
	SAMPLE_RULE("add", SAMPLE_FOUR, SAMPLE_BOTH,
		{ .kind = ADD_TO_SET, .name = "flows", .keys = SAMPLE_FLOW, .timeout_ms = 1500 }),
	SAMPLE_RULE("refresh", SAMPLE_SIX,
		{ .kind = REFRESH_IN_SET, .family = IPV6, .name = "sites", .keys = SAMPLE_KEYS(PACKET_SOURCE_SITE) }),
	SAMPLE_RULE("over", { .kind = OVER_LIMIT, .limit = { LIMIT_PACKETS, 50, 1000, 20 } }, { .kind = COUNT }),
	SAMPLE_RULE("over in bytes", { .kind = OVER_LIMIT, .limit = { LIMIT_BYTES, 125000, 1000, 30000 } },
		{ .kind = COUNT }),
	SAMPLE_RULE("each over", SAMPLE_FOUR,
		{ .kind = OVER_LIMIT_EACH, .name = "rates", .keys = SAMPLE_KEYS(PACKET_SOURCE), .timeout_ms = 60000,
			.limit = { LIMIT_PACKETS, 300, 60000, 10 } },
		{ .kind = COUNT }),
	SAMPLE_RULE("each with too many", SAMPLE_FOUR,
		{ .kind = OVER_LIMIT_EACH, .name = "counts", .keys = SAMPLE_KEYS(PACKET_SOURCE_SITE),
			.limit = { .kind = LIMIT_CONNECTIONS, .count = 100 } },
		{ .kind = COUNT }),
	SAMPLE_RULE("clamp", SAMPLE_TCP, { .kind = CLAMP_MSS, .value = 1412 }),
	SAMPLE_RULE("priority", { .kind = SET_PRIORITY, .value = 0x10005 }),
	SAMPLE_RULE("answer for a server", SAMPLE_TCP,
		{ .kind = SYNPROXY, .synproxy = { .mss = 1460, .window_scale = 7 } }),
	SAMPLE_RULE("count by mark", { .kind = COUNT_BY_MARK, .mask = 0xfff83f, .name = "carried" }),
	SAMPLE_RULE("dispatch", { .kind = DISPATCH, .mask = 0xfff800, .name = "policies" }),
};

/* What nft has no words for. */
static struct ruleset_rule sample_forward_rules[] = {
	SAMPLE_RULE("codes", { .kind = MATCH_ICMP_TYPE, .icmp_types = SAMPLE_ICMP({ 3, false, 4 }) }, { .kind = COUNT }),
	SAMPLE_RULE("types and codes",
		{ .kind = MATCH_ICMP_TYPE, .family = IPV6,
			.icmp_types = SAMPLE_ICMP({ 1, false, 4 }, { 128, true, 0 }, { 255, true, 0 }) },
		{ .kind = COUNT }),
	SAMPLE_RULE("sites of a connection", SAMPLE_SIX,
		{ .kind = MATCH_IN_SET, .family = IPV6, .name = "pairs",
			.keys = SAMPLE_KEYS(CONNECTION_SOURCE_SITE, CONNECTION_DESTINATION_SITE, PACKET_DEVICE_IN) },
		{ .kind = COUNT }),
	SAMPLE_RULE("class", { .kind = SET_CLASS_PRIORITY, .value = 1, .queue = 6, .mask = 0x1f }),
};

static struct ruleset_rule sample_raw_rules[] = {
	SAMPLE_RULE("not tracked", SAMPLE_TCP, { .kind = NOTRACK }),
};

static struct ruleset_rule sample_destination_rules[] = {
	SAMPLE_RULE("forward a port", SAMPLE_FOUR, SAMPLE_TCP,
		{ .kind = DESTINATION_NAT, .address = { .family = IPV4, .bytes = { 10, 0, 0, 9 } }, .port = 8080 }),
	SAMPLE_RULE("forward a port, IPv6", SAMPLE_SIX, SAMPLE_TCP,
		{ .kind = DESTINATION_NAT, .address = { .family = IPV6, .bytes = { 0xfd, [15] = 9 } }, .port = 8080 }),
	SAMPLE_RULE("forward all", SAMPLE_FOUR,
		{ .kind = DESTINATION_NAT, .address = { .family = IPV4, .bytes = { 10, 0, 0, 9 } } }),
	SAMPLE_RULE("prefix back", SAMPLE_SIX,
		{ .kind = DESTINATION_PREFIX, .network = SAMPLE_IPV6(64, 0xfd, 0, 0, 1) }),
};

static struct ruleset_rule sample_source_rules[] = {
	SAMPLE_RULE("pool", SAMPLE_FOUR,
		{ .kind = SOURCE_NAT, .address = { .family = IPV4, .bytes = { 192, 0, 2, 1 } },
			.last_address = { .family = IPV4, .bytes = { 192, 0, 2, 6 } } }),
	SAMPLE_RULE("pool, IPv6", SAMPLE_SIX,
		{ .kind = SOURCE_NAT, .address = { .family = IPV6, .bytes = { 0x20, 1, 0xd, 0xb8, [15] = 1 } },
			.last_address = { .family = IPV6, .bytes = { 0x20, 1, 0xd, 0xb8, [15] = 9 } } }),
	SAMPLE_RULE("prefix", SAMPLE_SIX, { .kind = SOURCE_PREFIX, .network = SAMPLE_IPV6(60, 0x20, 1, 0xd, 0xb8) }),
	SAMPLE_RULE("prefix, IPv4", SAMPLE_FOUR, { .kind = SOURCE_PREFIX, .network = SAMPLE_IPV4(24, 198, 51, 100) }),
};

static struct ruleset_set sample_sets[] = {
	{ .name = "offices", .kind = SET_NETWORKS, .family = IPV4,
		.networks = SAMPLE_NETWORKS(SAMPLE_IPV4(16, 10, 1), SAMPLE_IPV4(32, 192, 0, 2, 1)) },
	{ .name = "offices6", .kind = SET_NETWORKS, .family = IPV6 },
	{ .name = "doors", .kind = SET_DEVICES, .names = SAMPLE_NAMES("wan1", "wan2") },
	{ .name = "with-ports", .kind = SET_PROTOCOLS, .values = SAMPLE_VALUES(6, 17) },
	{ .name = "services", .kind = SET_PORTS, .ports = SAMPLE_PORTS({ 53, 53 }, { 1024, 65535 }) },
	{ .name = "flows", .kind = SET_DYNAMIC, .family = IPV4, .keys = SAMPLE_FLOW, .timeout_ms = 60000, .size = 1024 },
	{ .name = "sites", .kind = SET_DYNAMIC, .family = IPV6, .keys = SAMPLE_KEYS(PACKET_SOURCE_SITE), .size = 65536 },
	{ .name = "pairs", .kind = SET_DYNAMIC, .family = IPV6, .size = 8,
		.keys = SAMPLE_KEYS(CONNECTION_SOURCE_SITE, CONNECTION_DESTINATION_SITE, PACKET_DEVICE_IN) },
	{ .name = "rates", .kind = SET_DYNAMIC, .family = IPV4, .keys = SAMPLE_KEYS(PACKET_SOURCE), .timeout_ms = 1500,
		.size = 100, .limits = true },
	{ .name = "counts", .kind = SET_DYNAMIC, .family = IPV4, .keys = SAMPLE_KEYS(PACKET_SOURCE_SITE), .size = 100,
		.limits = true },
	{ .name = "carried", .kind = SET_DYNAMIC, .keys = SAMPLE_KEYS(PACKET_MARK), .timeout_ms = 60000, .size = 100,
		.counts = true },
	{ .name = "policies", .kind = SET_CHAINS, .chain_count = 2,
		.chains = (struct mark_chain[]){ { 0x800, "first" }, { 0x1000, "second" } } },
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
	{ .name = "input", .kind = CHAIN_FILTER, .hook = HOOK_INPUT, .priority = -10,
		.rules = sample_input_rules, .count = SAMPLE_COUNT(sample_input_rules) },
	{ .name = "forward", .kind = CHAIN_FILTER, .hook = HOOK_FORWARD, .priority = -10,
		.rules = sample_forward_rules, .count = SAMPLE_COUNT(sample_forward_rules) },
	{ .name = "raw", .kind = CHAIN_FILTER, .hook = HOOK_PREROUTING, .priority = -300,
		.rules = sample_raw_rules, .count = SAMPLE_COUNT(sample_raw_rules) },
	{ .name = "destination", .kind = CHAIN_NAT, .hook = HOOK_PREROUTING, .priority = -100,
		.rules = sample_destination_rules, .count = SAMPLE_COUNT(sample_destination_rules) },
	{ .name = "source", .kind = CHAIN_NAT, .hook = HOOK_POSTROUTING, .priority = 101,
		.rules = sample_source_rules, .count = SAMPLE_COUNT(sample_source_rules) },
};

static const struct ruleset sample_ruleset = {
	.table = SAMPLE_TABLE,
	.chains = sample_chains,
	.chain_count = SAMPLE_COUNT(sample_chains),
	.sets = sample_sets,
	.set_count = SAMPLE_COUNT(sample_sets),
	.counters = SAMPLE_NAMES("sample"),
};
