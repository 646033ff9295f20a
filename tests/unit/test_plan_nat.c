/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves what becomes of addresses: every policy, link, device and family against what the configuration says. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/nat.h"
#include "core/plan.h"
#include "random_gateway.h"
#include "ruleset_machine.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const policy_nats[] = { "auto", "none", "masquerade", "{ source: 192.0.2.9 }",
	"{ source: [192.0.2.9, 192.0.2.20-192.0.2.29, '2001:db8:e::1-2001:db8:e::9', '2001:db8:e::20'] }",
	"{ source: '2001:db8:e::1' }", "{ prefix: '2001:db8:f::/48' }", "{ ipv4: masquerade, ipv6: none }",
	"{ destination: 10.0.1.5 }", "{ destination: [10.0.1.5, 'fd00:1::5'] }", "{ source: 192.0.2.9, destination: 10.0.1.6 }",
	"{ source: 192.0.2.9, destination: 10.0.1.5, ipv6: masquerade }", "{ prefix: '2001:db8:e::/48', destination: 'fd00:1::5' }",
	"{ destination: 10.0.1.5, ipv4: none }" };
static const char *const link_nats[] = { "masquerade", "none", "192.0.2.7", "[192.0.2.8, '2001:db8:d::8']",
	"{ ipv6: masquerade }", "{ ipv6: none }", "{ ipv4: none }", "{ prefix: '2001:db8:c::/64' }",
	"{ ipv4: 192.0.2.7, prefix: '2001:db8:b::/48' }" };
static const char *const devices[] = { "", "lan0", "vlan20", "wan1", "wan2", "wwan0", "other0" };
static const char *const sources4[] = { "10.0.1.5", "198.51.1.1", "203.0.113.7" };
static const char *const sources6[] = { "fd00:1::5", "fd00:1::1", "2001:db8:77::5", "2001:db8:1::1", "2001:db8:2::1",
	"2001:db8:b::7" };

#define ONE_OF(pool) ((pool)[random_below(COUNT_OF(pool))])

struct world {
	struct sample_gateway *gateway;
	struct plan *plan;
	const struct config *config;
};

static void open_world(struct world *world, const char *yaml)
{
	*world = (struct world){ .gateway = gateway_new(yaml) };
	world->config = world->gateway->config;
	world->plan = plan_new(world->config, &world->gateway->ids, &world->gateway->view);
	assert_non_null(world->plan);
}

static void close_world(struct world *world)
{
	plan_free(world->plan);
	gateway_free(world->gateway);
}

static void random_world(struct world *world)
{
	char yaml[4000];
	FILE *out = fmemopen(yaml, sizeof(yaml), "w");

	fprintf(out, "zones: { lan: { devices: [lan0] }, guest: { devices: [vlan20], networks: ['fd20::/48', 10.20.0.0/16] } }\n"
		     "links:\n  fiber: { device: wan1, nat: %s }\n  cable: { device: wan2, nat: %s }\n"
		     "  lte: { device: wwan0, nat: %s }\npolicies:\n", ONE_OF(link_nats), ONE_OF(link_nats), ONE_OF(link_nats));
	for (unsigned int i = 0, count = 1 + random_below(20); i < count; i++)
		fprintf(out, "  - { name: p%u, nat: %s }\n", i, ONE_OF(policy_nats));
	fclose(out);
	open_world(world, yaml);
}

static const struct link *link_at(const struct config *config, const char *device)
{
	for (size_t i = 0; i < config->link_count; i++) {
		if (strcmp(config->links[i].device, device) == 0)
			return &config->links[i];
	}
	return NULL;
}

static bool has_address(const struct networks *networks, const struct address *address)
{
	for (size_t i = 0; i < networks->count; i++) {
		if (address_equal(&networks->items[i].address, address))
			return true;
	}
	return false;
}

/* What is expected: a kind of statement, or none; of SOURCE_NAT whose pool, of prefixes which. */
struct expected {
	bool translated;
	enum statement_kind kind;
	const struct nat *nat;
};

static struct expected expected_of_link(const struct world *world, const struct link *link, const struct address *source)
{
	const struct view *view = &world->gateway->view;
	bool own = has_address(&view->links[link - world->config->links].addresses, source);

