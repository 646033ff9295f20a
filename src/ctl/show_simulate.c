/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl simulate: shares, loads, limits and changes, for people. */

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/field.h"
#include "ctl/simulate.h"
#include "ctl/table.h"
#include "ctl/units.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void add_count(struct table *table, enum colour colour, double count)
{
	table_add(table, count > 0 ? colour : COLOUR_NONE, measure_count(count).text);
}

/* A column of zeros tells nothing: it is left empty, and then left out. */
static void add_rare(struct table *table, enum colour colour, double count)
{
	table_add(table, colour, count > 0 ? measure_count(count).text : "");
}

static void show_head(const json_t *document)
{
	double bad = field_number(document, "bad"), first = field_number(document, "first");
	double unfinished = field_number(document, "unfinished"), strangers = field_number(document, "not_modelled");
	time_t seconds = isfinite(first) ? (time_t)first : 0;
	char began[32] = "";
	struct tm local;

	if (isfinite(first) && localtime_r(&seconds, &local) != NULL)
		strftime(began, sizeof(began), " from %Y-%m-%d %H:%M:%S", &local);
	output_text("%s connections in %s%s, at most %s at one time\n",
		measure_count(field_number(document, "connections")).text,
		measure_duration(field_number(document, "seconds")).text, began,
		measure_count(field_number(document, "most_connections")).text);
	if (bad > 0)
		output_text("%s lines or packets were no connections that count\n", measure_count(bad).text);
	if (unfinished > 0)
		output_text("%s connections still have bytes to move at the end: their link was too narrow\n",
			measure_count(unfinished).text);
	if (strangers > 0)
		output_text("%s connections beyond %u at one time are decided, but load no link\n",
			measure_count(strangers).text, REPLAY_LIVE_MAX);
}

static void add_link(struct table *table, const json_t *link)
{
	double busy = fmax(field_number(link, "download_busy_s"), field_number(link, "upload_busy_s"));
	double slowdown = field_number(link, "slowdown");
	double then = field_number(link, "connections_then");
	char text[32] = "";

	table_add(table, COLOUR_NONE, field_text(link, "name"));
	add_count(table, COLOUR_NONE, field_number(link, "connections"));
	table_add(table, COLOUR_NONE, measure_share(field_number(link, "share")).text);
	table_add(table, COLOUR_QUIET, isnan(then) ? "" : measure_count(then).text);
	table_add(table, COLOUR_NONE, measure_bytes(field_number(link, "download_bytes")).text);
	table_add(table, COLOUR_NONE, measure_bytes(field_number(link, "upload_bytes")).text);
	table_add(table, COLOUR_NONE, measure_rate(field_number(link, "download_mean_bps")).text);
	table_add(table, COLOUR_NONE, measure_rate(field_number(link, "download_peak_bps")).text);
	table_add(table, COLOUR_NONE, measure_rate(field_number(link, "upload_mean_bps")).text);
	table_add(table, COLOUR_NONE, measure_rate(field_number(link, "upload_peak_bps")).text);
	table_add(table, busy > 0 ? COLOUR_WARNING : COLOUR_NONE, busy > 0 ? measure_duration(busy).text : "");
	if (isfinite(slowdown) && slowdown > 1.005)
		snprintf(text, sizeof(text), "x %.2f", slowdown);
	table_add(table, COLOUR_WARNING, text);
	add_rare(table, COLOUR_BAD, field_number(link, "cut"));
}

static void show_links(const struct invocation *invocation, const json_t *links)
{
	static const char *const titles[] = { "Link", ">Connections", ">Share", ">Then", ">Down", ">Up", ">Mean down",
		">Peak down", ">Mean up", ">Peak up", ">Over 90 %", ">Slower", ">Cut" };
	struct table *table = table_new(titles, COUNT(titles));
	const json_t *link;
	size_t i;

	json_array_foreach(links, i, link)
		add_link(table, link);
	output_text("\n");
	table_print(table, invocation->colour);
	table_free(table);
}

/* "fiber 60 %, lte 40 %"; the caller frees it. */
static char *write_shares(json_t *links)
{
	double total = 0;
	char *text = NULL;
	const char *name;
	const json_t *count;
	size_t size;
	FILE *out = output_need(open_memstream(&text, &size));

	json_object_foreach(links, name, count)
		total += json_number_value(count);
	json_object_foreach(links, name, count)
		fprintf(out, "%s%s %s", ftell(out) > 0 ? ", " : "", name, measure_share(json_number_value(count) / total).text);
	fclose(out);
	return output_need(text);
}

static void add_policy(struct table *table, const json_t *policy)
{
	char *shares = write_shares(json_object_get(policy, "links"));
	double refused = field_number(policy, "dropped") + field_number(policy, "rejected");
	double bytes = field_number(policy, "download_bytes") + field_number(policy, "upload_bytes");
	double then = field_number(policy, "connections_then");
	const char *name = field_text(policy, "name");

	table_add(table, COLOUR_NONE, name[0] == '\0' ? "(no policy)" : name);
	add_count(table, COLOUR_NONE, field_number(policy, "connections"));
	table_add(table, COLOUR_QUIET, isnan(then) ? "" : measure_count(then).text);
	table_add(table, COLOUR_NONE, bytes > 0 ? measure_bytes(bytes).text : "");
	table_add(table, COLOUR_NONE, bytes > 0 ? measure_rate(field_number(policy, "download_peak_bps")).text : "");
	table_add(table, COLOUR_NONE, bytes > 0 ? measure_rate(field_number(policy, "upload_peak_bps")).text : "");
	add_rare(table, COLOUR_WARNING, refused);
	add_rare(table, COLOUR_WARNING, field_number(policy, "over_connections"));
	add_rare(table, COLOUR_WARNING, field_number(policy, "over_new_connections"));
	add_rare(table, COLOUR_WARNING, field_number(policy, "over_bandwidth"));
	table_add(table, COLOUR_NONE, shares);
	free(shares);
}

