/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two ends of a ring between two threads of which neither waits; its owner has the entries beside it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One writer, one reader. What finds the ring full is counted and lost. All zero: empty. */
struct ring {
	_Atomic uint32_t written, read;
	_Atomic uint64_t lost;
};

/* The writer's side, for a ring of room entries, a power of two: where the next one goes; then ring_added(). False: full. */
static inline bool ring_add(struct ring *ring, uint32_t room, uint32_t *ret_place)
{
	uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);

	if (written - atomic_load_explicit(&ring->read, memory_order_acquire) == room) {
		atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
		return false;
	}
	*ret_place = written % room;
	return true;
}

/* The entry is written: the reader may have it. */
static inline void ring_added(struct ring *ring)
{
	uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);

	atomic_store_explicit(&ring->written, written + 1, memory_order_release);
}

/* The reader's side: where the oldest is; then ring_taken(). False: empty. */
static inline bool ring_take(struct ring *ring, uint32_t room, uint32_t *ret_place)
{
	uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);

	if (read == atomic_load_explicit(&ring->written, memory_order_acquire))
		return false;
	*ret_place = read % room;
	return true;
}

/* The entry was read: the writer may have its place. */
static inline void ring_taken(struct ring *ring)
{
	uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);

	atomic_store_explicit(&ring->read, read + 1, memory_order_release);
}
