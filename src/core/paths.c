/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of destinations: where each has its place, and who gives way. */

#include "core/paths.h"

#include <stdlib.h>
#include <string.h>

#include "core/paths_parts.h"

#define POPULARITY_MAX (1u << 24)

uint32_t seconds_since(uint32_t then_s, uint32_t now_s)
{
	return (int32_t)(now_s - then_s) < 0 ? 0 : now_s - then_s;
}

static uint64_t bytes_number(const uint8_t *bytes, size_t count)
{
	uint64_t number = 0;

	for (size_t i = 0; i < count; i++)
		number = number << 8 | bytes[i];
	return number;
}

uint64_t prefix_of(const struct address *address)
{
	if (address->family == IPV4)
		return 1ull << 56 | bytes_number(address->bytes, 3);
	return 2ull << 56 | bytes_number(address->bytes, 6);
}

struct network prefix_network(uint64_t prefix)
{
	size_t count = prefix >> 56 == 1 ? 3 : 6;
	struct network network = { .address.family = count == 3 ? IPV4 : IPV6, .length = (uint8_t)(8 * count) };

	for (size_t i = 0; i < count; i++)
		network.address.bytes[i] = (uint8_t)(prefix >> 8 * (count - 1 - i));
	return network;
}

void host_keep(struct destination *destination, const struct address *host)
{
	if (host->family == IPV4) {
		put(destination->host, host->bytes[3]);
		return;
	}
	put(destination->host_high, (uint16_t)bytes_number(host->bytes + 6, 2));
	put(destination->host, bytes_number(host->bytes + 8, 8));
}

struct address host_of(const struct destination *destination)
{
	struct address address = prefix_network(get(destination->prefix)).address;
	uint64_t host = get(destination->host);

	if (address.family == IPV4) {
		address.bytes[3] = (uint8_t)host;
		return address;
	}
	address.bytes[6] = (uint8_t)(get(destination->host_high) >> 8);
	address.bytes[7] = (uint8_t)get(destination->host_high);
	for (size_t i = 0; i < 8; i++)
		address.bytes[8 + i] = (uint8_t)(host >> (56 - 8 * i));
	return address;
}

static uint64_t tag_of(const struct paths *paths, uint64_t prefix)
{
	uint64_t hash = siphash(&paths->key, &prefix, sizeof(prefix));

	return hash == NO_TAG ? 1 : hash;
}

static size_t group_of(const struct paths *paths, uint64_t tag)
{
	return (size_t)(tag & (paths->groups - 1)) * WAYS;
}

struct paths *paths_new(size_t entries, const struct hash_key *key)
{
	struct paths *paths = calloc(1, sizeof(*paths));

	if (paths == NULL)
		return NULL;
	paths->key = *key;
	paths->groups = entries / WAYS;
	paths->tags = calloc(entries, sizeof(*paths->tags));
	paths->destinations = calloc(entries, sizeof(*paths->destinations));
	atomic_flag_clear(&paths->learning);
	if (paths->tags != NULL && paths->destinations != NULL)
		return paths;
	paths_free(paths);
	return NULL;
}

void paths_free(struct paths *paths)
{
	if (paths == NULL)
		return;
	free(paths->tags);
	free(paths->destinations);
	free(paths);
}

/* Threads that learn wait for each other; those that decide never do. */
void paths_lock(struct paths *paths)
{
	while (atomic_flag_test_and_set_explicit(&paths->learning, memory_order_acquire))
		;
}

void paths_unlock(struct paths *paths)
{
	atomic_flag_clear_explicit(&paths->learning, memory_order_release);
}

size_t paths_index(const struct paths *paths, uint64_t prefix)
{
	uint64_t tag = tag_of(paths, prefix);
	size_t start = group_of(paths, tag);

	for (size_t i = start; i < start + WAYS; i++) {
		if (atomic_load_explicit(&paths->tags[i], memory_order_acquire) == tag
		    && get(paths->destinations[i].prefix) == prefix)
			return i;
	}
	return SIZE_MAX;
}

uint32_t popularity_left(const struct destination *destination, uint32_t now_s)
{
	uint32_t value = get(destination->popularity), past_s = seconds_since(get(destination->popular_at_s), now_s);

	return (uint32_t)((uint64_t)value * POPULARITY_S / (POPULARITY_S + (uint64_t)past_s));
}

void popularity_add(struct destination *destination, uint32_t now_s)
{
	uint32_t left = popularity_left(destination, now_s);

	put(destination->popularity, left < POPULARITY_MAX ? left + POPULARITY_ONE : left);
	put(destination->popular_at_s, now_s);
}

