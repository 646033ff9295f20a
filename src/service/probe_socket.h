/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets whose packets leave by the device of one link, whatever the routing tables prefer. */
#pragma once

#include <stdint.h>
#include <sys/socket.h>

#include "core/address.h"
#include "service/checker.h"

/*
 * A socket that does not block, bound to the device of path and carrying its mark. The caller closes
 * it. Descriptor, or -errno: -ENODEV where there is no such device, -EPERM without CAP_NET_RAW.
 */
int probe_socket(const struct checker_path *path, enum family family, int type, int protocol);

/* Index of the device that a probe_socket() is bound to: the one that answers must come in by. */
uint32_t probe_device_index(int fd);

/* Adds to what the probes of that path have cost, where somebody wants to know. */
void probe_count(const struct checker_path *path, uint64_t bytes);

/* Fills ret_native; device_index is the scope of a link-local address. Returns its length. */
socklen_t probe_native(const struct address *address, uint16_t port, uint32_t device_index,
	struct sockaddr_storage *ret_native);
