/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Balancing without the daemon: the policies as chains, with the last known weights and states. */

#include <stdio.h>
#include <string.h>

#include "core/plan_parts.h"

/* "policy-" and "match-" with the number of a policy, "link-" with that of a link. */
#define NAME_ROOM 24

/* A part of from or to that one rule can express; the whole list is any of them. */
struct term {
	bool impossible;                  /* not in this family, or it names something that does not exist now */
	const struct names *devices;      /* from only; NULL: any */
	bool not_links;                   /* from only: from a device, but from no link */
	struct networks networks;         /* count 0: any */
	bool came_by_link, came_from_self, goes_by_link, to_self, not_self;
	unsigned int link;                /* came_by_link: 0 for any */
	struct networks to_outside;       /* a hairpin: by no link, to one of these addresses; count 0: no hairpin */
};

/* The chain that gives a connection to that link. */
static void link_chain(char *name, unsigned int id)
{
	snprintf(name, NAME_ROOM, "link-%u", id);
}

/*
 * Hairpin: who connects from inside to an outside address of ours meets a port forward as the internet does.
 * Impossible where the policy forwards nothing in that family, or end is neither the internet nor a link.
 */
static struct term term_hairpin(struct planner *planner, const struct policy *policy, const struct end *end,
	enum family family)
{
	struct term term = { .impossible = true };

	if (!policy->nat.forwards[family] || (end->kind != END_INTERNET && end->kind != END_LINK))
		return term;
	term.to_outside = plan_outside_addresses(planner, end->kind == END_LINK ? end->index : NO_LINK, family);
	term.impossible = term.to_outside.count == 0;
	return term;
}

static struct term term_networks(struct planner *planner, const struct networks *networks, enum family family)
{
	struct term term = { .networks = plan_networks(planner, networks, family) };

	term.impossible = term.networks.count == 0;
	return term;
}

static struct term term_from_zone(struct planner *planner, const struct zone *zone, enum family family)
{
	struct term term = { 0 };

	if (zone->networks.count > 0)
		term = term_networks(planner, &zone->networks, family);
	if (zone->devices.count > 0)
		term.devices = &zone->devices;
	else
		term.not_links = true;
	return term;
}

static struct term term_from(struct planner *planner, const struct end *end, enum family family)
{
	struct network network = end->network;
	struct networks one = { &network, 1 };

	switch (end->kind) {
	case END_ANY:
		break;
	case END_INTERNET:
		return (struct term){ .came_by_link = true };
	case END_ROUTER:
		return (struct term){ .came_from_self = true };
	case END_ZONE:
		return term_from_zone(planner, &planner->config->zones[end->index], family);
	case END_LINK:
		return (struct term){ .came_by_link = true, .link = planner->ids->links[end->index] };
	case END_NETWORK:
		return term_networks(planner, &one, family);
	}
	return (struct term){ 0 };
}

/* This machine is in no zone, though its addresses are in their networks. */
static struct term term_to_zone(struct planner *planner, const struct networks *behind, enum family family)
{
	struct term term = term_networks(planner, behind, family);

	term.not_self = true;
	return term;
}

static struct term term_to(struct planner *planner, const struct end *end, enum family family)
{
	struct network network = end->network;
	struct networks one = { &network, 1 };

	switch (end->kind) {
	case END_ANY:
		break;
	case END_INTERNET:
		return (struct term){ .goes_by_link = true };
	case END_ROUTER:
		return (struct term){ .to_self = true };
	case END_ZONE:
		return term_to_zone(planner, &planner->view->zones[end->index].behind, family);
	case END_LINK:
		return term_networks(planner, &planner->view->links[end->index].addresses, family);
	case END_NETWORK:
		return term_networks(planner, &one, family);
	}
	return (struct term){ 0 };
}

static void match_link_field(struct planner *planner, unsigned int id, bool negate)
{
	build_mark_is(&planner->builder, MATCH_MARK, mark_link_mask(planner->layout),
		mark_make(planner->layout, id, 0, 0), negate);
}

