/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy matches, as rules: the part of balancing without the daemon that asks who goes where. */

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/networks.h"
#include "core/plan_parts.h"

/* "set-", the number of a set, and its family: 4 or 6. */
#define SET_NAME_ROOM 32

/* A part of from or to that one rule can express; the whole list is any of them. */
struct term {
	bool impossible;                  /* not in this family, or it names something that does not exist now */
	const struct names *devices;      /* from only; NULL: any */
	bool not_links;                   /* from only: from a device, but from no link */
	struct networks networks;         /* count 0: any */
	const char *set;                  /* NULL: none */
	bool came_by_link, came_from_self, goes_by_link, to_self, not_self;
	unsigned int link;                /* came_by_link: 0 for any */
	struct networks to_outside;       /* a hairpin: by no link, to one of these addresses; count 0: no hairpin */
};

/* Where from and to differ. */
struct side {
	struct term (*term)(struct planner *planner, const struct end *end, enum family family);
	void (*match)(struct planner *planner, const struct term *term);
	enum statement_kind networks;
	enum packet_key address;
	const char *exclusion; /* the key that takes out */
};

static const char *set_name(char *name, size_t index, enum family family)
{
	snprintf(name, SET_NAME_ROOM, "set-%zu-%d", index, family == IPV4 ? 4 : 6);
	return name;
}

static struct term term_networks(struct planner *planner, const struct networks *networks, enum family family)
{
	struct term term = { .networks = plan_networks(planner, networks, family) };

	term.impossible = term.networks.count == 0;
	return term;
}

static struct term term_set(struct planner *planner, size_t index, enum family family)
{
	char name[SET_NAME_ROOM];
	struct term term = { .impossible = networks_of_family(&planner->view->sets[index], family).count == 0 };

	set_name(name, index, family);
	term.set = arena_text(planner->plan->arena, name, strlen(name));
	planner->builder.failed |= term.set == NULL;
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

/* Of what is the same in either direction: a network, a set, or anything. */
static struct term term_plain(struct planner *planner, const struct end *end, enum family family)
{
	struct network network = end->network;
	struct networks one = { &network, 1 };

	if (end->kind == END_SET)
		return term_set(planner, end->index, family);
	return end->kind == END_NETWORK ? term_networks(planner, &one, family) : (struct term){ 0 };
}

static struct term term_from(struct planner *planner, const struct end *end, enum family family)
{
	switch (end->kind) {
	case END_INTERNET:
		return (struct term){ .came_by_link = true };
	case END_ROUTER:
		return (struct term){ .came_from_self = true };
	case END_ZONE:
		return term_from_zone(planner, &planner->config->zones[end->index], family);
	case END_LINK:
		return (struct term){ .came_by_link = true, .link = planner->ids->links[end->index] };
	case END_ANY:
	case END_NETWORK:
	case END_SET:
		break;
	}
	return term_plain(planner, end, family);
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
	switch (end->kind) {
	case END_INTERNET:
		return (struct term){ .goes_by_link = true };
	case END_ROUTER:
		return (struct term){ .to_self = true };
	case END_ZONE:
		return term_to_zone(planner, &planner->view->zones[end->index].behind, family);
	case END_LINK:
		return term_networks(planner, &planner->view->links[end->index].addresses, family);
	case END_ANY:
	case END_NETWORK:
	case END_SET:
		break;
	}
	return term_plain(planner, end, family);
}

void plan_match_link(struct planner *planner, unsigned int id, bool negate)
{
	build_mark_is(&planner->builder, MATCH_MARK, mark_link_mask(planner->layout),
		mark_make(planner->layout, id, 0, 0), negate);
}

static void match_devices(struct planner *planner, const struct names *devices, bool negate)
{
	if (devices->count == 1)
		build_devices(&planner->builder, MATCH_DEVICE_IN, devices, negate);
	else
		plan_match_shared(planner, &(struct ruleset_set){ .kind = SET_DEVICES, .names = *devices }, PACKET_DEVICE_NAME, negate);
}

/* A packet of this machine has no arriving device, which no name matches. */
static void match_from(struct planner *planner, const struct term *term)
{
	static const char *none = "";
	struct names no_device = { &none, 1 };
	struct builder *b = &planner->builder;

	if (term->devices != NULL)
		match_devices(planner, term->devices, false);
	if (term->not_links) {
		match_devices(planner, &planner->link_devices, true);
		build_devices(b, MATCH_DEVICE_IN, &no_device, true);
	}
	if (term->came_from_self)
		build_devices(b, MATCH_DEVICE_IN, &no_device, false);
	if (term->came_by_link && term->link == 0)
		match_devices(planner, &planner->link_devices, false);
	if (term->came_by_link && term->link != 0)
		plan_match_link(planner, term->link, false);
}

static void match_to(struct planner *planner, const struct term *term)
{
	static const uint32_t local = TO_LOCAL;

	if (term->goes_by_link)
		plan_match_link(planner, MARK_LINK_UNDECIDED, false);
	if (term->to_self || term->not_self)
		build_values(&planner->builder, MATCH_DESTINATION_KIND, &local, 1, term->not_self);
}

static const struct side from_side = { term_from, match_from, MATCH_SOURCE, PACKET_SOURCE, "not-from" };
static const struct side to_side = { term_to, match_to, MATCH_DESTINATION, PACKET_DESTINATION, "not-to" };

static void match_networks(struct planner *planner, const struct side *side, const struct networks *networks,
	enum family family)
{
	struct statement one = { .kind = side->networks, .family = family, .networks = *networks };
	struct ruleset_set many = { .kind = SET_NETWORKS, .family = family, .networks = *networks };

