/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl check: reads a configuration as the daemon would, and tells all that is wrong with it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "core/plan_shaper.h"
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

static void print_document(const char *file, const struct config_errors *errors)
{
	json_t *list = output_need(json_array()), *document;
	char *name = output_escape(file, "");

	for (size_t i = 0; i < errors->count; i++)
		json_array_append_new(list, error_document(&errors->items[i]));
	document = output_need(json_pack("{s:s, s:o}", "file", name, "errors", list));
	output_json(document);
	json_decref(document);
	free(name);
}

static void print_fine(const char *file, const struct config *config)
{
	output_text("%s: fine: %zu %s, %zu %s\n", file, config->link_count,
		config->link_count == 1 ? "link" : "links", config->policy_count,
		config->policy_count == 1 ? "policy" : "policies");
}

/* What is allowed but may surprise: classes where they have no effect. */
static void print_unshaped(const char *file, const struct config *config)
{
	for (size_t i = 0; i < config->link_count; i++) {
		const struct link *link = &config->links[i];
		bool upload = plan_shaper_lacks_upload(config, link), download = plan_shaper_lacks_download(config, link);

		if (upload || download)
			output_text("%s: advice: link %s has no bandwidth for %s: classes have no effect there\n", file,
				link->name, upload && download ? "upload and download" : upload ? "upload" : "download");
	}
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
	int error = config_load(file, &config, &errors);

	if (error < 0 && error != -EINVAL) {
		output_error("cannot check %s: %s", file, strerror(-error));
		config_errors_free(&errors);
		return EXIT_ERROR;
	}
	if (invocation->json)
		print_document(file, &errors);
	else if (error < 0)
		config_errors_print(stderr, &errors, output_likes_colour(STDERR_FILENO));
	else {
		print_unshaped(file, config);
		print_fine(file, config);
	}
	config_errors_free(&errors);
	config_free(config);
	return error < 0 ? EXIT_CONFIGURATION : EXIT_FINE;
}
