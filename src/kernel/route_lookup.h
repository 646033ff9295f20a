/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the kernel which way a destination goes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "kernel/netlink.h"

struct route_answer {
	bool local;            /* to this machine */
	uint32_t device_index; /* where it leaves */
};

/* For a packet without a mark. 0, -ENETUNREACH where there is no way, or -errno. */
int route_lookup(struct netlink *netlink, const struct address *destination, struct route_answer *ret_answer);