bool destination_popular(const struct destination *destination, uint64_t now_ms)
{
	return popularity_left(destination, (uint32_t)(now_ms / 1000)) >= PATHS_POPULAR * POPULARITY_ONE;
}

bool destination_idle(const struct destination *destination, uint32_t now_s)
{
	return seconds_since(get(destination->popular_at_s), now_s) > PATHS_IDLE_S;
}

struct destination *paths_find(const struct paths *paths, const struct address *to, uint64_t now_ms)
{
	size_t index = paths_index(paths, prefix_of(to));

	if (index == SIZE_MAX || destination_idle(&paths->destinations[index], (uint32_t)(now_ms / 1000)))
		return NULL;
	return &paths->destinations[index];
}

static int slot_index(uint64_t links, uint8_t link)
{
	for (int i = 0; i < PATHS_LINKS; i++) {
		if ((uint8_t)(links >> 8 * i) == link)
			return i;
	}
	return -1;
}

int slot_find(const struct destination *destination, uint8_t link)
{
	return link == 0 ? -1 : slot_index(get(destination->links), link);
}

struct path_slot *slot_claim(struct destination *destination, uint8_t link)
{
	uint64_t links = get(destination->links);
	int index;

	for (;;) {
		index = slot_index(links, link);
		if (index >= 0)
			return &destination->slots[index];
		index = slot_index(links, 0);
		if (index < 0)
			return NULL;
		if (atomic_compare_exchange_weak_explicit(&destination->links, &links, links | (uint64_t)link << 8 * index,
			    memory_order_relaxed, memory_order_relaxed))
			return &destination->slots[index];
	}
}

void slot_clear(struct path_slot *slot)
{
	put(slot->us, 0);
	put(slot->settled_us, 0);
	put(slot->at_s, 0);
	put(slot->failed_at_s, 0);
	put(slot->excluded_until_s, 0);
	put(slot->asked_ms, 0);
	put(slot->sent_ms, 0);
	put(slot->waiting, 0);
	put(slot->failures, 0);
	put(slot->exclusions, 0);
	put(slot->interval, 0);
	put(slot->moved, false);
}

static void clear(struct destination *destination, uint64_t prefix, uint32_t now_s)
{
	put(destination->links, 0);
	for (size_t i = 0; i < PATHS_LINKS; i++)
		slot_clear(&destination->slots[i]);
	put(destination->prefix, prefix);
	put(destination->popularity, 0);
	put(destination->popular_at_s, now_s);
	put(destination->current, 0);
	put(destination->current_since_s, now_s);
	put(destination->host, 0);
	put(destination->host_high, 0);
	put(destination->port, 0);
}

/* The free, else the idle, else the least popular, of equals the oldest: whom many ask for stays whatever else comes by. */
static size_t victim(const struct paths *paths, size_t start, uint32_t now_s)
{
	size_t least = start;

	for (size_t i = start; i < start + WAYS; i++) {
		const struct destination *one = &paths->destinations[i], *other = &paths->destinations[least];
		uint32_t left = popularity_left(one, now_s), lowest = popularity_left(other, now_s);

		if (get(paths->tags[i]) == NO_TAG || destination_idle(one, now_s))
			return i;
		if (left < lowest || (left == lowest && now_s - get(one->popular_at_s) > now_s - get(other->popular_at_s)))
			least = i;
	}
	return least;
}

struct destination *paths_place(struct paths *paths, uint64_t prefix, uint32_t now_s)
{
	size_t index = paths_index(paths, prefix);
	uint64_t tag = tag_of(paths, prefix);

	if (index != SIZE_MAX && !destination_idle(&paths->destinations[index], now_s))
		return &paths->destinations[index];
	if (index == SIZE_MAX)
		index = victim(paths, group_of(paths, tag), now_s);
	put(paths->tags[index], NO_TAG);
	clear(&paths->destinations[index], prefix, now_s);
	atomic_store_explicit(&paths->tags[index], tag, memory_order_release);
	return &paths->destinations[index];
}

size_t paths_count_known(const struct paths *paths, uint64_t now_ms)
{
	size_t count = 0;

	for (size_t i = 0; i < paths->groups * WAYS; i++)
		count += get(paths->tags[i]) != NO_TAG
			 && !destination_idle(&paths->destinations[i], (uint32_t)(now_ms / 1000));
	return count;
}

uint64_t paths_learnt(const struct paths *paths)
{
	return get(paths->learnt);
}
