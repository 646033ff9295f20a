/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves against the real kernel that rulesets are applied whole or not at all, and repaired. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/ruleset.h"
#include "kernel/ruleset_batch.h"
#include "kernel/ruleset_message.h"
#include "../../unit/sample_ruleset.h"
#include "ruleset_lab.h"

static int open_lab(void **state)
{
	struct lab *lab;

	if (lab_open(state) < 0)
		return -1;
	lab = *state;
	print_message("queue: %s; owner: %s\n", lab->features.native_queue ? "native" : "target",
		lab->owner ? "yes" : "no");
	return 0;
}

static void apply(struct lab *lab, const struct ruleset *ruleset)
{
	char message[512] = "";

	if (ruleset_apply(lab->netlink, ruleset, &lab->features, message, sizeof(message)) < 0)
		fail_msg("%s", message);
	assert_int_equal(ruleset_intact(lab->netlink, ruleset), 1);
}

static void assert_lists(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("not listed: %s\nin: %s", part, text);
}

static void probing_leaves_nothing(void **state)
{
	char *tables = lab_output("nft list tables");

	(void)state;
	assert_string_equal(tables, "");
	free(tables);
}

static void every_kind_loads(void **state)
{
	static const char *const parts[] = {
		"iifname \"wan1\" counter packets 0 bytes 0 comment \"one device\"",
		"iifname != { \"wan1\", \"wan2\" }",
		"meta l4proto != { icmp, ipv6-icmp, sctp, 253 }",
		"ip saddr 172.16.0.0/12",
		"ip saddr { 10.0.0.0/16, 10.1.0.0/16, 192.0.2.1, 255.255.255.0/24 }",
		"ip6 daddr != fe80::/10",
		"ip6 daddr { 2001:db8::, fd00::/8, ff00::/8 }",
		"th sport 53 ",
		"th dport != 53-60",
		"th dport { 80, 5060-5061, 65000-65535 }",
		"icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }",
		"ct state established,related",
		"meta mark & 0x0000003f == 0x00000001",
		"ct mark & 0x00fff800 != { 0x00000800, 0x00001000 }",
		"fib daddr type { broadcast, multicast }",
		"fib daddr oifname != { \"wan1\", \"wan2\" }",
		"fib daddr . mark oif exists",
		"fib daddr . mark oif missing counter name \"sample\"",
		"meta mark set 0x00000801",
		"reject with tcp reset",
		"meta nfproto ipv6 reject with icmpx admin-prohibited",
		"numgen inc mod 10 vmap { 0-6 : goto first, 7-9 : goto second }",
		"jhash ip saddr mod 10 seed 0xdeadbeef vmap",
		"jhash ip6 saddr . ip6 daddr mod 10 seed 0xdeadbeef vmap",
		"snat ip to 192.0.2.1",
		"snat ip6 to 2001:db8::1",
		"oifname { \"wan1\", \"wan2\" } masquerade comment \"masquerade ?wan2?\"",
		"comment \"queues\"",
		"fib saddr type local",
		"icmp type echo-request",
		"icmpv6 type != { destination-unreachable, packet-too-big }",
		"ip dscp ef",
		"ip dscp != { af41, af42 }",
		"ip6 dscp ef",
		"ip6 dscp { af41, af42 }",
		"elements = { 10.1.0.0/16, 192.0.2.1 }",
		"ip saddr @offices",
		"ip6 daddr != @offices6",
		"type ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service",
		"ip saddr . ip daddr . meta l4proto . th sport . th dport @flows",
		"ct direction original",
		"ct direction != original",
		"ct status snat,dnat",
		"ct original packets 3",
		"ct reply packets 1 log group 200 snaplen 96 queue-threshold 1",
		"tcp flags == 0x0",
		"tcp flags syn,ack / syn,ack",
		"add @flows { ip saddr . ip daddr . meta l4proto . th sport . th dport timeout 1s500ms }",
		"update @sites { ip6 saddr & ffff:ffff:ffff:ffff:: }",
		"limit rate over 50/second burst 20 packets counter",
		"limit rate over 125000 bytes/second burst 30000 bytes counter",
		"update @rates { ip saddr timeout 1m limit rate over 300/minute burst 10 packets } counter",
		"update @counts { ip saddr ct count over 100 } counter",
		"tcp option maxseg size set 1412",
		"meta priority set 1:5",
		"synproxy mss 1460 wscale 7 timestamp sack-perm",
		"meta mark & 0x00fff800 vmap @policies",
		"elements = { 0x00000800 : jump first, 0x00001000 : jump second }",
		"icmp type destination-unreachable icmp code frag-needed",
		"{ 260, 32768-33023, 65280-65535 }",
		"ct original ip6 saddr & ffff:ffff:ffff:ffff:: . ct original ip6 daddr & ffff:ffff:ffff:ffff:: . iif @pairs",
		"meta priority set meta mark >> 6 & 0x0001001f | 0x00010000",
		"notrack",
		"dnat ip to 10.0.0.9:8080",
		"dnat ip6 to [fd00::9]:8080",
		"dnat ip to 10.0.0.9 comment",
		"dnat ip6 prefix to fd00:1::/64",
		"snat ip to 192.0.2.1-192.0.2.6 persistent",
		"snat ip6 to 2001:db8::1-2001:db8::9 persistent",
		"snat ip6 prefix to 2001:db8::/60",
		"snat ip prefix to 198.51.100.0/24",
	};
	char *text;

	apply(*state, &sample_ruleset);
	text = lab_output("nft list table inet " SAMPLE_TABLE " 2>&1");
	for (size_t i = 0; i < SAMPLE_COUNT(parts); i++)
		assert_lists(text, parts[i]);
	free(text);
}

