/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hands the newest snapshot to threads that never wait, and frees the older ones when nobody reads them. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/decide.h"

/* A reader announces what it reads (a hazard pointer); only its own thread writes it. */
struct publish_reader {
	_Atomic(const struct snapshot *) reading;
};

struct publisher {
	_Atomic(struct snapshot *) newest;
	struct publish_reader *readers;
	size_t reader_count;
	struct retired {
		struct snapshot *snapshot;
		void *owner;           /* freed after the snapshot */
	} *retired;
	size_t retired_count, retired_room;
	void (*free_owner)(void *owner);
};

/* readers must outlive the publisher. free_owner frees what a snapshot refers to; it gets no NULL. */
void publish_init(struct publisher *publisher, struct publish_reader *readers, size_t count, void (*free_owner)(void *owner));

/*
 * Makes snapshot the newest. The one before goes as soon as no reader reads it, and after it owner
 * (may be NULL), which only it needed. 0, or -ENOMEM: nothing changed.
 */
int publish_replace(struct publisher *publisher, struct snapshot *snapshot, void *owner);

/* Frees what nobody reads any more. True: nothing is left to free. */
bool publish_reclaim(struct publisher *publisher);

/* Frees everything; no reader may run any more. */
void publish_end(struct publisher *publisher);

/* The newest snapshot, which stays until publish_release(). */
const struct snapshot *publish_acquire(struct publisher *publisher, struct publish_reader *reader);
void publish_release(struct publish_reader *reader);