	if (networks->count == 1)
		build_statement(&planner->builder, one);
	if (networks->count > 1)
		plan_match_shared(planner, &many, side->address, false);
}

static void match_term(struct planner *planner, const struct side *side, const struct term *term, enum family family)
{
	struct packet_keys keys = { { side->address }, 1 };

	side->match(planner, term);
	if (term->to_outside.count > 0)
		match_devices(planner, &planner->link_devices, true);
	match_networks(planner, &to_side, &term->to_outside, family);
	match_networks(planner, side, &term->networks, family);
	if (term->set != NULL)
		build_in_set(&planner->builder, term->set, family, keys, false);
}

struct terms {
	struct term *items; /* none of them impossible; room for as many again as the list has */
	size_t count;
};

static void terms_add(struct terms *terms, struct term term)
{
	if (!term.impossible)
		terms->items[terms->count++] = term;
}

/* All networks of the list are one term. */
static struct terms terms_of(struct planner *planner, const struct side *side, const struct ends *ends, enum family family)
{
	struct arena *arena = planner->plan->arena;
	struct terms terms = { .items = arena_array(arena, 2 * ends->count + 1, sizeof(struct term)) };
	struct networks networks = { .items = arena_array(arena, ends->count, sizeof(struct network)) };

	planner->builder.failed |= terms.items == NULL || networks.items == NULL;
	if (planner->builder.failed)
		return (struct terms){ 0 };
	for (size_t i = 0; i < ends->count; i++) {
		if (ends->items[i].kind == END_NETWORK)
			networks.items[networks.count++] = ends->items[i].network;
		else
			terms_add(&terms, side->term(planner, &ends->items[i], family));
	}
	terms_add(&terms, term_networks(planner, &networks, family));
	return terms;
}

/* Of a list that takes in, where an empty one is everything. */
static struct terms terms_or_any(struct planner *planner, const struct side *side, const struct ends *ends,
	enum family family)
{
	struct end anything = { .kind = END_ANY };
	struct ends any = { &anything, 1 };

