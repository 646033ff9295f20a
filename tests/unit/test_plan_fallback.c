/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that the kernel decides alone as the daemon would: same policy, same action, a link of the same choice. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/decide.h"
#include "core/plan.h"
#include "random_gateway.h"
#include "ruleset_machine.h"

#define TCP 6

struct pair {
	struct sample_gateway *gateway;
	struct sticky *sticky;
	struct snapshot *snapshot;
	struct plan *plan;
};

static void open_pair(struct pair *pair, struct sample_gateway *gateway)
{
	*pair = (struct pair){ .gateway = gateway, .sticky = sticky_new(64),
		.plan = plan_new(gateway->config, &gateway->ids, &gateway->view) };
	assert_non_null(pair->sticky);
	assert_non_null(pair->plan);
	pair->snapshot = gateway_snapshot(gateway, pair->sticky, NULL);
}

static void close_pair(struct pair *pair)
{
	plan_free(pair->plan);
	snapshot_free(pair->snapshot);
	sticky_free(pair->sticky);
	gateway_free(pair->gateway);
}

static const char *device_name(const struct sample_gateway *gateway, uint32_t index)
{
	const struct config *config = gateway->config;

	for (size_t i = 0; i < config->link_count && index != 0; i++) {
		if (gateway->view.links[i].device_index == index)
			return config->links[i].device;
	}
	for (size_t i = 0; i < config->zone_count && index != 0; i++) {
		for (size_t j = 0; j < config->zones[i].devices.count; j++) {
			if (gateway->view.zones[i].device_indexes[j] == index)
				return config->zones[i].devices.items[j];
		}
	}
	return index == 0 ? "" : "other0";
}

static bool is_own(const struct sample_gateway *gateway, const struct address *address)
{
	for (size_t i = 0; i < gateway->view.local.count; i++) {
		if (address_equal(&gateway->view.local.items[i].address, address))
			return true;
	}
	return false;
}

static bool is_to_itself(const struct sample_gateway *gateway, const struct flow *flow)
{
	return flow->device == 0 && is_own(gateway, &flow->to);
}

static bool is_outside(const struct sample_gateway *gateway, const struct address *address)
{
	bool found = false;

	for (size_t i = 0; i < gateway->config->link_count; i++) {
		const struct networks *addresses = &gateway->view.links[i].addresses;

		for (size_t j = 0; j < addresses->count; j++)
			found |= address_equal(&addresses->items[j].address, address);
	}
	return found;
}

/* The way of a flow's first packet through the kernel. */
struct outcome {
	enum machine_end end;
	struct machine_packet packet;
};

static struct outcome run_kernel(const struct pair *pair, const struct flow *flow)
{
	const struct sample_gateway *gateway = pair->gateway;
	bool from_self = flow->device == 0, direct = gateway_is_direct(gateway, &flow->to);
	struct outcome outcome = { .packet = { .flow = *flow, .device_in = device_name(gateway, flow->device),
		.device_out = is_to_itself(gateway, flow) ? "lo" : direct ? "lan0" : gateway->config->links[0].device,
		.to_self = is_own(gateway, &flow->to),
		.mark = 0xff000000 } };

	outcome.end = machine_run(&pair->plan->ruleset, from_self ? "output" : "prerouting", &outcome.packet);
	if (outcome.end == MACHINE_ACCEPTED)
		outcome.end = machine_run(&pair->plan->ruleset, from_self ? "output-settle" : "prerouting-settle",
			&outcome.packet);
	return outcome;
}

/* Whether balancing could have given that link. */
static bool may_choose(const struct pair *pair, size_t policy, enum family family, unsigned int link)
{
	const struct balance *balance = &pair->gateway->config->policies[policy].balance;
	struct link_view views[CONFIG_LINKS_MAX];
	struct view view;
	bool any_usable = false, found = false;
	uint8_t tier = 0;

	view_of_family(pair->gateway->config, &pair->gateway->view, family, views, &view);
	for (size_t i = 0; i < balance->count; i++) {
		if (!views[balance->choices[i].link].usable)
			continue;
		if (any_usable && balance->choices[i].tier > tier)
			break;
		tier = balance->choices[i].tier;
		if (balance->algorithm == ALGORITHM_PRIORITY)
			return pair->gateway->ids.links[balance->choices[i].link] == link;
		any_usable = true;
		found |= pair->gateway->ids.links[balance->choices[i].link] == link;
	}
	if (any_usable || balance->if_none != IF_NONE_ANY)
		return found;
	for (size_t i = 0; i < pair->gateway->config->link_count; i++)
		found |= views[i].usable && pair->gateway->ids.links[i] == link;
	return found;
}

