/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel knows of devices, addresses and default routes, and news of them. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "kernel/netlink.h"

struct device {
	uint32_t index;
	char name[IF_NAMESIZE];
	bool up;       /* administratively, and it exists */
	bool carrier;  /* IFF_LOWER_UP, and the operational state is not down */
	struct networks addresses; /* of both families with prefix length; no tentative or link-local ones; deprecated ones last */
	bool has_gateway[FAMILIES]; /* a default route of the main table leaves by it, ours not counted */
	struct address gateway[FAMILIES]; /* of the one with the best metric; zero bytes: no gateway, device only */
	bool has_prefix;       /* one of its IPv6 default routes is only for sources of a prefix: a delegated one */
	struct network prefix;
	uint32_t mtu[FAMILIES]; /* of IPv6 also what router advertisements say; 0: not known */
	uint64_t received, sent; /* bytes since the device is there */
};

struct devices {
	struct arena *arena;
	struct device *items;
	size_t count;
	struct networks local; /* every address of this machine, also link-local ones */
};

/*
 * Dumps links, addresses and default routes; again where a dump was interrupted, a few times.
 * The caller frees the result with devices_free(). 0 or -errno.
 */
int devices_read(struct netlink *netlink, struct devices **ret_devices);

/* Accepts NULL. */
void devices_free(struct devices *devices);

/* NULL where there is none of that name. */
const struct device *devices_find(const struct devices *devices, const char *name);
const struct device *devices_by_index(const struct devices *devices, uint32_t index); /* NULL likewise */

/*
 * Whether the device has a carrier this moment, and its counters in bytes. The kernel holds its own news of a lost
 * carrier back while the last of any device is less than a second old. 1 or 0; -ENODEV or another -errno, and the
 * counters stay as they were.
 */
int devices_glance(struct netlink *netlink, uint32_t index, uint64_t *ret_received, uint64_t *ret_sent);

/* A socket that becomes readable when anything of links, addresses, routes or rules changes. */
struct device_events;

int device_events_open(struct device_events **ret_events);
void device_events_close(struct device_events *events);
int device_events_fd(const struct device_events *events);

/*
 * Reads what is there without waiting. True where something came that may matter, lost messages
 * (ENOBUFS) included: read the devices again and compare. Messages of other senders than the kernel
 * and the echo of our own routes count for nothing.
 */
bool device_events_read(struct device_events *events);
