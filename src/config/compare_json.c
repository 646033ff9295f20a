/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes as a document, for the control socket and for scripts. */

#include "config/compare.h"

static const char *const kinds[] = {
	[CHANGE_ADDED] = "added",
	[CHANGE_REMOVED] = "removed",
	[CHANGE_CHANGED] = "changed",
	[CHANGE_MOVED] = "moved",
};

static json_t *change_document(const struct config_change *change)
{
	return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:I, s:I, s:b}", "kind", kinds[change->kind], "what", change->what,
		"name", change->name, "key", change->key, "before", change->before, "after", change->after, "more",
		(json_int_t)change->more, "less", (json_int_t)change->less, "restart", change->restart);
}

json_t *config_changes_document(const char *file, const struct config_changes *changes)
{
	json_t *list = json_array(), *restart = json_array();
	bool fine = true;

	for (size_t i = 0; i < changes->count; i++) {
		const struct config_change *change = &changes->items[i];

		fine = fine && json_array_append_new(list, change_document(change)) == 0;
		if (change->restart)
			fine = fine && json_array_append_new(restart, json_string(change->name)) == 0;
	}
	if (fine)
		return json_pack("{s:s, s:o, s:o}", "file", file, "changes", list, "restart", restart);
	json_decref(list);
	json_decref(restart);
	return NULL;
}
