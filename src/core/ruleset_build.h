/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes a ruleset rule by rule. A failed allocation is remembered and told at the end. */
#pragma once

#include "core/ruleset.h"

struct builder {
	struct arena *arena;
	struct ruleset *ruleset;
	size_t chain_room, rule_room, statement_room;
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
