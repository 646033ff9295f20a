/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of syslog: RFC 5424 for servers, and the older form that local daemons read. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * RFC 5424 has names of structured data without "@" registered with IANA, others need "@" and the number of an
 * enterprise. We have none: 32473 is the one that RFC 5612 keeps for documentation, and that nobody else sends in earnest.
 */
#define SYSLOG_DATA_ID "uplinkd@32473"

/* What every receiver should take (RFC 5424, 6.1), the end of a text included. */
#define SYSLOG_LINE_MAX 2048

#define SYSLOG_FIELDS_MAX 32

/* name is 1 to 32 letters, digits or `_'; value may be anything, for it is escaped. */
struct syslog_field {
	const char *name;
	const char *value; /* NULL: left out */
};

struct syslog_message {
	int facility; /* LOG_DAEMON, ... */
	int severity; /* LOG_ERR, ... */
	struct timespec when;
	const char *host;
	long process;
	const char *kind; /* MSGID: letters and `-', 1 to 32 */
	const struct syslog_field *fields;
	size_t field_count;
	const char *text;
};

/*
 * Writes one line, with no newline at its end or in it, to line, which has room for SYSLOG_LINE_MAX. Returns its length. What
 * is no printable ASCII becomes `?'. A field that has no room is left out whole, a text is cut. What message names is
 * only read.
 */
size_t syslog_format(const struct syslog_message *message, char line[SYSLOG_LINE_MAX]);

/*
 * The same as syslog(3) sends it to /dev/log: neither rsyslog's nor journald's reader there knows RFC 5424, both would take its
 * header for text. Structured data stands in the text, after a blank.
 */
size_t syslog_format_local(const struct syslog_message *message, char line[SYSLOG_LINE_MAX]);

/* The time as RFC 3339 has it, in UTC with microseconds, which takes 28 bytes with its end. Returns text. */
#define SYSLOG_TIME_MAX 28
char *syslog_time(struct timespec when, char text[SYSLOG_TIME_MAX]);
