/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links by packet: of connections that have a policy but no link in their mark, each packet takes one. */

#include <stdio.h>
#include <string.h>

#include "core/plan_parts.h"

#define MAP_BY_PACKET "by-packet-policies"

/* Names of chains and counters end with numbers. */
#define NAME_ROOM 32

static bool spreads(const struct policy *policy)
{
	return policy->action == ACTION_ALLOW && policy->balance.algorithm == ALGORITHM_BY_PACKET;
}

static bool any_spreads(const struct config *config)
{
	for (size_t i = 0; i < config->policy_count; i++) {
		if (spreads(&config->policies[i]))
			return true;
	}
	return false;
}

static void set_link(struct planner *planner, unsigned int link)
{
	build_set_mark(&planner->builder, mark_link_mask(planner->layout), mark_make(planner->layout, link, 0, 0));
}

static const char *policy_chain(char *name, unsigned int policy)
{
	snprintf(name, NAME_ROOM, "by-packet-%u", policy);
	return name;
}

/* Of the chain, and of the counter. */
static const char *link_name(char *name, unsigned int policy, unsigned int link)
{
	snprintf(name, NAME_ROOM, "%s-%u-%u", PLAN_PACKETS, policy, link);
	return name;
}

bool plan_by_packet_call(struct planner *planner)
{
	if (!any_spreads(planner->config))
		return false;
	build_rule(&planner->builder, "each packet takes a link");
	plan_match_link(planner, MARK_LINK_BY_PACKET, false);
	build_mark_is(&planner->builder, MATCH_MARK, mark_policy_mask(planner->layout), 0, true);
	build_jump(&planner->builder, GOTO, CHAIN_BY_PACKET);
	return true;
}

static void plan_map(struct planner *planner)
{
	const struct config *config = planner->config;
	struct ruleset_set map = plan_policy_map(planner, MAP_BY_PACKET, config->policy_count);
	char name[NAME_ROOM];

	for (size_t i = 0; i < config->policy_count; i++) {
		unsigned int id = planner->ids->policies[i];

		if (!spreads(&config->policies[i]))
			continue;
		policy_chain(name, id);
		plan_policy_chain(planner, &map, id, arena_text(planner->plan->arena, name, strlen(name)));
	}
	build_set(&planner->builder, map);
}

/* Answers may come in by any link. The packet gets its number, so that its class is one of that link. */
static void plan_answers_by(struct planner *planner)
{
	struct builder *b = &planner->builder;

	for (size_t i = 0; i < planner->config->link_count; i++) {
		struct names device = { &planner->config->links[i].device, 1 };

		build_rule(b, "an answer that comes in by %s", planner->config->links[i].name);
		build_devices(b, MATCH_DEVICE_IN, &device, false);
		set_link(planner, planner->ids->links[i]);
		build_action(b, ACCEPT);
	}
}

static void spread_add(struct planner *planner, struct spread *spread, unsigned int policy, const struct balance *balance,
	size_t choice)
{
	char name[NAME_ROOM];

	link_name(name, policy, planner->ids->links[balance->choices[choice].link]);
	spread->chains[spread->count] = arena_text(planner->plan->arena, name, strlen(name));
	planner->builder.failed |= spread->chains[spread->count] == NULL;
	spread->weights[spread->count++] = view_weight(planner->view, balance, choice);
}

/* Links with a way in that family, of the best tier that has one: the usable ones; or with drained, those that live. */
static struct spread spread_of(struct planner *planner, const struct balance *balance, unsigned int policy,
	enum family family, bool drained)
{
	struct spread spread = { .by = SPREAD_IN_TURN };
	uint8_t tier = 0;
	bool avoid = view_avoids_suspects(planner->view->links, balance);

	spread.chains = arena_array(planner->plan->arena, balance->count, sizeof(char *));
	spread.weights = arena_array(planner->plan->arena, balance->count, sizeof(unsigned int));
	planner->builder.failed |= spread.chains == NULL || spread.weights == NULL;
	for (size_t i = 0; i < balance->count && !planner->builder.failed; i++) {
		const struct link_view *view = &planner->view->links[balance->choices[i].link];

		if (!view->gateway_known[family] || (avoid && view_avoided(view, balance)))
			continue;
		if (spread.count > 0 && balance->choices[i].tier != tier)
			break;
		tier = balance->choices[i].tier;
		if (drained ? !view->dead : view->usable)
			spread_add(planner, &spread, policy, balance, i);
	}
	return spread;
}

/* All that depends on the states of links. What finds none waits: there is nothing to tell its sender yet. */
static void plan_spread(struct planner *planner, const struct policy *policy, unsigned int id)
{
	struct builder *b = &planner->builder;
	char name[NAME_ROOM];

	build_chain(b, policy_chain(name, id));
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct spread spread = spread_of(planner, &policy->balance, id, family, false);

		/* Who is drained gets no new connections, but those that live have nobody else. */
		if (spread.count == 0)
			spread = spread_of(planner, &policy->balance, id, family, true);
		if (spread.count == 0)
			continue;
		build_rule(b, "%s: by weight", policy->name);
		build_family(b, family);
		if (spread.count == 1)
			build_jump(b, GOTO, spread.chains[0]);
		else
			build_statement(b, (struct statement){ .kind = SPREAD, .spread = spread });
	}
	build_rule(b, "%s: no usable link", policy->name);
	build_action(b, DROP);
}

static void plan_links(struct planner *planner, const struct policy *policy, unsigned int id)
{
	struct builder *b = &planner->builder;
	char name[NAME_ROOM];

	for (size_t i = 0; i < policy->balance.count; i++) {
		size_t index = policy->balance.choices[i].link;
		unsigned int link = planner->ids->links[index];

		build_counter(b, link_name(name, id, link));
		build_chain(b, name);
		build_rule(b, "%s: by link %s", policy->name, planner->config->links[index].name);
		build_count(b, name);
		set_link(planner, link);
		build_action(b, ACCEPT);
	}
}

void plan_by_packet(struct planner *planner)
{
	struct builder *b = &planner->builder;

	if (!any_spreads(planner->config))
		return;
	plan_map(planner);
	build_chain(b, CHAIN_BY_PACKET);
	plan_answers_by(planner);
	build_rule(b, "by the links of its policy");
	build_dispatch(b, MAP_BY_PACKET, mark_policy_mask(planner->layout));
	for (size_t i = 0; i < planner->config->policy_count; i++) {
		const struct policy *policy = &planner->config->policies[i];

		if (!spreads(policy))
			continue;
		plan_spread(planner, policy, planner->ids->policies[i]);
		plan_links(planner, policy, planner->ids->policies[i]);
	}
}
