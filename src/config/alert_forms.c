/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where alerts and records of connections go by syslog. */

#include <syslog.h>

#include "config/forms.h"
#include "config/schema_rows.h"

static const struct word facilities[] = {
	{ "daemon", LOG_DAEMON }, { "user", LOG_USER }, { "auth", LOG_AUTH }, { "authpriv", LOG_AUTHPRIV },
	{ "cron", LOG_CRON }, { "mail", LOG_MAIL }, { "news", LOG_NEWS }, { "uucp", LOG_UUCP },
	{ "syslog", LOG_SYSLOG }, { "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 }, { NULL, 0 },
};

const struct field schema_syslog[] = {
	{ "facility", .type = FIELD_WORD, .standard = "daemon", .offset = offsetof(struct syslog_settings, facility),
		.size = sizeof(int), .words = facilities, .meaning = "the facility of syslog" },
	{ "server", TEXT(syslog_settings, server, check_syslog_server), OPTIONAL,
		.meaning = "\"udp://HOST:PORT\", \"tcp://HOST:PORT\" or \"tls://HOST:PORT\"; by default the local daemon" },
	{ "ca-file", TEXT(syslog_settings, ca_file, check_path), OPTIONAL,
		.meaning = "certificates to trust with tls; by default the system's" },
	{ "buffer", NUMBER(syslog_settings, buffer, 64000, 1000000000), .unit = UNIT_SIZE, .standard = "2 MB",
		.meaning = "what may wait for the server while it is away" },
	{ "records", BOOL(syslog_settings, records), .standard = "false",
		.meaning = "a line when a connection begins, and one with its bytes when it ends" },
	{ .key = NULL },
};

static const char *facility_name(int facility)
{
	for (const struct word *word = facilities; word->word != NULL; word++) {
		if (word->value == facility)
			return word->word;
	}
	return "daemon";
}

void syslog_standard(struct syslog_settings *syslog)
{
	*syslog = (struct syslog_settings){ .facility = LOG_DAEMON, .facility_name = facility_name(LOG_DAEMON),
		.buffer = 2000000 };
}

static void read_syslog(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct syslog_settings *syslog = member;

	(void)field;
	read_table(loader, schema_syslog, node, node->at, syslog);
	syslog->enabled = true;
	syslog->facility_name = facility_name(syslog->facility);
}

static bool no_syslog(const void *member)
{
	const struct syslog_settings *syslog = member;

	return !syslog->enabled;
}

static void print_syslog(struct printer *printer, const void *member)
{
	const struct syslog_settings *syslog = member;

	print_braces(printer, schema_syslog, syslog);
}

const struct form form_syslog = { read_syslog, no_syslog, print_syslog, "<keys>" };
