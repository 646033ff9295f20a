/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections on their way from a verdict thread, which must not wait, to the thread that watches them. */

#include "daemon/begun_ring.h"

bool begun_ring_add(struct begun_ring *ring, const struct begun *begun)
{
	uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);

	if (written - atomic_load_explicit(&ring->read, memory_order_acquire) == BEGUN_RING_ROOM) {
		atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
		return false;
	}
	ring->entries[written % BEGUN_RING_ROOM] = *begun;
	atomic_store_explicit(&ring->written, written + 1, memory_order_release);
	return true;
}

bool begun_ring_take(struct begun_ring *ring, struct begun *ret_begun)
{
	uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);

	if (read == atomic_load_explicit(&ring->written, memory_order_acquire))
		return false;
	*ret_begun = ring->entries[read % BEGUN_RING_ROOM];
	atomic_store_explicit(&ring->read, read + 1, memory_order_release);
	return true;
}
