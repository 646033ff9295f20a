/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables, chains, counters and rules as messages of a batch. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/ruleset.h"
#include "kernel/ruleset.h"
#include "kernel/ruleset_batch.h"

/* Flags of a table that others cannot change and that outlives us. Newer than our kernel headers. */
#define TABLE_OWNER         0x2
#define TABLE_PERSIST       0x4
#define TABLE_OURS          (TABLE_OWNER | TABLE_PERSIST)

/* What the kernel calls them. */
const char *chain_type_name(enum chain_kind kind);
uint32_t chain_hook_number(enum chain_hook hook);

/* What nft may show between quotation marks: one that would end the text, or hide it, becomes `?'. */
char comment_character(char character);

/* flags 0: those that a table has stay. No message fails because the object is there already. */
void message_table_add(struct batch *batch, uint32_t flags);
void message_table_delete(struct batch *batch);
void message_chain_add(struct batch *batch, const struct chain *chain);
void message_chain_delete(struct batch *batch, const char *name);
void message_counter_add(struct batch *batch, const char *name);
void message_counter_delete(struct batch *batch, const char *name);

/* All rules of the chain; chain NULL: of the table. */
void message_flush(struct batch *batch, const char *chain);

/* At the end of the chain, with the sets that it needs. */
void message_rule_add(struct batch *batch, const struct ruleset_features *features, const char *chain,
	const struct ruleset_rule *rule);
