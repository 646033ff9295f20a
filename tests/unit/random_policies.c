/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random policies over every key, made without a file, and flows that come to their edges. */

#include "random_policies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/mark.h"
#include "core/networks.h"
#include "random_gateway.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define LINK_DEVICES 1000 /* index of the first link's device */
#define ZONE_DEVICES 100

static bool one_in(unsigned int many)
{
	return random_below(many) == 0;
}

static void *take(struct random_policies *random, size_t count, size_t size)
{
	void *items = arena_array(random->arena, count, size);

	assert_non_null(items);
	return items;
}

static enum family random_family(void)
{
	return one_in(3) ? IPV6 : IPV4;
}

/* Few different beginnings, so that networks lie in each other. */
static struct network random_network(enum family family)
{
	static const uint8_t lengths[FAMILIES][10] = { { 0, 1, 8, 9, 16, 17, 24, 28, 31, 32 },
		{ 0, 3, 16, 32, 48, 63, 64, 65, 127, 128 } };
	static const uint8_t bytes[] = { 0, 0, 1, 10, 10, 127, 128, 192, 254, 255 };
	struct address address = { .family = family };
	uint8_t length = lengths[address.family][random_below(10)];

	for (size_t i = 0; i < family_size(address.family); i++)
		address.bytes[i] = bytes[random_below(COUNT_OF(bytes))];
	if (length < 3 && !one_in(8))
		length = 8;
	return network_around(&address, length);
}

static struct network pool_network(const struct random_policies *random)
{
	return random->pool.items[random_below((unsigned int)random->pool.count)];
}

/* As devices have them: with the bits of the host, seldom one of full length. */
static struct networks random_addresses(struct random_policies *random, size_t most)
{
	struct networks networks = { take(random, most, sizeof(struct network)), random_below((unsigned int)most + 1) };

	for (size_t i = 0; i < networks.count; i++) {
		networks.items[i] = pool_network(random);
		networks.items[i].address.bytes[family_size(networks.items[i].address.family) - 1] |= (uint8_t)random_below(4);
	}
	return networks;
}

static struct networks random_networks(struct random_policies *random, size_t least, size_t most)
{
	size_t count = least + random_below((unsigned int)(most - least) + 1);
	struct networks networks = { take(random, count, sizeof(struct network)), count };

	for (size_t i = 0; i < count; i++)
		networks.items[i] = one_in(4) ? random_network(random_family()) : pool_network(random);
	return networks;
}

/* Zones of devices, of networks, of both; a device may be in two of them, or not there at all. */
static void make_zone(struct random_policies *random, struct zone *zone, struct zone_view *view)
{
	unsigned int kind = random_below(3);

	if (kind != 0)
		zone->networks = random_networks(random, 1, 4);
	if (kind != 1) {
		zone->devices.count = 1 + random_below(3);
		view->device_indexes = take(random, zone->devices.count, sizeof(uint32_t));
		view->device_count = random_below((unsigned int)zone->devices.count + 1);
		for (size_t i = 0; i < view->device_count; i++)
			view->device_indexes[i] = ZONE_DEVICES + random_below(12);
	}
	view->behind = kind != 0 ? zone->networks : random_addresses(random, 3);
}

static void make_links(struct random_policies *random)
{
	struct config *config = &random->config;
	uint8_t first = (uint8_t)random_below(MARK_LINK_MAX);

	config->links = take(random, config->link_count, sizeof(*config->links));
	random->view.links = take(random, config->link_count, sizeof(*random->view.links));
	random->ids.links = take(random, config->link_count, sizeof(*random->ids.links));
	for (size_t i = 0; i < config->link_count; i++) {
		random->ids.links[i] = (uint8_t)(1 + (first + 7 * i) % MARK_LINK_MAX);
		random->view.links[i].device_index = LINK_DEVICES + (uint32_t)i;
		random->view.links[i].addresses = random_addresses(random, 3);
	}
}

/* The addresses of all devices, and some more. */
static void make_local(struct random_policies *random)
{
	struct networks *local = &random->view.local, more = random_addresses(random, 6);

	local->items = take(random, 3 * random->config.link_count + more.count, sizeof(struct network));
	for (size_t i = 0; i < random->config.link_count; i++) {
		const struct networks *addresses = &random->view.links[i].addresses;

		for (size_t j = 0; j < addresses->count; j++)
			local->items[local->count++] = addresses->items[j];
	}
	for (size_t i = 0; i < more.count; i++)
		local->items[local->count++] = more.items[i];
}

