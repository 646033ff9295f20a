/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Elements of dynamic sets that are keyed by one address, or by a mark: read, added, taken out while rules use them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "kernel/netlink.h"

struct ruleset_element {
	struct address address; /* not in sets that are keyed by marks */
	uint32_t mark;          /* in those */
	uint64_t timeout_ms; /* 0: the set's */
	uint64_t expires_ms; /* until it goes, by itself; 0: not told */
	uint64_t packets;    /* that were found in the set, where it counts them */
	uint64_t bytes;      /* in those packets */
};

/* Calls callback with each of the set until it returns false. family is that of the set. 0 or -errno. */
int ruleset_elements_list(struct netlink *netlink, const char *table, const char *set, enum family family,
	bool (*callback)(const struct ruleset_element *element, void *data), void *data);

/* The same for a set that is keyed by marks. */
int ruleset_elements_list_marks(struct netlink *netlink, const char *table, const char *set,
	bool (*callback)(const struct ruleset_element *element, void *data), void *data);

/* All of them or none. One that is there already stays as it is. 0 or -errno. */
int ruleset_elements_add(struct netlink *netlink, const char *table, const char *set,
	const struct ruleset_element *elements, size_t count);

/* All of them or none: -ENOENT where one is not there. */
int ruleset_elements_delete(struct netlink *netlink, const char *table, const char *set,
	const struct ruleset_element *elements, size_t count);

/* Every element, of a set of any keys. 0 or -errno. */
int ruleset_elements_flush(struct netlink *netlink, const char *table, const char *set);
