/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of tiers.h: which links take connections, with every algorithm, and which are worse than others. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/explain.h"
#include "core/loads.h"
#include "core/tiers.h"
#include "sample_gateway.h"

#define TCP 6

#define LINKS                                                                              \
	"zones: { lan: { devices: [lan0] } }\n"                                            \
	"links:\n"                                                                         \
	"  fiber: { device: wan1, weight: 3, labels: [wired], nat: none }\n"               \
	"  cable: { device: wan2, weight: 1, labels: [wired], nat: none }\n"               \
	"  lte: { device: wwan0, weight: 2, nat: none }\n"                                 \
	"  sat: { device: wan4, weight: 5, nat: none }\n"

enum { FIBER = 1, CABLE = 2, LTE = 4, SAT = 8 };

struct world {
	struct sample_gateway *gateway;
	struct sticky *sticky;
	struct snapshot *snapshot;
	struct decision decision; /* the last one */
};

static void open_world(struct world *world, const char *policies)
{
	char yaml[2048];

	snprintf(yaml, sizeof(yaml), "%spolicies:\n%s", LINKS, policies);
	*world = (struct world){ .gateway = gateway_new(yaml), .sticky = sticky_new(1024) };
	assert_non_null(world->sticky);
	world->snapshot = gateway_snapshot(world->gateway, world->sticky, NULL);
}

static void close_world(struct world *world)
{
	snapshot_free(world->snapshot);
	sticky_free(world->sticky);
	gateway_free(world->gateway);
}

/* Links that are not in up are down, those of suspects are suspect. */
static void set_links(struct world *world, unsigned int up, unsigned int suspects)
{
	struct snapshot *before = world->snapshot;

	for (size_t i = 0; i < world->gateway->config->link_count; i++) {
		world->gateway->view.links[i].usable = (up >> i & 1) != 0;
		world->gateway->view.links[i].suspect = (suspects >> i & 1) != 0;
	}
	world->snapshot = gateway_snapshot(world->gateway, world->sticky, before);
	snapshot_free(before);
}

/* The link of a connection of that host to that port, as a bit. 0: none. */
static unsigned int go(struct world *world, unsigned int host, uint16_t port)
{
	struct decide_context context = { .now_ms = 1000000, .random = (uint64_t)rand() << 31 ^ (uint64_t)rand() };
	struct flow flow;
	char from[32];

	snprintf(from, sizeof(from), "10.0.1.%u", host);
	flow = gateway_flow(world->gateway, "lan0", TCP, from, 40000, "203.0.113.1", port);
	decide(world->snapshot, &flow, &context, &world->decision, NULL);
	for (size_t i = 0; i < world->gateway->config->link_count; i++) {
		if (world->gateway->ids.links[i] == world->decision.link)
			return 1u << i;
	}
	return 0;
}

/* How many of 400 connections of different hosts each link got; they are told as bits, too. */
static unsigned int spread(struct world *world, unsigned int *counts)
{
	unsigned int links = 0;

	memset(counts, 0, 4 * sizeof(*counts));
	for (unsigned int i = 0; i < 400; i++) {
		unsigned int link = go(world, 2 + i % 200, (uint16_t)(1000 + i));

		links |= link;
		for (unsigned int j = 0; j < 4; j++)
			counts[j] += link >> j & 1;
	}
	return links;
}

struct expected {
	unsigned int up, suspects, taken;
};

/* What takes connections of [[fiber, cable], lte]; algorithms that do not spread take the first of these. */
static const struct expected two_tiers[] = {
	{ FIBER | CABLE | LTE, 0, FIBER | CABLE },
	{ CABLE | LTE, 0, CABLE },
	{ LTE, 0, LTE },
	{ FIBER | LTE, 0, FIBER },
	{ FIBER | CABLE | LTE, FIBER, CABLE },
	{ FIBER | CABLE | LTE, FIBER | CABLE, LTE },
	{ FIBER | LTE, FIBER | LTE, FIBER },
	{ FIBER | CABLE | LTE, FIBER | CABLE | LTE, FIBER | CABLE },
	{ SAT, 0, 0 },
};

static bool spreads(const char *algorithm)
{
	return strcmp(algorithm, "priority") != 0 && strcmp(algorithm, "spillover") != 0
	       && strcmp(algorithm, "lowest-latency") != 0;
}

static bool goes_by_counts(const char *algorithm)
{
	return strstr(algorithm, "bytes") != NULL || strncmp(algorithm, "least", 5) == 0;
}

