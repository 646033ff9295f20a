/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds any lines to the reader of connection logs. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/protocol.h"
#include "ctl/connection_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void require_name(const char *name, const char *room)
{
	require(name == NULL || (name == room && name[0] != '\0' && memchr(room, '\0', LOG_NAME_MAX) != NULL));
}

static void require_sound(const struct log_line *line)
{
	const struct replay_connection *connection = &line->connection;
	const struct flow *flow = &connection->flow;

	require(connection->start >= 0 && connection->start <= 1e11);
	require(connection->duration >= 0 && connection->duration <= 1e11);
	require(connection->bytes[DOWNLOAD] <= INT64_MAX && connection->bytes[UPLOAD] <= INT64_MAX);
	require(flow->from.family == flow->family && flow->to.family == flow->family);
	require(flow->ports == protocol_has_ports(flow->protocol));
	require_name(connection->in, line->in);
	require_name(connection->link, line->link);
	require_name(connection->policy, line->policy);
	require(connection->known == (connection->link != NULL || connection->policy != NULL));
	require(flow->direct == (connection->policy != NULL && connection->link == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	while (size > 0) {
		const char *end = memchr(text, '\n', size);
		size_t length = end == NULL ? size : (size_t)(end - text);
		struct log_line line;

		if (connection_log_read(text, length, &line))
			require_sound(&line);
		else
			require(line.problem[0] != '\0' && memchr(line.problem, '\0', sizeof(line.problem)) != NULL);
		length += end != NULL;
		text += length;
		size -= length;
	}
	return 0;
}
