/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves what by-packet promises: connections without a link, packets that have one each, by the daemon and alone. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/explain.h"
#include "core/plan.h"
#include "ruleset_machine.h"
#include "sample_gateway.h"

#define UDP     17
#define PACKETS 4000
#define FOREIGN 0xff000000 /* bits that are not ours */

#define GATEWAY                                                                                                   \
	"zones: { lan: { devices: [lan0] } }\n"                                                                   \
	"links:\n"                                                                                                \
	"  fiber: { device: wan1, nat: none }\n"                                                                  \
	"  cable: { device: wan2, nat: none }\n"                                                                  \
	"  lte: { device: wan3, gateway: 198.51.3.254 }\n"                                                        \
	"policies:\n"                                                                                             \
	"  - name: own\n"                                                                                         \
	"    match: { to: internet, protocol: udp, to-port: 500 }\n"                                              \
	"    balance: { algorithm: by-packet, links: [fiber, cable], weights: { fiber: 3, cable: 1 } }\n"         \
	"  - name: wide\n"                                                                                        \
	"    match: { to: internet, protocol: udp, to-port: 501 }\n"                                              \
	"    balance: { algorithm: by-packet, weights: { fiber: 1, cable: 1, lte: 2 }, if-none: drop }\n"         \
	"    nat: none\n"                                                                                         \
	"  - { name: rest, match: { to: internet }, balance: { algorithm: priority, links: [lte, fiber] } }\n"

struct world {
	struct sample_gateway *gateway;
	struct sticky *sticky;
	struct snapshot *snapshot;
	struct plan *plan;
	struct mark_layout layout;
};

static void renew(struct world *world)
{
	plan_free(world->plan);
	snapshot_free(world->snapshot);
	world->snapshot = gateway_snapshot(world->gateway, world->sticky, NULL);
	world->plan = plan_new(world->gateway->config, &world->gateway->ids, &world->gateway->view);
	assert_non_null(world->plan);
	world->layout = world->snapshot->layout;
}

static void open_world(struct world *world)
{
	*world = (struct world){ .gateway = gateway_new(GATEWAY), .sticky = sticky_new(64) };
	renew(world);
	srand(1);
}

static void close_world(struct world *world)
{
	plan_free(world->plan);
	snapshot_free(world->snapshot);
	sticky_free(world->sticky);
	gateway_free(world->gateway);
}

static struct flow flow_from(const struct world *world, const char *device, const char *from, const char *to, uint16_t port)
{
	return gateway_flow(world->gateway, device, UDP, from, 4500, to, port);
}

static struct flow flow4(const struct world *world, uint16_t port)
{
	return flow_from(world, "lan0", "10.0.1.5", "203.0.113.1", port);
}

static struct decision decide_on(const struct world *world, const struct flow *flow)
{
	struct decide_context context = { .now_ms = 1000 };
	struct decision decision;

	decide(world->snapshot, flow, &context, &decision, NULL);
	return decision;
}

static void a_connection_has_a_policy_and_no_link(void **state)
{
	struct world world;
	struct decision decision;
	struct flow flow;
	uint32_t mark;

	(void)state;
	open_world(&world);
	flow = flow4(&world, 500);
	decision = decide_on(&world, &flow);
	mark = decision_mark(world.snapshot, &decision);
	assert_true(decision.by_packet && decision.policy == 0 && decision.action == ACTION_ALLOW);
	assert_int_equal(mark_link(world.layout, mark), MARK_LINK_BY_PACKET);
	assert_int_equal(mark_policy(world.layout, mark), world.gateway->ids.policies[0]);
	gateway_down(world.gateway, "fiber");
	gateway_down(world.gateway, "cable");
	renew(&world);
	decision = decide_on(&world, &flow);
	assert_false(decision.by_packet);
	assert_string_equal(gateway_link_name(world.gateway, decision.link), "lte"); /* the next policy's */
	gateway_down(world.gateway, "lte");
	renew(&world);
	flow = flow4(&world, 501);
	assert_int_equal(decide_on(&world, &flow).action, ACTION_DROP); /* as if-none says */
	close_world(&world);
}

