/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compares two configurations by their print: every key that the table has is seen without a word here. */

#include "config/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/compare_parts.h"

/* Maps whose keys are names of things. */
static const struct {
	const char *path, *what;
} named[] = { { "zones", "zone" }, { "links", "link" }, { "sets", "set" }, { "qos.classes", "class" } };

void compare_add(struct comparer *comparer, const struct config_change *change)
{
	struct config_changes *changes = comparer->changes;

	if (changes->count == changes->room) {
		size_t room = changes->room == 0 ? 16 : 2 * changes->room;
		struct config_change *items = reallocarray(changes->items, room, sizeof(*items));

		if (items == NULL) {
			comparer->error = -ENOMEM;
			return;
		}
		changes->items = items;
		changes->room = room;
	}
	changes->items[changes->count++] = *change;
}

char *compare_print(struct comparer *comparer, const struct config *config, const struct field *table, const void *base)
{
	char *text = table_text(config, table, base);

	if (text == NULL)
		comparer->error = -ENOMEM;
	return text;
}

struct node *compare_tree(struct comparer *comparer, const char *text)
{
	struct source source = { .name = "", .text = text, .length = strlen(text) };
	struct problems problems = { .items = NULL };
	struct config_errors errors;
	struct node *root = yaml_read(comparer->scratch, &source, &problems);
	int result = problems_finish(&problems, &errors);

	config_errors_free(&errors);
	if (root == NULL || result < 0)
		comparer->error = result == -ENOMEM ? -ENOMEM : -E2BIG;
	return comparer->error == 0 ? root : NULL;
}

static void write_node(FILE *out, const struct node *node)
{
	size_t words = node->kind == NODE_MAP ? 2 * node->count : node->count;

	if (node->kind == NODE_WORD) {
		fputs(node->text, out);
		return;
	}
	fputs(node->kind == NODE_MAP ? "{" : "[", out);
	for (size_t i = 0; i < words; i++) {
		bool value = node->kind == NODE_MAP && i % 2 == 1;

		fputs(value ? ": " : i == 0 ? "" : ", ", out);
		write_node(out, node->items[i]);
	}
	fputs(node->kind == NODE_MAP ? "}" : "]", out);
}

/* A node as one line; NULL for NULL. */
static const char *line_of(struct comparer *comparer, const struct node *node)
{
	char *text = NULL;
	const char *line = NULL;
	size_t size;
	FILE *out = node == NULL ? NULL : open_memstream(&text, &size);

	if (node == NULL)
		return NULL;
	if (out != NULL) {
		write_node(out, node);
		if (fclose(out) == 0)
			line = arena_text(comparer->changes->arena, text, strlen(text));
		free(text);
	}
	if (line == NULL)
		comparer->error = -ENOMEM;
	return line;
}

static int compare_lines(const void *left, const void *right)
{
	const char *const *a = left, *const *b = right;

	return strcmp(*a, *b);
}

/* The items of a list as lines, sorted. NULL: no memory. */
static const char **sorted_lines(struct comparer *comparer, const struct node *list)
{
	const char **lines = arena_array(comparer->scratch, list->count + 1, sizeof(*lines));

	for (size_t i = 0; lines != NULL && i < list->count; i++)
		lines[i] = list->items[i]->kind == NODE_WORD ? list->items[i]->text : line_of(comparer, list->items[i]);
	if (lines == NULL)
		comparer->error = -ENOMEM;
	if (comparer->error != 0)
		return NULL;
	qsort(lines, list->count, sizeof(*lines), compare_lines);
	return lines;
}

static void count_items(struct comparer *comparer, const struct node *before, const struct node *after,
	struct config_change *change)
{
	const char **old = sorted_lines(comparer, before), **new = sorted_lines(comparer, after);
	size_t a = 0, b = 0;

