/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl diff: what a reload would change, in words. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/compare.h"
#include "config/config.h"
#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/output.h"
#include "ctl/units.h"

#define HTTP_UNPROCESSABLE 422
#define LINE_VALUE_MAX     60 /* longer lists are counted, not shown */

static bool is_kind(const json_t *change, const char *kind)
{
	return strcmp(field_text(change, "kind"), kind) == 0;
}

/* "4,000 connections go by it now" where that is known and not 0. */
static void write_effect(FILE *out, const json_t *change)
{
	double connections = field_number(change, "connections");

	if (connections > 0)
		fprintf(out, ": %s connection%s by it now", measure_count(connections).text, connections == 1 ? " goes" : "s go");
}

static void write_place(FILE *out, const json_t *change)
{
	const char *before = field_text(change, "before"), *after = field_text(change, "after");

	if (after[0] == '\0')
		fputs(" moved: it stands first now", out);
	else
		fprintf(out, " moved: it stands behind `%s' now", after);
	if (before[0] == '\0')
		fputs(", and stood first before", out);
	else
		fprintf(out, ", and stood behind `%s' before", before);
}

static void write_items(FILE *out, double more, double less)
{
	if (more > 0)
		fprintf(out, " %s more", measure_count(more).text);
	if (less > 0)
		fprintf(out, "%s %s less", more > 0 ? "," : "", measure_count(less).text);
	if (more == 0 && less == 0)
		fputs(" the same in another order", out);
}

/* What is long is for -j. */
static void write_one(FILE *out, const char *before, const char *after)
{
	const char *value = before == NULL ? after : before;

	fputs(before == NULL ? " new" : " gone", out);
	if (value != NULL && strlen(value) <= LINE_VALUE_MAX)
		fprintf(out, ", %s%s", before == NULL ? "" : "it was ", value);
}

static void write_values(FILE *out, const json_t *change)
{
	const char *before = json_string_value(json_object_get(change, "before"));
	const char *after = json_string_value(json_object_get(change, "after"));
	const char *key = field_text(change, "key");
	bool is_list = before != NULL && after != NULL && before[0] == '[' && after[0] == '[';

	fprintf(out, "%s%s:", key[0] == '\0' ? "" : ": ", key);
	if (is_list && strlen(before) + strlen(after) > LINE_VALUE_MAX)
		write_items(out, field_number(change, "more"), field_number(change, "less"));
	else if (before == NULL || after == NULL)
		write_one(out, before, after);
	else
		fprintf(out, " %s instead of %s", after, before);
}

static void print_change(const struct invocation *invocation, const json_t *change)
{
	enum colour colour = is_kind(change, "added") ? COLOUR_GOOD : is_kind(change, "removed") ? COLOUR_BAD : COLOUR_NONE;
	char *text = NULL;
	size_t size;
	FILE *out = output_need(open_memstream(&text, &size));

	fprintf(out, "%s %s", field_text(change, "what"), field_text(change, "name"));
	if (is_kind(change, "moved"))
		write_place(out, change);
	else if (is_kind(change, "changed"))
		write_values(out, change);
	else
		fprintf(out, " %s", field_text(change, "kind"));
	write_effect(out, change);
	if (json_is_true(json_object_get(change, "restart")))
		fputs(" (only a restart can do that)", out);
	fclose(out);
	fputs(output_colour(invocation->colour, colour), stdout);
	output_need(text);
	output_text("%s", text);
	puts(output_plain(invocation->colour && colour != COLOUR_NONE));
	free(text);
}

static void print_changes(const struct invocation *invocation, const json_t *document)
{
	const json_t *changes = json_object_get(document, "changes"), *change;
	size_t i;

	if (json_array_size(changes) == 0)
		output_text("%s: nothing would change.\n", field_text(document, "file"));
	json_array_foreach(changes, i, change)
		print_change(invocation, change);
	if (json_array_size(json_object_get(document, "restart")) > 0)
		puts("A reload will be refused: restart uplinkd for this.");
}

