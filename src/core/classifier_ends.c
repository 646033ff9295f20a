/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiles from, to, not-from and not-to of all policies into facts about the ends of a flow. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/classifier_parts.h"

/* What a policy can name beside networks: each gets one fact of all who name it. */
enum group {
	GROUP_ANY,
	GROUP_INTERNET,
	GROUP_ROUTER,
	GROUP_ZONE, /* the first of many */
	GROUP_LINK = GROUP_ZONE + CONFIG_ZONES_MAX,
	GROUP_SET = GROUP_LINK + CONFIG_LINKS_MAX,
	GROUPS = GROUP_SET + CONFIG_SETS_MAX,
};

struct mention {
	uint32_t group, policy;
	bool excluded;
};

/* One of `from' and `to'. */
struct side {
	struct compiler *compiler;
	bool source;
	struct mention *mentions;
	size_t count, room;
	struct address_items items[FAMILIES];
	uint32_t facts[GROUPS]; /* 0 where nobody names it */
	bool failed;
};

_Static_assert(CONFIG_ZONES_MAX <= 64, "a set of zones is one word");

static void add_mention(struct side *side, uint32_t group, size_t policy, bool excluded)
{
	if (side->count == side->room) {
		size_t room = side->room == 0 ? 256 : 2 * side->room;
		struct mention *mentions = reallocarray(side->mentions, room, sizeof(*mentions));

		if (mentions == NULL) {
			side->failed = true;
			return;
		}
		side->mentions = mentions;
		side->room = room;
	}
	side->mentions[side->count++] = (struct mention){ group, (uint32_t)policy, excluded };
}

static void read_end(struct side *side, const struct end *end, size_t policy, bool excluded)
{
	switch (end->kind) {
	case END_ANY:
		add_mention(side, GROUP_ANY, policy, excluded);
		break;
	case END_INTERNET:
		add_mention(side, GROUP_INTERNET, policy, excluded);
		break;
	case END_ROUTER:
		add_mention(side, GROUP_ROUTER, policy, excluded);
		break;
	case END_ZONE:
		add_mention(side, GROUP_ZONE + end->index, policy, excluded);
		break;
	case END_LINK:
		add_mention(side, GROUP_LINK + end->index, policy, excluded);
		break;
	case END_SET:
		add_mention(side, GROUP_SET + end->index, policy, excluded);
		break;
	case END_NETWORK:
		address_items_add(&side->items[end->network.address.family], &end->network,
			excluded ? ITEM_EXCLUDED : ITEM_NAMED, (uint32_t)policy);
		break;
	}
}

static void read_policies(struct side *side, const struct config *config)
{
	for (size_t i = 0; i < config->policy_count; i++) {
		const struct match *match = &config->policies[i].match;
		const struct ends *named = side->source ? &match->from : &match->to;
		const struct ends *excluded = side->source ? &match->not_from : &match->not_to;

		if (named->count == 0)
			add_mention(side, GROUP_ANY, i, false);
		for (size_t end = 0; end < named->count; end++)
			read_end(side, &named->items[end], i, false);
		for (size_t end = 0; end < excluded->count; end++)
			read_end(side, &excluded->items[end], i, true);
	}
}

static int by_group(const void *left, const void *right)
{
	const struct mention *a = left, *b = right;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->policy != b->policy)
		return a->policy < b->policy ? -1 : 1;
	return a->excluded - b->excluded;
}

static uint32_t group_vector(struct bit_vectors *vectors, const struct mention *mentions, size_t count, bool excluded)
{
	bit_vectors_begin(vectors, VECTOR_EMPTY);
	for (size_t i = 0; i < count; i++) {
		if (mentions[i].excluded == excluded)
			bit_vectors_put(vectors, mentions[i].policy, true);
	}
	return bit_vectors_end(vectors);
}

