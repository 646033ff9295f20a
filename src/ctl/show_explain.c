/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl explain: the steps of a decision, the links that were candidates, and what came out. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/units.h"

static const char *step_text(const json_t *step)
{
	return json_is_string(step) ? json_string_value(step) : field_text(step, "text");
}

static void print_steps(const json_t *steps)
{
	const json_t *step;
	size_t i;

	json_array_foreach(steps, i, step) output_text("%2zu. %s\n", i + 1, step_text(step));
}

/* Whether the policy's links are in groups, best first. */
static bool has_tiers(const json_t *candidates)
{
	return json_object_get(json_array_get(candidates, 0), "tier") != NULL;
}

static void print_candidates(
	const struct invocation *invocation, const json_t *candidates, const char *chosen)
{
	static const char *const titles[] = { "Candidate", "Eligible", ">Score", "Reason" };
	static const char *const titles_of_tiers[] = { "Candidate", ">Tier", "Eligible", ">Score", "Reason" };
	bool tiers = has_tiers(candidates);
	struct table *table = table_new(tiers ? titles_of_tiers : titles, tiers ? 5 : 4);
	const json_t *candidate;
	size_t i;

	json_array_foreach(candidates, i, candidate)
	{
		bool eligible = json_is_true(json_object_get(candidate, "eligible"));
		bool taken = strcmp(field_text(candidate, "link"), chosen) == 0;

		table_add(table, taken ? COLOUR_TITLE : COLOUR_NONE, field_text(candidate, "link"));
		if (tiers)
			table_add(table, COLOUR_NONE, measure_number(field_number(candidate, "tier")).text);
		table_add(table, eligible ? COLOUR_GOOD : COLOUR_BAD, eligible ? "yes" : "no");
		table_add(
			table, COLOUR_NONE, measure_number(field_number(candidate, "score")).text);
		table_add(table, COLOUR_NONE, field_text(candidate, "reason"));
	}
	if (json_array_size(candidates) > 0)
		puts("");
	table_print(table, invocation->colour);
	table_free(table);
}

static const char *action_words(const char *action)
{
	static const char *const words[][2] = {
		{ "allow", "It is allowed" },
		{ "drop", "It is dropped" },
		{ "reject", "It is rejected" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i][0], action) == 0)
			return words[i][1];
	}
	return action;
}

/* "It is allowed by policy voice and leaves by lte (lowest-latency, NAT masquerade, class voice):
 * reason." */
static void print_decision(const json_t *explanation)
{
	static const char *const details[][2] = { { "algorithm", "" }, { "nat", "NAT " },
		{ "qos", "class " } };
	const char *policy = field_text(explanation, "policy"),
		   *link = field_text(explanation, "link");
	const char *reason = field_text(explanation, "reason"), *between = " (";

	output_text("%s", action_words(field_text(explanation, "action")));
	if (policy[0] != '\0')
		output_text(" by policy %s", policy);
	else
		output_text(", as no policy matches");
	if (link[0] != '\0')
		output_text(" and leaves by %s", link);
	for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++) {
		const char *text = field_text(explanation, details[i][0]);

		if (link[0] == '\0' || text[0] == '\0')
			continue;
		output_text("%s%s%s", between, details[i][1], text);
		between = ", ";
	}
	output_text(
		"%s%s%s.\n", between[0] == ',' ? ")" : "", reason[0] == '\0' ? "" : ": ", reason);
}

/* Limits, and what of the question is odd. */
static void print_notes(const struct invocation *invocation, const json_t *explanation)
{
	const char *limits = field_text(explanation, "limits");
	const json_t *hint;
	size_t i;

	if (limits[0] != '\0')
		output_text("Limits: %s.\n", limits);
	json_array_foreach(json_object_get(explanation, "hints"), i, hint)
	{
		fputs(output_colour(invocation->colour, COLOUR_WARNING), stdout);
		output_text("Note");
		fputs(output_plain(invocation->colour), stdout);
		output_text(": %s.\n", step_text(hint));
	}
}

int show_explain(const struct invocation *invocation, const json_t *explanation)
{
	print_steps(json_object_get(explanation, "steps"));
	print_candidates(invocation, json_object_get(explanation, "candidates"),
		field_text(explanation, "link"));
	puts("");
	print_decision(explanation);
	print_notes(invocation, explanation);
	return EXIT_FINE;
}