/* But for what this kernel or nft may not have, or has no words for: copies of marks, queues, codes of ICMP. */
static void printed_text_is_what_nft_reads(void **state)
{
	const struct ruleset_features features = { .native_queue = true };
	char path[] = "/tmp/test-ruleset-XXXXXX";
	struct chain chains[] = { sample_chains[0], sample_chains[4], sample_chains[5], sample_chains[6], sample_chains[8],
		sample_chains[9], sample_chains[10] };
	struct ruleset part = { .table = SAMPLE_TABLE, .chains = chains, .chain_count = SAMPLE_COUNT(chains),
		.sets = sample_sets, .set_count = SAMPLE_COUNT(sample_sets), .counters = sample_ruleset.counters };
	int fd = mkstemp(path), status;
	FILE *out;

	(void)state;
	assert_true(fd >= 0);
	out = fdopen(fd, "w");
	assert_non_null(out);
	ruleset_print(out, &part, &features);
	assert_int_equal(fclose(out), 0);
	status = lab_try("nft -c -f %s", path);
	unlink(path);
	assert_int_equal(status, 0);
}

static void base_chains_stay_and_regular_ones_change(void **state)
{
	struct lab *lab = *state;
	struct chain chains[] = { sample_chains[0], sample_chains[4] };
	struct ruleset smaller = { .table = SAMPLE_TABLE, .chains = chains, .chain_count = 2,
		.counters = sample_ruleset.counters };
	char *before, *after;

	apply(lab, &sample_ruleset);
	before = lab_output("nft -a list chains inet | grep -A1 'chain prerouting '");
	apply(lab, &smaller);
	after = lab_output("nft -a list chains inet | grep -A1 'chain prerouting '");
	assert_lists(before, "# handle");
	assert_string_equal(before, after);
	free(before);
	free(after);

	/* A base chain that is no more wanted stays, empty; a regular one goes. */
	lab_run("nft list chain inet %s prerouting-later | grep -q 'hook prerouting'", SAMPLE_TABLE);
	assert_int_not_equal(lab_try("nft list chain inet %s second >/dev/null 2>&1", SAMPLE_TABLE), 0);
	apply(lab, &sample_ruleset);
}

static void a_base_chain_that_moved_is_made_anew(void **state)
{
	struct chain chain = sample_chains[0];
	struct ruleset moved = { .table = SAMPLE_TABLE, .chains = &chain, .chain_count = 1,
		.counters = sample_ruleset.counters };

	apply(*state, &moved);
	chain.priority = -140;
	apply(*state, &moved);
	lab_run("nft list chain inet %s prerouting | grep -q 'mangle + 10'", SAMPLE_TABLE);
}

