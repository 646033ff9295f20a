/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams events to those who follow: lines wait in a bounded backlog of each until they are read.
 */

#include <stdlib.h>
#include <string.h>

#include "service/control_internal.h"

#define BLOCK_SIZE       4096
#define BACKLOG_AT_FIRST 1024
#define TIMEOUT_S        30 /* for a line that is not read; between lines the stream is suspended */

static bool make_room(struct client *client, size_t length)
{
	size_t size = client->backlog_size == 0 ? BACKLOG_AT_FIRST : client->backlog_size;
	char *larger;

	if (length > CONTROL_BACKLOG_MAX - client->backlog_length)
		return false;
	while (size - client->backlog_length < length)
		size *= 2;
	if (size == client->backlog_size)
		return true;
	larger = realloc(client->backlog, size);
	if (larger == NULL)
		return false;
	client->backlog = larger;
	client->backlog_size = size;
	return true;
}

/* Whoever reads too slowly is cut off, rather than told half of what happened. */
static void append(struct client *client, const char *line)
{
	size_t length = strlen(line);

	if (client->cut)
		return;
	if (!make_room(client, length + 1)) {
		control_client_cut(client);
		return;
	}
	memcpy(client->backlog + client->backlog_length, line, length);
	client->backlog_length += length;
	client->backlog[client->backlog_length++] = '\n';
	client->since = uv_now(client->control->loop);
	control_client_resume(client);
}

static ssize_t read_backlog(void *data, uint64_t position, char *block, size_t size)
{
	struct client *client = data;
	size_t length = client->backlog_length < size ? client->backlog_length : size;

	(void)position;
	if (client->cut)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (length == 0) {
		control_client_suspend(client);
		return 0;
	}
	memcpy(block, client->backlog, length);
	client->backlog_length -= length;
	memmove(client->backlog, client->backlog + length, client->backlog_length);
	return (ssize_t)length;
}

enum MHD_Result control_follow(struct client *client)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_backlog, client, NULL);
	enum MHD_Result queued;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/x-ndjson");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_set_connection_option(client->connection, MHD_CONNECTION_OPTION_TIMEOUT, TIMEOUT_S);
	queued = MHD_queue_response(client->connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	if (queued != MHD_YES)
		return queued;
	client->state = CLIENT_FOLLOWING;
	client->control->follower_count++;
	/* An empty line at once: the client sees that it is heard. */
	append(client, "");
	return MHD_YES;
}

void control_follow_check(struct client *client, uint64_t now)
{
	if (now - client->since >= CONTROL_SIGN_OF_LIFE_MS)
		append(client, "");
}

void control_follow_end(struct client *client)
{
	if (client->state != CLIENT_FOLLOWING)
		return;
	client->state = CLIENT_TALKING;
	client->control->follower_count--;
	free(client->backlog);
	client->backlog = NULL;
	client->backlog_length = client->backlog_size = 0;
}

void control_publish(struct control *control, const char *line)
{
	for (struct client *client = control->clients; client != NULL; client = client->next) {
		if (client->state == CLIENT_FOLLOWING)
			append(client, line);
	}
}
