/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of links and zones that are more than one word: lists of names, networks, gateway. */

#include <string.h>

#include "config/forms.h"
#include "config/set_file.h"

static void read_checked_names(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	if (!read_words(loader, field->key, node, field->form == &form_labels))
		return;
	for (size_t i = 0; i < node_items(node); i++) {
		const char *text = node_item(node, i)->text, *hint = NULL, *complaint = field->check(text, &hint);

		if (complaint == NULL)
			continue;
		problem_add(&loader->problems, node_item(node, i)->at, "`%s': `%.60s' %s", field->key, text, complaint);
		if (hint != NULL)
			problem_hint(&loader->problems, "%s", hint);
	}
	read_names(loader, node, member);
}

static bool no_names(const void *member)
{
	const struct names *names = member;

	return names->count == 0;
}

static void print_name_list(struct printer *printer, const void *member)
{
	print_names(printer, member);
}

const struct form form_names = { read_checked_names, no_names, print_name_list, SCHEMA_LIST("<check>", "1") };
const struct form form_labels = { read_checked_names, NULL, print_name_list, SCHEMA_LIST("<check>", "0") };

static bool has_network(const struct networks *networks, const struct network *network)
{
	for (size_t i = 0; i < networks->count; i++) {
		if (network_equal(&networks->items[i], network))
			return true;
	}
	return false;
}

static void read_networks(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct networks *networks = member;
	size_t room = 0;

	if (!read_words(loader, field->key, node, false))
		return;
	for (size_t i = 0; i < node_items(node); i++)
		room += range_room(node_item(node, i)->text);
	networks->items = loader_array(loader, room, sizeof(*networks->items));
	for (size_t i = 0; networks->items != NULL && i < node_items(node); i++) {
		const struct node *item = node_item(node, i);
		struct network items[NETWORKS_OF_RANGE_MAX];
		size_t count = read_range(&loader->problems, item->at, item->text, items);

		for (size_t j = 0; j < count; j++) {
			if (!has_network(networks, &items[j]))
				networks->items[networks->count++] = items[j];
		}
	}
}

static bool no_networks(const void *member)
{
	const struct networks *networks = member;

	return networks->count == 0;
}

static void print_networks(struct printer *printer, const void *member)
{
	const struct networks *networks = member;
	char text[ADDRESS_TEXT_MAX];

	fputc('[', printer->out);
	for (size_t i = 0; i < networks->count; i++) {
		fputs(i == 0 ? "" : ", ", printer->out);
		print_text(printer, network_format(&networks->items[i], text, sizeof(text)));
	}
	fputc(']', printer->out);
}

const struct form form_networks = { read_networks, no_networks, print_networks, SCHEMA_LIST_OF("networks") };

static void read_resolvers(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct networks *networks = member;

	if (!read_words(loader, field->key, node, false))
		return;
	networks->items = loader_array(loader, node_items(node), sizeof(*networks->items));
	for (size_t i = 0; networks->items != NULL && i < node_items(node); i++) {
		const struct node *item = node_item(node, i);
		struct network *network = &networks->items[networks->count];

		if (!address_parse(item->text, &network->address)) {
			problem_add(&loader->problems, item->at, "`%s': `%.60s' is not an address", field->key, item->text);
			problem_hint(&loader->problems, "write addresses of name servers, such as [192.0.2.53, \"2001:db8::53\"]");
			continue;
		}
		*network = network_around(&network->address, 128);
		networks->count += !has_network(networks, network);
	}
}

static void print_resolvers(struct printer *printer, const void *member)
{
	const struct networks *networks = member;
	char text[ADDRESS_TEXT_MAX];

	fputc('[', printer->out);
	for (size_t i = 0; i < networks->count; i++) {
		fputs(i == 0 ? "" : ", ", printer->out);
		print_text(printer, address_format(&networks->items[i].address, text, sizeof(text)));
	}
	fputc(']', printer->out);
}

const struct form form_resolvers = { read_resolvers, no_networks, print_resolvers, SCHEMA_LIST_OF("address") };

bool read_addresses(struct loader *loader, const struct field *field, const struct node *node,
	const char *words, bool given[FAMILIES], struct address addresses[FAMILIES])
{
	for (size_t i = 0; i < node_items(node); i++) {
		const struct node *item = node_item(node, i);
		struct address address;

		if (!address_parse(item->text, &address)) {
			problem_add(&loader->problems, item->at, "`%s': `%.60s' is not an address", field->key, item->text);
			problem_hint(&loader->problems, "`%s' is an address, a list with one for each family, or alone one of %s",
				field->key, words);
			return false;
		}
		if (given[address.family]) {
			problem_add(&loader->problems, item->at, "`%s' has two addresses of IPv%d", field->key,
				address.family == IPV4 ? 4 : 6);
			problem_hint(&loader->problems, "one for each family is possible");
			return false;
		}
		given[address.family] = true;
		addresses[address.family] = address;
	}
	return true;
}

static void print_addresses(struct printer *printer, const bool given[FAMILIES], const struct address addresses[FAMILIES])
{
	bool first = true;

	fputc('[', printer->out);
	for (size_t i = 0; i < FAMILIES; i++) {
		char text[ADDRESS_TEXT_MAX];

		if (!given[i])
			continue;
		fputs(first ? "" : ", ", printer->out);
		first = false;
		print_text(printer, address_format(&addresses[i], text, sizeof(text)));
	}
	fputc(']', printer->out);
}

bool is_word(const struct node *node, const char *word)
{
	return node->kind == NODE_WORD && strcmp(node->text, word) == 0;
}

static void read_gateway(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct gateway *gateway = member;

	gateway->kind = GATEWAY_ADDRESS;
	if (is_word(node, "auto"))
		gateway->kind = GATEWAY_AUTO;
	else if (is_word(node, "none"))
		gateway->kind = GATEWAY_NONE;
	else if (read_words(loader, field->key, node, false))
		read_addresses(loader, field, node, "auto, none", gateway->given, gateway->address);
}

static void print_gateway(struct printer *printer, const void *member)
{
	const struct gateway *gateway = member;

	switch (gateway->kind) {
	case GATEWAY_AUTO:
		fputs("auto", printer->out);
		break;
	case GATEWAY_NONE:
		fputs("none", printer->out);
		break;
	case GATEWAY_ADDRESS:
		print_addresses(printer, gateway->given, gateway->address);
		break;
	}
}

const struct form form_gateway = { read_gateway, NULL, print_gateway,
	"{ \"anyOf\": [{ \"enum\": [\"auto\", \"none\"] }, " SCHEMA_OF("addresses") "] }" };