static bool is_real(unsigned int link)
{
	return link >= 1 && link <= MARK_LINK_MAX;
}

static bool agree(const struct pair *pair, const struct flow *flow, const struct decision *decision,
	const struct outcome *outcome)
{
	struct mark_layout layout = pair->snapshot->layout;
	unsigned int link = mark_link(layout, outcome->packet.mark);
	uint32_t wanted = decision_mark(pair->snapshot, decision);

	switch (decision->action) {
	case ACTION_DROP:
		return outcome->end == MACHINE_DROPPED;
	case ACTION_REJECT:
		return outcome->end == MACHINE_REJECTED;
	case ACTION_ALLOW:
		break;
	}
	if (outcome->end != MACHINE_ACCEPTED || outcome->packet.connection_mark != (outcome->packet.mark & mark_mask(layout))
	    || outcome->packet.mark >> 24 != 0xff
	    || mark_policy(layout, outcome->packet.mark) != mark_policy(layout, wanted)
	    || mark_class(layout, outcome->packet.mark) != mark_class(layout, wanted))
		return false;
	if (flow->came_by != 0 || !is_real(decision->link))
		return link == decision->link;
	return may_choose(pair, decision->policy, flow->family, link);
}

/* This machine's connections to itself meet no policy, but where a policy may forward them. */
static bool is_spared(const struct pair *pair, const struct flow *flow, const struct decision *decision,
	const struct outcome *outcome)
{
	bool forwards = decision->policy != NO_POLICY
			&& pair->gateway->config->policies[decision->policy].nat.forwards[flow->family];

	return is_to_itself(pair->gateway, flow) && outcome->end == MACHINE_ACCEPTED
	       && mark_policy(pair->snapshot->layout, outcome->packet.mark) == MARK_POLICY_NONE
	       && !(forwards && is_outside(pair->gateway, &flow->to));
}

static void check(const struct pair *pair, const struct flow *flow)
{
	struct decide_context context = { .now_ms = 1000, .random = (uint64_t)rand() };
	struct outcome outcome = run_kernel(pair, flow);
	struct decision decision;

	decide(pair->snapshot, flow, &context, &decision, NULL);
	if (is_spared(pair, flow, &decision, &outcome) || agree(pair, flow, &decision, &outcome))
		return;
	fail_msg("%s: decided %s by %s; alone the kernel says end %d, policy number %u, by %s", random_flow_text(flow),
		gateway_policy_name(pair->gateway, decision.policy), gateway_link_name(pair->gateway, decision.link),
		(int)outcome.end, mark_policy(pair->snapshot->layout, outcome.packet.mark),
		gateway_link_name(pair->gateway, mark_link(pair->snapshot->layout, outcome.packet.mark)));
}

static void check_one(const char *policies, const char *down, const char *device, const char *from, const char *to)
{
	struct sample_gateway *gateway;
	struct pair pair;
	struct flow flow;
	char yaml[2048];

	snprintf(yaml, sizeof(yaml),
		"zones: { lan: { devices: [lan0] }, guest: { devices: [vlan20] } }\n"
		"links: { fiber: { device: wan1 }, cable: { device: wan2 }, lte: { device: wwan0 } }\n"
		"policies:\n%s", policies);
	gateway = gateway_new(yaml);
	if (down != NULL)
		gateway_down(gateway, down);
	open_pair(&pair, gateway);
	flow = gateway_flow(gateway, device, TCP, from, 40000, to, 443);
	for (int i = 0; i < 20; i++)
		check(&pair, &flow);
	close_pair(&pair);
}

static void without_a_usable_link_the_next_policy_decides(void **state)
{
	(void)state;
	check_one("  - { name: first, match: { to: internet }, balance: { links: fiber } }\n"
		  "  - { name: second, match: { to: internet }, balance: { links: [cable, lte] } }\n",
		"fiber", "lan0", "10.0.1.5", "203.0.113.1");
	check_one("  - { name: first, match: { to: internet }, balance: { links: fiber } }\n"
		  "  - { name: second, action: drop }\n",
		"fiber", "lan0", "10.0.1.5", "203.0.113.1");
	check_one("  - { name: first, match: { to: internet }, balance: { links: fiber } }\n",
		"fiber", "lan0", "10.0.1.5", "203.0.113.1");
	check_one("  - { name: first, balance: { links: fiber } }\n",
		"fiber", "lan0", "10.0.1.5", "10.0.2.5");
	check_one("  - { name: first, balance: { links: fiber } }\n  - { name: second, action: drop }\n",
		"fiber", "wan2", "203.0.113.1", "10.0.2.5");
}

