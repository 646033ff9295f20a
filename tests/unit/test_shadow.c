/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is called hidden is never met: by examples, and by random policies and flows. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "classifier_oracle.h"
#include "core/shadow.h"
#include "random_gateway.h"

#define PLENTY 1000000

static const char world[] =
	"sets:\n"
	"  few: { networks: [203.0.113.0/25, 203.0.113.128/25] }\n"
	"  filed: { networks: [203.0.113.7], file: /nowhere/filed.txt }\n"
	"zones:\n"
	"  lan: { devices: [lan0] }\n"
	"  both: { devices: [lan0, lan1] }\n"
	"  office: { networks: [10.9.0.0/16] }\n"
	"  desk: { devices: [lan1], networks: [10.9.1.0/24] }\n"
	"  guest: { devices: [vlan20], networks: [10.20.0.0/16, 'fd20::/32'] }\n"
	"links:\n"
	"  fiber: { device: wan1, labels: [wired] }\n"
	"  cable: { device: wan2, labels: [wired] }\n"
	"policies:\n";

static struct sample_gateway *gateway_with(const char *first, const char *second)
{
	char text[2000];

	snprintf(text, sizeof(text), "%s  - { name: a, match: { %s } }\n  - { name: b, match: { %s } }\n", world, first, second);
	return gateway_new(text);
}

static bool covers(const char *first, const char *second)
{
	struct sample_gateway *gateway = gateway_with(first, second);
	size_t effort = PLENTY;
	bool covers = shadow_covers(gateway->config, &gateway->config->policies[0], &gateway->config->policies[1], &effort);

	assert_int_equal(shadow_find(gateway->config, 1, 0, &effort), covers ? 0 : 2);
	gateway_free(gateway);
	return covers;
}

static enum shadow_fault fault(const char *match)
{
	struct sample_gateway *gateway = gateway_with(match, "");
	size_t effort = PLENTY;
	enum shadow_fault fault = shadow_fault(gateway->config, &gateway->config->policies[0], &effort);

	gateway_free(gateway);
	return fault;
}

static void an_empty_match_hides_all(void **state)
{
	(void)state;
	assert_true(covers("", "from: lan, protocol: tcp, to-port: 80"));
	assert_true(covers("", ""));
	assert_false(covers("from: lan", ""));
	assert_true(covers("from: any, to: any", ""));
	assert_true(covers("from: [0.0.0.0/0, '::/0']", ""));
	assert_true(covers("from: [0.0.0.0/1, 128.0.0.0/1, '::/0']", "from: lan"));
	assert_false(covers("from: 0.0.0.0/0", ""));
}

static void protocols_and_ports(void **state)
{
	(void)state;
	assert_true(covers("protocol: [tcp, udp]", "protocol: udp"));
	assert_false(covers("protocol: tcp", "protocol: [tcp, udp]"));
	assert_false(covers("protocol: tcp", ""));
	assert_true(covers("protocol: tcp, to-port: 80-90", "protocol: tcp, to-port: [80, 85-90]"));
	assert_true(covers("protocol: tcp, to-port: [80-84, 85-90]", "protocol: tcp, to-port: 82-88"));
	assert_true(covers("protocol: tcp, to-port: [85-90, 80-84]", "protocol: tcp, to-port: 82-88"));
	assert_false(covers("protocol: tcp, to-port: [80-83, 85-90]", "protocol: tcp, to-port: 82-88"));
	assert_true(covers("protocol: tcp, to-port: 1-65535", "protocol: tcp, to-port: 65535"));
	/* Port 0, and what was cut off before its ports. */
	assert_false(covers("protocol: tcp, to-port: 1-65535", "protocol: tcp"));
	assert_false(covers("protocol: tcp, from-port: 80", "protocol: tcp, to-port: 80"));
}

static void networks_in_networks(void **state)
{
	(void)state;
	assert_true(covers("to: 10.0.0.0/8", "to: [10.1.0.0/16, 10.2.3.4]"));
	assert_false(covers("to: 10.1.0.0/16", "to: 10.0.0.0/8"));
	assert_true(covers("to: [10.0.0.0/9, 10.128.0.0/10, 10.192.0.0/10]", "to: 10.0.0.0/8"));
	assert_false(covers("to: [10.0.0.0/9, 10.128.0.0/10]", "to: 10.0.0.0/8"));
	assert_false(covers("to: 0.0.0.0/0", "to: '2001:db8::/32'"));
	assert_false(covers("to: 10.0.0.0/8", "from: 10.0.0.0/8"));
}

