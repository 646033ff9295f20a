/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last decisions by flow, so that packets of one flow that wait together get one answer. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/flow.h"
#include "core/siphash.h"

/*
 * Belongs to one verdict thread: the kernel gives all packets of a flow to one queue. A decision
 * counts while its generation lasts and for PENDING_MS at most, which covers a held datagram and its
 * followers, and the first repeat of a SYN. Fixed size; an older entry gives way.
 */
struct pending;

#define PENDING_MS 3000

/* The caller frees it with pending_free(). NULL: no memory. */
struct pending *pending_new(void);

/* Accepts NULL. */
void pending_free(struct pending *pending);

/* Keyed hash of the 5-tuple and the device that it came in by. */
uint64_t pending_hash(const struct hash_key *key, const struct flow *flow);

/* True with the mark that this flow was given a moment ago. */
bool pending_find(const struct pending *pending, uint64_t hash, uint32_t generation, uint64_t now_ms, uint32_t *ret_mark);

void pending_add(struct pending *pending, uint64_t hash, uint32_t generation, uint64_t now_ms, uint32_t mark);
