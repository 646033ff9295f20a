/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl reload and test-mail: verbs that make the daemon do something, and say how it went. */

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

static int refused(const struct invocation *invocation, const json_t *document)
{
	if (invocation->json) {
		output_json(document);
		return EXIT_CONFIGURATION;
	}
	print_errors(json_object_get(document, "errors"));
	output_error("the configuration has errors; the daemon goes on with the old one");
	return EXIT_CONFIGURATION;
}

static void tell_reload(const json_t *document)
{
	double links = field_number(document, "links"),
	       policies = field_number(document, "policies");

	printf("%s: ", json_is_false(json_object_get(document, "changed")) ? "Nothing has changed"
									   : "Reloaded");
	printf("%s %s, ", measure_count(links).text, links == 1 ? "link" : "links");
	printf("%s %s.\n", measure_count(policies).text, policies == 1 ? "policy" : "policies");
}

int run_reload(const struct invocation *invocation)
{
	struct reply reply;
	int code = client_call(invocation, true, "/reload", NULL, &reply);

	if (code != EXIT_FINE)
		return code;
	if (reply.status == HTTP_UNPROCESSABLE)
		code = refused(invocation, reply.document);
	else if (reply.status != 200)
		code = client_complain(invocation, &reply);
	else if (invocation->json)
		output_json(reply.document);
	else
		tell_reload(reply.document);
	json_decref(reply.document);
	return code;
}

int show_test_mail(const struct invocation *invocation, const json_t *outcome)
{
	bool delivered = json_is_true(json_object_get(outcome, "delivered"));

	if (!invocation->json)
		output_text("%s: %s\n", delivered ? "Delivered" : "Not delivered",
			field_text(outcome, "answer"));
	return delivered ? EXIT_FINE : EXIT_ERROR;
}
