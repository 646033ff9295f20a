/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel has under the name of our table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netfilter/nf_tables.h>

#include "core/ruleset.h"
#include "kernel/netlink.h"

struct chain_state {
	char name[NFT_NAME_MAXLEN];
	char type[16];   /* empty: a regular chain */
	uint32_t hook;   /* of a base chain, also below */
	int32_t priority;
	uint32_t uses;   /* rules in it, and rules and elements that lead to it */
	const struct chain *wanted; /* of that name in a ruleset, see table_compare() */
};

/* A set with a name. */
struct set_state {
	char name[NFT_NAME_MAXLEN];
	uint32_t flags;
	uint32_t key_type, key_size;
	uint32_t elements; /* at most; 0: no bound */
	uint64_t timeout_ms;
	const struct ruleset_set *wanted; /* of that name in a ruleset, see table_compare() */
};

struct table_state {
	const char *name;
	bool exists;
	uint32_t flags;
	uint32_t generation; /* of the whole ruleset, read before everything else */
	struct chain_state *chains; /* sorted by name */
	size_t chain_count;
	char (*counters)[NFT_NAME_MAXLEN];
	size_t counter_count;
	struct set_state *sets; /* sorted by name */
	size_t set_count;
};

/*
 * Reads table, chains, named counters and named sets; table_free() in every case.
 * 0, -EINTR where somebody changed them meanwhile, or -errno.
 */
int table_read(struct netlink *netlink, const char *name, struct table_state *ret_state);

/* -EINTR where the ruleset is no more of the state's generation; else 0 or -errno. */
int table_still_current(struct netlink *netlink, const struct table_state *state);

void table_free(struct table_state *state);

/* Fills in what of the table's chains and sets the ruleset wants. */
void table_compare(struct table_state *state, const struct ruleset *ruleset);

/* NULL: it has no chain of that name. */
const struct chain_state *table_chain(const struct table_state *state, const char *name);

/* Whether a chain is what the ruleset wants it to be, its rules aside; false for one not wanted. */
bool chain_fits(const struct chain_state *chain);

/* NULL: it has no set of that name. */
const struct set_state *table_set(const struct table_state *state, const char *name);

/* Whether a set is what the ruleset wants it to be, its elements aside; false for one not wanted. */
bool set_fits(const struct set_state *state);
