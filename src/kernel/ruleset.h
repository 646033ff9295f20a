/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts a ruleset into nf_tables, and prints it for people. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/ruleset.h"
#include "kernel/netlink.h"

/* What this kernel has, found out by asking it (a batch that is never committed). */
struct ruleset_features {
	bool native_queue;   /* CONFIG_NFT_QUEUE; else the NFQUEUE target by nft_compat */
	bool owner;          /* table flags owner and persist */
	bool synproxy;       /* CONFIG_NFT_SYNPROXY: SYNPROXY */
	bool copies;         /* CONFIG_NFT_LOG with CONFIG_NETFILTER_NETLINK_LOG: LOG_COPY */
	bool clamp;          /* exthdr that writes TCP options (Linux 4.14): CLAMP_MSS */
	bool connection_limit; /* CONFIG_NFT_CONNLIMIT: LIMIT_CONNECTIONS */
};

/*
 * 0, or -errno where something that we cannot do without is missing: message then names it with its
 * CONFIG_ option.
 */
int ruleset_probe(struct netlink *netlink, struct ruleset_features *ret_features, char *message, size_t size);

/*
 * Makes the table what ruleset says, in one transaction, whatever it was before: base chains and
 * counters that exist stay as they are, rules are flushed and refilled, regular chains and sets
 * replaced, but for dynamic sets of the same type, which keep what they hold unless `refill' is said.
 * Runs again where somebody else committed in between. 0 or -errno; message then names the object.
 */
int ruleset_apply(struct netlink *netlink, const struct ruleset *ruleset,
	const struct ruleset_features *features, char *message, size_t size);

/* What was applied last: names and digests of chains and sets. Belongs to one table. */
struct ruleset_memory;

/* 0 or -errno; the caller frees it with ruleset_memory_free(), which accepts NULL. */
int ruleset_memory_new(struct ruleset_memory **ret_memory);
void ruleset_memory_free(struct ruleset_memory *memory);

/*
 * As ruleset_apply(), but where the kernel still has what memory remembers, only chains and sets that
 * differ are touched: limits of other rules, their counters and what is in dynamic sets stay. A dynamic
 * set of the ruleset with `refill' is emptied in every case. What is in doubt, or is refused that way,
 * is built whole. On an error the kernel keeps what it had, and so does memory.
 */
int ruleset_update(struct netlink *netlink, struct ruleset_memory *memory, const struct ruleset *ruleset,
	const struct ruleset_features *features, char *message, size_t size);

/*
 * Whether the kernel still has our table as the last ruleset_apply() left it: same chains, each
 * with as many rules and ways to it, and its named sets, whatever is in them. 1 yes, 0 no, or -errno.
 */
int ruleset_intact(struct netlink *netlink, const struct ruleset *ruleset);

/* The number that nf_tables gives its state; another one means that somebody committed. 0 or -errno. */
int ruleset_generation(struct netlink *netlink, uint32_t *ret_generation);

/* Deletes the table. 0, also where there is none, or -errno. */
int ruleset_remove(struct netlink *netlink, const char *table);

/* Packets counted by a named counter. 0 or -errno. */
int ruleset_counter(struct netlink *netlink, const char *table, const char *counter, uint64_t *ret_packets);

/*
 * Calls callback with each named counter of the table, which takes far less than asking for one after the other.
 * 0 or -errno; -EINTR where somebody committed meanwhile, so that some may not have been told.
 */
int ruleset_counters(struct netlink *netlink, const char *table,
	void (*callback)(const char *counter, uint64_t packets, void *data), void *data);

/* As nft would list it, each rule with its comment. */
void ruleset_print(FILE *out, const struct ruleset *ruleset, const struct ruleset_features *features);
