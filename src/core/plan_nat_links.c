/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address translation by links: the source of what leaves by one, the outside prefix of what comes in by one. */

#include "core/nat.h"
#include "core/plan_parts.h"

/* The inside network that a prefix of that length stands for outside; false where there is none, or more than one. */
static bool inside_network(const struct planner *planner, const struct network *prefix, struct network *ret_network)
{
	static const struct network link_local = { { IPV6, { 0xfe, 0x80 } }, 10 };
	bool found = false;

	for (size_t i = 0; i < planner->config->zone_count; i++) {
		const struct networks *behind = &planner->view->zones[i].behind;

		for (size_t j = 0; j < behind->count; j++) {
			struct network network = network_around(&behind->items[j].address, behind->items[j].length);

			if (network.address.family != IPV6 || network.length != prefix->length
			    || network_contains(&link_local, &network.address) || (found && network_equal(&network, ret_network)))
				continue;
			if (found)
				return false;
			*ret_network = network;
			found = true;
		}
	}
	return found;
}

static void replace_prefix(struct planner *planner, enum statement_kind kind, const struct network *prefix)
{
	build_statement(&planner->builder, (struct statement){ .kind = kind, .family = IPV6, .network = *prefix });
}

static void match_addresses(struct planner *planner, enum statement_kind kind, enum family family,
	const struct networks *addresses, bool negate)
{
	build_statement(&planner->builder,
		(struct statement){ .kind = kind, .negate = negate, .family = family, .networks = *addresses });
}

static void match_network(struct planner *planner, enum statement_kind kind, struct network network)
{
	struct networks list = { &network, 1 }, one = plan_networks(planner, &list, network.address.family);

	match_addresses(planner, kind, network.address.family, &one, false);
}

/* Connections to the outside prefix of a link that come in by it. */
static void plan_link_prefix(struct planner *planner, struct link *link)
{
	struct names device = { &link->device, 1 };
	struct builder *b = &planner->builder;
	struct network inside;

	if (link->nat.kind[IPV6] != NAT_PREFIX || !inside_network(planner, &link->nat.prefix, &inside))
		return;
	build_rule(b, "the outside prefix of link %s is the inside's", link->name);
	build_family(b, IPV6);
	build_devices(b, MATCH_DEVICE_IN, &device, false);
	match_network(planner, MATCH_DESTINATION, link->nat.prefix);
	replace_prefix(planner, DESTINATION_PREFIX, &inside);
}

static void leaves_by(struct planner *planner, struct link *link, enum family family)
{
	struct names device = { &link->device, 1 };

	build_family(&planner->builder, family);
	build_devices(&planner->builder, MATCH_DEVICE_OUT, &device, false);
}

/* Left to itself the kernel would take any address of the inside, also of another link's prefix. */
static void masquerade(struct planner *planner, size_t index, enum family family)
{
	const struct network *lent = &planner->view->links[index].lent;

	if (family == IPV6 && lent->length != 0)
		build_statement(&planner->builder, (struct statement){ .kind = SOURCE_NAT, .family = IPV6, .address = lent->address });
	else
		build_action(&planner->builder, MASQUERADE);
}

/* IPv6 as the link has it unless told: global addresses are left alone, others would never get an answer. */
static void plan_needed(struct planner *planner, size_t index)
{
	static const uint32_t local = TO_LOCAL;
	struct link *link = &planner->config->links[index];
	struct networks own = plan_outside_addresses(planner, index, IPV6);
	struct builder *b = &planner->builder;

	build_rule(b, "link %s: masquerade unique-local sources", link->name);
	leaves_by(planner, link, IPV6);
	match_network(planner, MATCH_SOURCE, nat_unique_local);
	masquerade(planner, index, IPV6);
	build_rule(b, "link %s: masquerade other addresses of this machine", link->name);
	leaves_by(planner, link, IPV6);
	if (own.count > 0)
		match_addresses(planner, MATCH_SOURCE, IPV6, &own, true);
	build_values(b, MATCH_SOURCE_KIND, &local, 1, false);
	masquerade(planner, index, IPV6);
}

/* Addresses of this machine are in no network that the prefix stands for. */
static void plan_replaced(struct planner *planner, size_t index)
{
	static const uint32_t local = TO_LOCAL;
	struct link *link = &planner->config->links[index];
	struct networks own = plan_outside_addresses(planner, index, IPV6);
	struct builder *b = &planner->builder;

	if (own.count > 0) {
		build_rule(b, "link %s: its own addresses stay", link->name);
		leaves_by(planner, link, IPV6);
		match_addresses(planner, MATCH_SOURCE, IPV6, &own, false);
		build_action(b, ACCEPT);
	}
	build_rule(b, "link %s: masquerade other addresses of this machine", link->name);
	leaves_by(planner, link, IPV6);
	build_values(b, MATCH_SOURCE_KIND, &local, 1, false);
	masquerade(planner, index, IPV6);
	build_rule(b, "link %s: source prefix", link->name);
	leaves_by(planner, link, IPV6);
	replace_prefix(planner, SOURCE_PREFIX, &link->nat.prefix);
}

/* A link has one address of each family. */
static const struct address *pool_address(const struct nat *nat, enum family family)
{
	const struct address_range *range = nat->pool.items;

	return &range[range->first.family != family].first;
}

static void plan_link_source(struct planner *planner, size_t index, enum family family)
{
	struct link *link = &planner->config->links[index];
	struct builder *b = &planner->builder;

	switch (link->nat.kind[family]) {
	case NAT_NONE:
		plan_own_source(planner, index, family);
		return;
	case NAT_AUTO:
		plan_needed(planner, index);
		return;
	case NAT_MASQUERADE:
		build_rule(b, "masquerade link %s", link->name);
		leaves_by(planner, link, family);
		masquerade(planner, index, family);
		return;
	case NAT_SOURCE: /* one address of each family */
		build_rule(b, "own address of link %s", link->name);
		leaves_by(planner, link, family);
		build_statement(b, (struct statement){ .kind = SOURCE_NAT, .family = family,
			.address = *pool_address(&link->nat, family) });
		return;
	case NAT_PREFIX:
		plan_replaced(planner, index);
		return;
	}
}

void plan_link_prefixes(struct planner *planner)
{
	for (size_t i = 0; i < planner->config->link_count; i++)
		plan_link_prefix(planner, &planner->config->links[i]);
}

void plan_link_sources(struct planner *planner)
{
	for (size_t i = 0; i < planner->config->link_count; i++) {
		for (enum family family = IPV4; family <= IPV6; family++)
			plan_link_source(planner, i, family);
	}
}
