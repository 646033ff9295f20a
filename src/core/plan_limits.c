/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits of policies: of connections where they begin, of what flows where it is forwarded. */

#include <stdio.h>
#include <string.h>

#include "core/plan_parts.h"

/* Names of chains and sets end with the number of a policy. */
#define NAME_ROOM 64

#define SET_SIZE    65536
#define BUCKET_MS   60000 /* a bucket that nobody used for so long is forgotten, if it is full again by then */
#define BUCKET_MAX_MS (24 * 3600000u)
#define PENALTY_MS  5000

/* Bytes: what the kernel joins on the way counts as one. */
#define LARGEST_PACKET 65536

enum {
	PRIORITY_RATES = 0,
	PRIORITY_CLASSES = -151, /* before the shaper's classes are read */
};

const char *plan_family_name(char *text, size_t size, const char *name, enum family family)
{
	snprintf(text, size, "%.40s-%c", name, family == IPV4 ? '4' : '6');
	return text;
}

static struct packet_keys keys_of(enum limit_per per, bool of_connection)
{
	static const enum packet_key keys[2][2] = {
		{ PACKET_SOURCE_SITE, PACKET_DESTINATION_SITE },
		{ CONNECTION_SOURCE_SITE, CONNECTION_DESTINATION_SITE },
	};

	return (struct packet_keys){ { keys[of_connection][per == PER_DESTINATION] }, 1 };
}

static uint32_t bucket_ms(const struct limit *limit)
{
	uint64_t full_ms;

	if (limit->kind == LIMIT_CONNECTIONS)
		return 0;
	full_ms = limit->kind == LIMIT_BYTES ? 0 : (uint64_t)limit->burst * limit->per_ms / limit->count;
	if (full_ms > BUCKET_MAX_MS)
		return BUCKET_MAX_MS;
	return full_ms < BUCKET_MS ? BUCKET_MS : (uint32_t)full_ms;
}

/*
 * An element keeps the limit that it was made with: another limit has another set. Connections are not
 * forgotten by time, but when the last has ended.
 */
static void build_bucket(struct planner *planner, const struct plan_limit *limit, enum family family, char *name)
{
	const struct limit *inner = &limit->limit;
	char letter = inner->per_ms == 3600000 ? 'h' : inner->per_ms == 60000 ? 'm' : 's';
	struct ruleset_set set = { .name = name, .kind = SET_DYNAMIC, .family = family, .size = SET_SIZE, .limits = true };
	int length = snprintf(name, NAME_ROOM, "%s%s-%c-%llu", limit->what, limit->per == PER_DESTINATION ? "-to" : "",
		family == IPV4 ? '4' : '6', (unsigned long long)inner->count);

	if (inner->kind == LIMIT_PACKETS)
		snprintf(name + length, NAME_ROOM - (size_t)length, "/%c-%u", letter, inner->burst);
	set.keys = keys_of(limit->per, limit->of_connection);
	set.timeout_ms = bucket_ms(inner);
	build_set(&planner->builder, set);
}

void plan_over_limit(struct planner *planner, const struct plan_limit *limit, const char *comment, const char *chain)
{
	struct builder *b = &planner->builder;

	if (limit->per == PER_ALL) {
		build_rule(b, "%s", comment);
		build_over_limit(b, limit->limit);
		build_jump(b, GOTO, chain);
		return;
	}
	for (enum family family = IPV4; family <= IPV6; family++) {
		char set[NAME_ROOM];

		build_bucket(planner, limit, family, set);
		build_rule(b, "%s", comment);
		build_family(b, family);
		build_over_limit_each(b, set, family, keys_of(limit->per, limit->of_connection), limit->limit,
			bucket_ms(&limit->limit));
		build_jump(b, GOTO, chain);
	}
}