static void match_networks(struct planner *planner, enum statement_kind kind, enum family family,
	const struct networks *networks)
{
	struct statement statement = { .kind = kind, .family = family, .networks = *networks };

	if (networks->count > 0)
		build_statement(&planner->builder, statement);
}

/* A packet of this machine has no arriving device, which no name matches. */
static void match_from(struct planner *planner, const struct term *term, enum family family)
{
	static const char *none = "";
	struct names no_device = { &none, 1 };
	struct builder *b = &planner->builder;

	if (term->devices != NULL)
		build_devices(b, MATCH_DEVICE_IN, term->devices, false);
	if (term->not_links) {
		build_devices(b, MATCH_DEVICE_IN, &planner->link_devices, true);
		build_devices(b, MATCH_DEVICE_IN, &no_device, true);
	}
	if (term->came_from_self)
		build_devices(b, MATCH_DEVICE_IN, &no_device, false);
	if (term->came_by_link && term->link == 0)
		build_devices(b, MATCH_DEVICE_IN, &planner->link_devices, false);
	if (term->came_by_link && term->link != 0)
		match_link_field(planner, term->link, false);
	if (term->to_outside.count > 0)
		build_devices(b, MATCH_DEVICE_IN, &planner->link_devices, true);
	match_networks(planner, MATCH_DESTINATION, family, &term->to_outside);
	match_networks(planner, MATCH_SOURCE, family, &term->networks);
}

static void match_to(struct planner *planner, const struct term *term, enum family family)
{
	static const uint32_t local = TO_LOCAL;

	if (term->goes_by_link)
		match_link_field(planner, MARK_LINK_UNDECIDED, false);
	if (term->to_self || term->not_self)
		build_values(&planner->builder, MATCH_DESTINATION_KIND, &local, 1, term->not_self);
	match_networks(planner, MATCH_DESTINATION, family, &term->networks);
}

static void match_ports(struct planner *planner, enum statement_kind kind, const struct port_ranges *ranges)
{
	if (ranges->count > 0)
		build_statement(&planner->builder, (struct statement){ .kind = kind, .ports = plan_ports(planner, ranges) });
}

/* In order of number and each once, whatever names it was given by. */
static void match_protocols(struct planner *planner, const struct protocols *protocols)
{
	uint32_t numbers[256];
	size_t count = 0;

	for (uint32_t number = 0; number < 256 && protocols->count > 0; number++) {
		if (memchr(protocols->items, (int)number, protocols->count) != NULL)
			numbers[count++] = number;
	}
	if (count > 0)
		build_values(&planner->builder, MATCH_PROTOCOL, numbers, count, false);
}

/* What is excluded goes back to where the chain was called, and so to the next policy. */
static void plan_exclusions(struct planner *planner, const struct policy *policy, enum family family)
{
	const struct match *match = &policy->match;
	struct builder *b = &planner->builder;

	for (size_t i = 0; i < match->not_from.count; i++) {
		struct term term = term_from(planner, &match->not_from.items[i], family);

		if (term.impossible)
			continue;
		build_rule(b, "%s: not-from", policy->name);
		build_family(b, family);
		match_from(planner, &term, family);
		build_action(b, RETURN);
	}
	for (size_t i = 0; i < match->not_to.count; i++) {
		struct term term = term_to(planner, &match->not_to.items[i], family);

		if (term.impossible)
			continue;
		build_rule(b, "%s: not-to", policy->name);
		build_family(b, family);
		match_to(planner, &term, family);
		build_action(b, RETURN);
	}
}

/* A connection of that from and that to goes to the policy. */
static void plan_pair(struct planner *planner, const struct policy *policy, const char *chain, enum family family,
	const struct term *from, const struct term *to)
{
	const struct match *match = &policy->match;
	struct builder *b = &planner->builder;

	if (from->impossible || to->impossible)
		return;
	build_rule(b, "%s", policy->name);
	build_family(b, family);
	match_protocols(planner, &match->protocols);
	match_ports(planner, MATCH_FROM_PORT, &match->from_ports);
	match_ports(planner, MATCH_TO_PORT, &match->to_ports);
	match_from(planner, from, family);
	match_to(planner, to, family);
	build_jump(b, GOTO, chain);
}

