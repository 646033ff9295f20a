/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets of checks that cannot answer, or whose answer says little. */

#include "config/loader.h"

/* The node of a target that was read. */
static const struct node *target_node(const struct node *targets, size_t index)
{
	return targets->kind == NODE_LIST && index < targets->count ? targets->items[index] : targets;
}

static const struct node *targets_of(const struct loader *loader, size_t index)
{
	return node_get(node_get(loader->links[index].value, "check"), "targets");
}

void check_targets(struct loader *loader, size_t index)
{
	const struct link *link = &loader->config->links[index];

	for (size_t i = 0; i < link->check.count; i++) {
		if (!link->check.targets[i].gateway || link->gateway.kind != GATEWAY_NONE)
			continue;
		problem_add(&loader->problems, target_node(targets_of(loader, index), i)->at,
			"`neighbour: gateway', but the link has `gateway: none'");
		problem_hint(&loader->problems, "there is no gateway to ask: write `{ ping: 192.0.2.1 }', for example");
	}
}

static void warn_neighbour(struct loader *loader, size_t index)
{
	const struct link *link = &loader->config->links[index];

	for (size_t i = 0; i < link->check.count; i++) {
		if (link->check.targets[i].kind != TARGET_NEIGHBOUR)
			return;
	}
	if (link->check.count == 0)
		return;
	problem_warn(&loader->problems, targets_of(loader, index)->at, "link `%s' is checked by its neighbour alone", link->name);
	problem_hint(&loader->problems,
		"that proves the first metre, not the internet: add a target beyond it, such as `{ ping: 192.0.2.1 }'");
}

void warn_targets(struct loader *loader)
{
	for (size_t i = 0; i < loader->config->link_count; i++)
		warn_neighbour(loader, i);
}