static void counters_keep_their_values(void **state)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("count", { .kind = MATCH_PROTOCOL, .values = SAMPLE_VALUES(IPPROTO_UDP) },
			{ .kind = COUNT_NAMED, .name = "seen" }),
	};
	struct chain chain = { .name = "output", .kind = CHAIN_ROUTE, .hook = HOOK_OUTPUT, .priority = -150,
		.rules = rules, .count = 1 };
	struct ruleset ruleset = { .table = SAMPLE_TABLE, .chains = &chain, .chain_count = 1,
		.counters = SAMPLE_NAMES("seen", "unused") };
	struct lab *lab = *state;
	uint64_t packets;

	apply(lab, &ruleset);
	lab_send("127.0.0.1", "127.0.0.1", 7001, 0, 5);
	assert_int_equal(lab_counted(lab, "seen"), 5);
	ruleset.counters.count = 1;
	apply(lab, &ruleset);
	assert_int_equal(lab_counted(lab, "seen"), 5);
	lab_send("127.0.0.1", "127.0.0.1", 7001, 0, 1);
	assert_int_equal(lab_counted(lab, "seen"), 6);
	assert_int_equal(ruleset_counter(lab->netlink, SAMPLE_TABLE, "unused", &packets), -ENOENT);
}

/* Applies a ruleset whose last rule is bad over the sample: nothing changes, and message says which. */
static void assert_refused(struct lab *lab, struct statement bad, int error, const char *told)
{
	struct ruleset_rule rules[] = {
		SAMPLE_RULE("a good one", { .kind = COUNT }),
		{ .comment = "a bad one", .statements = &bad, .count = 1 },
		SAMPLE_RULE("another good one", { .kind = COUNT }),
	};
	struct chain chain = { .name = "prerouting", .kind = CHAIN_FILTER, .hook = HOOK_PREROUTING,
		.priority = -150, .rules = rules, .count = 3 };
	struct ruleset ruleset = { .table = SAMPLE_TABLE, .chains = &chain, .chain_count = 1 };
	char message[512] = "";

	assert_int_equal(ruleset_apply(lab->netlink, &ruleset, &lab->features, message, sizeof(message)), error);
	assert_lists(message, told);
	assert_int_equal(ruleset_intact(lab->netlink, &sample_ruleset), 1);
}

struct told {
	size_t count;
	uint64_t seen, other;
};

static void take_counter(const char *counter, uint64_t packets, void *data)
{
	struct told *told = data;

	told->count++;
	if (strcmp(counter, "seen") == 0)
		told->seen = packets;
	if (strcmp(counter, "other") == 0)
		told->other = packets;
}

/* Those of another table, and more than a message holds of our own. */
static void counters_are_told_all_at_once(void **state)
{
	struct ruleset_rule rules[] = { SAMPLE_RULE("count", { .kind = MATCH_PROTOCOL, .values = SAMPLE_VALUES(IPPROTO_UDP) },
		{ .kind = COUNT_NAMED, .name = "seen" }) };
	struct chain chain = { .name = "base", .kind = CHAIN_FILTER, .hook = HOOK_OUTPUT, .rules = rules, .count = 1 };
	struct ruleset ruleset = { .table = SAMPLE_TABLE, .chains = &chain, .chain_count = 1,
		.counters = SAMPLE_NAMES("seen", "unseen") };
	struct told told = { .other = 1000 };
	struct lab *lab = *state;

	apply(lab, &ruleset);
	for (int i = 0; i < 4; i++)
		lab_run("for i in $(seq 250); do echo add counter inet " SAMPLE_TABLE " more-%d-$i; done | nft -f -", i);
	lab_run("nft add table inet other && nft add counter inet other other");
	lab_send("127.0.0.1", "127.0.0.1", 7001, 0, 5);
	assert_int_equal(ruleset_counters(lab->netlink, SAMPLE_TABLE, take_counter, &told), 0);
	lab_run("nft delete table inet other");
	assert_int_equal(told.count, 1002);
	assert_int_equal(told.seen, 5);
	assert_int_equal(told.other, 1000);
	assert_int_equal(lab_counted(lab, "seen"), 5);
}

