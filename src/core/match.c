/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a match means, key by key: the plain reading that everything faster is held to. */

#include "core/match.h"

#include <netinet/in.h>

#include "core/networks.h"
#include "core/week.h"

/* What from and to are asked against. */
struct world {
	const struct config *config;
	const struct ids *ids;
	const struct view *view;
};

static bool in_networks(const struct networks *networks, const struct address *address)
{
	for (size_t i = 0; i < networks->count; i++) {
		if (network_contains(&networks->items[i], address))
			return true;
	}
	return false;
}

/* An address of a device stands for the whole network that it is in. */
static bool on_link(const struct networks *addresses, const struct address *address)
{
	for (size_t i = 0; i < addresses->count; i++) {
		struct network around = network_around(&addresses->items[i].address, addresses->items[i].length);

		if (network_contains(&around, address))
			return true;
	}
	return false;
}

static bool is_local(const struct world *world, const struct address *address)
{
	for (size_t i = 0; i < world->view->local.count; i++) {
		if (address_equal(&world->view->local.items[i].address, address))
			return true;
	}
	return false;
}

static bool from_device(const struct zone_view *zone, uint32_t device)
{
	for (size_t i = 0; i < zone->device_count; i++) {
		if (zone->device_indexes[i] == device)
			return true;
	}
	return false;
}

static bool from_zone(const struct world *world, uint16_t index, const struct flow *flow)
{
	const struct zone *zone = &world->config->zones[index];

	if (flow->device == 0 || flow->came_by != 0)
		return false;
	if (zone->devices.count > 0 && !from_device(&world->view->zones[index], flow->device))
		return false;
	return zone->networks.count == 0 || in_networks(&zone->networks, &flow->from);
}

static bool from_end(const struct world *world, const struct end *end, const struct flow *flow)
{
	switch (end->kind) {
	case END_ANY:
		return true;
	case END_INTERNET:
		return flow->came_by != 0;
	case END_ROUTER:
		return flow->device == 0;
	case END_ZONE:
		return from_zone(world, end->index, flow);
	case END_LINK:
		return flow->came_by != 0 && flow->came_by == world->ids->links[end->index];
	case END_NETWORK:
		return network_contains(&end->network, &flow->from);
	case END_SET:
		return networks_hold(&world->view->sets[end->index], &flow->from);
	}
	return false;
}

static bool to_end(const struct world *world, const struct end *end, const struct flow *flow)
{
	switch (end->kind) {
	case END_ANY:
		return true;
	case END_INTERNET:
		return !flow->direct && flow->came_by == 0;
	case END_ROUTER:
		return is_local(world, &flow->to);
	case END_ZONE:
		return !is_local(world, &flow->to) && on_link(&world->view->zones[end->index].behind, &flow->to);
	case END_LINK:
		return on_link(&world->view->links[end->index].addresses, &flow->to);
	case END_NETWORK:
		return network_contains(&end->network, &flow->to);
	case END_SET:
		return networks_hold(&world->view->sets[end->index], &flow->to);
	}
	return false;
}

static bool is_outside_address(const struct networks *addresses, const struct address *address)
{
	for (size_t i = 0; i < addresses->count; i++) {
		if (address_equal(&addresses->items[i].address, address))
			return true;
	}
	return false;
}

/* Who connects from inside to an outside address of ours meets a port forward as the internet does. */
static bool is_hairpin(const struct world *world, const struct policy *policy, const struct flow *flow)
{
	if (!policy->nat.forwards[flow->family] || flow->came_by != 0)
		return false;
	for (size_t i = 0; i < policy->match.from.count; i++) {
		const struct end *end = &policy->match.from.items[i];

		for (size_t link = 0; link < world->config->link_count; link++) {
			if ((end->kind == END_INTERNET || (end->kind == END_LINK && end->index == link))
			    && is_outside_address(&world->view->links[link].addresses, &flow->to))
				return true;
		}
	}
	return false;
}

typedef bool end_test(const struct world *world, const struct end *end, const struct flow *flow);

static bool any_end(const struct world *world, const struct ends *ends, const struct flow *flow,
	end_test *test)
{
	for (size_t i = 0; i < ends->count; i++) {
		if (test(world, &ends->items[i], flow))
			return true;
	}
	return false;
}

static bool protocol_matches(const struct protocols *protocols, uint8_t protocol)
{
	for (size_t i = 0; i < protocols->count; i++) {
		if (protocols->items[i] == protocol)
			return true;
	}
	return protocols->count == 0;
}

static bool port_matches(const struct port_ranges *ranges, const struct flow *flow, uint16_t port)
{
	for (size_t i = 0; i < ranges->count; i++) {
		if (flow->ports && port >= ranges->items[i].first && port <= ranges->items[i].last)
			return true;
	}
	return ranges->count == 0;
}

/* What is cut off before its type reads as type 0, an answer, which begins no connection. */
static bool icmp_matches(const struct icmp_types *types, const struct flow *flow)
{
	uint8_t own = flow->family == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	for (size_t i = 0; i < types->count; i++) {
		const struct icmp_type *type = &types->items[i];

		if (flow->protocol == own && flow->from_port >> 8 == type->type
		    && (type->any_code || (flow->from_port & 0xff) == type->code))
			return true;
	}
	return types->count == 0;
}

static bool dscp_matches(const struct dscps *dscps, uint8_t dscp)
{
	for (size_t i = 0; i < dscps->count; i++) {
		if (dscps->items[i] == dscp)
			return true;
	}
	return dscps->count == 0;
}

const char *match_mismatch(const struct policy *policy, const struct flow *flow, const struct config *config,
	const struct ids *ids, const struct view *view)
{
	const struct match *match = &policy->match;
	struct world world = { config, ids, view };

	/* The cheap ones first. */
	if (!week_holds(&match->times, view->minute))
		return "time";
	if (!protocol_matches(&match->protocols, flow->protocol))
		return "protocol";
	if (!icmp_matches(&match->icmp_types, flow))
		return "icmp-type";
	if (!port_matches(&match->to_ports, flow, flow->to_port))
		return "to-port";
	if (!port_matches(&match->from_ports, flow, flow->from_port))
		return "from-port";
	if (!dscp_matches(&match->dscps, flow->dscp))
		return "dscp";
	if (match->from.count > 0 && !any_end(&world, &match->from, flow, from_end) && !is_hairpin(&world, policy, flow))
		return "from";
	if (match->to.count > 0 && !any_end(&world, &match->to, flow, to_end))
		return "to";
	if (any_end(&world, &match->not_from, flow, from_end))
		return "not-from";
	if (any_end(&world, &match->not_to, flow, to_end))
		return "not-to";
	return NULL;
}
