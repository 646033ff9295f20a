/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Talks to the daemon: HTTP over its control socket, by libcurl. */

#include "ctl/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "ctl/output.h"

#define ANSWER_MAX       (256U << 20)
#define LINE_MAX_LENGTH  (1U << 20)
#define TIMEOUT_S        15L
#define TIMEOUT_CHANGE_S 90L /* a reload or a mail takes its time */
#define SILENCE_S        60L /* of a stream that gives a sign of life more often */

struct buffer {
	char *text; /* ends with a zero byte once there is anything */
	size_t length, limit;
};

static bool buffer_add(struct buffer *buffer, const char *text, size_t length)
{
	char *larger;

	if (length > buffer->limit - buffer->length)
		return false;
	larger = realloc(buffer->text, buffer->length + length + 1);
	if (larger == NULL)
		return false;
	buffer->text = larger;
	memcpy(larger + buffer->length, text, length);
	buffer->length += length;
	larger[buffer->length] = '\0';
	return true;
}

static size_t collect(char *text, size_t size, size_t count, void *data)
{
	return buffer_add(data, text, size * count) ? size * count : 0;
}

/* The URL of a path with its query, encoded; NULL: no memory. The caller frees it with curl_free().
 */
static char *make_url(const char *path, const struct query *query)
{
	CURLU *url = curl_url();
	char *text = NULL, *part;
	bool fine =
		url != NULL && curl_url_set(url, CURLUPART_URL, "http://uplinkd/", 0) == CURLUE_OK;

	/* path has its own constant query where it needs one */
	fine = fine && curl_url_set(url, CURLUPART_URL, path, 0) == CURLUE_OK;
	for (; fine && query != NULL && query->name != NULL; query++) {
		fine = asprintf(&part, "%s=%s", query->name, query->value) >= 0;
		if (!fine)
			break;
		fine = curl_url_set(url, CURLUPART_QUERY, part,
			       CURLU_APPENDQUERY | CURLU_URLENCODE) == CURLUE_OK;
		free(part);
	}
	if (fine)
		curl_url_get(url, CURLUPART_URL, &text, 0);
	curl_url_cleanup(url);
	return text;
}

/* Neither a proxy of the environment nor another protocol has any business here. */
static CURL *prepare(const struct invocation *invocation, const char *url)
{
	CURL *curl = curl_easy_init();

	if (curl == NULL)
		return NULL;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, invocation->socket);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "uplinkctl/" VERSION);
	return curl;
}

static int explain_no_connection(const struct invocation *invocation, long error)
{
	if (error == EACCES || error == EPERM) {
		output_error("may not talk to the daemon on %s: be root or in the group uplinkd",
			invocation->socket);
		return EXIT_ERROR;
	}
	output_error("uplinkd is not running: nobody answers on %s", invocation->socket);
	return EXIT_NOT_RUNNING;
}

static int explain_failure(const struct invocation *invocation, CURL *curl, CURLcode result)
{
	long error = 0;

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	if (result == CURLE_COULDNT_CONNECT)
		return explain_no_connection(invocation, error);
	if (result == CURLE_OPERATION_TIMEDOUT)
		output_error("the daemon does not answer in time");
	else if (result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR ||
		 result == CURLE_GOT_NOTHING)
		output_error(
			"the daemon has hung up; it may be stopping, or have too many clients");
	else
		output_error("cannot talk to the daemon: %s", curl_easy_strerror(result));
	return EXIT_ERROR;
}

static int read_document(const struct buffer *buffer, struct reply *reply)
{
	json_error_t error;

	reply->document = json_loadb(
		buffer->text == NULL ? "" : buffer->text, buffer->length, JSON_DECODE_ANY, &error);
	if (reply->document != NULL)
		return EXIT_FINE;
	output_error("the daemon's answer (%ld) is not JSON: %s", reply->status, error.text);
	return EXIT_ERROR;
}

