/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves against the real kernel that many updates end up as one apply does, and are quicker. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/ruleset_build.h"
#include "kernel/ruleset.h"
#include "../../unit/sample_ruleset.h"
#include "own_network.h"
#include "ruleset_lab.h"

#define OTHER_TABLE "uplinkd-other"

static int clean(void **state)
{
	struct lab *lab = *state;

	ruleset_remove(lab->netlink, OTHER_TABLE);
	return lab_clean(state);
}

static unsigned int below(unsigned int bound)
{
	return (unsigned int)random() % bound;
}

static void random_rules(struct builder *builder, unsigned int own, const unsigned int *exists)
{
	for (unsigned int i = below(4); i > 0; i--) {
		unsigned int other = own + 1 + below(8);

		build_rule(builder, "rule %u", below(3));
		build_mark_is(builder, MATCH_MARK, 0xff, below(4), below(2) == 0);
		if (below(3) == 0)
			build_in_set(builder, "networks", IPV4, (struct packet_keys)SAMPLE_KEYS(PACKET_SOURCE), false);
		if (other < 10 && exists[other]) {
			char name[16];

			snprintf(name, sizeof(name), "chain-%u", other);
			build_jump(builder, JUMP, name);
		} else {
			build_set_mark(builder, 0xff, below(3));
		}
	}
}

static void random_networks(struct builder *builder)
{
	struct network *items = arena_array(builder->arena, 8, sizeof(*items));
	struct ruleset_set set = { .name = "networks", .kind = SET_NETWORKS, .networks = { items, 1 + below(8) } };

	for (size_t i = 0; i < set.networks.count; i++)
		items[i] = (struct network)SAMPLE_IPV4(24, 10, (uint8_t)i, (uint8_t)below(3));
	build_set(builder, set);
}

static void random_map(struct builder *builder, const unsigned int *exists)
{
	struct ruleset_set set = { .name = "map", .kind = SET_CHAINS };

	set.chains = arena_array(builder->arena, 10, sizeof(*set.chains));
	for (unsigned int i = 0; i < 10; i++) {
		if (exists[i] && below(2) == 0)
			set.chains[set.chain_count++] =
				(struct mark_chain){ i, arena_printf(builder->arena, "chain-%u", i) };
	}
	build_set(builder, set);
}

static void random_ruleset(struct arena *arena, struct ruleset *ruleset, const char *table)
{
	unsigned int exists[10];
	struct builder builder;

	build_start(&builder, arena, ruleset, table);
	for (unsigned int i = 0; i < 10; i++)
		exists[i] = below(4) > 0;
	random_networks(&builder);
	if (below(2) == 0)
		random_map(&builder, exists);
	if (below(2) == 0)
		build_set(&builder, (struct ruleset_set){ .name = "dynamic", .kind = SET_DYNAMIC, .family = IPV4,
			.keys = SAMPLE_KEYS(PACKET_SOURCE), .size = 16 });
	build_base_chain(&builder, "base", CHAIN_FILTER, HOOK_FORWARD, 0);
	random_rules(&builder, 0, exists);
	for (unsigned int i = 0; i < 10; i++) {
		char name[16];

		snprintf(name, sizeof(name), "chain-%u", i);
		if (!exists[i])
			continue;
		build_chain(&builder, name);
		random_rules(&builder, i, exists);
	}
	assert_false(builder.failed);
}

/* In the order of names, as chains stand in the order in which they came. */
static char *listed(const char *table)
{
	return lab_output("nft -s list table inet %s | sed 's/^table.*//; s/^}$//' | awk -v RS= '{ gsub(/\\n/, \"~\"); print }' | sort",
		table);
}

static void many_updates_end_up_as_one_apply(void **state)
{
	struct lab *lab = *state;

	for (int i = 0; i < 100; i++) {
		struct arena *arena = arena_new();
		struct ruleset ruleset;
		char message[512] = "", *updated, *applied;

		assert_non_null(arena);
		random_ruleset(arena, &ruleset, SAMPLE_TABLE);
		lab_update(lab, &ruleset);
		ruleset.table = OTHER_TABLE;
		if (below(4) == 0)
			ruleset_remove(lab->netlink, OTHER_TABLE);
		if (ruleset_apply(lab->netlink, &ruleset, &lab->features, message, sizeof(message)) < 0)
			fail_msg("%s", message);
		updated = listed(SAMPLE_TABLE);
		applied = listed(OTHER_TABLE);
		assert_string_equal(updated, applied);
		free(updated);
		free(applied);
		arena_free(arena);
	}
}

static void big_ruleset(struct arena *arena, struct ruleset *ruleset, unsigned int chains, unsigned int other)
{
	struct mark_chain *pairs = arena_array(arena, chains, sizeof(*pairs));
	struct builder builder;

	assert_non_null(pairs);
	build_start(&builder, arena, ruleset, SAMPLE_TABLE);
	for (unsigned int i = 0; i < chains; i++) {
		build_chain(&builder, arena_printf(arena, "policy-%u", i));
		pairs[i] = (struct mark_chain){ i << 8, builder.ruleset->chains[i].name };
		for (unsigned int j = 0; j < 3; j++) {
			build_rule(&builder, "rule %u", j);
			build_mark_is(&builder, MATCH_MARK, 0x3f, j, false);
			build_set_mark(&builder, 0x3f, i == other ? 9 : j + 1);
		}
	}
	build_set(&builder, (struct ruleset_set){ .name = "policies", .kind = SET_CHAINS, .chains = pairs,
		.chain_count = chains });
	build_base_chain(&builder, "base", CHAIN_FILTER, HOOK_OUTPUT, 0);
	build_rule(&builder, "dispatch");
	build_dispatch(&builder, "policies", 0xffffff00);
	assert_false(builder.failed);
}

static double timed_update(struct lab *lab, unsigned int chains, unsigned int other)
{
	struct arena *arena = arena_new();
	struct ruleset ruleset;
	char message[512] = "";
	double start;

	assert_non_null(arena);
	big_ruleset(arena, &ruleset, chains, other);
	start = now_s();
	if (ruleset_update(lab->netlink, lab->memory, &ruleset, &lab->features, message, sizeof(message)) < 0)
		fail_msg("%s", message);
	start = now_s() - start;
	arena_free(arena);
	return start;
}

static void one_chain_of_many_is_quick(void **state)
{
	double whole = timed_update(*state, 2000, UINT32_MAX), one = 1;

	for (unsigned int i = 0; i < 3; i++) {
		double again = timed_update(*state, 2000, i);

		one = again < one ? again : one;
	}
	print_message("2000 chains: %.0f ms, one of them: %.1f ms\n", whole * 1e3, one * 1e3);
	assert_true(one < whole / 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, lab_remember, clean)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(many_updates_end_up_as_one_apply),
		TEST(one_chain_of_many_is_quick),
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
