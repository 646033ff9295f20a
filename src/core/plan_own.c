/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This machine's own connections. They find a way before output can mark them, and with it a source. That is an
 * inside address, which stays whatever happens to links, so that who has an address of a link wants that link.
 */

#include "core/plan_parts.h"

/* Offsets from the configured priority. */
enum {
	PRIORITY_DEVICE = 5,
	PRIORITY_SERVERS = 7,
	PRIORITY_OWN = 220,
};

/* Before the marks of links: sockets that are bound to a device have no other way. */
static void plan_device_rule(struct planner *planner, size_t link, enum family family)
{
	const struct kernel_settings *kernel = &planner->config->kernel;
	struct plan_rule rule = {
		.family = family,
		.priority = kernel->rule_priority + PRIORITY_DEVICE,
		.verdict = RULE_LOOKUP,
		.table = kernel->first_table + planner->ids->links[link],
		.device_out = planner->config->links[link].device,
		.comment = arena_printf(planner->plan->arena, "sockets bound to the device of link %s",
			planner->config->links[link].name),
	};

	plan_add_rule(planner, &rule);
}

/* What is undecided yet, and of this machine. */
static struct plan_rule own_rule(const struct planner *planner, enum family family, uint32_t priority, uint32_t table)
{
	return (struct plan_rule){
		.family = family,
		.priority = planner->config->kernel.rule_priority + priority,
		.verdict = RULE_LOOKUP,
		.table = planner->config->kernel.first_table + table,
		.mask = mark_link_mask(planner->layout),
		.local_only = true,
	};
}

/* The links that have this server, a usable one if any is; NO_LINK: nobody has it. */
static size_t way_to_server(const struct planner *planner, const struct network *server)
{
	size_t found = NO_LINK;

	for (size_t i = 0; i < planner->config->link_count; i++) {
		const struct networks *servers = &planner->config->links[i].resolvers;
		const struct link_view *view = &planner->view->links[i];
		bool has = false;

		for (size_t j = 0; j < servers->count; j++)
			has |= network_equal(&servers->items[j], server);
		if (has && view->usable && view->device_index != 0 && view->gateway_known[server->address.family])
			return i;
		if (has && found == NO_LINK)
			found = i;
	}
	return found;
}

static bool serves_now(const struct planner *planner, size_t link, enum family family)
{
	const struct link_view *view = &planner->view->links[link];

	return view->usable && view->device_index != 0 && view->gateway_known[family];
}

/* A server whose links are down is refused at once, so that who asks goes on to the next one. */
static void plan_server(struct planner *planner, const struct network *server, size_t link)
{
	enum family family = server->address.family;
	uint32_t table = planner->config->kernel.first_table + MARK_LINK_DROP;
	struct plan_route *route;

	if (serves_now(planner, link, family)) {
		plan_add_route(planner, link, family, table);
		route = &planner->plan->routes[planner->plan->route_count - 1];
	} else {
		route = &planner->plan->routes[planner->plan->route_count++];
		*route = (struct plan_route){ .family = family, .table = table, .unreachable = true,
			.link = planner->config->links[link].name };
	}
	route->to = *server;
}

/* Each server once, with the first link that has it. */
static bool is_first(const struct planner *planner, size_t link, size_t index)
{
	const struct network *server = &planner->config->links[link].resolvers.items[index];

	for (size_t i = 0; i <= link; i++) {
		const struct networks *servers = &planner->config->links[i].resolvers;

		for (size_t j = 0; j < (i == link ? index : servers->count); j++) {
			if (network_equal(&servers->items[j], server))
				return false;
		}
	}
	return true;
}

static void plan_servers(struct planner *planner, enum family family)
{
	struct plan_rule rule = own_rule(planner, family, PRIORITY_SERVERS, MARK_LINK_DROP);
	bool any = false;

	for (size_t i = 0; i < planner->config->link_count; i++) {
		const struct networks *servers = &planner->config->links[i].resolvers;

		for (size_t j = 0; j < servers->count; j++) {
			if (servers->items[j].address.family != family || !is_first(planner, i, j))
				continue;
			plan_server(planner, &servers->items[j], way_to_server(planner, &servers->items[j]));
			any = true;
		}
	}
	rule.comment = "name servers that answer by their link alone";
	if (any)
		plan_add_rule(planner, &rule);
}

size_t plan_own_routes_needed(const struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->link_count; i++)
		count += config->links[i].resolvers.count;
	return count;
}

