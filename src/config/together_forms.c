/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is kept together over policies: `by source', or its keys. */

#include <string.h>

#include "config/forms.h"

/* `by source' is short for { by: source }. */
static void read_together(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct balance *balance = (struct balance *)((char *)member - offsetof(struct balance, together_by));
	struct node word = *node;

	if (node->kind == NODE_MAP) {
		read_table(loader, field->table, node, node->at, balance);
	} else if (node->kind == NODE_WORD && strncmp(node->text, "by ", 3) == 0) {
		read_table(loader, field->table, NULL, node->at, balance);
		word.text += 3;
		read_field(loader, &field->table[0], &word, balance);
	} else {
		problem_add(&loader->problems, node->at, "`%s' says by what, as `by source'", field->key);
		problem_hint(&loader->problems, "write `%s: by source' or `%s: { by: source, for: 10m }'", field->key, field->key);
	}
}

static bool not_together(const void *member)
{
	const enum flow_key *by = member;

	return *by == KEY_NONE;
}

static void print_together(struct printer *printer, const void *member)
{
	print_braces(printer, schema_together,
		(const struct balance *)((const char *)member - offsetof(struct balance, together_by)));
}

const struct form form_together = { read_together, not_together, print_together,
	"{ \"anyOf\": [{ \"enum\": [\"by source\", \"by destination\", \"by source+destination\"] }, <keys>] }" };
