/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The large parts of the file: version, zones, links and policies. */

#include <string.h>

#include "config/forms.h"
#include "core/mark.h"

static void read_version(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	(void)member;
	if (!read_word(loader, field->key, node) || strcmp(node->text, "1") == 0)
		return;
	problem_add(&loader->problems, node->at, "version `%.60s' is not known to this program", node->text);
	problem_hint(&loader->problems, "write `version: 1'");
}

static void print_version(struct printer *printer, const void *member)
{
	(void)member;
	fputs("1", printer->out);
}

const struct form form_version = { read_version, NULL, print_version, "{ \"enum\": [1, \"1\"] }" };

size_t read_entries(struct loader *loader, const struct field *field, const struct node *node, size_t max)
{
	if (node->kind != NODE_MAP) {
		problem_add(&loader->problems, node->at, "`%s' needs names with keys below them", field->key);
		problem_hint(&loader->problems, "write `%s: { NAME: { ... } }'", field->key);
		return 0;
	}
	if (node->count <= max)
		return node->count;
	problem_add(&loader->problems, node->items[2 * max]->at, "more than %zu %s", max, field->key);
	problem_hint(&loader->problems, "this program has room for %zu", max);
	return max;
}

const char *read_entry(struct loader *loader, const struct node *node, size_t index, struct place *place)
{
	const char *hint = NULL, *wrong;

	place->name = node->items[2 * index];
	place->value = node->items[2 * index + 1];
	wrong = check_name(place->name->text, &hint);
	if (wrong != NULL) {
		problem_add(&loader->problems, place->name->at, "`%.60s' %s", place->name->text, wrong);
		problem_hint(&loader->problems, "%s", hint);
	}
	if (!node_is_empty(place->value))
		return loader_text(loader, place->name->text);
	problem_add(&loader->problems, place->name->at, "`%.60s' has no value", place->name->text);
	problem_hint(&loader->problems, "write its keys below it, indented");
	place->value = NULL;
	return loader_text(loader, place->name->text);
}

static void read_zones(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	size_t count = read_entries(loader, field, node, CONFIG_ZONES_MAX);
	struct config *config = loader->config;

	(void)member;
	config->zones = loader_array(loader, count, sizeof(*config->zones));
	loader->zones = loader_array(loader, count, sizeof(*loader->zones));
	for (size_t i = 0; config->zones != NULL && loader->zones != NULL && i < count; i++) {
		struct zone *zone = &config->zones[i];
		struct place *place = &loader->zones[i];

		zone->name = read_entry(loader, node, i, place);
		if (zone->name == NULL)
			return;
		config->zone_count = i + 1;
		if (place->value != NULL)
			read_table(loader, schema_zone, place->value, place->name->at, zone);
	}
}

static void read_links(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	size_t count = read_entries(loader, field, node, CONFIG_LINKS_MAX);
	struct config *config = loader->config;

	(void)member;
	config->links = loader_array(loader, count, sizeof(*config->links));
	loader->links = loader_array(loader, count, sizeof(*loader->links));
	for (size_t i = 0; config->links != NULL && loader->links != NULL && i < count; i++) {
		struct link *link = &config->links[i];
		struct place *place = &loader->links[i];

		link->name = read_entry(loader, node, i, place);
		if (link->name == NULL)
			return;
		config->link_count = i + 1;
		if (place->value != NULL)
			read_table(loader, schema_link, place->value, place->name->at, link);
	}
	if (node->kind != NODE_MAP || node->count > 0)
		return;
	problem_add(&loader->problems, node->at, "at least one link is needed");
	problem_hint(&loader->problems, "write `NAME: { device: DEVICE }'");
}

/* As many as marks tell apart. Where their layout could not be read, the reader hears of that. */
static size_t policies_max(const struct config *config)
{
	return config->kernel.mark_policy_bits == 0 ? CONFIG_POLICIES_MAX : mark_policy_max(mark_layout_of(&config->kernel));
}

static void too_many_policies(struct loader *loader, const struct node *node)
{
	unsigned int bits = loader->config->kernel.mark_policy_bits;
	size_t most = policies_max(loader->config);

	problem_add(&loader->problems, node->at, "more than %zu policies", most);
	if (bits == MARK_POLICY_BITS)
		problem_hint(&loader->problems, "lists in `match' put several into one");
	else
		problem_hint(&loader->problems, "`kernel: { mark-policy-bits: %u }' makes room for %zu", bits + 1, 2 * most + 2);
}

static void read_policy(struct loader *loader, const struct node *node)
{
	struct config *config = loader->config;
	size_t index = config->policy_count;

	if (index == loader->policy_room || index == policies_max(config)) {
		too_many_policies(loader, node);
		return;
	}
	loader->policies[index] = (struct place){ node_get(node, "name"), node };
	config->policy_count++;
	config->policies[index].qos_class = NO_CLASS;
	read_table(loader, schema_policy, node, node->at, &config->policies[index]);
}

/* Policies come from several files: room for all of them was made before. */
static void read_policies(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	size_t before = loader->problems.count;

	(void)member;
	if (node->kind != NODE_LIST) {
		problem_add(&loader->problems, node->at, "`%s' is a list", field->key);
		problem_hint(&loader->problems, "write `- name: ...' for each policy");
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		read_policy(loader, node->items[i]);
		if (loader->config->policy_count == policies_max(loader->config) && loader->problems.count > before)
			return;
	}
}

void print_entry(struct printer *printer, const char *name, const struct field *table, const void *base)
{
	print_key(printer, name);
	fputc('\n', printer->out);
	printer->indent += 2;
	print_table(printer, table, base);
	printer->indent -= 2;
}

static void print_zones(struct printer *printer, const void *member)
{
	(void)member;
	fputc('\n', printer->out);
	printer->indent += 2;
	for (size_t i = 0; i < printer->config->zone_count; i++)
		print_entry(printer, printer->config->zones[i].name, schema_zone, &printer->config->zones[i]);
	printer->indent -= 2;
}

static void print_links(struct printer *printer, const void *member)
{
	(void)member;
	fputc('\n', printer->out);
	printer->indent += 2;
	for (size_t i = 0; i < printer->config->link_count; i++)
		print_entry(printer, printer->config->links[i].name, schema_link, &printer->config->links[i]);
	printer->indent -= 2;
}

static void print_policies(struct printer *printer, const void *member)
{
	(void)member;
	if (printer->config->policy_count == 0) {
		fputs(" []\n", printer->out);
		return;
	}
	fputc('\n', printer->out);
	printer->indent += 4;
	for (size_t i = 0; i < printer->config->policy_count; i++) {
		printer->dash = true;
		print_table(printer, schema_policy, &printer->config->policies[i]);
	}
	printer->indent -= 4;
}

static bool no_zones(const void *member)
{
	const struct config *config = (const struct config *)((const char *)member - offsetof(struct config, zones));

	return config->zone_count == 0;
}

const struct form form_zones = { read_zones, no_zones, print_zones, SCHEMA_NAMED };
const struct form form_links = { read_links, NULL, print_links,
	"{ \"minProperties\": 1, \"allOf\": [" SCHEMA_NAMED "] }" };
const struct form form_policies = { read_policies, NULL, print_policies,
	"{ \"type\": \"array\", \"items\": <keys> }" };
