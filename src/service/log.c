/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line for each thing that happened, to stderr or syslog, with everything unprintable escaped. */

#include "service/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

/* Bytes of a line, its end included: short enough for any syslog server. */
#define LINE_MAX_BYTES 1000

/* A process has one log; until log_open() it is stderr. */
static enum { PLAIN, JOURNAL, NOWHERE } place = PLAIN;
static bool syslog_too;
static void (*divert)(void *data, int priority, const char *line);
static void *divert_data;

/* Whether stderr goes to the journal, which reads "<4>" before a line as its priority. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
		return false;
	return fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_open(bool to_stderr, bool to_syslog, int facility)
{
	closelog();
	place = !to_stderr ? NOWHERE : stderr_is_journal() ? JOURNAL : PLAIN;
	syslog_too = to_syslog;
	if (to_syslog)
		openlog("uplinkd", LOG_PID | LOG_NDELAY, facility);
}

void log_divert(void (*take)(void *data, int priority, const char *line), void *data)
{
	divert = take;
	divert_data = data;
}

static const char *priority_name(int priority)
{
	static const char *const names[] = { [LOG_ERR] = "error: ", [LOG_WARNING] = "warning: ",
		[LOG_NOTICE] = "", [LOG_INFO] = "" };

	return names[priority];
}

/* Text that others chose must not end our line, start another, or speak to a terminal. Returns the length. */
static size_t escape(const char *text, char *line, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t length = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool printable = c >= 0x20 && c < 0x7f;

		if (length + (printable ? 1 : 4) >= size)
			break;
		if (printable) {
			line[length++] = *text;
			continue;
		}
		line[length++] = '\\';
		line[length++] = 'x';
		line[length++] = digits[c >> 4];
		line[length++] = digits[c & 15];
	}
	line[length] = '\0';
	return length;
}

/* In one piece, so that lines of several threads or processes do not mix. */
static void write_stderr(char *line, size_t length)
{
	line[length++] = '\n';
	while (write(STDERR_FILENO, line, length) < 0 && errno == EINTR)
		;
}

static void write_line(int priority, const char *format, va_list arguments)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES];
	size_t head = 0;
	int saved = errno;

	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		snprintf(text, sizeof(text), "%s", format);
	if (place == JOURNAL)
		head = (size_t)snprintf(line, sizeof(line), "<%d>", priority);
	else if (place == PLAIN)
		head = (size_t)snprintf(line, sizeof(line), "uplinkd: %s", priority_name(priority));
	escape(text, line + head, sizeof(line) - head);
	if (syslog_too && divert != NULL)
		divert(divert_data, priority, line + head);
	else if (syslog_too)
		syslog(priority, "%s", line + head);
	if (place != NOWHERE)
		write_stderr(line, strlen(line));
	errno = saved;
}

#define DEFINE_LOG(name, priority)                          \
	void name(const char *format, ...)                  \
	{                                                   \
		va_list arguments;                          \
                                                            \
		va_start(arguments, format);                \
		write_line(priority, format, arguments);    \
		va_end(arguments);                          \
	}

DEFINE_LOG(log_error, LOG_ERR)
DEFINE_LOG(log_warning, LOG_WARNING)
DEFINE_LOG(log_notice, LOG_NOTICE)
DEFINE_LOG(log_info, LOG_INFO)
