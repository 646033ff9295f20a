/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl links: all links as a table, or one of them in full. */

#include "ctl/links.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/units.h"

static const struct {
	const char *state;
	enum colour colour;
	bool up;
} states[] = {
	{ "up", COLOUR_GOOD, true },
	{ "degraded", COLOUR_WARNING, true },
	{ "down", COLOUR_BAD, false },
	{ "draining", COLOUR_QUIET, false },
	{ "disabled", COLOUR_QUIET, false },
};

enum colour link_colour(const json_t *link)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(states[i].state, field_text(link, "state")) == 0)
			return states[i].colour;
	}
	return COLOUR_NONE;
}

bool link_is_up(const json_t *link)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(states[i].state, field_text(link, "state")) == 0)
			return states[i].up;
	}
	return false;
}

/* What comes in at most, "~" before it where it is learnt. */
static const char *capacity_text(const json_t *link, char *text, size_t size)
{
	const char *mark = strcmp(field_text(link, "download_capacity"), "learnt") == 0 ? "~" : "";

	snprintf(text, size, "%s%s", mark, measure_rate(field_number(link, "download_capacity_bps")).text);
	return text;
}

static const char *quota_word(const json_t *link)
{
	const char *stage = field_text(json_object_get(link, "quota"), "stage");

	if (strcmp(stage, "spent") == 0)
		return "quota used";
	return strcmp(stage, "tapered") == 0 ? "quota nearly used" : "";
}

/* What there is to say of a link that works. */
static const char *load_word(const json_t *link)
{
	if (json_is_true(json_object_get(link, "congested")))
		return "congested";
	if (json_is_true(json_object_get(link, "full")))
		return "full";
	return quota_word(link);
}

/* The reason of its state, and what is wrong where that says more. */
static const char *why_text(const json_t *link, char *text, size_t size)
{
	const char *reason = field_text(link, "reason"), *finding = field_text(link, "finding");
	bool more = finding[0] != '\0' && strcmp(finding, reason) != 0;

	snprintf(text, size, "%s%s%s", reason, more ? ": " : "", more ? finding : "");
	return text;
}

static void add_link(struct table *table, const json_t *link)
{
	const char *reason = field_text(link, "reason");
	char text[128];

	table_add(table, COLOUR_NONE, field_text(link, "name"));
	table_add(table, COLOUR_NONE, field_text(link, "device"));
	table_add(table, link_colour(link), field_text(link, "state"));
	table_add(table, COLOUR_NONE, measure_duration(field_age(link, "since")).text);
	table_add(table, COLOUR_NONE, measure_latency(field_number(link, "latency_ms")).text);
	table_add(table, COLOUR_NONE, measure_share(field_number(link, "loss")).text);
	table_add(table, COLOUR_NONE, measure_rate(field_number(link, "download_bps")).text);
	table_add(table, COLOUR_NONE, measure_rate(field_number(link, "upload_bps")).text);
	table_add(table, COLOUR_NONE, capacity_text(link, text, sizeof(text)));
	table_add(table, COLOUR_NONE, measure_count(field_number(link, "connections")).text);
	table_add(table, COLOUR_NONE, measure_count(field_number(link, "weight")).text);
	table_add(table, COLOUR_NONE, reason[0] != '\0' ? why_text(link, text, sizeof(text)) : load_word(link));
}

void links_print(const struct invocation *invocation, const json_t *links)
{
	static const char *const titles[] = { "Link", "Device", "State", ">For", ">Latency",
		">Loss", ">Download", ">Upload", ">Capacity", ">Connections", ">Weight", "Reason" };
	struct table *table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
	const json_t *link;
	size_t i;

	json_array_foreach(links, i, link) add_link(table, link);
	table_print(table, invocation->colour);
	table_free(table);
}

static void print_state(const struct invocation *invocation, const json_t *link)
{
	const char *reason = field_text(link, "reason");
	double age = field_age(link, "since");
	char text[128];

	printf("State        %s", output_colour(invocation->colour, link_colour(link)));
	output_text("%s", field_text(link, "state"));
	fputs(output_plain(invocation->colour), stdout);
	if (isfinite(age))
		printf(" for %s", measure_duration(age).text);
	output_text("%s%s\n", reason[0] == '\0' ? "" : ": ", why_text(link, text, sizeof(text)));
}

