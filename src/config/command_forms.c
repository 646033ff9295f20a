/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command for alerts: a program and its arguments, word for word; no shell reads them. */

#include "config/forms.h"

#define WORDS_MAX 32

static bool word_is_fine(struct loader *loader, const struct field *field, const struct node *item, size_t index)
{
	const char *hint = NULL, *wrong;

	if (item->kind != NODE_WORD) {
		problem_add(&loader->problems, item->at, "`%s' is a list of words", field->key);
		problem_hint(&loader->problems, "write `%s: [/usr/local/bin/alert, --now]'", field->key);
		return false;
	}
	wrong = index == 0 ? check_path(item->text, &hint) : check_argument(item->text, &hint);
	if (wrong == NULL)
		return true;
	problem_add(&loader->problems, item->at, "`%s': `%.60s' %s", field->key, item->text, wrong);
	if (hint != NULL)
		problem_hint(&loader->problems, "%s", hint);
	return false;
}

static void read_argv(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct names *words = member;

	if (node->kind == NODE_MAP || node_items(node) == 0 || node_items(node) > WORDS_MAX) {
		problem_add(&loader->problems, node->at, "`%s' is a program and at most %d arguments", field->key, WORDS_MAX - 1);
		problem_hint(&loader->problems, "write `%s: [/usr/local/bin/alert, --now]'", field->key);
		return;
	}
	words->items = loader_array(loader, node_items(node), sizeof(*words->items));
	for (size_t i = 0; words->items != NULL && i < node_items(node); i++) {
		const struct node *item = node_item(node, i);

		if (word_is_fine(loader, field, item, i))
			words->items[words->count++] = loader_text(loader, item->text);
	}
}

static bool no_argv(const void *member)
{
	return ((const struct names *)member)->count == 0;
}

static void print_argv(struct printer *printer, const void *member)
{
	print_names(printer, member);
}

const struct form form_argv = { read_argv, no_argv, print_argv, SCHEMA_LIST_OF("argument") };
