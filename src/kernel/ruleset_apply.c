/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the kernel's table what a ruleset says, in one transaction. */

#include "kernel/ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/ruleset_apply.h"
#include "kernel/ruleset_message.h"
#include "kernel/ruleset_named.h"
#include "kernel/ruleset_state.h"

static bool wants_counter(const struct ruleset *ruleset, const char *name)
{
	for (size_t i = 0; i < ruleset->counters.count; i++) {
		if (strcmp(ruleset->counters.items[i], name) == 0)
			return true;
	}
	return false;
}

/*
 * A base chain that fits stays, and so does one that is no more wanted, empty: deleting any drops
 * every packet that a queue holds. Regular chains always go: the kernel looks for loops among their
 * old rules too.
 */
static bool stays(const struct chain_state *chain)
{
	if (chain->type[0] == '\0')
		return false;
	return chain->wanted == NULL || chain_fits(chain);
}

/* A set that rules and the daemon fill keeps what it holds, where it may. Others are made anew. */
static bool set_stays(const struct set_state *set)
{
	return set_fits(set) && set->wanted->kind == SET_DYNAMIC && !set->wanted->refill;
}

static void clear(struct batch *batch, const struct table_state *state, const struct ruleset *ruleset)
{
	message_flush(batch, NULL);
	for (size_t i = 0; i < state->set_count; i++) {
		if (!set_stays(&state->sets[i]))
			message_set_delete(batch, state->sets[i].name);
	}
	for (size_t i = 0; i < state->chain_count; i++) {
		if (!stays(&state->chains[i]))
			message_chain_delete(batch, state->chains[i].name);
	}
	for (size_t i = 0; i < state->counter_count; i++) {
		if (!wants_counter(ruleset, state->counters[i]))
			message_counter_delete(batch, state->counters[i]);
	}
}

static void add_chains(struct batch *batch, const struct table_state *state, const struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		const struct chain *chain = &ruleset->chains[i];
		const struct chain_state *present = table_chain(state, chain->name);

		if (present == NULL || !stays(present))
			message_chain_add(batch, chain);
	}
}

/* Maps name chains, so they come after them; rules name sets, so they come before those. */
static void add_sets(struct batch *batch, const struct table_state *state, const struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->set_count; i++) {
		const struct ruleset_set *set = &ruleset->sets[i];
		const struct set_state *present = table_set(state, set->name);

		if (present != NULL && set_stays(present))
			continue;
		message_named_set_add(batch, set);
		message_named_set_fill(batch, set);
	}
}

static void add_rules(struct batch *batch, const struct ruleset *ruleset,
	const struct ruleset_features *features)
{
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		const struct chain *chain = &ruleset->chains[i];

		for (size_t j = 0; j < chain->count; j++)
			message_rule_add(batch, features, chain->name, &chain->rules[j]);
	}
}

/*
 * A table of a process that ended lost its owner and is taken over by saying the flags again; one
 * that was made without them cannot get them later.
 */
static uint32_t table_flags(const struct table_state *state, const struct ruleset_features *features)
{
	if (!features->owner)
		return 0;
	return !state->exists || (state->flags & TABLE_PERSIST) != 0 ? TABLE_OURS : 0;
}

static int commit(struct netlink *netlink, const struct table_state *state, const struct ruleset *ruleset,
	const struct ruleset_features *features, char *message, size_t size)
{
	struct batch batch;
	int error;

	batch_start(&batch, netlink, ruleset->table, state->generation);
	message_table_add(&batch, table_flags(state, features));
	if (state->exists)
		clear(&batch, state, ruleset);
	for (size_t i = 0; i < ruleset->counters.count; i++)
		message_counter_add(&batch, ruleset->counters.items[i]);
	add_chains(&batch, state, ruleset);
	add_sets(&batch, state, ruleset);
	add_rules(&batch, ruleset, features);
	error = batch_commit(&batch, message, size);
	batch_free(&batch);
	return error;
}

int apply_whole(struct netlink *netlink, const struct ruleset *ruleset, const struct ruleset_features *features,
	uint32_t *ret_generation, char *message, size_t size)
{
	struct table_state state;
	int error = table_read(netlink, ruleset->table, &state);

	if (error < 0) {
		snprintf(message, size, "table %s: cannot be read: %s", ruleset->table, strerror(-error));
	} else {
		table_compare(&state, ruleset);
		error = commit(netlink, &state, ruleset, features, message, size);
	}
	if (error == 0)
		*ret_generation = apply_generation_after(netlink, state.generation);
	table_free(&state);
	return error;
}

bool apply_was_overtaken(int error)
{
	return error == -ERESTART || error == -EINTR;
}

/* It counts transactions that changed something, and leaves out 0. */
uint32_t apply_generation_after(struct netlink *netlink, uint32_t generation)
{
	uint32_t next = generation == UINT32_MAX ? 1 : generation + 1, present = generation;

	return ruleset_generation(netlink, &present) == 0 && present == next ? next : generation;
}

int ruleset_apply(struct netlink *netlink, const struct ruleset *ruleset,
	const struct ruleset_features *features, char *message, size_t size)
{
	uint32_t generation;
	int error = -ERESTART;

	for (int i = 0; i < APPLY_TRIES && apply_was_overtaken(error); i++)
		error = apply_whole(netlink, ruleset, features, &generation, message, size);
	return error;
}

int ruleset_remove(struct netlink *netlink, const char *table)
{
	char message[256];
	struct batch batch;
	int error;

	batch_start(&batch, netlink, table, 0);
	message_table_delete(&batch);
	error = batch_commit(&batch, message, sizeof(message));
	batch_free(&batch);
	return error == -ENOENT ? 0 : error;
}