static void zones_in_zones(void **state)
{
	(void)state;
	assert_true(covers("from: both", "from: lan"));
	assert_false(covers("from: lan", "from: both"));
	assert_true(covers("from: both", "from: desk"));
	assert_true(covers("from: office", "from: desk"));
	assert_false(covers("from: desk", "from: office"));
	assert_true(covers("from: 10.9.0.0/16", "from: office"));
	/* Networks at a device, and what comes from a link with an address of them, are not of the zone. */
	assert_false(covers("from: office", "from: 10.9.0.0/16"));
	assert_true(covers("to: both", "to: lan"));
	assert_true(covers("to: office", "to: desk"));
	assert_false(covers("to: both", "to: desk"));
	assert_false(covers("to: office", "to: lan"));
	assert_false(covers("from: 10.20.0.0/16", "from: guest"));
	assert_true(covers("from: [10.20.0.0/16, 'fd20::/32']", "from: guest"));
}

static void sets_of_networks(void **state)
{
	(void)state;
	assert_true(covers("to: few", "to: few"));
	assert_true(covers("to: filed", "to: filed"));
	assert_true(covers("to: few", "to: 203.0.113.0/24"));
	assert_true(covers("to: 203.0.113.0/24", "to: few"));
	assert_true(covers("to: filed", "to: 203.0.113.7"));
	/* Nobody knows what is in the file. */
	assert_false(covers("to: few", "to: filed"));
	assert_false(covers("to: 203.0.113.0/24", "to: filed"));
	assert_true(covers("not-to: few", "to: 10.0.0.0/8"));
	assert_false(covers("not-to: filed", "to: 10.0.0.0/8"));
}

static void links_and_the_internet(void **state)
{
	(void)state;
	assert_true(covers("from: internet", "from: fiber"));
	assert_true(covers("from: wired", "from: internet"));
	assert_false(covers("from: fiber", "from: internet"));
	/* To a link is to the addresses at its device. */
	assert_false(covers("to: internet", "to: fiber"));
	assert_false(covers("to: wired", "to: internet"));
	assert_false(covers("to: internet", "from: lan"));
}

static void exclusions(void **state)
{
	(void)state;
	assert_false(covers("not-from: guest", ""));
	assert_true(covers("not-from: guest", "from: lan"));
	assert_true(covers("not-from: guest", "from: router"));
	assert_true(covers("not-from: guest", "from: fiber"));
	assert_true(covers("not-from: guest", "not-from: [guest, lan]"));
	assert_true(covers("from: lan, not-to: 10.1.0.0/16", "from: lan, to: 10.2.0.0/16"));
	assert_false(covers("from: lan, not-to: 10.1.0.0/16", "from: lan, to: 10.0.0.0/8"));
	assert_true(covers("not-to: 10.1.1.0/24", "not-to: 10.1.0.0/16"));
	assert_false(covers("not-to: 10.1.0.0/16", "not-to: 10.1.1.0/24"));
	assert_true(covers("not-to: router", "to: lan"));
	/* The networks at a device are not known here. */
	assert_false(covers("not-to: 10.1.0.0/16", "to: lan"));
	assert_false(covers("not-to: internet", "to: 192.0.2.0/24"));
}

/* Spans are not in the language of every reader: made by hand. */
static void times(void **state)
{
	struct time_span day[] = { { 480, 1080 } }, halves[] = { { 480, 700 }, { 700, 1080 } }, gap[] = { { 480, 700 }, { 701, 1080 } };
	struct time_span week[] = { { 0, MINUTES_OF_WEEK } };
	struct config config = { .arena = NULL };
	struct policy always = { .name = "" }, by_day = { .match.times = { day, 1 } }, by_halves = { .match.times = { halves, 2 } };
	struct policy with_gap = { .match.times = { gap, 2 } }, by_week = { .match.times = { week, 1 } };
	size_t effort = PLENTY;

	(void)state;
	assert_true(shadow_covers(&config, &always, &by_day, &effort));
	assert_false(shadow_covers(&config, &by_day, &always, &effort));
	assert_true(shadow_covers(&config, &by_halves, &by_day, &effort));
	assert_false(shadow_covers(&config, &with_gap, &by_day, &effort));
	assert_true(shadow_covers(&config, &by_day, &with_gap, &effort));
	assert_true(shadow_covers(&config, &by_week, &always, &effort));
}

static void types_and_code_points(void **state)
{
	struct icmp_type any[] = { { .type = 3, .any_code = true } }, one[] = { { .type = 3, .code = 4 } };
	uint8_t many[] = { 46, 34 }, few[] = { 34 };
	struct config config = { .arena = NULL };
	struct policy wide = { .match = { .icmp_types = { any, 1 }, .dscps = { many, 2 } } }, all = { .name = "" };
	struct policy narrow = { .match = { .icmp_types = { one, 1 }, .dscps = { few, 1 } } };
	size_t effort = PLENTY;

	(void)state;
	assert_true(shadow_covers(&config, &wide, &narrow, &effort));
	assert_false(shadow_covers(&config, &narrow, &wide, &effort));
	assert_false(shadow_covers(&config, &narrow, &all, &effort));
	assert_true(shadow_covers(&config, &all, &narrow, &effort));
}

