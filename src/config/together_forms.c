/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What connections are kept together by, in one policy or over several: the words, and the value of `together'. */

#include <string.h>

#include "config/forms.h"

const struct word flow_keys[] = {
	{ "source", KEY_SOURCE },
	{ "destination", KEY_DESTINATION },
	{ "source+destination", KEY_SOURCE_DESTINATION },
	{ "source+destination+port", KEY_SOURCE_DESTINATION_PORT },
	{ NULL, 0 },
};

/* What policies for different ports can have in common. */
static const struct word shared_keys[] = {
	{ "source", KEY_SOURCE },
	{ "destination", KEY_DESTINATION },
	{ "source+destination", KEY_SOURCE_DESTINATION },
	{ NULL, 0 },
};

const struct field schema_together[] = {
	{ "by", .type = FIELD_WORD, .flags = FIELD_OPTIONAL, .offset = offsetof(struct balance, together_by),
		.size = sizeof(enum flow_key), .words = shared_keys, .standard = "source", .meaning = "what stays on one link" },
	{ "for", .type = FIELD_NUMBER, .flags = FIELD_OPTIONAL, .offset = offsetof(struct balance, together_for_s),
		.size = sizeof(uint32_t), .min = 1000, .max = 365ull * 24 * 3600 * 1000, .unit = UNIT_TIME, .scale = 1000,
		.standard = "10m", .meaning = "how long after the last new connection of any of the policies" },
	{ .key = NULL },
};

const char *config_flow_key_name(enum flow_key key)
{
	for (const struct word *word = flow_keys; word->word != NULL; word++) {
		if (word->value == (int)key)
			return word->word;
	}
	return "";
}

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
