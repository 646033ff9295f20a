/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl sticky: which keys stay on which link, and making sources free again. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/units.h"

/* 192.0.2.1, or with protocol and port where the key has them; the caller frees it. */
static char *write_destination(const json_t *entry)
{
	const char *address = field_text(entry, "to"), *protocol = field_text(entry, "protocol");
	bool bracket = strchr(address, ':') != NULL;
	char *text = NULL;
	int length;

	if (json_is_integer(json_object_get(entry, "to_port")))
		length = asprintf(&text, "%s%s%s:%.0f %s", bracket ? "[" : "", address, bracket ? "]" : "",
			field_number(entry, "to_port"), protocol);
	else
		length = asprintf(&text, "%s", address);
	return output_need(length < 0 ? NULL : text);
}

static void add_entry(struct table *table, const json_t *entry)
{
	char *destination = write_destination(entry);
	const char *link = field_text(entry, "link");

	table_add(table, COLOUR_NONE, json_is_true(json_object_get(entry, "together")) ? "together" : field_text(entry, "policy"));
	table_add(table, COLOUR_NONE, field_text(entry, "from"));
	table_add(table, COLOUR_NONE, destination);
	table_add(table, COLOUR_NONE, link[0] == '\0' ? "-" : link);
	table_add(table, COLOUR_NONE, measure_duration(field_number(entry, "left_s")).text);
	free(destination);
}

static int show(const struct invocation *invocation, const json_t *sticky)
{
	static const char *const titles[] = { "Policy", "From", "To", "Link", ">Left" };
	const json_t *entries = json_object_get(sticky, "entries"), *entry;
	struct table *table;
	size_t i;

	if (json_array_size(entries) == 0) {
		puts("Nothing is remembered.");
		return EXIT_FINE;
	}
	table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
	json_array_foreach(entries, i, entry) add_entry(table, entry);
	table_print(table, invocation->colour);
	table_free(table);
	printf("\n%s of ", measure_count((double)json_array_size(entries)).text);
	printf("%s entries, ", measure_count(field_number(sticky, "total")).text);
	printf("in memory for %s.\n", measure_count(field_number(sticky, "room")).text);
	return EXIT_FINE;
}

int run_sticky(const struct invocation *invocation)
{
	const struct query query[] = { { invocation->argument == NULL ? NULL : "address", invocation->argument }, { 0 } };
	bool forget = command_value(invocation, "forget") != NULL;
	json_t *document = NULL;
	int code;

	if (forget && invocation->argument == NULL) {
		output_error("`sticky --forget' needs an address");
		return EXIT_USAGE;
	}
	code = client_ask(invocation, forget, forget ? "/sticky-forget" : "/sticky", query, &document);
	if (code == EXIT_FINE && invocation->json)
		output_json(document);
	else if (code == EXIT_FINE && forget)
		output_text("%.0f entries of %s are forgotten.\n", field_number(document, "forgotten"), field_text(document, "address"));
	else if (code == EXIT_FINE)
		code = show(invocation, document);
	json_decref(document);
	return code;
}
