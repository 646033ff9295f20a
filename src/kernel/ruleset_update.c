/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Turns the ruleset that was applied last into another one, touching only what differs. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/ruleset.h"
#include "kernel/ruleset_apply.h"
#include "kernel/ruleset_intact.h"
#include "kernel/ruleset_memory.h"
#include "kernel/ruleset_message.h"
#include "kernel/ruleset_named.h"

struct ruleset_memory {
	struct digester digester;
	struct outline *applied; /* NULL: nothing yet, or nobody knows */
	uint32_t generation;     /* of the kernel's ruleset after that */
};

int ruleset_memory_new(struct ruleset_memory **ret_memory)
{
	struct ruleset_memory *memory = calloc(1, sizeof(*memory));
	int error = memory == NULL ? -ENOMEM : digester_init(&memory->digester);

	if (error < 0)
		free(memory);
	else
		*ret_memory = memory;
	return error;
}

void ruleset_memory_free(struct ruleset_memory *memory)
{
	if (memory == NULL)
		return;
	outline_free(memory->applied);
	digester_free(&memory->digester);
	free(memory);
}

/* From old to new. */
struct step {
	struct batch batch;
	const struct outline *old, *new;
	const struct ruleset *ruleset; /* the new one, with all that is in it */
	const struct ruleset_features *features;
};

static bool chain_differs(const struct step *step, const struct outline_chain *chain)
{
	const struct outline_chain *old = outline_chain(step->old, chain->chain->name);
	const struct outline_chain *new = outline_chain(step->new, chain->chain->name);

	return old == NULL || new == NULL || old->digest != new->digest;
}

/* Of those that both have; what rules and the daemon put into a set does not count. */
static bool set_differs(const struct outline_set *old, const struct outline_set *new)
{
	return old->digest != new->digest || new->set->refill;
}

/* A chain that hooks elsewhere, or a set of another type, has to be made anew, and with it all that names it. */
static bool is_possible(const struct step *step)
{
	for (size_t i = 0; i < step->new->ruleset.chain_count; i++) {
		const struct outline_chain *old = outline_chain(step->old, step->new->chains[i].chain->name);

		if (old != NULL && !chain_is_alike(old->chain, step->new->chains[i].chain))
			return false;
	}
	for (size_t i = 0; i < step->new->ruleset.set_count; i++) {
		const struct outline_set *old = outline_set(step->old, step->new->sets[i].set->name);

		if (old != NULL && !set_is_alike(old->set, step->new->sets[i].set))
			return false;
	}
	return true;
}

/* First everything that names something else goes, then what was named. */
static void take_away(struct step *step)
{
	const struct outline *old = step->old;

	for (size_t i = 0; i < old->ruleset.chain_count; i++) {
		if (chain_differs(step, &old->chains[i]))
			message_flush(&step->batch, old->chains[i].chain->name);
	}
	for (size_t i = 0; i < old->ruleset.set_count; i++) {
		const char *name = old->sets[i].set->name;
		const struct outline_set *new = outline_set(step->new, name);

		if (new == NULL)
			message_set_delete(&step->batch, name);
		else if (set_differs(&old->sets[i], new))
			message_set_flush(&step->batch, name);
	}
	for (size_t i = 0; i < old->ruleset.chain_count; i++) {
		const struct chain *chain = old->chains[i].chain;

		if (chain->kind == CHAIN_REGULAR && outline_chain(step->new, chain->name) == NULL)
			message_chain_delete(&step->batch, chain->name);
	}
	for (size_t i = 0; i < old->ruleset.counters.count; i++) {
		if (!outline_counter(step->new, old->ruleset.counters.items[i]))
			message_counter_delete(&step->batch, old->ruleset.counters.items[i]);
	}
}

static void fill_set(struct step *step, const struct ruleset_set *set)
{
	const struct outline_set *old = outline_set(step->old, set->name);

	if (old == NULL)
		message_named_set_add(&step->batch, set);
	if (old == NULL || set_differs(old, outline_set(step->new, set->name)))
		message_named_set_fill(&step->batch, set);
}

static void fill_chain(struct step *step, const struct chain *chain)
{
	if (!chain_differs(step, outline_chain(step->new, chain->name)))
		return;
	for (size_t i = 0; i < chain->count; i++)
		message_rule_add(&step->batch, step->features, chain->name, &chain->rules[i]);
}

