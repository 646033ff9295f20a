/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a node by the rows of the schema into plain structs. */

#include <string.h>

#include "config/schema.h"

static void store(void *base, const struct field *field, uint64_t value)
{
	char *member = (char *)base + field->offset;
	uint8_t small = (uint8_t)value;
	uint16_t medium = (uint16_t)value;
	uint32_t large = (uint32_t)value;

	switch (field->size) {
	case sizeof(small):
		memcpy(member, &small, sizeof(small));
		break;
	case sizeof(medium):
		memcpy(member, &medium, sizeof(medium));
		break;
	case sizeof(large):
		memcpy(member, &large, sizeof(large));
		break;
	case sizeof(value):
		memcpy(member, &value, sizeof(value));
		break;
	}
}

bool read_word(struct loader *loader, const char *what, const struct node *node)
{
	if (node->kind == NODE_WORD)
		return true;
	problem_add(&loader->problems, node->at, "`%s' is one value, not a %s", what,
		node->kind == NODE_LIST ? "list" : "map of keys");
	problem_hint(&loader->problems, "write `%s: VALUE'", what);
	return false;
}

static bool is_repeated(const struct node *node, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (strcmp(node_item(node, i)->text, node_item(node, index)->text) == 0)
			return true;
	}
	return false;
}

bool read_words(struct loader *loader, const char *what, const struct node *node, bool may_be_empty)
{
	if (node->kind == NODE_MAP) {
		problem_add(&loader->problems, node->at, "`%s' is a value or a list, not a map of keys", what);
		problem_hint(&loader->problems, "write `%s: VALUE' or `%s: [VALUE, VALUE]'", what, what);
		return false;
	}
	if (node->count == 0 && node->kind == NODE_LIST && !may_be_empty) {
		problem_add(&loader->problems, node->at, "`%s' is an empty list", what);
		problem_hint(&loader->problems, "leave `%s' out, or name at least one", what);
		return false;
	}
	if (node_items(node) > YAML_KEYS_MAX) {
		problem_add(&loader->problems, node->at, "`%s' has more than %d items", what, YAML_KEYS_MAX);
		problem_hint(&loader->problems, "shorten the list");
		return false;
	}
	for (size_t i = 0; i < node_items(node); i++) {
		const struct node *item = node_item(node, i);

		if (item->kind != NODE_WORD || node_is_empty(item)) {
			problem_add(&loader->problems, item->at, "an item of `%s' must be a word", what);
			problem_hint(&loader->problems, "write `%s: [VALUE, VALUE]'", what);
			return false;
		}
		if (is_repeated(node, i)) {
			problem_add(&loader->problems, item->at, "`%.60s' is here for the second time", item->text);
			problem_hint(&loader->problems, "take one of the two out");
		}
	}
	return true;
}

void read_names(struct loader *loader, const struct node *node, struct names *names)
{
	size_t count = node_items(node);

	names->items = loader_array(loader, count, sizeof(*names->items));
	for (size_t i = 0; names->items != NULL && i < count; i++) {
		names->items[i] = loader_text(loader, node_item(node, i)->text);
		names->count = i + 1;
	}
}

static void bad_bool(struct loader *loader, const struct field *field, const struct node *node)
{
	static const char *const yes[] = { "yes", "on", "y", "1", "True", "TRUE", "Yes", "YES", "On", "ON" };
	static const char *const no[] = { "no", "off", "n", "0", "False", "FALSE", "No", "NO", "Off", "OFF" };

	problem_add(&loader->problems, node->at, "`%s' is `true' or `false', not `%.60s'", field->key, node->text);
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(node->text, yes[i]) == 0)
			problem_hint(&loader->problems, "write `true'");
		else if (strcmp(node->text, no[i]) == 0)
			problem_hint(&loader->problems, "write `false'");
	}
	problem_hint(&loader->problems, "write `true' or `false'");
}

static void read_bool(struct loader *loader, const struct field *field, const struct node *node, void *base)
{
	if (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0)
		store(base, field, node->text[0] == 't');
	else
		bad_bool(loader, field, node);
}

