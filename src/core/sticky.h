/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Remembers which link a key took last. Fixed size, shared by all threads without a lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Each entry is one 64-bit word: 32 bits of the key's hash, 26 bits of the second at which it ends, 6
 * bits of link id. A key belongs to one group of eight; a full group gives up the entry that ends
 * first. Times are seconds of a clock that never goes back; they may wrap every two years.
 */
struct sticky;

/* entries is a power of two, 8 at least. The caller frees it with sticky_free(). NULL: no memory. */
struct sticky *sticky_new(size_t entries);

/* Accepts NULL. */
void sticky_free(struct sticky *sticky);

/* Link id of that key, or 0. Any thread. */
uint8_t sticky_get(const struct sticky *sticky, uint64_t hash, uint32_t now_s);

/* Remembers link for for_s seconds from now; at most a year. Any thread. */
void sticky_put(struct sticky *sticky, uint64_t hash, uint8_t link, uint32_t now_s, uint32_t for_s);

/* Entries that have not ended. */
size_t sticky_count(const struct sticky *sticky, uint32_t now_s);

/* The table as bytes that sticky_import() takes, also after a restart: the caller frees them. NULL: no memory. */
void *sticky_export(const struct sticky *sticky, uint32_t now_s, size_t *ret_size);

/* Adds what is in bytes, each for the time that it had left; a larger table forgets a part. False: not ours. */
bool sticky_import(struct sticky *sticky, const void *bytes, size_t size, uint32_t now_s);