	switch (link->nat.kind[source->family]) {
	case NAT_NONE:
		break;
	case NAT_AUTO:
		if ((source->bytes[0] & 0xfe) == 0xfc || (has_address(&view->local, source) && !own))
			return (struct expected){ true, MASQUERADE, NULL };
		break;
	case NAT_MASQUERADE:
		return (struct expected){ true, MASQUERADE, NULL };
	case NAT_SOURCE:
		return (struct expected){ true, SOURCE_NAT, &link->nat };
	case NAT_PREFIX:
		if (!own)
			return (struct expected){ true, has_address(&view->local, source) ? MASQUERADE : SOURCE_PREFIX, &link->nat };
		break;
	}
	return (struct expected){ false, 0, NULL };
}

static struct expected expected_source(const struct world *world, const struct policy *policy,
	const struct machine_packet *packet)
{
	const struct link *to = link_at(world->config, packet->device_out), *from = link_at(world->config, packet->device_in);
	enum family family = packet->flow.family;
	bool forwards = policy != NULL && policy->nat.forwards[family];

	switch (policy == NULL ? NAT_AUTO : policy->nat.kind[family]) {
	case NAT_AUTO:
		break;
	case NAT_NONE:
		return (struct expected){ false, 0, NULL };
	case NAT_MASQUERADE:
		if (to != NULL)
			return (struct expected){ true, MASQUERADE, NULL };
		break;
	case NAT_SOURCE:
		if (to != NULL || forwards)
			return (struct expected){ true, SOURCE_NAT, &policy->nat };
		break;
	case NAT_PREFIX:
		if (to != NULL)
			return (struct expected){ true, packet->of_self ? MASQUERADE : SOURCE_PREFIX, &policy->nat };
		break;
	}
	if (forwards && to == NULL && from == NULL)
		return (struct expected){ true, MASQUERADE, NULL };
	return to == NULL ? (struct expected){ false, 0, NULL } : expected_of_link(world, to, &packet->flow.from);
}

static bool is_range_of(const struct nat *nat, const struct statement *statement)
{
	static const struct address none;
	const struct address *last = memcmp(&statement->last_address.bytes, none.bytes, sizeof(none.bytes)) == 0
	                                     ? &statement->address : &statement->last_address;

	for (size_t i = 0; i < nat->pool.count; i++) {
		if (address_equal(&nat->pool.items[i].first, &statement->address) && address_equal(&nat->pool.items[i].last, last))
			return true;
	}
	return false;
}

static bool is_as_expected(const struct expected *expected, const struct statement *seen)
{
	if (!expected->translated || seen == NULL)
		return !expected->translated && seen == NULL;
	if (seen->kind != expected->kind)
		return false;
	if (seen->kind == SOURCE_NAT)
		return is_range_of(expected->nat, seen);
	return seen->kind != SOURCE_PREFIX || network_equal(&seen->network, &expected->nat->prefix);
}

static struct machine_packet random_packet(const struct world *world, const struct policy *policy)
{
	bool six = random_below(2) == 0;
	const struct ids *ids = &world->gateway->ids;
	unsigned int id = policy == NULL ? MARK_POLICY_NONE : ids->policies[policy - world->config->policies];
	struct machine_packet packet = { .device_in = ONE_OF(devices), .device_out = devices[1 + random_below(6)],
		.mark = 0xff000000 | mark_make(mark_layout_of(&world->config->kernel), random_below(64), 0, id) };

	packet.flow = gateway_flow(world->gateway, "lan0", 6, six ? ONE_OF(sources6) : ONE_OF(sources4), 1,
		six ? "2001:db8:ff::1" : "203.0.113.1", 1);
	packet.of_self = has_address(&world->gateway->view.local, &packet.flow.from);
	return packet;
}

static void check_source(const struct world *world, const struct policy *policy)
{
	struct machine_packet packet = random_packet(world, policy);
	struct expected expected = expected_source(world, policy, &packet);
	char text[NAT_TEXT_MAX];

	assert_int_equal(machine_run(&world->plan->ruleset, "postrouting", &packet), MACHINE_ACCEPTED);
	if (!is_as_expected(&expected, packet.translation))
		fail_msg("policy %s (%s), from %s to %s, %s: statement %d, not %d", policy == NULL ? "none" : policy->name,
			policy == NULL ? "" : nat_text(&policy->nat, packet.flow.family, text, sizeof(text)), packet.device_in,
			packet.device_out, random_flow_text(&packet.flow), packet.translation == NULL ? -1 : (int)packet.translation->kind,
			expected.translated ? (int)expected.kind : -1);
}

