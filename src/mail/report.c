/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells the daemon what became of a message: a line of JSON on stdout. */

#include "mail/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <jansson.h>

#include "mail/conversation.h"

#define HEADER_MAX 16384

/* Finds the field in a header that ends with a zero byte or an empty line. */
static const char *find_field(const char *header, const char *field)
{
	const char *line = header;

	while (*line != '\0' && *line != '\r' && *line != '\n') {
		if (strncasecmp(line, field, strlen(field)) == 0)
			return line + strlen(field);
		line = strchr(line, '\n');
		if (line == NULL)
			return NULL;
		line++;
	}
	return NULL;
}

void report_message_id(int file, const char *name, char message_id[MESSAGE_ID_SIZE])
{
	char header[HEADER_MAX];
	ssize_t length = pread(file, header, sizeof(header) - 1, 0);
	const char *value;

	header[length > 0 ? length : 0] = '\0';
	value = find_field(header, "Message-ID:");
	if (value != NULL)
		value += strspn(value, " <");
	if (value == NULL || strcspn(value, ">\r\n") == 0)
		conversation_escape(message_id, MESSAGE_ID_SIZE, name, strlen(name));
	else
		conversation_escape(message_id, MESSAGE_ID_SIZE, value, strcspn(value, ">\r\n"));
}

void report_write(const char *message_id, bool delivered, const char *answer)
{
	json_t *report = json_pack("{s:s, s:b, s:s}", "message", message_id, "delivered", delivered, "answer", answer);
	char *text = report != NULL ? json_dumps(report, JSON_COMPACT) : NULL;

	if (text != NULL) {
		puts(text);
		fflush(stdout);
	}
	free(text);
	json_decref(report);
}