static void a_bad_rule_changes_nothing(void **state)
{
	apply(*state, &sample_ruleset);
	assert_refused(*state, (struct statement){ .kind = JUMP, .name = "nowhere" }, -ENOENT,
		"rule `a bad one' in chain prerouting: No such file or directory");
	assert_refused(*state, (struct statement){ .kind = MASQUERADE }, -EOPNOTSUPP,
		"rule `a bad one' in chain prerouting: Operation not supported");
	assert_refused(*state, (struct statement){ .kind = MATCH_MARK, .mask = 1 }, -EINVAL,
		"rule `a bad one' in chain prerouting: Invalid argument");
	assert_refused(*state, (struct statement){ .kind = COUNT_NAMED, .name = "nothing" }, -ENOENT,
		"rule `a bad one' in chain prerouting");
}

static void other_tables_are_left_alone(void **state)
{
	struct lab *lab = *state;
	char *before, *after;

	lab_run("nft 'table inet other { chain prerouting { type filter hook prerouting priority -150; counter; }; "
		"chain first { }; }; table ip %s { chain first { }; }'", SAMPLE_TABLE);
	before = lab_output("nft -a list table inet other; nft -a list table ip %s", SAMPLE_TABLE);
	apply(lab, &sample_ruleset);
	apply(lab, &sample_ruleset);
	assert_int_equal(ruleset_remove(lab->netlink, SAMPLE_TABLE), 0);
	assert_int_equal(ruleset_remove(lab->netlink, SAMPLE_TABLE), 0);
	after = lab_output("nft -a list table inet other; nft -a list table ip %s", SAMPLE_TABLE);
	assert_string_equal(before, after);
	free(before);
	free(after);
	lab_run("nft delete table inet other; nft delete table ip %s", SAMPLE_TABLE);
}

static void damage_is_noticed_and_repaired(void **state)
{
	static const char *const damages[] = {
		"nft flush chain inet " SAMPLE_TABLE " postrouting",
		"nft add rule inet " SAMPLE_TABLE " first counter",
		"nft add chain inet " SAMPLE_TABLE " stranger",
		"nft flush table inet " SAMPLE_TABLE,
		"nft delete table inet " SAMPLE_TABLE,
		"nft flush ruleset",
	};
	struct lab *lab = *state;

	assert_int_equal(ruleset_intact(lab->netlink, &sample_ruleset), 0);
	for (size_t i = 0; i < SAMPLE_COUNT(damages); i++) {
		apply(lab, &sample_ruleset);
		lab_run("%s", damages[i]);
		assert_int_equal(ruleset_intact(lab->netlink, &sample_ruleset), 0);
	}
	apply(lab, &sample_ruleset);
}

static void a_batch_for_an_old_generation_is_refused(void **state)
{
	struct lab *lab = *state;
	char message[256];
	struct batch batch;

	batch_start(&batch, lab->netlink, SAMPLE_TABLE, 0x7fffffff);
	message_table_add(&batch, 0);
	assert_int_equal(batch_commit(&batch, message, sizeof(message)), -ERESTART);
	batch_free(&batch);
	assert_int_not_equal(lab_try("nft list table inet %s >/dev/null 2>&1", SAMPLE_TABLE), 0);
}

static void commit_without_a_pause(void)
{
	int status = system("for i in $(seq 60); do nft add table ip busy && nft delete table ip busy || exit 1; done");

	_exit(status == 0 ? 0 : 1);
}

static void succeeds_while_others_commit(void **state)
{
	struct lab *lab = *state;
	pid_t other = fork();
	int status = -1;

	assert_true(other >= 0);
	if (other == 0)
		commit_without_a_pause();
	while (waitpid(other, &status, WNOHANG) == 0)
		apply(lab, &sample_ruleset);
	assert_int_equal(status, 0);
}

