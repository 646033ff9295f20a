/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves with real packets what limits, sets, priorities and the finer matches do. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/ruleset.h"
#include "kernel/ruleset_elements.h"
#include "../../unit/sample_ruleset.h"
#include "own_network.h"
#include "ruleset_lab.h"

#define PORT 7001
#define UDP  { .kind = MATCH_PROTOCOL, .values = SAMPLE_VALUES(IPPROTO_UDP) }
#define COUNTS(name_) { .kind = COUNT_NAMED, .name = (name_) }

static int open_lab(void **state)
{
	if (lab_open(state) < 0)
		return -1;
	lab_run("ip addr add 2001:db8:0:1::1 dev lo && ip addr add 2001:db8:0:1::2 dev lo && ip addr add 2001:db8:0:2::1 dev lo");
	return 0;
}

/* A table of one base chain with named sets. */
static void apply(struct lab *lab, enum chain_hook hook, struct ruleset_rule *rules, size_t count,
	struct ruleset_set *sets, size_t set_count)
{
	struct chain chain = { .name = "base", .kind = CHAIN_FILTER, .hook = hook, .rules = rules, .count = count };
	struct ruleset ruleset = { .table = SAMPLE_TABLE, .chains = &chain, .chain_count = 1, .sets = sets,
		.set_count = set_count, .counters = SAMPLE_NAMES("first", "second", "third") };
	char message[512] = "";

	if (ruleset_apply(lab->netlink, &ruleset, &lab->features, message, sizeof(message)) < 0)
		fail_msg("%s", message);
}

static void send_six(const char *from, const char *to, unsigned int count)
{
	struct sockaddr_in6 own = { .sin6_family = AF_INET6 }, other = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET6, from, &own.sin6_addr), 1);
	assert_int_equal(inet_pton(AF_INET6, to, &other.sin6_addr), 1);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&own, sizeof(own)), 0);
	for (unsigned int i = 0; i < count; i++)
		assert_true(sendto(fd, "x", 1, 0, (const struct sockaddr *)&other, sizeof(other)) == 1 || errno == EPERM);
	close(fd);
}

/* Packets of one flow with that code point. */
static void send_marked(uint8_t dscp, unsigned int count)
{
	struct sockaddr_in other = { .sin_family = AF_INET, .sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), tos = dscp << 2;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), 0);
	for (unsigned int i = 0; i < count; i++)
		assert_true(sendto(fd, "x", 1, 0, (const struct sockaddr *)&other, sizeof(other)) == 1 || errno == EPERM);
	close(fd);
}

/* By mark: what elements have counted. */
struct carried {
	uint32_t marks[4];
	uint64_t packets[4], bytes[4];
	size_t count;
};

static bool carry(const struct ruleset_element *element, void *data)
{
	struct carried *carried = data;

	assert_true(carried->count < 4);
	carried->marks[carried->count] = element->mark;
	carried->packets[carried->count] = element->packets;
	carried->bytes[carried->count++] = element->bytes;
	return true;
}

static void assert_carried(struct lab *lab, uint32_t mark, uint64_t packets)
{
	struct carried carried = { 0 };
	size_t i = 0;

	assert_int_equal(ruleset_elements_list_marks(lab->netlink, SAMPLE_TABLE, "carried", carry, &carried), 0);
	while (i < carried.count && carried.marks[i] != mark)
		i++;
	if (i == carried.count)
		fail_msg("nothing with mark 0x%x", mark);
	assert_int_equal(carried.packets[i], packets);
	/* Headers of IPv4 and UDP, and a byte. */
	assert_int_equal(carried.bytes[i], packets * 29);
}

/* Bits that are not in the mask make no element of their own; what is counted stays over another ruleset. */
static void packets_and_bytes_are_counted_by_mark(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("with a mark", UDP, { .kind = MATCH_MARK, .mask = 0xf0, .values = SAMPLE_VALUES(0), .negate = true },
			{ .kind = COUNT_BY_MARK, .name = "carried", .mask = 0xff }),
		SAMPLE_RULE("behind it", UDP, COUNTS("first")),
	};
	struct ruleset_set sets[] = {
		{ .name = "carried", .kind = SET_DYNAMIC, .keys = SAMPLE_KEYS(PACKET_MARK), .timeout_ms = 3600000, .size = 2,
			.counts = true },
	};
	struct lab *lab = *state;

	apply(lab, HOOK_OUTPUT, rules, SAMPLE_COUNT(rules), sets, 1);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0x121, 5);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0x021, 7);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0x32, 3);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0x02, 4);
	assert_carried(lab, 0x21, 12);
	assert_carried(lab, 0x32, 3);
	/* The set is full: the packet goes on, uncounted. */
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0x43, 2);
	assert_int_equal(lab_counted(lab, "first"), 21);
	apply(lab, HOOK_OUTPUT, rules, SAMPLE_COUNT(rules), sets, 1);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0x21, 1);
	assert_carried(lab, 0x21, 13);
}

