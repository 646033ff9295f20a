/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Remembers which link a key took last. Fixed size, shared by all threads without a lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/flow.h"
#include "core/siphash.h"

/*
 * What threads look for is one 64-bit word for each entry: 32 bits of the key's hash, 26 bits of the second at which
 * it ends, 6 bits of link id. The key itself, and whose it is, stand beside it, for who lists entries and for the
 * choice of one to give up: 64 bytes in all. These are written after the word, so a reader holds them to its hash and
 * passes over what does not fit. Times are seconds of a clock that never goes back; they may wrap every two years.
 *
 * A key belongs to one group of eight places, and a full group gives one up. What a source opens is bounded, by its
 * site, which is the address in IPv4 and the /64 in IPv6:
 * - keys with a source are in that quarter of the groups which belongs to its site. Others, by destination, may be
 *   anywhere, and of them a site has four in each group at most. So a site has a quarter of the table, or half of it.
 * - the site with most entries in the group, the new one counted, gives one up: of its address with most of them the
 *   one that ends first.
 * - where each has but one there, a key by source takes the place of the one that ends first. Other keys, of which a
 *   source may have any number, do so only in a quarter of their groups, which differs from address to address;
 *   elsewhere they are not remembered. So a source that opens very many keys costs all others together less than one
 *   place in thirty, even where the table is full.
 */
struct sticky;

/* The scope of keys that policies share; others have the hash of their policy's name. */
#define STICKY_TOGETHER 0

struct sticky_key {
	uint64_t hash;
	uint64_t scope;
	enum flow_key by;
	struct address from, to; /* all zero bytes where the key has it not */
	uint16_t to_port;
	uint8_t protocol;        /* both 0 but for KEY_SOURCE_DESTINATION_PORT */
	uint32_t owner, site;    /* hashes of the source, also where the key has it not */
};

struct sticky_key sticky_key_of(const struct hash_key *key, enum flow_key by, const struct flow *flow, uint64_t scope);

/* entries is a power of two, 8 at least. The caller frees it with sticky_free(). NULL: no memory. */
struct sticky *sticky_new(size_t entries);

/* Accepts NULL. */
void sticky_free(struct sticky *sticky);

/* Link id of that key, or 0. Any thread. */
uint8_t sticky_get(const struct sticky *sticky, const struct sticky_key *key, uint32_t now_s);

/*
 * Remembers link for for_s seconds from now; at most a year. A key that policies share is never shortened by one of
 * them. before is what sticky_get() said: where another thread has remembered something else since then, that stays.
 * Returns the link that counts. Any thread.
 */
uint8_t sticky_put(struct sticky *sticky, const struct sticky_key *key, uint8_t link, uint8_t before, uint32_t now_s,
	uint32_t for_s);

/* Entries that have not ended. */
size_t sticky_count(const struct sticky *sticky, uint32_t now_s);

struct sticky_entry {
	struct sticky_key key;
	uint8_t link;
	uint32_t left_s;
};

/* How many it has room for. */
size_t sticky_room(const struct sticky *sticky);

/* Every entry that has not ended, until callback returns false; one that is being written is left out. Any thread. */
void sticky_each(const struct sticky *sticky, const struct hash_key *key, uint32_t now_s,
	bool (*callback)(const struct sticky_entry *entry, void *data), void *data);

/* Whether its source is in network; of a key by destination, whether that is. */
bool sticky_concerns(const struct sticky_key *key, const struct network *network);

/* Drops the entries that network concerns. Returns how many. Any thread. */
size_t sticky_forget(struct sticky *sticky, const struct hash_key *key, const struct network *network, uint32_t now_s);

/* The same of those for which where() says so. */
size_t sticky_forget_where(struct sticky *sticky, const struct hash_key *key, uint32_t now_s,
	bool (*where)(const struct sticky_entry *entry, void *data), void *data);

/* The most entries that an export has; what is over it is left out. */
#define STICKY_EXPORT_MAX (1u << 19)

/* The table as bytes that sticky_import() takes, also after a restart: the caller frees them. NULL: no memory. */
void *sticky_export(const struct sticky *sticky, const struct hash_key *key, uint32_t now_s, size_t *ret_size);

/*
 * Adds what is in bytes, each for the time that it had left, into a table of any size. False: not ours, or of a
 * version before, and then nothing was added.
 */
bool sticky_import(struct sticky *sticky, const struct hash_key *key, const void *bytes, size_t size, uint32_t now_s);