static void make_groups(struct side *side)
{
	struct compiler *compiler = side->compiler;

	if (side->count > 0)
		qsort(side->mentions, side->count, sizeof(*side->mentions), by_group);
	for (size_t first = 0, end; first < side->count; first = end) {
		const struct mention *mentions = &side->mentions[first];
		struct fact_numbers fact = { 0 };

		for (end = first + 1; end < side->count && side->mentions[end].group == mentions->group;)
			end++;
		fact.named = group_vector(&compiler->vectors, mentions, end - first, false);
		fact.excluded = group_vector(&compiler->vectors, mentions, end - first, true);
		side->facts[mentions->group] = facts_put(&compiler->facts, &fact);
	}
}

static uint32_t mark_fact(struct side *side, uint64_t zones, uint64_t flags)
{
	struct fact_numbers fact = { .zones = zones, .flags = flags };

	return facts_put(&side->compiler->facts, &fact);
}

/* Every address in these networks gets the fact. */
static void add_networks(struct side *side, const struct networks *networks, uint32_t fact)
{
	for (size_t i = 0; fact != 0 && i < networks->count; i++)
		address_items_add(&side->items[networks->items[i].address.family], &networks->items[i], ITEM_FACT, fact);
}

static void add_host(struct side *side, const struct address *address, uint32_t fact)
{
	struct network host = { *address, 128 }; /* cut to what its family has */

	if (fact != 0)
		address_items_add(&side->items[address->family], &host, ITEM_FACT, fact);
}

static bool names_link(const struct ends *from, size_t link)
{
	for (size_t i = 0; i < from->count; i++) {
		if (from->items[i].kind == END_INTERNET || (from->items[i].kind == END_LINK && from->items[i].index == link))
			return true;
	}
	return false;
}

/* The policies that forward what comes by that link. */
static uint32_t forwarding_vector(struct side *side, size_t link, enum family family)
{
	const struct config *config = side->compiler->compiled->config;
	struct bit_vectors *vectors = &side->compiler->vectors;

	bit_vectors_begin(vectors, VECTOR_EMPTY);
	for (size_t i = 0; i < config->policy_count; i++) {
		if (config->policies[i].nat.forwards[family] && names_link(&config->policies[i].match.from, link))
			bit_vectors_put(vectors, i, true);
	}
	return bit_vectors_end(vectors);
}

static void add_outside(struct side *side, size_t link, const struct networks *addresses)
{
	uint32_t facts[FAMILIES];

	for (enum family family = IPV4; family <= IPV6; family++) {
		struct fact_numbers fact = { .forwarding = forwarding_vector(side, link, family) };

		facts[family] = facts_put(&side->compiler->facts, &fact);
	}
	for (size_t i = 0; i < addresses->count; i++)
		add_host(side, &addresses->items[i].address, facts[addresses->items[i].address.family]);
}

static void add_local(struct side *side, const struct networks *local)
{
	uint32_t fact = mark_fact(side, 0, FACT_LOCAL);

	for (size_t i = 0; i < local->count; i++)
		add_host(side, &local->items[i].address, fact);
}

/* The fact of every address: who names any, and the zones that look at no address. */
static uint32_t add_source_zones(struct side *side, const struct config *config)
{
	uint64_t everywhere = 0;

	for (size_t i = 0; i < config->zone_count; i++) {
		add_networks(side, &config->zones[i].networks, mark_fact(side, 1ull << i, 0));
		if (config->zones[i].networks.count == 0)
			everywhere |= 1ull << i;
	}
	return facts_union(&side->compiler->facts, side->facts[GROUP_ANY], mark_fact(side, everywhere, 0));
}

static uint32_t add_destinations(struct side *side, const struct config *config, const struct view *view)
{
	for (size_t i = 0; i < config->zone_count; i++)
		add_networks(side, &view->zones[i].behind, mark_fact(side, 1ull << i, 0));
	for (size_t i = 0; i < config->link_count; i++) {
		add_networks(side, &view->links[i].addresses, side->facts[GROUP_LINK + i]);
		add_outside(side, i, &view->links[i].addresses);
	}
	add_local(side, &view->local);
	return side->facts[GROUP_ANY];
}

