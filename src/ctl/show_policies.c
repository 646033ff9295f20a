/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl policies: how many connections each policy had, and how its links share them. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/units.h"

/* "fiber 60 %, lte 40 %", in the daemon's order, and what of; the caller frees it. */
static char *write_shares(json_t *links, const char *what)
{
	double total = 0;
	char *text = NULL;
	const char *name;
	const json_t *count;
	size_t size;
	FILE *out = output_need(open_memstream(&text, &size));

	json_object_foreach(links, name, count) total += json_number_value(count);
	json_object_foreach(links, name, count)
	{
		if (total > 0)
			fprintf(out, "%s%s %s", ftell(out) > 0 ? ", " : "", name,
				measure_share(json_number_value(count) / total).text);
	}
	if (ftell(out) > 0)
		fputs(what, out);
	fclose(out);
	return output_need(text);
}

static void add_policy(struct table *table, const json_t *policy)
{
	json_t *by_bytes = json_object_get(policy, "link_bytes"), *by_packets = json_object_get(policy, "packets");
	char *shares = by_bytes != NULL                ? write_shares(by_bytes, " of bytes")
	               : json_is_object(by_packets) ? write_shares(by_packets, " of packets")
	                                            : write_shares(json_object_get(policy, "links"), "");
	double dropped = field_number(policy, "dropped"), bytes = field_number(policy, "bytes");

	table_add(table, COLOUR_NONE, field_text(policy, "name"));
	table_add(table, COLOUR_NONE, field_text(policy, "action"));
	table_add(table, COLOUR_NONE, measure_count(field_number(policy, "connections")).text);
	table_add(table, COLOUR_NONE, isnan(bytes) ? "" : measure_bytes(bytes).text);
	table_add(table, dropped > 0 ? COLOUR_WARNING : COLOUR_NONE, measure_count(dropped).text);
	table_add(table, COLOUR_NONE, shares);
	free(shares);
}

int show_policies(const struct invocation *invocation, const json_t *policies)
{
	static const char *const titles[] = { "Policy", "Action", ">Connections", ">Bytes",
		">Dropped", "Shares" };
	struct table *table;
	const json_t *policy;
	size_t i;

	if (json_array_size(policies) == 0) {
		puts("No policy is configured: every connection is allowed, as the main routing "
		     "table says.");
		return EXIT_FINE;
	}
	table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
	json_array_foreach(policies, i, policy) add_policy(table, policy);
	table_print(table, invocation->colour);
	table_free(table);
	return EXIT_FINE;
}
