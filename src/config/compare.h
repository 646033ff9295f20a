/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What makes one configuration different from another, key by key, as the file would write it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "core/arena.h"
#include "core/config.h"

enum change_kind {
	CHANGE_ADDED,
	CHANGE_REMOVED,
	CHANGE_CHANGED,
	CHANGE_MOVED, /* a policy that others have overtaken, or that has overtaken them */
};

struct config_change {
	enum change_kind kind;
	const char *what; /* "link", "zone", "set", "class", "policy", or "setting" for what has no name */
	const char *name; /* of a setting: its place, as "kernel.queues" */
	const char *key;  /* CHANGE_CHANGED: the key of the named thing, as "check.interval"; of a setting NULL */
	/*
	 * CHANGE_CHANGED: the values, NULL where not given. CHANGE_MOVED: the policies that it stood and stands
	 * behind, NULL for the first place. Else NULL.
	 */
	const char *before, *after;
	size_t more, less; /* where both values are lists: items that came and that went */
	bool restart;      /* a running daemon refuses it */
};

/*
 * Of policies the links and weights that only follow from those of the configuration are no change of theirs.
 * In the order of the new configuration, what was removed behind; settings and other names before policies.
 */
struct config_changes {
	struct arena *arena;
	struct config_change *items;
	size_t count, room;
};

/*
 * Compares what config_print() would print, so that every key is seen, and a key that is given as its default is
 * no change. The caller frees ret_changes with config_changes_free(). 0, -ENOMEM, or -E2BIG where one of them is
 * larger than a file may be.
 */
int config_compare(const struct config *before, const struct config *after, struct config_changes *ret_changes);
void config_changes_free(struct config_changes *changes);

/* The first key that needs a restart to change and has changed, as "control.socket", in path; false: none has. */
bool config_needs_restart(const struct config *before, const struct config *after, char *path, size_t size);

/*
 * { "file", "changes": [{ "kind", "what", "name", "key", "before", "after", "more", "less", "restart" }],
 * "restart": [keys] }. The caller owns it. NULL: no memory.
 */
json_t *config_changes_document(const char *file, const struct config_changes *changes);
