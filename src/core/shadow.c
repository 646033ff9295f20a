/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which policies can never be met: because one before them takes all that they match, or because they match nothing. */

#include "core/shadow.h"

#include <string.h>

enum side {
	FROM,
	TO,
};

/* What one question is asked about. */
struct question {
	const struct config *config;
	enum side side;
	size_t *effort;
};

/* The networks of a list, or those among the ends of a match. */
struct pool {
	const struct networks *networks;
	const struct ends *ends;
};

static const struct network whole[FAMILIES] = {
	[IPV4] = { .address = { .family = IPV4 } },
	[IPV6] = { .address = { .family = IPV6 } },
};

/* False where there is none left. */
static bool spend(size_t *effort)
{
	if (*effort > 0)
		--*effort;
	return *effort > 0;
}

static bool network_in(const struct network *inner, const struct network *outer)
{
	return outer->length <= inner->length && network_contains(outer, &inner->address);
}

static bool networks_meet(const struct network *a, const struct network *b)
{
	return network_in(a, b) || network_in(b, a);
}

static size_t pool_size(const struct pool *pool)
{
	return pool->networks != NULL ? pool->networks->count : pool->ends->count;
}

/* NULL for an end of another kind. */
static const struct network *pool_item(const struct pool *pool, size_t index)
{
	if (pool->networks != NULL)
		return &pool->networks->items[index];
	return pool->ends->items[index].kind == END_NETWORK ? &pool->ends->items[index].network : NULL;
}

static struct network half_of(const struct network *network, bool upper)
{
	struct network half = *network;

	if (upper)
		half.address.bytes[half.length / 8] |= (uint8_t)(0x80 >> half.length % 8);
	half.length++;
	return half;
}

/* Whether the networks of the pool have all of network between them. */
static bool pool_covers(const struct pool *pool, const struct network *network, size_t *effort)
{
	struct network lower, upper;
	bool has_part = false;

	for (size_t i = 0; i < pool_size(pool); i++) {
		const struct network *item = pool_item(pool, i);

		if (!spend(effort))
			return false;
		if (item != NULL && network_in(network, item))
			return true;
		has_part |= item != NULL && network_in(item, network);
	}
	if (!has_part)
		return false;
	lower = half_of(network, false);
	upper = half_of(network, true);
	return pool_covers(pool, &lower, effort) && pool_covers(pool, &upper, effort);
}

static bool pool_covers_list(const struct pool *pool, const struct networks *list, size_t *effort)
{
	for (size_t i = 0; i < list->count; i++) {
		if (!pool_covers(pool, &list->items[i], effort))
			return false;
	}
	return list->count > 0;
}

static bool has_name(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->items[i], name) == 0)
			return true;
	}
	return false;
}

static bool devices_in(const struct names *inner, const struct names *outer)
{
	for (size_t i = 0; i < inner->count; i++) {
		if (!has_name(outer, inner->items[i]))
			return false;
	}
	return inner->count > 0;
}

/* Traffic comes from a device and from a network; it goes to the networks, or to those of the devices without any. */
static bool zone_in(const struct question *question, const struct zone *inner, const struct zone *outer)
{
	struct pool pool = { .networks = &outer->networks };
	bool inside = pool_covers_list(&pool, &inner->networks, question->effort);

	switch (question->side) {
	case FROM:
		return (outer->devices.count == 0 || devices_in(&inner->devices, &outer->devices))
		       && (outer->networks.count == 0 || inside);
	case TO:
		if (outer->networks.count > 0 || inner->networks.count > 0)
			return inside;
		return devices_in(&inner->devices, &outer->devices);
	}
	return false;
}

static bool has_end(const struct ends *ends, enum end_kind kind, uint16_t index)
{
	for (size_t i = 0; i < ends->count; i++) {
		if (ends->items[i].kind == kind && ends->items[i].index == index)
			return true;
	}
	return false;
}

static bool has_every_link(const struct config *config, const struct ends *ends)
{
	for (size_t i = 0; i < config->link_count; i++) {
		if (!has_end(ends, END_LINK, (uint16_t)i))
			return false;
	}
	return config->link_count > 0;
}

