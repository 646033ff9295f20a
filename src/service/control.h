/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: HTTP with JSON on a UNIX socket, each path answered by a function. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <uv.h>

/* A request. get() gives the text of a query argument, or NULL. */
struct control_request {
	const char *path;                                             /* "/links" */
	const char *(*get)(const struct control_request *request, const char *name);
	void *connection;
};

/* An answer: a document (JSON) or a text; the control takes ownership of both. */
struct control_answer {
	unsigned int status; /* as HTTP has them */
	json_t *document;
	char *text;
};

struct control_verb {
	const char *path;
	bool changes; /* needs POST, and root or the daemon's own user as peer */
	void (*answer)(void *data, const struct control_request *request, struct control_answer *answer);
};

struct control;

/* A request whose answer comes later. */
struct control_pending;

/*
 * Listens on path (mode 0660, folder made where it is missing, a dead socket replaced; -EADDRINUSE
 * where another daemon answers on it). The table ends with an entry without path and must outlive
 * the control; data goes to each verb. Requests are bounded in number, size and time.
 * GET /events?follow=1 streams what control_publish() gets, a JSON document on each line.
 */
int control_new(uv_loop_t *loop, const char *path, const struct control_verb *verbs, void *data, struct control **ret_control);

/*
 * Accepts NULL. Removes the socket and frees what is pending: no control_finish() for it after this.
 * The loop must run once more, for its handles to close.
 */
void control_free(struct control *control);

/* Hands a line to all who follow; copies it. Slow readers are cut off. */
void control_publish(struct control *control, const char *line);

/*
 * For a verb that waits for something: called inside of answer(), which then leaves the answer empty.
 * NULL: no memory. The client is told 504 after a minute, but only control_finish() ends it.
 */
struct control_pending *control_defer(const struct control_request *request);

/* Answers, once for each control_defer(); harmless where the client has gone. Takes what answer holds. */
void control_finish(struct control_pending *pending, const struct control_answer *answer);
