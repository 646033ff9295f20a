/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines that wait, first in, first out, in one piece of memory. No locks: its owner has one. */

#include "service/syslog_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Before each line. */
#define LENGTH_BYTES sizeof(uint16_t)

int syslog_ring_begin(struct syslog_ring *ring, size_t size)
{
	*ring = (struct syslog_ring){ .bytes = malloc(size), .size = size };
	return ring->bytes == NULL ? -ENOMEM : 0;
}

void syslog_ring_end(struct syslog_ring *ring)
{
	free(ring->bytes);
	ring->bytes = NULL;
}

/* Behind what is used; over the end it goes on at the start. */
static void put(struct syslog_ring *ring, const void *bytes, size_t length)
{
	size_t at = (ring->first + ring->used) % ring->size;
	size_t here = ring->size - at < length ? ring->size - at : length;

	memcpy(ring->bytes + at, bytes, here);
	memcpy(ring->bytes, (const uint8_t *)bytes + here, length - here);
	ring->used += length;
}

static void get(struct syslog_ring *ring, void *bytes, size_t length, size_t wanted)
{
	size_t here = ring->size - ring->first < wanted ? ring->size - ring->first : wanted;

	memcpy(bytes, ring->bytes + ring->first, here);
	memcpy((uint8_t *)bytes + here, ring->bytes, wanted - here);
	ring->first = (ring->first + length) % ring->size;
	ring->used -= length;
}

bool syslog_ring_add(struct syslog_ring *ring, const char *line, size_t length)
{
	uint16_t prefix = (uint16_t)length;

	if (length > UINT16_MAX || length + LENGTH_BYTES > ring->size - ring->used)
		return false;
	put(ring, &prefix, LENGTH_BYTES);
	put(ring, line, length);
	ring->count++;
	return true;
}

size_t syslog_ring_take(struct syslog_ring *ring, char *line, size_t size)
{
	uint16_t length;

	if (ring->count == 0)
		return 0;
	get(ring, &length, LENGTH_BYTES, LENGTH_BYTES);
	get(ring, line, length, length < size ? length : size);
	ring->count--;
	return length < size ? length : size;
}
