/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a reload would change, and the configuration in force: answers of the control socket. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/compare.h"
#include "daemon/daemon.h"

/* Connections of a link that would go. */
static void add_effects(struct daemon *daemon, json_t *document)
{
	json_t *change;
	size_t i;

	json_array_foreach(json_object_get(document, "changes"), i, change) {
		const char *kind = json_string_value(json_object_get(change, "kind"));
		const char *what = json_string_value(json_object_get(change, "what"));

		if (strcmp(kind, "removed") != 0 || strcmp(what, "link") != 0)
			continue;
		json_object_set_new(change, "connections", json_integer(report_connections(daemon,
			json_string_value(json_object_get(change, "name")))));
	}
}

static void compare(struct daemon *daemon, const struct config *config, struct control_answer *answer)
{
	struct config_changes changes;
	int error = config_compare(daemon->generation->config, config, &changes);

	if (error < 0) {
		report_problem(answer, 500, "cannot compare: %s", strerror(-error));
		return;
	}
	answer->status = 200;
	answer->document = config_changes_document(daemon->config_path, &changes);
	if (answer->document != NULL)
		add_effects(daemon, answer->document);
	config_changes_free(&changes);
}

void report_diff(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	int error = config_load(daemon->config_path, &config, &errors);

	(void)request;
	if (error == 0) {
		compare(daemon, config, answer);
	} else if (error == -EINVAL) {
		answer->status = 422;
		answer->document = json_pack("{s:o}", "errors", report_errors(&errors));
	} else {
		report_problem(answer, 500, "cannot read %s: %s", daemon->config_path, strerror(-error));
	}
	config_errors_free(&errors);
	config_free(config);
}

void report_config(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	char *text = config_text(daemon->generation->config);

	(void)request;
	if (text == NULL) {
		report_problem(answer, 500, "no memory");
		return;
	}
	answer->status = 200;
	answer->document = json_pack("{s:s, s:s}", "file", daemon->config_path, "text", text);
	free(text);
}