#define CLASSES "qos: { classes: { voice: {}, normal: {} }, default: normal }\n"

/* Also where a policy that was passed over has another one. */
static void connections_are_in_the_class_of_their_policy(void **state)
{
	(void)state;
	check_one("  - { name: first, match: { to: internet }, qos: voice }\n" CLASSES, NULL, "lan0", "10.0.1.5", "203.0.113.1");
	check_one("  - { name: first, qos: voice }\n" CLASSES, NULL, "wan1", "203.0.113.1", "10.0.1.5");
	check_one("  - { name: first, balance: { links: fiber }, qos: voice }\n"
		  "  - { name: second, balance: { links: cable } }\n" CLASSES,
		"fiber", "lan0", "10.0.1.5", "203.0.113.1");
	check_one("  - { name: first, balance: { links: fiber }, qos: voice }\n" CLASSES, "fiber", "lan0", "10.0.1.5",
		"203.0.113.1");
}

static void without_a_usable_link_any_other_may_do(void **state)
{
	(void)state;
	check_one("  - { name: first, match: { to: internet }, balance: { links: fiber, if-none: any } }\n",
		"fiber", "lan0", "10.0.1.5", "203.0.113.1");
	check_one("  - { name: first, balance: { links: fiber, if-none: any } }\n",
		"fiber", "wan2", "203.0.113.1", "10.0.2.5");
}

static void without_a_usable_link_it_may_be_dropped(void **state)
{
	(void)state;
	check_one("  - { name: first, balance: { links: fiber, if-none: drop } }\n",
		"fiber", "lan0", "10.0.1.5", "203.0.113.1");
	check_one("  - { name: first, balance: { links: fiber, if-none: drop } }\n",
		"fiber", "wan2", "203.0.113.1", "10.0.2.5");
}

static void this_machine_is_in_no_zone(void **state)
{
	static const char policies[] = "  - { name: first, match: { from: guest, to: lan }, action: drop }\n"
				       "  - { name: second, match: { not-to: lan }, action: reject }\n";

	(void)state;
	check_one(policies, NULL, "vlan20", "10.0.2.5", "10.0.1.1");
	check_one(policies, NULL, "vlan20", "10.0.2.5", "10.0.1.5");
	check_one(policies, NULL, "vlan20", "10.0.2.5", "203.0.113.1");
	check_one(policies, NULL, "vlan20", "fd00:2::5", "fd00:1::1");
}

static const char port_forward[] =
	"  - { name: first, match: { from: internet, to: router, protocol: tcp, to-port: 443 },"
	" nat: { destination: ['10.0.1.5:80', '[fd00:1::5]:80'] } }\n"
	"  - { name: second, match: { from: cable, to: router, protocol: tcp }, nat: { destination: 10.0.1.6 } }\n"
	"  - { name: third, match: { from: lan }, action: drop }\n";

static void a_port_forward_is_met_from_everywhere(void **state)
{
	(void)state;
	check_one(port_forward, NULL, "wan1", "203.0.113.1", "198.51.1.1");
	check_one(port_forward, NULL, "lan0", "10.0.1.5", "198.51.1.1");
	check_one(port_forward, NULL, "lan0", "10.0.1.5", "198.51.2.1");
	check_one(port_forward, NULL, "lan0", "10.0.1.5", "198.51.2.9");
	check_one(port_forward, NULL, "lan0", "10.0.1.5", "10.0.1.1");
	check_one(port_forward, NULL, "lan0", "fd00:1::5", "2001:db8:1::1");
	check_one(port_forward, NULL, "", "198.51.1.1", "198.51.1.1");
	check_one(port_forward, NULL, "", "10.0.1.1", "10.0.1.1");
	check_one(port_forward, NULL, "", "2001:db8:2::1", "2001:db8:2::1");
}

static void random_flows_are_decided_alike(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct pair pair;

		open_pair(&pair, random_gateway());
		for (int i = 0; i < 300; i++) {
			struct flow flow = random_flow(pair.gateway);

			check(&pair, &flow);
		}
		close_pair(&pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_usable_link_the_next_policy_decides),
		cmocka_unit_test(connections_are_in_the_class_of_their_policy),
		cmocka_unit_test(without_a_usable_link_any_other_may_do),
		cmocka_unit_test(without_a_usable_link_it_may_be_dropped),
		cmocka_unit_test(this_machine_is_in_no_zone),
		cmocka_unit_test(a_port_forward_is_met_from_everywhere),
		cmocka_unit_test(random_flows_are_decided_alike),
	};

	random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