static bool ends_cover_zone(const struct question *question, const struct ends *ends, const struct zone *zone)
{
	struct pool pool = { .ends = ends };

	for (size_t i = 0; i < ends->count; i++) {
		if (ends->items[i].kind == END_ZONE
		    && zone_in(question, zone, &question->config->zones[ends->items[i].index]))
			return true;
	}
	return pool_covers_list(&pool, &zone->networks, question->effort);
}

/* What a set is said to have is in it whatever its file has. */
static bool ends_cover_network(const struct question *question, const struct ends *ends, const struct network *network)
{
	struct pool pool = { .ends = ends };

	for (size_t i = 0; i < ends->count; i++) {
		struct pool set = { .networks = NULL };

		if (ends->items[i].kind != END_SET)
			continue;
		set.networks = &question->config->sets[ends->items[i].index].networks;
		if (pool_covers(&set, network, question->effort))
			return true;
	}
	return pool_covers(&pool, network, question->effort);
}

static bool ends_cover_set(const struct question *question, const struct ends *ends, const struct set *set)
{
	for (size_t i = 0; i < set->networks.count; i++) {
		if (!ends_cover_network(question, ends, &set->networks.items[i]))
			return false;
	}
	return set->file == NULL && set->networks.count > 0;
}

static bool ends_cover_all(const struct question *question, const struct ends *ends)
{
	struct pool pool = { .ends = ends };

	return has_end(ends, END_ANY, 0) || (pool_covers(&pool, &whole[IPV4], question->effort)
	       && pool_covers(&pool, &whole[IPV6], question->effort));
}

/* Whether the ends have between them whatever the one end has. */
static bool ends_cover(const struct question *question, const struct ends *ends, const struct end *end)
{
	if (!spend(question->effort))
		return false;
	if (end->kind == END_NETWORK && ends_cover_network(question, ends, &end->network))
		return true;
	if (end->kind != END_NETWORK && has_end(ends, end->kind, end->index))
		return true;
	if (end->kind == END_ZONE && ends_cover_zone(question, ends, &question->config->zones[end->index]))
		return true;
	if (end->kind == END_SET && ends_cover_set(question, ends, &question->config->sets[end->index]))
		return true;
	/* To a link is to the addresses at its device: that is not what leaves by it. */
	if (question->side == FROM && end->kind == END_LINK && has_end(ends, END_INTERNET, 0))
		return true;
	if (question->side == FROM && end->kind == END_INTERNET && has_every_link(question->config, ends))
		return true;
	return ends_cover_all(question, ends);
}

static bool ends_cover_list(const struct question *question, const struct ends *ends, const struct ends *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (!ends_cover(question, ends, &list->items[i]))
			return false;
	}
	return list->count > 0 || ends_cover_all(question, ends);
}

static bool lists_apart(const struct networks *a, const struct networks *b, size_t *effort)
{
	for (size_t i = 0; i < a->count; i++) {
		for (size_t k = 0; k < b->count; k++) {
			if (!spend(effort) || networks_meet(&a->items[i], &b->items[k]))
				return false;
		}
	}
	return a->count > 0 && b->count > 0;
}

static bool devices_apart(const struct names *a, const struct names *b)
{
	for (size_t i = 0; i < a->count; i++) {
		if (has_name(b, a->items[i]))
			return false;
	}
	return a->count > 0 && b->count > 0;
}

/* The networks that an end has for sure no address outside of; none where that is not known. */
static struct networks networks_of(const struct question *question, const struct end *end, struct network *room)
{
	*room = end->network;
	if (end->kind == END_NETWORK)
		return (struct networks){ room, 1 };
	if (end->kind == END_ZONE)
		return question->config->zones[end->index].networks;
	if (end->kind == END_SET && question->config->sets[end->index].file == NULL)
		return question->config->sets[end->index].networks;
	return (struct networks){ NULL, 0 };
}