/* Each rule is of its own: what follows happens also where a set is full. */
static void remember(struct planner *planner, enum statement_kind kind, const char *name, struct packet_keys keys,
	uint32_t timeout_ms, const char *comment)
{
	struct builder *b = &planner->builder;

	for (enum family family = IPV4; family <= IPV6; family++) {
		struct ruleset_set set = { .kind = SET_DYNAMIC, .family = family, .keys = keys, .timeout_ms = timeout_ms,
			.size = SET_SIZE };
		char text[NAME_ROOM];

		set.name = plan_family_name(text, sizeof(text), name, family);
		build_set(b, set);
		build_rule(b, "%s", comment);
		build_family(b, family);
		build_into_set(b, kind, text, family, keys, timeout_ms);
	}
}

void plan_remember_source(struct planner *planner, const char *name)
{
	remember(planner, ADD_TO_SET, name, (struct packet_keys){ { PACKET_SOURCE_SITE }, 1 }, PLAN_OFFENDERS_MS,
		"its source is told to the daemon");
}

static bool limits_bandwidth(const struct limits *limits)
{
	return limits->bandwidth_bps != 0;
}

static bool changes_class(const struct limits *limits)
{
	return limits_bandwidth(limits) && limits->over == OVER_CLASS;
}

static const char *numbered(char *text, const char *what, unsigned int policy)
{
	snprintf(text, NAME_ROOM, "%s-%u", what, policy);
	return text;
}

/* Policies that pass the test, as a map from their marks to chains. Without any there is none: false. */
static bool plan_map(struct planner *planner, const char *name, const char *chain, bool (*test)(const struct limits *limits))
{
	const struct config *config = planner->config;
	struct ruleset_set map = plan_policy_map(planner, name, config->policy_count);

	for (size_t i = 0; i < config->policy_count; i++) {
		unsigned int id = planner->ids->policies[i];

		if (test(&config->policies[i].limits))
			plan_policy_chain(planner, &map, id, arena_printf(planner->plan->arena, "%s-%u", chain, id));
	}
	if (map.chain_count > 0)
		build_set(&planner->builder, map);
	return map.chain_count > 0;
}

static void dispatch(struct planner *planner, const char *map)
{
	build_dispatch(&planner->builder, map, mark_policy_mask(planner->layout));
}

void plan_limits_calls(struct planner *planner)
{
	struct builder *b = &planner->builder;

	if (!plan_map(planner, "limits", "limit", limits_connections))
		return;
	build_rule(b, "limits of its policy, once for each connection");
	build_mark_is(b, MATCH_CONNECTION_MARK, mark_policy_mask(planner->layout), 0, false);
	dispatch(planner, "limits");
}

/* What is too much of the policy's connections. */
static void plan_refusal(struct planner *planner, const struct policy *policy, unsigned int id)
{
	struct builder *b = &planner->builder;
	char name[NAME_ROOM];

	build_chain(b, numbered(name, "over", id));
	if (policy->limits.block_for_s != 0)
		plan_remember_source(planner, numbered(name, PLAN_OFFENDERS, id));
	build_counter(b, numbered(name, PLAN_OVER, id));
	build_rule(b, "%s: too many connections", policy->name);
	build_count(b, numbered(name, PLAN_OVER, id));
	if (policy->limits.over == OVER_REJECT)
		build_jump(b, GOTO, CHAIN_REFUSE);
	else
		build_action(b, DROP);
}

static void plan_connections(struct planner *planner, const struct policy *policy, unsigned int id)
{
	const struct limits *limits = &policy->limits;
	char chain[NAME_ROOM], over[NAME_ROOM], what[NAME_ROOM];
	struct plan_limit limit = { .what = what, .per = limits->per, .of_connection = true };

	build_chain(&planner->builder, numbered(chain, "limit", id));
	numbered(over, "over", id);
	if (limits->new_connections.count != 0) {
		numbered(what, "new", id);
		limit.limit = (struct limit){ LIMIT_PACKETS, limits->new_connections.count, limits->new_connections.per_ms,
			limits->burst };
		plan_over_limit(planner, &limit, "too many new connections", over);
	}
	if (limits->connections != 0 && !planner->view->lacks_connection_limit) {
		numbered(what, "live", id);
		limit.limit = (struct limit){ .kind = LIMIT_CONNECTIONS, .count = limits->connections };
		plan_over_limit(planner, &limit, "too many connections", over);
	}
	plan_refusal(planner, policy, id);
}

