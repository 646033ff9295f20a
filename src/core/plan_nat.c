/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address translation by policies: the chains that are always there, and what they look up by the mark. */

#include <stdlib.h>
#include <string.h>

#include "core/nat.h"
#include "core/plan_parts.h"

enum {
	PRIORITY_DESTINATION_NAT = -100,
	PRIORITY_SOURCE_NAT = 100,
};

/* Maps from marks of policies to chains. Policies that translate alike share a chain, which has the first one's number. */
#define MAP_SOURCES      "nat-sources"
#define MAP_DESTINATIONS "nat-destinations"

typedef int nat_order(const struct nat *a, const struct nat *b);

/* One of the two maps. */
struct grouping {
	const char *map, *prefix; /* of the names of its chains */
	bool (*wanted)(const struct nat *nat);
	nat_order *order;
	int (*sort)(const void *left, const void *right); /* by order, then by number */
	void (*plan)(struct planner *planner, const struct policy *policy, unsigned int id);
};

static void match_outside(struct planner *planner, enum statement_kind kind, bool negate)
{
	build_devices(&planner->builder, kind, &planner->link_devices, negate);
}

/* Each address of the pool as often as the others: a range by the kernel itself, several ranges by their sizes. */
static unsigned int range_size(const struct address_range *range)
{
	uint64_t size = 0;

	for (size_t i = 0; i < family_size(range->first.family); i++)
		size = (size << 8) + range->last.bytes[i] - range->first.bytes[i];
	return size >= 1u << 20 ? 1u << 20 : (unsigned int)size + 1;
}

static void take_range(struct planner *planner, const struct address_range *range)
{
	build_statement(&planner->builder, (struct statement){ .kind = SOURCE_NAT, .family = range->first.family,
		.address = range->first, .last_address = range->last });
}

/* The ranges of one family, which stand together. */
static struct address_ranges ranges_of(const struct nat *nat, enum family family)
{
	struct address_ranges ranges = { .items = nat->pool.items };

	for (size_t i = 0; i < nat->pool.count; i++) {
		if (nat->pool.items[i].first.family == family)
			ranges.count++;
		else if (ranges.count == 0)
			ranges.items++;
	}
	return ranges;
}

/* The chains of the ranges follow in plan_ranges(). A client keeps to one range. */
static void spread_ranges(struct planner *planner, const struct address_ranges *ranges, enum family family,
	const char *who)
{
	struct statement statement = { .kind = SPREAD, .family = family,
		.spread = { .by = SPREAD_BY_SOURCE, .seed = 0x6e617470 } };
	struct builder *b = &planner->builder;

	statement.spread.chains = arena_array(b->arena, ranges->count, sizeof(char *));
	statement.spread.weights = arena_array(b->arena, ranges->count, sizeof(unsigned int));
	b->failed |= statement.spread.chains == NULL || statement.spread.weights == NULL;
	for (size_t i = 0; i < ranges->count && !b->failed; i++) {
		statement.spread.chains[i] = arena_printf(b->arena, "%s-%d-%zu", who, family == IPV4 ? 4 : 6, i + 1);
		statement.spread.weights[i] = range_size(&ranges->items[i]);
		b->failed |= statement.spread.chains[i] == NULL;
	}
	statement.spread.count = ranges->count;
	build_statement(b, statement);
}

/* Sources of one family become one of the pool, together with a destination also towards that one. */
static void plan_pool(struct planner *planner, const struct nat *nat, enum family family, const char *who)
{
	struct address_ranges ranges = ranges_of(nat, family);

	build_family(&planner->builder, family);
	if (!nat->forwards[family])
		match_outside(planner, MATCH_DEVICE_OUT, false);
	if (ranges.count == 1)
		take_range(planner, &ranges.items[0]);
	else
		spread_ranges(planner, &ranges, family, who);
}

