/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world made up for a configuration, in which all that it names exists: to ask what it would decide, anywhere. */

#include "core/imagine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/networks.h"

#define ZONE_DEVICES   1000 /* index of the first device of the zones */
#define DEVICE_NUMBERS 250
#define STICKY_ENTRIES 8

struct imagined {
	const struct config *config;
	struct arena *arena;
	struct ids ids;
	struct view view;
	struct sticky *sticky;
	struct zone_device {
		const char *name;
		uint32_t index;
		size_t zone;
	} *devices;
	size_t device_count;
	unsigned int next_number;
};

static struct network network_of(enum family family, const char *before, unsigned int number, const char *behind,
	uint8_t length)
{
	struct network network = { .length = length };
	char text[ADDRESS_TEXT_MAX];

	snprintf(text, sizeof(text), "%s%u%s", before, number, behind);
	if (!address_parse(text, &network.address))
		network.address.family = family;
	return network;
}

/* An address beside the gateway's. */
static struct network beside(const struct address *gateway)
{
	struct network network = { .address = *gateway, .length = gateway->family == IPV4 ? 24 : 64 };

	network.address.bytes[family_size(gateway->family) - 1] ^= 3;
	return network;
}

static int make_link(struct imagined *imagined, size_t index)
{
	const struct link *link = &imagined->config->links[index];
	struct link_view *view = &imagined->view.links[index];
	unsigned int number = (unsigned int)index + 1;

	view->device_index = number;
	view->usable = true;
	view->addresses.items = arena_array(imagined->arena, FAMILIES, sizeof(struct network));
	if (view->addresses.items == NULL)
		return -ENOMEM;
	view->addresses.items[IPV4] = network_of(IPV4, "198.18.", number, ".1", 24);
	view->addresses.items[IPV6] = network_of(IPV6, "2001:db8:", number, "::1", 64);
	view->addresses.count = FAMILIES;
	for (enum family family = IPV4; family <= IPV6; family++) {
		view->gateway_known[family] = link->gateway.kind != GATEWAY_ADDRESS || link->gateway.given[family];
		view->gateway[family] = link->gateway.address[family];
		view->gateway[family].family = family;
		if (link->gateway.given[family])
			view->addresses.items[family] = beside(&link->gateway.address[family]);
	}
	return 0;
}

static bool overlaps(const struct network *a, const struct network *b)
{
	return network_contains(a, &b->address) || network_contains(b, &a->address);
}

static bool is_named(const struct config *config, const struct network *network)
{
	for (size_t i = 0; i < config->zone_count; i++) {
		for (size_t j = 0; j < config->zones[i].networks.count; j++) {
			if (overlaps(&config->zones[i].networks.items[j], network))
				return true;
		}
	}
	return false;
}

/* The addresses of the next device. */
static void next_addresses(struct imagined *imagined, struct network *addresses)
{
	do {
		unsigned int number = ++imagined->next_number;

		addresses[IPV4] = network_of(IPV4, "10.0.", number, ".1", 24);
		addresses[IPV6] = network_of(IPV6, "fd00:", number, "::1", 64);
	} while (imagined->next_number < DEVICE_NUMBERS
		 && (is_named(imagined->config, &addresses[IPV4]) || is_named(imagined->config, &addresses[IPV6])));
}

/* A network that the zone names: the first address of it is ours. */
static struct network first_of(const struct network *network)
{
	struct network first = *network;

	if (first.length < 8 * family_size(first.address.family))
		first.address.bytes[family_size(first.address.family) - 1] |= 1;
	return first;
}

static void add_local(struct imagined *imagined, const struct network *address)
{
	imagined->view.local.items[imagined->view.local.count++] = *address;
}

static void make_device(struct imagined *imagined, size_t zone, const char *name)
{
	const struct zone *given = &imagined->config->zones[zone];
	struct zone_view *view = &imagined->view.zones[zone];
	struct zone_device *device = &imagined->devices[imagined->device_count];
	struct network addresses[FAMILIES];

	*device = (struct zone_device){ name, ZONE_DEVICES + (uint32_t)imagined->device_count, zone };
	imagined->device_count++;
	view->device_indexes[view->device_count++] = device->index;
	if (given->networks.count > 0)
		return;
	next_addresses(imagined, addresses);
	for (enum family family = IPV4; family <= IPV6; family++) {
		add_local(imagined, &addresses[family]);
		view->behind.items[view->behind.count++] =
			network_around(&addresses[family].address, addresses[family].length);
	}
}

static int make_zone(struct imagined *imagined, size_t index)
{
	const struct zone *zone = &imagined->config->zones[index];
	struct zone_view *view = &imagined->view.zones[index];

	view->device_indexes = arena_array(imagined->arena, zone->devices.count, sizeof(uint32_t));
	view->behind.items = arena_array(imagined->arena, zone->networks.count + FAMILIES * zone->devices.count,
		sizeof(struct network));
	if (view->device_indexes == NULL || view->behind.items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < zone->networks.count; i++) {
		struct network ours = first_of(&zone->networks.items[i]);

		view->behind.items[view->behind.count++] = zone->networks.items[i];
		add_local(imagined, &ours);
	}
	for (size_t i = 0; i < zone->devices.count; i++)
		make_device(imagined, index, zone->devices.items[i]);
	return 0;
}