/* Rules of one family: exclusions return, then each pair of a from and a to goes to the policy. */
static void plan_match_family(struct planner *planner, const struct policy *policy, const char *chain,
	enum family family)
{
	struct end anything = { .kind = END_ANY };
	const struct match *match = &policy->match;
	struct ends any = { &anything, 1 };
	const struct ends *froms = match->from.count > 0 ? &match->from : &any;
	const struct ends *tos = match->to.count > 0 ? &match->to : &any;

	plan_exclusions(planner, policy, family);
	for (size_t i = 0; i < froms->count * tos->count; i++) {
		struct term from = term_from(planner, &froms->items[i / tos->count], family);
		struct term hairpin = term_hairpin(planner, policy, &froms->items[i / tos->count], family);
		struct term to = term_to(planner, &tos->items[i % tos->count], family);

		plan_pair(planner, policy, chain, family, &from, &to);
		plan_pair(planner, policy, chain, family, &hairpin, &to);
	}
}

static enum spread_by spread_by(const struct balance *balance)
{
	enum flow_key key = balance->algorithm == ALGORITHM_HASH ? balance->hash_by : balance->sticky_by;

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

static void spread_add(struct planner *planner, struct spread *spread, const struct choice *choice)
{
	char name[NAME_ROOM];

	link_chain(name, planner->ids->links[choice->link]);
	spread->chains[spread->count] = arena_text(planner->plan->arena, name, strlen(name));
	planner->builder.failed |= spread->chains[spread->count] == NULL;
	spread->weights[spread->count++] = choice->weight;
}

/* The usable links of a policy; of a priority policy the first alone. */
static struct spread plan_spread(struct planner *planner, const struct balance *balance)
{
	struct spread spread = { .by = spread_by(balance), .seed = 0x75706c6b };

	spread.chains = arena_array(planner->plan->arena, balance->count, sizeof(char *));
	spread.weights = arena_array(planner->plan->arena, balance->count, sizeof(unsigned int));
	planner->builder.failed |= spread.chains == NULL || spread.weights == NULL;
	for (size_t i = 0; i < balance->count && !planner->builder.failed; i++) {
		if (!planner->view->links[balance->choices[i].link].usable)
			continue;
		spread_add(planner, &spread, &balance->choices[i]);
		if (balance->algorithm == ALGORITHM_PRIORITY)
			break;
	}
	return spread;
}

/* Every usable link, for `if-none: any'. */
static struct spread spread_over_all(struct planner *planner)
{
	struct choice choices[CONFIG_LINKS_MAX];
	struct balance all = { .algorithm = ALGORITHM_RANDOM, .choices = choices, .count = planner->config->link_count };