static void print_direction(const json_t *link, const char *title, const char *direction)
{
	char key[64];
	double bps, load, confidence;

	snprintf(key, sizeof(key), "%s_bps", direction);
	printf("%-12s %s", title, measure_rate(field_number(link, key)).text);
	snprintf(key, sizeof(key), "%s_capacity_bps", direction);
	bps = field_number(link, key);
	snprintf(key, sizeof(key), "%s_load", direction);
	load = field_number(link, key);
	snprintf(key, sizeof(key), "%s_confidence", direction);
	confidence = field_number(link, key);
	if (isfinite(bps))
		printf(" of %s", measure_rate(bps).text);
	if (isfinite(load))
		printf(", %s", measure_share(load).text);
	if (isfinite(confidence))
		printf(isfinite(bps) ? " (learnt, sure to %.0f%%)" : " (not learnt yet, sure to %.0f%%)", confidence * 100);
	putchar('\n');
}

/* None where it has none, or the daemon is too old to tell. */
static void print_addresses(const json_t *link, const char *title, const char *key)
{
	json_t *addresses = json_object_get(link, key), *address;
	size_t i;

	json_array_foreach(addresses, i, address)
		output_text(i == 0 ? "%-12s %s" : "%s %s", i == 0 ? title : ",", json_string_value(address));
	if (json_array_size(addresses) > 0)
		putchar('\n');
}

static void print_quota(const json_t *quota)
{
	double used = field_number(quota, "used"), volume = field_number(quota, "volume"), forecast = field_number(quota, "forecast");
	double ends_in = -field_age(quota, "resets");

	if (!json_is_object(quota))
		return;
	printf("Quota        %s of %s", measure_bytes(used).text, measure_bytes(volume).text);
	printf(", %s", measure_share(used / volume).text);
	if (isfinite(forecast))
		printf(", by this pace %s", measure_bytes(forecast).text);
	if (isfinite(ends_in) && ends_in > 0)
		printf("; begins anew in %s", measure_duration(ends_in).text);
	putchar('\n');
}

static void print_link(const struct invocation *invocation, const json_t *link)
{
	output_text("Link         %s\n", field_text(link, "name"));
	output_text("Device       %s\n", field_text(link, "device"));
	print_state(invocation, link);
	print_addresses(link, "Addresses", "addresses");
	print_addresses(link, "Gateway", "gateways");
	if (isfinite(field_number(link, "mtu")))
		printf("MTU          %.0f\n", field_number(link, "mtu"));
	printf("Latency      %s\n", measure_latency(field_number(link, "latency_ms")).text);
	printf("Loss         %s\n", measure_share(field_number(link, "loss")).text);
	print_direction(link, "Download", "download");
	print_direction(link, "Upload", "upload");
	if (load_word(link)[0] != '\0')
		printf("Load         %s\n", load_word(link));
	printf("Connections  %s\n", measure_count(field_number(link, "connections")).text);
	printf("Weight       %s\n", measure_count(field_number(link, "weight")).text);
	print_quota(json_object_get(link, "quota"));
}

static json_t *find_link(const json_t *links, const char *name)
{
	json_t *link;
	size_t i;

	json_array_foreach(links, i, link)
	{
		if (strcmp(field_text(link, "name"), name) == 0)
			return link;
	}
	return NULL;
}

static int complain_about_name(const json_t *links, const char *name)
{
	size_t count = json_array_size(links);
	const char **names = output_need(calloc(count + 1, sizeof(*names)));
	char *list;

	for (size_t i = 0; i < count; i++)
		names[i] = field_text(json_array_get(links, i), "name");
	list = output_list(names, count);
	output_error("there is no link `%s'%s%s", name, count > 0 ? "; there are " : "", list);
	free(list);
	free(names);
	return EXIT_ERROR;
}

/* The same shape as for all links, so that scripts read both alike. */
static void print_link_document(json_t *link)
{
	json_t *array = output_need(json_array());

	json_array_append(array, link);
	output_json(array);
	json_decref(array);
}

static int show_one(const struct invocation *invocation, const json_t *links)
{
	json_t *link = find_link(links, invocation->argument);

	if (link == NULL)
		return complain_about_name(links, invocation->argument);
	if (invocation->json)
		print_link_document(link);
	else
		print_link(invocation, link);
	return link_is_up(link) ? EXIT_FINE : EXIT_ERROR;
}

int run_links(const struct invocation *invocation)
{
	json_t *links = NULL;
	int code = client_ask(invocation, false, "/links", NULL, &links);

	if (code != EXIT_FINE)
		return code;
	if (invocation->argument != NULL)
		code = show_one(invocation, links);
	else if (invocation->json)
		output_json(links);
	else if (json_array_size(links) == 0)
		puts("No link is configured.");
	else
		links_print(invocation, links);
	json_decref(links);
	return code;
}
