/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the policy of a flow: the first whose match holds. */

#include "core/classifier.h"

#include <errno.h>
#include <string.h>

struct classifier {
	const struct config *config;
	const struct ids *ids;
	struct zone_view *zones;
	struct networks local;
	struct networks *link_networks; /* index as in config.links */
};

static int copy_networks(struct arena *arena, const struct networks *from, struct networks *to)
{
	to->items = arena_array(arena, from->count, sizeof(*to->items));
	if (to->items == NULL)
		return -ENOMEM;
	if (from->count > 0)
		memcpy(to->items, from->items, from->count * sizeof(*to->items));
	to->count = from->count;
	return 0;
}

static int copy_zone(struct arena *arena, const struct zone_view *from, struct zone_view *to)
{
	to->device_indexes = arena_array(arena, from->device_count, sizeof(*to->device_indexes));
	if (to->device_indexes == NULL)
		return -ENOMEM;
	if (from->device_count > 0)
		memcpy(to->device_indexes, from->device_indexes, from->device_count * sizeof(*to->device_indexes));
	to->device_count = from->device_count;
	return copy_networks(arena, &from->behind, &to->behind);
}

static int copy_view(struct arena *arena, struct classifier *classifier, const struct view *view)
{
	const struct config *config = classifier->config;

	classifier->zones = arena_array(arena, config->zone_count, sizeof(*classifier->zones));
	classifier->link_networks = arena_array(arena, config->link_count, sizeof(*classifier->link_networks));
	if (classifier->zones == NULL || classifier->link_networks == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->zone_count; i++) {
		if (copy_zone(arena, &view->zones[i], &classifier->zones[i]) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < config->link_count; i++) {
		if (copy_networks(arena, &view->links[i].addresses, &classifier->link_networks[i]) < 0)
			return -ENOMEM;
	}
	return copy_networks(arena, &view->local, &classifier->local);
}

struct classifier *classifier_new(struct arena *arena, const struct config *config, const struct ids *ids,
	const struct view *view)
{
	struct classifier *classifier = arena_alloc(arena, sizeof(*classifier));

	if (classifier == NULL)
		return NULL;
	classifier->config = config;
	classifier->ids = ids;
	return copy_view(arena, classifier, view) < 0 ? NULL : classifier;
}

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

static bool is_local(const struct classifier *classifier, const struct address *address)
{
	for (size_t i = 0; i < classifier->local.count; i++) {
		if (address_equal(&classifier->local.items[i].address, address))
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

static bool from_zone(const struct classifier *classifier, uint16_t index, const struct flow *flow)
{
	const struct zone *zone = &classifier->config->zones[index];

	if (flow->device == 0 || flow->came_by != 0)
		return false;
	if (zone->devices.count > 0 && !from_device(&classifier->zones[index], flow->device))
		return false;
	return zone->networks.count == 0 || in_networks(&zone->networks, &flow->from);
}

static bool from_end(const struct classifier *classifier, const struct end *end, const struct flow *flow)
{
	switch (end->kind) {
	case END_ANY:
		return true;
	case END_INTERNET:
		return flow->came_by != 0;
	case END_ROUTER:
		return flow->device == 0;
	case END_ZONE:
		return from_zone(classifier, end->index, flow);
	case END_LINK:
		return flow->came_by != 0 && flow->came_by == classifier->ids->links[end->index];
	case END_NETWORK:
		return network_contains(&end->network, &flow->from);
	}
	return false;
}

static bool to_end(const struct classifier *classifier, const struct end *end, const struct flow *flow)
{
	switch (end->kind) {
	case END_ANY:
		return true;
	case END_INTERNET:
		return !flow->direct && flow->came_by == 0;
	case END_ROUTER:
		return is_local(classifier, &flow->to);
	case END_ZONE:
		return !is_local(classifier, &flow->to) && on_link(&classifier->zones[end->index].behind, &flow->to);
	case END_LINK:
		return on_link(&classifier->link_networks[end->index], &flow->to);
	case END_NETWORK:
		return network_contains(&end->network, &flow->to);
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

/* Hairpin: who connects from inside to an outside address of ours meets a port forward as the internet does. */
static bool match_hairpin(const struct classifier *classifier, const struct policy *policy, const struct flow *flow)
{
	if (!policy->nat.forwards[flow->family] || flow->came_by != 0)
		return false;
	for (size_t i = 0; i < policy->match.from.count; i++) {
		const struct end *end = &policy->match.from.items[i];

		for (size_t link = 0; link < classifier->config->link_count; link++) {
			if ((end->kind == END_INTERNET || (end->kind == END_LINK && end->index == link))
			    && is_outside_address(&classifier->link_networks[link], &flow->to))
				return true;
		}
	}
	return false;
}

typedef bool end_test(const struct classifier *classifier, const struct end *end, const struct flow *flow);

static bool any_end(const struct classifier *classifier, const struct ends *ends, const struct flow *flow,
	end_test *test)
{
	for (size_t i = 0; i < ends->count; i++) {
		if (test(classifier, &ends->items[i], flow))
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

const char *classifier_mismatch(const struct classifier *classifier, const struct flow *flow, size_t policy)
{
	const struct policy *rule = &classifier->config->policies[policy];
	const struct match *match = &rule->match;

	/* The cheap ones first. */
	if (!protocol_matches(&match->protocols, flow->protocol))
		return "protocol";
	if (!port_matches(&match->to_ports, flow, flow->to_port))
		return "to-port";
	if (!port_matches(&match->from_ports, flow, flow->from_port))
		return "from-port";
	if (match->from.count > 0 && !any_end(classifier, &match->from, flow, from_end)
	    && !match_hairpin(classifier, rule, flow))
		return "from";
	if (match->to.count > 0 && !any_end(classifier, &match->to, flow, to_end))
		return "to";
	if (any_end(classifier, &match->not_from, flow, from_end))
		return "not-from";
	if (any_end(classifier, &match->not_to, flow, to_end))
		return "not-to";
	return NULL;
}

size_t classifier_match(const struct classifier *classifier, const struct flow *flow, size_t start)
{
	size_t count = classifier->config->policy_count;

	while (start < count && classifier_mismatch(classifier, flow, start) != NULL)
		start++;
	return start;
}