/* The chains that spread_ranges() leads to. */
static void plan_ranges(struct planner *planner, const struct nat *nat, const char *who)
{
	struct builder *b = &planner->builder;

	for (enum family family = IPV4; family <= IPV6; family++) {
		struct address_ranges ranges = ranges_of(nat, family);

		for (size_t i = 0; i < ranges.count && ranges.count > 1; i++) {
			char text[RANGE_TEXT_MAX];
			const char *name = arena_printf(b->arena, "%s-%d-%zu", who, family == IPV4 ? 4 : 6, i + 1);

			b->failed |= name == NULL;
			if (b->failed)
				return;
			build_chain(b, name);
			build_rule(b, "source %s", range_format(&ranges.items[i], text, sizeof(text)));
			build_family(b, family);
			take_range(planner, &ranges.items[i]);
		}
	}
}

/* What a policy itself says of sources in one family. Rules that say nothing of a packet leave it to the link. */
static void plan_source(struct planner *planner, const struct policy *policy, enum family family, const char *who)
{
	static const uint32_t local = TO_LOCAL;
	const struct nat *nat = &policy->nat;
	struct builder *b = &planner->builder;

	switch (nat->kind[family]) {
	case NAT_AUTO:
		return;
	case NAT_NONE:
		for (size_t i = 0; i < planner->config->link_count; i++)
			plan_own_source(planner, i, family);
		build_rule(b, "%s: no translation", policy->name);
		build_family(b, family);
		build_action(b, ACCEPT);
		return;
	case NAT_MASQUERADE:
		build_rule(b, "%s: masquerade on any link", policy->name);
		build_family(b, family);
		match_outside(planner, MATCH_DEVICE_OUT, false);
		build_action(b, MASQUERADE);
		return;
	case NAT_SOURCE:
		build_rule(b, "%s: source address", policy->name);
		plan_pool(planner, nat, family, who);
		return;
	case NAT_PREFIX:
		build_rule(b, "%s: masquerade addresses of this machine", policy->name);
		build_family(b, family);
		match_outside(planner, MATCH_DEVICE_OUT, false);
		build_values(b, MATCH_SOURCE_KIND, &local, 1, false);
		build_action(b, MASQUERADE);
		build_rule(b, "%s: source prefix", policy->name);
		build_family(b, family);
		match_outside(planner, MATCH_DEVICE_OUT, false);
		build_statement(b, (struct statement){ .kind = SOURCE_PREFIX, .family = IPV6, .network = nat->prefix });
		return;
	}
}

/* From inside to an inside server: its answers have to come back through this machine. */
static void plan_hairpin(struct planner *planner, const struct policy *policy, enum family family)
{
	struct builder *b = &planner->builder;

	if (!policy->nat.forwards[family])
		return;
	build_rule(b, "%s: from inside to inside, answers come back here", policy->name);
	build_family(b, family);
	match_outside(planner, MATCH_DEVICE_IN, true);
	match_outside(planner, MATCH_DEVICE_OUT, true);
	build_action(b, MASQUERADE);
}

static void plan_sources(struct planner *planner, const struct policy *policy, unsigned int id)
{
	const char *who = arena_printf(planner->builder.arena, "source-%u", id);

	planner->builder.failed |= who == NULL;
	for (enum family family = IPV4; family <= IPV6 && who != NULL; family++) {
		plan_source(planner, policy, family, who);
		plan_hairpin(planner, policy, family);
	}
	if (who != NULL)
		plan_ranges(planner, &policy->nat, who);
}

static void plan_destinations(struct planner *planner, const struct policy *policy, unsigned int id)
{
	static const uint32_t protocols[] = { 6, 17 }; /* TCP and UDP, which have the port */
	struct builder *b = &planner->builder;

	(void)id;
	for (enum family family = IPV4; family <= IPV6; family++) {
		char text[ENDPOINT_TEXT_MAX];

		if (!policy->nat.forwards[family])
			continue;
		build_rule(b, "%s: to %s", policy->name,
			nat_destination_format(&policy->nat, family, text, sizeof(text)));
		build_family(b, family);
		if (policy->nat.port[family] != 0)
			build_values(b, MATCH_PROTOCOL, protocols, 2, false);
		build_statement(b, (struct statement){ .kind = DESTINATION_NAT, .family = family,
			.address = policy->nat.destination[family], .port = policy->nat.port[family] });
	}
}

