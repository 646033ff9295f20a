/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A provider may delegate a prefix and give the link itself no global IPv6 address. What this machine sends there has
 * an address of an inside device then: one of that prefix, for others would never be answered.
 */

#include <string.h>

#include "core/nat.h"
#include "daemon/daemon.h"

/* Global, as a provider may delegate it. */
static bool is_delegated(const struct network *own)
{
	return own->address.family == IPV6 && !network_contains(&nat_unique_local, &own->address);
}

static bool has_own(const struct device *device)
{
	for (size_t i = 0; i < device->addresses.count; i++) {
		if (device->addresses.items[i].address.family == IPV6)
			return true;
	}
	return false;
}

static const struct device *device_of(const struct daemon *daemon, const struct link *link)
{
	return devices_find(daemon->devices, link->device);
}

/* Or had one: that it is gone is another matter. */
static bool has_way(const struct link_run *run, const struct device *device)
{
	switch (run->link->gateway.kind) {
	case GATEWAY_AUTO:
		return device->up && (device->has_gateway[IPV6] || run->seen[IPV6].device_index == device->index);
	case GATEWAY_NONE:
		return device->up;
	case GATEWAY_ADDRESS:
		return device->up && run->link->gateway.given[IPV6];
	}
	return false;
}

/* How many links could not tell whose an address is: those without one, and without a route that says their prefix. */
static unsigned int count_bare(const struct daemon *daemon)
{
	unsigned int count = 0;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		const struct device *device = device_of(daemon, daemon->links[i].link);

		count += device != NULL && has_way(&daemon->links[i], device) && !has_own(device) && !device->has_prefix;
	}
	return count;
}

/* By its own default route (`from PREFIX'), or as the only link that it can be of. */
static bool is_of(const struct daemon *daemon, const struct device *device, const struct network *own)
{
	if (device->has_prefix)
		return network_contains(&device->prefix, &own->address);
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		const struct device *other = device_of(daemon, daemon->links[i].link);

		if (other != NULL && other->has_prefix && network_contains(&other->prefix, &own->address))
			return false;
	}
	return count_bare(daemon) == 1;
}

static const struct network *find_inside(const struct daemon *daemon, const struct device *device)
{
	const struct config *config = daemon->generation->config;

	for (size_t i = 0; i < config->zone_count; i++) {
		for (size_t j = 0; j < config->zones[i].devices.count; j++) {
			const struct device *inside = devices_find(daemon->devices, config->zones[i].devices.items[j]);

			for (size_t k = 0; inside != NULL && k < inside->addresses.count; k++) {
				const struct network *own = &inside->addresses.items[k];

				if (is_delegated(own) && is_of(daemon, device, own))
					return own;
			}
		}
	}
	return NULL;
}

void lend_address(struct daemon *daemon, struct link_run *run, const struct device *device)
{
	struct networks *addresses = &run->view.addresses;
	const struct network *inside;
	struct network *items;

	run->view.lent = (struct network){ 0 };
	if (device == NULL || has_own(device) || !has_way(run, device))
		return;
	inside = find_inside(daemon, device);
	items = inside == NULL ? NULL : arena_array(daemon->devices->arena, addresses->count + 1, sizeof(*items));
	if (items == NULL)
		return;
	if (addresses->count > 0)
		memcpy(items, addresses->items, addresses->count * sizeof(*items));
	items[addresses->count] = run->view.lent = network_around(&inside->address, UINT8_MAX);
	*addresses = (struct networks){ items, addresses->count + 1 };
}
