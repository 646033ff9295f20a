/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl use: runs a command whose traffic leaves by one link. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/by_link.h"
#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/output.h"

#define SERVERS_MAX 16

/* As shells have them. */
enum {
	EXIT_NOT_RUNNABLE = 126,
	EXIT_NOT_FOUND = 127,
};

static int check_link(const struct invocation *invocation, const json_t *answer)
{
	const char *reason = field_text(answer, "reason");

	if (json_is_true(json_object_get(answer, "usable")) || command_value(invocation, "even-if-down") != NULL)
		return EXIT_FINE;
	output_error("link %s is %s%s%s: nothing was run; with --even-if-down it is", field_text(answer, "link"),
		field_text(answer, "state"), reason[0] == '\0' ? "" : ", ", reason);
	return EXIT_ERROR;
}

static int give_servers(const json_t *answer, char *problem, size_t size)
{
	const json_t *list = json_object_get(answer, "resolvers"), *item;
	const char *servers[SERVERS_MAX];
	size_t count = 0, i;

	json_array_foreach(list, i, item) {
		if (json_is_string(item) && count < SERVERS_MAX)
			servers[count++] = json_string_value(item);
	}
	return by_link_resolvers(servers, count, problem, size);
}

/* The last of all rights, so the first to be asked for is looked up before anything is done. */
static int become(const struct passwd *user)
{
	if (initgroups(user->pw_name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 && setuid(user->pw_uid) == 0)
		return EXIT_FINE;
	output_error("cannot become user %s: %s", user->pw_name, strerror(errno));
	return EXIT_ERROR;
}

static int prepare(const struct passwd *user, const json_t *answer)
{
	json_int_t mark = json_integer_value(json_object_get(answer, "mark"));
	char problem[512];

	if (by_link_enter((uint32_t)mark, problem, sizeof(problem)) < 0
	    || give_servers(answer, problem, sizeof(problem)) < 0) {
		output_error("%s", problem);
		return EXIT_ERROR;
	}
	return user == NULL ? EXIT_FINE : become(user);
}

/* Comes back only where it cannot be run. */
static int run_words(char **words)
{
	int error;

	fflush(stdout);
	execvp(words[0], words);
	error = errno;
	output_error("%s cannot be run: %s", words[0], strerror(error));
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
}

int run_use(const struct invocation *invocation)
{
	struct query query[] = { { "link", invocation->argument }, { 0 } };
	const char *name = command_value(invocation, "user");
	const struct passwd *user = NULL;
	json_t *answer = NULL;
	int code;

	if (name != NULL && (user = getpwnam(name)) == NULL) {
		output_error("there is no user %s", name);
		return EXIT_USAGE;
	}
	code = client_ask(invocation, false, "/use", query, &answer);
	if (code == EXIT_FINE)
		code = check_link(invocation, answer);
	if (code == EXIT_FINE)
		code = prepare(user, answer);
	json_decref(answer);
	return code == EXIT_FINE ? run_words(invocation->words) : code;
}