/* A connection comes from one place: a link, this machine, or the inside. */
static bool places_apart(const struct question *question, const struct end *a, const struct end *b)
{
	const struct zone *zones = question->config->zones;
	bool a_outside = a->kind == END_LINK || a->kind == END_INTERNET;
	bool b_outside = b->kind == END_LINK || b->kind == END_INTERNET;
	bool a_inside = a->kind == END_ZONE || a->kind == END_ROUTER;
	bool b_inside = b->kind == END_ZONE || b->kind == END_ROUTER;

	if ((a_inside && b_inside && a->kind != b->kind) || (question->side == FROM && ((a_outside && b_inside)
	    || (a_inside && b_outside))))
		return true;
	if (question->side == TO || a->kind != b->kind || a->index == b->index)
		return false;
	return a->kind == END_LINK
	       || (a->kind == END_ZONE && devices_apart(&zones[a->index].devices, &zones[b->index].devices));
}

static bool ends_apart(const struct question *question, const struct ends *ends, const struct end *end)
{
	for (size_t i = 0; i < ends->count; i++) {
		struct network room[2];
		struct networks a = networks_of(question, &ends->items[i], &room[0]);
		struct networks b = networks_of(question, end, &room[1]);

		if (!places_apart(question, &ends->items[i], end) && !lists_apart(&a, &b, question->effort))
			return false;
	}
	return ends->count > 0;
}

/* What a excludes must be nothing that b has: b excludes it too, or has only what is elsewhere. */
static bool excludes_nothing(const struct question *question, const struct ends *excluded, const struct ends *ends,
	const struct ends *not_ends)
{
	for (size_t i = 0; i < excluded->count; i++) {
		if (!ends_cover(question, not_ends, &excluded->items[i])
		    && !ends_apart(question, ends, &excluded->items[i]))
			return false;
	}
	return true;
}

static bool protocols_cover(const struct protocols *a, const struct protocols *b)
{
	for (size_t i = 0; i < b->count && a->count > 0; i++) {
		if (memchr(a->items, b->items[i], a->count) == NULL)
			return false;
	}
	return a->count == 0 || b->count > 0;
}

static bool dscps_cover(const struct dscps *a, const struct dscps *b)
{
	for (size_t i = 0; i < b->count && a->count > 0; i++) {
		if (memchr(a->items, b->items[i], a->count) == NULL)
			return false;
	}
	return a->count == 0 || b->count > 0;
}

static bool has_icmp_type(const struct icmp_types *types, const struct icmp_type *type)
{
	for (size_t i = 0; i < types->count; i++) {
		const struct icmp_type *item = &types->items[i];

		if (item->type == type->type && (item->any_code || (!type->any_code && item->code == type->code)))
			return true;
	}
	return false;
}

static bool icmp_types_cover(const struct icmp_types *a, const struct icmp_types *b)
{
	for (size_t i = 0; i < b->count && a->count > 0; i++) {
		if (!has_icmp_type(a, &b->items[i]))
			return false;
	}
	return a->count == 0 || b->count > 0;
}

/* Numbers first to last, one range after the other taken from where the one before ended. */
static bool range_covered(const struct port_ranges *ranges, unsigned int first, unsigned int last)
{
	bool found = true;

	while (found && first <= last) {
		found = false;
		for (size_t i = 0; i < ranges->count; i++) {
			if (ranges->items[i].first > first || ranges->items[i].last < first)
				continue;
			first = ranges->items[i].last + 1u;
			found = true;
		}
	}
	return found;
}

static bool ports_cover(const struct port_ranges *a, const struct port_ranges *b)
{
	for (size_t i = 0; i < b->count && a->count > 0; i++) {
		if (!range_covered(a, b->items[i].first, b->items[i].last))
			return false;
	}
	return a->count == 0 || b->count > 0;
}

/* The spans are sorted, but one may begin where another ends. */
static bool span_covered(const struct time_spans *spans, unsigned int first, unsigned int last)
{
	for (size_t i = 0; i < spans->count && first < last; i++) {
		if (spans->items[i].first <= first && spans->items[i].last > first)
			first = spans->items[i].last;
	}
	return first >= last;
}