	return terms_of(planner, side, ends->count > 0 ? ends : &any, family);
}

/*
 * Hairpin: who connects from inside to an outside address of ours meets a port forward as the internet does. The
 * policy forwards in that family; terms are those of its from and have room.
 */
static void add_hairpins(struct planner *planner, const struct ends *from, struct terms *terms, enum family family)
{
	for (size_t i = 0; i < from->count && !planner->builder.failed; i++) {
		const struct end *end = &from->items[i];
		struct term term = { 0 };

		if (end->kind != END_INTERNET && end->kind != END_LINK)
			continue;
		term.to_outside = plan_outside_addresses(planner, end->kind == END_LINK ? end->index : NO_LINK, family);
		term.impossible = term.to_outside.count == 0;
		terms_add(terms, term);
	}
}

/* What is excluded goes back to where the chain was called, and so to the next policy. */
static void plan_exclusions(struct planner *planner, const struct policy *policy, const struct side *side,
	const struct ends *ends, enum family family)
{
	struct terms terms = terms_of(planner, side, ends, family);

	for (size_t i = 0; i < terms.count; i++) {
		build_rule(&planner->builder, "%s: %s", policy->name, side->exclusion);
		build_family(&planner->builder, family);
		match_term(planner, side, &terms.items[i], family);
		build_action(&planner->builder, RETURN);
	}
}

static void plan_end(struct planner *planner, const struct plan_end *end)
{
	struct builder *b = &planner->builder;

	if (end->mask != 0)
		build_set_mark(b, end->mask, end->mark);
	if (end->chain != NULL)
		build_jump(b, end->action, end->chain);
	else
		build_action(b, end->action);
}

static bool has_address(const struct term *term)
{
	return term->networks.count > 0 || term->set != NULL || term->to_outside.count > 0;
}

/* What looks into no address serves both families at once. */
static bool is_of_both(const struct match *match, const struct term *from, const struct term *to)
{
	return !has_address(from) && !has_address(to) && match->icmp_types.count == 0 && match->dscps.count == 0;
}

/* Of a pair of a from and a to. */
static void plan_pair(struct planner *planner, const struct policy *policy, const struct plan_service *service,
	const struct term *from, const struct term *to, enum family family, const struct plan_end *end)
{
	bool both = is_of_both(&policy->match, from, to);

	for (size_t i = 0; i < plan_service_rules(service) && (!both || family == IPV4); i++) {
		build_rule(&planner->builder, "%s", policy->name);
		if (!both)
			build_family(&planner->builder, family);
		plan_match_service(planner, service, i, family);
		match_term(planner, &from_side, from, family);
		match_term(planner, &to_side, to, family);
		plan_end(planner, end);
	}
}

static void plan_match_family(struct planner *planner, const struct policy *policy, const struct plan_end *end,
	enum family family)
{
	const struct match *match = &policy->match;
	struct terms froms = terms_or_any(planner, &from_side, &match->from, family);
	struct terms tos = terms_or_any(planner, &to_side, &match->to, family);
	struct plan_service service;

	if (policy->nat.forwards[family])
		add_hairpins(planner, &match->from, &froms, family);
	service = plan_service_of(planner, match, froms.count * tos.count);
	for (size_t i = 0; i < froms.count * tos.count && !planner->builder.failed; i++)
		plan_pair(planner, policy, &service, &froms.items[i / tos.count], &tos.items[i % tos.count], family, end);
}

/* Types of ICMP are of one family: that of the protocol, which is alone then. */
static bool is_in_family(const struct match *match, enum family family)
{
	return match->icmp_types.count == 0 || match->protocols.items[0] == (family == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

bool plan_match_excludes(const struct policy *policy)
{
	return policy->match.not_from.count > 0 || policy->match.not_to.count > 0;
}

/* Exclusions of both families stand before what serves both. */
void plan_match(struct planner *planner, const struct policy *policy, const struct plan_end *end)
{
	const struct match *match = &policy->match;

	for (enum family family = IPV4; family <= IPV6; family++) {
		plan_exclusions(planner, policy, &from_side, &match->not_from, family);
		plan_exclusions(planner, policy, &to_side, &match->not_to, family);
	}
	for (enum family family = IPV4; family <= IPV6; family++) {
		if (is_in_family(match, family))
			plan_match_family(planner, policy, end, family);
	}
}

static void note_sets(const struct ends *ends, bool *used)
{
	for (size_t i = 0; i < ends->count; i++) {
		if (ends->items[i].kind == END_SET)
			used[ends->items[i].index] = true;
	}
}

/* A copy, because the plan outlives the view. */
static void plan_set(struct planner *planner, size_t index, enum family family)
{
	struct networks networks = networks_of_family(&planner->view->sets[index], family);
	struct network *items = arena_array(planner->plan->arena, networks.count, sizeof(*items));
	struct ruleset_set set = { .kind = SET_NETWORKS, .family = family, .networks = { items, networks.count } };
	char name[SET_NAME_ROOM];

	planner->builder.failed |= items == NULL;
	if (networks.count == 0 || items == NULL)
		return;
	memcpy(items, networks.items, networks.count * sizeof(*items));
	set.name = set_name(name, index, family);
	build_set(&planner->builder, set);
}

void plan_match_sets(struct planner *planner)
{
	const struct config *config = planner->config;
	bool used[CONFIG_SETS_MAX] = { false };

	for (size_t i = 0; i < config->policy_count; i++) {
		const struct match *match = &config->policies[i].match;

		note_sets(&match->from, used);
		note_sets(&match->to, used);
		note_sets(&match->not_from, used);
		note_sets(&match->not_to, used);
	}
	for (size_t i = 0; i < config->set_count; i++) {
		for (enum family family = IPV4; family <= IPV6 && used[i]; family++)
			plan_set(planner, i, family);
	}
}
