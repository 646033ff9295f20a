/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the verb that a request names, asks it, and queues what it answers; or says why not. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/control_internal.h"

#define TYPE_DOCUMENT "application/json"
#define TYPE_TEXT     "text/plain; charset=utf-8"

void control_answer_drop(struct control_answer *answer)
{
	json_decref(answer->document);
	free(answer->text);
	*answer = (struct control_answer){ 0 };
}

static void set_error(struct control_answer *answer, unsigned int status, const char *text)
{
	control_answer_drop(answer);
	answer->status = status;
	answer->document = json_pack("{s:s}", "error", text);
}

/* The document as text, to be read well without uplinkctl too: with a line end, and 4.1 as 4.1 (15
 * digits). */
static char *write_document(const json_t *document)
{
	char *text = json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(15));
	size_t length = text == NULL ? 0 : strlen(text);
	char *line = text == NULL ? NULL : realloc(text, length + 2);

	if (line == NULL) {
		free(text);
		return NULL;
	}
	line[length] = '\n';
	line[length + 1] = '\0';
	return line;
}

/* Takes what answer holds. allow: what a 405 must say, or NULL. */
static enum MHD_Result send_answer(
	struct MHD_Connection *connection, struct control_answer *answer, const char *allow)
{
	const char *type = answer->document != NULL ? TYPE_DOCUMENT : TYPE_TEXT;
	unsigned int status = answer->status != 0 ? answer->status : MHD_HTTP_OK;
	char *text = answer->document != NULL ? write_document(answer->document) : answer->text;
	struct MHD_Response *response = NULL;
	enum MHD_Result queued = MHD_NO;