/* Nothing comes back in an hour's limit while the test runs: what is over is counted exactly. */
static void each_source_has_its_own_burst(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("over", SAMPLE_FOUR, UDP,
			{ .kind = OVER_LIMIT_EACH, .name = "rates", .keys = SAMPLE_KEYS(PACKET_SOURCE),
				.limit = { LIMIT_PACKETS, 1, 3600000, 10 } },
			COUNTS("first"), { .kind = DROP }),
		SAMPLE_RULE("under", UDP, COUNTS("second")),
	};
	struct ruleset_set sets[] = {
		{ .name = "rates", .kind = SET_DYNAMIC, .keys = SAMPLE_KEYS(PACKET_SOURCE), .timeout_ms = 60000, .size = 2,
			.limits = true },
	};

	apply(*state, HOOK_OUTPUT, rules, SAMPLE_COUNT(rules), sets, 1);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0, 100);
	assert_int_equal(lab_counted(*state, "first"), 90);
	lab_send("127.0.0.2", "127.0.0.1", PORT, 0, 15);
	assert_int_equal(lab_counted(*state, "first"), 95);

	/* The set is full: who has no place in it is never over. */
	lab_send("127.0.0.3", "127.0.0.1", PORT, 0, 50);
	assert_int_equal(lab_counted(*state, "first"), 95);
	assert_int_equal(lab_counted(*state, "second"), 10 + 10 + 50);
}

static void a_rate_passes_rate_times_time_and_burst(void **state)
{
	enum { RATE = 500, BURST = 250 }; /* half a second of a sender that must wait loses nothing */
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("over", UDP, { .kind = OVER_LIMIT, .limit = { LIMIT_PACKETS, RATE, 1000, BURST } }, { .kind = DROP }),
		SAMPLE_RULE("under", UDP, COUNTS("second")),
	};
	double start, took;
	unsigned int passed;

	apply(*state, HOOK_OUTPUT, rules, SAMPLE_COUNT(rules), NULL, 0);
	start = now_s();
	while (now_s() - start < 1)
		lab_send("127.0.0.1", "127.0.0.1", PORT, 0, 10);
	took = now_s() - start;
	passed = lab_counted(*state, "second");
	print_message("%u passed in %.3f s\n", passed, took);
	assert_in_range(passed, RATE + BURST - 3, (unsigned int)(RATE * took) + BURST + 1);
}

/* A packet of one byte has 29 with its headers. */
static void bytes_are_counted_with_headers(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("over", UDP, { .kind = OVER_LIMIT, .limit = { LIMIT_BYTES, 290, 3600000, 290 } }, COUNTS("first")),
	};

	apply(*state, HOOK_OUTPUT, rules, SAMPLE_COUNT(rules), NULL, 0);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0, 50);
	assert_int_equal(lab_counted(*state, "first"), 30);
}

/* Each socket has a port of its own, so each is a connection. */
static void living_connections_are_limited(void **state)
{
	struct lab *lab = *state;
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("over", SAMPLE_FOUR, UDP,
			{ .kind = MATCH_CONNECTION_STATE, .values = SAMPLE_VALUES(CONNECTION_NEW) },
			{ .kind = OVER_LIMIT_EACH, .name = "counts", .keys = SAMPLE_KEYS(CONNECTION_SOURCE_SITE),
				.limit = { .kind = LIMIT_CONNECTIONS, .count = 3 } },
			COUNTS("first"), { .kind = DROP }),
	};
	struct ruleset_set sets[] = {
		{ .name = "counts", .kind = SET_DYNAMIC, .keys = SAMPLE_KEYS(CONNECTION_SOURCE_SITE), .size = 100,
			.limits = true },
	};

	if (!lab->features.connection_limit) {
		print_message("SKIP: this kernel has no CONFIG_NFT_CONNLIMIT\n");
		skip();
	}
	apply(lab, HOOK_OUTPUT, rules, SAMPLE_COUNT(rules), sets, 1);
	for (unsigned int i = 0; i < 8; i++)
		lab_send("127.0.1.1", "127.0.0.1", PORT, 0, 1);
	assert_int_equal(lab_counted(lab, "first"), 5);
	for (unsigned int i = 0; i < 3; i++)
		lab_send("127.0.1.2", "127.0.0.1", PORT, 0, 1);
	assert_int_equal(lab_counted(lab, "first"), 5);
}

