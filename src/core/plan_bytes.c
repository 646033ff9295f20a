/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts what policies carry by each link, for those whose shares are of bytes. */

#include "core/plan_parts.h"

#define CHAIN_BYTES "carry"
#define MAP_BYTES   "counted"

/* An element for each policy and link that carried something within the hour. */
#define BYTES_SIZE 65536
#define BYTES_MS   3600000

static const struct packet_keys keys = { { PACKET_MARK }, 1 };

static bool counts(const struct policy *policy)
{
	return policy->action == ACTION_ALLOW && policy->balance.algorithm == ALGORITHM_ROUND_ROBIN
	       && policy->balance.share == SHARE_BYTES;
}

bool plan_counts_bytes(const struct config *config)
{
	for (size_t i = 0; i < config->policy_count; i++) {
		if (counts(&config->policies[i]))
			return true;
	}
	return false;
}

/* The map spares packets of all other policies everything but one look-up. */
static void plan_map(struct planner *planner)
{
	const struct config *config = planner->config;
	struct ruleset_set map = { .name = MAP_BYTES, .kind = SET_CHAINS };

	map.chains = arena_array(planner->plan->arena, config->policy_count, sizeof(*map.chains));
	planner->builder.failed |= map.chains == NULL;
	for (size_t i = 0; i < config->policy_count && map.chains != NULL; i++) {
		if (counts(&config->policies[i]))
			map.chains[map.chain_count++] = (struct mark_chain){
				mark_make(planner->layout, 0, 0, planner->ids->policies[i]), CHAIN_BYTES };
	}
	build_set(&planner->builder, map);
}

void plan_bytes_calls(struct planner *planner)
{
	if (!plan_counts_bytes(planner->config))
		return;
	build_rule(&planner->builder, "bytes of its policy by this link");
	build_dispatch(&planner->builder, MAP_BYTES, mark_policy_mask(planner->layout));
}

void plan_bytes(struct planner *planner)
{
	struct ruleset_set set = { .name = PLAN_BYTES, .kind = SET_DYNAMIC, .keys = keys, .timeout_ms = BYTES_MS,
		.size = BYTES_SIZE, .counts = true };
	struct builder *b = &planner->builder;

	if (!plan_counts_bytes(planner->config))
		return;
	build_set(b, set);
	plan_map(planner);
	build_chain(b, CHAIN_BYTES);
	build_rule(b, "by link and policy; the daemon reads it");
	build_count_by_mark(b, PLAN_BYTES, mark_link_mask(planner->layout) | mark_policy_mask(planner->layout));
}
