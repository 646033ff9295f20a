/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a message in the spool is for: the daemon wrote its To for that. */

#include "mail/addressed.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* From and To come first, and 64 addresses of 254 bytes fit in. */
#define HEAD_SIZE (32u << 10)

/* Behind the colon of the header, or NULL. */
static const char *find_to(const char *head)
{
	for (const char *line = head; line != NULL && line[0] != '\r' && line[0] != '\n' && line[0] != '\0';) {
		if (strncasecmp(line, "To:", 3) == 0)
			return line + 3;
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	return NULL;
}

static size_t header_length(const char *text)
{
	const char *end = text;

	do
		end += strcspn(end, "\n");
	while (end[0] == '\n' && (end[1] == ' ' || end[1] == '\t') && *++end != '\0');
	return (size_t)(end - text);
}

static bool names(const char *text, size_t length, const char *address)
{
	static const char between[] = " ,\t\r\n";

	for (size_t at = 0; at < length;) {
		size_t word;

		at += strspn(text + at, between);
		word = strcspn(text + at, between);
		if (at < length && word == strlen(address) && strncmp(text + at, address, word) == 0)
			return true;
		at += word;
		if (word == 0)
			break;
	}
	return false;
}

uint64_t addressed_to(int file, const struct settings *settings)
{
	uint64_t all = settings->to_count >= 64 ? UINT64_MAX : (UINT64_C(1) << settings->to_count) - 1, mask = 0;
	char head[HEAD_SIZE];
	const char *to;
	ssize_t length;

	do
		length = pread(file, head, sizeof(head) - 1, 0);
	while (length < 0 && errno == EINTR);
	head[length < 0 ? 0 : length] = '\0';
	to = find_to(head);
	for (size_t i = 0; to != NULL && i < settings->to_count; i++) {
		if (names(to, header_length(to), settings->to[i]))
			mask |= UINT64_C(1) << i;
	}
	return mask == 0 ? all : mask;
}
