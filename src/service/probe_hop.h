/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets that are to be turned back on their way, and who turned them back: the kernel reads the ICMP errors. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "service/checker.h"

/* What came back. */
struct complaint {
	struct address from;
	unsigned int mtu;    /* the most that the next hop takes, where the packet was too big for it; else 0 */
	bool arrived;        /* the destination itself says that nobody listens */
};

/*
 * Sends a datagram to a port of target where nobody listens; routers let it pass ttl times at most. The caller
 * waits for the descriptor to become readable (an error counts as readable) and closes it. Descriptor, or -errno.
 */
int probe_hop_send(const struct checker_path *path, const struct address *target, unsigned int ttl);

/*
 * The next complaint of a socket that collects them, without waiting. What this machine complains of itself is passed
 * over. True where there was one.
 */
bool probe_complaint_read(int fd, struct complaint *ret_complaint);
