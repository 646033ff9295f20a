/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl flows: the connections that live, with what was decided for each. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/units.h"

/* 192.0.2.1:443, [2001:db8::1]:443, or the address alone; the caller frees it. */
static char *write_end(const json_t *flow, const char *address_key, const char *port_key)
{
	const char *address = field_text(flow, address_key);
	double port = field_number(flow, port_key);
	bool bracket = strchr(address, ':') != NULL;
	char *text = NULL;
	int length;

	if (port > 0)
		length = asprintf(&text, "%s%s%s:%.0f", bracket ? "[" : "", address,
			bracket ? "]" : "", port);
	else
		length = asprintf(&text, "%s", address);
	return output_need(length < 0 ? NULL : text);
}

static void add_flow(struct table *table, const json_t *flow)
{
	char *from = write_end(flow, "from", "from_port"), *to = write_end(flow, "to", "to_port");
	const json_t *protocol = json_object_get(flow, "protocol");

	table_add(table, COLOUR_NONE,
		json_is_string(protocol) ? json_string_value(protocol)
					 : measure_number(field_number(flow, "protocol")).text);
	table_add(table, COLOUR_NONE, from);
	table_add(table, COLOUR_NONE, to);
	table_add(table, COLOUR_NONE, field_text(flow, "policy"));
	table_add(table, COLOUR_NONE,
		json_is_true(json_object_get(flow, "by_packet")) ? "by packet" : field_text(flow, "link"));
	table_add(table, COLOUR_NONE, field_text(flow, "class"));
	table_add(table, COLOUR_NONE, measure_bytes(field_number(flow, "bytes")).text);
	free(from);
	free(to);
}

int show_flows(const struct invocation *invocation, const json_t *flows)
{
	static const char *const titles[] = { "Protocol", "From", "To", "Policy", "Link", "Class",
		">Bytes" };
	size_t count = json_array_size(flows), i;
	struct table *table;
	const json_t *flow;

	if (count == 0) {
		puts("No connection lives now.");
		return EXIT_FINE;
	}
	table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
	json_array_foreach(flows, i, flow) add_flow(table, flow);
	table_print(table, invocation->colour);
	table_free(table);
	printf("\n%s %s.\n", measure_count((double)count).text,
		count == 1 ? "connection" : "connections");
	return EXIT_FINE;
}
