/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves against the real kernel that an update touches what differs and nothing else, and ends up right. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/ruleset.h"
#include "kernel/ruleset_elements.h"
#include "../../unit/sample_ruleset.h"
#include "own_network.h"
#include "ruleset_lab.h"

#define PORT 7001

static uint32_t generation(struct lab *lab)
{
	uint32_t number = 0;

	assert_int_equal(ruleset_generation(lab->netlink, &number), 0);
	return number;
}

static char *handle_of(const char *comment)
{
	return lab_output("nft -a list table inet " SAMPLE_TABLE " | grep '\"%s\"' | grep -o 'handle [0-9]*'", comment);
}

static bool take_address(const struct ruleset_element *element, void *data)
{
	(void)element;
	++*(size_t *)data;
	return true;
}

static size_t elements(struct lab *lab, const char *set)
{
	size_t count = 0;

	assert_int_equal(ruleset_elements_list(lab->netlink, SAMPLE_TABLE, set, IPV4, take_address, &count), 0);
	return count;
}

/* Two chains that count what the base chain sends them, by the mark; who sent a packet is remembered. */
struct house {
	struct statement to_first[2], to_second[2], add[4];
	struct ruleset_rule base_rules[4], first_rules[1], second_rules[1];
	struct statement dispatch[1], count_first[1], count_second[1];
	struct mark_chain pairs[2];
	struct network offices[2];
	struct chain chains[3];
	struct ruleset_set sets[4];
	const char *counters[2];
	struct ruleset ruleset;
};

static struct ruleset_rule rule_of(const char *comment, struct statement *statements, size_t count)
{
	return (struct ruleset_rule){ .comment = comment, .statements = statements, .count = count };
}

static void make_sets(struct house *g)
{
	const struct packet_keys source = SAMPLE_KEYS(PACKET_SOURCE);

	g->pairs[0] = (struct mark_chain){ 1, "first" };
	g->pairs[1] = (struct mark_chain){ 2, "second" };
	g->offices[0] = (struct network)SAMPLE_IPV4(8, 127);
	g->sets[0] = (struct ruleset_set){ .name = "ways", .kind = SET_CHAINS, .chains = g->pairs, .chain_count = 2 };
	g->sets[1] = (struct ruleset_set){ .name = "offices", .kind = SET_NETWORKS, .networks = { g->offices, 1 } };
	g->sets[2] = (struct ruleset_set){ .name = "senders", .kind = SET_DYNAMIC, .keys = source, .timeout_ms = 600000,
		.size = 16 };
	g->sets[3] = (struct ruleset_set){ .name = "verdicts", .kind = SET_DYNAMIC, .keys = source, .size = 16,
		.refill = true };
}

static void make_house(struct house *g)
{
	static uint32_t udp = IPPROTO_UDP;

	*g = (struct house){
		.dispatch = { { .kind = DISPATCH, .mask = 3, .name = "ways" } },
		.count_first = { { .kind = COUNT_NAMED, .name = "first" } },
		.count_second = { { .kind = COUNT_NAMED, .name = "second" } },
		.add = { SAMPLE_FOUR, { .kind = MATCH_PROTOCOL, .values = { &udp, 1 } },
			{ .kind = MATCH_IN_SET, .name = "offices", .keys = SAMPLE_KEYS(PACKET_SOURCE) },
			{ .kind = ADD_TO_SET, .name = "senders", .keys = SAMPLE_KEYS(PACKET_SOURCE) } },
		.counters = { "first", "second" },
	};
	make_sets(g);
	g->base_rules[0] = rule_of("dispatch", g->dispatch, 1);
	g->base_rules[1] = rule_of("remember", g->add, 4);
	g->first_rules[0] = rule_of("count first", g->count_first, 1);
	g->second_rules[0] = rule_of("count second", g->count_second, 1);
	g->chains[0] = (struct chain){ .name = "base", .kind = CHAIN_FILTER, .hook = HOOK_OUTPUT, .rules = g->base_rules,
		.count = 2 };
	g->chains[1] = (struct chain){ .name = "first", .rules = g->first_rules, .count = 1 };
	g->chains[2] = (struct chain){ .name = "second", .rules = g->second_rules, .count = 1 };
	g->ruleset = (struct ruleset){ .table = SAMPLE_TABLE, .chains = g->chains, .chain_count = 3, .sets = g->sets,
		.set_count = 4, .counters = { g->counters, 2 } };
}

/* But for a set that is to be emptied each time. */
static void the_same_again_changes_nothing(void **state)
{
	struct lab *lab = *state;
	struct house g;
	uint32_t before;

	make_house(&g);
	g.sets[3].refill = false;
	lab_update(lab, &g.ruleset);
	before = generation(lab);
	lab_update(lab, &g.ruleset);
	assert_int_equal(generation(lab), before);
	lab_run("nft add table ip stranger");
	lab_update(lab, &g.ruleset);
	lab_update(lab, &g.ruleset);
	assert_int_equal(generation(lab), before + 1);
	lab_run("nft delete table ip stranger");

	/* What empties a set counts as one change, whether there was something in it or not. */
	g.sets[3].refill = true;
	lab_update(lab, &g.ruleset);
	lab_update(lab, &g.ruleset);
	assert_int_equal(generation(lab), before + 4);
}

