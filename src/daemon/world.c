/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The world around the configuration: what the kernel knows of devices, sets in files, the time. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mark.h"
#include "core/week.h"
#include "daemon/daemon.h"
#include "daemon/local_time.h"
#include "kernel/route_lookup.h"

static bool has_address(const struct link_view *view, enum family family)
{
	for (size_t i = 0; i < view->addresses.count; i++) {
		if (view->addresses.items[i].address.family == family)
			return true;
	}
	return false;
}

/* What leaves by a tunnel as it is needs no address of the tunnel's own. */
static bool has_source(const struct link_run *run, enum family family)
{
	return has_address(&run->view, family)
	       || (run->link->gateway.kind == GATEWAY_NONE && run->link->nat.kind[family] == NAT_NONE);
}

/* Whether a default route of this family can be made for the link, and by which gateway. device NULL: there is none. */
static void find_gateway(struct link_run *run, const struct device *device, enum family family)
{
	const struct gateway *gateway = &run->link->gateway;

	run->view.gateway[family] = (struct address){ .family = family };
	run->view.gateway_known[family] = false;
	if (device == NULL || !device->up || !has_source(run, family))
		return;
	switch (gateway->kind) {
	case GATEWAY_AUTO:
		ground_gateway(run, device, family);
		break;
	case GATEWAY_NONE:
		run->view.gateway_known[family] = true;
		break;
	case GATEWAY_ADDRESS:
		run->view.gateway_known[family] = gateway->given[family];
		run->view.gateway[family] = gateway->address[family];
		break;
	}
	run->view.gateway[family].family = family;
}

static void read_link(struct daemon *daemon, struct link_run *run)
{
	const struct device *device = devices_find(daemon->devices, run->link->device);

	run->view.flooded = run->flood.raging;
	run->view.device_index = device == NULL ? 0 : device->index;
	run->view.addresses = device == NULL ? (struct networks){ 0 } : device->addresses;
	lend_address(daemon, run, device);
	for (enum family family = IPV4; family <= IPV6; family++) {
		run->view.mtu[family] = run->link->mtu != 0 || device == NULL ? run->link->mtu : device->mtu[family];
		find_gateway(run, device, family);
	}
}

static size_t count_addresses(const struct daemon *daemon, const struct zone *zone)
{
	size_t count = zone->networks.count;

	for (size_t i = 0; i < zone->devices.count; i++) {
		const struct device *device = devices_find(daemon->devices, zone->devices.items[i]);

		count += device == NULL ? 0 : device->addresses.count;
	}
	return count;
}

static void add_device(struct zone_view *view, const struct zone *zone, const struct device *device)
{
	view->device_indexes[view->device_count++] = device->index;
	for (size_t i = 0; i < device->addresses.count && zone->networks.count == 0; i++)
		view->behind.items[view->behind.count++] = network_around(&device->addresses.items[i].address,
			device->addresses.items[i].length);
}

/* Lives as long as the devices that it was read from. */
static int read_zone(struct daemon *daemon, const struct zone *zone, struct zone_view *view)
{
	struct arena *arena = daemon->devices->arena;

	*view = (struct zone_view){ 0 };
	view->device_indexes = arena_array(arena, zone->devices.count, sizeof(uint32_t));
	view->behind.items = arena_array(arena, count_addresses(daemon, zone), sizeof(struct network));
	if (view->device_indexes == NULL || view->behind.items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < zone->devices.count; i++) {
		const struct device *device = devices_find(daemon->devices, zone->devices.items[i]);

		if (device != NULL)
			add_device(view, zone, device);
	}
	for (size_t i = 0; i < zone->networks.count; i++)
		view->behind.items[view->behind.count++] = zone->networks.items[i];
	return 0;
}

static bool overlaps(const struct network *a, const struct network *b)
{
	return network_contains(a, &b->address) || network_contains(b, &a->address);
}

static bool has_network(const struct device *device, const struct network *network)
{
	for (size_t i = 0; i < device->addresses.count; i++) {
		const struct network *own = &device->addresses.items[i];
		struct network around = network_around(&own->address, own->length);

		if (around.address.family == network->address.family && overlaps(&around, network))
			return true;
	}
	return false;
}

/* The device by which the main table reaches the network, though it is not directly there. */
static const struct device *way_to(struct daemon *daemon, const struct network *network)
{
	struct mark_layout layout = mark_layout_of(&daemon->generation->config->kernel);
	struct route_answer way;

	/* The mark with which only known networks are found. */
	if (route_lookup(daemon->routing, &network->address, mark_make(layout, MARK_LINK_DROP, 0, 0), &way) < 0)
		return NULL;
	return way.local ? NULL : devices_by_index(daemon->devices, way.device_index);
}

static void add_carrier(struct zone_view *view, const struct device *device)
{
	for (size_t i = 0; i < view->carriers.count; i++) {
		if (strcmp(view->carriers.items[i], device->name) == 0)
			return;
	}
	view->carriers.items[view->carriers.count++] = device->name;
}

