/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl, the operator's hand: understands its command line and runs the verb. */

#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "ctl/help.h"
#include "ctl/output.h"

#define DEFAULT_SOCKET RUNSTATEDIR "/uplinkd/control.sock"
#define OPTIONS_MAX    (COMMAND_OPTIONS_MAX + 8)
#define FIRST_LONG     256 /* getopt's values for options by their long name */

/* The options that hold at this place, in the shapes that getopt wants. */
struct options {
	const struct command_option *items[OPTIONS_MAX];
	size_t count, globals;
	struct option longs[OPTIONS_MAX + 1];
	char letters[2 * OPTIONS_MAX + 3];
};

static void add_options(struct options *options, const struct command_option *option)
{
	char *letter = options->letters + strlen(options->letters);

	for (; option != NULL && option->name != NULL && options->count < OPTIONS_MAX; option++) {
		bool value = option->value != NULL;

		if (option->letter != 0)
			*letter++ = option->letter;
		if (option->letter != 0 && value)
			*letter++ = ':';
		options->longs[options->count] =
			(struct option){ option->name, value ? required_argument : no_argument,
				NULL, FIRST_LONG + (int)options->count };
		options->items[options->count++] = option;
	}
}

/* "+": the first word that is no option is the verb. ":": we tell errors ourselves. */
static void prepare(struct options *options, const struct command *command)
{
	*options = (struct options){ 0 };
	strcpy(options->letters, command == NULL ? "+:" : ":");
	add_options(options, global_options);
	options->globals = options->count;
	if (command != NULL)
		add_options(options, command->options);
}

/* Where getopt's value is in items; count: nowhere. */
static size_t find_option(const struct options *options, int value)
{
	if (value >= FIRST_LONG)
		return (size_t)(value - FIRST_LONG);
	for (size_t i = 0; i < options->count; i++) {
		if (options->items[i]->letter == value)
			return i;
	}
	return options->count;
}

static void set_global(struct invocation *invocation, char letter, const char *value)
{
	if (letter == 'j')
		invocation->json = true;
	else if (letter == 's')
		invocation->socket = value;
	else if (letter == 'c')
		invocation->file = value;
}

static int complain_about_option(char **words, int value, const struct command *command)
{
	if (value == ':')
		output_error("`%s' needs a value", words[optind - 1]);
	else if (optopt > 0 && optopt < FIRST_LONG)
		output_error("there is no option -%c here", optopt);
	else
		output_error(
			"there is no option `%s' here, or it takes no value", words[optind - 1]);
	output_error("try `uplinkctl help%s%s'", command == NULL ? "" : " ",
		command == NULL ? "" : command->name);
	return EXIT_USAGE;
}

/* Options up to the next word that is none. -1: go on; else the exit code that ends it. */
static int read_options(struct invocation *invocation, int count, char **words)
{
	struct options options;
	int value;

	prepare(&options, invocation->command);
	optind = 0;
	opterr = 0;
	while ((value = getopt_long(count, words, options.letters, options.longs, NULL)) != -1) {
		size_t index =
			value == '?' || value == ':' ? options.count : find_option(&options, value);

		if (index >= options.count)
			return complain_about_option(words, value, invocation->command);
		if (options.items[index]->letter == 'h' && index < options.globals) {
			help_print(stdout, invocation->command);
			return EXIT_FINE;
		}
		if (options.items[index]->letter == 'V' && index < options.globals) {
			puts("uplinkctl " VERSION);
			return EXIT_FINE;
		}
		if (index < options.globals)
			set_global(invocation, options.items[index]->letter, optarg);
		else
			invocation->values[index - options.globals] = optarg == NULL ? "" : optarg;
	}
	return -1;
}

/* Behind the link two dashes stand, which getopt has moved before it. */
static int take_command(struct invocation *invocation, int count, char **words)
{
	if (count < 2 || strcmp(words[-1], "--") != 0) {
		output_error("write `%s LINK -- COMMAND ...'", invocation->command->name);
		return EXIT_USAGE;
	}
	invocation->words = words + 1;
	return 1;
}

static int read_arguments(struct invocation *invocation, int count, char **words)
{
	const struct command *command = invocation->command;
	int allowed = command->argument == ARGUMENT_NONE ? 0 : 1;

	if (command->argument == ARGUMENT_COMMAND) {
		count = take_command(invocation, count, words);
		if (invocation->words == NULL)
			return count;
	}
	if (count > allowed) {
		output_error("`%s' is too much for `%s'", words[allowed], command->name);
		return EXIT_USAGE;
	}
	invocation->argument = count > 0 ? words[0] : NULL;
	if (command->argument == ARGUMENT_ONE_LINK && count == 0) {
		output_error("`%s' needs a link", command->name);
		return EXIT_USAGE;
	}
	for (size_t i = 0; command->options != NULL && command->options[i].name != NULL; i++) {
		if (command->options[i].required && invocation->values[i] == NULL) {
			output_error("`%s' needs --%s", command->name, command->options[i].name);
			help_print(stderr, command);
			return EXIT_USAGE;
		}
	}
	return -1;
}

static int check_socket(const struct invocation *invocation)
{
	const struct sockaddr_un *address = NULL;

	if (strlen(invocation->socket) < sizeof(address->sun_path) && invocation->socket[0] != '\0')
		return -1;
	output_error("`%s' cannot be the path of a socket", invocation->socket);
	return EXIT_USAGE;
}

/* -1: go on; else the exit code that ends it. */
static int read_line(struct invocation *invocation, int count, char **words)
{
	int code = read_options(invocation, count, words);

	if (code >= 0)
		return code;
	words += optind;
	count -= optind;
	invocation->command = count == 0 ? &commands[0] : command_find(words[0]);
	if (invocation->command == NULL)
		return help_unknown_verb(words[0]);
	if (count > 0) {
		code = read_options(invocation, count, words);
		if (code < 0)
			code = read_arguments(invocation, count - optind, words + optind);
	}
	return code >= 0 ? code : check_socket(invocation);
}

/* A full disk must not look like success. */
static int close_output(int code)
{
	bool failed = ferror(stdout) != 0;

	if (fclose(stdout) == 0 && !failed)
		return code;
	output_error("cannot write");
	return code == EXIT_FINE ? EXIT_ERROR : code;
}

int main(int argc, char **argv)
{
	const char *socket = getenv("UPLINKD_SOCKET");
	struct invocation invocation = {
		.socket = socket != NULL && socket[0] != '\0' ? socket : DEFAULT_SOCKET,
		.colour = output_likes_colour(STDOUT_FILENO),
	};
	int code;

	/* The daemon speaks UTF-8, whatever the terminal is set to: this is for the widths of
	 * characters. */
	setlocale(LC_CTYPE, "C.UTF-8");
	code = read_line(&invocation, argc, argv);
	if (code < 0)
		code = command_run(&invocation);
	return close_output(code);
}