	if (answer->document == NULL)
		answer->text = NULL;
	control_answer_drop(answer);
	if (text != NULL)
		response =
			MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (allow != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	queued = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result send_error(
	struct MHD_Connection *connection, unsigned int status, const char *text, const char *allow)
{
	struct control_answer answer = { 0 };

	set_error(&answer, status, text);
	return send_answer(connection, &answer, allow);
}

/* An argument with a zero byte inside is not the text that it seems to be: as good as absent. */
static const char *get_argument(const struct control_request *request, const char *name)
{
	const char *value = NULL;
	size_t length = 0;

	if (MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND, name,
		    strlen(name), &value, &length) != MHD_YES)
		return NULL;
	return value != NULL && strlen(value) == length ? value : NULL;
}

static const struct control_verb *find_verb(const struct control *control, const char *path)
{
	for (const struct control_verb *verb = control->verbs; verb->path != NULL; verb++) {
		if (strcmp(verb->path, path) == 0)
			return verb;
	}
	return NULL;
}

static bool is_reading(const char *method)
{
	return strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
	       strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

static enum MHD_Result start_following(struct client *client)
{
	if (client->control->follower_count >= CONTROL_FOLLOWERS_MAX)
		return send_error(client->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			"too many follow already", NULL);
	return control_follow(client);
}

/* Queues what a verb answered, or lets the client wait where the verb has deferred it. */
static enum MHD_Result ask_verb(struct client *client, const struct control_verb *verb,
	const struct control_request *request)
{
	struct control_answer answer = { 0 };

	verb->answer(client->control->data, request, &answer);
	if (client->state == CLIENT_WAITING) {
		control_answer_drop(&answer);
		control_client_suspend(client);
		return MHD_YES;
	}
	if (client->answer.status != 0) {
		control_answer_drop(&answer);
		answer = client->answer;
		client->answer = (struct control_answer){ 0 };
	}
	if (answer.document == NULL && answer.text == NULL)
		set_error(&answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory for the answer");
	return send_answer(client->connection, &answer, NULL);
}

static enum MHD_Result dispatch(struct client *client, const char *path, const char *method)
{
	const struct control_request request = {
		.path = path, .get = get_argument, .connection = client->connection
	};
	const struct control_verb *verb = find_verb(client->control, path);
	const char *follow = get_argument(&request, "follow");

	if (strcmp(path, "/events") == 0 && strcmp(method, MHD_HTTP_METHOD_GET) == 0 &&
		follow != NULL && strcmp(follow, "1") == 0)
		return start_following(client);
	if (verb == NULL)
		return send_error(client->connection, MHD_HTTP_NOT_FOUND, "no such path", NULL);
	if (verb->changes && strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return send_error(client->connection, MHD_HTTP_METHOD_NOT_ALLOWED,
			"this path needs POST", "POST");
	if (!verb->changes && !is_reading(method))
		return send_error(client->connection, MHD_HTTP_METHOD_NOT_ALLOWED,
			"this path needs GET", "GET, HEAD");
	if (verb->changes && !client->may_change)
		return send_error(
			client->connection, MHD_HTTP_FORBIDDEN, "only root may do this", NULL);
	return ask_verb(client, verb, &request);
}

/* After a client has waited: its answer is there, or it has hung up. */
static enum MHD_Result answer_deferred(struct client *client)
{
	if (client->answer.status == 0)
		return MHD_NO;
	client->state = CLIENT_TALKING;
	client->since = uv_now(client->control->loop);
	return send_answer(client->connection, &client->answer, NULL);
}

static bool body_too_large(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length != NULL && strtoull(length, NULL, 10) > CONTROL_BODY_MAX;
}

/* Called for the headers, for each part of the body (which no verb wants), at its end, and after a
 * suspension. */
enum MHD_Result control_answer_request(void *data, struct MHD_Connection *connection,
	const char *path, const char *method, const char *version, const char *body,
	size_t *body_length, void **context)
{
	struct client *client = control_client(connection);

	(void)data;
	(void)version;
	(void)body;
	if (client == NULL || client->cut)
		return MHD_NO;
	if (*context == NULL) {
		*context = client;
		client->body = 0;
		if (body_too_large(connection))
			return send_error(connection, MHD_HTTP_CONTENT_TOO_LARGE,
				"the request is too large", NULL);
		return MHD_YES;
	}
	if (*body_length != 0) {
		client->body += *body_length;
		*body_length = 0;
		return client->body > CONTROL_BODY_MAX ? MHD_NO : MHD_YES;
	}
	if (client->state == CLIENT_WAITING)
		return answer_deferred(client);
	return dispatch(client, path, method);
}

/* The next exchange on this connection begins. */
void control_answer_completed(void *data, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode code)
{
	struct client *client = control_client(connection);

	(void)data;
	(void)code;
	*context = NULL;
	if (client == NULL)
		return;
	control_follow_end(client);
	client->since = uv_now(client->control->loop);
}

struct control_pending *control_defer(const struct control_request *request)
{
	struct client *client = control_client(request->connection);
	struct control_pending *pending = client == NULL ? NULL : calloc(1, sizeof(*pending));

	if (pending == NULL)
		return NULL;
	pending->client = client;
	pending->next = client->control->pending;
	pending->link = &client->control->pending;
	if (pending->next != NULL)
		pending->next->link = &pending->next;
	client->control->pending = pending;
	client->pending = pending;
	client->state = CLIENT_WAITING;
	client->since = uv_now(client->control->loop);
	return pending;
}

/* Gives the client its answer. Where that comes from inside the verb itself, ask_verb() goes on
 * with it. */
static void deliver(struct client *client, struct control_answer *answer)
{
	client->pending->client = NULL;
	client->pending = NULL;
	client->answer = *answer;
	if (client->answer.status == 0)
		client->answer.status = MHD_HTTP_OK;
	if (client->suspended)
		control_client_resume(client);
	else
		client->state = CLIENT_TALKING;
}

void control_answer_late(struct client *client)
{
	struct control_answer answer = { 0 };

	set_error(&answer, MHD_HTTP_GATEWAY_TIMEOUT, "no answer in time");
	deliver(client, &answer);
}

void control_finish(struct control_pending *pending, const struct control_answer *answer)
{
	struct control_answer taken = *answer;

	*pending->link = pending->next;
	if (pending->next != NULL)
		pending->next->link = pending->link;
	if (pending->client != NULL)
		deliver(pending->client, &taken);
	else
		control_answer_drop(&taken);
	free(pending);
}
