/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves what `together' promises: connections of one host stay on one link, over policies. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/decide.h"
#include "sample_gateway.h"

#define TCP 6

#define THREE_LINKS                                                     \
	"zones: { lan: { devices: [lan0] } }\n"                         \
	"links:\n"                                                      \
	"  fiber: { device: wan1, weight: 5 }\n"                        \
	"  cable: { device: wan2, weight: 3 }\n"                        \
	"  lte: { device: wwan0, weight: 2 }\n"

struct world {
	struct sample_gateway *gateway;
	struct sticky *sticky;
	struct snapshot *snapshot;
	uint32_t now_s;
	struct decision decision; /* the last one */
};

static void open_world(struct world *world, const char *yaml)
{
	*world = (struct world){ .gateway = gateway_new(yaml), .sticky = sticky_new(1024), .now_s = 1000 };
	assert_non_null(world->sticky);
	world->snapshot = gateway_snapshot(world->gateway, world->sticky, NULL);
}

static void close_world(struct world *world)
{
	snapshot_free(world->snapshot);
	sticky_free(world->sticky);
	gateway_free(world->gateway);
}

/* After links went or came. */
static void renew(struct world *world)
{
	struct snapshot *before = world->snapshot;

	world->snapshot = gateway_snapshot(world->gateway, world->sticky, before);
	snapshot_free(before);
}

static void decide_tcp(struct world *world, const char *device, const char *from, const char *to)
{
	struct flow flow = gateway_flow(world->gateway, device, TCP, from, 40000, to, 443);
	struct decide_context context = { .now_ms = world->now_s * 1000ull, .random = (uint64_t)rand() << 31 ^ (uint64_t)rand() };

	decide(world->snapshot, &flow, &context, &world->decision, NULL);
}

#define TOGETHER THREE_LINKS                                                                                \
	"policies:\n"                                                                                       \
	"  - name: sip\n"                                                                                   \
	"    match: { to: 203.0.113.1 }\n"                                                                  \
	"    balance: { links: [fiber, cable, lte], together: { by: source, for: 60s } }\n"                 \
	"  - name: rtp\n"                                                                                   \
	"    match: { to: 203.0.113.2 }\n"                                                                  \
	"    balance: { links: [cable, lte, fiber], algorithm: random, together: { by: source, for: 20s } }\n" \
	"  - { name: rest, match: { to: internet }, balance: { links: lte, sticky: {} } }\n"

/* What one policy chose another one keeps, as long as any of them sees new connections. */
static void flows_of_a_host_stay_together_over_policies(void **state)
{
	unsigned int taken[3] = { 0 };
	struct world world;

	(void)state;
	open_world(&world, TOGETHER);
	for (int i = 0; i < 60; i++) {
		char from[32];
		uint8_t link;

		snprintf(from, sizeof(from), "10.0.1.%d", i + 5);
		decide_tcp(&world, "lan0", from, i % 2 == 0 ? "203.0.113.1" : "203.0.113.2");
		assert_false(world.decision.sticky);
		link = world.decision.link;
		taken[link - 1]++;
		decide_tcp(&world, "lan0", from, i % 2 == 0 ? "203.0.113.2" : "203.0.113.1");
		assert_true(world.decision.sticky);
		assert_int_equal(world.decision.link, link);
		decide_tcp(&world, "lan0", from, "203.0.113.3");
		assert_int_equal(strcmp(gateway_link_name(world.gateway, world.decision.link), "lte"), 0);
	}
	assert_true(taken[0] > 0 && taken[1] > 0 && taken[2] > 0);
	close_world(&world);
}

static void together_lasts_while_any_of_the_flows_is_new(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, TOGETHER);
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	world.now_s += 30;
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.2"); /* for 20 s, but the first one is for 60 s */
	assert_true(world.decision.sticky);
	world.now_s += 29;
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	assert_true(world.decision.sticky);
	world.now_s += 59;
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.2");
	assert_true(world.decision.sticky);
	world.now_s += 20;
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	assert_false(world.decision.sticky);
	close_world(&world);
}

static void what_is_together_moves_together(void **state)
{
	struct world world;
	const char *name;
	uint8_t moved;

	(void)state;
	open_world(&world, TOGETHER);
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	name = gateway_link_name(world.gateway, world.decision.link);
	gateway_down(world.gateway, name);
	renew(&world);
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.2");
	moved = world.decision.link;
	assert_string_not_equal(gateway_link_name(world.gateway, moved), name);
	gateway_up(world.gateway, name);
	renew(&world);
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	assert_true(world.decision.sticky);
	assert_int_equal(world.decision.link, moved);
	close_world(&world);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_of_a_host_stay_together_over_policies),
		cmocka_unit_test(together_lasts_while_any_of_the_flows_is_new),
		cmocka_unit_test(what_is_together_moves_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
