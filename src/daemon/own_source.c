/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address that this machine's own connections begin with, before it is known which link they get. */

#include <string.h>

#include "daemon/daemon.h"

static bool is_of_link(const struct config *config, const struct device *device)
{
	for (size_t i = 0; i < config->link_count; i++) {
		if (strcmp(config->links[i].device, device->name) == 0)
			return true;
	}
	return false;
}

/* Where the main table leads elsewhere than to links, what no policy decides has to follow it. */
static bool leads_elsewhere(const struct daemon *daemon, enum family family)
{
	const struct config *config = daemon->generation->config;

	for (size_t i = 0; i < daemon->devices->count; i++) {
		const struct device *device = &daemon->devices->items[i];

		if (device->has_gateway[family] && !is_of_link(config, device))
			return true;
	}
	return false;
}

static bool has_name(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->items[i], name) == 0)
			return true;
	}
	return false;
}

static bool is_in(const struct zone *zone, const struct device *device, const struct address *address)
{
	bool inside = zone->networks.count == 0;

	if (zone->devices.count > 0 && !has_name(&zone->devices, device->name))
		return false;
	for (size_t i = 0; i < zone->networks.count; i++)
		inside |= network_contains(&zone->networks.items[i], address);
	return inside;
}

/* An address of a link's prefix tells that link. */
static bool is_lent(const struct daemon *daemon, const struct address *address)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		const struct network *lent = &daemon->links[i].view.lent;

		if (lent->length != 0 && address_equal(&lent->address, address))
			return true;
	}
	return false;
}

/* The lowest address of a zone on a device that is up: the same one as long as it is there. */
static void offer_address(const struct daemon *daemon, const struct zone *zone, const struct device *device, enum family family,
	struct address *best)
{
	for (size_t i = 0; i < device->addresses.count; i++) {
		const struct address *address = &device->addresses.items[i].address;

		if (address->family != family || !is_in(zone, device, address) || is_lent(daemon, address))
			continue;
		if (address_is_zero(best) || memcmp(address->bytes, best->bytes, family_size(family)) < 0)
			*best = *address;
	}
}

static struct address find(const struct daemon *daemon, enum family family)
{
	const struct config *config = daemon->generation->config;
	struct address best = { .family = family };

	if (leads_elsewhere(daemon, family))
		return best;
	for (size_t i = 0; i < config->zone_count && address_is_zero(&best); i++) {
		for (size_t j = 0; j < daemon->devices->count; j++) {
			const struct device *device = &daemon->devices->items[j];

			if (device->up && strcmp(device->name, "lo") != 0 && !is_of_link(config, device))
				offer_address(daemon, &config->zones[i], device, family, &best);
		}
	}
	return best;
}

void own_source_read(struct daemon *daemon)
{
	for (enum family family = IPV4; family <= IPV6; family++)
		daemon->own_source[family] = find(daemon, family);
}

static bool has_address(const struct networks *addresses, const struct address *address)
{
	for (size_t i = 0; i < addresses->count; i++) {
		if (address_equal(&addresses->items[i].address, address))
			return true;
	}
	return false;
}

unsigned int own_source_bound(const struct daemon *daemon, const struct flow *flow)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		if (!address_is_zero(&daemon->own_source[flow->family])
		    && has_address(&daemon->links[i].view.addresses, &flow->from))
			return daemon->links[i].id;
	}
	return 0;
}