static void bad_number(struct loader *loader, const struct field *field, const struct node *node, enum value_error error)
{
	struct problems *problems = &loader->problems;
	const char *example = field->scale == 0 ? value_example(field->unit) : "`30s', `10m', `2h' or `7d'";
	const char *zeros = node->text;

	switch (error) {
	case VALUE_FINE:
		return;
	case VALUE_NOT_A_NUMBER:
		problem_add(problems, node->at, "`%s' is %s, not `%.60s'", field->key, value_kind(field->unit), node->text);
		break;
	case VALUE_NO_UNIT:
		problem_add(problems, node->at, "`%s: %.60s' lacks its unit", field->key, node->text);
		break;
	case VALUE_UNIT_UNKNOWN:
		problem_add(problems, node->at, "`%.60s' has a unit that `%s' does not know", node->text, field->key);
		break;
	case VALUE_UNIT_NOT_WANTED:
		problem_add(problems, node->at, "`%s' is a number without a unit, not `%.60s'", field->key, node->text);
		break;
	case VALUE_LEADING_ZERO:
		while (zeros[0] == '0' && zeros[1] >= '0' && zeros[1] <= '9')
			zeros++;
		problem_add(problems, node->at, "`%.60s' starts with a zero", node->text);
		problem_hint(problems, "write `%.60s'", zeros);
		return;
	case VALUE_TOO_FINE:
		problem_add(problems, node->at, "`%.60s' is finer than `%s' can be", node->text, field->key);
		break;
	case VALUE_TOO_LARGE:
		problem_add(problems, node->at, "`%.60s' is too large for `%s'", node->text, field->key);
		break;
	}
	problem_hint(problems, "write it as %s%s%s%s", example, field->zero == NULL ? "" : ", or `",
		field->zero == NULL ? "" : field->zero, field->zero == NULL ? "" : "'");
}

static void out_of_range(struct loader *loader, const struct field *field, const struct node *node, bool above)
{
	char low[VALUE_TEXT_MAX], high[VALUE_TEXT_MAX];

	problem_add(&loader->problems, node->at, "`%s' is %s to %s, not %.60s", field->key,
		value_format(field->min, field->unit, low), value_format(field->max, field->unit, high), node->text);
	problem_hint(&loader->problems, "the %s is `%s'", above ? "most" : "least", above ? high : low);
}

static void read_number(struct loader *loader, const struct field *field, const struct node *node, void *base)
{
	uint32_t scale = field->scale == 0 ? 1 : field->scale;
	enum value_error error;
	uint64_t value;

	if (field->zero != NULL && strcmp(node->text, field->zero) == 0) {
		store(base, field, 0);
		return;
	}
	error = value_read(node->text, field->unit, &value);
	if (error == VALUE_FINE && value % scale != 0 && value >= field->min)
		error = VALUE_TOO_FINE;
	if (error != VALUE_FINE)
		bad_number(loader, field, node, error);
	else if (value < field->min || value > field->max)
		out_of_range(loader, field, node, value > field->max);
	else
		store(base, field, value / scale);
}

/* text: what stands in place of one of the words. */
static void unknown_word(struct loader *loader, const struct field *field, const struct node *node, const char *text)
{
	struct nearest nearest = nearest_to(text);
	char known[512] = "";

	for (const struct word *word = field->words; word->word != NULL; word++) {
		size_t length = strlen(known);

		nearest_try(&nearest, word->word);
		snprintf(known + length, sizeof(known) - length, "%s%s", length == 0 ? "" : ", ", word->word);
	}
	problem_add(&loader->problems, node->at, "`%s: %.60s' is not known to this version", field->key, text);
	if (!problem_hint_near(&loader->problems, &nearest))
		problem_hint(&loader->problems, "it can be %s", known);
}

static void read_choice(struct loader *loader, const struct field *field, const struct node *node, void *base)
{
	if (node->kind == NODE_MAP && node->count > 0) {
		unknown_word(loader, field, node, node->items[0]->text);
		return;
	}
	if (!read_word(loader, field->key, node))
		return;
	for (const struct word *word = field->words; word->word != NULL; word++) {
		if (strcmp(word->word, node->text) == 0) {
			store(base, field, (uint64_t)word->value);
			return;
		}
	}
	unknown_word(loader, field, node, node->text);
}

