/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves what is decided on connections: policy, link and mark, and that `explain' tells the same. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/decide.h"
#include "sample_gateway.h"

#define TCP 6
#define UDP 17

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
	bool peek;
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

static void decide_on(struct world *world, const struct flow *flow)
{
	struct decide_context context = { .now_ms = world->now_s * 1000ull, .random = (uint64_t)rand() << 31 ^ (uint64_t)rand(),
		.peek = world->peek };

	decide(world->snapshot, flow, &context, &world->decision, NULL);
}

/* "POLICY: LINK" of a TCP connection to port 443. */
static const char *decide_tcp(struct world *world, const char *device, const char *from, const char *to)
{
	static char text[128];
	struct flow flow = gateway_flow(world->gateway, device, TCP, from, 40000, to, 443);

	decide_on(world, &flow);
	snprintf(text, sizeof(text), "%s: %s", gateway_policy_name(world->gateway, world->decision.policy),
		gateway_link_name(world->gateway, world->decision.link));
	return text;
}

static void actions_are_obeyed(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, THREE_LINKS
		"policies:\n"
		"  - { name: no, match: { to: 203.0.113.1 }, action: drop }\n"
		"  - { name: never, match: { to: 203.0.113.2 }, action: reject }\n"
		"  - { name: mail, match: { to: 203.0.113.3 }, balance: { links: cable } }\n");
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1"), "no: drop");
	assert_int_equal(world.decision.action, ACTION_DROP);
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.2"), "never: reject");
	assert_int_equal(world.decision.action, ACTION_REJECT);
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.3"), "mail: cable");
	assert_int_equal(world.decision.action, ACTION_ALLOW);
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.4"), "none: direct");
	assert_int_equal(world.decision.action, ACTION_ALLOW);
	close_world(&world);
}

static void what_came_by_a_link_goes_back_by_it(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, THREE_LINKS
		"policies:\n"
		"  - { name: no, match: { from: internet, to: 203.0.113.1 }, action: drop }\n"
		"  - { name: in, match: { from: [fiber, cable] }, balance: { links: lte } }\n");
	assert_string_equal(decide_tcp(&world, "wan2", "192.0.2.9", "10.0.1.5"), "in: cable");
	assert_false(world.decision.sticky);
	assert_string_equal(decide_tcp(&world, "wan2", "192.0.2.9", "198.51.2.1"), "in: cable");
	assert_string_equal(decide_tcp(&world, "wwan0", "192.0.2.9", "10.0.1.5"), "none: lte");
	assert_string_equal(decide_tcp(&world, "wan1", "192.0.2.9", "203.0.113.1"), "no: drop");
	gateway_down(world.gateway, "cable");
	renew(&world);
	assert_string_equal(decide_tcp(&world, "wan2", "192.0.2.9", "10.0.1.5"), "in: cable");
	close_world(&world);
}

static void what_needs_no_link_gets_none(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, THREE_LINKS
		"policies:\n"
		"  - { name: out, match: { to: internet }, balance: { links: lte } }\n"
		"  - { name: home, match: { to: [router, lan] }, balance: { links: lte, sticky: {} } }\n");
	assert_string_equal(decide_tcp(&world, "", "10.0.1.1", "10.0.1.5"), "home: direct");
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "198.51.1.1"), "home: direct");
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "10.0.1.6"), "home: direct");
	assert_int_equal(sticky_count(world.sticky, world.now_s), 0);
	close_world(&world);
}

static const char *decide_without_links(const char *if_none)
{
	static char seen[128];
	struct world world;
	char yaml[1024];

	snprintf(yaml, sizeof(yaml), THREE_LINKS
		"policies:\n"
		"  - { name: first, match: { to: internet }, balance: { links: [fiber, cable], if-none: %s } }\n"
		"  - { name: other, match: { to: 203.0.113.1 }, action: drop }\n"
		"  - { name: second, match: { to: internet }, balance: { links: lte } }\n", if_none);
	open_world(&world, yaml);
	gateway_down(world.gateway, "fiber");
	gateway_down(world.gateway, "cable");
	renew(&world);
	snprintf(seen, sizeof(seen), "%s", decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.9"));
	close_world(&world);
	return seen;
}

static void where_no_link_is_usable_the_policy_says_what_then(void **state)
{
	(void)state;
	assert_string_equal(decide_without_links("next"), "second: lte");
	assert_string_equal(decide_without_links("drop"), "first: drop");
	assert_string_equal(decide_without_links("any"), "first: lte");
}

static void links_of_one_family_get_no_other(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, THREE_LINKS "policies: [ { name: a, balance: { algorithm: round-robin } } ]\n");
	gateway_link(world.gateway, "fiber")->gateway_known[IPV6] = false;
	gateway_link(world.gateway, "cable")->gateway_known[IPV4] = false;
	renew(&world);
	for (unsigned int i = 0; i < 50; i++) {
		assert_string_not_equal(decide_tcp(&world, "lan0", "fd00::5", "2001:db8::1"), "a: fiber");
		assert_string_not_equal(decide_tcp(&world, "lan0", "10.0.1.5", "192.0.2.1"), "a: cable");
	}
	gateway_down(world.gateway, "lte");
	renew(&world);
	assert_string_equal(decide_tcp(&world, "lan0", "fd00::5", "2001:db8::1"), "a: cable");
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "192.0.2.1"), "a: fiber");
	gateway_down(world.gateway, "cable");
	renew(&world);
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "192.0.2.1"), "a: fiber");
	assert_string_equal(decide_tcp(&world, "lan0", "fd00::5", "2001:db8::1"), "none: direct");
	close_world(&world);
}

static void nothing_usable_at_all_leaves_it_to_the_main_table(void **state)
{
	static const char *const links[] = { "fiber", "cable", "lte" };
	struct world world;

	(void)state;
	open_world(&world, THREE_LINKS
		"policies:\n"
		"  - { name: web, match: { to: 203.0.113.1 }, balance: { if-none: any, sticky: {} } }\n"
		"  - { name: rest, match: { to: internet } }\n");
	for (size_t i = 0; i < 3; i++)
		gateway_down(world.gateway, links[i]);
	renew(&world);
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1"), "web: direct");
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.2"), "none: direct");
	assert_int_equal(sticky_count(world.sticky, world.now_s), 0);
	close_world(&world);
}

#define STICKY THREE_LINKS                                                                              \
	"policies:\n"                                                                                   \
	"  - name: web\n"                                                                               \
	"    match: { to: internet }\n"                                                                 \
	"    balance: { links: [fiber, cable, lte], sticky: { by: source, for: 60s } }\n"

static void a_key_keeps_its_link(void **state)
{
	struct world world;
	uint8_t link;

	(void)state;
	open_world(&world, STICKY);
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	assert_false(world.decision.sticky);
	link = world.decision.link;
	for (int i = 0; i < 20; i++) {
		char to[32];

		/* each connection counts anew, so this goes on for longer than a minute */
		world.now_s += 59;
		snprintf(to, sizeof(to), "203.0.113.%d", i);
		decide_tcp(&world, "lan0", "10.0.1.5", to);
		assert_true(world.decision.sticky);
		assert_int_equal(world.decision.link, link);
	}
	world.now_s += 61;
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	assert_false(world.decision.sticky);
	close_world(&world);
}

static void a_key_moves_with_the_others_when_its_link_is_down(void **state)
{
	uint8_t moved;
	struct world world;
	const char *name;

	(void)state;
	open_world(&world, STICKY);
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	name = gateway_link_name(world.gateway, world.decision.link);
	gateway_down(world.gateway, name);
	renew(&world);
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	assert_false(world.decision.sticky);
	moved = world.decision.link;
	assert_string_not_equal(gateway_link_name(world.gateway, moved), name);
	gateway_up(world.gateway, name);
	renew(&world);
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	assert_true(world.decision.sticky);
	assert_int_equal(world.decision.link, moved);
	close_world(&world);
}

static void policies_do_not_share_keys(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, THREE_LINKS
		"policies:\n"
		"  - { name: web, match: { to: 203.0.113.1 }, balance: { links: [fiber, cable], sticky: {} } }\n"
		"  - { name: rest, balance: { links: [cable, fiber], sticky: {} } }\n");
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.2");
	assert_false(world.decision.sticky);
	assert_int_equal(sticky_count(world.sticky, world.now_s), 2);
	close_world(&world);
}

static void asking_changes_nothing(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, STICKY);
	world.peek = true;
	for (int i = 0; i < 10; i++) {
		/* in turn fiber would be followed by cable */
		assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1"), "web: fiber");
		assert_false(world.decision.sticky);
	}
	assert_int_equal(sticky_count(world.sticky, world.now_s), 0);
	world.peek = false;
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1"), "web: fiber");
	world.peek = true;
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	assert_true(world.decision.sticky);
	world.now_s += 59;
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	world.now_s += 2; /* the question did not make the entry last longer */
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	assert_false(world.decision.sticky);
	close_world(&world);
}

static void count_links(struct world *world, unsigned int connections, unsigned int *taken)
{
	for (unsigned int i = 0; i < connections; i++) {
		decide_tcp(world, "lan0", "10.0.1.5", "203.0.113.1");
		assert_in_range(world->decision.link, 1, 3);
		taken[world->decision.link - 1]++;
	}
}

static void shares_are_exact(void **state)
{
	unsigned int taken[3] = { 0 };
	struct world world;

	(void)state;
	open_world(&world, THREE_LINKS "policies: [{ name: all, match: { to: internet } }]\n");
	count_links(&world, 1000, taken);
	assert_int_equal(taken[0], 500);
	assert_int_equal(taken[1], 300);
	assert_int_equal(taken[2], 200);
	close_world(&world);
}

static void shares_stay_exact_over_reloads(void **state)
{
	unsigned int taken[3] = { 0 };
	struct world world;

	(void)state;
	open_world(&world, THREE_LINKS "policies: [{ name: all, match: { to: internet } }]\n");
	for (int i = 0; i < 1000; i++) {
		count_links(&world, 1, taken);
		renew(&world);
	}
	assert_int_equal(taken[0], 500);
	assert_int_equal(taken[1], 300);
	assert_int_equal(taken[2], 200);
	close_world(&world);
}

/* The policy of the same name goes on, wherever it stands in the new file. */
static void turns_go_with_the_name_of_the_policy(void **state)
{
	struct world world;
	struct sample_gateway *before;

	(void)state;
	open_world(&world, THREE_LINKS
		"policies: [{ name: all, balance: { links: [fiber, cable], weights: { fiber: 1, cable: 1 } } }]\n");
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1"), "all: fiber");
	before = world.gateway;
	world.gateway = gateway_new(THREE_LINKS
		"policies:\n"
		"  - { name: no, match: { to: 203.0.113.7 }, action: drop }\n"
		"  - { name: all, balance: { links: [fiber, cable], weights: { fiber: 1, cable: 1 } } }\n");
	renew(&world);
	gateway_free(before);
	assert_string_equal(decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1"), "all: cable");
	close_world(&world);
}

/* The walk that `explain' shows, as text. */
static const char *walk(struct world *world, const struct flow *flow)
{
	static char text[512];
	size_t room = world->gateway->config->policy_count + 1, length = 0;
	struct decide_context context = { .now_ms = world->now_s * 1000ull, .peek = true };
	struct trace trace = { .steps = calloc(room, sizeof(struct trace_step)) };
	struct decision decision;

	decide(world->snapshot, flow, &context, &decision, &trace);
	decide_on(world, flow);
	assert_int_equal(decision.policy, world->decision.policy);
	assert_int_equal(decision.action, world->decision.action);
	assert_in_range(trace.count, 1, room);
	assert_int_equal(trace.steps[trace.count - 1].policy, decision.policy);
	assert_null(trace.steps[trace.count - 1].mismatch);
	text[0] = '\0';
	for (size_t i = 0; i < trace.count; i++) {
		const struct trace_step *step = &trace.steps[i];

		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s %s", i == 0 ? "" : ", ",
			gateway_policy_name(world->gateway, step->policy),
			step->mismatch != NULL ? step->mismatch : step->no_link ? "(no link)" : "decides");
	}
	free(trace.steps);
	return text;
}