static void check_destination(const struct world *world, const struct policy *policy, const char *chain)
{
	struct machine_packet packet = random_packet(world, policy);
	enum family family = packet.flow.family;

	assert_int_equal(machine_run(&world->plan->ruleset, chain, &packet), MACHINE_ACCEPTED);
	if (policy == NULL || !policy->nat.forwards[family]) {
		assert_null(packet.translation);
		return;
	}
	assert_non_null(packet.translation);
	assert_int_equal(packet.translation->kind, DESTINATION_NAT);
	assert_true(address_equal(&packet.translation->address, &policy->nat.destination[family]));
	assert_int_equal(packet.translation->port, policy->nat.port[family]);
}

static void random_packets_are_translated_as_configured(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct world world;

		random_world(&world);
		for (int i = 0; i < 200; i++) {
			unsigned int index = random_below((unsigned int)world.config->policy_count + 1);
			const struct policy *policy = index == world.config->policy_count ? NULL : &world.config->policies[index];

			check_source(&world, policy);
			check_destination(&world, policy, "nat-prerouting");
			check_destination(&world, policy, "nat-output");
		}
		close_world(&world);
	}
}

/* Of 300 policies with 3 translations: 3 chains, and a map that has them all in order. */
static void policies_that_translate_alike_share_a_chain(void **state)
{
	static const char *const nats[] = { "none", "{ source: 192.0.2.9 }", "auto", "{ source: [192.0.2.9-192.0.2.9] }",
		"{ source: 192.0.2.10 }" };
	size_t chains = 0, length;
	char *yaml = NULL;
	struct world world;
	FILE *out = open_memstream(&yaml, &length);
	const struct ruleset *ruleset;

	(void)state;
	fputs("links: { fiber: { device: wan1 } }\npolicies:\n", out);
	for (size_t i = 0; i < 150; i++)
		fprintf(out, "  - { name: p%zu, nat: %s }\n", i, nats[i % COUNT_OF(nats)]);
	fclose(out);
	open_world(&world, yaml);
	free(yaml);
	ruleset = &world.plan->ruleset;
	for (size_t i = 0; i < ruleset->chain_count; i++)
		chains += strncmp(ruleset->chains[i].name, "source-", 7) == 0;
	assert_int_equal(chains, 3);
	assert_int_equal(ruleset->set_count, 1);
	assert_int_equal(ruleset->sets[0].chain_count, 120);
	for (size_t i = 1; i < ruleset->sets[0].chain_count; i++)
		assert_true(ruleset->sets[0].chains[i - 1].mark < ruleset->sets[0].chains[i].mark);
	close_world(&world);
}

static const struct statement *translated(const struct world *world, const char *chain, const char *device, const char *to)
{
	struct machine_packet packet = { .device_in = device, .device_out = "",
		.mark = mark_make(mark_layout_of(&world->config->kernel), 1, 0, MARK_POLICY_NONE) };

	packet.flow = gateway_flow(world->gateway, device, 6, "2001:db8:ff::1", 1, to, 1);
	assert_int_equal(machine_run(&world->plan->ruleset, chain, &packet), MACHINE_ACCEPTED);
	return packet.translation;
}

static void an_outside_prefix_leads_to_the_one_inside_network(void **state)
{
	const struct statement *statement;
	struct world world;
	char text[ADDRESS_TEXT_MAX];

	(void)state;
	open_world(&world, "zones: { lan: { devices: [lan0] }, guest: { devices: [vlan20], networks: ['fd20::/48'] } }\n"
			   "links: { fiber: { device: wan1, nat: { prefix: '2001:db8:f::/64' } },\n"
			   "  cable: { device: wan2, nat: { prefix: '2001:db8:e::/48' } }, lte: { device: wwan0 } }\n");
	statement = translated(&world, "nat-prerouting", "wan1", "2001:db8:f::9");
	assert_non_null(statement);
	assert_int_equal(statement->kind, DESTINATION_PREFIX);
	assert_string_equal(network_format(&statement->network, text, sizeof(text)), "fd00:1::/64");
	statement = translated(&world, "nat-prerouting", "wan2", "2001:db8:e:77::9");
	assert_non_null(statement);
	assert_string_equal(network_format(&statement->network, text, sizeof(text)), "fd20::/48");
	assert_null(translated(&world, "nat-prerouting", "wan2", "2001:db8:f::9"));
	assert_null(translated(&world, "nat-prerouting", "wan1", "2001:db8:f:1::9"));
	assert_null(translated(&world, "nat-prerouting", "lan0", "2001:db8:f::9"));
	close_world(&world);
}

