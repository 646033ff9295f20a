/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel state that configuration and link states ask for: routes and rules here, the ruleset beside. */

#include "core/plan.h"

#include <stdlib.h>
#include <string.h>

#include "core/plan_parts.h"

/* Offsets from the configured priority, and the last resort of this machine, after table default. */
enum {
	PRIORITY_SPECIFIC = 0,
	PRIORITY_KNOWN = 1,
	PRIORITY_LINK = 10,
	PRIORITY_GUARD = 80,
	PRIORITY_SOURCE = 150,
	PRIORITY_LAST_RESORT = 32800,
	PRIORITY_REVERSE = 32801,
};

/* The kernel takes none that is smaller. */
#define IPV6_LEAST_MTU 1280

void plan_add_route(struct planner *planner, size_t link, enum family family, uint32_t table)
{
	const struct link_view *view = &planner->view->links[link];
	uint32_t mtu = planner->config->links[link].mtu;

	if (view->device_index == 0 || !view->gateway_known[family])
		return;
	planner->plan->routes[planner->plan->route_count++] = (struct plan_route){
		.family = family,
		.table = table,
		.device_index = view->device_index,
		.via = !address_is_zero(&view->gateway[family]),
		.gateway = view->gateway[family],
		.mtu = family == IPV6 && mtu < IPV6_LEAST_MTU ? 0 : mtu,
		.link = planner->config->links[link].name,
	};
}

void plan_add_rule(struct planner *planner, const struct plan_rule *rule)
{
	planner->builder.failed |= rule->comment == NULL;
	planner->plan->rules[planner->plan->rule_count++] = *rule;
}

static void plan_link(struct planner *planner, size_t link, enum family family)
{
	const struct kernel_settings *kernel = &planner->config->kernel;
	unsigned int id = planner->ids->links[link];
	const char *name = planner->config->links[link].name;
	struct plan_rule rule = {
		.family = family,
		.priority = kernel->rule_priority + PRIORITY_LINK + id,
		.verdict = RULE_LOOKUP,
		.table = kernel->first_table + id,
		.mark = mark_make(planner->layout, id, 0, 0),
		.mask = mark_link_mask(planner->layout),
		.comment = arena_printf(planner->plan->arena, "connections of link %s", name),
	};

	plan_add_route(planner, link, family, rule.table);
	plan_add_rule(planner, &rule);
	rule.priority = kernel->rule_priority + PRIORITY_GUARD + id;
	rule.verdict = RULE_UNREACHABLE;
	rule.comment = arena_printf(planner->plan->arena, "and nowhere else while %s has no route", name);
	plan_add_rule(planner, &rule);
}

/* What the kernel itself sends from an address of the link: errors and resets carry no mark of ours. */
static void plan_sources(struct planner *planner, size_t link)
{
	const struct networks *addresses = &planner->view->links[link].addresses;
	unsigned int id = planner->ids->links[link];

	for (size_t i = 0; i < addresses->count; i++) {
		const struct address *address = &addresses->items[i].address;
		struct plan_rule rule = {
			.family = address->family,
			.priority = planner->config->kernel.rule_priority + PRIORITY_SOURCE + id,
			.verdict = RULE_LOOKUP,
			.table = planner->config->kernel.first_table + id,
			.has_source = true,
			.source = network_around(address, 128),
			.comment = arena_printf(planner->plan->arena, "from an address of link %s",
				planner->config->links[link].name),
		};

		plan_add_rule(planner, &rule);
	}
}

/* The way of this machine before output marks it: by a usable link, else by any. */
static void plan_first_way(struct planner *planner, enum family family)
{
	uint32_t table = planner->config->kernel.first_table;
	size_t before = planner->plan->route_count;

	for (size_t i = 0; i < 2 * planner->config->link_count && planner->plan->route_count == before; i++) {
		size_t link = i % planner->config->link_count;
		bool fallback = i >= planner->config->link_count;

		if (planner->view->links[link].usable
		    || (fallback && !address_is_zero(&planner->view->own_source[family])))
			plan_add_route(planner, link, family, table);
	}
	if (planner->plan->route_count > before)
		planner->plan->routes[before].source = planner->view->own_source[family];
}

/* This machine has to find a way before output can mark it, also where the main table has none. */
static void plan_last_resort(struct planner *planner, enum family family)
{
	struct plan_rule rule = {
		.family = family,
		.priority = PRIORITY_LAST_RESORT,
		.verdict = RULE_LOOKUP,
		.table = planner->config->kernel.first_table,
		.local_only = true,
		.comment = "this machine's own traffic where the main table knows no way",
	};

	plan_add_rule(planner, &rule);
	plan_first_way(planner, family);
}

/*
 * Whether somebody may be behind a device is asked without a mark (rp_filter 2, src_valid_mark 0), for what is
 * forwarded as well: where the main table has no default route any more, because PPP or DHCP took it away with their
 * link, answers that come in by the other links would be dropped.
 */
