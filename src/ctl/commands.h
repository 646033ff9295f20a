/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of uplinkctl as a table: it drives parsing, usage, help and completion. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "config/config.h"

enum exit_code {
	EXIT_FINE,
	EXIT_ERROR,
	EXIT_USAGE,
	EXIT_NOT_RUNNING,
	EXIT_CONFIGURATION,
};

/* What may follow a verb; always optional, at most one. */
enum argument_kind {
	ARGUMENT_NONE,
	ARGUMENT_LINK,
	ARGUMENT_FILE,
	ARGUMENT_VERB,
	ARGUMENT_ADDRESS,
	ARGUMENT_ONE_LINK, /* not without */
	ARGUMENT_PREFIX,
	ARGUMENT_SOURCE, /* of sticky */
	ARGUMENT_COMMAND, /* a link, two dashes, and a command with its own words */
};

#define COMMAND_OPTIONS_MAX 12

/* A list ends with an entry without name. */
struct command_option {
	char letter; /* 0: a long name only */
	const char *name;
	const char *value; /* what to call its value; NULL: it has none */
	bool required;
	const char *help;
};

struct command;

/* A command line, understood. */
struct invocation {
	const struct command *command;
	const char *socket;
	const char *file; /* -c, or NULL */
	bool json;
	bool colour;                             /* stdout is a terminal that likes colours */
	const char *argument;                    /* NULL: not given */
	char **words;                            /* of the command, ended by NULL; NULL: there is none */
	const char *values[COMMAND_OPTIONS_MAX]; /* of command->options; "" for one without value,
						    NULL: not given */
};

/*
 * A verb has run(); or it has path, and then the daemon is asked there, with the options as query,
 * and show() tells people what it said. Both return an exit code.
 */
struct command {
	const char *name;
	enum argument_kind argument;
	const struct command_option *options; /* NULL: none */
	const char *summary;
	const char *details;
	int (*run)(const struct invocation *invocation);
	const char *path;
	bool changes; /* asks by POST */
	int (*show)(const struct invocation *invocation, const json_t *document);
};

/* Options of every verb. */
extern const struct command_option global_options[];

/* Ends with an entry without name. The first is what no verb means. */
extern const struct command commands[];

const struct command *command_find(const char *name);

/* The value of an option, "" for one without, or NULL where it was not given. */
const char *command_value(const struct invocation *invocation, const char *name);

/* The options that were given, as a query: query has room for COMMAND_OPTIONS_MAX + 1. */
struct query;
void command_query(const struct invocation *invocation, struct query *query);

/* Runs it, and returns the exit code. */
int command_run(const struct invocation *invocation);

int run_check(const struct invocation *invocation);
int run_explain(const struct invocation *invocation);
int run_diagnose(const struct invocation *invocation);
int run_diff(const struct invocation *invocation);
int run_events(const struct invocation *invocation);
int run_help(const struct invocation *invocation);
int run_paths(const struct invocation *invocation);
int run_links(const struct invocation *invocation);
int run_reload(const struct invocation *invocation);
int run_duty(const struct invocation *invocation);
int run_simulate(const struct invocation *invocation);
int run_use(const struct invocation *invocation);
int run_unblock(const struct invocation *invocation);
int run_try(const struct invocation *invocation);
int run_sticky(const struct invocation *invocation);
int run_schema(const struct invocation *invocation);

/* Errors or warnings as a list for scripts; the caller owns it. Ends the program where there is no memory. */
json_t *check_list(const struct config_errors *errors, enum config_severity severity);

/* Tells the errors of a configuration that the daemon has sent, and returns EXIT_CONFIGURATION. */
int tell_errors(const struct invocation *invocation, const json_t *document);

int show_blocked(const struct invocation *invocation, const json_t *blocked);
int show_status(const struct invocation *invocation, const json_t *status);
int show_policies(const struct invocation *invocation, const json_t *policies);
int show_flows(const struct invocation *invocation, const json_t *flows);
int show_classes(const struct invocation *invocation, const json_t *classes);
int show_explain(const struct invocation *invocation, const json_t *explanation);
int show_why(const struct invocation *invocation, const json_t *answer);
int show_confirm(const struct invocation *invocation, const json_t *answer);
int show_rollback(const struct invocation *invocation, const json_t *answer);
int show_ruleset(const struct invocation *invocation, const json_t *ruleset);
int show_test_mail(const struct invocation *invocation, const json_t *outcome);
