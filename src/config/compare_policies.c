/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compares the policies of two configurations: by name, and in their order. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/compare_parts.h"

#define NOWHERE SIZE_MAX

/* A policy's name, and its index. */
struct entry {
	const char *name;
	size_t index;
};

static int by_name(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static struct entry *sorted(struct comparer *comparer, const struct config *config)
{
	struct entry *entries = arena_array(comparer->scratch, config->policy_count + 1, sizeof(*entries));

	if (entries == NULL) {
		comparer->error = -ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < config->policy_count; i++)
		entries[i] = (struct entry){ config->policies[i].name, i };
	qsort(entries, config->policy_count, sizeof(*entries), by_name);
	return entries;
}

static size_t find(const struct entry *entries, size_t count, const char *name)
{
	struct entry wanted = { .name = name };
	const struct entry *found = bsearch(&wanted, entries, count, sizeof(*entries), by_name);

	return found == NULL ? NOWHERE : found->index;
}

/* For each policy of to its index in from, or NOWHERE. */
static size_t *places(struct comparer *comparer, const struct config *to, const struct config *from)
{
	struct entry *entries = sorted(comparer, from);
	size_t *indexes = arena_array(comparer->scratch, to->policy_count + 1, sizeof(*indexes));

	if (indexes == NULL)
		comparer->error = -ENOMEM;
	if (entries == NULL || indexes == NULL)
		return NULL;
	for (size_t i = 0; i < to->policy_count; i++)
		indexes[i] = find(entries, from->policy_count, to->policies[i].name);
	return indexes;
}

/* Of the ends of rising sequences, one for each length, the first that is not below value. */
static size_t lower_bound(const size_t *old, const size_t *ends, size_t count, size_t value)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (old[ends[middle]] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Marks those that kept their order: the longest rising subsequence of the old places, so that as few as can be
 * are called moved. (Fredman 1975, "On computing the length of longest increasing subsequences".)
 */
static void mark_kept(struct comparer *comparer, const size_t *old, size_t count, bool *kept)
{
	size_t *ends = arena_array(comparer->scratch, count + 1, sizeof(*ends));
	size_t *before = arena_array(comparer->scratch, count + 1, sizeof(*before));
	size_t length = 0, at;

	if (ends == NULL || before == NULL) {
		comparer->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		size_t place;

		if (old[i] == NOWHERE)
			continue;
		place = lower_bound(old, ends, length, old[i]);
		before[i] = place == 0 ? NOWHERE : ends[place - 1];
		ends[place] = i;
		length += place == length;
	}
	for (at = length == 0 ? NOWHERE : ends[length - 1]; at != NOWHERE; at = before[at])
		kept[at] = true;
}

static const char *name_of(struct comparer *comparer, const struct config *config, size_t index)
{
	const char *name = config->policies[index].name, *copy = arena_text(comparer->changes->arena, name, strlen(name));

	if (copy == NULL)
		comparer->error = -ENOMEM;
	return copy;
}

static const char *name_before(struct comparer *comparer, const struct config *config, size_t index)
{
	return index == 0 ? NULL : name_of(comparer, config, index - 1);
}

/* All links, in their order: what a policy has that says nothing of them. */
static bool has_all_links(const struct config *config, const struct policy *policy)
{
	for (size_t i = 0; i < policy->balance.count; i++) {
		if (policy->balance.choices[i].link != i || policy->balance.choices[i].tier > 0)
			return false;
	}
	return policy->balance.count == config->link_count;
}

static bool has_weights_of_links(const struct config *config, const struct policy *policy)
{
	for (size_t i = 0; i < policy->balance.count; i++) {
		const struct choice *choice = &policy->balance.choices[i];

		if (choice->weight != config->links[choice->link].weight)
			return false;
	}
	return policy->balance.count > 0;
}

/* What only follows from a change of the links is told there, and not with each policy. without has room for three. */
static void find_derived(const struct comparer *comparer, const struct policy *before, const struct policy *after,
	const char **without)
{
	if (has_all_links(comparer->before, before) && has_all_links(comparer->after, after))
		*without++ = "balance.links";
	if (has_weights_of_links(comparer->before, before) && has_weights_of_links(comparer->after, after))
		*without++ = "balance.weights";
	*without = NULL;
}

static void compare_keys(struct comparer *comparer, const char *name, size_t old, size_t new)
{
	const char *without[3];
	struct compared as = { .what = "policy", .name = name, .path = "", .without = without };
	char *before = compare_print(comparer, comparer->before, schema_policy, &comparer->before->policies[old]);
	char *after = compare_print(comparer, comparer->after, schema_policy, &comparer->after->policies[new]);

	find_derived(comparer, &comparer->before->policies[old], &comparer->after->policies[new], without);
	if (before != NULL && after != NULL && strcmp(before, after) != 0) {
		struct node *old_tree = compare_tree(comparer, before), *new_tree = compare_tree(comparer, after);

		if (old_tree != NULL && new_tree != NULL)
			compare_nodes(comparer, &as, old_tree, new_tree);
	}
	free(before);
	free(after);
}

static void compare_policy(struct comparer *comparer, size_t old, size_t new, bool kept)
{
	struct config_change change = { .kind = CHANGE_ADDED, .what = "policy", .name = name_of(comparer, comparer->after, new) };

	if (change.name == NULL)
		return;
	if (old == NOWHERE) {
		compare_add(comparer, &change);
		return;
	}
	if (!kept) {
		change.kind = CHANGE_MOVED;
		change.before = name_before(comparer, comparer->before, old);
		change.after = name_before(comparer, comparer->after, new);
		compare_add(comparer, &change);
	}
	compare_keys(comparer, change.name, old, new);
}

void compare_policies(struct comparer *comparer)
{
	const struct config *before = comparer->before, *after = comparer->after;
	size_t *old = places(comparer, after, before), *new = places(comparer, before, after);
	bool *kept = arena_array(comparer->scratch, after->policy_count + 1, sizeof(*kept));

	if (kept == NULL)
		comparer->error = -ENOMEM;
	if (comparer->error == 0)
		mark_kept(comparer, old, after->policy_count, kept);
	for (size_t i = 0; comparer->error == 0 && i < after->policy_count; i++)
		compare_policy(comparer, old[i], i, kept[i]);
	for (size_t i = 0; comparer->error == 0 && i < before->policy_count; i++) {
		struct config_change change = { .kind = CHANGE_REMOVED, .what = "policy" };

		if (new[i] != NOWHERE)
			continue;
		change.name = name_of(comparer, before, i);
		compare_add(comparer, &change);
	}
}
