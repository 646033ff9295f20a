/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the kernel's policy routing what the plan says: the difference only, ours only. */
#pragma once

#include <stdio.h>

#include "core/plan.h"
#include "kernel/netlink.h"

struct routes_changes {
	unsigned int routes_added, routes_removed, rules_added, rules_removed;
};

/*
 * Reads rules and the routes of our protocol number, adds what is missing, removes what is ours and
 * not wanted. New routes and rules go in before old ones go. Foreign ones are never touched.
 * 0 or -errno of the first failure, after trying everything; message then names the object.
 */
int routes_apply(struct netlink *netlink, const struct plan *plan, struct routes_changes *ret_changes,
	char *message, size_t size);

/* Removes every rule and route with our protocol number. 0 or -errno. */
int routes_remove(struct netlink *netlink);

/* As ip rule and ip route would list them. */
void routes_print(FILE *out, const struct plan *plan);
