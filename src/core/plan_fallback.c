/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Balancing without the daemon: the policies as chains, with the last known weights and states. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/plan_parts.h"
#include "core/tiers.h"
#include "core/week.h"

/* "policy-" and "pool-" with the number of a policy, "link-" with that of a link. */
#define NAME_ROOM 24

/* The chain that gives a connection to that link. */
static void link_chain(char *name, unsigned int id)
{
	snprintf(name, NAME_ROOM, "link-%u", id);
}

/* The chain that spreads connections over the links of policies that balance alike. */
static void pool_chain(char *name, unsigned int id)
{
	snprintf(name, NAME_ROOM, "pool-%u", id);
}

static enum spread_by spread_by(const struct balance *balance)
{
	enum flow_key kept = balance->together_by != KEY_NONE ? balance->together_by : balance->sticky_by;
	enum flow_key key = balance->algorithm == ALGORITHM_HASH ? balance->hash_by : kept;

	switch (key) {
	case KEY_NONE:
		break;
	case KEY_SOURCE:
		return SPREAD_BY_SOURCE;
	case KEY_DESTINATION:
		return SPREAD_BY_DESTINATION;
	case KEY_SOURCE_DESTINATION:
	case KEY_SOURCE_DESTINATION_PORT:
		return SPREAD_BY_BOTH;
	}
	return balance->algorithm == ALGORITHM_RANDOM ? SPREAD_RANDOM : SPREAD_IN_TURN;
}

static void spread_add(struct planner *planner, struct spread *spread, const struct balance *balance, size_t choice)
{
	char name[NAME_ROOM];

	link_chain(name, planner->ids->links[balance->choices[choice].link]);
	spread->chains[spread->count] = arena_text(planner->plan->arena, name, strlen(name));
	planner->builder.failed |= spread->chains[spread->count] == NULL;
	spread->weights[spread->count++] = view_weight(planner->view, balance, choice);
}

/* Whether the links come one after the other. By latency too: the rules know none, and what goes by it should not be spread. */
static bool in_order(const struct balance *balance)
{
	return balance->algorithm == ALGORITHM_PRIORITY || balance->algorithm == ALGORITHM_SPILLOVER
	       || balance->algorithm == ALGORITHM_LOWEST_LATENCY;
}

/* The usable links of a policy, of its best tier that has one; where they come one after the other, the first alone. */
static struct spread plan_spread(struct planner *planner, const struct balance *balance)
{
	struct spread spread = { .by = spread_by(balance), .seed = 0x75706c6b };
	struct tiers tiers = tiers_now(planner->view->links, balance);

	spread.chains = arena_array(planner->plan->arena, balance->count, sizeof(char *));
	spread.weights = arena_array(planner->plan->arena, balance->count, sizeof(unsigned int));
	planner->builder.failed |= spread.chains == NULL || spread.weights == NULL;
	for (size_t i = 0; i < balance->count && !planner->builder.failed; i++) {
		if (!tiers_take(&tiers, &balance->choices[i]))
			continue;
		spread_add(planner, &spread, balance, i);
		if (in_order(balance))
			break;
	}
	return spread;
}

/* Every usable link, for `if-none: any'. */
static struct spread spread_over_all(struct planner *planner)
{
	struct choice choices[CONFIG_LINKS_MAX];
	struct balance all = view_all_links(planner->config, choices);

	return plan_spread(planner, &all);
}

static const char by_state[] = "by last known weights and states";

static void spread_in(struct planner *planner, const struct spread *spread, enum family family)
{
	struct builder *b = &planner->builder;

	build_rule(b, "%s", by_state);
	build_family(b, family);
	if (spread->count == 1)
		build_jump(b, GOTO, spread->chains[0]);
	else
		build_statement(b, (struct statement){ .kind = SPREAD, .family = family, .spread = *spread });
}

static void go_spread(struct planner *planner, const struct spread *spread)
{
	struct builder *b = &planner->builder;

	if (spread->count == 1 || spread->by == SPREAD_IN_TURN || spread->by == SPREAD_RANDOM) {
		build_rule(b, "%s", by_state);
		if (spread->count == 1)
			build_jump(b, GOTO, spread->chains[0]);
		else
			build_statement(b, (struct statement){ .kind = SPREAD, .spread = *spread });
		return;
	}
	for (enum family family = IPV4; family <= IPV6; family++)
		spread_in(planner, spread, family);
}

/* With the class: where the policy before had no link, its own stands there, and that of a bound socket has none yet. */
static uint32_t policy_and_class(const struct planner *planner)
{
	return mark_policy_mask(planner->layout) | mark_class_mask(planner->layout);
}

static void set_link(struct planner *planner, unsigned int id)
{
	build_set_mark(&planner->builder, mark_link_mask(planner->layout), mark_make(planner->layout, id, 0, 0));
}