	if (old == NULL || new == NULL)
		return;
	while (a < before->count || b < after->count) {
		int order = a == before->count ? 1 : b == after->count ? -1 : strcmp(old[a], new[b]);

		change->less += order < 0;
		change->more += order > 0;
		a += order <= 0;
		b += order >= 0;
	}
}

static void compare_values(struct comparer *comparer, const struct compared *as, const struct node *before,
	const struct node *after)
{
	bool setting = strcmp(as->what, "setting") == 0;
	struct config_change change = {
		.kind = CHANGE_CHANGED,
		.what = as->what,
		.name = setting ? as->path : as->name,
		.key = setting ? NULL : as->path,
		.before = line_of(comparer, before),
		.after = line_of(comparer, after),
		.restart = as->restart,
	};

	if (comparer->error != 0 || (change.before != NULL && change.after != NULL && strcmp(change.before, change.after) == 0))
		return;
	if (before != NULL && after != NULL && before->kind == NODE_LIST && after->kind == NODE_LIST)
		count_items(comparer, before, after, &change);
	compare_add(comparer, &change);
}

static const char *join(struct comparer *comparer, const char *path, const char *key)
{
	const char *joined = arena_printf(comparer->changes->arena, "%s%s%s", path, path[0] == '\0' ? "" : ".", key);

	if (joined == NULL)
		comparer->error = -ENOMEM;
	return joined;
}

static const struct field *find_row(const struct field *table, const char *key)
{
	for (; table != NULL && table->key != NULL; table++) {
		if (strcmp(table->key, key) == 0)
			return table;
	}
	return NULL;
}

static bool is_without(const struct compared *as, const char *path)
{
	for (size_t i = 0; as->without != NULL && as->without[i] != NULL; i++) {
		if (strcmp(as->without[i], path) == 0)
			return true;
	}
	return false;
}

static void compare_key(struct comparer *comparer, const struct compared *as, const char *key, const struct node *before,
	const struct node *after)
{
	const struct field *row = find_row(as->table, key);
	struct compared below = *as;

	below.path = join(comparer, as->path, key);
	below.restart = row != NULL && (row->flags & FIELD_RESTART) != 0;
	below.table = row != NULL && row->type == FIELD_MAP ? row->table : NULL;
	if (below.path != NULL && !is_without(as, below.path))
		compare_nodes(comparer, &below, before, after);
}

static void compare_maps(struct comparer *comparer, const struct compared *as, const struct node *before,
	const struct node *after)
{
	for (size_t i = 0; after != NULL && i < after->count; i++) {
		const char *key = after->items[2 * i]->text;

		compare_key(comparer, as, key, node_get(before, key), after->items[2 * i + 1]);
	}
	for (size_t i = 0; before != NULL && i < before->count; i++) {
		const char *key = before->items[2 * i]->text;

		if (node_get(after, key) == NULL)
			compare_key(comparer, as, key, before->items[2 * i + 1], NULL);
	}
}

static const char *keep(struct comparer *comparer, const char *name)
{
	const char *copy = arena_text(comparer->changes->arena, name, strlen(name));

	if (copy == NULL)
		comparer->error = -ENOMEM;
	return copy;
}

static void compare_named(struct comparer *comparer, const char *what, const struct node *before, const struct node *after)
{
	for (size_t i = 0; after != NULL && i < after->count; i++) {
		const char *name = keep(comparer, after->items[2 * i]->text);
		struct compared as = { .what = what, .name = name, .path = "" };

		if (name == NULL)
			return;
		if (node_get(before, name) != NULL)
			compare_nodes(comparer, &as, node_get(before, name), after->items[2 * i + 1]);
		else
			compare_add(comparer, &(struct config_change){ .kind = CHANGE_ADDED, .what = what, .name = name });
	}
	for (size_t i = 0; before != NULL && i < before->count; i++) {
		const char *name = keep(comparer, before->items[2 * i]->text);

		if (name != NULL && node_get(after, name) == NULL)
			compare_add(comparer, &(struct config_change){ .kind = CHANGE_REMOVED, .what = what, .name = name });
	}
}

