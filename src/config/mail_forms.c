/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of alerts.mail that are more than one word: kinds of alert. */

#include <string.h>

#include "config/forms.h"

const struct word schema_alert_kinds[] = {
	{ "down", ALERT_DOWN },
	{ "up", ALERT_UP },
	{ "degraded", ALERT_DEGRADED },
	{ "flapping", ALERT_FLAPPING },
	{ "quota", ALERT_QUOTA },
	{ "attack", ALERT_ATTACK },
	{ "daemon", ALERT_DAEMON },
	{ NULL, 0 },
};

/* 0 where there is no such kind. */
static alert_kinds kind_bit(const char *text)
{
	for (const struct word *word = schema_alert_kinds; word->word != NULL; word++) {
		if (strcmp(word->word, text) == 0)
			return 1u << word->value;
	}
	return 0;
}

static void unknown_kind(struct loader *loader, const struct field *field, const struct node *item)
{
	struct nearest nearest = nearest_to(item->text);
	char known[256] = "";

	for (const struct word *word = schema_alert_kinds; word->word != NULL; word++) {
		size_t length = strlen(known);

		nearest_try(&nearest, word->word);
		snprintf(known + length, sizeof(known) - length, "%s%s", length == 0 ? "" : ", ", word->word);
	}
	problem_add(&loader->problems, item->at, "`%s': `%.60s' is no kind of alert", field->key, item->text);
	if (!problem_hint_near(&loader->problems, &nearest))
		problem_hint(&loader->problems, "the kinds are %s", known);
}

static void read_kinds(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	alert_kinds kinds = 0;

	if (!read_words(loader, field->key, node, false))
		return;
	for (size_t i = 0; i < node_items(node); i++) {
		alert_kinds bit = kind_bit(node_item(node, i)->text);

		if (bit == 0)
			unknown_kind(loader, field, node_item(node, i));
		kinds |= bit;
	}
	memcpy(member, &kinds, sizeof(kinds));
}

static bool all_kinds(const void *member)
{
	return *(const alert_kinds *)member == 0;
}

static void print_kinds(struct printer *printer, const void *member)
{
	const char *comma = "";

	fputc('[', printer->out);
	for (enum alert_kind kind = 0; kind < ALERT_KINDS; kind++) {
		if ((*(const alert_kinds *)member >> kind & 1) == 0)
			continue;
		fprintf(printer->out, "%s%s", comma, alert_kind_name(kind));
		comma = ", ";
	}
	fputc(']', printer->out);
}

const struct form form_alert_kinds = { read_kinds, all_kinds, print_kinds, SCHEMA_LIST("<words>", "1") };
