/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Remembers which link a key took last: finding it, and its place among others. */

#include "core/sticky.h"

#include <stdlib.h>
#include <string.h>

#include "core/key.h"
#include "core/sticky_table.h"

#define QUARTER   4 /* this part of the groups is a site's, and this part of them an address may push into */
#define ELSEWHERE 4 /* entries that a site has in a group where its keys may be in any */
#define TRIES     4

static bool has_source(enum flow_key by)
{
	return by != KEY_DESTINATION && by != KEY_NONE;
}

static bool has_destination(enum flow_key by)
{
	return by != KEY_SOURCE && by != KEY_NONE;
}

static uint32_t hash_of(const struct hash_key *key, const struct address *address, size_t size)
{
	return (uint32_t)siphash(key, address->bytes, size);
}

struct sticky_key sticky_key_of(const struct hash_key *key, enum flow_key by, const struct flow *flow, uint64_t scope)
{
	struct sticky_key made = { .hash = flow_key_hash(key, by, flow, scope), .scope = scope, .by = by };

	made.from.family = made.to.family = flow->family;
	if (has_source(by))
		memcpy(made.from.bytes, flow->from.bytes, sizeof(made.from.bytes));
	if (has_destination(by))
		memcpy(made.to.bytes, flow->to.bytes, sizeof(made.to.bytes));
	if (by == KEY_SOURCE_DESTINATION_PORT) {
		made.to_port = flow->to_port;
		made.protocol = flow->protocol;
	}
	made.owner = hash_of(key, &flow->from, sizeof(flow->from.bytes));
	made.site = flow->family == IPV4 ? made.owner : hash_of(key, &flow->from, 8);
	return made;
}

struct sticky *sticky_new(size_t entries)
{
	struct sticky *sticky = calloc(1, sizeof(*sticky));

	if (sticky == NULL)
		return NULL;
	sticky->groups = entries / STICKY_WAYS;
	sticky->region = sticky->groups < QUARTER ? 1 : sticky->groups / QUARTER;
	sticky->heads = calloc(entries, sizeof(*sticky->heads));
	sticky->owners = calloc(entries, sizeof(*sticky->owners));
	sticky->keys = calloc(entries, sizeof(*sticky->keys));
	if (sticky->heads == NULL || sticky->owners == NULL || sticky->keys == NULL) {
		sticky_free(sticky);
		return NULL;
	}
	return sticky;
}

void sticky_free(struct sticky *sticky)
{
	if (sticky == NULL)
		return;
	free(sticky->heads);
	free(sticky->owners);
	free(sticky->keys);
	free(sticky);
}

static uint64_t head_make(uint64_t hash, uint8_t link, uint32_t ends_s)
{
	return (hash & 0xffffffff00000000) | (uint64_t)(ends_s & STICKY_TIME_MASK) << 6 | (link & 0x3f);
}

static size_t group_of(const struct sticky *sticky, const struct sticky_key *key)
{
	uint32_t spread = (uint32_t)key->hash;

	if (!has_source(key->by))
		return spread & (sticky->groups - 1);
	return (key->site + (spread & (sticky->region - 1))) & (sticky->groups - 1);
}

uint8_t sticky_get(const struct sticky *sticky, const struct sticky_key *key, uint32_t now_s)
{
	const _Atomic uint64_t *group = &sticky->heads[group_of(sticky, key) * STICKY_WAYS];

	for (size_t i = 0; i < STICKY_WAYS; i++) {
		uint64_t head = sticky_load(&group[i]);

		if (sticky_tag(head) == sticky_tag(key->hash) && sticky_left(head, now_s) > 0)
			return sticky_link(head);
	}
	return 0;
}

/* A group as one thread sees it. */
struct group {
	size_t number;
	uint64_t heads[STICKY_WAYS];
	uint64_t owners[STICKY_WAYS];
	uint32_t left[STICKY_WAYS];
};

static void look(const struct sticky *sticky, size_t number, uint32_t now_s, struct group *group)
{
	group->number = number;
	for (size_t i = 0; i < STICKY_WAYS; i++) {
		group->heads[i] = sticky_load(&sticky->heads[number * STICKY_WAYS + i]);
		group->owners[i] = sticky_load(&sticky->owners[number * STICKY_WAYS + i]);
		group->left[i] = sticky_left(group->heads[i], now_s);
	}
}

/* The places of a group, or none of them. */
static size_t find_own(const struct group *group, const struct sticky_key *key)
{
	for (size_t i = 0; i < STICKY_WAYS; i++) {
		if (group->left[i] > 0 && sticky_tag(group->heads[i]) == sticky_tag(key->hash))
			return i;
	}
	return STICKY_WAYS;
}

static size_t find_free(const struct group *group)
{
	for (size_t i = 0; i < STICKY_WAYS; i++) {
		if (group->left[i] == 0)
			return i;
	}
	return STICKY_WAYS;
}

static bool same_site(uint64_t a, uint64_t b)
{
	return (uint32_t)a == (uint32_t)b;
}