static void every_algorithm_stays_within_the_best_tier(void **state)
{
	static const char *const algorithms[] = { "round-robin", "round-robin, share: bytes", "random", "hash", "priority",
		"least-connections", "least-load", "spillover", "fastest", "lowest-latency" };

	(void)state;
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++) {
		struct world world;
		char policy[256];

		snprintf(policy, sizeof(policy), "  - { name: a, balance: { algorithm: %s, links: [[fiber, cable], lte], if-none: drop } }\n",
			algorithms[i]);
		open_world(&world, policy);
		for (size_t j = 0; j < sizeof(two_tiers) / sizeof(*two_tiers); j++) {
			const struct expected *expected = &two_tiers[j];
			unsigned int counts[4], first = expected->taken & -expected->taken, links;

			set_links(&world, expected->up, expected->suspects);
			links = spread(&world, counts);
			/* Nobody counts bytes or connections here: who is picked by them may stay so. */
			if (goes_by_counts(algorithms[i]) && (links & ~expected->taken) == 0 && (links != 0) == (first != 0))
				continue;
			if (links != (spreads(algorithms[i]) ? expected->taken : first))
				fail_msg("%s, up %x, suspect %x: %x took connections", algorithms[i], expected->up, expected->suspects, links);
			assert_int_equal(world.decision.none_usable, expected->taken == 0);
		}
		close_world(&world);
	}
}

static void by_packet_has_its_links_by_tier(void **state)
{
	static const unsigned int tiers[] = { 0, 0, 1 };
	const struct candidate *candidates;
	struct world world;
	size_t count;

	(void)state;
	open_world(&world, "  - { name: a, balance: { algorithm: by-packet, links: [[fiber, cable], lte] } }\n");
	for (size_t i = 0; i < sizeof(two_tiers) / sizeof(*two_tiers); i++) {
		set_links(&world, two_tiers[i].up, two_tiers[i].suspects);
		candidates = balancer_candidates(world.snapshot->balancers[0], &count);
		assert_int_equal(count, 3);
		for (size_t j = 0; j < count; j++) {
			assert_int_equal(candidates[j].usable, two_tiers[i].taken >> j & 1);
			assert_int_equal(candidates[j].tier, tiers[j]);
		}
	}
	close_world(&world);
}

static void weights_share_within_a_tier(void **state)
{
	unsigned int counts[4];
	struct world world;

	(void)state;
	open_world(&world, "  - { name: a, balance: { links: [wired, [lte, sat]], weights: { sat: 6 } } }\n");
	assert_int_equal(spread(&world, counts), FIBER | CABLE);
	assert_true(counts[0] == 300 && counts[1] == 100);
	set_links(&world, LTE | SAT, 0);
	assert_int_equal(spread(&world, counts), LTE | SAT);
	assert_true(counts[2] == 100 && counts[3] == 300);
	close_world(&world);
}

