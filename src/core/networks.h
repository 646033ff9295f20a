/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many networks: sorted for the search, and made from ranges of addresses. */
#pragma once

#include "core/config.h"

/* Enough for any range: 2 for each bit of the address, less 2. */
#define NETWORKS_OF_RANGE_MAX 254

/*
 * Sorts in place, IPv4 before IPv6, and leaves out what is inside another. Bits after a length are cleared.
 * What networks_hold() and the kernel's sets want.
 */
void networks_sort(struct networks *networks);

/* Whether one of them has the address: binary search in what networks_sort() has sorted. */
bool networks_hold(const struct networks *sorted, const struct address *address);

/* The part of one family of sorted networks, by reference. */
struct networks networks_of_family(const struct networks *sorted, enum family family);

/* Both together, sorted, in the arena. False: no memory. */
bool networks_join(struct arena *arena, const struct networks *a, const struct networks *b, struct networks *ret_sorted);

bool networks_equal(const struct networks *a, const struct networks *b);

/*
 * The fewest networks that have exactly the addresses first to last, in their order. Returns how many,
 * NETWORKS_OF_RANGE_MAX at most, or 0 where last is before first or of the other family.
 */
size_t networks_of_range(const struct address *first, const struct address *last, struct network *ret_items);
