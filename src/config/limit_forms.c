/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of limits and of what watches for attacks: so many in a time, what is done, each detector. */

#include <string.h>

#include "config/forms.h"

#define EVENTS_MAX 1000000

static void bad_events(struct loader *loader, const struct field *field, const struct node *node, enum value_error error)
{
	struct problems *problems = &loader->problems;

	switch (error) {
	case VALUE_FINE:
		return;
	case VALUE_NO_UNIT:
		problem_add(problems, node->at, "`%s: %.60s' lacks its unit", field->key, node->text);
		break;
	case VALUE_UNIT_UNKNOWN:
	case VALUE_UNIT_NOT_WANTED:
		problem_add(problems, node->at, "`%.60s' has a unit that `%s' does not know", node->text, field->key);
		break;
	case VALUE_TOO_FINE:
		problem_add(problems, node->at, "`%s' counts whole things, not `%.60s'", field->key, node->text);
		problem_hint(problems, "a longer time does it: `90/m' is 1.5 each second");
		return;
	case VALUE_TOO_LARGE:
		problem_add(problems, node->at, "`%.60s' is too large for `%s'", node->text, field->key);
		break;
	case VALUE_NOT_A_NUMBER:
	case VALUE_LEADING_ZERO:
		problem_add(problems, node->at, "`%s' is so many in a time, not `%.60s'", field->key, node->text);
		break;
	}
	problem_hint(problems, "write it as `50/s', `300/m' or `10/h'");
}

static void read_events(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct rate rate, *into = member;
	enum value_error error;

	if (!read_word(loader, field->key, node))
		return;
	error = value_events(node->text, &rate.count, &rate.per_ms);
	if (error != VALUE_FINE) {
		bad_events(loader, field, node, error);
	} else if (rate.count == 0 || rate.count > EVENTS_MAX) {
		problem_add(&loader->problems, node->at, "`%s' is 1 to %d in a time, not %.60s", field->key, EVENTS_MAX,
			node->text);
		problem_hint(&loader->problems, rate.count == 0 ? "what shall never be is for a policy with `action: drop'" :
			"leave `%s' out where nothing is too much", field->key);
	} else {
		*into = rate;
	}
}

static bool no_events(const void *member)
{
	const struct rate *rate = member;

	return rate->count == 0;
}

static void print_events(struct printer *printer, const void *member)
{
	const struct rate *rate = member;
	char text[VALUE_TEXT_MAX];

	fputs(value_events_format(rate->count, rate->per_ms, text), printer->out);
}

const struct form form_events = { read_events, no_events, print_events, SCHEMA_OF("events") };

/* The name of a class is looked up when classes are known: check_limits(). */
static void read_over(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct limits *limits = (struct limits *)((char *)member - offsetof(struct limits, over));
	bool word = node->kind == NODE_WORD;

	if (word && strcmp(node->text, "drop") == 0) {
		limits->over = OVER_DROP;
	} else if (word && strcmp(node->text, "reject") == 0) {
		limits->over = OVER_REJECT;
	} else if (node->kind == NODE_MAP && node->count == 1 && node_get(node, "class") != NULL) {
		limits->over = OVER_CLASS;
		limits->over_class = NO_CLASS;
		read_word(loader, "class", node_get(node, "class"));
	} else {
		problem_add(&loader->problems, node->at, "`%s' is `drop', `reject' or a class", field->key);
		problem_hint(&loader->problems, "write `%s: drop' or `%s: { class: NAME }'", field->key, field->key);
	}
}

static void print_over(struct printer *printer, const void *member)
{
	const struct limits *limits = (const struct limits *)((const char *)member - offsetof(struct limits, over));

	switch (limits->over) {
	case OVER_DROP:
		fputs("drop", printer->out);
		break;
	case OVER_REJECT:
		fputs("reject", printer->out);
		break;
	case OVER_CLASS:
		fputs("{ class: ", printer->out);
		print_text(printer, printer->config->qos.classes[limits->over_class].name);
		fputs(" }", printer->out);
		break;
	}
}

const struct form form_over = { read_over, NULL, print_over,
	"{ \"anyOf\": [{ \"enum\": [\"drop\", \"reject\"] }, { \"type\": \"object\", \"required\": [\"class\"], "
	"\"additionalProperties\": false, \"properties\": { \"class\": " SCHEMA_OF("name") " } }] }" };

static void read_detector(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct detector_settings *settings = member;

	read_table(loader, field->table, node, node->at, settings);
	settings->enabled = true;
}

static bool no_detector(const void *member)
{
	const struct detector_settings *settings = member;

	return !settings->enabled;
}

/* What a printer knows of a form is its value alone: the keys of a detector follow from what it counts. */
static void print_detector(struct printer *printer, const void *member)
{
	const struct detector_settings *settings = member;

	if (settings->failures != 0)
		print_braces(printer, schema_port_scan, settings);
	else
		print_braces(printer, settings->max != 0 ? schema_connections : schema_flood, settings);
}

const struct form form_detector = { read_detector, no_detector, print_detector, "<keys>" };