/* A policy that a map has, with its number. */
struct member {
	const struct policy *policy;
	unsigned int id;
};

static int compare_members(const struct member *a, const struct member *b, nat_order *order)
{
	int difference = order(&a->policy->nat, &b->policy->nat);

	return difference != 0 ? difference : a->id < b->id ? -1 : a->id > b->id;
}

static int by_source(const void *left, const void *right)
{
	return compare_members(left, right, nat_compare_sources);
}

static int by_destination(const void *left, const void *right)
{
	return compare_members(left, right, nat_compare_destinations);
}

static const struct grouping sources = { MAP_SOURCES, "source", nat_has_source, nat_compare_sources, by_source,
	plan_sources };
static const struct grouping destinations = { MAP_DESTINATIONS, "destination", nat_has_destination,
	nat_compare_destinations, by_destination, plan_destinations };

/* The policies that the map has; those that translate alike stand together, the lowest number first. */
static struct member *members_of(struct planner *planner, const struct grouping *grouping, size_t *ret_count)
{
	const struct config *config = planner->config;
	struct member *members = arena_array(planner->plan->arena, config->policy_count + 1, sizeof(*members));

	*ret_count = 0;
	planner->builder.failed |= members == NULL;
	for (size_t i = 0; i < config->policy_count && members != NULL; i++) {
		if (config->policies[i].action == ACTION_ALLOW && grouping->wanted(&config->policies[i].nat))
			members[(*ret_count)++] = (struct member){ &config->policies[i], planner->ids->policies[i] };
	}
	if (*ret_count > 1)
		qsort(members, *ret_count, sizeof(*members), grouping->sort);
	return members;
}

static bool is_wanted(const struct planner *planner, const struct grouping *grouping)
{
	for (size_t i = 0; i < planner->config->policy_count; i++) {
		const struct policy *policy = &planner->config->policies[i];

		if (policy->action == ACTION_ALLOW && grouping->wanted(&policy->nat))
			return true;
	}
	return false;
}

static int by_mark(const void *left, const void *right)
{
	const struct mark_chain *a = left, *b = right;

	return a->mark < b->mark ? -1 : a->mark > b->mark;
}

/* The chains of a map and the map itself. */
static void plan_groups(struct planner *planner, const struct grouping *grouping)
{
	struct builder *b = &planner->builder;
	const char *chain = NULL;
	struct ruleset_set map;
	struct member *members;
	size_t count;

	members = members_of(planner, grouping, &count);
	map = plan_policy_map(planner, grouping->map, count);
	for (size_t i = 0; i < count && !b->failed; i++) {
		if (i == 0 || grouping->order(&members[i - 1].policy->nat, &members[i].policy->nat) != 0) {
			chain = arena_printf(b->arena, "%s-%u", grouping->prefix, members[i].id);
			b->failed |= chain == NULL;
			if (b->failed)
				return;
			build_chain(b, chain);
			grouping->plan(planner, members[i].policy, members[i].id);
		}
		plan_policy_chain(planner, &map, members[i].id, chain);
	}
	if (count == 0 || b->failed)
		return;
	qsort(map.chains, map.chain_count, sizeof(*map.chains), by_mark);
	build_set(b, map);
}

static void dispatch(struct planner *planner, const struct grouping *grouping, const char *comment)
{
	if (!is_wanted(planner, grouping))
		return;
	build_rule(&planner->builder, "%s", comment);
	build_statement(&planner->builder, (struct statement){ .kind = DISPATCH, .name = grouping->map,
		.mask = mark_policy_mask(planner->layout) });
}

