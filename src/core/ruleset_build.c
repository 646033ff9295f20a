/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes a ruleset rule by rule. A failed allocation is remembered and told at the end. */

#include "core/ruleset_build.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* So many at once. */
#define STATEMENTS_PIECE 64

/* One more item at the end of an array in the arena, which doubles when it is full. NULL: no memory. */
static void *append(struct builder *builder, void *items, size_t count, size_t *room, size_t size)
{
	void *grown;

	if (count < *room)
		return items;
	*room = *room == 0 ? 4 : *room * 2;
	grown = arena_array(builder->arena, *room, size);
	if (grown == NULL)
		builder->failed = true;
	else if (count > 0)
		memcpy(grown, items, count * size);
	return grown;
}

static struct chain *last_chain(struct builder *builder)
{
	return &builder->ruleset->chains[builder->ruleset->chain_count - 1];
}

void build_start(struct builder *builder, struct arena *arena, struct ruleset *ruleset, const char *table)
{
	*builder = (struct builder){ .arena = arena, .ruleset = ruleset };
	*ruleset = (struct ruleset){ .table = table };
}

static void add_chain(struct builder *builder, const struct chain *chain)
{
	struct ruleset *ruleset = builder->ruleset;

	if (builder->failed)
		return;
	ruleset->chains = append(builder, ruleset->chains, ruleset->chain_count, &builder->chain_room,
		sizeof(*ruleset->chains));
	if (builder->failed)
		return;
	ruleset->chains[ruleset->chain_count++] = *chain;
	builder->rule_room = 0;
}

void build_base_chain(struct builder *builder, const char *name, enum chain_kind kind, enum chain_hook hook, int priority)
{
	struct chain chain = { .name = name, .kind = kind, .hook = hook, .priority = priority };

	add_chain(builder, &chain);
}

void build_chain(struct builder *builder, const char *name)
{
	struct chain chain = { .name = arena_text(builder->arena, name, strlen(name)), .kind = CHAIN_REGULAR };

	builder->failed |= chain.name == NULL;
	add_chain(builder, &chain);
}

void build_rule(struct builder *builder, const char *format, ...)
{
	char comment[128];
	struct chain *chain;
	va_list arguments;

	if (builder->failed)
		return;
	va_start(arguments, format);
	vsnprintf(comment, sizeof(comment), format, arguments);
	va_end(arguments);
	chain = last_chain(builder);
	chain->rules = append(builder, chain->rules, chain->count, &builder->rule_room, sizeof(*chain->rules));
	if (builder->failed)
		return;
	chain->rules[chain->count] = (struct ruleset_rule){
		.comment = arena_text(builder->arena, comment, strlen(comment)),
	};
	builder->failed |= chain->rules[chain->count].comment == NULL;
	chain->count++;
}

/* Statements are large: rules lie one behind the other in pieces, and the last one moves on where a piece ends. */
static bool statement_room(struct builder *builder, struct ruleset_rule *rule)
{
	size_t room = rule->count * 2 > STATEMENTS_PIECE ? rule->count * 2 : STATEMENTS_PIECE;
	struct statement *piece;

	if (rule->count == 0)
		rule->statements = builder->statements;
	if (builder->statement_room > 0)
		return true;
	piece = arena_array(builder->arena, room, sizeof(*piece));
	builder->failed |= piece == NULL;
	if (piece == NULL)
		return false;
	if (rule->count > 0)
		memcpy(piece, rule->statements, rule->count * sizeof(*piece));
	rule->statements = piece;
	builder->statements = piece + rule->count;
	builder->statement_room = room - rule->count;
	return true;
}

void build_statement(struct builder *builder, struct statement statement)
{
	struct ruleset_rule *rule;
	struct chain *chain;

	if (builder->failed)
		return;
	chain = last_chain(builder);
	rule = &chain->rules[chain->count - 1];
	if (!statement_room(builder, rule))
		return;
	*builder->statements++ = statement;
	builder->statement_room--;
	rule->count++;
}