struct owner_share {
	unsigned int site, owner; /* entries in the group of the same site, and of the same address */
};

/* Of one owner, who is about to get a new entry or has one there, the new one counted. */
static struct owner_share share_of(const struct group *group, uint64_t owner, uint64_t newcomer)
{
	struct owner_share share = { same_site(owner, newcomer), owner == newcomer };

	for (size_t i = 0; i < STICKY_WAYS; i++) {
		share.site += group->left[i] > 0 && same_site(group->owners[i], owner);
		share.owner += group->left[i] > 0 && group->owners[i] == owner;
	}
	return share;
}

/* Whether a key may take the place of an entry that is the only one of its owner. */
static bool may_push(const struct sticky_key *key, const struct group *group)
{
	return key->by == KEY_SOURCE || ((key->owner >> 16) + group->number) % QUARTER == 0;
}

/* The place that is given up for a new key, or none: the header says how. With own_alone only of the same site. */
static size_t find_victim(const struct group *group, const struct sticky_key *key, uint64_t newcomer, bool own_alone)
{
	struct owner_share share = { 0 }, ours = share_of(group, newcomer, newcomer);
	size_t victim = STICKY_WAYS;
	uint64_t most = 0;

	for (size_t i = 0; i < STICKY_WAYS; i++) {
		struct owner_share of_this = share_of(group, group->owners[i], newcomer);
		bool own = same_site(group->owners[i], newcomer);
		uint64_t rank = (uint64_t)(of_this.site * 2 + own) << 40 | (uint64_t)of_this.owner << 32
		                | (UINT32_MAX - group->left[i]);

		if (group->left[i] == 0 || (own_alone && !own) || rank <= most)
			continue;
		most = rank;
		victim = i;
		share = of_this;
	}
	if (victim == STICKY_WAYS || share.owner > 1 || share.site > ours.site || may_push(key, group))
		return victim;
	return STICKY_WAYS;
}

static size_t find_place(const struct group *group, const struct sticky_key *key, uint64_t newcomer)
{
	bool bounded = !has_source(key->by) && share_of(group, newcomer, newcomer).site > ELSEWHERE;
	size_t place = bounded ? STICKY_WAYS : find_free(group);

	return place < STICKY_WAYS ? place : find_victim(group, key, newcomer, bounded);
}

/* Most of it is there already, and a line of memory that is not written stays with all processors. */
static void write_word(_Atomic uint64_t *word, uint64_t value)
{
	if (sticky_load(word) != value)
		atomic_store_explicit(word, value, memory_order_relaxed);
}

static void write_key(struct sticky_words *words, const struct sticky_key *key)
{
	uint64_t packed[STICKY_WORDS];

	sticky_pack(key, packed);
	for (size_t i = 0; i < STICKY_WORDS; i++)
		write_word(&words->items[i], packed[i]);
}

/* When an entry is to end that has head now, or none. */
static uint32_t ends_at(const struct sticky_key *key, const struct group *group, size_t own, uint8_t link, uint32_t now_s,
	uint32_t for_s)
{
	uint32_t time = for_s < STICKY_YEAR_S ? for_s : STICKY_YEAR_S;

	if (own < STICKY_WAYS && key->scope == STICKY_TOGETHER && sticky_link(group->heads[own]) == link
	    && group->left[own] > time)
		time = group->left[own];
	return now_s + time;
}

uint8_t sticky_put(struct sticky *sticky, const struct sticky_key *key, uint8_t link, uint8_t before, uint32_t now_s,
	uint32_t for_s)
{
	uint64_t newcomer = (uint64_t)key->owner << 32 | key->site;
	size_t number = group_of(sticky, key);
	struct group group;

	for (int i = 0; i < TRIES; i++) {
		size_t own, place, at;
		uint8_t present;

		look(sticky, number, now_s, &group);
		own = find_own(&group, key);
		present = own < STICKY_WAYS ? sticky_link(group.heads[own]) : 0;
		if (present != 0 && present != before)
			link = present;
		place = own < STICKY_WAYS ? own : find_place(&group, key, newcomer);
		if (place == STICKY_WAYS)
			return link;
		at = number * STICKY_WAYS + place;
		if (!atomic_compare_exchange_strong_explicit(&sticky->heads[at], &group.heads[place],
			head_make(key->hash, link, ends_at(key, &group, own, link, now_s, for_s)), memory_order_relaxed,
			memory_order_relaxed))
			continue;
		if (own == STICKY_WAYS || has_source(key->by))
			write_word(&sticky->owners[at], newcomer);
		write_key(&sticky->keys[at], key);
		return link;
	}
	return link;
}

size_t sticky_room(const struct sticky *sticky)
{
	return sticky->groups * STICKY_WAYS;
}

size_t sticky_count(const struct sticky *sticky, uint32_t now_s)
{
	size_t count = 0;

	for (size_t i = 0; i < sticky->groups * STICKY_WAYS; i++)
		count += sticky_left(sticky_load(&sticky->heads[i]), now_s) > 0;
	return count;
}