static void plan_reverse(struct planner *planner)
{
	struct plan_rule rule = {
		.family = IPV4,
		.priority = PRIORITY_REVERSE,
		.verdict = RULE_LOOKUP,
		.table = planner->config->kernel.first_table,
		.mask = mark_link_mask(planner->layout),
		.comment = "where answers may come from where the main table knows no way (rp_filter)",
	};

	plan_add_rule(planner, &rule);
}

static void plan_routing(struct planner *planner)
{
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct plan_rule specific = {
			.family = family,
			.priority = planner->config->kernel.rule_priority + PRIORITY_SPECIFIC,
			.verdict = RULE_LOOKUP_SPECIFIC,
			.table = 254,
			.comment = "known networks first, whatever the mark",
		};
		struct plan_rule known = {
			.family = family,
			.priority = planner->config->kernel.rule_priority + PRIORITY_KNOWN,
			.verdict = RULE_UNREACHABLE,
			.mark = mark_make(planner->layout, MARK_LINK_DROP, 0, 0),
			.mask = mark_link_mask(planner->layout),
			.comment = "the look-up of known networks ends here",
		};

		plan_add_rule(planner, &specific);
		plan_add_rule(planner, &known);
		for (size_t i = 0; i < planner->config->link_count; i++)
			plan_link(planner, i, family);
		plan_own_routing(planner, family);
		plan_last_resort(planner, family);
	}
	plan_reverse(planner);
	for (size_t i = 0; i < planner->config->link_count; i++)
		plan_sources(planner, i);
}

static size_t rules_needed(const struct config *config, const struct view *view)
{
	size_t count = FAMILIES * (5 + 3 * config->link_count) + 1;

	for (size_t i = 0; i < config->link_count; i++)
		count += view->links[i].addresses.count;
	return count;
}

static bool make_room(struct planner *planner)
{
	struct plan *plan = planner->plan;
	size_t links = planner->config->link_count;

	plan->routes = arena_array(plan->arena, FAMILIES * (links + 1) + plan_own_routes_needed(planner->config),
		sizeof(*plan->routes));
	plan->rules = arena_array(plan->arena, rules_needed(planner->config, planner->view), sizeof(*plan->rules));
	planner->link_devices.items = arena_array(plan->arena, links, sizeof(char *));
	return plan->routes != NULL && plan->rules != NULL && planner->link_devices.items != NULL;
}

struct plan *plan_new(const struct config *config, const struct ids *ids, const struct view *view)
{
	struct planner planner = { .config = config, .ids = ids, .view = view };
	struct plan *plan = calloc(1, sizeof(*plan));

	if (plan == NULL)
		return NULL;
	planner.plan = plan;
	planner.layout = mark_layout_of(&config->kernel);
	planner.ways = plan_ways(config, view->links);
	plan->arena = arena_new();
	if (plan->arena == NULL || !make_room(&planner))
		goto fail;
	for (size_t i = 0; i < config->link_count; i++)
		planner.link_devices.items[planner.link_devices.count++] = config->links[i].device;
	build_start(&planner.builder, plan->arena, &plan->ruleset, PLAN_TABLE);
	if (!plan_shaper(plan->arena, config, ids, view, &plan->shaper))
		goto fail;
	plan_routing(&planner);
	plan_ruleset(&planner);
	if (planner.builder.failed)
		goto fail;
	return plan;

fail:
	plan_free(plan);
	return NULL;
}

static bool has_usable_link(const struct policy *policy, const struct link_view *links)
{
	for (size_t i = 0; policy->action == ACTION_ALLOW && i < policy->balance.count; i++) {
		if (links[policy->balance.choices[i].link].usable)
			return true;
	}
	return false;
}

static bool any_usable(const struct config *config, const struct link_view *links)
{
	for (size_t i = 0; i < config->link_count; i++) {
		if (links[i].usable)
			return true;
	}
	return false;
}

struct plan_ways plan_ways(const struct config *config, const struct link_view *links)
{
	struct plan_ways ways = { config, links, any_usable(config, links), config->policy_count };

	while (ways.end > 0 && !has_usable_link(&config->policies[ways.end - 1], links))
		ways.end--;
	return ways;
}

bool plan_has_way(const struct plan_ways *ways, const struct policy *policy)
{
	if (policy->action != ACTION_ALLOW || has_usable_link(policy, ways->links))
		return policy->action == ACTION_ALLOW;
	switch (policy->balance.if_none) {
	case IF_NONE_DROP:
		return false;
	case IF_NONE_ANY:
		return ways->any;
	case IF_NONE_NEXT:
		break;
	}
	return policy < ways->config->policies + ways->end;
}

void plan_free(struct plan *plan)
{
	if (plan == NULL)
		return;
	arena_free(plan->arena);
	free(plan);
}
