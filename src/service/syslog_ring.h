/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines that wait, first in, first out, in one piece of memory. No locks: its owner has one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct syslog_ring {
	uint8_t *bytes;
	size_t size;        /* of bytes */
	size_t first, used; /* where the oldest line begins, and what all of them take with their lengths */
	uint64_t count;
};

/* 0 or -ENOMEM. The caller ends it with syslog_ring_end(). */
int syslog_ring_begin(struct syslog_ring *ring, size_t size);
void syslog_ring_end(struct syslog_ring *ring);

/* False where it has no room, or where length is more than UINT16_MAX. */
bool syslog_ring_add(struct syslog_ring *ring, const char *line, size_t length);

/* Takes the oldest line out, into line, which has size bytes; returns its length, at most size. 0: there is none. */
size_t syslog_ring_take(struct syslog_ring *ring, char *line, size_t size);
