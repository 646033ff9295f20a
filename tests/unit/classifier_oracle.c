/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a match means, bit by bit and key by key, sharing nothing with the classifier. */

#include "classifier_oracle.h"

static bool oracle_inside(const struct network *network, const struct address *address)
{
	if (network->address.family != address->family)
		return false;
	for (unsigned int bit = 0; bit < network->length; bit++) {
		if ((network->address.bytes[bit / 8] ^ address->bytes[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	}
	return true;
}

static bool oracle_in_any(const struct networks *networks, const struct address *address, bool whole)
{
	bool found = false;

	for (size_t i = 0; i < networks->count; i++) {
		struct network network = networks->items[i];

		if (whole)
			network.length = network.address.family == IPV4 ? 32 : 128;
		found |= oracle_inside(&network, address);
	}
	return found;
}

/* The view has the sets in order; as the configuration has them they are looked at one by one. */
static bool oracle_in_set(const struct sample_gateway *g, const struct end *end, const struct address *address)
{
	return oracle_in_any(&g->config->sets[end->index].networks, address, false);
}

static bool oracle_from(const struct sample_gateway *g, const struct end *end, const struct flow *flow)
{
	const struct zone *zone = &g->config->zones[end->kind == END_ZONE ? end->index : 0];
	bool by_device = false, inside = flow->device != 0 && flow->came_by == 0;

	if (end->kind == END_NETWORK)
		return oracle_inside(&end->network, &flow->from);
	if (end->kind == END_SET)
		return oracle_in_set(g, end, &flow->from);
	if (end->kind == END_LINK)
		return flow->device != 0 && flow->device == g->view.links[end->index].device_index;
	if (end->kind == END_ROUTER)
		return flow->device == 0;
	if (end->kind == END_INTERNET)
		return flow->device >= 11 && flow->device <= 13;
	if (end->kind == END_ANY)
		return true;
	for (size_t i = 0; i < g->view.zones[end->index].device_count; i++)
		by_device |= g->view.zones[end->index].device_indexes[i] == flow->device;
	return inside && (by_device || zone->devices.count == 0)
	       && (zone->networks.count == 0 || oracle_in_any(&zone->networks, &flow->from, false));
}

static bool oracle_to(const struct sample_gateway *g, const struct end *end, const struct flow *flow)
{
	bool local = oracle_in_any(&g->view.local, &flow->to, true);

	if (end->kind == END_NETWORK)
		return oracle_inside(&end->network, &flow->to);
	if (end->kind == END_SET)
		return oracle_in_set(g, end, &flow->to);
	if (end->kind == END_LINK)
		return oracle_in_any(&g->view.links[end->index].addresses, &flow->to, false);
	if (end->kind == END_ROUTER)
		return local;
	if (end->kind == END_INTERNET)
		return flow->came_by == 0 && !flow->direct;
	return end->kind == END_ANY || (!local && oracle_in_any(&g->view.zones[end->index].behind, &flow->to, false));
}

static bool oracle_any(const struct sample_gateway *g, const struct ends *ends, const struct flow *flow, bool from)
{
	bool found = false;

	for (size_t i = 0; i < ends->count; i++)
		found |= from ? oracle_from(g, &ends->items[i], flow) : oracle_to(g, &ends->items[i], flow);
	return found;
}

static bool oracle_ports(const struct port_ranges *ranges, const struct flow *flow, uint16_t port)
{
	bool found = ranges->count == 0;

	for (size_t i = 0; i < ranges->count; i++)
		found |= flow->ports && ranges->items[i].first <= port && port <= ranges->items[i].last;
	return found;
}

static bool oracle_icmp(const struct icmp_types *types, const struct flow *flow)
{
	bool found = types->count == 0, own = flow->protocol == (flow->family == IPV4 ? 1 : 58);

	for (size_t i = 0; i < types->count; i++)
		found |= own && flow->from_port / 256 == types->items[i].type
			 && (types->items[i].any_code || flow->from_port % 256 == types->items[i].code);
	return found;
}

/* Day by day and hour by hour, as people read it: yesterday's hours may reach into today. */
static bool oracle_time(const struct timetable *table, unsigned int minute)
{
	unsigned int today = minute / 1440, yesterday = (today + 6) % 7, now = minute % 1440;
	bool every = table->days == 0, found = table->count == 0 && (every || (table->days & 1u << today) != 0);

	for (size_t i = 0; i < table->count; i++) {
		unsigned int first = table->hours[i].first, last = table->hours[i].last;
		bool over = last < first;

		if (every || (table->days & 1u << today) != 0)
			found |= now >= first && (over || now < last);
		if (every || (table->days & 1u << yesterday) != 0)
			found |= over && now < last;
	}
	return found;
}

/* From inside to an address that a link named in from has, where the policy forwards. */
static bool oracle_hairpin(const struct sample_gateway *g, const struct policy *policy, const struct flow *flow)
{
	bool found = false;

	for (size_t i = 0; i < policy->match.from.count; i++) {
		const struct end *end = &policy->match.from.items[i];

		for (size_t link = 0; link < g->config->link_count; link++)
			found |= (end->kind == END_INTERNET || (end->kind == END_LINK && end->index == link))
				 && oracle_in_any(&g->view.links[link].addresses, &flow->to, true);
	}
	return found && flow->came_by == 0 && policy->nat.forwards[flow->family];
}

bool oracle_matches(const struct sample_gateway *g, const struct policy *policy, const struct flow *flow)
{
	const struct match *match = &policy->match;
	bool protocol = match->protocols.count == 0, dscp = match->dscps.count == 0;

	for (size_t i = 0; i < match->protocols.count; i++)
		protocol |= match->protocols.items[i] == flow->protocol;
	for (size_t i = 0; i < match->dscps.count; i++)
		dscp |= match->dscps.items[i] == flow->dscp;
	return protocol && dscp && oracle_icmp(&match->icmp_types, flow) && oracle_time(&match->timetable, g->view.minute)
	       && oracle_ports(&match->from_ports, flow, flow->from_port)
	       && oracle_ports(&match->to_ports, flow, flow->to_port)
	       && (match->from.count == 0 || oracle_any(g, &match->from, flow, true) || oracle_hairpin(g, policy, flow))
	       && (match->to.count == 0 || oracle_any(g, &match->to, flow, false))
	       && !oracle_any(g, &match->not_from, flow, true) && !oracle_any(g, &match->not_to, flow, false);
}