int client_call(const struct invocation *invocation, bool post, const char *path,
	const struct query *query, struct reply *reply)
{
	struct buffer buffer = { .limit = ANSWER_MAX };
	char *url = make_url(path, query);
	CURL *curl = url == NULL ? NULL : prepare(invocation, url);
	int code = EXIT_ERROR;
	CURLcode result;

	*reply = (struct reply){ 0 };
	if (curl == NULL) {
		output_error("no memory");
		goto cleanup;
	}
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &buffer);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, post ? TIMEOUT_CHANGE_S : TIMEOUT_S);
	if (post)
		curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, "");
	result = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
	code = result == CURLE_OK ? read_document(&buffer, reply)
				  : explain_failure(invocation, curl, result);

cleanup:
	curl_easy_cleanup(curl);
	curl_free(url);
	free(buffer.text);
	return code;
}

int client_complain(const struct invocation *invocation, const struct reply *reply)
{
	const char *text = json_string_value(json_object_get(reply->document, "error"));
	const char *hint = json_string_value(json_object_get(reply->document, "hint"));

	if (invocation->json)
		output_json(reply->document);
	else if (text != NULL)
		output_error("%s", text);
	else
		output_error("the daemon answered with the error %ld", reply->status);
	if (!invocation->json && hint != NULL)
		output_error("%s", hint);
	return EXIT_ERROR;
}

int client_ask(const struct invocation *invocation, bool post, const char *path,
	const struct query *query, json_t **ret_document)
{
	struct reply reply;
	int code = client_call(invocation, post, path, query, &reply);

	if (code == EXIT_FINE && reply.status != 200)
		code = client_complain(invocation, &reply);
	if (code == EXIT_FINE)
		*ret_document = reply.document;
	else
		json_decref(reply.document);
	return code;
}

struct stream {
	const struct follower *follower;
	CURL *curl;
	struct buffer buffer;
	bool begun;
};

static bool has_succeeded(const struct stream *stream)
{
	long status = 0;

	curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &status);
	return status == 200;
}

/* Hands over each whole line; empty ones are only signs of life. */
static void pass_lines(struct stream *stream)
{
	char *line = stream->buffer.text;
	char *end;

	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		if (*line != '\0')
			stream->follower->line(stream->follower->data, line);
		line = end + 1;
	}
	stream->buffer.length = strlen(line);
	memmove(stream->buffer.text, line, stream->buffer.length + 1);
}

static size_t receive(char *text, size_t size, size_t count, void *data)
{
	struct stream *stream = data;

	if (memchr(text, '\0', size * count) != NULL ||
		!buffer_add(&stream->buffer, text, size * count))
		return 0;
	if (!has_succeeded(stream))
		return size * count;
	if (!stream->begun)
		stream->follower->begin(stream->follower->data);
	stream->begun = true;
	pass_lines(stream);
	return size * count;
}

/* How a stream ended: it is the daemon that ends it, so the end is an error. */
static int explain_end(const struct invocation *invocation, struct stream *stream, CURLcode result)
{
	struct reply reply = { 0 };
	int code;

	if (stream->begun) {
		output_error("the daemon has ended, or cut us off");
		return EXIT_NOT_RUNNING;
	}
	if (result != CURLE_OK)
		return explain_failure(invocation, stream->curl, result);
	curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &reply.status);
	code = read_document(&stream->buffer, &reply);
	if (code == EXIT_FINE)
		code = client_complain(invocation, &reply);
	json_decref(reply.document);
	return code;
}

int client_follow(
	const struct invocation *invocation, const char *path, const struct follower *follower)
{
	struct stream stream = { .follower = follower, .buffer = { .limit = LINE_MAX_LENGTH } };
	char *url = make_url(path, NULL);
	int code = EXIT_ERROR;

	stream.curl = url == NULL ? NULL : prepare(invocation, url);
	if (stream.curl == NULL) {
		output_error("no memory");
		goto cleanup;
	}
	curl_easy_setopt(stream.curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(stream.curl, CURLOPT_WRITEDATA, &stream);
	curl_easy_setopt(stream.curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(stream.curl, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
	code = explain_end(invocation, &stream, curl_easy_perform(stream.curl));

cleanup:
	curl_easy_cleanup(stream.curl);
	curl_free(url);
	free(stream.buffer.text);
	return code;
}
