/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of links, policies and classes in marks: the same name keeps its number over reload and restart. */

#include "core/ids.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/mark.h"

_Static_assert(CONFIG_LINKS_MAX <= MARK_LINK_MAX, "each link has a number");
_Static_assert(CONFIG_POLICIES_MAX < (1 << MARK_POLICY_BITS) - 1, "each policy has a number");
_Static_assert(CONFIG_CLASSES_MAX <= MARK_CLASS_MAX, "each class has a number");

/* How a number is bound: the lowest that is free is taken first, one of a name that is gone last. */
enum number_use {
	NUMBER_FREE,
	NUMBER_REMEMBERED,
	NUMBER_TAKEN,
};

/* The work of giving out the numbers 1 .. max to count names. */
struct numbering {
	const struct id_record **records; /* by name, then as they were given */
	size_t record_count;
	enum number_use *uses; /* index is the number */
	unsigned int max;
	unsigned int lowest[NUMBER_TAKEN]; /* no number below has that use */
};

static int compare_records(const void *a, const void *b)
{
	const struct id_record *first = *(const struct id_record *const *)a;
	const struct id_record *second = *(const struct id_record *const *)b;
	int order = strcmp(first->name, second->name);

	return order != 0 ? order : (first > second) - (first < second);
}

static int numbering_open(struct numbering *numbering, unsigned int max, const struct id_record *records,
	size_t count)
{
	*numbering = (struct numbering){ .record_count = count, .max = max, .lowest = { 1, 1 } };
	numbering->records = calloc(count + 1, sizeof(struct id_record *));
	numbering->uses = calloc(max + 1, sizeof(*numbering->uses));
	if (numbering->records == NULL || numbering->uses == NULL)
		return -ENOMEM;

	for (size_t i = 0; i < count; i++) {
		numbering->records[i] = &records[i];
		if (records[i].id >= 1 && records[i].id <= max)
			numbering->uses[records[i].id] = NUMBER_REMEMBERED;
	}
	qsort(numbering->records, count, sizeof(struct id_record *), compare_records);
	return 0;
}

static void numbering_close(struct numbering *numbering)
{
	free(numbering->records);
	free(numbering->uses);
}

/* The number that the name had and that nobody has taken since, or 0. */
static unsigned int old_number(struct numbering *numbering, const char *name)
{
	size_t low = 0, high = numbering->record_count;
	unsigned int id;

	/* The first record with that name: a file that was damaged may have it twice. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(numbering->records[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == numbering->record_count || strcmp(numbering->records[low]->name, name) != 0)
		return 0;
	id = numbering->records[low]->id;
	if (id < 1 || id > numbering->max || numbering->uses[id] == NUMBER_TAKEN)
		return 0;
	numbering->uses[id] = NUMBER_TAKEN;
	return id;
}

static unsigned int lowest_number(struct numbering *numbering, enum number_use use)
{
	unsigned int id = numbering->lowest[use];

	while (id <= numbering->max && numbering->uses[id] != use)
		id++;
	numbering->lowest[use] = id;
	if (id > numbering->max)
		return 0;
	numbering->uses[id] = NUMBER_TAKEN;
	return id;
}

static unsigned int new_number(struct numbering *numbering)
{
	unsigned int id = lowest_number(numbering, NUMBER_FREE);

	return id != 0 ? id : lowest_number(numbering, NUMBER_REMEMBERED);
}

static int assign_links(const struct config *config, struct numbering *numbering, uint8_t *links)
{
	for (size_t i = 0; i < config->link_count; i++)
		links[i] = (uint8_t)old_number(numbering, config->links[i].name);
	for (size_t i = 0; i < config->link_count; i++) {
		if (links[i] == 0)
			links[i] = (uint8_t)new_number(numbering);
		if (links[i] == 0)
			return -ENOMEM;
	}
	return 0;
}

static int assign_policies(const struct config *config, struct numbering *numbering, uint16_t *policies)
{
	for (size_t i = 0; i < config->policy_count; i++)
		policies[i] = (uint16_t)old_number(numbering, config->policies[i].name);
	for (size_t i = 0; i < config->policy_count; i++) {
		if (policies[i] == 0)
			policies[i] = (uint16_t)new_number(numbering);
		if (policies[i] == 0)
			return -ENOMEM;
	}
	return 0;
}

static int assign_classes(const struct config *config, struct numbering *numbering, uint8_t *classes)
{
	for (size_t i = 0; i < config->qos.count; i++)
		classes[i] = (uint8_t)old_number(numbering, config->qos.classes[i].name);
	for (size_t i = 0; i < config->qos.count; i++) {
		if (classes[i] == 0)
			classes[i] = (uint8_t)new_number(numbering);
		if (classes[i] == 0)
			return -ENOMEM;
	}
	return 0;
}

int ids_assign_classes(struct arena *arena, const struct config *config, const struct id_record *records,
	size_t record_count, struct ids *ids)
{
	uint8_t *classes = arena_array(arena, config->qos.count, sizeof(*classes));
	struct numbering numbering = { 0 };
	int result = -ENOMEM;

	if (classes == NULL)
		return -ENOMEM;
	if (numbering_open(&numbering, MARK_CLASS_MAX, records, record_count) == 0)
		result = assign_classes(config, &numbering, classes);
	if (result == 0)
		ids->classes = classes;
	numbering_close(&numbering);
	return result;
}

int ids_assign(struct arena *arena, const struct config *config, const struct id_record *links,
	size_t link_records, const struct id_record *policies, size_t policy_records, struct ids *ret_ids)
{
	struct numbering of_links = { 0 }, of_policies = { 0 };
	struct ids ids;
	int result = -ENOMEM;

	ids.links = arena_array(arena, config->link_count, sizeof(*ids.links));
	ids.policies = arena_array(arena, config->policy_count, sizeof(*ids.policies));
	if (ids.links == NULL || ids.policies == NULL)
		return -ENOMEM;

	if (numbering_open(&of_links, MARK_LINK_MAX, links, link_records) < 0 ||
		numbering_open(&of_policies, mark_policy_max(mark_layout_of(&config->kernel)), policies, policy_records) < 0)
		goto cleanup;
	result = assign_links(config, &of_links, ids.links);
	if (result == 0)
		result = assign_policies(config, &of_policies, ids.policies);
	if (result == 0)
		result = ids_assign_classes(arena, config, NULL, 0, &ids);
	if (result == 0)
		*ret_ids = ids;

cleanup:
	numbering_close(&of_links);
	numbering_close(&of_policies);
	return result;
}

unsigned int ids_policy_class(const struct config *config, const struct ids *ids, const struct policy *policy)
{
	return policy->qos_class < config->qos.count ? ids->classes[policy->qos_class] : MARK_CLASS_STANDARD;
}
