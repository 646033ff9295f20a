/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of alerts.mail that are more than one word: kinds of alert, and who gets which. */

#include <string.h>

#include "config/forms.h"
#include "config/schema_rows.h"

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

#define GROUPS_MAX 32

const struct field schema_recipients[] = {
	{ "to", FORM(mail_recipients, to, form_names), .check = check_mail_address, REQUIRED, .meaning = "addresses" },
	{ "kinds", FORM(mail_recipients, kinds, form_alert_kinds), .words = schema_alert_kinds,
		.meaning = "what they are told of; by default everything" },
	{ .key = NULL },
};

static void read_recipients(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct mail_settings *mail = (struct mail_settings *)((char *)member - offsetof(struct mail_settings, others));
	size_t count = node->kind == NODE_LIST ? node->count : 1;

	if (count == 0 || count > GROUPS_MAX) {
		problem_add(&loader->problems, node->at, count == 0 ? "`%s' is an empty list" : "`%s' has more than 32 items", field->key);
		problem_hint(&loader->problems, "write `%s: [{ to: [noc@example.net], kinds: [down, up] }]'", field->key);
		return;
	}
	mail->others = loader_array(loader, count, sizeof(*mail->others));
	for (size_t i = 0; mail->others != NULL && i < count; i++) {
		const struct node *item = node->kind == NODE_LIST ? node->items[i] : node;

		read_table(loader, field->table, item, item->at, &mail->others[mail->other_count++]);
	}
}

static bool no_recipients(const void *member)
{
	const struct mail_settings *mail =
		(const struct mail_settings *)((const char *)member - offsetof(struct mail_settings, others));

	return mail->other_count == 0;
}

static void print_recipients(struct printer *printer, const void *member)
{
	const struct mail_settings *mail =
		(const struct mail_settings *)((const char *)member - offsetof(struct mail_settings, others));

	fputc('[', printer->out);
	for (size_t i = 0; i < mail->other_count; i++) {
		fputs(i == 0 ? "" : ", ", printer->out);
		print_braces(printer, schema_recipients, &mail->others[i]);
	}
	fputc(']', printer->out);
}

const struct form form_recipients = { read_recipients, no_recipients, print_recipients, SCHEMA_LIST("<keys>", "1") };
