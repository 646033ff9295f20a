/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often the kernel counts a chain as used: its rules, and what leads to it. */

#include "kernel/ruleset_uses.h"

#include <stdlib.h>
#include <string.h>

struct place {
	const char *name;
	uint32_t *uses;
};

struct places {
	struct place *items; /* sorted by name */
	size_t count;
};

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static void use(const struct places *places, const char *name)
{
	const struct place key = { .name = name };
	const struct place *place = bsearch(&key, places->items, places->count, sizeof(key), compare_places);

	if (place != NULL)
		++*place->uses;
}

static void use_spread(const struct places *places, const struct spread *spread)
{
	for (size_t i = 0; i < spread->count; i++) {
		if (spread->weights[i] != 0)
			use(places, spread->chains[i]);
	}
}

static void use_rule(const struct places *places, const struct ruleset_rule *rule)
{
	for (size_t i = 0; i < rule->count; i++) {
		const struct statement *statement = &rule->statements[i];

		if (statement->kind == JUMP || statement->kind == GOTO)
			use(places, statement->name);
		else if (statement->kind == SPREAD)
			use_spread(places, &statement->spread);
	}
}

static void use_all(const struct places *places, const struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		for (size_t j = 0; j < ruleset->chains[i].count; j++)
			use_rule(places, &ruleset->chains[i].rules[j]);
	}
	for (size_t i = 0; i < ruleset->set_count; i++) {
		for (size_t j = 0; j < ruleset->sets[i].chain_count; j++)
			use(places, ruleset->sets[i].chains[j].chain);
	}
}

uint32_t *uses_of_chains(struct arena *arena, const struct ruleset *ruleset)
{
	size_t count = ruleset->chain_count;
	struct places places = { arena_array(arena, count, sizeof(*places.items)), count };
	uint32_t *uses = arena_array(arena, count, sizeof(*uses));

	if (places.items == NULL || uses == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		uses[i] = (uint32_t)ruleset->chains[i].count;
		places.items[i] = (struct place){ ruleset->chains[i].name, &uses[i] };
	}
	qsort(places.items, count, sizeof(*places.items), compare_places);
	use_all(&places, ruleset);
	return uses;
}
