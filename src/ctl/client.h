/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Talks to the daemon: HTTP over its control socket. Tells on stderr what goes wrong. */
#pragma once

#include <stddef.h>

#include "ctl/commands.h"

/* A list ends with an entry without name. */
struct query {
	const char *name, *value;
};

/* What the daemon answered: an HTTP status and a document, which the caller owns. */
struct reply {
	long status;
	json_t *document;
};

/* An exit code; EXIT_FINE where the daemon has answered at all, be it with an error. query may be
 * NULL. */
int client_call(const struct invocation *invocation, bool post, const char *path,
	const struct query *query, struct reply *reply);

/*
 * The same, where an answer other than success ends it: the error is told (with -j as the document
 * that came) and EXIT_ERROR is returned. The caller owns *ret_document.
 */
int client_ask(const struct invocation *invocation, bool post, const char *path,
	const struct query *query, json_t **ret_document);

/* Tells the error that a reply holds, and returns EXIT_ERROR. */
int client_complain(const struct invocation *invocation, const struct reply *reply);

struct follower {
	void (*begin)(
		void *data); /* the daemon has begun to send; what happens from now on will come */
	void (*line)(void *data, const char *line);
	void *data;
};

/* Reads lines until the daemon ends. An exit code. */
int client_follow(
	const struct invocation *invocation, const char *path, const struct follower *follower);
