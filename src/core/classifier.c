/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the policy of a flow: the first whose match holds. */

#include "core/classifier.h"

#include <errno.h>
#include <string.h>

#include "core/match.h"

struct classifier {
	const struct config *config;
	const struct ids *ids;
	struct view view; /* a copy; of the links only the addresses */
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

static int copy_view(struct arena *arena, const struct config *config, const struct view *from, struct view *to)
{
	to->minute = from->minute;
	to->zones = arena_array(arena, config->zone_count, sizeof(*to->zones));
	to->links = arena_array(arena, config->link_count, sizeof(*to->links));
	to->sets = arena_array(arena, config->set_count, sizeof(*to->sets));
	if (to->zones == NULL || to->links == NULL || to->sets == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->zone_count; i++) {
		if (copy_zone(arena, &from->zones[i], &to->zones[i]) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < config->link_count; i++) {
		if (copy_networks(arena, &from->links[i].addresses, &to->links[i].addresses) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < config->set_count; i++) {
		if (copy_networks(arena, &from->sets[i], &to->sets[i]) < 0)
			return -ENOMEM;
	}
	return copy_networks(arena, &from->local, &to->local);
}

struct classifier *classifier_new(struct arena *arena, const struct config *config, const struct ids *ids,
	const struct view *view)
{
	struct classifier *classifier = arena_alloc(arena, sizeof(*classifier));

	if (classifier == NULL)
		return NULL;
	classifier->config = config;
	classifier->ids = ids;
	return copy_view(arena, config, view, &classifier->view) < 0 ? NULL : classifier;
}

const char *classifier_mismatch(const struct classifier *classifier, const struct flow *flow, size_t policy)
{
	return match_mismatch(&classifier->config->policies[policy], flow, classifier->config, classifier->ids,
		&classifier->view);
}

size_t classifier_match(const struct classifier *classifier, const struct flow *flow, size_t start)
{
	size_t count = classifier->config->policy_count;

	while (start < count && classifier_mismatch(classifier, flow, start) != NULL)
		start++;
	return start;
}