static bool is_map(const struct node *node)
{
	return node != NULL && node->kind == NODE_MAP;
}

void compare_nodes(struct comparer *comparer, const struct compared *as, const struct node *before, const struct node *after)
{
	/* A part of a named thing that came or went is one change; settings are told key by key. */
	bool maps = (is_map(before) || (before == NULL && as->name == NULL))
	            && (is_map(after) || (after == NULL && as->name == NULL));

	if (comparer->error != 0 || (before == NULL && after == NULL))
		return;
	for (size_t i = 0; maps && as->name == NULL && i < sizeof(named) / sizeof(named[0]); i++) {
		if (strcmp(as->path, named[i].path) == 0) {
			compare_named(comparer, named[i].what, before, after);
			return;
		}
	}
	if (maps)
		compare_maps(comparer, as, before, after);
	else
		compare_values(comparer, as, before, after);
}

/* All but the policies: there may be thousands, and most are the same. */
static char *print_settings(struct comparer *comparer, const struct config *config)
{
	struct config settings = *config;

	settings.policies = NULL;
	settings.policy_count = 0;
	return compare_print(comparer, &settings, schema_top, &settings);
}

static void compare_settings(struct comparer *comparer)
{
	struct compared as = { .what = "setting", .path = "", .table = schema_top };
	char *before = print_settings(comparer, comparer->before), *after = print_settings(comparer, comparer->after);
	struct node *old = before == NULL ? NULL : compare_tree(comparer, before);
	struct node *new = after == NULL ? NULL : compare_tree(comparer, after);

	if (old != NULL && new != NULL)
		compare_nodes(comparer, &as, old, new);
	free(before);
	free(after);
}

int config_compare(const struct config *before, const struct config *after, struct config_changes *ret_changes)
{
	struct comparer comparer = { before, after, ret_changes, arena_new(), 0 };

	*ret_changes = (struct config_changes){ .arena = arena_new() };
	if (comparer.scratch == NULL || ret_changes->arena == NULL)
		comparer.error = -ENOMEM;
	if (comparer.error == 0)
		compare_settings(&comparer);
	if (comparer.error == 0)
		compare_policies(&comparer);
	arena_free(comparer.scratch);
	if (comparer.error < 0)
		config_changes_free(ret_changes);
	return comparer.error;
}

void config_changes_free(struct config_changes *changes)
{
	arena_free(changes->arena);
	free(changes->items);
	*changes = (struct config_changes){ .items = NULL };
}

/* One row alone, as a table. */
static bool row_differs(const struct config *before, const struct config *after, const struct field *row, size_t offset)
{
	struct comparer comparer = { .error = 0 };
	struct field table[2] = { *row, { .key = NULL } };
	char *old = compare_print(&comparer, before, table, (const char *)before + offset);
	char *new = compare_print(&comparer, after, table, (const char *)after + offset);
	bool differs = old == NULL || new == NULL || strcmp(old, new) != 0;

	free(old);
	free(new);
	return differs;
}

static bool find_restart(const struct config *before, const struct config *after, const struct field *table, size_t offset,
	char *path, size_t size)
{
	size_t length = strlen(path);

	for (; table->key != NULL; table++) {
		snprintf(path + length, size - length, "%s%s", length == 0 ? "" : ".", table->key);
		if ((table->flags & FIELD_RESTART) && row_differs(before, after, table, offset))
			return true;
		if (table->type == FIELD_MAP && find_restart(before, after, table->table, offset + table->offset, path, size))
			return true;
		path[length] = '\0';
	}
	return false;
}

bool config_needs_restart(const struct config *before, const struct config *after, char *path, size_t size)
{
	path[0] = '\0';
	return find_restart(before, after, schema_top, 0, path, size);
}