static bool times_cover(const struct time_spans *a, const struct time_spans *b)
{
	for (size_t i = 0; i < b->count && a->count > 0; i++) {
		if (!span_covered(a, b->items[i].first, b->items[i].last))
			return false;
	}
	return a->count == 0 || b->count > 0 || span_covered(a, 0, MINUTES_OF_WEEK);
}

static const struct ends anywhere = { NULL, 0 };

/* A port forward for what comes by a link also holds for who asks for the outside address from inside. */
static const struct ends *origins(const struct policy *policy)
{
	const struct ends *from = &policy->match.from;

	for (size_t i = 0; i < from->count && (policy->nat.forwards[IPV4] || policy->nat.forwards[IPV6]); i++) {
		if (from->items[i].kind == END_LINK || from->items[i].kind == END_INTERNET)
			return &anywhere;
	}
	return from;
}

static bool match_covers(const struct config *config, const struct match *a, const struct match *b,
	const struct ends *b_from, size_t *effort)
{
	struct question from = { config, FROM, effort }, to = { config, TO, effort };

	return protocols_cover(&a->protocols, &b->protocols) && ports_cover(&a->to_ports, &b->to_ports)
	       && ports_cover(&a->from_ports, &b->from_ports) && icmp_types_cover(&a->icmp_types, &b->icmp_types)
	       && dscps_cover(&a->dscps, &b->dscps) && times_cover(&a->times, &b->times)
	       && (a->from.count == 0 || ends_cover_list(&from, &a->from, b_from))
	       && (a->to.count == 0 || ends_cover_list(&to, &a->to, &b->to))
	       && excludes_nothing(&from, &a->not_from, b_from, &b->not_from)
	       && excludes_nothing(&to, &a->not_to, &b->to, &b->not_to);
}

bool shadow_covers(const struct config *config, const struct policy *a, const struct policy *b, size_t *effort)
{
	return spend(effort) && match_covers(config, &a->match, &b->match, origins(b), effort);
}

bool shadow_catches_all(const struct config *config, const struct policy *policy, size_t *effort)
{
	const struct match all = { .from = { NULL, 0 } };

	return match_covers(config, &policy->match, &all, &anywhere, effort);
}

size_t shadow_find(const struct config *config, size_t index, size_t start, size_t *effort)
{
	for (size_t i = start; i < index; i++) {
		if (shadow_covers(config, &config->policies[i], &config->policies[index], effort))
			return i;
	}
	return config->policy_count;
}

/* Bits of the families that addresses of these ends can be of. */
static unsigned int families_of(const struct question *question, const struct ends *ends)
{
	unsigned int families = 0, both = 1u << IPV4 | 1u << IPV6;

	for (size_t i = 0; i < ends->count; i++) {
		struct network room;
		struct networks networks = networks_of(question, &ends->items[i], &room);

		for (size_t k = 0; k < networks.count; k++)
			families |= 1u << networks.items[k].address.family;
		if (networks.count == 0)
			families |= both;
	}
	return ends->count == 0 ? both : families;
}

static bool all_outside(const struct ends *ends, bool links_too)
{
	for (size_t i = 0; i < ends->count; i++) {
		if (ends->items[i].kind != END_INTERNET && !(links_too && ends->items[i].kind == END_LINK))
			return false;
	}
	return ends->count > 0;
}

enum shadow_fault shadow_fault(const struct config *config, const struct policy *policy, size_t *effort)
{
	const struct ends *origin = origins(policy);
	const struct match *match = &policy->match;
	struct question from = { config, FROM, effort }, to = { config, TO, effort };

	if (match->not_from.count > 0 && ends_cover_list(&from, &match->not_from, origin))
		return SHADOW_NOT_FROM;
	if (match->not_to.count > 0 && ends_cover_list(&to, &match->not_to, &match->to))
		return SHADOW_NOT_TO;
	if ((families_of(&from, origin) & families_of(&to, &match->to)) == 0)
		return SHADOW_FAMILIES;
	return all_outside(origin, true) && all_outside(&match->to, false) ? SHADOW_OUTSIDE : SHADOW_FINE;
}
