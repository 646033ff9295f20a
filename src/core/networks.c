/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many networks: sorted for the search, and made from ranges of addresses. */

#include "core/networks.h"

#include <stdlib.h>
#include <string.h>

static int compare_addresses(const struct address *a, const struct address *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* What is around comes before what is inside. */
static int compare_networks(const void *left, const void *right)
{
	const struct network *a = left, *b = right;
	int order = compare_addresses(&a->address, &b->address);

	return order != 0 ? order : (int)a->length - (int)b->length;
}

void networks_sort(struct networks *networks)
{
	struct network *items = networks->items;
	size_t kept = 0;

	for (size_t i = 0; i < networks->count; i++)
		items[i] = network_around(&items[i].address, items[i].length);
	if (networks->count > 1)
		qsort(items, networks->count, sizeof(*items), compare_networks);
	for (size_t i = 0; i < networks->count; i++) {
		if (kept == 0 || !network_contains(&items[kept - 1], &items[i].address))
			items[kept++] = items[i];
	}
	networks->count = kept;
}

/* How many of them begin at the address or before it. */
static size_t count_up_to(const struct networks *sorted, const struct address *address)
{
	size_t low = 0, high = sorted->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_addresses(&sorted->items[middle].address, address) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* As none is inside another, only the last that begins before the address can have it. */
bool networks_hold(const struct networks *sorted, const struct address *address)
{
	size_t before = count_up_to(sorted, address);

	return before > 0 && network_contains(&sorted->items[before - 1], address);
}

struct networks networks_of_family(const struct networks *sorted, enum family family)
{
	struct address last_of_ipv4 = { .family = IPV4 };
	size_t split;

	memset(last_of_ipv4.bytes, 0xff, sizeof(last_of_ipv4.bytes));
	split = count_up_to(sorted, &last_of_ipv4);
	if (family == IPV4)
		return (struct networks){ sorted->items, split };
	return (struct networks){ split == sorted->count ? NULL : sorted->items + split, sorted->count - split };
}

bool networks_join(struct arena *arena, const struct networks *a, const struct networks *b, struct networks *ret_sorted)
{
	struct networks joined = { .items = arena_array(arena, a->count + b->count, sizeof(struct network)) };

	if (joined.items == NULL)
		return false;
	if (a->count > 0)
		memcpy(joined.items, a->items, a->count * sizeof(struct network));
	if (b->count > 0)
		memcpy(joined.items + a->count, b->items, b->count * sizeof(struct network));
	joined.count = a->count + b->count;
	networks_sort(&joined);
	*ret_sorted = joined;
	return true;
}

bool networks_equal(const struct networks *a, const struct networks *b)
{
	for (size_t i = 0; i < a->count && a->count == b->count; i++) {
		if (!network_equal(&a->items[i], &b->items[i]))
			return false;
	}
	return a->count == b->count;
}

static struct address last_address(const struct network *network)
{
	struct address last = network->address;
	size_t whole = network->length / 8, size = family_size(last.family);

	if (whole == size)
		return last;
	last.bytes[whole] |= (uint8_t)(0xff >> network->length % 8);
	memset(last.bytes + whole + 1, 0xff, size - whole - 1);
	return last;
}

/* False where there is none. */
static bool next_address(struct address *address)
{
	for (size_t i = family_size(address->family); i-- > 0;) {
		if (++address->bytes[i] != 0)
			return true;
	}
	return false;
}

/* The largest network that begins at first and does not reach beyond last. */
static struct network largest_from(const struct address *first, const struct address *last)
{
	struct network network = network_around(first, (uint8_t)(8 * family_size(first->family)));

	while (network.length > 0) {
		struct network wider = network_around(first, (uint8_t)(network.length - 1));
		struct address end = last_address(&wider);

		if (!address_equal(&wider.address, first) || compare_addresses(&end, last) > 0)
			break;
		network = wider;
	}
	return network;
}

size_t networks_of_range(const struct address *first, const struct address *last, struct network *ret_items)
{
	struct address next = *first;
	size_t count = 0;

	if (first->family != last->family)
		return 0;
	while (compare_addresses(&next, last) <= 0) {
		ret_items[count] = largest_from(&next, last);
		next = last_address(&ret_items[count++]);
		if (!next_address(&next))
			break;
	}
	return count;
}
