/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QoS: the classes, shares of a bandwidth, and names of classes. */

#include <string.h>

#include "config/forms.h"

/* As the schema has rates. */
#define RATE_MIN 1000
#define RATE_MAX 1000000000000

static void bad_share(struct loader *loader, const struct field *field, const struct node *node, const char *why)
{
	problem_add(&loader->problems, node->at, "`%s': `%.60s' %s", field->key, node->text, why);
	problem_hint(&loader->problems, "write `%s: 10%%' of the link, or a rate as `%s: 2 mbit'", field->key, field->key);
}

static void read_bandwidth(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct bandwidth *bandwidth = member;
	uint64_t permille, bps;

	if (!read_word(loader, field->key, node))
		return;
	if (value_read(node->text, UNIT_PERCENT, &permille) == VALUE_FINE) {
		if (permille < 1 || permille > 1000)
			bad_share(loader, field, node, "is not 0.1% to 100%");
		else
			bandwidth->permille = (uint32_t)permille;
		return;
	}
	switch (value_read(node->text, UNIT_RATE, &bps)) {
	case VALUE_FINE:
		if (bps < RATE_MIN || bps > RATE_MAX)
			bad_share(loader, field, node, "is not 1 kbit to 1000 gbit");
		else
			bandwidth->bps = bps;
		break;
	case VALUE_NO_UNIT:
		bad_share(loader, field, node, "lacks its unit");
		break;
	case VALUE_NOT_A_NUMBER:
	case VALUE_UNIT_UNKNOWN:
	case VALUE_UNIT_NOT_WANTED:
	case VALUE_LEADING_ZERO:
	case VALUE_TOO_FINE:
	case VALUE_TOO_LARGE:
		bad_share(loader, field, node, "is neither a rate nor a part in percent");
		break;
	}
}

static bool no_bandwidth(const void *member)
{
	const struct bandwidth *bandwidth = member;

	return bandwidth->bps == 0 && bandwidth->permille == 0;
}

static void print_bandwidth(struct printer *printer, const void *member)
{
	const struct bandwidth *bandwidth = member;
	char text[VALUE_TEXT_MAX];

	fputs(bandwidth->bps != 0 ? value_format(bandwidth->bps, UNIT_RATE, text)
	                          : value_format(bandwidth->permille, UNIT_PERCENT, text), printer->out);
}

const struct form form_bandwidth = { read_bandwidth, no_bandwidth, print_bandwidth, SCHEMA_OF("share") };

static void read_classes(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	size_t count = read_entries(loader, field, node, CONFIG_CLASSES_MAX);
	struct qos *qos = &loader->config->qos;

	(void)member;
	qos->classes = loader_array(loader, count, sizeof(*qos->classes));
	loader->classes = loader_array(loader, count, sizeof(*loader->classes));
	for (size_t i = 0; qos->classes != NULL && loader->classes != NULL && i < count; i++) {
		struct qos_class *class = &qos->classes[i];
		struct place *place = &loader->classes[i];

		class->name = read_entry(loader, node, i, place);
		if (class->name == NULL)
			return;
		qos->count = i + 1;
		if (place->value != NULL)
			read_table(loader, schema_class, place->value, place->name->at, class);
	}
}

/* They stand in one line each. */
static void print_classes(struct printer *printer, const void *member)
{
	const struct qos *qos = &printer->config->qos;

	(void)member;
	fputc('\n', printer->out);
	printer->indent += 2;
	for (size_t i = 0; i < qos->count; i++) {
		print_key(printer, qos->classes[i].name);
		fputs(" {", printer->out);
		printer->in_braces = printer->first = true;
		print_table(printer, schema_class, &qos->classes[i]);
		printer->in_braces = false;
		fputs(" }\n", printer->out);
	}
	printer->indent -= 2;
}

static bool no_classes(const void *member)
{
	const struct qos *qos = (const struct qos *)((const char *)member - offsetof(struct qos, classes));

	return qos->count == 0;
}

const struct form form_classes = { read_classes, no_classes, print_classes, SCHEMA_NAMED };

/* NO_CLASS, with a problem, where there is none of that name. */
static uint16_t read_class_name(struct loader *loader, const struct field *field, const struct node *node)
{
	const struct qos *qos = &loader->config->qos;
	struct nearest nearest;
	int index;

	if (!read_word(loader, field->key, node))
		return NO_CLASS;
	index = config_class(loader->config, node->text);
	if (index >= 0)
		return (uint16_t)index;
	problem_add(&loader->problems, node->at, "`%s': there is no class `%.60s'", field->key, node->text);
	nearest = nearest_to(node->text);
	for (size_t i = 0; i < qos->count; i++)
		nearest_try(&nearest, qos->classes[i].name);
	if (!problem_hint_near(&loader->problems, &nearest))
		problem_hint(&loader->problems, "the classes are made at the top: `qos: { classes: { NAME: { ... } } }'");
	return NO_CLASS;
}

static void read_standard(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	uint16_t class = read_class_name(loader, field, node);

	memcpy(member, &class, sizeof(class));
}

static bool no_standard(const void *member)
{
	const struct qos *qos = (const struct qos *)((const char *)member - offsetof(struct qos, standard));

	return qos->count == 0;
}

static void print_class_name(struct printer *printer, const void *member)
{
	uint16_t class;

	memcpy(&class, member, sizeof(class));
	print_text(printer, printer->config->qos.classes[class].name);
}

const struct form form_standard_class = { read_standard, no_standard, print_class_name, SCHEMA_OF("name") };

static bool is_no_class(const void *member)
{
	uint16_t class;

	memcpy(&class, member, sizeof(class));
	return class == NO_CLASS;
}

const struct form form_class = { read_standard, is_no_class, print_class_name, SCHEMA_OF("name") };