/* What a connection that came in by a link has is an answer, and belongs there. */
static void what_came_by_a_link_goes_back_by_it(void **state)
{
	struct world world;
	struct decision decision;
	struct flow flow;

	(void)state;
	open_world(&world);
	flow = flow_from(&world, "wan2", "203.0.113.1", "198.51.2.1", 501);
	decision = decide_on(&world, &flow);
	assert_false(decision.by_packet);
	close_world(&world);
}

static enum machine_end pass(const struct world *world, const char *chain, const struct flow *flow, const char *device,
	struct machine_packet *packet)
{
	packet->flow = *flow;
	packet->device_in = device;
	packet->device_out = "wan1";
	return machine_run(&world->plan->ruleset, chain, packet);
}

/* Packets of a connection with that mark by link, of the sample's three; how many were dropped comes last. */
static void count_packets(const struct world *world, const struct flow *flow, uint32_t connection_mark, unsigned int taken[4])
{
	memset(taken, 0, 4 * sizeof(*taken));
	for (int i = 0; i < PACKETS; i++) {
		struct machine_packet packet = { .mark = FOREIGN, .connection_mark = connection_mark };

		if (pass(world, "prerouting", flow, "lan0", &packet) == MACHINE_DROPPED) {
			taken[3]++;
			continue;
		}
		assert_int_equal(packet.connection_mark, connection_mark);
		assert_int_equal(packet.mark & FOREIGN, FOREIGN);
		assert_int_equal(mark_policy(world->layout, packet.mark), mark_policy(world->layout, connection_mark));
		assert_in_range(mark_link(world->layout, packet.mark), 1, 3);
		taken[mark_link(world->layout, packet.mark) - 1]++;
	}
}

/* Within five standard deviations: the machine draws by chance what the kernel takes in turn. */
static void assert_share(unsigned int taken, double share)
{
	double deviation = taken - PACKETS * share;

	assert_true(deviation * deviation <= 25 * PACKETS * share * (1 - share));
}

static uint32_t mark_of(const struct world *world, const struct flow *flow)
{
	struct decision decision = decide_on(world, flow);

	return decision_mark(world->snapshot, &decision);
}

static void packets_take_links_by_weight(void **state)
{
	unsigned int taken[4];
	struct world world;
	struct flow flow;

	(void)state;
	open_world(&world);
	flow = flow4(&world, 500);
	count_packets(&world, &flow, mark_of(&world, &flow), taken);
	assert_share(taken[0], 0.75);
	assert_share(taken[1], 0.25);
	assert_int_equal(taken[2] + taken[3], 0);
	flow = flow4(&world, 501);
	count_packets(&world, &flow, mark_of(&world, &flow), taken);
	assert_share(taken[0], 0.25);
	assert_share(taken[1], 0.25);
	assert_share(taken[2], 0.5);
	assert_int_equal(taken[3], 0);
	/* One of the links has no IPv6. */
	flow = flow_from(&world, "lan0", "fd00:1::5", "2001:db8:9::1", 501);
	count_packets(&world, &flow, mark_of(&world, &flow), taken);
	assert_share(taken[0], 0.5);
	assert_share(taken[1], 0.5);
	assert_int_equal(taken[2] + taken[3], 0);
	close_world(&world);
}

static void a_dead_link_is_left_and_the_connection_lives(void **state)
{
	unsigned int taken[4];
	struct world world;
	struct flow flow;
	uint32_t mark;

	(void)state;
	open_world(&world);
	flow = flow4(&world, 500);
	mark = mark_of(&world, &flow);
	gateway_down(world.gateway, "fiber");
	renew(&world);
	count_packets(&world, &flow, mark, taken);
	assert_int_equal(taken[1], PACKETS);
	gateway_link(world.gateway, "cable")->usable = false; /* drained: what lives goes on */
	renew(&world);
	count_packets(&world, &flow, mark, taken);
	assert_int_equal(taken[1], PACKETS);
	gateway_link(world.gateway, "cable")->dead = true;
	renew(&world);
	count_packets(&world, &flow, mark, taken);
	assert_int_equal(taken[3], PACKETS);
	gateway_up(world.gateway, "fiber");
	renew(&world);
	count_packets(&world, &flow, mark, taken);
	assert_int_equal(taken[0], PACKETS);
	close_world(&world);
}