static void an_outside_prefix_leads_nowhere_where_two_networks_fit(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, "zones: { lan: { devices: [lan0] }, guest: { devices: [vlan20] } }\n"
			   "links: { fiber: { device: wan1, nat: { prefix: '2001:db8:f::/64' } } }\n");
	assert_null(translated(&world, "nat-prerouting", "wan1", "2001:db8:f::9"));
	close_world(&world);
}

static void words_say_it_all(void **state)
{
	static const char *const expected[][2] = { { "auto", "auto" }, { "none", "none" }, { "masquerade", "masquerade" },
		{ "source 192.0.2.9", "auto" },
		{ "source 192.0.2.9, 192.0.2.20-192.0.2.29", "source 2001:db8:e::1-2001:db8:e::9, 2001:db8:e::20" },
		{ "auto", "source 2001:db8:e::1" }, { "auto", "prefix 2001:db8:f::/48" }, { "masquerade", "none" },
		{ "destination 10.0.1.5", "auto" }, { "destination 10.0.1.5", "destination fd00:1::5" },
		{ "source 192.0.2.9, destination 10.0.1.6", "auto" }, { "source 192.0.2.9, destination 10.0.1.5", "masquerade" },
		{ "auto", "prefix 2001:db8:e::/48, destination fd00:1::5" }, { "none, destination 10.0.1.5", "auto" } };
	char yaml[4000], text[NAT_TEXT_MAX];
	FILE *out = fmemopen(yaml, sizeof(yaml), "w");
	struct world world;

	(void)state;
	fputs("links: { fiber: { device: wan1, nat: 192.0.2.7 } }\npolicies:\n", out);
	for (size_t i = 0; i < COUNT_OF(policy_nats); i++)
		fprintf(out, "  - { name: p%zu, nat: %s }\n", i, policy_nats[i]);
	fputs("  - { name: ports, match: { protocol: tcp }, nat: { destination: ['10.0.0.5:80', '[fd00::5]:80'] } }\n", out);
	fclose(out);
	open_world(&world, yaml);
	for (size_t i = 0; i < COUNT_OF(policy_nats); i++) {
		const struct nat *nat = &world.config->policies[i].nat;

		for (enum family family = IPV4; family <= IPV6; family++)
			assert_string_equal(nat_text(nat, family, text, sizeof(text)), expected[i][family]);
	}
	{
		const struct nat *ports = &world.config->policies[COUNT_OF(policy_nats)].nat;
		struct nat joined = nat_join(ports, &world.config->links[0].nat);

		assert_string_equal(nat_text(ports, IPV6, text, sizeof(text)), "destination [fd00::5]:80");
		assert_string_equal(nat_text(&joined, IPV4, text, sizeof(text)), "source 192.0.2.7, destination 10.0.0.5:80");
	}
	close_world(&world);
}

/* A long pool is cut, and what is behind it stays as it was. */
static void words_stay_in_their_room(void **state)
{
	struct world world;
	char text[40];

	(void)state;
	open_world(&world, "links: { fiber: { device: wan1 } }\n"
			   "policies: [{ name: a, nat: { source: [192.0.2.1, 192.0.2.3, 192.0.2.5, 192.0.2.7] } }]\n");
	memset(text, '#', sizeof(text));
	assert_string_equal(nat_text(&world.config->policies[0].nat, IPV4, text, 20), "source 192.0.2.1, 1");
	assert_int_equal(text[20], '#');
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_packets_are_translated_as_configured),
		cmocka_unit_test(policies_that_translate_alike_share_a_chain),
		cmocka_unit_test(an_outside_prefix_leads_to_the_one_inside_network),
		cmocka_unit_test(an_outside_prefix_leads_nowhere_where_two_networks_fit),
		cmocka_unit_test(words_say_it_all),
		cmocka_unit_test(words_stay_in_their_room),
	};

	random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
