/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections on their way from a verdict thread, which must not wait, to the thread that watches them. */
#pragma once

#include <stdbool.h>

#include "core/living.h"
#include "daemon/ring.h"

/* What a thread may decide in 50 ms, and while the kernel's connections are surveyed some of them. */
#define BEGUN_RING_ROOM 4096

/* One writer, one reader. What finds it full is counted and lost. */
struct begun_ring {
	struct begun entries[BEGUN_RING_ROOM];
	struct ring ring;
};

/* The verdict thread's side. False where it is full. */
bool begun_ring_add(struct begun_ring *ring, const struct begun *begun);

/* The watching thread's side: the oldest, or false. */
bool begun_ring_take(struct begun_ring *ring, struct begun *ret_begun);