/* The first packet, by the daemon's answer, and by the fallback without one: what is kept has no link. */
static void the_first_packet_takes_a_link_too(void **state)
{
	unsigned int taken[2][3] = { { 0 } };
	struct world world;
	struct flow flow;

	(void)state;
	open_world(&world);
	flow = flow4(&world, 500);
	for (int i = 0; i < PACKETS; i++) {
		uint32_t answers[] = { FOREIGN | mark_of(&world, &flow), FOREIGN };

		for (size_t j = 0; j < 2; j++) {
			struct machine_packet packet = { .mark = answers[j] };

			assert_int_equal(pass(&world, "prerouting-settle", &flow, "lan0", &packet), MACHINE_ACCEPTED);
			assert_int_equal(packet.connection_mark, mark_of(&world, &flow));
			assert_in_range(mark_link(world.layout, packet.mark), 1, 2);
			taken[j][mark_link(world.layout, packet.mark) - 1]++;
		}
	}
	for (size_t j = 0; j < 2; j++) {
		assert_share(taken[j][0], 0.75);
		assert_share(taken[j][1], 0.25);
	}
	close_world(&world);
}

static void answers_belong_to_the_link_that_they_come_by(void **state)
{
	struct world world;
	struct flow flow, answer;
	uint32_t mark;

	(void)state;
	open_world(&world);
	flow = flow4(&world, 500);
	mark = mark_of(&world, &flow);
	for (int i = 0; i < 2; i++) {
		const char *device = i == 0 ? "wan1" : "wan3";
		struct machine_packet packet = { .connection_mark = mark };

		answer = flow_from(&world, device, "203.0.113.1", "10.0.1.5", 4500);
		assert_int_equal(pass(&world, "prerouting", &answer, device, &packet), MACHINE_ACCEPTED);
		assert_int_equal(mark_link(world.layout, packet.mark), i == 0 ? 1 : 3);
		assert_int_equal(packet.connection_mark, mark);
	}
	close_world(&world);
}

static void explanations_have_shares(void **state)
{
	struct arena *arena = arena_new();
	struct explanation explanation;
	struct world world;
	struct flow flow;

	(void)state;
	open_world(&world);
	gateway_down(world.gateway, "cable");
	renew(&world);
	flow = flow4(&world, 501);
	assert_int_equal(explain(arena, world.snapshot, &flow, 1000, &explanation), 0);
	assert_string_equal(explanation.policy, "wide");
	assert_string_equal(explanation.reason, "spread by packet");
	assert_string_equal(explanation.nat, "none");
	assert_null(explanation.link);
	assert_int_equal(explanation.algorithm, ALGORITHM_BY_PACKET);
	assert_int_equal(explanation.link_count, 3);
	assert_true(explanation.links[0].score * 3 > 0.999 && explanation.links[0].score * 3 < 1.001);
	assert_string_equal(explanation.links[0].reason, "usable; takes this share of the packets");
	assert_string_equal(explanation.links[1].reason, "down");
	assert_true(explanation.links[2].score * 3 > 1.999 && explanation.links[2].score * 3 < 2.001);
	arena_free(arena);
	close_world(&world);
}

/* Without such a policy nothing of it is there: established packets meet no rule more. */
static void who_does_not_ask_pays_nothing(void **state)
{
	struct sample_gateway *gateway = gateway_new("links: { fiber: { device: wan1 } }\npolicies: [{ name: all }]\n");
	struct plan *plan = plan_new(gateway->config, &gateway->ids, &gateway->view);

	(void)state;
	for (size_t i = 0; i < plan->ruleset.chain_count; i++)
		assert_null(strstr(plan->ruleset.chains[i].name, "packet"));
	plan_free(plan);
	gateway_free(gateway);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_has_a_policy_and_no_link),
		cmocka_unit_test(what_came_by_a_link_goes_back_by_it),
		cmocka_unit_test(packets_take_links_by_weight),
		cmocka_unit_test(a_dead_link_is_left_and_the_connection_lives),
		cmocka_unit_test(the_first_packet_takes_a_link_too),
		cmocka_unit_test(answers_belong_to_the_link_that_they_come_by),
		cmocka_unit_test(explanations_have_shares),
		cmocka_unit_test(who_does_not_ask_pays_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