static void make_world(struct random_policies *random)
{
	struct config *config = &random->config;

	config->zone_count = one_in(10) ? CONFIG_ZONES_MAX : random_below(7);
	config->link_count = one_in(10) ? CONFIG_LINKS_MAX : 1 + random_below(5);
	config->set_count = random_below(5);
	random->pool.count = 2 + random_below(40);
	random->pool.items = take(random, random->pool.count, sizeof(struct network));
	for (size_t i = 0; i < random->pool.count; i++)
		random->pool.items[i] = random_network(random_family());
	for (size_t i = 0; i < COUNT_OF(random->ports); i++)
		random->ports[i] = (uint16_t)(i < 3 ? (size_t[]){ 0, 1, 65535 }[i] : random_below(65536));
	config->zones = take(random, config->zone_count, sizeof(*config->zones));
	random->view.zones = take(random, config->zone_count, sizeof(*random->view.zones));
	for (size_t i = 0; i < config->zone_count; i++)
		make_zone(random, &config->zones[i], &random->view.zones[i]);
	config->sets = take(random, config->set_count, sizeof(*config->sets));
	random->view.sets = take(random, config->set_count, sizeof(*random->view.sets));
	for (size_t i = 0; i < config->set_count; i++) {
		random->view.sets[i] = random_networks(random, 0, one_in(4) ? 300 : 10);
		networks_sort(&random->view.sets[i]);
	}
	make_links(random);
	make_local(random);
	random->view.minute = (uint16_t)random_below(MINUTES_OF_WEEK);
}

static struct end random_end(const struct random_policies *random)
{
	const struct config *config = &random->config;
	unsigned int kind = random_below(12);

	if (kind < 1)
		return (struct end){ .kind = END_INTERNET };
	if (kind < 2)
		return (struct end){ .kind = END_ROUTER };
	if (kind < 3 && one_in(3))
		return (struct end){ .kind = END_ANY };
	if (kind < 5 && config->zone_count > 0)
		return (struct end){ .kind = END_ZONE, .index = (uint16_t)random_below((unsigned int)config->zone_count) };
	if (kind < 6)
		return (struct end){ .kind = END_LINK, .index = (uint16_t)random_below((unsigned int)config->link_count) };
	if (kind < 8 && config->set_count > 0)
		return (struct end){ .kind = END_SET, .index = (uint16_t)random_below((unsigned int)config->set_count) };
	return (struct end){ .kind = END_NETWORK, .network = one_in(4) ? random_network(random_family()) : pool_network(random) };
}

static struct ends random_ends(struct random_policies *random, unsigned int rare)
{
	struct ends ends = { .count = one_in(rare) ? 1 + random_below(4) : 0 };

	ends.items = take(random, ends.count, sizeof(*ends.items));
	for (size_t i = 0; i < ends.count; i++)
		ends.items[i] = random_end(random);
	return ends;
}

static struct port_ranges random_ranges(struct random_policies *random)
{
	struct port_ranges ranges = { .count = one_in(3) ? 1 + random_below(4) : 0 };

	ranges.items = take(random, ranges.count, sizeof(*ranges.items));
	for (size_t i = 0; i < ranges.count; i++) {
		uint16_t a = random->ports[random_below(COUNT_OF(random->ports))];
		uint16_t b = one_in(2) ? a : random->ports[random_below(COUNT_OF(random->ports))];

		ranges.items[i] = (struct port_range){ a < b ? a : b, a < b ? b : a };
		/* One that follows the one before without a gap. */
		if (i > 0 && one_in(4) && ranges.items[i - 1].last < UINT16_MAX)
			ranges.items[i].first = ranges.items[i].last = (uint16_t)(ranges.items[i - 1].last + 1);
	}
	return ranges;
}

static const uint8_t protocols[] = { 6, 6, 6, 17, 17, 1, 58, 132, 0, 255 };

static struct protocols random_protocols(struct random_policies *random)
{
	struct protocols some = { .count = one_in(2) ? 1 + random_below(3) : 0 };

	some.items = take(random, some.count, 1);
	for (size_t i = 0; i < some.count; i++)
		some.items[i] = protocols[random_below(COUNT_OF(protocols))];
	return some;
}

static void random_rare_keys(struct random_policies *random, struct match *match)
{
	if (one_in(8)) {
		match->icmp_types = (struct icmp_types){ take(random, 2, sizeof(struct icmp_type)), 1 + random_below(2) };
		for (size_t i = 0; i < match->icmp_types.count; i++)
			match->icmp_types.items[i] =
				(struct icmp_type){ (uint8_t)random_below(4), one_in(2), (uint8_t)random_below(3) };
	}
	if (one_in(8)) {
		match->dscps = (struct dscps){ take(random, 3, 1), 1 + random_below(3) };
		for (size_t i = 0; i < match->dscps.count; i++)
			match->dscps.items[i] = (uint8_t)(random_below(5) * 15);
	}
	if (one_in(6)) {
		uint16_t first = (uint16_t)random_below(MINUTES_OF_WEEK - 1);

		match->times = (struct time_spans){ take(random, 1, sizeof(struct time_span)), 1 };
		match->times.items[0] = (struct time_span){ first,
			(uint16_t)(first + 1 + random_below((unsigned int)(MINUTES_OF_WEEK - first))) };
	}
}

