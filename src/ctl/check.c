/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl check: reads a configuration as the daemon would, and tells all that is wrong with it. */

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "ctl/commands.h"
#include "ctl/output.h"

#define DEFAULT_FILE SYSCONFDIR "/uplinkd/uplinkd.yaml"

/* JSON is UTF-8, but a file need not be: then its bytes are escaped. */
static json_t *error_document(const struct config_error *error)
{
	char *file = output_escape(error->file, "");
	char *message = output_escape(error->message, "");
	char *hint = error->hint == NULL ? NULL : output_escape(error->hint, "");
	json_t *document = json_pack("{s:s, s:i, s:i, s:s, s:s?}", "file", file, "line",
		(int)error->line, "column", (int)error->column, "message", message, "hint", hint);

	free(file);
	free(message);
	free(hint);
	return output_need(document);
}

json_t *check_list(const struct config_errors *errors, enum config_severity severity)
{
	json_t *list = output_need(json_array());

	for (size_t i = 0; i < errors->count; i++) {
		if (errors->items[i].severity == severity)
			json_array_append_new(list, error_document(&errors->items[i]));
	}
	return list;
}

static void print_document(const char *file, const struct config_errors *errors)
{
	json_t *document;
	char *name = output_escape(file, "");

	document = output_need(json_pack("{s:s, s:o, s:o}", "file", name, "errors", check_list(errors, CONFIG_ERROR),
		"warnings", check_list(errors, CONFIG_WARNING)));
	output_json(document);
	json_decref(document);
	free(name);
}

static void print_fine(const char *file, const struct config *config, size_t warnings)
{
	output_text("%s: fine: %zu %s, %zu %s", file, config->link_count,
		config->link_count == 1 ? "link" : "links", config->policy_count,
		config->policy_count == 1 ? "policy" : "policies");
	if (warnings > 0)
		output_text(", %zu %s", warnings, warnings == 1 ? "warning" : "warnings");
	output_text("\n");
}

static bool device_exists(const char *device)
{
	return if_nametoindex(device) != 0;
}

/* A file that is named may be meant for another machine. */
static bool is_for_this_machine(const struct invocation *invocation)
{
	return invocation->argument == NULL || command_value(invocation, "devices") != NULL;
}

static const char *choose_file(const struct invocation *invocation)
{
	if (invocation->argument != NULL)
		return invocation->argument;
	return invocation->file != NULL ? invocation->file : DEFAULT_FILE;
}

int run_check(const struct invocation *invocation)
{
	const char *file = choose_file(invocation);
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	int error = config_check(file, is_for_this_machine(invocation) ? device_exists : NULL, &config, &errors);

	if (error < 0 && error != -EINVAL) {
		output_error("cannot check %s: %s", file, strerror(-error));
		config_errors_free(&errors);
		return EXIT_ERROR;
	}
	if (invocation->json)
		print_document(file, &errors);
	else
		config_errors_print(stderr, &errors, output_likes_colour(STDERR_FILENO));
	if (!invocation->json && error == 0)
		print_fine(file, config, errors.count);
	config_errors_free(&errors);
	config_free(config);
	return error < 0 ? EXIT_CONFIGURATION : EXIT_FINE;
}
