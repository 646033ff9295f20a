/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that numbers in marks had before a reload: a record of a decision outlives the configuration that took it. */

#include "daemon/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mark.h"

static void add(struct retired_names *names, enum name_kind kind, unsigned int id, const char *name, uint32_t until)
{
	struct retired_name *item = &names->items[names->added++ % RETIRED_NAMES];

	*item = (struct retired_name){ .until = until, .id = (uint16_t)id, .kind = (uint8_t)kind };
	snprintf(item->name, sizeof(item->name), "%s", name);
}

static void retire_links(struct retired_names *names, const struct config *before, const struct ids *before_ids,
	const struct config *after, const struct ids *after_ids, uint32_t until)
{
	for (size_t i = 0; i < before->link_count; i++) {
		int index = config_link(after, before->links[i].name);

		if (index < 0 || after_ids->links[index] != before_ids->links[i])
			add(names, NAME_LINK, before_ids->links[i], before->links[i].name, until);
	}
}

static void retire_classes(struct retired_names *names, const struct config *before, const struct ids *before_ids,
	const struct config *after, const struct ids *after_ids, uint32_t until)
{
	for (size_t i = 0; i < before->qos.count; i++) {
		const char *name = before->qos.classes[i].name;
		size_t j = 0;

		while (j < after->qos.count
		       && (after_ids->classes[j] != before_ids->classes[i] || strcmp(after->qos.classes[j].name, name) != 0))
			j++;
		if (j == after->qos.count)
			add(names, NAME_CLASS, before_ids->classes[i], name, until);
	}
}

/* By number, for there may be thousands. */
static void retire_policies(struct retired_names *names, const struct config *before, const struct ids *before_ids,
	const struct config *after, const struct ids *after_ids, uint32_t until)
{
	const char **by_id = calloc(1u << MARK_POLICY_BITS, sizeof(*by_id));

	if (by_id == NULL)
		return;
	for (size_t i = 0; i < after->policy_count; i++)
		by_id[after_ids->policies[i]] = after->policies[i].name;
	for (size_t i = 0; i < before->policy_count; i++) {
		const char *now = by_id[before_ids->policies[i]];

		if (now == NULL || strcmp(now, before->policies[i].name) != 0)
			add(names, NAME_POLICY, before_ids->policies[i], before->policies[i].name, until);
	}
	free(by_id);
}

void names_retire(struct retired_names *names, const struct config *before, const struct ids *before_ids,
	const struct config *after, const struct ids *after_ids, uint32_t until)
{
	retire_links(names, before, before_ids, after, after_ids, until);
	retire_classes(names, before, before_ids, after, after_ids, until);
	retire_policies(names, before, before_ids, after, after_ids, until);
}

/* Of several that the number had since, the first. */
const char *names_find(const struct retired_names *names, enum name_kind kind, unsigned int id, uint32_t generation)
{
	size_t count = names->added < RETIRED_NAMES ? (size_t)names->added : RETIRED_NAMES;
	const struct retired_name *found = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct retired_name *item = &names->items[i];

		if (item->kind != kind || item->id != id || item->until < generation)
			continue;
		if (found == NULL || item->until < found->until)
			found = item;
	}
	return found == NULL ? NULL : found->name;
}