static void only_the_chain_that_differs_is_touched(void **state)
{
	struct lab *lab = *state;
	char *first, *second, *first_after, *second_after;
	struct house g;

	make_house(&g);
	lab_update(lab, &g.ruleset);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 1, 5);
	lab_send("127.0.0.2", "127.0.0.1", PORT, 2, 3);
	first = handle_of("count first");
	second = handle_of("count second");
	g.count_second[0].kind = COUNT;
	lab_run("nft add table ip stranger"); /* which makes us look whether ours is whole */
	lab_update(lab, &g.ruleset);
	lab_run("nft delete table ip stranger");
	first_after = handle_of("count first");
	second_after = handle_of("count second");
	assert_string_equal(first, first_after);
	assert_string_not_equal(second, second_after);
	free(first);
	free(second);
	free(first_after);
	free(second_after);

	/* Named counters and what rules put into sets stay; the map still leads there. */
	lab_send("127.0.0.1", "127.0.0.1", PORT, 1, 1);
	assert_int_equal(lab_counted(lab, "first"), 6);
	assert_int_equal(lab_counted(lab, "second"), 3);
	assert_int_equal(elements(lab, "senders"), 2);
}

static void sets_are_filled_anew_where_they_differ(void **state)
{
	struct lab *lab = *state;
	struct house g;

	make_house(&g);
	lab_update(lab, &g.ruleset);
	g.pairs[0].mark = 2;
	g.pairs[1].mark = 1;
	g.offices[0] = (struct network)SAMPLE_IPV4(32, 127, 0, 0, 3);
	g.offices[1] = (struct network)SAMPLE_IPV4(32, 127, 0, 0, 4);
	g.sets[1].networks.count = 2;
	lab_update(lab, &g.ruleset);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 1, 2);
	lab_send("127.0.0.4", "127.0.0.1", PORT, 2, 7);
	assert_int_equal(lab_counted(lab, "first"), 7);
	assert_int_equal(lab_counted(lab, "second"), 2);
	assert_int_equal(elements(lab, "senders"), 1);

	/* A chain goes, and with it what leads there; another one comes. */
	g.sets[0].chain_count = 1;
	g.chains[2].name = "third";
	g.pairs[0].chain = "third";
	lab_update(lab, &g.ruleset);
	lab_send("127.0.0.4", "127.0.0.1", PORT, 2, 1);
	assert_int_equal(lab_counted(lab, "second"), 3);
	assert_int_not_equal(lab_try("nft list chain inet %s second >/dev/null 2>&1", SAMPLE_TABLE), 0);
}

static void dynamic_sets_keep_what_they_hold(void **state)
{
	const struct ruleset_element element = { .address = { .family = IPV4, .bytes = { 192, 0, 2, 1 } },
		.timeout_ms = 100000 };
	struct lab *lab = *state;
	char message[512] = "";
	struct house g;

	make_house(&g);
	lab_update(lab, &g.ruleset);
	assert_int_equal(ruleset_elements_add(lab->netlink, SAMPLE_TABLE, "senders", &element, 1), 0);
	assert_int_equal(ruleset_elements_add(lab->netlink, SAMPLE_TABLE, "verdicts", &element, 1), 0);
	assert_int_equal(elements(lab, "verdicts"), 1);
	lab_update(lab, &g.ruleset);
	assert_int_equal(elements(lab, "senders"), 1);
	assert_int_equal(elements(lab, "verdicts"), 0);

	/* Also where all is built anew; but not in a set of another type. */
	assert_int_equal(ruleset_elements_add(lab->netlink, SAMPLE_TABLE, "verdicts", &element, 1), 0);
	assert_int_equal(ruleset_apply(lab->netlink, &g.ruleset, &lab->features, message, sizeof(message)), 0);
	assert_int_equal(elements(lab, "senders"), 1);
	assert_int_equal(elements(lab, "verdicts"), 0);
	g.sets[2].size = 32;
	lab_update(lab, &g.ruleset);
	assert_int_equal(elements(lab, "senders"), 0);
}

/* The kernel looks for loops among old rules too: then all is built anew. */
static void jumps_may_turn_round(void **state)
{
	struct lab *lab = *state;
	struct house g;

	make_house(&g);
	g.sets[0].chain_count = 1;
	g.count_first[0] = (struct statement){ .kind = JUMP, .name = "second" };
	lab_update(lab, &g.ruleset);
	g.pairs[0].chain = "second";
	g.count_first[0] = (struct statement){ .kind = COUNT_NAMED, .name = "first" };
	g.count_second[0] = (struct statement){ .kind = JUMP, .name = "first" };
	lab_update(lab, &g.ruleset);
	lab_send("127.0.0.1", "127.0.0.1", PORT, 1, 4);
	assert_int_equal(lab_counted(lab, "first"), 4);
}

