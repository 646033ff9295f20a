/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections on their way from a verdict thread, which must not wait, to the thread that watches them. */

#include "daemon/begun_ring.h"

bool begun_ring_add(struct begun_ring *ring, const struct begun *begun)
{
	uint32_t place;

	if (!ring_add(&ring->ring, BEGUN_RING_ROOM, &place))
		return false;
	ring->entries[place] = *begun;
	ring_added(&ring->ring);
	return true;
}

bool begun_ring_take(struct begun_ring *ring, struct begun *ret_begun)
{
	uint32_t place;

	if (!ring_take(&ring->ring, BEGUN_RING_ROOM, &place))
		return false;
	*ret_begun = ring->entries[place];
	ring_taken(&ring->ring);
	return true;
}
