/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the wire of one device who has an address: an answer proves the first metre, and needs no echo. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/neighbour.h"
#include "service/checker.h"

struct neighbour_probe {
	struct neighbour neighbour;
	uint32_t device_index;
};

/*
 * Sends a question by the device of path, and by no other, whatever the kernel remembers of that neighbour. The caller
 * waits for the descriptor to become readable and closes it. Descriptor, or -errno: -EOPNOTSUPP where the device has
 * no such wire (PPP, tunnels), -ENETUNREACH where it has no address to ask from; the socket needs CAP_NET_RAW.
 */
int probe_neighbour_send(const struct checker_path *path, const struct address *target,
	struct neighbour_probe *ret_probe);

/* Reads what has come, without waiting. True where the answer is among it; everything else is passed over. */
bool probe_neighbour_read(int fd, const struct neighbour_probe *probe);
