/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an address to what holds for all the networks that it is in, at once. */
#pragma once

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "core/address.h"
#include "core/facts.h"

/* What a network adds to the fact of every address in it. */
struct address_item {
	uint64_t high, low;   /* the first address, an IPv4 address in the uppermost bits */
	uint32_t number;      /* of the fact or of the bit */
	uint8_t length;
	uint8_t kind;
};

enum address_item_kind {
	ITEM_FACT,
	ITEM_NAMED,    /* a bit */
	ITEM_EXCLUDED, /* a bit */
};

/* They come in any order; sorted parts, as lists of networks are, cost less. */
struct address_items {
	struct address_item *items;
	size_t count, room;
	bool failed;
};

void address_items_add(struct address_items *items, const struct network *network, enum address_item_kind kind,
	uint32_t number);
void address_items_close(struct address_items *items);

/*
 * The borders of all networks cut the addresses of one family into intervals, each with one fact. Found by
 * the first bits of the address and a binary search between the borders that share them.
 */
struct address_map {
	struct address_interval {
		uint64_t high;    /* first half of the first address */
		uint32_t fact;
	} *intervals;
	uint64_t *low;        /* second half; NULL where it would be zero for all */
	size_t count;
	uint32_t *index;      /* by the first bits: the interval that their first address is in */
	unsigned int index_shift;
};

/* root: the fact of all addresses. Lives in the arena. Sorts the items. 0 or -ENOMEM. */
int address_map_make(struct address_items *items, uint32_t root, struct facts *facts, struct arena *arena,
	struct address_map *ret_map);

/* Number of the fact of an address of that map's family. */
uint32_t address_map_find(const struct address_map *map, const struct address *address);

/* Asks for the memory that the search begins with. */
static inline void address_map_fetch(const struct address_map *map, const struct address *address)
{
	uint32_t first;

	memcpy(&first, address->bytes, sizeof(first));
	__builtin_prefetch(&map->index[(uint64_t)ntohl(first) << 31 >> map->index_shift]);
}