	for (size_t i = 0; i < all.count; i++)
		choices[i] = (struct choice){ (uint16_t)i, planner->config->links[i].weight };
	return plan_spread(planner, &all);
}

static void go_spread(struct planner *planner, const char *name, const struct spread *spread)
{
	struct builder *b = &planner->builder;

	if (spread->count == 1 || spread->by == SPREAD_IN_TURN || spread->by == SPREAD_RANDOM) {
		build_rule(b, "%s: by last known weights and states", name);
		if (spread->count == 1)
			build_jump(b, GOTO, spread->chains[0]);
		else
			build_statement(b, (struct statement){ .kind = SPREAD, .spread = *spread });
		return;
	}
	for (enum family family = IPV4; family <= IPV6; family++) {
		build_rule(b, "%s: by last known weights and states", name);
		build_family(b, family);
		build_statement(b, (struct statement){ .kind = SPREAD, .family = family, .spread = *spread });
	}
}

static void set_policy(struct planner *planner, unsigned int id)
{
	build_set_mark(&planner->builder, mark_policy_mask(planner->layout), mark_make(planner->layout, 0, 0, id));
}

static void set_link(struct planner *planner, unsigned int id)
{
	build_set_mark(&planner->builder, mark_link_mask(planner->layout), mark_make(planner->layout, id, 0, 0));
}

/* None of the policy's links is usable. A chain that ends leaves the connection to the next policy. */
static void plan_none(struct planner *planner, const struct policy *policy, unsigned int id)
{
	struct builder *b = &planner->builder;

	switch (policy->balance.if_none) {
	case IF_NONE_NEXT:
		break;
	case IF_NONE_DROP:
		build_rule(b, "%s: no usable link", policy->name);
		build_action(b, DROP);
		break;
	case IF_NONE_ANY:
		build_rule(b, "%s: no usable link: as the main table says", policy->name);
		set_policy(planner, id);
		set_link(planner, MARK_LINK_DIRECT);
		build_jump(b, GOTO, CHAIN_TAKE);
		break;
	}
}

static void plan_allow(struct planner *planner, const struct policy *policy, unsigned int id)
{
	struct builder *b = &planner->builder;
	struct spread spread = plan_spread(planner, &policy->balance);

	build_rule(b, "%s: came in by a link, or needs none", policy->name);
	match_link_field(planner, MARK_LINK_UNDECIDED, true);
	set_policy(planner, id);
	build_jump(b, GOTO, CHAIN_TAKE);
	if (spread.count == 0 && policy->balance.if_none == IF_NONE_ANY)
		spread = spread_over_all(planner);
	if (spread.count == 0) {
		plan_none(planner, policy, id);
		return;
	}
	build_rule(b, "%s decides", policy->name);
	set_policy(planner, id);
	go_spread(planner, policy->name, &spread);
}

static void plan_policy(struct planner *planner, const struct policy *policy, unsigned int id)
{
	char match_chain[NAME_ROOM], policy_chain[NAME_ROOM];
	struct builder *b = &planner->builder;

	snprintf(match_chain, sizeof(match_chain), "match-%u", id);
	snprintf(policy_chain, sizeof(policy_chain), "policy-%u", id);
	build_chain(b, policy_chain);
	switch (policy->action) {
	case ACTION_ALLOW:
		plan_allow(planner, policy, id);
		break;
	case ACTION_DROP:
		build_rule(b, "%s drops", policy->name);
		build_action(b, DROP);
		break;
	case ACTION_REJECT:
		build_rule(b, "%s rejects", policy->name);
		build_jump(b, GOTO, CHAIN_REFUSE);
		break;
	}
	build_chain(b, match_chain);
	for (enum family family = IPV4; family <= IPV6; family++)
		plan_match_family(planner, policy, policy_chain, family);
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
	const struct config *config = planner->config;
	struct builder *b = &planner->builder;
	char chain[NAME_ROOM];

	plan_link_chains(planner);
	for (size_t i = 0; i < config->policy_count; i++)
		plan_policy(planner, &config->policies[i], planner->ids->policies[i]);
	build_chain(b, CHAIN_FALLBACK);
	build_rule(b, "count what the daemon did not answer");
	build_statement(b, (struct statement){ .kind = COUNT_NAMED, .name = PLAN_FALLBACKS });
	for (size_t i = 0; i < config->policy_count; i++) {
		snprintf(chain, sizeof(chain), "match-%u", planner->ids->policies[i]);
		build_rule(b, "%s?", config->policies[i].name);
		build_jump(b, JUMP, chain);
	}
	build_rule(b, "no policy matches: as the main table says");
	match_link_field(planner, MARK_LINK_UNDECIDED, false);
	set_link(planner, MARK_LINK_DIRECT);
	build_rule(b, "decided without a policy");
	set_policy(planner, MARK_POLICY_NONE);
	build_jump(b, GOTO, CHAIN_TAKE);
}