/* The order of flat lists means what it always did; a label stands in the first tier that names it. */
static void what_makes_a_tier(void **state)
{
	static const struct {
		const char *links;
		unsigned int tiers[4]; /* of the choices, in their order */
		size_t count;
	} lists[] = {
		{ "[lte, fiber]", { 0, 0 }, 2 },
		{ "wired", { 0, 0 }, 2 },
		{ "[[lte, fiber]]", { 0, 0 }, 2 },
		{ "[[lte], fiber]", { 0, 1 }, 2 },
		{ "[[cable], wired, internet]", { 0, 1, 2, 2 }, 4 },
		{ "[lte, [wired], sat]", { 0, 1, 1, 2 }, 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		const struct balance *balance;
		struct world world;
		char policy[256];

		snprintf(policy, sizeof(policy), "  - { name: a, balance: { links: %s } }\n", lists[i].links);
		open_world(&world, policy);
		balance = &world.gateway->config->policies[0].balance;
		assert_int_equal(balance->count, lists[i].count);
		for (size_t j = 0; j < balance->count; j++)
			assert_int_equal(balance->choices[j].tier, lists[i].tiers[j]);
		assert_int_equal(tiers_many(balance), lists[i].tiers[balance->count - 1] > 0);
		close_world(&world);
	}
}

/* Telephone and call by two policies, and what becomes of a new call when the better tier is back. */
static unsigned int new_call_after_recovery(const char *on_recovery)
{
	unsigned int sip, rtp;
	struct world world;
	char policies[512];

	snprintf(policies, sizeof(policies),
		"  - { name: sip, match: { protocol: tcp, to-port: 5060 }, balance: { algorithm: random, links: [wired, [lte, sat]], "
		"together: by source, on-recovery: %s } }\n"
		"  - { name: rtp, balance: { algorithm: random, links: [wired, [lte, sat]], together: by source, on-recovery: %s } }\n",
		on_recovery, on_recovery);
	open_world(&world, policies);
	for (unsigned int host = 2; host < 100; host++) {
		set_links(&world, LTE | SAT, 0);
		sip = go(&world, host, 5060);
		assert_true((sip & (LTE | SAT)) != 0);
		assert_int_equal(go(&world, host, 443), sip);
		set_links(&world, FIBER | CABLE | LTE | SAT, 0);
		rtp = go(&world, host, 443);
		assert_int_equal(world.decision.sticky, rtp == sip);
		/* What registers anew goes where the call went. */
		assert_int_equal(go(&world, host, 5060), rtp);
		assert_true(rtp == sip || (rtp & (FIBER | CABLE)) != 0);
	}
	close_world(&world);
	return rtp == sip ? LTE | SAT : FIBER | CABLE;
}

static void keys_go_back_together_or_not_at_all(void **state)
{
	(void)state;
	assert_int_equal(new_call_after_recovery("keep"), LTE | SAT);
	assert_int_equal(new_call_after_recovery("move-idle"), LTE | SAT);
	assert_int_equal(new_call_after_recovery("cut"), FIBER | CABLE);
}

/* With priority the order within a tier is one of better and worse, too. */
static void a_key_behind_the_first(void **state)
{
	static const char *const on_recovery[] = { "keep", "cut" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world world;
		char policy[256];

		snprintf(policy, sizeof(policy), "  - { name: a, balance: { algorithm: priority, links: [fiber, cable], sticky: {}, on-recovery: %s } }\n",
			on_recovery[i]);
		open_world(&world, policy);
		set_links(&world, CABLE, 0);
		assert_int_equal(go(&world, 7, 443), CABLE);
		set_links(&world, FIBER | CABLE, 0);
		assert_int_equal(go(&world, 7, 443), i == 0 ? CABLE : FIBER);
		close_world(&world);
	}
}

static uint64_t worse(const char *balance, unsigned int up, unsigned int suspects)
{
	struct world world;
	char policy[256];
	uint64_t links;

	snprintf(policy, sizeof(policy), "  - { name: a, balance: { %s } }\n", balance);
	open_world(&world, policy);
	set_links(&world, up, suspects);
	links = tiers_worse(world.gateway->config, &world.gateway->config->policies[0].balance, world.gateway->view.links);
	close_world(&world);
	return links;
}

static void what_is_worse(void **state)
{
	(void)state;
	assert_int_equal(worse("links: [wired, [lte], sat]", FIBER | LTE, 0), LTE | SAT);
	assert_int_equal(worse("links: [wired, [lte], sat]", LTE | SAT, 0), SAT);
	assert_int_equal(worse("links: [wired, [lte], sat]", FIBER | LTE, FIBER), SAT);
	assert_int_equal(worse("links: [wired, [lte], sat]", 0, 0), 0);
	assert_int_equal(worse("links: [wired, [lte]]", SAT, 0), 0);
	assert_int_equal(worse("links: [wired, lte]", 7, 0), 0);
	assert_int_equal(worse("algorithm: lowest-latency, links: [fiber, lte]", 7, 0), 0);
	assert_int_equal(worse("algorithm: spillover, links: [fiber, lte]", 7, 0), 0);
	assert_int_equal(worse("algorithm: priority, links: [fiber, cable, lte]", FIBER | CABLE, 0), CABLE | LTE);
	assert_int_equal(worse("algorithm: priority, links: [fiber, cable, lte]", CABLE | LTE, 0), LTE);
	assert_int_equal(worse("algorithm: priority, links: [fiber, cable, lte]", FIBER | CABLE, FIBER), LTE);
	assert_int_equal(worse("links: [fiber, cable], if-none: any", FIBER | LTE, 0), LTE | SAT);
	assert_int_equal(worse("links: [fiber, cable], if-none: any", LTE | SAT, 0), 0);
}

static uint64_t surpassed(const char *balance, unsigned int before, unsigned int now, uint64_t *ret_leavable)
{
	struct link_view links[4];
	struct world world;
	char policy[256];
	uint64_t found;

	snprintf(policy, sizeof(policy), "  - { name: a, balance: { %s } }\n", balance);
	open_world(&world, policy);
	set_links(&world, before, 0);
	memcpy(links, world.gateway->view.links, sizeof(links));
	set_links(&world, now, 0);
	found = tiers_surpassed(world.gateway->config, &world.gateway->config->policies[0].balance, links, world.gateway->view.links);
	*ret_leavable = tiers_leavable(world.gateway->config, &world.gateway->config->policies[0].balance, world.gateway->view.links);
	close_world(&world);
	return found;
}

static void what_has_become_worse(void **state)
{
	uint64_t leavable;

	(void)state;
	assert_int_equal(surpassed("links: [wired, [lte], sat]", LTE | SAT, FIBER | LTE | SAT, &leavable), LTE);
	assert_int_equal(leavable, LTE | SAT);
	assert_int_equal(surpassed("links: [wired, [lte], sat]", SAT, FIBER | LTE | SAT, &leavable), LTE | SAT);
	/* Another one of the same tier, and a link that fails, make nothing worse. */
	assert_int_equal(surpassed("links: [wired, [lte]]", FIBER | LTE, FIBER | CABLE | LTE, &leavable), 0);
	assert_int_equal(surpassed("links: [wired, [lte]]", FIBER | LTE, LTE, &leavable), 0);
	assert_int_equal(leavable, 0);
	/* Of spillover, what stood behind the one that was away. */
	assert_int_equal(surpassed("algorithm: spillover, links: [fiber, cable, lte]", CABLE | LTE, 7, &leavable), CABLE | LTE);
	assert_int_equal(leavable, CABLE | LTE);
	assert_int_equal(surpassed("algorithm: spillover, links: [fiber, cable, lte]", FIBER | LTE, 7, &leavable), LTE);
	assert_int_equal(surpassed("algorithm: spillover, links: [fiber, cable, lte]", FIBER | CABLE, 7, &leavable), 0);
	assert_int_equal(surpassed("algorithm: spillover, links: [[fiber, cable], lte]", FIBER | LTE, 7, &leavable), 0);
	assert_int_equal(surpassed("algorithm: spillover, links: [[fiber, cable], lte]", LTE, 7, &leavable), CABLE | LTE);
}

static const char *told(struct world *world, struct arena *arena, const char *link, unsigned int *ret_tier)
{
	struct flow flow = gateway_flow(world->gateway, "lan0", TCP, "10.0.1.5", 40000, "203.0.113.1", 443);
	struct explanation explanation;

	assert_int_equal(explain(arena, world->snapshot, &flow, 1000000, &explanation), 0);
	for (size_t i = 0; i < explanation.link_count; i++) {
		if (strcmp(explanation.links[i].name, link) != 0)
			continue;
		*ret_tier = explanation.links[i].tier;
		return explanation.links[i].reason;
	}
	fail_msg("%s is no candidate", link);
	return "";
}

static void explain_tells_tiers(void **state)
{
	struct arena *arena = arena_new();
	struct world world;
	unsigned int tier;

	(void)state;
	open_world(&world, "  - { name: a, balance: { links: [[fiber], [cable], lte], sticky: {} } }\n");
	assert_string_equal(told(&world, arena, "fiber", &tier), "chosen");
	assert_int_equal(tier, 1);
	assert_string_equal(told(&world, arena, "lte", &tier), "backup: tier 1 is usable");
	assert_int_equal(tier, 3);
	set_links(&world, CABLE | LTE, 0);
	assert_string_equal(told(&world, arena, "fiber", &tier), "down");
	assert_string_equal(told(&world, arena, "lte", &tier), "backup: tier 2 is usable");
	set_links(&world, LTE, 0);
	go(&world, 5, 443);
	set_links(&world, FIBER | LTE, 0);
	assert_string_equal(told(&world, arena, "lte", &tier), "chosen: it had this key before; backup: tier 1 is usable");
	close_world(&world);
	open_world(&world, "  - { name: a, balance: { links: [fiber, cable] } }\n");
	told(&world, arena, "fiber", &tier);
	assert_int_equal(tier, 0);
	close_world(&world);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_algorithm_stays_within_the_best_tier),
		cmocka_unit_test(by_packet_has_its_links_by_tier),
		cmocka_unit_test(weights_share_within_a_tier),
		cmocka_unit_test(what_makes_a_tier),
		cmocka_unit_test(keys_go_back_together_or_not_at_all),
		cmocka_unit_test(a_key_behind_the_first),
		cmocka_unit_test(what_is_worse),
		cmocka_unit_test(what_has_become_worse),
		cmocka_unit_test(explain_tells_tiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