static void read_text(struct loader *loader, const struct field *field, const struct node *node, void *base)
{
	const char *hint = NULL, *wrong = field->check(node->text, &hint);
	char *text;

	if (wrong != NULL) {
		problem_add(&loader->problems, node->at, "`%s': `%.60s' %s", field->key, node->text, wrong);
		if (hint != NULL)
			problem_hint(&loader->problems, "%s", hint);
		return;
	}
	text = loader_text(loader, node->text);
	memcpy((char *)base + field->offset, &text, sizeof(text));
}

void read_field(struct loader *loader, const struct field *field, const struct node *node, void *base)
{
	void *member = (char *)base + field->offset;

	bool word = field->type == FIELD_BOOL || field->type == FIELD_NUMBER || field->type == FIELD_TEXT;

	if (word && !read_word(loader, field->key, node))
		return;
	switch (field->type) {
	case FIELD_WORD:
		read_choice(loader, field, node, base);
		break;
	case FIELD_BOOL:
		read_bool(loader, field, node, base);
		break;
	case FIELD_NUMBER:
		read_number(loader, field, node, base);
		break;
	case FIELD_TEXT:
		read_text(loader, field, node, base);
		break;
	case FIELD_MAP:
		read_table(loader, field->table, node, node->at, member);
		break;
	case FIELD_FORM:
		field->form->read(loader, field, node, member);
		break;
	case FIELD_LATER:
		break;
	}
}

static const struct field *find(const struct field *table, const char *key)
{
	for (; table->key != NULL; table++) {
		if (strcmp(table->key, key) == 0)
			return table;
	}
	return NULL;
}

/* later: the word is one that a later version will know. */
static void unknown_key(struct loader *loader, const struct field *table, const struct node *key, bool later)
{
	struct nearest nearest = nearest_to(key->text);
	char known[512] = "";

	for (const struct field *field = table; field->key != NULL; field++) {
		size_t length = strlen(known);

		if (field->type == FIELD_LATER)
			continue;
		nearest_try(&nearest, field->key);
		snprintf(known + length, sizeof(known) - length, "%s%s", length == 0 ? "" : ", ", field->key);
	}
	if (later)
		problem_add(&loader->problems, key->at, "`%.60s' is not known to this version", key->text);
	else
		problem_add(&loader->problems, key->at, "unknown key `%.60s'", key->text);
	if (!problem_hint_near(&loader->problems, &nearest))
		problem_hint(&loader->problems, "the keys here are %s", known);
}

static void check_keys(struct loader *loader, const struct field *table, const struct node *node)
{
	for (size_t i = 0; i < node->count; i++) {
		const struct node *key = node->items[2 * i], *value = node->items[2 * i + 1];
		const struct field *field = find(table, key->text);

		if (field == NULL || field->type == FIELD_LATER) {
			unknown_key(loader, table, key, field != NULL);
		} else if (node_is_empty(value)) {
			problem_add(&loader->problems, key->at, "`%s' has no value", key->text);
			problem_hint(&loader->problems, "write one, or take the line out");
		}
	}
}

static void read_missing(struct loader *loader, const struct field *field, struct position at, void *base)
{
	struct node node = { .kind = NODE_WORD, .text = field->standard, .at = at };

	if (field->flags & FIELD_REQUIRED) {
		problem_add(&loader->problems, at, "`%s' is missing", field->key);
		if (field->meaning != NULL)
			problem_hint(&loader->problems, "`%s': %s", field->key, field->meaning);
	} else if (field->type == FIELD_MAP && !(field->flags & FIELD_OPTIONAL)) {
		read_table(loader, field->table, NULL, at, (char *)base + field->offset);
	} else if (field->standard != NULL) {
		read_field(loader, field, &node, base);
	}
}

void read_table(struct loader *loader, const struct field *table, const struct node *node, struct position at,
	void *base)
{
	if (node != NULL && node->kind != NODE_MAP) {
		problem_add(&loader->problems, node->at, "keys with values are expected here, not a %s",
			node->kind == NODE_LIST ? "list" : "word");
		problem_hint(&loader->problems, "the first key here is `%s', for example", table[0].key);
		return;
	}
	if (node != NULL)
		check_keys(loader, table, node);
	for (const struct field *field = table; field->key != NULL; field++) {
		const struct node *value = node_get(node, field->key);

		if (field->type == FIELD_LATER || (value != NULL && node_is_empty(value)))
			continue;
		if (value != NULL)
			read_field(loader, field, value, base);
		else
			read_missing(loader, field, at, base);
	}
}