struct seen {
	struct address addresses[4];
	uint64_t longest_ms;
	size_t count;
};

static bool see(const struct ruleset_element *element, void *data)
{
	struct seen *seen = data;

	assert_true(seen->count < SAMPLE_COUNT(seen->addresses));
	seen->addresses[seen->count++] = element->address;
	if (element->expires_ms > seen->longest_ms)
		seen->longest_ms = element->expires_ms;
	return true;
}

static struct seen look(struct lab *lab, const char *set, enum family family)
{
	struct seen seen = { 0 };

	assert_int_equal(ruleset_elements_list(lab->netlink, SAMPLE_TABLE, set, family, see, &seen), 0);
	return seen;
}

/* Once by the rule, once by the daemon; each for its own time. */
static void elements_come_and_go(void **state)
{
	struct lab *lab = *state;
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("blocked", SAMPLE_FOUR, UDP,
			{ .kind = MATCH_IN_SET, .name = "blocked", .keys = SAMPLE_KEYS(PACKET_SOURCE) }, COUNTS("first"),
			{ .kind = DROP }),
		SAMPLE_RULE("block", SAMPLE_FOUR, UDP, { .kind = MATCH_TO_PORT, .ports = SAMPLE_PORTS({ PORT, PORT }) },
			{ .kind = ADD_TO_SET, .name = "blocked", .keys = SAMPLE_KEYS(PACKET_SOURCE), .timeout_ms = 300 }),
	};
	struct ruleset_set sets[] = {
		{ .name = "blocked", .kind = SET_DYNAMIC, .keys = SAMPLE_KEYS(PACKET_SOURCE), .size = 3 },
	};
	struct ruleset_element given = { .address = { .family = IPV4, .bytes = { 127, 0, 0, 9 } }, .timeout_ms = 60000 };
	double deadline = now_s() + 5;
	struct seen seen;

	apply(lab, HOOK_OUTPUT, rules, SAMPLE_COUNT(rules), sets, 1);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0, 4);
	assert_int_equal(lab_counted(lab, "first"), 3);
	seen = look(lab, "blocked", IPV4);
	assert_int_equal(seen.count, 1);
	assert_in_range(seen.longest_ms, 1, 300);

	assert_int_equal(ruleset_elements_add(lab->netlink, SAMPLE_TABLE, "blocked", &given, 1), 0);
	lab_send("127.0.0.9", "127.0.0.1", PORT + 1, 0, 2);
	assert_int_equal(lab_counted(lab, "first"), 5);
	while (look(lab, "blocked", IPV4).count != 1 && now_s() < deadline)
		usleep(10000);
	seen = look(lab, "blocked", IPV4);
	assert_int_equal(seen.count, 1);
	assert_true(address_equal(&seen.addresses[0], &given.address));
	assert_in_range(seen.longest_ms, 50000, 60000);

	assert_int_equal(ruleset_elements_delete(lab->netlink, SAMPLE_TABLE, "blocked", &given, 1), 0);
	assert_int_equal(ruleset_elements_delete(lab->netlink, SAMPLE_TABLE, "blocked", &given, 1), -ENOENT);
	lab_send("127.0.0.9", "127.0.0.1", PORT + 1, 0, 2);
	assert_int_equal(lab_counted(lab, "first"), 5);
	assert_int_equal(ruleset_elements_add(lab->netlink, SAMPLE_TABLE, "blocked", &given, 1), 0);
	assert_int_equal(ruleset_elements_flush(lab->netlink, SAMPLE_TABLE, "blocked"), 0);
	assert_int_equal(look(lab, "blocked", IPV4).count, 0);
	assert_int_equal(ruleset_elements_flush(lab->netlink, SAMPLE_TABLE, "nothing"), -ENOENT);
}