static int tell(const struct invocation *invocation, const json_t *document)
{
	if (invocation->json)
		output_json(document);
	else
		print_changes(invocation, document);
	return EXIT_FINE;
}

/* The daemon's own file, read by the daemon as a reload would. */
static int ask_daemon(const struct invocation *invocation)
{
	struct reply reply;
	int code = client_call(invocation, false, "/diff", NULL, &reply);

	if (code != EXIT_FINE)
		return code;
	if (reply.status == HTTP_UNPROCESSABLE)
		code = tell_errors(invocation, reply.document);
	else if (reply.status != 200)
		code = client_complain(invocation, &reply);
	else
		code = tell(invocation, reply.document);
	json_decref(reply.document);
	return code;
}

/* Connections of links that would go, as the daemon counts them. */
static void add_effects(const struct invocation *invocation, json_t *document)
{
	json_t *links = NULL, *change;
	const json_t *link;
	size_t i, k;

	if (client_ask(invocation, false, "/links", NULL, &links) != EXIT_FINE)
		return;
	json_array_foreach(json_object_get(document, "changes"), i, change) {
		if (!is_kind(change, "removed") || strcmp(field_text(change, "what"), "link") != 0)
			continue;
		json_array_foreach(links, k, link) {
			if (strcmp(field_text(link, "name"), field_text(change, "name")) == 0)
				json_object_set(change, "connections", json_object_get(link, "connections"));
		}
	}
	json_decref(links);
}

static int compare(const struct invocation *invocation, const struct config *running, const struct config *wanted)
{
	struct config_changes changes;
	int error = config_compare(running, wanted, &changes);
	json_t *document;
	char *file;

	if (error < 0) {
		output_error("cannot compare: %s", strerror(-error));
		return EXIT_ERROR;
	}
	file = output_escape(invocation->argument, "");
	document = output_need(config_changes_document(file, &changes));
	config_changes_free(&changes);
	add_effects(invocation, document);
	error = tell(invocation, document);
	json_decref(document);
	free(file);
	return error;
}

static int tell_own_errors(const struct invocation *invocation, const struct config_errors *errors)
{
	json_t *document;

	if (!invocation->json) {
		config_errors_print(stderr, errors, output_likes_colour(STDERR_FILENO));
		return EXIT_CONFIGURATION;
	}
	document = output_need(json_pack("{s:o}", "errors", check_list(errors, CONFIG_ERROR)));
	output_json(document);
	json_decref(document);
	return EXIT_CONFIGURATION;
}

/* What is in force, as the daemon prints it. The caller frees *ret_config. */
static int ask_running(const struct invocation *invocation, struct config **ret_config)
{
	struct config_errors errors = { 0 };
	json_t *document = NULL;
	int code = client_ask(invocation, false, "/config", NULL, &document);

	if (code != EXIT_FINE)
		return code;
	if (config_parse("uplinkd", field_text(document, "text"), strlen(field_text(document, "text")), ret_config, &errors) < 0) {
		output_error("cannot read what the daemon says: is it of another version?");
		code = EXIT_ERROR;
	}
	config_errors_free(&errors);
	json_decref(document);
	return code;
}

/* Another file is read here, with the rights and in the place of whoever asks. */
static int compare_file(const struct invocation *invocation)
{
	struct config_errors errors = { 0 };
	struct config *wanted = NULL, *running = NULL;
	int error = config_load(invocation->argument, &wanted, &errors), code;

	if (error == 0) {
		code = ask_running(invocation, &running);
		if (code == EXIT_FINE)
			code = compare(invocation, running, wanted);
	} else if (error == -EINVAL) {
		code = tell_own_errors(invocation, &errors);
	} else {
		output_error("cannot read %s: %s", invocation->argument, strerror(-error));
		code = EXIT_ERROR;
	}
	config_errors_free(&errors);
	config_free(running);
	config_free(wanted);
	return code;
}

int run_diff(const struct invocation *invocation)
{
	return invocation->argument == NULL ? ask_daemon(invocation) : compare_file(invocation);
}
