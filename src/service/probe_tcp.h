/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A TCP connection that is opened to see whether it can be, and then thrown away. */
#pragma once

#include <stdint.h>

#include "core/address.h"
#include "service/checker.h"

/*
 * Begins to connect. The caller waits for the descriptor to become writable; closing it resets the
 * connection, so that nothing of it stays behind here. Descriptor, or -errno.
 */
int probe_tcp_connect(const struct checker_path *path, const struct address *target, uint16_t port);

/*
 * 1 where the connection stands or stood, with ret_latency_us from the kernel's measure of the
 * handshake (0: it has none); 0 where nothing is known yet; -ECONNREFUSED or another -errno.
 */
int probe_tcp_read(int fd, uint32_t *ret_latency_us);