void plan_own_routing(struct planner *planner, enum family family)
{
	struct plan_rule rule = own_rule(planner, family, PRIORITY_OWN, 0);

	for (size_t i = 0; i < planner->config->link_count; i++)
		plan_device_rule(planner, i, family);
	plan_servers(planner, family);
	rule.comment = "this machine's own connections begin with an address that stays";
	if (!address_is_zero(&planner->view->own_source[family]))
		plan_add_rule(planner, &rule);
}

static void bind_to(struct planner *planner, size_t link)
{
	build_set_mark(&planner->builder, mark_link_mask(planner->layout) | mark_class_mask(planner->layout),
		mark_make(planner->layout, planner->ids->links[link], MARK_CLASS_OWN, 0));
}

static void match_unbound(struct planner *planner, enum family family)
{
	build_family(&planner->builder, family);
	build_mark_is(&planner->builder, MATCH_MARK, mark_link_mask(planner->layout), 0, false);
}

/* The name servers of that link that it is the way to now. */
static struct networks servers_by(struct planner *planner, size_t link, enum family family)
{
	const struct networks *all = &planner->config->links[link].resolvers;
	struct networks servers = { .items = arena_array(planner->plan->arena, all->count, sizeof(*all->items)) };

	planner->builder.failed |= servers.items == NULL;
	for (size_t i = 0; i < all->count && servers.items != NULL; i++) {
		if (all->items[i].address.family == family && way_to_server(planner, &all->items[i]) == link)
			servers.items[servers.count++] = all->items[i];
	}
	return plan_networks(planner, &servers, family);
}

static void plan_bound_to(struct planner *planner, size_t link, enum family family)
{
	const char *name = planner->config->links[link].name;
	struct networks servers = servers_by(planner, link, family);
	struct networks addresses = plan_outside_addresses(planner, link, family);
	struct builder *b = &planner->builder;

	if (servers.count > 0) {
		build_rule(b, "to a name server of link %s", name);
		match_unbound(planner, family);
		build_statement(b, (struct statement){ .kind = MATCH_DESTINATION, .family = family, .networks = servers });
		bind_to(planner, link);
	}
	if (addresses.count > 0 && !address_is_zero(&planner->view->own_source[family])) {
		build_rule(b, "a socket with an address of link %s", name);
		match_unbound(planner, family);
		build_statement(b, (struct statement){ .kind = MATCH_SOURCE, .family = family, .networks = addresses });
		bind_to(planner, link);
	}
}

void plan_own_bound(struct planner *planner)
{
	uint32_t mask = mark_class_mask(planner->layout);
	struct builder *b = &planner->builder;

	for (size_t i = 0; i < planner->config->link_count; i++) {
		for (enum family family = IPV4; family <= IPV6; family++)
			plan_bound_to(planner, i, family);
	}
	build_rule(b, "a socket with the mark of a link");
	build_mark_is(b, MATCH_MARK, mark_link_mask(planner->layout), 0, true);
	build_set_mark(b, mask, mark_make(planner->layout, 0, MARK_CLASS_OWN, 0));
}

void plan_own_insist(struct planner *planner)
{
	struct builder *b = &planner->builder;

	build_rule(b, "a socket with the mark of a link keeps to it, dead or not");
	build_mark_is(b, MATCH_MARK, mark_link_mask(planner->layout), 0, true);
	build_mark_is(b, MATCH_MARK, mark_policy_mask(planner->layout), 0, false);
	build_mark_is(b, MATCH_CONNECTION_MARK, mark_policy_mask(planner->layout), 0, true);
	build_mark_copy(b, RESTORE_MARK, mark_mask(planner->layout));
	build_action(b, ACCEPT);
}

void plan_own_source(struct planner *planner, size_t link, enum family family)
{
	struct names device = { &planner->config->links[link].device, 1 };
	const struct network *lent = &planner->view->links[link].lent;
	struct network source = network_around(&planner->view->own_source[family], 128);
	struct networks one = { &source, 1 };
	struct builder *b = &planner->builder;

	if (address_is_zero(&planner->view->own_source[family]))
		return;
	one = plan_networks(planner, &one, family);
	build_rule(b, "this machine's own leave with an address of link %s", planner->config->links[link].name);
	build_family(b, family);
	build_devices(b, MATCH_DEVICE_OUT, &device, false);
	build_statement(b, (struct statement){ .kind = MATCH_SOURCE, .family = family, .networks = one });
	if (family == IPV6 && lent->length != 0)
		build_statement(b, (struct statement){ .kind = SOURCE_NAT, .family = IPV6, .address = lent->address });
	else
		build_action(b, MASQUERADE);
}
