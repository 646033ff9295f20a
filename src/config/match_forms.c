/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protocols and ports of a match. */

#include <string.h>

#include "config/forms.h"
#include "core/protocol.h"

static bool parse_protocol(const char *text, uint8_t *ret_number)
{
	uint64_t number;

	if (protocol_number(text, ret_number))
		return true;
	if (value_read(text, UNIT_NONE, &number) != VALUE_FINE || number > UINT8_MAX)
		return false;
	*ret_number = (uint8_t)number;
	return true;
}

static void unknown_protocol(struct loader *loader, const struct node *node)
{
	struct nearest nearest = nearest_to(node->text);

	for (size_t i = 0; protocol_known(i) != NULL; i++)
		nearest_try(&nearest, protocol_known(i));
	problem_add(&loader->problems, node->at, "`protocol': `%.60s' is not known", node->text);
	if (!problem_hint_near(&loader->problems, &nearest))
		problem_hint(&loader->problems, "write a name as tcp, udp, icmp, or a number from 0 to 255");
}

static bool has_protocol(const struct protocols *protocols, uint8_t number)
{
	return protocols->count > 0 && memchr(protocols->items, number, protocols->count) != NULL;
}

static void read_protocols(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct protocols *protocols = member;

	if (!read_words(loader, field->key, node, false))
		return;
	protocols->items = loader_array(loader, node_items(node), sizeof(*protocols->items));
	for (size_t i = 0; protocols->items != NULL && i < node_items(node); i++) {
		uint8_t number;

		if (!parse_protocol(node_item(node, i)->text, &number))
			unknown_protocol(loader, node_item(node, i));
		else if (!has_protocol(protocols, number))
			protocols->items[protocols->count++] = number;
	}
}

static bool no_protocols(const void *member)
{
	const struct protocols *protocols = member;

	return protocols->count == 0;
}

static void print_protocols(struct printer *printer, const void *member)
{
	const struct protocols *protocols = member;

	fputc('[', printer->out);
	for (size_t i = 0; i < protocols->count; i++) {
		const char *name = protocol_name(protocols->items[i]);

		fputs(i == 0 ? "" : ", ", printer->out);
		if (name != NULL)
			fputs(name, printer->out);
		else
			fprintf(printer->out, "%u", (unsigned int)protocols->items[i]);
	}
	fputc(']', printer->out);
}

const struct form form_protocols = { read_protocols, no_protocols, print_protocols, SCHEMA_LIST_OF("protocol") };

static bool has_range(const struct port_ranges *ranges, const struct port_range *range)
{
	for (size_t i = 0; i < ranges->count; i++) {
		if (ranges->items[i].first == range->first && ranges->items[i].last == range->last)
			return true;
	}
	return false;
}

static void read_ports(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct port_ranges *ranges = member;

	if (!read_words(loader, field->key, node, false))
		return;
	ranges->items = loader_array(loader, node_items(node), sizeof(*ranges->items));
	for (size_t i = 0; ranges->items != NULL && i < node_items(node); i++) {
		const struct node *item = node_item(node, i);
		struct port_range range;

		if (value_ports(item->text, &range.first, &range.last)) {
			if (!has_range(ranges, &range))
				ranges->items[ranges->count++] = range;
			continue;
		}
		problem_add(&loader->problems, item->at, "`%s': `%.60s' is not a port", field->key, item->text);
		problem_hint(&loader->problems, "write a number from 1 to 65535, or a range as `10000-20000'");
	}
}

static bool no_ports(const void *member)
{
	const struct port_ranges *ranges = member;

	return ranges->count == 0;
}

static void print_ports(struct printer *printer, const void *member)
{
	const struct port_ranges *ranges = member;

	fputc('[', printer->out);
	for (size_t i = 0; i < ranges->count; i++) {
		const struct port_range *range = &ranges->items[i];

		fprintf(printer->out, "%s%u", i == 0 ? "" : ", ", (unsigned int)range->first);
		if (range->last != range->first)
			fprintf(printer->out, "-%u", (unsigned int)range->last);
	}
	fputc(']', printer->out);
}

const struct form form_ports = { read_ports, no_ports, print_ports, SCHEMA_LIST_OF("ports") };
