/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl classes: what each class may have on each link, and what it has now. */

#include <stdio.h>

#include "ctl/commands.h"
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/units.h"

static void add_class(struct table *table, const json_t *class)
{
	table_add(table, COLOUR_NONE, field_text(class, "link"));
	table_add(table, COLOUR_NONE, field_text(class, "direction"));
	table_add(table, COLOUR_NONE, field_text(class, "device"));
	table_add(table, COLOUR_NONE, field_text(class, "class"));
	table_add(table, COLOUR_NONE, measure_rate(field_number(class, "min_bps")).text);
	table_add(table, COLOUR_NONE, measure_rate(field_number(class, "max_bps")).text);
	table_add(table, COLOUR_NONE, measure_rate(field_number(class, "rate_bps")).text);
	table_add(table, COLOUR_NONE, measure_bytes(field_number(class, "bytes")).text);
	table_add(table, COLOUR_NONE, measure_count(field_number(class, "packets")).text);
	table_add(table, COLOUR_NONE, measure_count(field_number(class, "dropped")).text);
	table_add(table, COLOUR_NONE, measure_bytes(field_number(class, "waiting_bytes")).text);
}

int show_classes(const struct invocation *invocation, const json_t *classes)
{
	static const char *const titles[] = { "Link", "Direction", "Device", "Class", ">Min", ">Max", ">Rate", ">Bytes",
		">Packets", ">Dropped", ">Waiting" };
	struct table *table;
	const json_t *class;
	size_t i;

	if (json_array_size(classes) == 0) {
		puts("Nothing is shaped: there are no classes, or no link with a bandwidth.");
		return EXIT_FINE;
	}
	table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
	json_array_foreach(classes, i, class)
		add_class(table, class);
	table_print(table, invocation->colour);
	table_free(table);
	return EXIT_FINE;
}
