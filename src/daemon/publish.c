/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hands the newest snapshot to threads that never wait, and frees the older ones when nobody reads them. */

#include "daemon/publish.h"

#include <errno.h>
#include <stdlib.h>

void publish_init(struct publisher *publisher, struct publish_reader *readers, size_t count, void (*free_owner)(void *owner))
{
	*publisher = (struct publisher){ .readers = readers, .reader_count = count, .free_owner = free_owner };
}

static int make_room(struct publisher *publisher)
{
	size_t room = publisher->retired_room == 0 ? 8 : publisher->retired_room * 2;
	struct retired *grown;

	if (publisher->retired_count < publisher->retired_room)
		return 0;
	grown = realloc(publisher->retired, room * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	publisher->retired = grown;
	publisher->retired_room = room;
	return 0;
}

int publish_replace(struct publisher *publisher, struct snapshot *snapshot, void *owner)
{
	struct snapshot *before;

	if (make_room(publisher) < 0)
		return -ENOMEM;
	before = atomic_exchange(&publisher->newest, snapshot);
	publisher->retired[publisher->retired_count++] = (struct retired){ before, owner };
	publish_reclaim(publisher);
	return 0;
}

static bool is_read(const struct publisher *publisher, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < publisher->reader_count; i++) {
		if (snapshot != NULL && atomic_load(&publisher->readers[i].reading) == snapshot)
			return true;
	}
	return false;
}

static void free_retired(struct publisher *publisher, const struct retired *retired)
{
	snapshot_free(retired->snapshot);
	if (retired->owner != NULL)
		publisher->free_owner(retired->owner);
}

bool publish_reclaim(struct publisher *publisher)
{
	size_t done = 0;

	/* Oldest first and no gaps: an owner may also be what older snapshots refer to. */
	while (done < publisher->retired_count && !is_read(publisher, publisher->retired[done].snapshot))
		free_retired(publisher, &publisher->retired[done++]);
	publisher->retired_count -= done;
	for (size_t i = 0; i < publisher->retired_count; i++)
		publisher->retired[i] = publisher->retired[i + done];
	return publisher->retired_count == 0;
}

void publish_end(struct publisher *publisher)
{
	publish_reclaim(publisher);
	snapshot_free(atomic_exchange(&publisher->newest, NULL));
	free(publisher->retired);
	publisher->retired = NULL;
}

const struct snapshot *publish_acquire(struct publisher *publisher, struct publish_reader *reader)
{
	const struct snapshot *snapshot;

	/* Announce, then look again: between the two the main thread may have freed what was read. */
	do {
		snapshot = atomic_load(&publisher->newest);
		atomic_store(&reader->reading, snapshot);
	} while (atomic_load(&publisher->newest) != snapshot);
	return snapshot;
}

void publish_release(struct publish_reader *reader)
{
	atomic_store_explicit(&reader->reading, NULL, memory_order_release);
}
