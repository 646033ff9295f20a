/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl blocked and unblock: who is shut out, and letting one in again. */

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/units.h"

static void add_blocked(struct table *table, const json_t *item)
{
	const char *policy = field_text(item, "policy");
	double left = -field_age(item, "until");

	table_add(table, COLOUR_NONE, field_text(item, "address"));
	table_add(table, COLOUR_NONE, policy[0] != '\0' ? "policy" : "");
	table_add(table, COLOUR_NONE, policy[0] != '\0' ? policy : field_text(item, "detector"));
	table_add(table, COLOUR_NONE, measure_duration(field_age(item, "since")).text);
	table_add(table, COLOUR_NONE, measure_duration(left > 0 ? left : 0).text);
	table_add(table, COLOUR_NONE, measure_count(field_number(item, "times")).text);
	table_add(table, COLOUR_NONE, measure_count(field_number(item, "dropped")).text);
}

int show_blocked(const struct invocation *invocation, const json_t *blocked)
{
	static const char *const titles[] = { "Address", "", "Reason", ">Since", ">Still", ">Times", ">Dropped" };
	struct table *table;
	const json_t *item;
	size_t i;

	if (json_array_size(blocked) == 0) {
		puts("Nobody is shut out.");
		return EXIT_FINE;
	}
	table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
	json_array_foreach(blocked, i, item) add_blocked(table, item);
	table_print(table, invocation->colour);
	table_free(table);
	return EXIT_FINE;
}

int run_unblock(const struct invocation *invocation)
{
	const struct query query[] = { { "address", invocation->argument }, { 0 } };
	json_t *document = NULL;
	int code;

	if (invocation->argument == NULL) {
		output_error("`unblock' needs an address");
		return EXIT_USAGE;
	}
	code = client_ask(invocation, true, "/unblock", query, &document);
	if (code == EXIT_FINE && invocation->json)
		output_json(document);
	else if (code == EXIT_FINE)
		output_text("%s is let in again.\n", field_text(document, "address"));
	json_decref(document);
	return code;
}
