/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl reload, try, confirm, rollback and test-mail: verbs that make the daemon do something, and say how it went. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/output.h"
#include "ctl/units.h"

#define HTTP_UNPROCESSABLE 422

/* The text of a key, made harmless; NULL where it is absent. */
static char *take_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? NULL : output_escape(text, "\t");
}

static unsigned int take_place(const json_t *object, const char *key)
{
	double place = field_number(object, key);

	return place > 0 && place < 1e9 ? (unsigned int)place : 0;
}

static void free_item(struct config_error *item)
{
	free(item->file);
	free(item->message);
	free(item->hint);
	free(item->source);
}

/* As uplinkctl check tells them, so that an editor finds the places in both alike. */
static void print_errors(const json_t *list)
{
	size_t count = json_array_size(list);
	struct config_errors errors = { output_need(calloc(count + 1, sizeof(*errors.items))),
		count };

	for (size_t i = 0; i < count; i++) {
		const json_t *error = json_array_get(list, i);

		errors.items[i] = (struct config_error){
			.file = output_escape(field_text(error, "file"), ""),
			.line = take_place(error, "line"),
			.column = take_place(error, "column"),
			.message = output_escape(field_text(error, "message"), ""),
			.hint = take_text(error, "hint"),
			.source = take_text(error, "source"),
		};
	}
	config_errors_print(stderr, &errors, output_likes_colour(STDERR_FILENO));
	for (size_t i = 0; i < count; i++)
		free_item(&errors.items[i]);
	free(errors.items);
}

int tell_errors(const struct invocation *invocation, const json_t *document)
{
	if (invocation->json)
		output_json(document);
	else
		print_errors(json_object_get(document, "errors"));
	return EXIT_CONFIGURATION;
}

static int refused(const struct invocation *invocation, const json_t *document)
{
	int code = tell_errors(invocation, document);

	if (!invocation->json)
		output_error("the configuration has errors; the daemon goes on with the old one");
	return code;
}

static void print_counts(const json_t *document)
{
	double links = field_number(document, "links"),
	       policies = field_number(document, "policies");

	printf("%s %s, ", measure_count(links).text, links == 1 ? "link" : "links");
	printf("%s %s.\n", measure_count(policies).text, policies == 1 ? "policy" : "policies");
}

static void tell_reload(const json_t *document)
{
	printf("%s: ", json_is_false(json_object_get(document, "changed")) ? "Nothing has changed"
									   : "Reloaded");
	print_counts(document);
}

/* Asks for a change of configuration; tell() says how it went. */
static int change(const struct invocation *invocation, const char *path, const struct query *query,
	void (*tell)(const json_t *document))
{
	struct reply reply;
	int code = client_call(invocation, true, path, query, &reply);

	if (code != EXIT_FINE)
		return code;
	if (reply.status == HTTP_UNPROCESSABLE)
		code = refused(invocation, reply.document);
	else if (reply.status != 200)
		code = client_complain(invocation, &reply);
	else if (invocation->json)
		output_json(reply.document);
	else
		tell(reply.document);
	json_decref(reply.document);
	return code;
}

int run_reload(const struct invocation *invocation)
{
	return change(invocation, "/reload", NULL, tell_reload);
}

static void tell_try(const json_t *document)
{
	const json_t *trial = json_object_get(document, "trial");

	output_text("On trial is %s: ", field_text(trial, "file"));
	print_counts(document);
	printf("It is undone in %.0f s, unless `uplinkctl confirm' comes before.\n",
		field_number(trial, "left_s"));
}

/* The daemon runs elsewhere: it needs the whole path. */
int run_try(const struct invocation *invocation)
{
	const char *timeout = command_value(invocation, "timeout");
	struct query query[3] = { { 0 } };
	char *file = NULL;
	size_t count = 0;
	int code;

	if (invocation->argument != NULL) {
		file = realpath(invocation->argument, NULL);
		if (file == NULL) {
			output_error("%s: %s", invocation->argument, strerror(errno));
			return EXIT_ERROR;
		}
		query[count++] = (struct query){ "file", file };
	}
	if (timeout != NULL)
		query[count++] = (struct query){ "timeout", timeout };
	code = change(invocation, "/try", query, tell_try);
	free(file);
	return code;
}

int show_confirm(const struct invocation *invocation, const json_t *answer)
{
	const char *file = field_text(answer, "file"), *own = field_text(answer, "own_file");

	(void)invocation;
	output_text("Confirmed: %s stays in force.\n", file);
	if (strcmp(file, own) != 0)
		output_text("The next reload or start loads %s again: copy it there.\n", own);
	return EXIT_FINE;
}

int show_rollback(const struct invocation *invocation, const json_t *answer)
{
	(void)invocation;
	printf("The configuration before is in force again: ");
	print_counts(answer);
	output_text("%s still has what was undone; a reload loads it.\n", field_text(answer, "own_file"));
	return EXIT_FINE;
}

int show_test_mail(const struct invocation *invocation, const json_t *outcome)
{
	bool delivered = json_is_true(json_object_get(outcome, "delivered"));

	if (!invocation->json)
		output_text("%s: %s\n", delivered ? "Delivered" : "Not delivered",
			field_text(outcome, "answer"));
	return delivered ? EXIT_FINE : EXIT_ERROR;
}
