/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gives equal things the same number, so that each is kept once. */

#include "core/intern.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

/* Only configurations are hashed, so that nobody gains from chosen collisions. Constants of SplitMix64. */
static uint64_t hash_of(const uint64_t *words, size_t count)
{
	uint64_t hash = 0x9e3779b97f4a7c15ULL;

	for (size_t i = 0; i < count; i++) {
		hash = (hash ^ words[i]) * 0xbf58476d1ce4e5b9ULL;
		hash ^= hash >> 29;
	}
	return hash ^ hash >> 32;
}

void intern_open(struct intern *intern, size_t size)
{
	*intern = (struct intern){ .words = size / sizeof(uint64_t) };
}

void intern_close(struct intern *intern)
{
	free(intern->items);
	free(intern->slots);
	*intern = (struct intern){ 0 };
}

/* The place of the item, or the empty one where it belongs. */
static uint32_t *find_slot(const struct intern *intern, const uint64_t *item)
{
	uint32_t i = (uint32_t)hash_of(item, intern->words) & intern->slot_mask;

	while (intern->slots[i] != 0
	       && memcmp(intern_get(intern, intern->slots[i] - 1), item, intern->words * sizeof(*item)) != 0)
		i = (i + 1) & intern->slot_mask;
	return &intern->slots[i];
}

/* Twice the items, four times as many slots as items. */
static bool grow(struct intern *intern)
{
	uint32_t room = intern->room == 0 ? FIRST_ROOM : intern->room * 2;
	uint64_t *items = reallocarray(intern->items, room, intern->words * sizeof(*items));
	uint32_t *slots;

	if (items == NULL)
		return false;
	intern->items = items;
	slots = calloc(4 * (size_t)room, sizeof(*slots));
	if (slots == NULL)
		return false;
	free(intern->slots);
	intern->slots = slots;
	intern->slot_mask = 4 * room - 1;
	intern->room = room;
	for (uint32_t i = 0; i < intern->count; i++)
		*find_slot(intern, intern_get(intern, i)) = i + 1;
	return true;
}

uint32_t intern_put(struct intern *intern, const void *item)
{
	uint32_t *slot;

	if (intern->failed || (intern->count == intern->room && !grow(intern))) {
		intern->failed = true;
		return 0;
	}
	slot = find_slot(intern, item);
	if (*slot == 0) {
		memcpy(&intern->items[intern->count * intern->words], item, intern->words * sizeof(uint64_t));
		*slot = ++intern->count;
	}
	return *slot - 1;
}