static void the_walk_is_told(void **state)
{
	struct world world;
	struct flow flow;

	(void)state;
	open_world(&world, THREE_LINKS
		"policies:\n"
		"  - { name: voice, match: { protocol: udp } }\n"
		"  - { name: backup, match: { to: internet }, balance: { links: lte } }\n"
		"  - { name: web, match: { protocol: tcp, to-port: 80 } }\n"
		"  - { name: last, match: { from: lan } }\n");
	flow = gateway_flow(world.gateway, "lan0", TCP, "10.0.1.5", 40000, "203.0.113.1", 443);
	assert_string_equal(walk(&world, &flow), "voice protocol, backup decides");
	gateway_down(world.gateway, "lte");
	renew(&world);
	assert_string_equal(walk(&world, &flow), "voice protocol, backup (no link), web to-port, last decides");
	flow = gateway_flow(world.gateway, "wan1", TCP, "192.0.2.9", 40000, "10.0.1.5", 443);
	assert_string_equal(walk(&world, &flow), "voice protocol, backup to, web to-port, last from, none decides");
	close_world(&world);
}

static void without_policies_nothing_is_decided(void **state)
{
	struct world world;
	struct flow flow;

	(void)state;
	open_world(&world, THREE_LINKS);
	flow = gateway_flow(world.gateway, "lan0", UDP, "10.0.1.5", 40000, "203.0.113.1", 53);
	assert_string_equal(walk(&world, &flow), "none decides");
	assert_int_equal(decision_mark(world.snapshot, &world.decision),
		mark_make(world.snapshot->layout, MARK_LINK_DIRECT, 0, MARK_POLICY_NONE));
	close_world(&world);
}