/* Over the bandwidth: the packet is dropped, or the source is in another class for a while. */
static void plan_excess(struct planner *planner, const struct policy *policy, unsigned int id)
{
	struct builder *b = &planner->builder;
	char name[NAME_ROOM];

	build_chain(b, numbered(name, "excess", id));
	build_counter(b, numbered(name, PLAN_EXCESS, id));
	if (policy->limits.over == OVER_CLASS)
		remember(planner, REFRESH_IN_SET, numbered(name, "penalty", id), keys_of(policy->limits.per, true), PENALTY_MS,
			"in the other class for a while");
	build_rule(b, "%s: over its bandwidth", policy->name);
	build_count(b, numbered(name, PLAN_EXCESS, id));
	if (policy->limits.over != OVER_CLASS)
		build_action(b, DROP);
}

static void plan_bandwidth(struct planner *planner, const struct policy *policy, unsigned int id)
{
	char chain[NAME_ROOM], excess[NAME_ROOM], what[NAME_ROOM];
	struct plan_limit limit = { .what = numbered(what, "rate", id), .per = policy->limits.per, .of_connection = true,
		.limit = { .kind = LIMIT_BYTES, .count = policy->limits.bandwidth_bps / 8, .per_ms = 1000,
			.burst = LARGEST_PACKET } };

	build_chain(&planner->builder, numbered(chain, "rate", id));
	plan_over_limit(planner, &limit, "over its bandwidth", numbered(excess, "excess", id));
	plan_excess(planner, policy, id);
}

static void plan_class(struct planner *planner, const struct policy *policy, unsigned int id)
{
	struct builder *b = &planner->builder;
	char chain[NAME_ROOM], set[NAME_ROOM], name[NAME_ROOM];

	build_chain(b, numbered(chain, "class", id));
	numbered(set, "penalty", id);
	for (enum family family = IPV4; family <= IPV6; family++) {
		build_rule(b, "%s: in another class for a while", policy->name);
		build_family(b, family);
		build_in_set(b, plan_family_name(name, sizeof(name), set, family), family, keys_of(policy->limits.per, true),
			false);
		build_set_mark(b, mark_class_mask(planner->layout),
			mark_make(planner->layout, 0, planner->ids->classes[policy->limits.over_class], 0));
	}
}

/* Base chains are there also without any rule: they cannot be taken away while the daemon runs. */
static void plan_hooks(struct planner *planner)
{
	static const struct { const char *name; enum chain_hook hook; } hooks[] = {
		{ "forward", HOOK_FORWARD }, { "input", HOOK_INPUT }, { "output-rates", HOOK_OUTPUT },
	};
	bool rates = plan_map(planner, "rates", "rate", limits_bandwidth);
	bool classes = plan_map(planner, "classes", "class", changes_class);
	struct builder *b = &planner->builder;

	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
		build_base_chain(b, hooks[i].name, CHAIN_FILTER, hooks[i].hook, PRIORITY_RATES);
		if (rates) {
			build_rule(b, "bandwidth of its policy");
			dispatch(planner, "rates");
		}
		plan_bytes_calls(planner);
	}
	build_base_chain(b, "reclass", CHAIN_FILTER, HOOK_POSTROUTING, PRIORITY_CLASSES);
	if (!classes)
		return;
	build_rule(b, "sources that are in another class for a while");
	dispatch(planner, "classes");
}

void plan_limits(struct planner *planner)
{
	plan_hooks(planner);
	for (size_t i = 0; i < planner->config->policy_count; i++) {
		const struct policy *policy = &planner->config->policies[i];
		unsigned int id = planner->ids->policies[i];

		if (limits_connections(&policy->limits))
			plan_connections(planner, policy, id);
		if (limits_bandwidth(&policy->limits))
			plan_bandwidth(planner, policy, id);
		if (changes_class(&policy->limits))
			plan_class(planner, policy, id);
	}
}
