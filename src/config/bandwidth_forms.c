/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bandwidth of a link: what the provider sold, or learnt from what goes through, maybe within bounds. */

#include <string.h>

#include "config/forms.h"

#define RATE(structure, member) \
	.type = FIELD_NUMBER, .flags = FIELD_OPTIONAL, .offset = offsetof(struct structure, member), \
	.size = sizeof(uint64_t), .unit = UNIT_RATE, .min = 1000, .max = 1000000000000

const struct field schema_learning[] = {
	{ "at-least", RATE(learning, least_bps), .meaning = "it has never less" },
	{ "at-most", RATE(learning, most_bps), .meaning = "nor more" },
	{ .key = NULL },
};

/* What the forms below read where they have no words. */
static const struct field rates[] = {
	{ "download", RATE(link, download_bps) },
	{ "upload", RATE(link, upload_bps) },
	{ .key = NULL },
};

#define PIPE(member, how) \
	.type = FIELD_FORM, .offset = offsetof(struct link, member), .size = sizeof(uint64_t), .form = &how, \
	.table = schema_learning

const struct field schema_bandwidth[] = {
	{ "download", PIPE(download_bps, form_download),
		.meaning = "what the link brings in at most: a rate, learn, or learnt within { at-least, at-most }" },
	{ "upload", PIPE(upload_bps, form_upload), .meaning = "what the link takes out at most, in the same words" },
	{ .key = NULL },
};

/* A rate, as any other key has it; where it begins as none, `learn' may have been meant. */
static void read_rate(struct loader *loader, const struct field *field, const struct node *node, struct link *link)
{
	const struct field *rate = strcmp(field->key, "download") == 0 ? &rates[0] : &rates[1];

	if (!read_word(loader, field->key, node))
		return;
	if (node->text[0] >= '0' && node->text[0] <= '9') {
		read_field(loader, rate, node, link);
		return;
	}
	problem_add(&loader->problems, node->at, "`%s': `%.60s' is neither a rate nor `learn'", field->key, node->text);
	problem_hint(&loader->problems, "write a rate as `%s: 20 mbit', or `%s: learn'", field->key, field->key);
}

static void read_bounds(struct loader *loader, const struct field *field, const struct node *node,
	struct learning *learning)
{
	learning->on = true;
	if (node->count == 0) {
		problem_add(&loader->problems, node->at, "`%s' has no bounds", field->key);
		problem_hint(&loader->problems, "write `%s: learn', or `%s: { at-least: 5 mbit, at-most: 50 mbit }'", field->key,
			field->key);
		return;
	}
	read_table(loader, schema_learning, node, node->at, learning);
	if (learning->most_bps == 0 || learning->least_bps <= learning->most_bps)
		return;
	problem_add(&loader->problems, node_key(node, "at-most")->at, "`%s': `at-most' is less than `at-least'", field->key);
	problem_hint(&loader->problems, "take the two the other way round");
}

static void read_pipe(struct loader *loader, const struct field *field, const struct node *node, struct link *link,
	struct learning *learning)
{
	if (node->kind == NODE_MAP)
		read_bounds(loader, field, node, learning);
	else if (is_word(node, "learn"))
		learning->on = true;
	else
		read_rate(loader, field, node, link);
}

static void print_bound(struct printer *printer, const char *before, const char *key, uint64_t bps)
{
	char text[VALUE_TEXT_MAX];

	if (bps != 0)
		fprintf(printer->out, "%s%s: %s", before, key, value_format(bps, UNIT_RATE, text));
}

static void print_pipe(struct printer *printer, uint64_t bps, const struct learning *learning)
{
	char text[VALUE_TEXT_MAX];

	if (!learning->on) {
		fputs(value_format(bps, UNIT_RATE, text), printer->out);
	} else if (learning->least_bps == 0 && learning->most_bps == 0) {
		fputs("learn", printer->out);
	} else {
		print_bound(printer, "{ ", "at-least", learning->least_bps);
		print_bound(printer, learning->least_bps == 0 ? "{ " : ", ", "at-most", learning->most_bps);
		fputs(" }", printer->out);
	}
}

static void read_download(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct link *link = (struct link *)((char *)member - offsetof(struct link, download_bps));

	read_pipe(loader, field, node, link, &link->learn[0]);
}

static bool no_download(const void *member)
{
	const struct link *link = (const struct link *)((const char *)member - offsetof(struct link, download_bps));

	return link->download_bps == 0 && !link->learn[0].on;
}

static void print_download(struct printer *printer, const void *member)
{
	const struct link *link = (const struct link *)((const char *)member - offsetof(struct link, download_bps));

	print_pipe(printer, link->download_bps, &link->learn[0]);
}

static void read_upload(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct link *link = (struct link *)((char *)member - offsetof(struct link, upload_bps));

	read_pipe(loader, field, node, link, &link->learn[1]);
}

static bool no_upload(const void *member)
{
	const struct link *link = (const struct link *)((const char *)member - offsetof(struct link, upload_bps));

	return link->upload_bps == 0 && !link->learn[1].on;
}

static void print_upload(struct printer *printer, const void *member)
{
	const struct link *link = (const struct link *)((const char *)member - offsetof(struct link, upload_bps));

	print_pipe(printer, link->upload_bps, &link->learn[1]);
}

#define SCHEMA_PIPE "{ \"anyOf\": [{ \"const\": \"learn\" }, " SCHEMA_OF("rate") ", <keys>] }"

const struct form form_download = { read_download, no_download, print_download, SCHEMA_PIPE };
const struct form form_upload = { read_upload, no_upload, print_upload, SCHEMA_PIPE };

/* `learn' alone is both directions. */
static void read_link_bandwidth(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct link *link = (struct link *)((char *)member - offsetof(struct link, learn));

	if (is_word(node, "learn"))
		link->learn[0].on = link->learn[1].on = true;
	else
		read_table(loader, field->table, node, node->at, link);
}

static bool no_link_bandwidth(const void *member)
{
	const struct link *link = (const struct link *)((const char *)member - offsetof(struct link, learn));

	return no_download(&link->download_bps) && no_upload(&link->upload_bps);
}

static void print_link_bandwidth(struct printer *printer, const void *member)
{
	const struct link *link = (const struct link *)((const char *)member - offsetof(struct link, learn));

	print_braces(printer, schema_bandwidth, link);
}

const struct form form_link_bandwidth = { read_link_bandwidth, no_link_bandwidth, print_link_bandwidth,
	"{ \"anyOf\": [{ \"const\": \"learn\" }, <keys>] }" };
