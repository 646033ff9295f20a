/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of syslog: RFC 5424 for servers, and the older form that local daemons read. */

#include "service/syslog_format.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM  "uplinkd"
#define HOST_MAX 255

struct line {
	char *bytes; /* SYSLOG_LINE_MAX */
	size_t length;
};

static bool is_printable(char c)
{
	return c >= ' ' && c <= '~';
}

/* False, with nothing added, where it has no room. */
static bool add(struct line *line, const char *text, size_t length)
{
	if (line->length + length >= SYSLOG_LINE_MAX)
		return false;
	memcpy(line->bytes + line->length, text, length);
	line->length += length;
	return true;
}

static bool add_text(struct line *line, const char *text)
{
	return add(line, text, strlen(text));
}

/* What is too long is cut: one character at a time, for text of others. */
static void add_plain(struct line *line, const char *text)
{
	for (; *text != '\0'; text++) {
		if (!add(line, is_printable(*text) ? text : "?", 1))
			return;
	}
}

/* RFC 5424, 6.2.4: printable without blanks, or "-". */
static void add_host(struct line *line, const char *host)
{
	size_t length = host == NULL ? 0 : strlen(host);

	if (length == 0)
		add_text(line, "-");
	for (size_t i = 0; i < length && i < HOST_MAX; i++)
		add(line, host[i] > ' ' && host[i] <= '~' ? &host[i] : "?", 1);
}

/* RFC 5424, 6.3.3: a quote, a backslash and a closing bracket have a backslash before them. */
static bool add_value(struct line *line, const char *value)
{
	for (; *value != '\0'; value++) {
		if (strchr("\"\\]", *value) != NULL && !add(line, "\\", 1))
			return false;
		if (!add(line, is_printable(*value) ? value : "?", 1))
			return false;
	}
	return true;
}

/* The bracket that closes the data has room in any case. */
static bool add_field(struct line *line, const struct syslog_field *field)
{
	size_t before = line->length;
	bool fits = add_text(line, " ") && add_text(line, field->name) && add_text(line, "=\"") && add_value(line, field->value)
		    && add_text(line, "\"") && line->length + 2 < SYSLOG_LINE_MAX;

	if (!fits)
		line->length = before;
	return fits;
}

/* False where there is none. */
static bool add_data(struct line *line, const struct syslog_message *message)
{
	size_t before = line->length, added = 0;

	if (!add_text(line, "[" SYSLOG_DATA_ID))
		return false;
	for (size_t i = 0; i < message->field_count; i++) {
		if (message->fields[i].value != NULL)
			added += add_field(line, &message->fields[i]);
	}
	if (added == 0 || !add_text(line, "]")) {
		line->length = before;
		return false;
	}
	return true;
}

static size_t end(struct line *line)
{
	line->bytes[line->length] = '\0';
	return line->length;
}

char *syslog_time(struct timespec when, char text[SYSLOG_TIME_MAX])
{
	struct tm parts;
	size_t length = gmtime_r(&when.tv_sec, &parts) == NULL ? 0 : strftime(text, SYSLOG_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &parts);

	if (length == 0 || length > SYSLOG_TIME_MAX - sizeof(".000000Z"))
		return strcpy(text, "-");
	snprintf(text + length, SYSLOG_TIME_MAX - length, ".%06uZ", (unsigned int)(when.tv_nsec / 1000 % 1000000));
	return text;
}

size_t syslog_format(const struct syslog_message *message, char bytes[SYSLOG_LINE_MAX])
{
	struct line line = { .bytes = bytes };
	char head[64], when[SYSLOG_TIME_MAX];

	snprintf(head, sizeof(head), "<%d>1 %s ", message->facility | message->severity, syslog_time(message->when, when));
	add_text(&line, head);
	add_host(&line, message->host);
	snprintf(head, sizeof(head), " " PROGRAM " %ld ", message->process);
	add_text(&line, head);
	add_text(&line, message->kind);
	add_text(&line, " ");
	if (!add_data(&line, message))
		add_text(&line, "-");
	if (add_text(&line, " "))
		add_plain(&line, message->text);
	return end(&line);
}

static const char *month_name(int month)
{
	static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	return names[month % 12];
}

size_t syslog_format_local(const struct syslog_message *message, char bytes[SYSLOG_LINE_MAX])
{
	struct line line = { .bytes = bytes };
	struct tm parts = { 0 };
	char head[96];

	localtime_r(&message->when.tv_sec, &parts);
	snprintf(head, sizeof(head), "<%d>%s %2d %02d:%02d:%02d " PROGRAM "[%ld]: ", message->facility | message->severity,
		month_name(parts.tm_mon), parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, message->process);
	add_text(&line, head);
	add_plain(&line, message->text);
	if (message->field_count > 0 && add_text(&line, " ") && !add_data(&line, message))
		line.length--;
	return end(&line);
}
