/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an address to what holds for all the networks that it is in, at once. */

#include "core/address_map.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first bits that an index goes by: as many as make few intervals for each. */
#define INDEX_BITS_MAX 16

#define LENGTH_MAX 128

/* Of an IPv4 address the other bytes are zero. */
static inline void read_key(const struct address *address, uint64_t *ret_high, uint64_t *ret_low)
{
	uint32_t words[4];

	memcpy(words, address->bytes, sizeof(words));
	*ret_high = (uint64_t)ntohl(words[0]) << 32 | ntohl(words[1]);
	*ret_low = (uint64_t)ntohl(words[2]) << 32 | ntohl(words[3]);
}

void address_items_add(struct address_items *items, const struct network *network, enum address_item_kind kind,
	uint32_t number)
{
	struct network around = network_around(&network->address, network->length);
	struct address_item *item;

	if (items->count == items->room) {
		size_t room = items->room == 0 ? 64 : 2 * items->room;
		struct address_item *more = reallocarray(items->items, room, sizeof(*more));

		if (more == NULL) {
			items->failed = true;
			return;
		}
		items->items = more;
		items->room = room;
	}
	item = &items->items[items->count++];
	*item = (struct address_item){ .number = number, .length = around.length, .kind = (uint8_t)kind };
	read_key(&around.address, &item->high, &item->low);
}

void address_items_close(struct address_items *items)
{
	free(items->items);
	*items = (struct address_items){ 0 };
}

/* By first address, the larger network before those in it. */
static bool is_before(const struct address_item *a, const struct address_item *b)
{
	if (a->high != b->high)
		return a->high < b->high;
	if (a->low != b->low)
		return a->low < b->low;
	return a->length < b->length;
}

/* Merges [first, middle) and [middle, end) of from into to. */
static void merge(const struct address_item *from, struct address_item *to, size_t first, size_t middle, size_t end)
{
	size_t left = first, right = middle;

	for (size_t i = first; i < end; i++) {
		if (left < middle && (right == end || !is_before(&from[right], &from[left])))
			to[i] = from[left++];
		else
			to[i] = from[right++];
	}
}

static size_t end_of_run(const struct address_item *items, size_t first, size_t count)
{
	size_t i = first + 1;

	while (i < count && !is_before(&items[i], &items[i - 1]))
		i++;
	return i < count ? i : count;
}

/* One pass of a natural merge sort: neighbouring runs become one. True where a single run is left. */
static bool merge_runs(const struct address_item *from, struct address_item *to, size_t count)
{
	size_t runs = 0;

	for (size_t first = 0, end = 0; first < count; first = end) {
		size_t middle = end_of_run(from, first, count);

		end = middle < count ? end_of_run(from, middle, count) : count;
		merge(from, to, first, middle, end);
		runs++;
	}
	return runs <= 1;
}

static int sort_items(struct address_items *items)
{
	struct address_item *other;

	if (items->count == 0 || end_of_run(items->items, 0, items->count) == items->count)
		return 0;
	other = reallocarray(NULL, items->count, sizeof(*other));
	if (other == NULL)
		return -ENOMEM;
	for (bool sorted = false; !sorted;) {
		struct address_item *from = items->items;

		sorted = merge_runs(from, other, items->count);
		items->items = other;
		other = from;
	}
	free(other);
	items->room = items->count;
	return 0;
}

/* Goes over the networks from the lowest address on, and remembers in which ones it is. */
struct sweep {
	struct facts *facts;
	struct surroundings {
		uint64_t last_high, last_low; /* last address */
		uint32_t fact;
	} stack[LENGTH_MAX + 2];
	size_t depth;
	struct address_interval *intervals;
	uint64_t *low;
	size_t count;
};

static const struct surroundings *around(const struct sweep *sweep)
{
	return &sweep->stack[sweep->depth - 1];
}

/* From that address on fact holds. There is room for all: each network begins once and ends once. */
static void begin_interval(struct sweep *sweep, uint64_t high, uint64_t low, uint32_t fact)
{
	const struct address_interval *last = &sweep->intervals[sweep->count - 1];

	if (sweep->count > 0 && last->high == high && sweep->low[sweep->count - 1] == low) {
		sweep->count--;
		last--;
	}
	if (sweep->count > 0 && last->fact == fact)
		return;
	sweep->low[sweep->count] = low;
	sweep->intervals[sweep->count++] = (struct address_interval){ high, fact };
}

/* The innermost network ends; behind it, unless it is the end of all, what is around it goes on. */
static void leave(struct sweep *sweep)
{
	struct surroundings left = sweep->stack[--sweep->depth];

	if (++left.last_low == 0 && ++left.last_high == 0)
		return;
	begin_interval(sweep, left.last_high, left.last_low, around(sweep)->fact);
}

static bool is_behind(const struct address_item *item, const struct surroundings *network)
{
	return item->high > network->last_high || (item->high == network->last_high && item->low > network->last_low);
}

static void enter(struct sweep *sweep, const struct address_item *item, uint32_t fact)
{
	unsigned int length = item->length;
	uint64_t rest_high = length >= 64 ? 0 : UINT64_MAX >> length;
	uint64_t rest_low = length >= 128 ? 0 : length <= 64 ? UINT64_MAX : UINT64_MAX >> (length - 64);

	sweep->stack[sweep->depth++] = (struct surroundings){ item->high | rest_high, item->low | rest_low, fact };
	begin_interval(sweep, item->high, item->low, fact);
}

