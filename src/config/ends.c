/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What from, to, not-from and not-to name: zones, links, labels, sets, networks and words of their own. */

#include <string.h>

#include "config/forms.h"
#include "config/set_file.h"

bool link_has_label(const struct link *link, const char *label)
{
	for (size_t i = 0; i < link->labels.count; i++) {
		if (strcmp(link->labels.items[i], label) == 0)
			return true;
	}
	return false;
}

void nearest_names(struct nearest *nearest, const struct config *config, bool zones)
{
	for (size_t i = 0; i < config->link_count; i++) {
		nearest_try(nearest, config->links[i].name);
		for (size_t label = 0; label < config->links[i].labels.count; label++)
			nearest_try(nearest, config->links[i].labels.items[label]);
	}
	for (size_t i = 0; zones && i < config->zone_count; i++)
		nearest_try(nearest, config->zones[i].name);
	for (size_t i = 0; zones && i < config->set_count; i++)
		nearest_try(nearest, config->sets[i].name);
	nearest_try(nearest, "internet");
	if (zones) {
		nearest_try(nearest, "any");
		nearest_try(nearest, "router");
	}
}

void unknown_name(struct loader *loader, const struct node *node, const char *what, bool zones)
{
	struct nearest nearest = nearest_to(node->text);

	/* Where the links could not be read, the reader hears of that and not of each place that names one. */
	if (loader->config->link_count == 0)
		return;
	nearest_names(&nearest, loader->config, zones);
	problem_add(&loader->problems, node->at, "`%.60s' is not %s", node->text, what);
	if (!problem_hint_near(&loader->problems, &nearest))
		problem_hint(&loader->problems, zones ? "names are made under `links', `zones' and `sets'" :
			"names are made under `links'");
}

/* Nobody would name a zone so: it was meant to be an address. */
static bool is_like_address(const char *text)
{
	return strpbrk(text, ":/") != NULL || text[strspn(text, "0123456789.")] == '\0';
}

/* Without a name of that kind, two addresses were meant. */
static bool is_like_range(const char *text)
{
	return strchr(text, '-') != NULL && strchr(text, '.') != NULL && text[strspn(text, "0123456789.-")] == '\0';
}

static bool add_end(struct ends *ends, struct end end)
{
	ends->items[ends->count++] = end;
	return true;
}

/* The links with that label; false where there is none. */
static bool add_label(struct ends *ends, const struct config *config, const char *label)
{
	bool found = false;

	for (size_t i = 0; i < config->link_count; i++) {
		if (link_has_label(&config->links[i], label))
			found = add_end(ends, (struct end){ .kind = END_LINK, .index = (uint16_t)i });
	}
	return found;
}

static bool add_name(struct ends *ends, const struct config *config, const char *name)
{
	int link = config_link(config, name), zone = config_zone(config, name), set = config_set(config, name);

	if (strcmp(name, "any") == 0)
		return add_end(ends, (struct end){ .kind = END_ANY });
	if (strcmp(name, "internet") == 0)
		return add_end(ends, (struct end){ .kind = END_INTERNET });
	if (strcmp(name, "router") == 0)
		return add_end(ends, (struct end){ .kind = END_ROUTER });
	if (zone >= 0)
		return add_end(ends, (struct end){ .kind = END_ZONE, .index = (uint16_t)zone });
	if (link >= 0)
		return add_end(ends, (struct end){ .kind = END_LINK, .index = (uint16_t)link });
	if (set >= 0)
		return add_end(ends, (struct end){ .kind = END_SET, .index = (uint16_t)set });
	return add_label(ends, config, name);
}

/* Addresses and what is between them. */
static void add_networks(struct loader *loader, struct ends *ends, const struct node *node)
{
	struct network items[NETWORKS_OF_RANGE_MAX];
	size_t count = read_range(&loader->problems, node->at, node->text, items);

	for (size_t i = 0; i < count; i++)
		add_end(ends, (struct end){ .kind = END_NETWORK, .network = items[i] });
}

static void add_item(struct loader *loader, struct ends *ends, const struct node *node)
{
	if (is_like_address(node->text))
		add_networks(loader, ends, node);
	else if (add_name(ends, loader->config, node->text))
		return;
	else if (is_like_range(node->text))
		add_networks(loader, ends, node);
	else
		unknown_name(loader, node, "a zone, a link, a label, a set or a network", true);
}

/* Ends that the items make at most: a label stands for several links, a range for several networks. */
static size_t room_for(const struct config *config, const struct node *node)
{
	size_t room = 0;

	for (size_t i = 0; i < node_items(node); i++) {
		const char *text = node_item(node, i)->text;

		room += range_room(text);
		for (size_t link = 0; link < config->link_count; link++)
			room += link_has_label(&config->links[link], text);
	}
	return room;
}

static void read_ends(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct ends *ends = member;

	if (!read_words(loader, field->key, node, false))
		return;
	ends->items = loader_array(loader, room_for(loader->config, node), sizeof(*ends->items));
	for (size_t i = 0; ends->items != NULL && i < node_items(node); i++)
		add_item(loader, ends, node_item(node, i));
}

static bool no_ends(const void *member)
{
	const struct ends *ends = member;

	return ends->count == 0;
}

static void print_end(struct printer *printer, const struct end *end)
{
	char text[ADDRESS_TEXT_MAX];

	switch (end->kind) {
	case END_ANY:
		print_text(printer, "any");
		break;
	case END_INTERNET:
		print_text(printer, "internet");
		break;
	case END_ROUTER:
		print_text(printer, "router");
		break;
	case END_ZONE:
		print_text(printer, printer->config->zones[end->index].name);
		break;
	case END_LINK:
		print_text(printer, printer->config->links[end->index].name);
		break;
	case END_NETWORK:
		print_text(printer, network_format(&end->network, text, sizeof(text)));
		break;
	case END_SET:
		print_text(printer, printer->config->sets[end->index].name);
		break;
	}
}

static bool is_printed(const struct ends *ends, size_t index)
{
	const struct end *end = &ends->items[index];

	for (size_t i = 0; i < index; i++) {
		const struct end *other = &ends->items[i];

		if (other->kind == end->kind && other->index == end->index &&
			(end->kind != END_NETWORK || network_equal(&other->network, &end->network)))
			return true;
	}
	return false;
}

/* A link that was named itself and by a label is printed once, because no word may stand twice. */
static void print_ends(struct printer *printer, const void *member)
{
	const struct ends *ends = member;

	fputc('[', printer->out);
	for (size_t i = 0; i < ends->count; i++) {
		if (is_printed(ends, i))
			continue;
		fputs(i == 0 ? "" : ", ", printer->out);
		print_end(printer, &ends->items[i]);
	}
	fputc(']', printer->out);
}

const struct form form_ends = { read_ends, no_ends, print_ends, SCHEMA_LIST_OF("end") };
