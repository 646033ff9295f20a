/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes a ruleset rule by rule. A failed allocation is remembered and told at the end. */
#pragma once

#include "core/ruleset.h"

struct builder {
	struct arena *arena;
	struct ruleset *ruleset;
	size_t chain_room, rule_room, set_room, counter_room;
	struct statement *statements; /* free, behind those of the last rule */
	size_t statement_room;
	bool failed; /* no memory */
};

void build_start(struct builder *builder, struct arena *arena, struct ruleset *ruleset, const char *table);

/* What follows goes into this chain. */
void build_base_chain(struct builder *builder, const char *name, enum chain_kind kind, enum chain_hook hook, int priority);
void build_chain(struct builder *builder, const char *name);

/* What follows goes into this rule. The comment is copied. */
void build_rule(struct builder *builder, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a copy of statement, lists that it points to included by reference. */
void build_statement(struct builder *builder, struct statement statement);

/* The usual statements in short. */
void build_action(struct builder *builder, enum statement_kind kind);
void build_jump(struct builder *builder, enum statement_kind kind, const char *chain);
void build_family(struct builder *builder, enum family family);
void build_devices(struct builder *builder, enum statement_kind kind, const struct names *devices, bool negate);
void build_values(struct builder *builder, enum statement_kind kind, const uint32_t *values, size_t count, bool negate);

/* (mark & mask) == value; with negate: != value. kind is MATCH_MARK or MATCH_CONNECTION_MARK. */
void build_mark_is(struct builder *builder, enum statement_kind kind, uint32_t mask, uint32_t value, bool negate);

/* Packet mark = packet mark & ~mask | value. */
void build_set_mark(struct builder *builder, uint32_t mask, uint32_t value);
void build_mark_copy(struct builder *builder, enum statement_kind kind, uint32_t mask);

/*
 * Adds a copy of set with its name, lists that it points to included by reference, in any order with
 * chains. Returns that name; NULL once the build has failed.
 */
const char *build_set(struct builder *builder, struct ruleset_set set);

/* The name is copied. */
void build_counter(struct builder *builder, const char *name);

/* Counts in the counter of that name. */
void build_count(struct builder *builder, const char *counter);

/* Where a set has addresses among its keys, family tells theirs and the rule has matched it before. */
void build_in_set(struct builder *builder, const char *set, enum family family, struct packet_keys keys, bool negate);

/* kind is ADD_TO_SET, REFRESH_IN_SET or KEEP_MARK; timeout_ms 0: the set's. Nothing may follow in the rule. */
void build_into_set(struct builder *builder, enum statement_kind kind, const char *set, enum family family,
	struct packet_keys keys, uint32_t timeout_ms);

/* Counts in the set's element for (packet mark & mask). Nothing may follow in the rule. */
void build_count_by_mark(struct builder *builder, const char *set, uint32_t mask);

void build_find_mark(struct builder *builder, const char *set, enum family family, struct packet_keys keys);
void build_over_limit(struct builder *builder, struct limit limit);
void build_over_limit_each(struct builder *builder, const char *set, enum family family, struct packet_keys keys,
	struct limit limit, uint32_t timeout_ms);

/* Jumps to the chain that the map has for (mark & mask). Nothing may follow in the rule. */
void build_dispatch(struct builder *builder, const char *map, uint32_t mask);

/* To one of first .. last; both the same: to that one. */
void build_source_nat(struct builder *builder, const struct address *first, const struct address *last);

/* port 0: as it is. */
void build_destination_nat(struct builder *builder, const struct address *address, uint16_t port);

/* kind is SOURCE_PREFIX or DESTINATION_PREFIX. */
void build_prefix(struct builder *builder, enum statement_kind kind, const struct network *network);

void build_icmp_types(struct builder *builder, enum family family, const struct icmp_types *types, bool negate);
void build_dscps(struct builder *builder, enum family family, const struct dscps *dscps, bool negate);

/* (flags & mask) == value */
void build_tcp_flags(struct builder *builder, uint8_t mask, uint8_t value);

/* Packet priority = major << 16 | (mark >> shift & mask). */
void build_class_priority(struct builder *builder, uint16_t major, uint8_t shift, uint32_t mask);
void build_priority(struct builder *builder, uint32_t priority);
/* The largest segment that TCP may announce; the rule has matched its handshake before. */
void build_clamp(struct builder *builder, uint32_t bytes);
/* The first bytes of the packet to whoever listens to the group. */
void build_copy(struct builder *builder, uint16_t group, uint32_t bytes);
void build_synproxy(struct builder *builder, uint16_t mss, uint8_t window_scale);
