/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which connections have had no packet for a while, told from looks at when the kernel would forget them. */

#include "core/idle.h"

#include <stdlib.h>
#include <string.h>

#define WAYS      8
#define BUSY_BITS (1u << 18)

/* Times are rounded twice: by the kernel, and by who reads the clock. */
#define ROUNDING_S 1

struct entry {
	uint64_t hash;
	uint32_t expires_s, since_s;
	uint32_t look; /* that saw it last; 0: none did */
};

struct idle {
	struct entry *entries;
	size_t groups;
	uint32_t look, now_s;
	uint8_t busy[BUSY_BITS / 8];
};

struct idle *idle_new(size_t entries)
{
	struct idle *idle = calloc(1, sizeof(*idle));

	if (idle == NULL)
		return NULL;
	idle->look = 1;
	idle->groups = entries / WAYS;
	idle->entries = calloc(entries, sizeof(*idle->entries));
	if (idle->entries != NULL)
		return idle;
	idle_free(idle);
	return NULL;
}

void idle_free(struct idle *idle)
{
	if (idle == NULL)
		return;
	free(idle->entries);
	free(idle);
}

void idle_begin(struct idle *idle, uint32_t now_s)
{
	idle->look++;
	idle->now_s = now_s;
	memset(idle->busy, 0, sizeof(idle->busy));
}

static struct entry *group_of(const struct idle *idle, uint64_t hash)
{
	return &idle->entries[(hash & (idle->groups - 1)) * WAYS];
}

static bool is_known(const struct idle *idle, const struct entry *entry)
{
	return entry->look + 1 >= idle->look && entry->look > 0;
}

static struct entry *find(const struct idle *idle, uint64_t hash)
{
	struct entry *group = group_of(idle, hash);

	for (size_t i = 0; i < WAYS; i++) {
		if (is_known(idle, &group[i]) && group[i].hash == hash)
			return &group[i];
	}
	return NULL;
}

static struct entry *find_room(const struct idle *idle, uint64_t hash)
{
	struct entry *group = group_of(idle, hash);

	for (size_t i = 0; i < WAYS; i++) {
		if (!is_known(idle, &group[i]))
			return &group[i];
	}
	return NULL;
}

static bool has_moved(uint32_t before_s, uint32_t now_s)
{
	return now_s > before_s + ROUNDING_S || now_s + ROUNDING_S < before_s;
}

/* The time of a connection that nothing comes for is kept as it was first seen, so that roundings do not add up. */
bool idle_see(struct idle *idle, uint64_t hash, uint32_t expires_s)
{
	struct entry *entry = find(idle, hash), *room;

	if (entry != NULL) {
		entry->look = idle->look;
		if (!has_moved(entry->expires_s, expires_s))
			return idle->now_s - entry->since_s >= IDLE_S;
		entry->expires_s = expires_s;
		entry->since_s = idle->now_s;
		return false;
	}
	room = find_room(idle, hash);
	if (room != NULL)
		*room = (struct entry){ hash, expires_s, idle->now_s, idle->look };
	return false;
}

bool idle_is(const struct idle *idle, uint64_t hash)
{
	const struct entry *entry = find(idle, hash);

	return entry != NULL && entry->look == idle->look && idle->now_s - entry->since_s >= IDLE_S;
}

/* Another place in each look: whom a busy key stands in the way now it does not the next time. */
static uint32_t busy_bit(const struct idle *idle, uint64_t key)
{
	uint64_t mixed = (key ^ idle->look) * 0x9e3779b97f4a7c15ULL;

	mixed = (mixed ^ mixed >> 32) * 0xbf58476d1ce4e5b9ULL;
	return (uint32_t)(mixed >> 40) & (BUSY_BITS - 1);
}

void idle_mark_busy(struct idle *idle, uint64_t key)
{
	uint32_t bit = busy_bit(idle, key);

	idle->busy[bit / 8] |= (uint8_t)(1u << bit % 8);
}

bool idle_is_busy(const struct idle *idle, uint64_t key)
{
	uint32_t bit = busy_bit(idle, key);

	return (idle->busy[bit / 8] >> bit % 8 & 1) != 0;
}