void plan_nat(struct planner *planner)
{
	struct builder *b = &planner->builder;

	build_base_chain(b, "nat-prerouting", CHAIN_NAT, HOOK_PREROUTING, PRIORITY_DESTINATION_NAT);
	dispatch(planner, &destinations, "policies that forward");
	plan_link_prefixes(planner);
	build_base_chain(b, "nat-output", CHAIN_NAT, HOOK_OUTPUT, PRIORITY_DESTINATION_NAT);
	dispatch(planner, &destinations, "policies that forward");
	build_base_chain(b, "postrouting", CHAIN_NAT, HOOK_POSTROUTING, PRIORITY_SOURCE_NAT);
	dispatch(planner, &sources, "policies with a translation of their own");
	plan_link_sources(planner);
	plan_groups(planner, &destinations);
	plan_groups(planner, &sources);
}

/* What policies forward in one family, all of them together. */
struct forwarded {
	bool any, any_protocol, any_port;
	bool protocols[256];
	struct port_ranges ports;
};

static void add_forwarded(const struct match *match, struct forwarded *forwarded)
{
	forwarded->any = true;
	forwarded->any_protocol |= match->protocols.count == 0;
	forwarded->any_port |= match->to_ports.count == 0;
	for (size_t i = 0; i < match->protocols.count; i++)
		forwarded->protocols[match->protocols.items[i]] = true;
	for (size_t i = 0; i < match->to_ports.count; i++)
		forwarded->ports.items[forwarded->ports.count++] = match->to_ports.items[i];
}

static struct forwarded gather_forwarded(struct planner *planner, enum family family)
{
	const struct config *config = planner->config;
	struct forwarded forwarded = { 0 };
	size_t room = 0;

	for (size_t i = 0; i < config->policy_count; i++)
		room += config->policies[i].nat.forwards[family] ? config->policies[i].match.to_ports.count : 0;
	forwarded.ports.items = arena_array(planner->plan->arena, room, sizeof(struct port_range));
	planner->builder.failed |= forwarded.ports.items == NULL;
	for (size_t i = 0; i < config->policy_count && forwarded.ports.items != NULL; i++) {
		if (config->policies[i].nat.forwards[family])
			add_forwarded(&config->policies[i].match, &forwarded);
	}
	return forwarded;
}

static void match_forwarded(struct planner *planner, const struct forwarded *forwarded)
{
	struct builder *b = &planner->builder;
	uint32_t numbers[256];
	size_t count = 0;

	for (uint32_t number = 0; number < 256; number++) {
		if (forwarded->protocols[number])
			numbers[count++] = number;
	}
	if (!forwarded->any_protocol)
		build_values(b, MATCH_PROTOCOL, numbers, count, false);
	if (!forwarded->any_protocol && !forwarded->any_port)
		build_statement(b, (struct statement){ .kind = MATCH_TO_PORT, .ports = plan_ports(planner, &forwarded->ports) });
}

void plan_own_forwards(struct planner *planner)
{
	static const char *loopback_name = "lo";
	static const uint32_t new = CONNECTION_NEW;
	struct names loopback = { &loopback_name, 1 };
	struct builder *b = &planner->builder;

	for (enum family family = IPV4; family <= IPV6; family++) {
		struct networks outside = plan_outside_addresses(planner, NO_LINK, family);
		struct forwarded forwarded = gather_forwarded(planner, family);

		if (!forwarded.any || outside.count == 0)
			continue;
		build_rule(b, "this machine to its outside addresses, where a policy may forward");
		build_family(b, family);
		build_devices(b, MATCH_DEVICE_OUT, &loopback, false);
		build_values(b, MATCH_CONNECTION_STATE, &new, 1, false);
		match_forwarded(planner, &forwarded);
		build_statement(b, (struct statement){ .kind = MATCH_DESTINATION, .family = family, .networks = outside });
		build_set_mark(b, mark_link_mask(planner->layout), mark_make(planner->layout, MARK_LINK_DIRECT, 0, 0));
		build_jump(b, GOTO, CHAIN_ASK);
	}
}