static size_t count_devices(const struct config *config, size_t *ret_networks)
{
	size_t count = 0;

	for (size_t i = 0; i < config->zone_count; i++) {
		count += config->zones[i].devices.count;
		*ret_networks += config->zones[i].networks.count;
	}
	return count;
}

/* Sets as they are written; what their files hold is nowhere but in the real world. */
static int make_sets(struct imagined *imagined)
{
	static const struct networks none;
	const struct config *config = imagined->config;

	imagined->view.sets = arena_array(imagined->arena, config->set_count, sizeof(struct networks));
	if (imagined->view.sets == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->set_count; i++) {
		if (!networks_join(imagined->arena, &config->sets[i].networks, &none, &imagined->view.sets[i]))
			return -ENOMEM;
	}
	return 0;
}

static int make_world(struct imagined *imagined)
{
	const struct config *config = imagined->config;
	size_t networks = 0, devices = count_devices(config, &networks);
	int error = ids_assign(imagined->arena, config, NULL, 0, NULL, 0, &imagined->ids);

	imagined->view.links = arena_array(imagined->arena, config->link_count, sizeof(struct link_view));
	imagined->view.zones = arena_array(imagined->arena, config->zone_count, sizeof(struct zone_view));
	imagined->devices = arena_array(imagined->arena, devices, sizeof(*imagined->devices));
	imagined->view.local.items = arena_array(imagined->arena,
		FAMILIES * (config->link_count + devices) + networks, sizeof(struct network));
	if (imagined->view.links == NULL || imagined->view.zones == NULL || imagined->devices == NULL
	    || imagined->view.local.items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->link_count && error == 0; i++)
		error = make_link(imagined, i);
	for (size_t i = 0; i < config->zone_count && error == 0; i++)
		error = make_zone(imagined, i);
	for (size_t i = 0; i < config->link_count && error == 0; i++) {
		add_local(imagined, &imagined->view.links[i].addresses.items[IPV4]);
		add_local(imagined, &imagined->view.links[i].addresses.items[IPV6]);
	}
	return error < 0 ? error : make_sets(imagined);
}

struct imagined *imagine(const struct config *config)
{
	struct imagined *imagined = calloc(1, sizeof(*imagined));

	if (imagined == NULL)
		return NULL;
	imagined->config = config;
	imagined->arena = arena_new();
	imagined->sticky = sticky_new(STICKY_ENTRIES);
	if (imagined->arena == NULL || imagined->sticky == NULL || make_world(imagined) < 0) {
		imagined_free(imagined);
		return NULL;
	}
	return imagined;
}

void imagined_free(struct imagined *imagined)
{
	if (imagined == NULL)
		return;
	sticky_free(imagined->sticky);
	arena_free(imagined->arena);
	free(imagined);
}

bool imagine_link(struct imagined *imagined, const char *name, bool usable)
{
	int index = config_link(imagined->config, name);

	if (index < 0)
		return false;
	imagined->view.links[index].usable = usable;
	return true;
}

const struct view *imagined_view(const struct imagined *imagined)
{
	return &imagined->view;
}

const struct ids *imagined_ids(const struct imagined *imagined)
{
	return &imagined->ids;
}

void imagine_minute(struct imagined *imagined, uint16_t minute)
{
	imagined->view.minute = minute;
}

static bool is_behind(const struct networks *networks, const struct address *address)
{
	for (size_t i = 0; i < networks->count; i++) {
		if (network_contains(&networks->items[i], address))
			return true;
	}
	return false;
}

/* The zone that has the address, or zone_count. */
static size_t zone_of(const struct imagined *imagined, const struct address *address)
{
	size_t zone = 0;

	while (zone < imagined->config->zone_count && !is_behind(&imagined->view.zones[zone].behind, address))
		zone++;
	return zone;
}

static bool is_local(const struct imagined *imagined, const struct address *address)
{
	for (size_t i = 0; i < imagined->view.local.count; i++) {
		if (address_equal(&imagined->view.local.items[i].address, address))
			return true;
	}
	return false;
}

/* Index of a device by its name, or 0. */
static uint32_t device_of(const struct imagined *imagined, const char *name)
{
	for (size_t i = 0; i < imagined->config->link_count; i++) {
		if (strcmp(imagined->config->links[i].device, name) == 0)
			return imagined->view.links[i].device_index;
	}
	for (size_t i = 0; i < imagined->device_count; i++) {
		if (strcmp(imagined->devices[i].name, name) == 0)
			return imagined->devices[i].index;
	}
	return 0;
}

/* The first device of the zone that the address is in; of a zone without devices one that nobody names. */
static uint32_t device_towards(const struct imagined *imagined, const struct address *address)
{
	size_t zone = zone_of(imagined, address);

	if (zone == imagined->config->zone_count)
		return 0;
	for (size_t i = 0; i < imagined->device_count; i++) {
		if (imagined->devices[i].zone == zone)
			return imagined->devices[i].index;
	}
	return ZONE_DEVICES - 1;
}