static void six_counts_by_site(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("known", SAMPLE_SIX, UDP,
			{ .kind = MATCH_IN_SET, .family = IPV6, .name = "pairs",
				.keys = SAMPLE_KEYS(CONNECTION_SOURCE_SITE, PACKET_DESTINATION_SITE, PACKET_PROTOCOL, PACKET_TO_PORT) },
			COUNTS("first")),
		SAMPLE_RULE("remember", SAMPLE_SIX, UDP,
			{ .kind = REFRESH_IN_SET, .family = IPV6, .name = "pairs",
				.keys = SAMPLE_KEYS(PACKET_SOURCE_SITE, CONNECTION_DESTINATION_SITE, PACKET_PROTOCOL, PACKET_TO_PORT) }),
		SAMPLE_RULE("source", SAMPLE_SIX, UDP,
			{ .kind = ADD_TO_SET, .family = IPV6, .name = "sites", .keys = SAMPLE_KEYS(PACKET_SOURCE_SITE) }),
	};
	struct ruleset_set sets[] = {
		{ .name = "pairs", .kind = SET_DYNAMIC, .family = IPV6, .size = 10, .timeout_ms = 60000,
			.keys = SAMPLE_KEYS(PACKET_SOURCE_SITE, PACKET_DESTINATION_SITE, PACKET_PROTOCOL, PACKET_TO_PORT) },
		{ .name = "sites", .kind = SET_DYNAMIC, .family = IPV6, .size = 10, .keys = SAMPLE_KEYS(PACKET_SOURCE_SITE) },
	};
	const struct address site = { .family = IPV6, .bytes = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1 } };
	struct seen seen;

	apply(*state, HOOK_OUTPUT, rules, SAMPLE_COUNT(rules), sets, 2);
	send_six("2001:db8:0:1::1", "2001:db8:0:2::1", 1);
	assert_int_equal(lab_counted(*state, "first"), 0);
	send_six("2001:db8:0:1::2", "2001:db8:0:2::1", 3);
	assert_int_equal(lab_counted(*state, "first"), 3);
	seen = look(*state, "sites", IPV6);
	assert_int_equal(seen.count, 1);
	assert_true(address_equal(&seen.addresses[0], &site));
	send_six("2001:db8:0:2::1", "2001:db8:0:1::1", 1);
	assert_int_equal(lab_counted(*state, "first"), 3);
	assert_int_equal(look(*state, "sites", IPV6).count, 2);
}

static void code_points_and_packets_of_a_connection(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("voice or video", SAMPLE_FOUR, UDP, { .kind = MATCH_DSCP, .values = SAMPLE_VALUES(46, 34) },
			COUNTS("first")),
		SAMPLE_RULE("not voice", SAMPLE_FOUR, UDP,
			{ .kind = MATCH_DSCP, .values = SAMPLE_VALUES(46), .negate = true }, COUNTS("second")),
		SAMPLE_RULE("third", UDP, { .kind = MATCH_ORIGINAL }, { .kind = MATCH_ORIGINAL_PACKETS, .value = 3 },
			{ .kind = MATCH_STATUS, .values = SAMPLE_VALUES(STATUS_ANSWERED), .negate = true }, COUNTS("third")),
	};

	apply(*state, HOOK_OUTPUT, rules, SAMPLE_COUNT(rules), NULL, 0);
	send_marked(46, 4);
	send_marked(34, 2);
	send_marked(0, 3);
	assert_int_equal(lab_counted(*state, "first"), 6);
	assert_int_equal(lab_counted(*state, "second"), 5);
	assert_int_equal(lab_counted(*state, "third"), 2);
}

static void icmp_by_type_and_code(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("echo", { .kind = MATCH_ICMP_TYPE, .icmp_types = SAMPLE_ICMP({ 8, true, 0 }) }, COUNTS("first")),
		SAMPLE_RULE("port unreachable, or ever an echo of code 7",
			{ .kind = MATCH_ICMP_TYPE, .icmp_types = SAMPLE_ICMP({ 3, false, 3 }, { 8, false, 7 }) }, COUNTS("second")),
		SAMPLE_RULE("echo, IPv6",
			{ .kind = MATCH_ICMP_TYPE, .family = IPV6, .icmp_types = SAMPLE_ICMP({ 128, true, 0 }, { 1, false, 4 }) },
			COUNTS("third")),
	};

	if (lab_try("ping -c 1 -W 2 127.0.0.1 >/dev/null 2>&1") != 0) {
		print_message("SKIP: needs ping\n");
		skip();
	}
	apply(*state, HOOK_INPUT, rules, SAMPLE_COUNT(rules), NULL, 0);
	lab_run("ping -c 2 -i 0.2 -W 2 127.0.0.1 >/dev/null && ping -c 1 -W 2 ::1 >/dev/null");
	assert_int_equal(lab_counted(*state, "first"), 2);
	assert_int_equal(lab_counted(*state, "third"), 1);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0, 1);
	assert_int_equal(lab_counted(*state, "second"), 1);
}

