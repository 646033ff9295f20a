/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps and compares those parts of a view that policies match by. */

#include "core/view.h"

#include <errno.h>
#include <string.h>

#include "core/networks.h"
#include "core/schedule.h"

static bool goes_by_weights(enum algorithm algorithm)
{
	switch (algorithm) {
	case ALGORITHM_ROUND_ROBIN:
	case ALGORITHM_RANDOM:
	case ALGORITHM_HASH:
	case ALGORITHM_LEAST_CONNECTIONS:
	case ALGORITHM_LEAST_LOAD:
	case ALGORITHM_BY_PACKET:
		return true;
	case ALGORITHM_PRIORITY:
	case ALGORITHM_SPILLOVER:
	case ALGORITHM_FASTEST:
	case ALGORITHM_LOWEST_LATENCY:
	case ALGORITHMS:
		break;
	}
	return false;
}

bool view_avoided(const struct link_view *link, const struct balance *balance)
{
	return link->suspect || link->flapping || link->spent || (link->taper != 0 && !goes_by_weights(balance->algorithm));
}

bool view_avoids_suspects(const struct link_view *links, const struct balance *balance)
{
	for (size_t i = 0; i < balance->count; i++) {
		const struct link_view *link = &links[balance->choices[i].link];

		if (link->usable && !view_avoided(link, balance))
			return true;
	}
	return false;
}

bool view_lacks(const struct link_view *link, enum family family)
{
	return link->gateway_known[family == IPV4 ? IPV6 : IPV4] && !link->gateway_known[family];
}

bool view_of_family(const struct config *config, const struct view *view, enum family family, struct link_view *links,
	struct view *ret_view)
{
	bool lacking = false;

	*ret_view = *view;
	ret_view->links = links;
	for (size_t i = 0; i < config->link_count; i++) {
		bool lacks = view_lacks(&view->links[i], family);

		links[i] = view->links[i];
		links[i].usable &= !lacks;
		lacking |= lacks;
	}
	return lacking;
}

static unsigned int plain_weight(const struct view *view, const struct balance *balance, size_t choice)
{
	unsigned int learnt = view->links[balance->choices[choice].link].weight;

	return (balance->follows >> choice & 1) != 0 && learnt != 0 ? learnt : balance->choices[choice].weight;
}

/* By what all weights are multiplied; 1 where no link tapers. */
static unsigned int scale_of(const struct view *view, const struct balance *balance)
{
	unsigned int sum = 0;
	bool tapers = false;

	for (size_t i = 0; i < balance->count; i++) {
		sum += plain_weight(view, balance, i);
		tapers |= view->links[balance->choices[i].link].taper != 0;
	}
	if (!tapers || sum * 2 > SCHEDULE_MAX_CYCLE)
		return 1;
	return sum * QUOTA_TAPER_STEPS > SCHEDULE_MAX_CYCLE ? SCHEDULE_MAX_CYCLE / sum : QUOTA_TAPER_STEPS;
}

unsigned int view_weight(const struct view *view, const struct balance *balance, size_t choice)
{
	unsigned int weight = plain_weight(view, balance, choice) * scale_of(view, balance);
	unsigned int taper = view->links[balance->choices[choice].link].taper, left;

	if (taper == 0)
		return weight;
	left = (weight * (QUOTA_TAPER_STEPS - taper) + QUOTA_TAPER_STEPS / 2) / QUOTA_TAPER_STEPS;
	return left == 0 ? 1 : left;
}

struct balance view_all_links(const struct config *config, struct choice *choices)
{
	struct balance all = { .algorithm = ALGORITHM_RANDOM, .choices = choices, .count = config->link_count };

	for (size_t i = 0; i < config->link_count; i++) {
		choices[i] = (struct choice){ .link = (uint16_t)i, .weight = config->links[i].weight };
		all.follows |= (uint64_t)config->links[i].weight_follows << i;
	}
	return all;
}

uint64_t view_download_bps(const struct view *view, const struct config *config, size_t link)
{
	uint64_t given = config->links[link].download_bps;

	return given != 0 ? given : view->links[link].learnt_bps[0];
}

uint64_t view_upload_bps(const struct view *view, const struct config *config, size_t link)
{
	uint64_t given = config->links[link].upload_bps;

	return given != 0 ? given : view->links[link].learnt_bps[1];
}

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

int view_copy(struct arena *arena, const struct config *config, const struct view *view, struct view *ret_copy)
{
	ret_copy->minute = view->minute;
	ret_copy->links = arena_array(arena, config->link_count, sizeof(*ret_copy->links));
	ret_copy->zones = arena_array(arena, config->zone_count, sizeof(*ret_copy->zones));
	ret_copy->sets = arena_array(arena, config->set_count, sizeof(*ret_copy->sets));
	if (ret_copy->links == NULL || ret_copy->zones == NULL || ret_copy->sets == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->link_count; i++) {
		if (copy_networks(arena, &view->links[i].addresses, &ret_copy->links[i].addresses) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < config->zone_count; i++) {
		if (copy_zone(arena, &view->zones[i], &ret_copy->zones[i]) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < config->set_count; i++) {
		if (copy_networks(arena, &view->sets[i], &ret_copy->sets[i]) < 0)
			return -ENOMEM;
	}
	return copy_networks(arena, &view->local, &ret_copy->local);
}

static bool same_zone(const struct zone_view *a, const struct zone_view *b)
{
	if (a->device_count != b->device_count || !networks_equal(&a->behind, &b->behind))
		return false;
	for (size_t i = 0; i < a->device_count; i++) {
		if (a->device_indexes[i] != b->device_indexes[i])
			return false;
	}
	return true;
}

bool view_same(const struct config *config, const struct view *a, const struct view *b)
{
	bool same = networks_equal(&a->local, &b->local);

	for (size_t i = 0; same && i < config->link_count; i++)
		same = networks_equal(&a->links[i].addresses, &b->links[i].addresses);
	for (size_t i = 0; same && i < config->zone_count; i++)
		same = same_zone(&a->zones[i], &b->zones[i]);
	for (size_t i = 0; same && i < config->set_count; i++)
		same = networks_equal(&a->sets[i], &b->sets[i]);
	return same;
}