static void marks_hold_with_shift(const char *shift, unsigned int bits)
{
	struct mark_layout layout = { (uint8_t)bits, 13 };
	uint32_t foreign = ~(0xffffffu << bits), mark;
	struct world world;
	char yaml[1024];

	snprintf(yaml, sizeof(yaml), "%s" THREE_LINKS
		"policies:\n"
		"  - { name: first, match: { to: 203.0.113.7 } }\n"
		"  - { name: second, match: { to: 203.0.113.1 }, balance: { links: lte } }\n", shift);
	open_world(&world, yaml);
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.1");
	mark = decision_mark(world.snapshot, &world.decision);
	assert_int_equal(mark, (3u | 2u << 11) << bits);
	assert_int_equal(mark_link(layout, mark), 3);
	assert_int_equal(mark_policy(layout, mark), 2);
	assert_int_equal(mark_merge(world.snapshot->layout, UINT32_MAX, mark), foreign | mark);
	assert_int_equal(mark_merge(world.snapshot->layout, foreign, mark), foreign | mark);
	assert_int_equal(mark_merge(world.snapshot->layout, 0, UINT32_MAX), ~foreign);
	decide_tcp(&world, "lan0", "10.0.1.5", "203.0.113.2");
	assert_int_equal(decision_mark(world.snapshot, &world.decision), (63u | 8191u << 11) << bits);
	close_world(&world);
}