/* Another table sees the priority afterwards. */
static void the_class_is_in_the_priority(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("class", UDP, { .kind = SET_CLASS_PRIORITY, .value = 1, .queue = 6, .mask = 0x1f }),
		SAMPLE_RULE("certain", UDP, { .kind = MATCH_MARK, .mask = UINT32_MAX, .values = SAMPLE_VALUES(0xffff) },
			{ .kind = SET_PRIORITY, .value = 0x20007 }),
	};
	char *listed;

	apply(*state, HOOK_OUTPUT, rules, SAMPLE_COUNT(rules), NULL, 0);
	lab_run("nft 'table inet other { chain after { type filter hook output priority 10; "
		"udp dport %d meta priority 1:9 counter; udp dport %d meta priority 2:7 counter; }; }'", PORT, PORT);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0xabc03f | 9 << 6, 3);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0xffff, 2);
	listed = lab_output("nft list table inet other | grep -o 'priority.*packets [0-9]*' | tr '\\n' ' '");
	lab_run("nft delete table inet other");
	assert_string_equal(listed, "priority 1:9 counter packets 3 priority 2:7 counter packets 2 ");
	free(listed);
}

static void flags_of_tcp(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("answers", { .kind = MATCH_TCP_FLAGS, .mask = 0x12, .value = 0x12 }, COUNTS("first")),
		SAMPLE_RULE("nothing set", { .kind = MATCH_TCP_FLAGS, .mask = 0xff, .value = 0 }, COUNTS("second")),
		SAMPLE_RULE("from this machine", SAMPLE_TCP, { .kind = MATCH_TCP_FLAGS, .mask = 0x12, .value = 2 },
			{ .kind = MATCH_SOURCE_KIND, .values = SAMPLE_VALUES(RTN_LOCAL) }, COUNTS("third")),
	};

	apply(*state, HOOK_OUTPUT, rules, SAMPLE_COUNT(rules), NULL, 0);
	assert_true(lab_connects(PORT));
	assert_int_equal(lab_counted(*state, "first"), 1);
	assert_int_equal(lab_counted(*state, "second"), 0);
	assert_int_equal(lab_counted(*state, "third"), 1);
}

static void what_is_not_tracked_has_no_connection(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("leave it", UDP, { .kind = MATCH_TO_PORT, .ports = SAMPLE_PORTS({ PORT, PORT }) }, { .kind = NOTRACK }),
	};
	struct chain chains[] = {
		{ .name = "raw", .kind = CHAIN_FILTER, .hook = HOOK_OUTPUT, .priority = -300, .rules = rules, .count = 1 },
		{ .name = "later", .kind = CHAIN_FILTER, .hook = HOOK_OUTPUT, .count = 1,
			.rules = (struct ruleset_rule[]){ SAMPLE_RULE("untracked", UDP,
				{ .kind = MATCH_CONNECTION_STATE, .values = SAMPLE_VALUES(CONNECTION_UNTRACKED) }, COUNTS("first")) } },
	};
	struct ruleset ruleset = { .table = SAMPLE_TABLE, .chains = chains, .chain_count = 2,
		.counters = SAMPLE_NAMES("first") };
	struct lab *lab = *state;
	char message[512] = "";

	assert_int_equal(ruleset_apply(lab->netlink, &ruleset, &lab->features, message, sizeof(message)), 0);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 0, 3);
	lab_send("127.0.0.1", "127.0.0.1", PORT + 1, 0, 3);
	assert_int_equal(lab_counted(lab, "first"), 3);
}

#define TEST(function) cmocka_unit_test_teardown(function, lab_clean)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(packets_and_bytes_are_counted_by_mark),
		TEST(each_source_has_its_own_burst),
		TEST(a_rate_passes_rate_times_time_and_burst),
		TEST(bytes_are_counted_with_headers),
		TEST(living_connections_are_limited),
		TEST(elements_come_and_go),
		TEST(six_counts_by_site),
		TEST(code_points_and_packets_of_a_connection),
		TEST(icmp_by_type_and_code),
		TEST(the_class_is_in_the_priority),
		TEST(flags_of_tcp),
		TEST(what_is_not_tracked_has_no_connection),
	};

	if (!lab_enter()) {
		print_message("SKIP: a network namespace needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, open_lab, lab_close);
}