/*
 * None of the pool's links is usable: for that family or, where it is NULL, for both. A chain that ends leaves the
 * connection to the next policy.
 */
static void plan_none(struct planner *planner, enum if_none if_none, const enum family *family)
{
	struct builder *b = &planner->builder;

	if (if_none == IF_NONE_NEXT)
		return;
	build_rule(b, if_none == IF_NONE_DROP ? "no usable link" : "no usable link: as the main table says");
	if (family != NULL)
		build_family(b, *family);
	if (if_none == IF_NONE_DROP) {
		build_action(b, DROP);
		return;
	}
	set_link(planner, MARK_LINK_DIRECT);
	build_jump(b, GOTO, CHAIN_TAKE);
}

/* What connections of that family are spread over. */
static struct spread spread_of(struct planner *planner, const struct balance *balance, enum family family)
{
	const struct view *view = planner->view;
	struct link_view links[CONFIG_LINKS_MAX];
	struct view of_family;
	struct spread spread;

	view_of_family(planner->config, view, family, links, &of_family);
	planner->view = &of_family;
	spread = plan_spread(planner, balance);
	if (spread.count == 0 && balance->if_none == IF_NONE_ANY)
		spread = spread_over_all(planner);
	planner->view = view;
	return spread;
}

static bool same_spread(const struct spread *a, const struct spread *b)
{
	for (size_t i = 0; i < a->count && a->count == b->count; i++) {
		if (strcmp(a->chains[i], b->chains[i]) != 0)
			return false;
	}
	return a->count == b->count;
}

/* The connection stays without a link where each packet takes one: those that have a way in its family. */
static bool stays_whole(const struct balance *balance, const struct link_view *links)
{
	for (size_t i = 0; i < balance->count && balance->algorithm == ALGORITHM_BY_PACKET; i++) {
		if (links[balance->choices[i].link].usable)
			return true;
	}
	return false;
}

/* All that depends on the states of links: when one changes, the chains of policies stay as they are. */
static void plan_pool(struct planner *planner, const struct balance *balance, unsigned int id)
{
	struct spread spreads[FAMILIES] = { spread_of(planner, balance, IPV4), spread_of(planner, balance, IPV6) };
	struct builder *b = &planner->builder;
	char name[NAME_ROOM];

	pool_chain(name, id);
	build_chain(b, name);
	build_rule(b, "came in by a link, or needs none");
	plan_match_link(planner, MARK_LINK_UNDECIDED, true);
	build_jump(b, GOTO, CHAIN_TAKE);
	if (stays_whole(balance, planner->view->links)) {
		build_rule(b, "each packet will take a link");
		build_jump(b, GOTO, CHAIN_TAKE);
	} else if (same_spread(&spreads[IPV4], &spreads[IPV6])) {
		if (spreads[IPV4].count > 0)
			go_spread(planner, &spreads[IPV4]);
		else
			plan_none(planner, balance->if_none, NULL);
	} else {
		for (enum family family = IPV4; family <= IPV6; family++) {
			if (spreads[family].count > 0)
				spread_in(planner, &spreads[family], family);
			else
				plan_none(planner, balance->if_none, &family);
		}
	}
}

/* A policy that balances; sorted, those that balance alike stand together. */
struct member {
	const struct balance *balance;
	size_t policy;
};

static int compare_balances(const struct balance *a, const struct balance *b)
{
	if (spread_by(a) != spread_by(b))
		return (int)spread_by(a) - (int)spread_by(b);
	if (in_order(a) != in_order(b))
		return in_order(a) ? 1 : -1;
	if ((a->algorithm == ALGORITHM_BY_PACKET) != (b->algorithm == ALGORITHM_BY_PACKET))
		return a->algorithm == ALGORITHM_BY_PACKET ? 1 : -1;
	if (a->if_none != b->if_none)
		return (int)a->if_none - (int)b->if_none;
	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	if (a->follows != b->follows)
		return a->follows < b->follows ? -1 : 1;
	for (size_t i = 0; i < a->count; i++) {
		if (a->choices[i].link != b->choices[i].link)
			return (int)a->choices[i].link - (int)b->choices[i].link;
		if (a->choices[i].weight != b->choices[i].weight)
			return a->choices[i].weight < b->choices[i].weight ? -1 : 1;
		if (a->choices[i].tier != b->choices[i].tier)
			return a->choices[i].tier < b->choices[i].tier ? -1 : 1;
	}
	return 0;
}

static int compare_members(const void *left, const void *right)
{
	const struct member *a = left, *b = right;
	int order = compare_balances(a->balance, b->balance);

	return order != 0 ? order : a->policy < b->policy ? -1 : 1;
}