/* Who asks for the outside address from inside meets a port forward, too. */
static void forwards_from_inside(void **state)
{
	char text[1000];
	static const char *const froms[] = { "internet", "fiber", "lan" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct sample_gateway *gateway;
		size_t effort = PLENTY;

		snprintf(text, sizeof(text), "%s  - { name: a, match: { from: %s, protocol: tcp, to-port: 80 } }\n"
			"  - { name: b, match: { from: %s, protocol: tcp, to-port: 80 }, nat: { destination: 10.0.0.5 } }\n", world,
			froms[i], froms[i]);
		gateway = gateway_new(text);
		assert_int_equal(shadow_find(gateway->config, 1, 0, &effort), i == 2 ? 0 : 2);
		gateway_free(gateway);
	}
}

static void without_effort_nothing_is_hidden(void **state)
{
	struct sample_gateway *gateway = gateway_with("", "");
	size_t effort = 1;

	(void)state;
	assert_int_equal(shadow_find(gateway->config, 1, 0, &effort), 2);
	assert_int_equal(effort, 0);
	gateway_free(gateway);
}

static void contradictions(void **state)
{
	(void)state;
	assert_int_equal(fault("from: lan"), SHADOW_FINE);
	assert_int_equal(fault("from: lan, not-from: both"), SHADOW_NOT_FROM);
	assert_int_equal(fault("not-from: any"), SHADOW_NOT_FROM);
	assert_int_equal(fault("from: both, not-from: lan"), SHADOW_FINE);
	assert_int_equal(fault("to: 10.1.0.0/16, not-to: 10.0.0.0/8"), SHADOW_NOT_TO);
	assert_int_equal(fault("from: 10.0.0.0/8, to: '2001:db8::/32'"), SHADOW_FAMILIES);
	assert_int_equal(fault("from: guest, to: '2001:db8::/32'"), SHADOW_FINE);
	assert_int_equal(fault("from: office, to: '2001:db8::/32'"), SHADOW_FAMILIES);
	assert_int_equal(fault("from: fiber, to: internet"), SHADOW_OUTSIDE);
	assert_int_equal(fault("from: fiber, to: cable"), SHADOW_FINE);
	assert_int_equal(fault("from: [fiber, lan], to: internet"), SHADOW_FINE);
}

static void check_round(const struct sample_gateway *gateway, const struct flow *flow, unsigned int *covered)
{
	const struct config *config = gateway->config;
	size_t effort = PLENTY;

	for (size_t b = 0; b < config->policy_count; b++) {
		const struct policy *policy = &config->policies[b];

		if (!oracle_matches(gateway, policy, flow))
			continue;
		if (shadow_fault(config, policy, &effort) != SHADOW_FINE)
			fail_msg("p%zu can match: %s", b, random_flow_text(flow));
		for (size_t a = 0; a < config->policy_count; a++) {
			if (a == b || !shadow_covers(config, &config->policies[a], policy, &effort))
				continue;
			++*covered;
			if (!oracle_matches(gateway, &config->policies[a], flow))
				fail_msg("p%zu does not match what p%zu does: %s", a, b, random_flow_text(flow));
		}
	}
}

static void no_random_flow_meets_what_is_hidden(void **state)
{
	unsigned int covered = 0;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct sample_gateway *gateway = random_gateway();

		for (int i = 0; i < 300; i++) {
			struct flow flow = random_flow(gateway);

			check_round(gateway, &flow, &covered);
		}
		gateway_free(gateway);
	}
	printf("%u times one match had another in it\n", covered);
	assert_in_range(covered, 1000, 10000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_match_hides_all),
		cmocka_unit_test(protocols_and_ports),
		cmocka_unit_test(networks_in_networks),
		cmocka_unit_test(zones_in_zones),
		cmocka_unit_test(sets_of_networks),
		cmocka_unit_test(links_and_the_internet),
		cmocka_unit_test(exclusions),
		cmocka_unit_test(times),
		cmocka_unit_test(types_and_code_points),
		cmocka_unit_test(forwards_from_inside),
		cmocka_unit_test(without_effort_nothing_is_hidden),
		cmocka_unit_test(contradictions),
		cmocka_unit_test(no_random_flow_meets_what_is_hidden),
	};

	random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
