/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists as the kernel's sets want them: of one family, in order, apart from each other. */

#include <stdlib.h>
#include <string.h>

#include "core/networks.h"
#include "core/plan_parts.h"

struct networks plan_networks(struct planner *planner, const struct networks *all, enum family family)
{
	struct networks chosen = { .items = arena_array(planner->plan->arena, all->count + 1, sizeof(struct network)) };

	planner->builder.failed |= chosen.items == NULL;
	for (size_t i = 0; i < all->count && chosen.items != NULL; i++) {
		if (all->items[i].address.family == family)
			chosen.items[chosen.count++] = all->items[i];
	}
	networks_sort(&chosen);
	return chosen;
}

static int compare_ranges(const void *left, const void *right)
{
	const struct port_range *a = left, *b = right;

	return (int)a->first - (int)b->first;
}

struct port_ranges plan_ports(struct planner *planner, const struct port_ranges *all)
{
	struct port_ranges joined = { .items = arena_array(planner->plan->arena, all->count, sizeof(struct port_range)) };

	planner->builder.failed |= joined.items == NULL;
	if (joined.items == NULL)
		return joined;
	memcpy(joined.items, all->items, all->count * sizeof(struct port_range));
	qsort(joined.items, all->count, sizeof(struct port_range), compare_ranges);
	for (size_t i = 0; i < all->count; i++) {
		struct port_range range = joined.items[i], *last = &joined.items[joined.count > 0 ? joined.count - 1 : 0];

		if (joined.count == 0 || range.first > last->last + 1)
			joined.items[joined.count++] = range;
		else if (range.last > last->last)
			last->last = range.last;
	}
	return joined;
}

struct networks plan_outside_addresses(struct planner *planner, size_t link, enum family family)
{
	const struct config *config = planner->config;
	struct networks all = { 0 };
	size_t room = 0;

	for (size_t i = 0; i < config->link_count; i++)
		room += planner->view->links[i].addresses.count;
	all.items = arena_array(planner->plan->arena, room, sizeof(struct network));
	planner->builder.failed |= all.items == NULL;
	for (size_t i = 0; i < config->link_count && all.items != NULL; i++) {
		const struct networks *addresses = &planner->view->links[i].addresses;

		for (size_t j = 0; j < addresses->count && (link == NO_LINK || link == i); j++)
			all.items[all.count++] = network_around(&addresses->items[j].address, 128);
	}
	return plan_networks(planner, &all, family);
}