/* By policy: the number of its pool, which is that of the first policy that balances so. NULL: no memory. */
static unsigned int *number_pools(struct planner *planner)
{
	const struct config *config = planner->config;
	unsigned int *numbers = arena_array(planner->plan->arena, config->policy_count, sizeof(*numbers));
	struct member *members = arena_array(planner->plan->arena, config->policy_count, sizeof(*members));
	size_t count = 0;

	if (numbers == NULL || members == NULL)
		return NULL;
	for (size_t i = 0; i < config->policy_count; i++) {
		if (config->policies[i].action == ACTION_ALLOW)
			members[count++] = (struct member){ &config->policies[i].balance, i };
	}
	qsort(members, count, sizeof(*members), compare_members);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && compare_balances(members[i].balance, members[i - 1].balance) == 0)
			numbers[members[i].policy] = numbers[members[i - 1].policy];
		else
			numbers[members[i].policy] = planner->ids->policies[members[i].policy];
	}
	return numbers;
}

/*
 * Into the present chain: that of the policy, or the one that all policies are in. From there a pool is called, to
 * come back where it has no link.
 */
static void plan_policy(struct planner *planner, const struct policy *policy, unsigned int id, unsigned int pool,
	enum statement_kind to_pool)
{
	struct plan_end end = { .action = GOTO, .chain = CHAIN_REFUSE };
	char name[NAME_ROOM];

	switch (policy->action) {
	case ACTION_ALLOW:
		pool_chain(name, pool);
		end = (struct plan_end){ policy_and_class(planner), 0, to_pool, name };
		end.mark = mark_make(planner->layout, 0, ids_policy_class(planner->config, planner->ids, policy), id);
		break;
	case ACTION_DROP:
		end = (struct plan_end){ .action = DROP };
		break;
	case ACTION_REJECT:
		break;
	}
	plan_match(planner, policy, &end);
}

static void policy_chain(char *name, unsigned int id)
{
	snprintf(name, NAME_ROOM, "policy-%u", id);
}

/* Policies whose time it is not are left out. */
static bool holds_now(const struct planner *planner, size_t policy)
{
	return week_holds(&planner->config->policies[policy].match.times, planner->view->minute);
}

/* The chains that policies need: pools, and their own of those that exclude. */
static void plan_policy_chains(struct planner *planner, const unsigned int *pools)
{
	const struct config *config = planner->config;
	const uint16_t *ids = planner->ids->policies;
	char name[NAME_ROOM];

	for (size_t i = 0; i < config->policy_count; i++) {
		if (pools[i] == ids[i])
			plan_pool(planner, &config->policies[i].balance, pools[i]);
		if (!plan_match_excludes(&config->policies[i]) || !holds_now(planner, i))
			continue;
		policy_chain(name, ids[i]);
		build_chain(&planner->builder, name);
		plan_policy(planner, &config->policies[i], ids[i], pools[i], GOTO);
	}
}

/* All policies in their order, in the present chain. */
static void plan_policies(struct planner *planner, const unsigned int *pools)
{
	const struct config *config = planner->config;
	const uint16_t *ids = planner->ids->policies;
	char name[NAME_ROOM];

	for (size_t i = 0; i < config->policy_count; i++) {
		if (!holds_now(planner, i))
			continue;
		if (!plan_match_excludes(&config->policies[i])) {
			plan_policy(planner, &config->policies[i], ids[i], pools[i], JUMP);
			continue;
		}
		policy_chain(name, ids[i]);
		build_rule(&planner->builder, "%s?", config->policies[i].name);
		build_jump(&planner->builder, JUMP, name);
	}
}

static void plan_link_chains(struct planner *planner)
{
	struct builder *b = &planner->builder;

	for (size_t i = 0; i < planner->config->link_count; i++) {
		char name[NAME_ROOM];

		link_chain(name, planner->ids->links[i]);
		build_chain(b, name);
		build_rule(b, "by link %s", planner->config->links[i].name);
		set_link(planner, planner->ids->links[i]);
		build_jump(b, GOTO, CHAIN_TAKE);
	}
}

void plan_fallback(struct planner *planner)
{
	unsigned int *pools = number_pools(planner);
	struct builder *b = &planner->builder;

	planner->builder.failed |= pools == NULL;
	if (pools == NULL)
		return;
	plan_match_sets(planner);
	plan_link_chains(planner);
	plan_policy_chains(planner, pools);
	build_chain(b, CHAIN_FALLBACK);
	build_rule(b, "count what the daemon did not answer");
	build_statement(b, (struct statement){ .kind = COUNT_NAMED, .name = PLAN_FALLBACKS });
	plan_policies(planner, pools);
	build_rule(b, "no policy matches: as the main table says");
	plan_match_link(planner, MARK_LINK_UNDECIDED, false);
	set_link(planner, MARK_LINK_DIRECT);
	build_rule(b, "decided without a policy");
	build_set_mark(b, policy_and_class(planner), mark_make(planner->layout, 0, MARK_CLASS_STANDARD, MARK_POLICY_NONE));
	build_jump(b, GOTO, CHAIN_TAKE);
}
