/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Refusals of a moment ago: the same source that asks for the same again is answered in the kernel. */

#include <stdio.h>
#include <string.h>

#include "core/plan_parts.h"

#define CHAIN_ANSWERED "answered"
#define MAP_REFUSALS   "refusals"

#define NAME_ROOM    32
#define ANSWER_MS    10000
#define ANSWERS_SIZE 65536

static const struct packet_keys keys = {
	{ PACKET_DEVICE_IN, PACKET_SOURCE, PACKET_DESTINATION, PACKET_PROTOCOL, PACKET_TO_PORT }, 5
};

static bool refuses(const struct policy *policy)
{
	return policy->action != ACTION_ALLOW || policy->balance.if_none == IF_NONE_DROP;
}

/* Who wants a line in the log for each is asked each time. */
bool plan_keeps_answers_of(const struct policy *policy)
{
	return refuses(policy) && !policy->log;
}

bool plan_keeps_answers(const struct config *config)
{
	bool any = false;

	for (size_t i = 0; i < config->policy_count; i++) {
		const struct match *match = &config->policies[i].match;

		if (match->from_ports.count > 0 || match->dscps.count > 0)
			return false;
		any |= plan_keeps_answers_of(&config->policies[i]);
	}
	return any;
}

/* Only what has ports, which are part of the key. */
static void match_kind(struct planner *planner, enum family family)
{
	static const uint32_t protocols[] = { 6, 17 };

	build_family(&planner->builder, family);
	build_values(&planner->builder, MATCH_PROTOCOL, protocols, 2, false);
}

/* The numbers of policies that refuse and are asked each time, as marks have them. */
static struct values asked_each_time(struct planner *planner)
{
	const struct config *config = planner->config;
	struct values values = { .items = arena_array(planner->plan->arena, config->policy_count + 1, sizeof(uint32_t)) };

	planner->builder.failed |= values.items == NULL;
	for (size_t i = 0; i < config->policy_count && values.items != NULL; i++) {
		if (refuses(&config->policies[i]) && config->policies[i].log)
			values.items[values.count++] = mark_make(planner->layout, 0, 0, planner->ids->policies[i]);
	}
	return values;
}

void plan_answers_keep(struct planner *planner)
{
	struct builder *b = &planner->builder;
	const uint32_t refusals[] = { mark_make(planner->layout, MARK_LINK_DROP, 0, 0),
		mark_make(planner->layout, MARK_LINK_REJECT, 0, 0) };
	struct statement refused = { .kind = MATCH_MARK, .mask = mark_link_mask(planner->layout) };
	struct statement logged = { .kind = MATCH_MARK, .negate = true, .mask = mark_policy_mask(planner->layout) };
	char set[NAME_ROOM];

	if (!plan_keeps_answers(planner->config))
		return;
	logged.values = asked_each_time(planner);
	refused.values.items = arena_array(b->arena, 2, sizeof(*refusals));
	b->failed |= refused.values.items == NULL;
	if (b->failed)
		return;
	memcpy(refused.values.items, refusals, sizeof(refusals));
	refused.values.count = 2;
	for (enum family family = IPV4; family <= IPV6; family++) {
		build_rule(b, "a refusal is kept for who asks again");
		build_statement(b, refused);
		if (logged.values.count > 0)
			build_statement(b, logged);
		match_kind(planner, family);
		build_into_set(b, KEEP_MARK, plan_family_name(set, sizeof(set), PLAN_ANSWERS, family), family, keys, ANSWER_MS);
	}
}

void plan_answers_find(struct planner *planner)
{
	struct builder *b = &planner->builder;
	char set[NAME_ROOM];

	if (!plan_keeps_answers(planner->config))
		return;
	for (enum family family = IPV4; family <= IPV6; family++) {
		build_rule(b, "refused a moment ago");
		match_kind(planner, family);
		build_find_mark(b, plan_family_name(set, sizeof(set), PLAN_ANSWERS, family), family, keys);
		build_jump(b, GOTO, CHAIN_ANSWERED);
	}
}

static void plan_sets(struct planner *planner)
{
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct ruleset_set set = { .kind = SET_DYNAMIC, .family = family, .keys = keys, .timeout_ms = ANSWER_MS,
			.size = ANSWERS_SIZE, .marks = true, .refill = true };
		char name[NAME_ROOM];

		set.name = plan_family_name(name, sizeof(name), PLAN_ANSWERS, family);
		build_set(&planner->builder, set);
	}
}

/* Each policy counts its own. */
static void plan_counts(struct planner *planner)
{
	const struct config *config = planner->config;
	struct ruleset_set map = plan_policy_map(planner, MAP_REFUSALS, config->policy_count);
	struct builder *b = &planner->builder;

	for (size_t i = 0; i < config->policy_count && !b->failed; i++) {
		unsigned int id = planner->ids->policies[i];
		const char *name;

		if (!plan_keeps_answers_of(&config->policies[i]))
			continue;
		name = arena_printf(b->arena, "%s-%u", PLAN_REFUSED, id);
		plan_policy_chain(planner, &map, id, name);
		if (b->failed)
			return;
		build_counter(b, name);
		build_chain(b, name);
		build_rule(b, "%s refused it", config->policies[i].name);
		build_count(b, name);
	}
	build_set(b, map);
}

void plan_answers(struct planner *planner)
{
	struct builder *b = &planner->builder;

	if (!plan_keeps_answers(planner->config))
		return;
	plan_sets(planner);
	plan_counts(planner);
	build_chain(b, CHAIN_ANSWERED);
	build_rule(b, "count for the policy");
	build_dispatch(b, MAP_REFUSALS, mark_policy_mask(planner->layout));
	build_rule(b, "rejected again");
	build_mark_is(b, MATCH_MARK, mark_link_mask(planner->layout), mark_make(planner->layout, MARK_LINK_REJECT, 0, 0), false);
	build_jump(b, GOTO, CHAIN_REFUSE);
	build_rule(b, "dropped again");
	build_action(b, DROP);
}
