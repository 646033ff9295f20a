/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links and weights of a policy. */

#include <string.h>

#include "config/forms.h"
#include "core/tiers.h"

static struct choice *find_choice(const struct balance *balance, int link)
{
	for (size_t i = 0; i < balance->count; i++) {
		if (balance->choices[i].link == link)
			return &balance->choices[i];
	}
	return NULL;
}

static void add_choice(struct balance *balance, size_t link, uint8_t tier)
{
	if (find_choice(balance, (int)link) == NULL)
		balance->choices[balance->count++] = (struct choice){ .link = (uint16_t)link, .tier = tier };
}

/* A link's name, a label, or all of them. */
static bool stands_for(const struct link *link, const char *name)
{
	return strcmp(name, "internet") == 0 || strcmp(link->name, name) == 0 || link_has_label(link, name);
}

/* A word or a list of words; what is in a better tier already stays there. */
static void read_tier(struct loader *loader, const struct node *node, uint8_t tier, struct balance *balance)
{
	const struct config *config = loader->config;

	for (size_t i = 0; i < node_items(node); i++) {
		bool found = false;

		for (size_t link = 0; link < config->link_count; link++) {
			if (!stands_for(&config->links[link], node_item(node, i)->text))
				continue;
			add_choice(balance, link, tier);
			found = true;
		}
		if (!found)
			unknown_name(loader, node_item(node, i), "a link or a label", false);
	}
}

static bool has_lists(const struct node *node)
{
	for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++) {
		if (node->items[i]->kind == NODE_LIST)
			return true;
	}
	return false;
}

/* Where an item is a list, each is a tier: the first is used while it has a usable link, then the second. */
static void read_tiers(struct loader *loader, const struct field *field, const struct node *node, struct balance *balance)
{
	size_t problems = loader->problems.count;
	uint8_t tier = 0;

	for (size_t i = 0; i < node->count; i++) {
		const struct node *item = node->items[i];
		size_t before = balance->count;

		if (i > CONFIG_LINKS_MAX || !read_words(loader, field->key, item, false))
			return;
		read_tier(loader, item, tier, balance);
		tier = balance->count > before ? (uint8_t)(tier + 1) : tier;
		if (balance->count > before || loader->problems.count > problems)
			continue;
		problem_add(&loader->problems, item->at, "all links of this group are in a better one already");
		problem_hint(&loader->problems, "each link is in one group: take it out here or there");
	}
}

static void read_choices(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct balance *balance = (struct balance *)((char *)member - offsetof(struct balance, choices));
	bool lists = has_lists(node);

	if (!lists && !read_words(loader, field->key, node, false))
		return;
	balance->choices = loader_array(loader, loader->config->link_count, sizeof(*balance->choices));
	if (balance->choices == NULL)
		return;
	if (lists)
		read_tiers(loader, field, node, balance);
	else
		read_tier(loader, node, 0, balance);
}

/* One tier is a list; of several each is, but for those of one link behind the first. */
static void print_choices(struct printer *printer, const void *member)
{
	const struct balance *balance = (const struct balance *)((const char *)member - offsetof(struct balance, choices));
	bool many = tiers_many(balance), open = false;

	fputc('[', printer->out);
	for (size_t i = 0; i < balance->count; i++) {
		bool begins = i == 0 || balance->choices[i].tier != balance->choices[i - 1].tier;
		bool ends = i + 1 == balance->count || balance->choices[i + 1].tier != balance->choices[i].tier;

		fputs(i == 0 ? "" : ", ", printer->out);
		open |= many && begins && (i == 0 || !ends);
		fputs(open && begins ? "[" : "", printer->out);
		print_text(printer, printer->config->links[balance->choices[i].link].name);
		fputs(open && ends ? "]" : "", printer->out);
		open &= !ends;
	}
	fputc(']', printer->out);
}

const struct form form_choices = { read_choices, NULL, print_choices,
	SCHEMA_LIST(SCHEMA_LIST_OF("end"), "1") };

static bool read_weight(struct loader *loader, const struct node *node, unsigned int *ret_weight)
{
	uint64_t weight;

	if (!read_word(loader, "weights", node))
		return false;
	if (value_read(node->text, UNIT_NONE, &weight) != VALUE_FINE || weight < 1 || weight > 1000) {
		problem_add(&loader->problems, node->at, "a weight is a whole number from 1 to 1000, not `%.60s'", node->text);
		problem_hint(&loader->problems, "write `weights: { LINK: 3, LINK: 1 }'");
		return false;
	}
	*ret_weight = (unsigned int)weight;
	return true;
}

/* A link's own name goes before a label. */
static void set_weights(struct loader *loader, const struct node *map, const struct node *name, unsigned int weight,
	struct balance *balance)
{
	const struct config *config = loader->config;
	bool known = false, found = false;

	for (size_t i = 0; i < config->link_count; i++) {
		const struct link *link = &config->links[i];
		struct choice *choice = find_choice(balance, (int)i);

		if (!stands_for(link, name->text))
			continue;
		known = true;
		found |= choice != NULL;
		if (choice != NULL && (strcmp(link->name, name->text) == 0 || node_get(map, link->name) == NULL))
			choice->weight = weight;
	}
	if (!known) {
		unknown_name(loader, name, "a link or a label", false);
	} else if (!found && balance->count > 0) {
		problem_add(&loader->problems, name->at, "`%.60s' has a weight, but is not in `links'", name->text);
		problem_hint(&loader->problems, "add it to `links', or take its weight out");
	}
}

static void read_weights(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct balance *balance = (struct balance *)((char *)member - offsetof(struct balance, choices));

	if (node->kind != NODE_MAP) {
		problem_add(&loader->problems, node->at, "`%s' needs links with a number each", field->key);
		problem_hint(&loader->problems, "write `weights: { LINK: 3, LINK: 1 }'");
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		unsigned int weight;

		if (read_weight(loader, node->items[2 * i + 1], &weight))
			set_weights(loader, node, node->items[2 * i], weight, balance);
	}
}

/* All of them follow from what is learnt. */
static bool no_weights(const void *member)
{
	const struct balance *balance = (const struct balance *)((const char *)member - offsetof(struct balance, choices));

	for (size_t i = 0; i < balance->count; i++) {
		if ((balance->follows >> i & 1) == 0)
			return false;
	}
	return balance->count > 0;
}

static void print_weights(struct printer *printer, const void *member)
{
	const struct balance *balance = (const struct balance *)((const char *)member - offsetof(struct balance, choices));
	const char *before = " ";

	fputc('{', printer->out);
	for (size_t i = 0; i < balance->count; i++) {
		if ((balance->follows >> i & 1) != 0)
			continue;
		fputs(before, printer->out);
		before = ", ";
		print_text(printer, printer->config->links[balance->choices[i].link].name);
		fprintf(printer->out, ": %u", balance->choices[i].weight);
	}
	fputs(" }", printer->out);
}

const struct form form_weights = { read_weights, no_weights, print_weights,
	"{ \"type\": \"object\", \"additionalProperties\": { \"type\": \"integer\", \"minimum\": 1, \"maximum\": 1000 } }" };
