/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Usage, help, and the words for completion, all from the table of verbs. */

#include "ctl/help.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/output.h"

#define NAME_MAX_LENGTH 32

static const char *const argument_names[] = {
	[ARGUMENT_NONE] = "",
	[ARGUMENT_LINK] = " [NAME]",
	[ARGUMENT_FILE] = " [FILE]",
	[ARGUMENT_VERB] = " [VERB]",
	[ARGUMENT_ADDRESS] = " ADDRESS",
	[ARGUMENT_ONE_LINK] = " LINK",
	[ARGUMENT_PREFIX] = " [PREFIX]",
	[ARGUMENT_SOURCE] = " [ADDRESS]",
	[ARGUMENT_COMMAND] = " LINK -- COMMAND ...",
};

static void print_option(FILE *out, const struct command_option *option)
{
	char left[64];
	const char *value = option->value == NULL ? "" : option->value;

	if (option->letter != 0)
		snprintf(left, sizeof(left), "-%c, --%s %s", option->letter, option->name, value);
	else
		snprintf(left, sizeof(left), "    --%s %s", option->name, value);
	fprintf(out, "  %-26s %s\n", left, option->help);
}

static void print_options(FILE *out, const char *title, const struct command_option *options)
{
	fprintf(out, "\n%s\n", title);
	for (; options->name != NULL; options++)
		print_option(out, options);
}

static void print_usage_option(FILE *out, const struct command_option *option)
{
	fputs(option->required ? " " : " [", out);
	if (option->letter != 0)
		fprintf(out, "-%c", option->letter);
	else
		fprintf(out, "--%s", option->name);
	if (option->value != NULL)
		fprintf(out, " %s", option->value);
	fputs(option->required ? "" : "]", out);
}

static void print_verb(FILE *out, const struct command *command)
{
	const struct command_option *option = command->options;

	fprintf(out, "usage: uplinkctl [-j] [-s SOCKET] %s", command->name);
	for (; option != NULL && option->name != NULL; option++)
		print_usage_option(out, option);
	fprintf(out, "%s\n\n%s: %s\n", argument_names[command->argument], command->name,
		command->summary);
	if (command->details != NULL)
		fprintf(out, "%s\n", command->details);
	if (command->options != NULL)
		print_options(out, "Options of this verb:", command->options);
	print_options(out, "Options of every verb:", global_options);
}

static void print_all(FILE *out)
{
	fprintf(out, "usage: uplinkctl [-j] [-s SOCKET] [-c FILE] [VERB ...]\n\nVerbs, the first "
		     "one by default:\n");
	for (const struct command *command = commands; command->name != NULL; command++) {
		char left[NAME_MAX_LENGTH];

		snprintf(left, sizeof(left), "%s%s", command->name,
			argument_names[command->argument]);
		fprintf(out, "  %-16s %s\n", left, command->summary);
	}
	print_options(out, "Options:", global_options);
	fprintf(out, "\nExit status: 0 fine, 1 error, 2 bad usage, 3 the daemon is not running, 4 "
		     "the configuration has "
		     "errors.\n");
}

void help_print(FILE *out, const struct command *command)
{
	if (command == NULL)
		print_all(out);
	else
		print_verb(out, command);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters must be put in, taken out or changed: Levenshtein's distance, row by row. */
static size_t distance(const char *from, const char *to)
{
	size_t row[NAME_MAX_LENGTH], length = strlen(to);

	for (size_t i = 0; i <= length; i++)
		row[i] = i;
	for (size_t line = 1; *from != '\0'; from++, line++) {
		size_t diagonal = row[0];

		row[0] = line;
		for (size_t i = 1; i <= length; i++) {
			size_t changed = diagonal + (*from != to[i - 1]);

			diagonal = row[i];
			row[i] = least(changed, least(row[i], row[i - 1]) + 1);
		}
	}
	return row[length];
}

int help_unknown_verb(const char *name)
{
	const struct command *nearest = NULL;
	size_t best = 3; /* more would be guessing */

	for (const struct command *command = commands; command->name != NULL; command++) {
		size_t away = distance(name, command->name);

		if (away < best) {
			best = away;
			nearest = command;
		}
	}
	if (nearest != NULL)
		output_error("there is no verb `%s'; did you mean `%s'?", name, nearest->name);
	else
		output_error("there is no verb `%s'; `uplinkctl help' names them", name);
	return EXIT_USAGE;
}

static void print_option_words(const struct command_option *option)
{
	for (; option != NULL && option->name != NULL; option++)
		printf("--%s%s\n", option->name, option->value == NULL ? "" : "=");
}

/* What may follow: options (with '=' where a value follows), verbs, and @link or @file for what is
 * not known here. */
static void print_words(const struct command *command)
{
	static const char *const placeholders[] = {
		[ARGUMENT_NONE] = "",
		[ARGUMENT_LINK] = "@link\n",
		[ARGUMENT_FILE] = "@file\n",
		[ARGUMENT_VERB] = "",
		[ARGUMENT_ADDRESS] = "@address\n",
		[ARGUMENT_ONE_LINK] = "@link\n",
		[ARGUMENT_PREFIX] = "@prefix\n",
		[ARGUMENT_SOURCE] = "@source\n",
		[ARGUMENT_COMMAND] = "@link\n",
	};

	if (command != NULL) {
		print_option_words(command->options);
		fputs(placeholders[command->argument], stdout);
	}
	if (command == NULL || command->argument == ARGUMENT_VERB) {
		for (const struct command *verb = commands; verb->name != NULL; verb++)
			puts(verb->name);
	}
	print_option_words(global_options);
}

int run_help(const struct invocation *invocation)
{
	const struct command *command =
		invocation->argument == NULL ? NULL : command_find(invocation->argument);

	if (invocation->argument != NULL && command == NULL)
		return help_unknown_verb(invocation->argument);
	if (command_value(invocation, "words") != NULL)
		print_words(command);
	else
		help_print(stdout, command);
	return EXIT_FINE;
}
