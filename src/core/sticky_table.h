/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of sticky share: entries as they lie in memory. */
#pragma once

#include <stdatomic.h>
#include <string.h>

#include "core/sticky.h"

#define STICKY_WAYS      8
#define STICKY_TIME_BITS 26
#define STICKY_TIME_MASK ((1u << STICKY_TIME_BITS) - 1)
#define STICKY_YEAR_S    (365u * 24 * 3600)
#define STICKY_WORDS     6

/* A key as words. */
struct sticky_words {
	_Atomic uint64_t items[STICKY_WORDS];
};

struct sticky {
	size_t groups, region;      /* region: groups of one site */
	_Atomic uint64_t *heads;    /* what is looked for */
	_Atomic uint64_t *owners;   /* owner << 32 | site */
	struct sticky_words *keys;
};

static inline uint32_t sticky_tag(uint64_t head)
{
	return (uint32_t)(head >> 32);
}

static inline uint8_t sticky_link(uint64_t head)
{
	return head & 0x3f;
}

/* Seconds until the entry ends; 0 for one that has ended, or that is empty. */
static inline uint32_t sticky_left(uint64_t head, uint32_t now_s)
{
	uint32_t left = ((uint32_t)(head >> 6) - now_s) & STICKY_TIME_MASK;

	return sticky_link(head) == 0 || left > STICKY_YEAR_S ? 0 : left;
}

/* Source 0 and 1, destination 2 and 3, scope 4, the rest 5. */
static inline void sticky_pack(const struct sticky_key *key, uint64_t words[static STICKY_WORDS])
{
	memcpy(words, key->from.bytes, 16);
	memcpy(words + 2, key->to.bytes, 16);
	words[4] = key->scope;
	words[5] = (uint64_t)key->from.family | (uint64_t)key->by << 8 | (uint64_t)key->protocol << 16
	           | (uint64_t)key->to_port << 32;
}

static inline uint64_t sticky_load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}
