/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl explain: asks the daemon, or with --config FILE decides here, in a world made up for that file. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/explain_document.h"
#include "core/imagine.h"
#include "ctl/client.h"
#include "ctl/output.h"

static int refuse(const struct question_problem *problem)
{
	output_error("%s", problem->text);
	if (problem->hint[0] != '\0')
		output_error("%s", problem->hint);
	return EXIT_ERROR;
}

static struct question take_question(const struct invocation *invocation)
{
	return (struct question){
		.from = command_value(invocation, "from"),
		.to = command_value(invocation, "to"),
		.protocol = command_value(invocation, "protocol"),
		.from_port = command_value(invocation, "from-port"),
		.to_port = command_value(invocation, "to-port"),
		.icmp_type = command_value(invocation, "icmp-type"),
		.dscp = command_value(invocation, "dscp"),
		.at = command_value(invocation, "at"),
		.in = command_value(invocation, "in"),
	};
}

/* "lte,dsl". False where one is no link. */
static bool take_down(struct imagined *imagined, const char *names)
{
	char *copy = output_need(strdup(names)), *rest = copy, *name;
	bool good = true;

	while (good && (name = strsep(&rest, ",")) != NULL) {
		good = imagine_link(imagined, name, false);
		if (!good)
			output_error("--down: there is no link `%s'", name);
	}
	free(copy);
	return good;
}

static int show(const struct invocation *invocation, const struct explanation *explanation)
{
	json_t *document = output_need(explain_document(explanation));

	if (invocation->json)
		output_json(document);
	else
		show_explain(invocation, document);
	json_decref(document);
	return EXIT_FINE;
}

static int explain_with(const struct invocation *invocation, const struct config *config)
{
	struct imagined *imagined = output_need(imagine(config));
	const char *down = command_value(invocation, "down");
	struct question question = take_question(invocation);
	struct question_problem problem;
	struct explanation explanation;
	int code = EXIT_ERROR, error;

	if (down != NULL && !take_down(imagined, down))
		goto cleanup;
	error = imagine_explain(imagined, &question, &explanation, &problem);
	if (error == 0)
		code = show(invocation, &explanation);
	else if (error == -EINVAL)
		code = refuse(&problem);
	else
		output_error("%s", strerror(-error));

cleanup:
	imagined_free(imagined);
	return code;
}

static int explain_offline(const struct invocation *invocation)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	int error = config_load(invocation->file, &config, &errors), code;

	if (error == -EINVAL) {
		config_errors_print(stderr, &errors, output_likes_colour(STDERR_FILENO));
		code = EXIT_CONFIGURATION;
	} else if (error < 0) {
		output_error("cannot read %s: %s", invocation->file, strerror(-error));
		code = EXIT_ERROR;
	} else {
		code = explain_with(invocation, config);
	}
	config_errors_free(&errors);
	config_free(config);
	return code;
}

int run_explain(const struct invocation *invocation)
{
	struct query query[COMMAND_OPTIONS_MAX + 1];
	json_t *document = NULL;
	int code;

	if (invocation->file != NULL)
		return explain_offline(invocation);
	if (command_value(invocation, "down") != NULL) {
		output_error("--down needs --config FILE: the daemon knows which links are down");
		return EXIT_USAGE;
	}
	command_query(invocation, query);
	code = client_ask(invocation, false, "/explain", query, &document);
	if (code == EXIT_FINE && invocation->json)
		output_json(document);
	else if (code == EXIT_FINE)
		code = show_explain(invocation, document);
	json_decref(document);
	return code;
}