/* Those that nothing met, now or then, are not told. */
static bool is_met(const json_t *policy)
{
	return field_number(policy, "connections") > 0 || field_number(policy, "connections_then") > 0;
}

static void show_met_policies(const struct invocation *invocation, const json_t *policies)
{
	static const char *const titles[] = { "Policy", ">Connections", ">Then", ">Bytes", ">Peak down", ">Peak up",
		">Refused", ">Too many", ">Too many new", ">Over bandwidth", "Shares" };
	struct table *table = table_new(titles, COUNT(titles));
	const json_t *policy;
	size_t i;

	json_array_foreach(policies, i, policy) {
		if (is_met(policy))
			add_policy(table, policy);
	}
	output_text("\n");
	table_print(table, invocation->colour);
	table_free(table);
}

/* "policy, link", or what refuses it. */
static void write_fate(char *text, size_t size, const char *policy, const char *link, const char *action)
{
	bool refused = strcmp(action, "allow") != 0;

	snprintf(text, size, "%s: %s", policy[0] == '\0' ? "(no policy)" : policy,
		refused ? action : link[0] == '\0' ? "(no link)" : link);
}

static void write_end(char *text, size_t size, const json_t *example, const char *address, const char *port)
{
	const char *host = field_text(example, address);
	double number = field_number(example, port);

	if (isnan(number))
		snprintf(text, size, "%s", host);
	else
		snprintf(text, size, strchr(host, ':') == NULL ? "%s:%.0f" : "[%s]:%.0f", host, number);
}

static void add_example(struct table *table, const json_t *example)
{
	time_t seconds = (time_t)field_number(example, "start");
	const char *protocol = field_text(example, "protocol");
	char text[192] = "";
	struct tm local;

	if (localtime_r(&seconds, &local) != NULL)
		strftime(text, sizeof(text), "%H:%M:%S", &local);
	table_add(table, COLOUR_NONE, text);
	if (protocol[0] == '\0')
		snprintf(text, sizeof(text), "%.0f", field_number(example, "protocol"));
	table_add(table, COLOUR_NONE, protocol[0] == '\0' ? text : protocol);
	write_end(text, sizeof(text), example, "from", "from_port");
	table_add(table, COLOUR_NONE, text);
	write_end(text, sizeof(text), example, "to", "to_port");
	table_add(table, COLOUR_NONE, text);
	write_fate(text, sizeof(text), field_text(example, "policy_then"), field_text(example, "link_then"),
		json_is_true(json_object_get(example, "refused_then")) ? "refused" : "allow");
	table_add(table, COLOUR_QUIET, text);
	write_fate(text, sizeof(text), field_text(example, "policy"), field_text(example, "link"),
		field_text(example, "action"));
	table_add(table, COLOUR_NONE, text);
}

static void show_examples(const struct invocation *invocation, const json_t *examples)
{
	static const char *const titles[] = { "Time", "Protocol", "From", "To", "Then", "Now" };
	struct table *table = table_new(titles, COUNT(titles));
	const json_t *example;
	size_t i;

	json_array_foreach(examples, i, example)
		add_example(table, example);
	if (json_array_size(examples) > 0)
		output_text("The first of them:\n");
	table_print(table, invocation->colour);
	table_free(table);
}

static void show_simulated_changes(const struct invocation *invocation, const json_t *changes)
{
	const char *against = field_text(changes, "against");
	double known = field_number(changes, "known"), changed = field_number(changes, "changed");

	output_text("\n");
	if (known == 0) {
		output_text("Nothing is recorded of links and policies then, so nothing is compared; see --compare.\n");
		return;
	}
	output_text("Against %s: of %s connections %s would fare otherwise (%s)\n",
		against[0] == '\0' ? "the record" : against, measure_count(known).text, measure_count(changed).text,
		measure_share(changed / known).text);
	if (changed == 0)
		return;
	output_text("%s take another link, %s meet another policy, %s are refused now, %s are let in now\n",
		measure_count(field_number(changes, "other_link")).text,
		measure_count(field_number(changes, "other_policy")).text, measure_count(field_number(changes, "refused")).text,
		measure_count(field_number(changes, "let_in")).text);
	show_examples(invocation, json_object_get(changes, "examples"));
}

void show_simulation(const struct invocation *invocation, const json_t *document)
{
	show_head(document);
	if (field_number(document, "connections") == 0)
		return;
	show_links(invocation, json_object_get(document, "links"));
	show_met_policies(invocation, json_object_get(document, "policies"));
	show_simulated_changes(invocation, json_object_get(document, "changes"));
}
