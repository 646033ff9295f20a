/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An echo request, and the one packet that counts as its answer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "service/checker.h"

#define PING_COOKIE_SIZE 16
#define PING_SIZE        40 /* of a request and of its answer, without the header of IP */

/* What an answer must show. */
struct ping {
	struct address target;
	uint32_t device_index;
	uint16_t identifier, sequence;
	uint8_t cookie[PING_COOKIE_SIZE];
	uint64_t sent_ns; /* by uv_hrtime() */
};

/*
 * Sends a request to target. The caller waits for the descriptor to become readable and closes it.
 * Descriptor, or -errno; the socket needs CAP_NET_RAW.
 */
int probe_ping_send(const struct checker_path *path, const struct address *target, uint16_t sequence,
	struct ping *ret_ping);

/*
 * The same with a packet of that many bytes, its IP header included, that must not be fragmented; what the kernel
 * knows of the way does not count. -EMSGSIZE where the device lets no such packet out.
 */
int probe_ping_send_sized(const struct checker_path *path, const struct address *target, uint16_t sequence,
	size_t size, struct ping *ret_ping);

#define PING_SIZE_MAX 1500

/*
 * Whether a packet, as the socket gives it (with the IP header where it is IPv4), is the answer as far
 * as its bytes tell. They are hostile.
 */
bool probe_ping_matches(const struct ping *ping, const uint8_t *bytes, size_t length);

/*
 * Reads what has come, without waiting. True where the answer is among it: right source, identifier,
 * sequence and cookie, come in by the right device. Everything else is passed over.
 */
bool probe_ping_read(int fd, const struct ping *ping);
