/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies of packets that the ruleset hands out by a log group: nothing waits for them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct copies;

/* payload begins with the IP header, and is valid until the next copies_receive(). */
struct copy {
	uint32_t mark;
	const uint8_t *payload;
	size_t length;
};

/* Listens to that group. 0, -EBUSY where another program does, or -errno. */
int copies_open(uint16_t group, struct copies **ret_copies);

/* Accepts NULL. */
void copies_close(struct copies *copies);

/* Readable where there are copies. */
int copies_fd(const struct copies *copies);

/*
 * Takes up to max copies that are there, without waiting. Their number, 0 where there are none, -ENOBUFS where
 * some were lost before those that come next, or -errno.
 */
int copies_receive(struct copies *copies, struct copy *items, size_t max);

/*
 * Reads one message of length bytes, aligned to 4. False where it is not of a packet; ret_copy is set on success
 * only, and points into bytes.
 */
bool copies_parse(const uint8_t *bytes, size_t length, struct copy *ret_copy);