static int make_side(struct side *side, struct end_facts *ret_facts, uint32_t *ret_zones)
{
	const struct config *config = side->compiler->compiled->config;
	const struct view *view = &side->compiler->compiled->view;
	uint32_t root;

	read_policies(side, config);
	make_groups(side);
	for (size_t i = 0; i < config->set_count; i++)
		add_networks(side, &view->sets[i], side->facts[GROUP_SET + i]);
	root = side->source ? add_source_zones(side, config) : add_destinations(side, config, view);
	if (side->failed || side->compiler->facts.intern.failed)
		return -ENOMEM;
	for (enum family family = IPV4; family <= IPV6; family++) {
		if (address_map_make(&side->items[family], root, &side->compiler->facts, side->compiler->compiled->arena,
			    &ret_facts->addresses[family]) < 0)
			return -ENOMEM;
	}
	ret_facts->internet = side->facts[GROUP_INTERNET];
	ret_facts->router = side->facts[GROUP_ROUTER];
	memcpy(ret_zones, &side->facts[GROUP_ZONE], CONFIG_ZONES_MAX * sizeof(*ret_zones));
	return 0;
}

static void fill_links(struct side *side, struct compiled *compiled)
{
	for (size_t id = 0; id <= MARK_LINK_MAX; id++)
		compiled->from_links[id] = side->facts[GROUP_INTERNET];
	for (size_t i = 0; i < compiled->config->link_count; i++)
		compiled->from_links[compiled->ids->links[i]] = facts_union(&side->compiler->facts,
			side->facts[GROUP_INTERNET], side->facts[GROUP_LINK + i]);
}

static void close_side(struct side *side)
{
	for (enum family family = IPV4; family <= IPV6; family++)
		address_items_close(&side->items[family]);
	free(side->mentions);
}

int compile_ends(struct compiler *compiler)
{
	struct side from = { .compiler = compiler, .source = true }, to = { .compiler = compiler };
	int result = make_side(&from, &compiler->compiled->from, compiler->from_zones);

	if (result == 0)
		fill_links(&from, compiler->compiled);
	close_side(&from);
	if (result == 0)
		result = make_side(&to, &compiler->compiled->to, compiler->to_zones);
	close_side(&to);
	return result;
}

static int by_device(const void *left, const void *right)
{
	const struct zone_device *a = left, *b = right;

	return (a->device > b->device) - (a->device < b->device);
}

/* Sorts them and makes those with the same device one. */
static void unite_devices(struct compiled *compiled)
{
	struct zone_device *devices = compiled->zone_devices;
	size_t count = 0;

	if (compiled->zone_device_count > 0)
		qsort(devices, compiled->zone_device_count, sizeof(*devices), by_device);
	for (size_t i = 0; i < compiled->zone_device_count; i++) {
		if (count > 0 && devices[count - 1].device == devices[i].device)
			devices[count - 1].zones |= devices[i].zones;
		else
			devices[count++] = devices[i];
	}
	compiled->zone_device_count = count;
	for (size_t i = 0; i < count; i++)
		devices[i].zones |= compiled->zones_of_others;
}

int compile_zone_devices(struct compiled *compiled)
{
	const struct config *config = compiled->config;
	size_t count = 0;

	for (size_t i = 0; i < config->zone_count; i++)
		count += compiled->view.zones[i].device_count;
	compiled->zone_devices = arena_array(compiled->arena, count, sizeof(*compiled->zone_devices));
	if (compiled->zone_devices == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->zone_count; i++) {
		const struct zone_view *zone = &compiled->view.zones[i];

		/* Without devices of its own a zone is anywhere inside. */
		if (config->zones[i].devices.count == 0) {
			compiled->zones_of_others |= 1ull << i;
			continue;
		}
		for (size_t j = 0; j < zone->device_count; j++)
			compiled->zone_devices[compiled->zone_device_count++] =
				(struct zone_device){ zone->device_indexes[j], 1ull << i };
	}
	unite_devices(compiled);
	return 0;
}