static void marks_leave_foreign_bits_alone(void **state)
{
	(void)state;
	marks_hold_with_shift("", 0);
	marks_hold_with_shift("kernel: { mark-shift: 8 }\n", 8);
}

static void a_device_is_known_by_its_link(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, THREE_LINKS);
	assert_int_equal(snapshot_came_by(world.snapshot, gateway_device(world.gateway, "wan2")), 2);
	assert_int_equal(snapshot_came_by(world.snapshot, gateway_device(world.gateway, "lan0")), 0);
	assert_int_equal(snapshot_came_by(world.snapshot, 0), 0);
	gateway_unplug(world.gateway, "cable");
	renew(&world);
	assert_int_equal(snapshot_came_by(world.snapshot, 0), 0);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(actions_are_obeyed),
		cmocka_unit_test(what_came_by_a_link_goes_back_by_it),
		cmocka_unit_test(what_needs_no_link_gets_none),
		cmocka_unit_test(where_no_link_is_usable_the_policy_says_what_then),
		cmocka_unit_test(links_of_one_family_get_no_other),
		cmocka_unit_test(nothing_usable_at_all_leaves_it_to_the_main_table),
		cmocka_unit_test(a_key_keeps_its_link),
		cmocka_unit_test(a_key_moves_with_the_others_when_its_link_is_down),
		cmocka_unit_test(policies_do_not_share_keys),
		cmocka_unit_test(asking_changes_nothing),
		cmocka_unit_test(shares_are_exact),
		cmocka_unit_test(shares_stay_exact_over_reloads),
		cmocka_unit_test(turns_go_with_the_name_of_the_policy),
		cmocka_unit_test(the_walk_is_told),
		cmocka_unit_test(without_policies_nothing_is_decided),
		cmocka_unit_test(marks_leave_foreign_bits_alone),
		cmocka_unit_test(a_device_is_known_by_its_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
