/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of destinations as its own files see it. */
#pragma once

#include <stdatomic.h>

#include "core/paths.h"

#define WAYS        8
#define NO_TAG      0

#define POPULARITY_ONE 256 /* a connection */
#define POPULARITY_S   600 /* in ten minutes */

/* One link of a destination. All zero: nothing is known. */
struct path_slot {
	_Atomic uint32_t us;         /* smoothed; 0: not measured */
	_Atomic uint32_t settled_us; /* what it was when the others were last thought to be worth a sample because of it */
	_Atomic uint32_t at_s;       /* when it was last learnt */
	_Atomic uint32_t failed_at_s; /* the last of the failures in a row */
	_Atomic uint32_t excluded_until_s;
	_Atomic uint32_t asked_ms;   /* when a connection last explored it */
	_Atomic uint32_t sent_ms;    /* when the first of those that wait went out */
	_Atomic uint16_t waiting;    /* connections since the last answer */
	_Atomic uint8_t failures;    /* in a row */
	_Atomic uint8_t exclusions;  /* in a row */
	_Atomic uint8_t interval;    /* doublings of the shortest */
	_Atomic bool moved;          /* something has changed: stale, whatever its age */
};

/* A destination. Readers may see it in the middle of a change: the worst of it is one connection by another usable link. */
struct destination {
	_Atomic uint64_t prefix;     /* family and network in one */
	_Atomic uint64_t links;      /* numbers of links, a byte for each slot; 0: free */
	_Atomic uint32_t popularity; /* connections in ten minutes, in 256ths, at popular_at_s */
	_Atomic uint32_t popular_at_s;
	_Atomic uint32_t current_since_s;
	_Atomic uint64_t host;       /* that answered TCP last, without its network */
	_Atomic uint16_t host_high;  /* the rest of it, IPv6 */
	_Atomic uint16_t port;       /* of it; 0: none did */
	_Atomic uint8_t current;     /* number of the link that is best; 0: none */
	struct path_slot slots[PATHS_LINKS];
};

/* Tags stand apart, so that a group of them is one line of the cache. */
struct paths {
	struct hash_key key;
	size_t groups;
	_Atomic uint64_t *tags;      /* the hash of the prefix; NO_TAG: free */
	struct destination *destinations;
	atomic_flag learning;
	_Atomic uint64_t learnt, connections, explored;
	_Atomic uint32_t credit;     /* of the budget by connections, in 20ths of an exploration */
	_Atomic uint64_t next_ms;    /* of the budget by time: when the bucket is full again */
};

/* Family and network, never 0; and back. */
uint64_t prefix_of(const struct address *address);
struct network prefix_network(uint64_t prefix);

/* The host that was kept, with its network. */
void host_keep(struct destination *destination, const struct address *host);
struct address host_of(const struct destination *destination);

/* 0 where it is to come: who decides may go by a moment that is a little older than what was learnt last. */
uint32_t seconds_since(uint32_t then_s, uint32_t now_s);

/* Index in tags and destinations, or SIZE_MAX. */
size_t paths_index(const struct paths *paths, uint64_t prefix);

/* Its place: of those in the group the least popular gives way. Whoever learns only. */
struct destination *paths_place(struct paths *paths, uint64_t prefix, uint32_t now_s);

/* What is left of the popularity at now_s, in 256ths. */
uint32_t popularity_left(const struct destination *destination, uint32_t now_s);
void popularity_add(struct destination *destination, uint32_t now_s);

/* Index of that link's slot, or -1. */
int slot_find(const struct destination *destination, uint8_t link);

/* The same; takes a free one where there is none. NULL: all are taken. */
struct path_slot *slot_claim(struct destination *destination, uint8_t link);

/* Makes it as if nothing had been known. */
void slot_clear(struct path_slot *slot);

bool destination_idle(const struct destination *destination, uint32_t now_s);

void paths_lock(struct paths *paths);
void paths_unlock(struct paths *paths);

/* Chooses the best link anew, with hysteresis. Whoever learns only. */
void destination_settle(struct destination *destination, uint32_t now_s);

#define get(field)        atomic_load_explicit(&(field), memory_order_relaxed)
#define put(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
