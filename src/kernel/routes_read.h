/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules and routes of our protocol number as the kernel has them, in the words of the plan. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/plan.h"
#include "kernel/netlink.h"

/*
 * plain: it has nothing but what plan_route or plan_rule can say. message is as the kernel sent it,
 * writable: with another type it deletes exactly this object.
 */
struct present_route {
	struct present_route *next;
	struct plan_route route;
	struct nlmsghdr *message;
	bool plain;
};

struct present_rule {
	struct present_rule *next;
	struct plan_rule rule;
	struct nlmsghdr *message;
	bool plain;
};

struct present {
	struct arena *arena;
	struct present_route *routes;
	struct present_rule *rules;
};

/*
 * Dumps both families; again where a dump was interrupted, a few times. 0 or -errno, then nothing
 * may be concluded. The caller frees with present_free(), in both cases.
 */
int present_read(struct netlink *netlink, struct present *ret_present);
void present_free(struct present *present);

bool present_is_route(const struct present_route *present, const struct plan_route *route);
bool present_is_rule(const struct present_rule *present, const struct plan_rule *rule);