/* An address of this machine: on the device that was named, where it is a link's, else the first of the family. */
static struct address own_address(const struct imagined *imagined, uint32_t device, enum family family)
{
	const struct networks *local = &imagined->view.local;

	for (size_t i = 0; i < imagined->config->link_count; i++) {
		if (device != 0 && imagined->view.links[i].device_index == device)
			return imagined->view.links[i].addresses.items[family].address;
	}
	for (size_t i = 0; i < local->count; i++) {
		if (local->items[i].address.family == family)
			return local->items[i].address;
	}
	return (struct address){ .family = family };
}

/* Number in marks of the link that has the device, or 0. */
static unsigned int link_of(const struct imagined *imagined, uint32_t device)
{
	for (size_t i = 0; i < imagined->config->link_count; i++) {
		if (device != 0 && imagined->view.links[i].device_index == device)
			return imagined->ids.links[i];
	}
	return 0;
}

void imagine_place(const struct imagined *imagined, const char *in, bool inside, struct flow *flow)
{
	bool to_inside = zone_of(imagined, &flow->to) < imagined->config->zone_count;

	flow->device = in == NULL ? 0 : device_of(imagined, in);
	if (flow->device == 0)
		flow->device = device_towards(imagined, &flow->from);
	if (flow->device == 0 && (inside || in != NULL))
		flow->device = imagined->device_count > 0 ? imagined->devices[0].index : ZONE_DEVICES - 1;
	if (flow->device == 0)
		flow->from = own_address(imagined, 0, flow->family);
	flow->came_by = link_of(imagined, flow->device);
	if (flow->came_by != 0 && !to_inside)
		flow->to = own_address(imagined, flow->device, flow->family);
	flow->direct |= to_inside || is_local(imagined, &flow->to);
}

static bool find_device(const struct imagined *imagined, const struct question *question, const struct asked *asked,
	uint32_t *ret_device, struct question_problem *problem)
{
	const struct flow *flow = &asked->flow;

	*ret_device = 0;
	if (question->in != NULL && asked->from_router)
		return question_refuse(problem, "leave `in' out", "in: what this machine sends comes in by no device");
	if (question->in != NULL) {
		*ret_device = device_of(imagined, question->in);
		return *ret_device != 0
		       || question_refuse(problem, "name a device of a zone or of a link",
			       "in: the configuration has no device `%.60s'", question->in);
	}
	if (asked->from_router || is_local(imagined, &flow->from))
		return true;
	*ret_device = device_towards(imagined, &flow->from);
	return *ret_device != 0
	       || question_refuse(problem, "name the device that it comes in by with `in', such as that of a link",
		       "from: %.60s is in no zone", question->from);
}

static bool place_flow(const struct imagined *imagined, const struct question *question,
	const struct snapshot *snapshot, struct asked *asked, struct question_problem *problem)
{
	struct flow *flow = &asked->flow;

	if (!find_device(imagined, question, asked, &flow->device, problem))
		return false;
	if (asked->from_router)
		flow->from = own_address(imagined, 0, flow->family);
	if (asked->to_router)
		flow->to = own_address(imagined, flow->device, flow->family);
	flow->came_by = snapshot_came_by(snapshot, flow->device);
	flow->direct = is_local(imagined, &flow->to)
	               || zone_of(imagined, &flow->to) < imagined->config->zone_count;
	return true;
}

/* The way back would be another: such packets are dropped where the kernel filters by reverse path. */
static void give_hints(const struct imagined *imagined, const struct question *question, const struct flow *flow,
	struct explanation *explanation)
{
	uint32_t towards = device_towards(imagined, &flow->from);
	size_t zone = zone_of(imagined, &flow->from);

	if (question->in == NULL || towards == 0 || towards == flow->device)
		return;
	for (size_t i = 0; i < imagined->device_count; i++) {
		if (imagined->devices[i].index == flow->device && imagined->devices[i].zone == zone)
			return;
	}
	explanation_hint(imagined->arena, explanation, "%s is in zone %s, and %s is not a device of it", question->from,
		imagined->config->zones[zone].name, question->in);
}

int imagine_explain(struct imagined *imagined, const struct question *question, struct explanation *ret_explanation,
	struct question_problem *problem)
{
	struct snapshot_parts parts = { .config = imagined->config, .ids = &imagined->ids, .view = &imagined->view,
		.sticky = imagined->sticky, .generation = 1 };
	struct snapshot *snapshot;
	struct asked asked;
	int error = -EINVAL;

	if (!question_read(question, &asked, problem))
		return -EINVAL;
	imagined->view.minute = asked.minute;
	snapshot = snapshot_new(&parts);
	if (snapshot == NULL)
		return -ENOMEM;
	if (place_flow(imagined, question, snapshot, &asked, problem)) {
		error = explain(imagined->arena, snapshot, &asked.flow, 0, ret_explanation);
		if (error == 0)
			give_hints(imagined, question, &asked.flow, ret_explanation);
	}
	snapshot_free(snapshot);
	return error;
}