static uint32_t with_bits(struct sweep *sweep, uint32_t vector, const struct address_item *items, size_t count,
	enum address_item_kind kind)
{
	size_t i = 0;

	while (i < count && items[i].kind != kind)
		i++;
	if (i == count)
		return vector;
	bit_vectors_begin(sweep->facts->vectors, vector);
	for (; i < count; i++) {
		if (items[i].kind == kind)
			bit_vectors_put(sweep->facts->vectors, items[i].number, true);
	}
	return bit_vectors_end(sweep->facts->vectors);
}

/* What holds in a network that all these items are of. */
static uint32_t inside_fact(struct sweep *sweep, const struct address_item *items, size_t count)
{
	uint32_t number = around(sweep)->fact;
	struct fact_numbers fact;
	bool bits = false;

	for (size_t i = 0; i < count; i++) {
		if (items[i].kind == ITEM_FACT)
			number = facts_union(sweep->facts, number, items[i].number);
		else
			bits = true;
	}
	if (!bits)
		return number;
	memcpy(&fact, intern_get(&sweep->facts->intern, number), sizeof(fact));
	fact.named = with_bits(sweep, fact.named, items, count, ITEM_NAMED);
	fact.excluded = with_bits(sweep, fact.excluded, items, count, ITEM_EXCLUDED);
	return facts_put(sweep->facts, &fact);
}

static bool same_network(const struct address_item *a, const struct address_item *b)
{
	return a->high == b->high && a->low == b->low && a->length == b->length;
}

static void sweep_over(struct sweep *sweep, const struct address_item *items, size_t count, uint32_t root)
{
	sweep->stack[sweep->depth++] = (struct surroundings){ UINT64_MAX, UINT64_MAX, root };
	begin_interval(sweep, 0, 0, root);
	for (size_t first = 0, end; first < count; first = end) {
		for (end = first + 1; end < count && same_network(&items[first], &items[end]);)
			end++;
		while (is_behind(&items[first], around(sweep)))
			leave(sweep);
		enter(sweep, &items[first], inside_fact(sweep, &items[first], end - first));
	}
	while (sweep->depth > 1)
		leave(sweep);
}

static void *keep(struct arena *arena, const void *items, size_t count, size_t size)
{
	void *copy = arena_array(arena, count, size);

	return copy == NULL ? NULL : memcpy(copy, items, count * size);
}

static bool is_all_zero(const uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (words[i] != 0)
			return false;
	}
	return true;
}

/* Whether the interval begins at that address or before it. */
static inline bool begins_by(const struct address_map *map, size_t interval, uint64_t high, uint64_t low)
{
	return map->intervals[interval].high < high
	       || (map->intervals[interval].high == high && (map->low == NULL || map->low[interval] <= low));
}

static int make_index(struct address_map *map, struct arena *arena)
{
	unsigned int bits = 0;
	size_t interval = 0;

	while (bits < INDEX_BITS_MAX && map->count >> bits > 1)
		bits++;
	map->index_shift = 63 - bits; /* and one bit more: a shift by 64 is none */
	map->index = arena_array(arena, ((size_t)1 << bits) + 1, sizeof(*map->index));
	if (map->index == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < (uint64_t)1 << bits; i++) {
		while (interval + 1 < map->count && begins_by(map, interval + 1, i << map->index_shift << 1, 0))
			interval++;
		map->index[i] = (uint32_t)interval;
	}
	map->index[(size_t)1 << bits] = (uint32_t)(map->count - 1);
	return 0;
}

static int keep_map(const struct sweep *sweep, struct arena *arena, struct address_map *map)
{
	*map = (struct address_map){ .count = sweep->count };
	map->intervals = keep(arena, sweep->intervals, sweep->count, sizeof(*map->intervals));
	if (map->intervals == NULL)
		return -ENOMEM;
	if (!is_all_zero(sweep->low, sweep->count)) {
		map->low = keep(arena, sweep->low, sweep->count, sizeof(*map->low));
		if (map->low == NULL)
			return -ENOMEM;
	}
	return make_index(map, arena);
}

int address_map_make(struct address_items *items, uint32_t root, struct facts *facts, struct arena *arena,
	struct address_map *ret_map)
{
	size_t room = 2 * items->count + 1;
	struct sweep sweep = { .facts = facts };
	int result = -ENOMEM;

	sweep.intervals = reallocarray(NULL, room, sizeof(*sweep.intervals));
	sweep.low = reallocarray(NULL, room, sizeof(*sweep.low));
	if (items->failed || sweep.intervals == NULL || sweep.low == NULL || sort_items(items) < 0)
		goto cleanup;
	sweep_over(&sweep, items->items, items->count, root);
	if (!facts->intern.failed)
		result = keep_map(&sweep, arena, ret_map);

cleanup:
	free(sweep.intervals);
	free(sweep.low);
	return result;
}

uint32_t address_map_find(const struct address_map *map, const struct address *address)
{
	uint64_t high, low;
	const uint32_t *part;
	size_t first, count;

	read_key(address, &high, &low);
	part = &map->index[high >> 1 >> map->index_shift];
	first = part[0];
	count = part[1] - first + 1;
	while (count > 1) {
		size_t half = count / 2, middle = first + half;

		first = begins_by(map, middle, high, low) ? middle : first;
		count -= half;
	}
	return map->intervals[first].fact;
}
