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

/* For a packet with that mark. 0; -ENETUNREACH, -EHOSTUNREACH or another -errno where there is no way. */
int route_lookup(struct netlink *netlink, const struct address *destination, uint32_t mark,
	struct route_answer *ret_answer);