void build_action(struct builder *builder, enum statement_kind kind)
{
	build_statement(builder, (struct statement){ .kind = kind });
}

void build_jump(struct builder *builder, enum statement_kind kind, const char *chain)
{
	const char *name = arena_text(builder->arena, chain, strlen(chain));

	builder->failed |= name == NULL;
	build_statement(builder, (struct statement){ .kind = kind, .name = name });
}

void build_family(struct builder *builder, enum family family)
{
	build_statement(builder, (struct statement){ .kind = MATCH_FAMILY, .family = family });
}

void build_devices(struct builder *builder, enum statement_kind kind, const struct names *devices, bool negate)
{
	build_statement(builder, (struct statement){ .kind = kind, .negate = negate, .names = *devices });
}

void build_values(struct builder *builder, enum statement_kind kind, const uint32_t *values, size_t count, bool negate)
{
	struct statement statement = { .kind = kind, .negate = negate };

	statement.values.items = arena_array(builder->arena, count, sizeof(*values));
	if (statement.values.items == NULL) {
		builder->failed = true;
		return;
	}
	memcpy(statement.values.items, values, count * sizeof(*values));
	statement.values.count = count;
	build_statement(builder, statement);
}

void build_mark_is(struct builder *builder, enum statement_kind kind, uint32_t mask, uint32_t value, bool negate)
{
	struct statement statement = { .kind = kind, .negate = negate, .mask = mask };

	statement.values.items = arena_array(builder->arena, 1, sizeof(value));
	if (statement.values.items == NULL) {
		builder->failed = true;
		return;
	}
	statement.values.items[0] = value;
	statement.values.count = 1;
	build_statement(builder, statement);
}

void build_set_mark(struct builder *builder, uint32_t mask, uint32_t value)
{
	build_statement(builder, (struct statement){ .kind = SET_MARK, .mask = mask, .value = value });
}

void build_mark_copy(struct builder *builder, enum statement_kind kind, uint32_t mask)
{
	build_statement(builder, (struct statement){ .kind = kind, .mask = mask });
}

/* NULL once the build has failed. */
static const char *copied(struct builder *builder, const char *text)
{
	const char *copy = arena_text(builder->arena, text, strlen(text));

	builder->failed |= copy == NULL;
	return copy;
}

const char *build_set(struct builder *builder, struct ruleset_set set)
{
	struct ruleset *ruleset = builder->ruleset;

	set.name = copied(builder, set.name);
	if (builder->failed)
		return NULL;
	ruleset->sets = append(builder, ruleset->sets, ruleset->set_count, &builder->set_room, sizeof(*ruleset->sets));
	if (!builder->failed)
		ruleset->sets[ruleset->set_count++] = set;
	return set.name;
}

void build_counter(struct builder *builder, const char *name)
{
	struct names *counters = &builder->ruleset->counters;

	name = copied(builder, name);
	if (builder->failed)
		return;
	counters->items = append(builder, counters->items, counters->count, &builder->counter_room, sizeof(char *));
	if (!builder->failed)
		counters->items[counters->count++] = name;
}

void build_count(struct builder *builder, const char *counter)
{
	build_statement(builder, (struct statement){ .kind = COUNT_NAMED, .name = copied(builder, counter) });
}

void build_in_set(struct builder *builder, const char *set, enum family family, struct packet_keys keys, bool negate)
{
	build_statement(builder, (struct statement){ .kind = MATCH_IN_SET, .negate = negate, .family = family,
		.name = copied(builder, set), .keys = keys });
}

void build_into_set(struct builder *builder, enum statement_kind kind, const char *set, enum family family,
	struct packet_keys keys, uint32_t timeout_ms)
{
	build_statement(builder, (struct statement){ .kind = kind, .family = family, .name = copied(builder, set),
		.keys = keys, .timeout_ms = timeout_ms });
}

