/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left of a ruleset once it is applied: names and digests, enough to tell what another one changes. */

#include "kernel/ruleset_memory.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/ruleset_uses.h"

static const char *copied(struct arena *arena, const char *text, bool *failed)
{
	const char *copy = arena_text(arena, text, strlen(text));

	*failed |= copy == NULL;
	return copy;
}

static int compare_chains(const void *left, const void *right)
{
	const struct outline_chain *a = left, *b = right;

	return strcmp(a->chain->name, b->chain->name);
}

static int compare_sets(const void *left, const void *right)
{
	const struct outline_set *a = left, *b = right;

	return strcmp(a->set->name, b->set->name);
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void take_chains(struct outline *outline, struct digester *digester, const struct ruleset *ruleset, bool *failed)
{
	size_t count = ruleset->chain_count;

	outline->ruleset.chains = arena_array(outline->arena, count, sizeof(*outline->ruleset.chains));
	outline->chains = arena_array(outline->arena, count, sizeof(*outline->chains));
	if (outline->ruleset.chains == NULL || outline->chains == NULL) {
		*failed = true;
		return;
	}
	outline->ruleset.chain_count = count;
	for (size_t i = 0; i < count; i++) {
		struct chain *chain = &outline->ruleset.chains[i];

		*chain = ruleset->chains[i];
		chain->name = copied(outline->arena, chain->name, failed);
		chain->rules = NULL;
		outline->chains[i] = (struct outline_chain){ chain, digest_chain(digester, &ruleset->chains[i]) };
	}
	if (!*failed)
		qsort(outline->chains, count, sizeof(*outline->chains), compare_chains);
}

static void take_sets(struct outline *outline, struct digester *digester, const struct ruleset *ruleset, bool *failed)
{
	size_t count = ruleset->set_count;

	outline->ruleset.sets = arena_array(outline->arena, count, sizeof(*outline->ruleset.sets));
	outline->sets = arena_array(outline->arena, count, sizeof(*outline->sets));
	if (outline->ruleset.sets == NULL || outline->sets == NULL) {
		*failed = true;
		return;
	}
	outline->ruleset.set_count = count;
	for (size_t i = 0; i < count; i++) {
		struct ruleset_set *set = &outline->ruleset.sets[i];

		*set = ruleset->sets[i];
		set->name = copied(outline->arena, set->name, failed);
		set->networks = (struct networks){ 0 };
		set->names = (struct names){ 0 };
		set->values = (struct values){ 0 };
		set->ports = (struct port_ranges){ 0 };
		set->chains = NULL;
		set->chain_count = 0;
		outline->sets[i] = (struct outline_set){ set, digest_set(digester, &ruleset->sets[i]) };
	}
	if (!*failed)
		qsort(outline->sets, count, sizeof(*outline->sets), compare_sets);
}

static void take_counters(struct outline *outline, const struct ruleset *ruleset, bool *failed)
{
	struct names *counters = &outline->ruleset.counters;

	counters->items = arena_array(outline->arena, ruleset->counters.count, sizeof(*counters->items));
	if (counters->items == NULL) {
		*failed = true;
		return;
	}
	counters->count = ruleset->counters.count;
	for (size_t i = 0; i < counters->count; i++)
		counters->items[i] = copied(outline->arena, ruleset->counters.items[i], failed);
	if (!*failed)
		qsort(counters->items, counters->count, sizeof(*counters->items), compare_names);
}

struct outline *outline_new(struct digester *digester, const struct ruleset *ruleset)
{
	struct arena *arena = arena_new();
	struct outline *outline = arena == NULL ? NULL : arena_alloc(arena, sizeof(*outline));
	bool failed = false;

	if (outline == NULL) {
		arena_free(arena);
		return NULL;
	}
	outline->arena = arena;
	outline->ruleset.table = copied(arena, ruleset->table, &failed);
	outline->uses = uses_of_chains(arena, ruleset);
	failed |= outline->uses == NULL;
	take_chains(outline, digester, ruleset, &failed);
	take_sets(outline, digester, ruleset, &failed);
	take_counters(outline, ruleset, &failed);
	if (!failed && !digester->failed)
		return outline;
	digester->failed = false;
	arena_free(arena);
	return NULL;
}

void outline_free(struct outline *outline)
{
	if (outline != NULL)
		arena_free(outline->arena);
}

const struct outline_chain *outline_chain(const struct outline *outline, const char *name)
{
	const struct chain chain = { .name = name };
	const struct outline_chain key = { .chain = &chain };

	return bsearch(&key, outline->chains, outline->ruleset.chain_count, sizeof(key), compare_chains);
}

const struct outline_set *outline_set(const struct outline *outline, const char *name)
{
	const struct ruleset_set set = { .name = name };
	const struct outline_set key = { .set = &set };

	return bsearch(&key, outline->sets, outline->ruleset.set_count, sizeof(key), compare_sets);
}

bool outline_counter(const struct outline *outline, const char *name)
{
	const struct names *counters = &outline->ruleset.counters;

	return bsearch(&name, counters->items, counters->count, sizeof(*counters->items), compare_names) != NULL;
}

bool chain_is_alike(const struct chain *a, const struct chain *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind == CHAIN_REGULAR || (a->hook == b->hook && a->priority == b->priority);
}

static bool keys_are_equal(const struct packet_keys *a, const struct packet_keys *b)
{
	return a->count == b->count && memcmp(a->items, b->items, a->count * sizeof(*a->items)) == 0;
}

bool set_is_alike(const struct ruleset_set *a, const struct ruleset_set *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == SET_CHAINS)
		return true;
	if (a->family != b->family || a->kind != SET_DYNAMIC)
		return a->family == b->family;
	return keys_are_equal(&a->keys, &b->keys) && a->timeout_ms == b->timeout_ms && a->size == b->size &&
	       a->limits == b->limits;
}
