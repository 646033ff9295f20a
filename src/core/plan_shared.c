/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists that many rules look into: one named set for each, where a set in each rule would cost the kernel dear. */

#include <stdio.h>
#include <string.h>

#include "core/networks.h"
#include "core/plan_parts.h"

#define NAME_ROOM  32
#define FIRST_ROOM 64

/* FNV-1a: Fowler, Noll, Vo. Lists are the administrator's: nobody chooses collisions. */
static uint32_t hash(uint32_t sum, const void *bytes, size_t size)
{
	for (const uint8_t *at = bytes; size > 0; at++, size--)
		sum = (sum ^ *at) * 16777619;
	return sum;
}

static uint32_t hash_list(const struct ruleset_set *set)
{
	uint32_t sum = hash(2166136261, (uint8_t[]){ (uint8_t)set->kind, (uint8_t)set->family }, 2);

	for (size_t i = 0; i < set->networks.count; i++) {
		sum = hash(sum, set->networks.items[i].address.bytes, sizeof(set->networks.items[i].address.bytes));
		sum = hash(sum, &set->networks.items[i].length, sizeof(set->networks.items[i].length));
	}
	for (size_t i = 0; i < set->names.count; i++)
		sum = hash(sum, set->names.items[i], strlen(set->names.items[i]) + 1);
	for (size_t i = 0; i < set->values.count; i++)
		sum = hash(sum, &set->values.items[i], sizeof(set->values.items[i]));
	for (size_t i = 0; i < set->ports.count; i++) {
		sum = hash(sum, &set->ports.items[i].first, sizeof(set->ports.items[i].first));
		sum = hash(sum, &set->ports.items[i].last, sizeof(set->ports.items[i].last));
	}
	return sum;
}

static bool names_equal(const struct names *a, const struct names *b)
{
	bool equal = a->count == b->count;

	for (size_t i = 0; i < a->count && equal; i++)
		equal = strcmp(a->items[i], b->items[i]) == 0;
	return equal;
}

static bool values_equal(const struct values *a, const struct values *b)
{
	bool equal = a->count == b->count;

	for (size_t i = 0; i < a->count && equal; i++)
		equal = a->items[i] == b->items[i];
	return equal;
}

static bool ports_equal(const struct port_ranges *a, const struct port_ranges *b)
{
	bool equal = a->count == b->count;

	for (size_t i = 0; i < a->count && equal; i++)
		equal = a->items[i].first == b->items[i].first && a->items[i].last == b->items[i].last;
	return equal;
}

static bool lists_equal(const struct ruleset_set *a, const struct ruleset_set *b)
{
	return a->kind == b->kind && a->family == b->family && networks_equal(&a->networks, &b->networks) &&
	       names_equal(&a->names, &b->names) && values_equal(&a->values, &b->values) && ports_equal(&a->ports, &b->ports);
}

/* The one with that number, or the free one where it would be. */
static struct shared_set *find(const struct shared_sets *shared, uint32_t number)
{
	size_t at = number & (shared->room - 1);

	while (shared->slots[at].set != NULL && shared->slots[at].number != number)
		at = (at + 1) & (shared->room - 1);
	return &shared->slots[at];
}

static bool grow(struct planner *planner)
{
	struct shared_sets *shared = &planner->shared, grown = *shared;

	grown.room = shared->room == 0 ? FIRST_ROOM : shared->room * 2;
	grown.slots = arena_array(planner->plan->arena, grown.room, sizeof(*grown.slots));
	if (grown.slots == NULL)
		return false;
	for (size_t i = 0; i < shared->room; i++) {
		if (shared->slots[i].set != NULL)
			*find(&grown, shared->slots[i].number) = shared->slots[i];
	}
	*shared = grown;
	return true;
}

static const char *kind_text(enum set_kind kind)
{
	switch (kind) {
	case SET_NETWORKS:
		return "networks";
	case SET_DEVICES:
		return "devices";
	case SET_PROTOCOLS:
		return "protocols";
	case SET_PORTS:
		return "ports";
	case SET_DYNAMIC:
	case SET_CHAINS:
		break;
	}
	return "list";
}

static struct ruleset_set *make(struct planner *planner, const struct ruleset_set *set, uint32_t number)
{
	struct ruleset_set *copy = arena_alloc(planner->plan->arena, sizeof(*copy));
	char name[NAME_ROOM];

	if (copy == NULL)
		return NULL;
	*copy = *set;
	snprintf(name, sizeof(name), "%s-%08x", kind_text(set->kind), (unsigned int)number);
	copy->name = name;
	copy->name = build_set(&planner->builder, *copy);
	return copy->name == NULL ? NULL : copy;
}

static const char *shared_set(struct planner *planner, const struct ruleset_set *set)
{
	struct shared_sets *shared = &planner->shared;
	uint32_t number = hash_list(set);
	struct shared_set *slot;

	if (shared->count >= shared->room / 2 && !grow(planner)) {
		planner->builder.failed = true;
		return NULL;
	}
	for (slot = find(shared, number); slot->set != NULL; slot = find(shared, number)) {
		if (lists_equal(slot->set, set))
			return slot->set->name;
		number++;
	}
	*slot = (struct shared_set){ number, make(planner, set, number) };
	planner->builder.failed |= slot->set == NULL;
	shared->count += slot->set != NULL;
	return slot->set == NULL ? NULL : slot->set->name;
}

void plan_match_shared(struct planner *planner, const struct ruleset_set *set, enum packet_key key, bool negate)
{
	const char *name = shared_set(planner, set);

	if (name != NULL)
		build_in_set(&planner->builder, name, set->family, (struct packet_keys){ { key }, 1 }, negate);
}
