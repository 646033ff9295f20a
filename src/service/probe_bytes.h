/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What probes cost on links that are paid by volume: bytes of IP packets, sent and received. */
#pragma once

#include <stdint.h>

#include "core/address.h"

/* The header of a packet without options. */
uint32_t probe_ip_size(enum family family);

/*
 * All that a TCP connection has sent and received, and the segments that its end takes; ask it right before the socket
 * is closed. By the kernel's own figures; of each segment's header 12 bytes of options are taken for granted.
 */
uint64_t probe_tcp_bytes(int fd, enum family family);
