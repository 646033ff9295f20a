/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl paths: what was learnt of destinations, the most popular first. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/units.h"

/* What is odd about it, or nothing. */
static enum colour colour_of(const char *state)
{
	if (strcmp(state, "excluded") == 0 || strcmp(state, "silent") == 0)
		return COLOUR_BAD;
	return strcmp(state, "doubtful") == 0 ? COLOUR_WARNING : COLOUR_NONE;
}

static void write_state(const json_t *link, char *text, size_t size)
{
	const char *state = field_text(link, "state");

	if (strcmp(state, "measured") == 0)
		text[0] = '\0';
	else if (field_number(link, "excluded_s") > 0)
		snprintf(text, size, "%s for %s yet", state, measure_duration(field_number(link, "excluded_s")).text);
	else
		snprintf(text, size, "%s", state);
}

/* The destination stands in its first line only. */
static void add_link(struct table *table, const json_t *destination, const json_t *link, bool first)
{
	bool best = strcmp(field_text(link, "link"), field_text(destination, "best")) == 0;
	double failures = field_number(link, "failures");
	char state[64];

	write_state(link, state, sizeof(state));
	table_add(table, COLOUR_NONE, first ? field_text(destination, "destination") : "");
	table_add(table, COLOUR_NONE, first ? measure_number(round(10 * field_number(destination, "popularity")) / 10).text : "");
	table_add(table, COLOUR_NONE, field_text(link, "link"));
	table_add(table, COLOUR_NONE, measure_latency(field_number(link, "ms")).text);
	table_add(table, COLOUR_NONE, measure_duration(field_number(link, "age_s")).text);
	table_add(table, COLOUR_NONE, failures > 0 ? measure_count(failures).text : "");
	table_add(table, COLOUR_NONE, best ? measure_duration(field_age(destination, "best_since")).text : "");
	table_add(table, colour_of(field_text(link, "state")), state);
}

static void show_table(const struct invocation *invocation, const json_t *destinations)
{
	static const char *const titles[] = { "Destination", ">In 10 min", "Link", ">Answers in", ">Ago", ">Failures",
		">Best since", "State" };
	struct table *table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
	const json_t *destination, *link;
	size_t i, j;

	json_array_foreach(destinations, i, destination)
		json_array_foreach(json_object_get(destination, "links"), j, link) add_link(table, destination, link, j == 0);
	table_print(table, invocation->colour);
	table_free(table);
}

static int show(const struct invocation *invocation, const json_t *answer)
{
	const json_t *destinations = json_object_get(answer, "destinations");
	double matched = field_number(answer, "matched");

	if (!json_is_true(json_object_get(answer, "learning")))
		puts("Nothing is learnt: no policy has `algorithm: fastest'.");
	if (json_array_size(destinations) == 0) {
		puts("No destination is known.");
		return EXIT_FINE;
	}
	show_table(invocation, destinations);
	printf("\n%s of %s destinations", measure_count((double)json_array_size(destinations)).text,
		measure_count(matched).text);
	printf("; %s of %s connections explored.\n", measure_count(field_number(answer, "explored")).text,
		measure_count(field_number(answer, "connections")).text);
	return EXIT_FINE;
}

int run_paths(const struct invocation *invocation)
{
	const char *limit = command_value(invocation, "lines");
	struct query query[3] = { 0 };
	json_t *document = NULL;
	size_t count = 0;
	int code;

	if (invocation->argument != NULL)
		query[count++] = (struct query){ "prefix", invocation->argument };
	if (limit != NULL)
		query[count++] = (struct query){ "limit", limit };
	code = client_ask(invocation, false, "/paths", query, &document);
	if (code == EXIT_FINE && invocation->json)
		output_json(document);
	else if (code == EXIT_FINE)
		code = show(invocation, document);
	json_decref(document);
	return code;
}
