/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gives equal things the same number, so that each is kept once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Items of one size, numbered from 0 as they first came. */
struct intern {
	size_t words;         /* of 64 bits that an item has */
	uint64_t *items;      /* one behind the other; moves when it grows */
	uint32_t count, room; /* of items */
	uint32_t *slots;      /* a number plus one, or 0 */
	uint32_t slot_mask;
	bool failed;          /* there was no memory once: numbers given since mean nothing */
};

/* size: of an item in bytes, a multiple of 8. Zeroed before, so that intern_close() is right in any case. */
void intern_open(struct intern *intern, size_t size);

void intern_close(struct intern *intern);

/* Number of the item, which is copied when it is new. Without memory 0, and failed is set. */
uint32_t intern_put(struct intern *intern, const void *item);

static inline const void *intern_get(const struct intern *intern, uint32_t number)
{
	return &intern->items[number * intern->words];
}
