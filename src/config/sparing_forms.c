/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How seldom a link is checked that is paid by volume: true, false, or with times. */

#include "config/forms.h"

static void read_sparing(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct sparing *sparing = member;

	*sparing = (struct sparing){ 0 };
	if (is_word(node, "false"))
		return;
	if (node->kind == NODE_MAP || is_word(node, "true")) {
		read_table(loader, field->table, node->kind == NODE_MAP ? node : NULL, node->at, sparing);
		return;
	}
	problem_add(&loader->problems, node->at, "`%s' is true, false, or has the keys `busy' and `idle'", field->key);
	problem_hint(&loader->problems, "write `sparing: true', or `sparing: { busy: 30s, idle: 10s }'");
}

static void print_sparing(struct printer *printer, const void *member)
{
	const struct sparing *sparing = member;

	if (sparing->busy_ms == 0)
		fputs("false", printer->out);
	else
		print_braces(printer, schema_sparing, sparing);
}

const struct form form_sparing = { read_sparing, NULL, print_sparing, "{ \"anyOf\": [{ \"type\": \"boolean\" }, <keys>] }" };