static void what_others_broke_is_built_whole(void **state)
{
	static const char *const damages[] = {
		"nft flush chain inet " SAMPLE_TABLE " first",
		"nft add rule inet " SAMPLE_TABLE " first counter",
		"nft 'flush chain inet " SAMPLE_TABLE " base; delete set inet " SAMPLE_TABLE " senders'",
		"nft flush table inet " SAMPLE_TABLE,
		"nft delete table inet " SAMPLE_TABLE,
	};
	struct lab *lab = *state;
	struct house g;

	make_house(&g);
	for (size_t i = 0; i < SAMPLE_COUNT(damages); i++) {
		lab_update(lab, &g.ruleset);
		lab_run("%s", damages[i]);
		assert_int_equal(ruleset_intact(lab->netlink, &g.ruleset), 0);
		g.count_second[0].kind = i % 2 == 0 ? COUNT : COUNT_NAMED;
		lab_update(lab, &g.ruleset);
	}
}

static void a_refused_update_leaves_all_as_it_was(void **state)
{
	struct lab *lab = *state;
	char message[512] = "";
	struct house g, bad;
	uint32_t before;

	make_house(&g);
	make_house(&bad);
	g.sets[3].refill = false;
	bad.count_first[0] = (struct statement){ .kind = JUMP, .name = "nowhere" };
	bad.count_second[0].kind = COUNT;
	lab_update(lab, &g.ruleset);
	before = generation(lab);
	assert_int_equal(ruleset_update(lab->netlink, lab->memory, &bad.ruleset, &lab->features, message,
		sizeof(message)), -ENOENT);
	assert_non_null(strstr(message, "rule `count first' in chain first"));
	assert_int_equal(generation(lab), before);
	lab_update(lab, &g.ruleset);
	assert_int_equal(generation(lab), before);
}

/* Nothing may follow what may end the rule on its own. */
static void what_must_be_last_is_last(void **state)
{
	struct lab *lab = *state;
	struct statement statements[2] = { { .kind = DISPATCH, .mask = 3, .name = "ways" }, { .kind = DROP } };
	char message[512] = "";
	struct house g;

	make_house(&g);
	g.base_rules[0] = rule_of("dispatch", statements, 2);
	assert_int_equal(ruleset_update(lab->netlink, lab->memory, &g.ruleset, &lab->features, message, sizeof(message)),
		-EINVAL);
	assert_non_null(strstr(message, "rule `dispatch'"));
}

static void a_hundred_thousand_networks_load(void **state)
{
	enum { COUNT_NETWORKS = 100000 };
	struct network *items = calloc(COUNT_NETWORKS, sizeof(*items));
	struct ruleset_set set = { .name = "offices", .kind = SET_NETWORKS, .networks = { items, COUNT_NETWORKS } };
	struct lab *lab = *state;
	struct house g;
	double start;
	char *text;

	assert_non_null(items);
	for (unsigned int i = 0; i < COUNT_NETWORKS; i++)
		items[i] = (struct network){ .length = 25,
			.address.bytes = { (uint8_t)(20 + i / 65536), (uint8_t)(i >> 8), (uint8_t)i } };
	make_house(&g);
	g.sets[1] = set;
	start = now_s();
	lab_update(lab, &g.ruleset);
	print_message("100,000 networks: %.0f ms", (now_s() - start) * 1e3);
	items[COUNT_NETWORKS - 1] = (struct network)SAMPLE_IPV4(32, 127, 0, 0, 9);
	start = now_s();
	lab_update(lab, &g.ruleset);
	print_message(", one of them changed: %.0f ms\n", (now_s() - start) * 1e3);
	lab_send("127.0.0.9", "127.0.0.1", PORT, 0, 1);
	lab_send("127.0.0.8", "127.0.0.1", PORT, 0, 1);
	assert_int_equal(elements(lab, "senders"), 1);
	text = lab_output("nft list set inet %s offices | grep -o '/25' | wc -l", SAMPLE_TABLE);
	assert_int_equal(atoi(text), COUNT_NETWORKS - 1);
	free(text);
	free(items);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, lab_remember, lab_clean)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_same_again_changes_nothing),
		TEST(only_the_chain_that_differs_is_touched),
		TEST(sets_are_filled_anew_where_they_differ),
		TEST(dynamic_sets_keep_what_they_hold),
		TEST(jumps_may_turn_round),
		TEST(what_others_broke_is_built_whole),
		TEST(a_refused_update_leaves_all_as_it_was),
		TEST(what_must_be_last_is_last),
		TEST(a_hundred_thousand_networks_load),
	};

	if (!lab_enter()) {
		print_message("SKIP: a network namespace needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, lab_open, lab_close);
}
