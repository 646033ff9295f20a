/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Remembers which link a key took last. Fixed size, shared by all threads without a lock. */

#include "core/sticky.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define WAYS      8
#define TIME_BITS 26
#define TIME_MASK ((1u << TIME_BITS) - 1)
#define YEAR_S    (365u * 24 * 3600)

struct sticky {
	size_t groups;
	_Atomic uint64_t entries[];
};

/* An entry as it is exported: the whole hash is gone, group and tag give back what is needed of it. */
struct exported {
	uint64_t hash;
	uint32_t left_s;
	uint32_t link;
};

static const uint64_t EXPORT_MAGIC = 0x75706c696e6b7331; /* "uplinks1" */

static uint32_t entry_tag(uint64_t entry)
{
	return (uint32_t)(entry >> 32);
}

static uint8_t entry_link(uint64_t entry)
{
	return entry & 0x3f;
}

/* Seconds until the entry ends; 0 for one that has ended, or that is empty. */
static uint32_t entry_left(uint64_t entry, uint32_t now_s)
{
	uint32_t left = ((uint32_t)(entry >> 6) - now_s) & TIME_MASK;

	return entry_link(entry) == 0 || left > YEAR_S ? 0 : left;
}

static uint64_t entry_make(uint64_t hash, uint8_t link, uint32_t ends_s)
{
	return (hash & 0xffffffff00000000) | (uint64_t)(ends_s & TIME_MASK) << 6 | (link & 0x3f);
}

static size_t group_start(const struct sticky *sticky, uint64_t hash)
{
	return ((uint32_t)hash & (sticky->groups - 1)) * WAYS;
}

struct sticky *sticky_new(size_t entries)
{
	struct sticky *sticky = calloc(1, sizeof(*sticky) + entries * sizeof(sticky->entries[0]));

	if (sticky != NULL)
		sticky->groups = entries / WAYS;
	return sticky;
}

void sticky_free(struct sticky *sticky)
{
	free(sticky);
}

uint8_t sticky_get(const struct sticky *sticky, uint64_t hash, uint32_t now_s)
{
	const _Atomic uint64_t *group = &sticky->entries[group_start(sticky, hash)];

	for (size_t i = 0; i < WAYS; i++) {
		uint64_t entry = atomic_load_explicit(&group[i], memory_order_relaxed);

		if (entry_tag(entry) == (uint32_t)(hash >> 32) && entry_left(entry, now_s) > 0)
			return entry_link(entry);
	}
	return 0;
}

/* The entry of that key, else the one that ends first. */
static _Atomic uint64_t *place(struct sticky *sticky, uint64_t hash, uint32_t now_s)
{
	_Atomic uint64_t *group = &sticky->entries[group_start(sticky, hash)], *first = group;
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < WAYS; i++) {
		uint64_t entry = atomic_load_explicit(&group[i], memory_order_relaxed);
		uint32_t left = entry_left(entry, now_s);

		if (left > 0 && entry_tag(entry) == (uint32_t)(hash >> 32))
			return &group[i];
		if (left < least) {
			least = left;
			first = &group[i];
		}
	}
	return first;
}

void sticky_put(struct sticky *sticky, uint64_t hash, uint8_t link, uint32_t now_s, uint32_t for_s)
{
	uint32_t ends_s = now_s + (for_s < YEAR_S ? for_s : YEAR_S);

	/* Two threads that write one place at once leave one of two true entries: good enough, no lock. */
	atomic_store_explicit(place(sticky, hash, now_s), entry_make(hash, link, ends_s), memory_order_relaxed);
}

size_t sticky_count(const struct sticky *sticky, uint32_t now_s)
{
	size_t count = 0;

	for (size_t i = 0; i < sticky->groups * WAYS; i++)
		count += entry_left(atomic_load_explicit(&sticky->entries[i], memory_order_relaxed), now_s) > 0;
	return count;
}

void *sticky_export(const struct sticky *sticky, uint32_t now_s, size_t *ret_size)
{
	size_t most = sticky_count(sticky, now_s), count = 0;
	uint8_t *bytes = malloc(sizeof(EXPORT_MAGIC) + most * sizeof(struct exported));

	if (bytes == NULL)
		return NULL;
	memcpy(bytes, &EXPORT_MAGIC, sizeof(EXPORT_MAGIC));
	for (size_t i = 0; i < sticky->groups * WAYS && count < most; i++) {
		uint64_t entry = atomic_load_explicit(&sticky->entries[i], memory_order_relaxed);
		struct exported out = { (entry & 0xffffffff00000000) | (i / WAYS), entry_left(entry, now_s),
			entry_link(entry) };

		if (out.left_s > 0)
			memcpy(bytes + sizeof(EXPORT_MAGIC) + count++ * sizeof(out), &out, sizeof(out));
	}
	*ret_size = sizeof(EXPORT_MAGIC) + count * sizeof(struct exported);
	return bytes;
}

bool sticky_import(struct sticky *sticky, const void *bytes, size_t size, uint32_t now_s)
{
	size_t entries;

	if (size < sizeof(EXPORT_MAGIC) || memcmp(bytes, &EXPORT_MAGIC, sizeof(EXPORT_MAGIC)) != 0)
		return false;
	entries = (size - sizeof(EXPORT_MAGIC)) / sizeof(struct exported);
	for (size_t i = 0; i < entries; i++) {
		struct exported in;

		memcpy(&in, (const uint8_t *)bytes + sizeof(EXPORT_MAGIC) + i * sizeof(in), sizeof(in));
		if (in.link > 0 && in.link <= 0x3f && in.left_s > 0)
			sticky_put(sticky, in.hash, (uint8_t)in.link, now_s, in.left_s);
	}
	return true;
}
