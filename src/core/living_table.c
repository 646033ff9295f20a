/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table behind living.h: entries by tuple, in lists by the stage of their life. */

#include "core/living_table.h"

#include <stdlib.h>
#include <string.h>

/* The tuple as bytes without gaps. */
struct tuple {
	uint8_t from[16], to[16];
	uint16_t from_port, to_port;
	uint8_t protocol, family, none[2];
};

struct living *living_new(size_t entries, struct hash_key key, struct loads *loads, const struct living_sink *sink)
{
	struct living *living = calloc(1, sizeof(*living));

	if (living == NULL)
		return NULL;
	living->bucket_count = 16;
	while (living->bucket_count < entries)
		living->bucket_count *= 2;
	living->entries = calloc(entries, sizeof(*living->entries));
	living->buckets = malloc(living->bucket_count * sizeof(*living->buckets));
	if (living->entries == NULL || living->buckets == NULL) {
		living_free(living);
		return NULL;
	}
	memset(living->buckets, 0xff, living->bucket_count * sizeof(*living->buckets));
	for (int i = 0; i < STAGES; i++)
		living->stages[i] = (struct list){ NOBODY, NOBODY };
	living->room = (uint32_t)entries;
	living->free = NOBODY;
	living->key = key;
	living->loads = loads;
	living->sink = *sink;
	return living;
}

void living_free(struct living *living)
{
	if (living == NULL)
		return;
	free(living->entries);
	free(living->buckets);
	free(living);
}

struct living_figures living_figures(const struct living *living)
{
	return (struct living_figures){ .evicted = living->evicted, .entries = living->used,
		.strangers = living->strangers };
}

uint64_t living_hash(const struct living *living, const struct flow *flow, bool turned)
{
	const struct address *from = turned ? &flow->to : &flow->from, *to = turned ? &flow->from : &flow->to;
	struct tuple tuple = { .protocol = flow->protocol, .family = (uint8_t)flow->family };

	memcpy(tuple.from, from->bytes, sizeof(tuple.from));
	memcpy(tuple.to, to->bytes, sizeof(tuple.to));
	tuple.from_port = turned ? flow->to_port : flow->from_port;
	tuple.to_port = turned ? flow->from_port : flow->to_port;
	return siphash(&living->key, &tuple, sizeof(tuple));
}

static uint32_t *bucket_of(const struct living *living, uint64_t hash)
{
	return &living->buckets[hash & (living->bucket_count - 1)];
}

struct entry *living_find(const struct living *living, uint64_t hash)
{
	for (uint32_t at = *bucket_of(living, hash); at != NOBODY; at = living->entries[at].next) {
		if (living->entries[at].hash == hash)
			return &living->entries[at];
	}
	return NULL;
}

static uint32_t index_of(const struct living *living, const struct entry *entry)
{
	return (uint32_t)(entry - living->entries);
}

static void leave_list(struct living *living, struct entry *entry)
{
	struct list *list = &living->stages[entry->stage];

	*(entry->older == NOBODY ? &list->oldest : &living->entries[entry->older].newer) = entry->newer;
	*(entry->newer == NOBODY ? &list->newest : &living->entries[entry->newer].older) = entry->older;
}

static void join_list(struct living *living, struct entry *entry, enum stage stage)
{
	struct list *list = &living->stages[stage];

	entry->stage = stage;
	entry->newer = NOBODY;
	entry->older = list->newest;
	*(list->newest == NOBODY ? &list->oldest : &living->entries[list->newest].newer) = index_of(living, entry);
	list->newest = index_of(living, entry);
}

void living_enter(struct living *living, struct entry *entry, enum stage stage)
{
	leave_list(living, entry);
	join_list(living, entry, stage);
}

void living_uncount(struct living *living, const struct entry *entry)
{
	atomic_fetch_sub_explicit(&living->loads->links[entry->link].connections, 1, memory_order_relaxed);
}

void living_remove(struct living *living, struct entry *entry)
{
	uint32_t *at = bucket_of(living, entry->hash);

	while (*at != index_of(living, entry))
		at = &living->entries[*at].next;
	*at = entry->next;
	leave_list(living, entry);
	entry->next = living->free;
	living->free = index_of(living, entry);
	living->used--;
	living->strangers -= entry->begun_us == 0;
}

/* What is over goes first, then what lives longest, and last what may still fail. */
static void evict(struct living *living)
{
	static const enum stage order[] = { STAGE_OVER, STAGE_LIVING, STAGE_WAITING };

	for (int i = 0; i < STAGES; i++) {
		uint32_t oldest = living->stages[order[i]].oldest;

		if (oldest == NOBODY)
			continue;
		if (order[i] != STAGE_OVER) {
			living_uncount(living, &living->entries[oldest]);
			living->evicted++;
		}
		living_remove(living, &living->entries[oldest]);
		return;
	}
}

static struct entry *take_room(struct living *living)
{
	uint32_t at = living->free;

	if (at == NOBODY && living->fresh == living->room) {
		evict(living);
		at = living->free;
	}
	if (at == NOBODY)
		at = living->fresh++;
	else
		living->free = living->entries[at].next;
	living->used++;
	return &living->entries[at];
}

/* flow in the original direction, or turned round. */
struct entry *living_add(struct living *living, uint64_t hash, const struct flow *flow, bool turned, uint8_t link,
	uint32_t mark, enum stage stage)
{
	struct entry *entry = take_room(living);
	uint32_t *bucket = bucket_of(living, hash);

	*entry = (struct entry){ .hash = hash, .link = link, .mark = mark, .survey = living->survey, .next = *bucket };
	memcpy(entry->from, (turned ? &flow->to : &flow->from)->bytes, sizeof(entry->from));
	memcpy(entry->to, (turned ? &flow->from : &flow->to)->bytes, sizeof(entry->to));
	entry->from_port = turned ? flow->to_port : flow->from_port;
	entry->to_port = turned ? flow->from_port : flow->to_port;
	entry->protocol = flow->protocol;
	entry->family = (uint8_t)flow->family;
	entry->flags = flow->ports ? ENTRY_PORTS : 0;
	*bucket = index_of(living, entry);
	join_list(living, entry, stage);
	return entry;
}