struct random_policies *random_policies_new(size_t count)
{
	struct arena *arena = arena_new();
	struct random_policies *random = arena_alloc(arena, sizeof(*random));

	assert_non_null(random);
	random->arena = arena;
	make_world(random);
	random->config.policy_count = count;
	random->config.policies = take(random, count, sizeof(*random->config.policies));
	for (size_t i = 0; i < count; i++) {
		struct match *match = &random->config.policies[i].match;

		match->from = random_ends(random, 2);
		match->to = random_ends(random, 2);
		match->not_from = random_ends(random, 5);
		match->not_to = random_ends(random, 5);
		match->protocols = random_protocols(random);
		match->from_ports = random_ranges(random);
		match->to_ports = random_ranges(random);
		random_rare_keys(random, match);
		random->config.policies[i].nat.forwards[IPV4] = one_in(6);
		random->config.policies[i].nat.forwards[IPV6] = one_in(6);
	}
	return random;
}

void random_policies_free(struct random_policies *random)
{
	arena_free(random->arena);
}

/* One higher or lower, over all bytes; from the last address to the first. */
static void step(struct address *address, bool up)
{
	for (size_t i = family_size(address->family); i-- > 0;) {
		address->bytes[i] = (uint8_t)(address->bytes[i] + (up ? 1 : 255));
		if (address->bytes[i] != (up ? 0 : 255))
			return;
	}
}

static struct address last_of(const struct network *network)
{
	struct address address = network->address;

	for (unsigned int bit = network->length; bit < 8 * family_size(address.family); bit++)
		address.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return address;
}

static const struct networks *some_networks(const struct random_policies *random)
{
	const struct config *config = &random->config;
	const struct networks *networks = &random->pool;

	switch (random_below(8)) {
	case 0:
		networks = &random->view.local;
		break;
	case 1:
		networks = &random->view.links[random_below((unsigned int)config->link_count)].addresses;
		break;
	case 2:
		if (config->zone_count > 0)
			networks = &random->view.zones[random_below((unsigned int)config->zone_count)].behind;
		break;
	case 3:
		if (config->set_count > 0)
			networks = &random->view.sets[random_below((unsigned int)config->set_count)];
		break;
	}
	return networks->count > 0 ? networks : &random->pool;
}

/* First or last of a network, the one before or behind, one in it, or any. */
static struct address random_address(const struct random_policies *random, enum family family)
{
	const struct networks *networks = some_networks(random);
	struct network network = networks->items[random_below((unsigned int)networks->count)];
	unsigned int where = random_below(6);

	if (network.address.family != family || where == 5)
		network = random_network(family);
	if (where < 2)
		network = network_around(&network.address, network.length);
	if (where > 1 && where < 4)
		network.address = last_of(&network);
	if (where == 1 || where == 3)
		step(&network.address, where == 3);
	return network.address;
}

static uint16_t random_port(const struct random_policies *random)
{
	uint16_t port = random->ports[random_below(COUNT_OF(random->ports))];

	return (uint16_t)(port + random_below(3) - 1);
}

struct flow random_policies_flow(const struct random_policies *random)
{
	enum family family = random_family();
	size_t link = random_below((unsigned int)random->config.link_count);
	struct flow flow = { .protocol = protocols[random_below(COUNT_OF(protocols))],
		.from = random_address(random, family), .to = random_address(random, family),
		.from_port = random_port(random), .to_port = random_port(random), .ports = !one_in(6),
		.dscp = (uint8_t)(one_in(2) ? random_below(5) * 15 : random_below(64)), .direct = one_in(3) };
	unsigned int source = random_below(8);

	flow.family = family;
	if (flow.protocol == 1 || flow.protocol == 58)
		flow.from_port = (uint16_t)(random_below(5) << 8 | random_below(4));
	if (source < 3) {
		flow.device = ZONE_DEVICES + random_below(14);
	} else if (source < 6) {
		flow.device = random->view.links[link].device_index;
		flow.came_by = random->ids.links[link];
	} else if (source == 6) {
		flow.device = random_below(3);
		flow.came_by = random_below(70); /* whatever: not only what a daemon would say */
	}
	return flow;
}
