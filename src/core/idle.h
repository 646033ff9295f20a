/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which connections have had no packet for a while, told from looks at when the kernel would forget them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So long without a packet: idle. */
#define IDLE_S 10

/*
 * Each packet puts the time at which the kernel forgets its connection further off, or, where it ends it, nearer: as
 * long as that time stays where it is, to a second, no packet came. Fixed size; a connection for which there is no room
 * is not idle. Belongs to one thread at a time. Times are seconds of one clock that never goes back.
 */
struct idle;

/* entries is a power of two, 8 at least. The caller frees it with idle_free(). NULL: no memory. */
struct idle *idle_new(size_t entries);

/* Accepts NULL. */
void idle_free(struct idle *idle);

/* A look at all connections begins: those that the last look did not see are forgotten, and keys that are busy. */
void idle_begin(struct idle *idle, uint32_t now_s);

/* The connection with that hash, which the kernel will forget at expires_s: whether it is idle. */
bool idle_see(struct idle *idle, uint64_t hash, uint32_t expires_s);

/* The same of one that idle_see() was told of in this look; false where it was not. */
bool idle_is(const struct idle *idle, uint64_t hash);

/* Something that belongs to the key is not idle. Another key may be taken for it now and then, in this look only. */
void idle_mark_busy(struct idle *idle, uint64_t key);
bool idle_is_busy(const struct idle *idle, uint64_t key);