void build_count_by_mark(struct builder *builder, const char *set, uint32_t mask)
{
	build_statement(builder, (struct statement){ .kind = COUNT_BY_MARK, .name = copied(builder, set), .mask = mask });
}

void build_find_mark(struct builder *builder, const char *set, enum family family, struct packet_keys keys)
{
	build_statement(builder, (struct statement){ .kind = FIND_MARK, .family = family, .name = copied(builder, set),
		.keys = keys });
}

void build_over_limit(struct builder *builder, struct limit limit)
{
	build_statement(builder, (struct statement){ .kind = OVER_LIMIT, .limit = limit });
}

void build_over_limit_each(struct builder *builder, const char *set, enum family family, struct packet_keys keys,
	struct limit limit, uint32_t timeout_ms)
{
	build_statement(builder, (struct statement){ .kind = OVER_LIMIT_EACH, .family = family,
		.name = copied(builder, set), .keys = keys, .limit = limit, .timeout_ms = timeout_ms });
}

void build_dispatch(struct builder *builder, const char *map, uint32_t mask)
{
	build_statement(builder, (struct statement){ .kind = DISPATCH, .name = copied(builder, map), .mask = mask });
}

void build_source_nat(struct builder *builder, const struct address *first, const struct address *last)
{
	build_statement(builder, (struct statement){ .kind = SOURCE_NAT, .address = *first, .last_address = *last });
}

void build_destination_nat(struct builder *builder, const struct address *address, uint16_t port)
{
	build_statement(builder, (struct statement){ .kind = DESTINATION_NAT, .address = *address, .port = port });
}

void build_prefix(struct builder *builder, enum statement_kind kind, const struct network *network)
{
	build_statement(builder, (struct statement){ .kind = kind, .network = *network });
}

void build_icmp_types(struct builder *builder, enum family family, const struct icmp_types *types, bool negate)
{
	build_statement(builder, (struct statement){ .kind = MATCH_ICMP_TYPE, .negate = negate, .family = family,
		.icmp_types = *types });
}

void build_dscps(struct builder *builder, enum family family, const struct dscps *dscps, bool negate)
{
	struct statement statement = { .kind = MATCH_DSCP, .negate = negate, .family = family };

	statement.values.items = arena_array(builder->arena, dscps->count, sizeof(*statement.values.items));
	if (statement.values.items == NULL) {
		builder->failed = true;
		return;
	}
	for (size_t i = 0; i < dscps->count; i++)
		statement.values.items[i] = dscps->items[i];
	statement.values.count = dscps->count;
	build_statement(builder, statement);
}

void build_tcp_flags(struct builder *builder, uint8_t mask, uint8_t value)
{
	build_statement(builder, (struct statement){ .kind = MATCH_TCP_FLAGS, .mask = mask, .value = value });
}

void build_class_priority(struct builder *builder, uint16_t major, uint8_t shift, uint32_t mask)
{
	build_statement(builder, (struct statement){ .kind = SET_CLASS_PRIORITY, .value = major, .queue = shift,
		.mask = mask });
}

void build_priority(struct builder *builder, uint32_t priority)
{
	build_statement(builder, (struct statement){ .kind = SET_PRIORITY, .value = priority });
}

void build_clamp(struct builder *builder, uint32_t bytes)
{
	build_statement(builder, (struct statement){ .kind = CLAMP_MSS, .value = bytes });
}

void build_copy(struct builder *builder, uint16_t group, uint32_t bytes)
{
	build_statement(builder, (struct statement){ .kind = LOG_COPY, .queue = group, .value = bytes });
}

void build_synproxy(struct builder *builder, uint16_t mss, uint8_t window_scale)
{
	build_statement(builder, (struct statement){ .kind = SYNPROXY,
		.synproxy = { .mss = mss, .window_scale = window_scale } });
}