static void others_cannot_touch_an_owned_table(void **state)
{
	struct lab *lab = *state, owner = *lab, second = { .features = { .owner = true } };
	char message[512] = "";

	if (!lab->owner) {
		print_message("SKIP: this kernel has no table flags owner and persist\n");
		skip();
	}
	owner.features.owner = true;
	second.features.native_queue = lab->features.native_queue;
	assert_int_equal(netlink_open(NETLINK_NETFILTER, &owner.netlink), 0);
	assert_int_equal(netlink_open(NETLINK_NETFILTER, &second.netlink), 0);
	apply(&owner, &sample_ruleset);
	apply(&owner, &sample_ruleset);
	lab_run("nft flush ruleset; ! nft add chain inet %s stranger 2>/dev/null", SAMPLE_TABLE);
	assert_int_equal(ruleset_intact(lab->netlink, &sample_ruleset), 1);
	assert_int_equal(ruleset_apply(second.netlink, &sample_ruleset, &second.features, message, sizeof(message)),
		-EPERM);
	assert_lists(message, "table " SAMPLE_TABLE);

	/* It outlives its owner, and the next one takes it over. */
	netlink_close(owner.netlink);
	assert_int_equal(ruleset_intact(second.netlink, &sample_ruleset), 1);
	apply(&second, &sample_ruleset);
	lab_run("nft flush ruleset");
	assert_int_equal(ruleset_intact(second.netlink, &sample_ruleset), 1);
	assert_int_equal(ruleset_remove(second.netlink, SAMPLE_TABLE), 0);

	/* One that was made without the flags is used as it is. */
	apply(lab, &sample_ruleset);
	apply(&second, &sample_ruleset);
	netlink_close(second.netlink);
}

static void long_lists_are_split(void **state)
{
	enum { COUNT_NETWORKS = 20000 };
	struct network *items = calloc(COUNT_NETWORKS, sizeof(*items));
	struct statement statements[] = {
		SAMPLE_FOUR,
		{ .kind = MATCH_SOURCE, .family = IPV4, .networks = { items, COUNT_NETWORKS } },
		{ .kind = DROP },
	};
	struct ruleset_rule rule = { .comment = "blocked", .statements = statements, .count = 3 };
	struct chain chain = { .name = "prerouting", .kind = CHAIN_FILTER, .hook = HOOK_PREROUTING,
		.rules = &rule, .count = 1 };
	struct ruleset ruleset = { .table = SAMPLE_TABLE, .chains = &chain, .chain_count = 1 };
	char *text;

	assert_non_null(items);
	for (unsigned int i = 0; i < COUNT_NETWORKS; i++)
		items[i] = (struct network){ .length = 24,
			.address.bytes = { (uint8_t)(20 + i / 32768), (uint8_t)(i >> 7), (uint8_t)(i << 1) } };
	apply(*state, &ruleset);
	text = lab_output("nft list chain inet %s prerouting | grep -o '[0-9.]*/24' | sort -u | wc -l", SAMPLE_TABLE);
	assert_int_equal(atoi(text), COUNT_NETWORKS);
	free(text);
	free(items);
}

static void comments_are_cut_to_what_nft_takes(void **state)
{
	char comment[200];
	struct ruleset_rule rules[] = { SAMPLE_RULE(comment, { .kind = COUNT }) };
	struct chain chain = { .name = "long", .rules = rules, .count = 1 };
	struct ruleset ruleset = { .table = SAMPLE_TABLE, .chains = &chain, .chain_count = 1 };
	char *text;

	/* The 128th byte is the first of a character of two. */
	memset(comment, 'c', sizeof(comment));
	memcpy(comment + 127, "\xc3\xa4", 2);
	comment[sizeof(comment) - 1] = '\0';
	apply(*state, &ruleset);
	text = lab_output("nft list chain inet %s long | grep -o 'ccc*\"'", SAMPLE_TABLE);
	assert_int_equal(strlen(text), 127 + 2);
	free(text);
}

#define TEST(function) cmocka_unit_test_teardown(function, lab_clean)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(probing_leaves_nothing),
		TEST(every_kind_loads),
		TEST(printed_text_is_what_nft_reads),
		TEST(base_chains_stay_and_regular_ones_change),
		TEST(a_base_chain_that_moved_is_made_anew),
		TEST(counters_keep_their_values),
		TEST(counters_are_told_all_at_once),
		TEST(a_bad_rule_changes_nothing),
		TEST(other_tables_are_left_alone),
		TEST(damage_is_noticed_and_repaired),
		TEST(a_batch_for_an_old_generation_is_refused),
		TEST(succeeds_while_others_commit),
		TEST(others_cannot_touch_an_owned_table),
		TEST(long_lists_are_split),
		TEST(comments_are_cut_to_what_nft_takes),
	};

	if (!lab_enter()) {
		print_message("SKIP: a network namespace needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, open_lab, lab_close);
}