static void bring(struct step *step)
{
	const struct ruleset *ruleset = step->ruleset;

	for (size_t i = 0; i < ruleset->counters.count; i++) {
		if (!outline_counter(step->old, ruleset->counters.items[i]))
			message_counter_add(&step->batch, ruleset->counters.items[i]);
	}
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		if (outline_chain(step->old, ruleset->chains[i].name) == NULL)
			message_chain_add(&step->batch, &ruleset->chains[i]);
	}
	for (size_t i = 0; i < ruleset->set_count; i++)
		fill_set(step, &ruleset->sets[i]);
	for (size_t i = 0; i < ruleset->chain_count; i++)
		fill_chain(step, &ruleset->chains[i]);
}

/*
 * To flush what is empty already changes nothing, and the kernel's number stays: whoever commits next
 * would give it the number that we expect. A base chain that is said again counts as a change.
 */
static void make_it_count(struct step *step)
{
	for (size_t i = 0; i < step->ruleset->chain_count; i++) {
		const struct chain *chain = &step->ruleset->chains[i];

		if (chain->kind != CHAIN_REGULAR && outline_chain(step->old, chain->name) != NULL) {
			message_chain_add(&step->batch, chain);
			return;
		}
	}
}

static int commit(struct step *step, uint32_t *generation, char *message, size_t size)
{
	int error;

	take_away(step);
	bring(step);
	if (step->batch.error == 0 && step->batch.last == 0)
		return 0;
	make_it_count(step);
	error = batch_commit(&step->batch, message, size);
	if (error == 0)
		*generation = apply_generation_after(step->batch.netlink, *generation);
	return error;
}

/* 1: done; 0: it has to be built whole; -errno where somebody else came in between, or nothing can be told. */
static int try_step(struct netlink *netlink, struct ruleset_memory *memory, const struct outline *new,
	const struct ruleset *ruleset, const struct ruleset_features *features)
{
	struct step step = { .old = memory->applied, .new = new, .ruleset = ruleset, .features = features };
	uint32_t generation = 0;
	char message[256];
	int error;

	if (memory->applied == NULL || strcmp(memory->applied->ruleset.table, ruleset->table) != 0 || !is_possible(&step))
		return 0;
	error = ruleset_generation(netlink, &generation);
	if (error < 0)
		return error;
	if (generation != memory->generation) {
		error = intact_with_uses(netlink, &memory->applied->ruleset, memory->applied->uses);
		if (error <= 0)
			return error;
	}
	batch_start(&step.batch, netlink, ruleset->table, generation);
	error = commit(&step, &generation, message, sizeof(message));
	batch_free(&step.batch);
	if (error == 0)
		memory->generation = generation;
	if (error < 0 && !apply_was_overtaken(error))
		return 0;
	return error < 0 ? error : 1;
}

/*
 * The kernel may refuse a step that is right as a whole: until it is committed, it looks for loops
 * among the old rules of a chain too. So what it refuses is built whole, and only that can fail.
 */
static int update_once(struct netlink *netlink, struct ruleset_memory *memory, const struct outline *new,
	const struct ruleset *ruleset, const struct ruleset_features *features, char *message, size_t size)
{
	int result = try_step(netlink, memory, new, ruleset, features);

	if (result < 0) {
		snprintf(message, size, "table %s: %s", ruleset->table, strerror(-result));
		return result;
	}
	if (result > 0)
		return 0;
	return apply_whole(netlink, ruleset, features, &memory->generation, message, size);
}

int ruleset_update(struct netlink *netlink, struct ruleset_memory *memory, const struct ruleset *ruleset,
	const struct ruleset_features *features, char *message, size_t size)
{
	struct outline *new = outline_new(&memory->digester, ruleset);
	int error = -ERESTART;

	if (new == NULL) {
		snprintf(message, size, "table %s: %s", ruleset->table, strerror(ENOMEM));
		return -ENOMEM;
	}
	for (int i = 0; i < APPLY_TRIES && apply_was_overtaken(error); i++)
		error = update_once(netlink, memory, new, ruleset, features, message, size);
	if (error < 0) {
		outline_free(new);
		return error;
	}
	outline_free(memory->applied);
	memory->applied = new;
	return 0;
}