/* Only shaping asks for them, and only of zones without devices. */
static int find_carriers(struct daemon *daemon, const struct zone *zone, struct zone_view *view)
{
	const struct devices *devices = daemon->devices;

	if (daemon->generation->config->qos.count == 0 || zone->devices.count > 0)
		return 0;
	view->carriers.items = arena_array(devices->arena, devices->count, sizeof(char *));
	if (view->carriers.items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < zone->networks.count; i++) {
		const struct device *device;
		bool found = false;

		for (size_t j = 0; j < devices->count; j++) {
			if (!has_network(&devices->items[j], &zone->networks.items[i]))
				continue;
			found = true;
			add_carrier(view, &devices->items[j]);
		}
		device = found ? NULL : way_to(daemon, &zone->networks.items[i]);
		if (device != NULL)
			add_carrier(view, device);
	}
	return 0;
}

static void read_views(struct daemon *daemon)
{
	const struct config *config = daemon->generation->config;

	for (size_t i = 0; i < config->link_count; i++)
		read_link(daemon, &daemon->links[i]);
	for (size_t i = 0; i < config->zone_count; i++) {
		if (read_zone(daemon, &config->zones[i], &daemon->zones[i]) < 0
		    || find_carriers(daemon, &config->zones[i], &daemon->zones[i]) < 0)
			daemon->zones[i] = (struct zone_view){ 0 };
	}
}

int world_read(struct daemon *daemon)
{
	struct devices *devices;
	int error = devices_read(daemon->routing, &devices);

	if (error < 0)
		return error;
	renumber_note(daemon, devices);
	devices_free(daemon->devices);
	daemon->devices = devices;
	servers_read(daemon);
	read_views(daemon);
	own_source_read(daemon);
	return 0;
}

struct view world_view(struct daemon *daemon, struct link_view *links)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		links[i] = daemon->links[i].view;
	return (struct view){ .links = links, .zones = daemon->zones, .local = daemon->devices->local,
		.own_source = { daemon->own_source[IPV4], daemon->own_source[IPV6] },
		.servers = { daemon->servers.items, daemon->servers.count },
		.sets = sets_networks(daemon->sets), .minute = daemon->minute,
		.lacks_synproxy = !daemon->features.synproxy, .lacks_connection_limit = !daemon->features.connection_limit,
		.lacks_copies = !daemon->features.copies, .lacks_clamp = !daemon->features.clamp };
}

/* The old ones stay where there is no memory. */
int world_start(struct daemon *daemon, const struct config *config)
{
	struct zone_view *zones = calloc(config->zone_count + 1, sizeof(*zones));
	struct sets *sets = sets_new(config, daemon->events);

	if (zones == NULL || sets == NULL) {
		free(zones);
		sets_free(sets);
		return -ENOMEM;
	}
	free(daemon->zones);
	sets_free(daemon->sets);
	daemon->zones = zones;
	daemon->sets = sets;
	daemon->minute = local_minute(time(NULL));
	return 0;
}

/* Names them, as far as there is room. */
static void tell_times(struct daemon *daemon, uint16_t minute)
{
	const struct config *config = daemon->generation->config;
	char text[400] = "";

	for (size_t i = 0; i < config->policy_count && strlen(text) + CONFIG_NAME_MAX + 20 < sizeof(text); i++) {
		const struct time_spans *times = &config->policies[i].match.times;
		size_t length = strlen(text);

		if (week_holds(times, minute) != week_holds(times, daemon->minute))
			snprintf(text + length, sizeof(text) - length, "%s%s %s", length == 0 ? "" : ", ",
				config->policies[i].name, week_holds(times, minute) ? "begins" : "ends");
	}
	events_add(daemon->events, EVENT_RELOAD, EVENT_NOTICE, NULL, "the time of policies: %s", text);
}

void world_follow(struct daemon *daemon)
{
	uint16_t minute = local_minute(time(NULL));
	bool changed = sets_look(daemon->sets);

	if (week_differs(daemon->generation->config, daemon->minute, minute)) {
		tell_times(daemon, minute);
		changed = true;
	}
	daemon->minute = minute;
	if (changed && apply_all(daemon, NULL) < 0)
		events_add(daemon->events, EVENT_RELOAD, EVENT_ERROR, NULL, "no memory: the old decisions stay for now");
}

enum link_ground world_ground(const struct link_run *run)
{
	const struct device *device = devices_find(run->daemon->devices, run->link->device);

	if (device == NULL)
		return GROUND_NO_DEVICE;
	if (!device->up || !device->carrier)
		return GROUND_NO_CARRIER;
	if (run->view.gateway_known[IPV4] || run->view.gateway_known[IPV6])
		return GROUND_READY;
	return run->view.addresses.count == 0 ? GROUND_NO_ADDRESS : GROUND_NO_GATEWAY;
}
