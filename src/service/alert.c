/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mails about links and attacks: the subject, the header lines, the whole message. */

#include "service/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/alert_body.h"
#include "service/alert_template.h"
#include "service/alert_text.h"

#define NAME_SIZE    68
#define LIST_SIZE    200
#define SUBJECT_SIZE 512
#define TOKEN_SIZE   255

/* The part after the colon. */
static void subject_detail(const struct alert *alert, char *text, size_t size)
{
	const char *traffic_on = alert->traffic_on;
	char duration[64], part[LIST_SIZE];

	switch (alert->kind) {
	case NOTICE_DOWN:
		if (traffic_on == NULL || *traffic_on == '\0')
			traffic_on = "no link";
		snprintf(text, size, "traffic on %s", alert_text_clean(part, sizeof(part), traffic_on));
		break;
	case NOTICE_UP:
		snprintf(text, size, "after %s", alert_duration(alert->outage_s, duration, sizeof(duration)));
		break;
	case NOTICE_RECOVERED:
		if (alert->outage_s != 0)
			snprintf(text, size, "after %s", alert_duration(alert->outage_s, duration, sizeof(duration)));
		else
			snprintf(text, size, "within its limits again");
		break;
	case NOTICE_DEGRADED:
		alert_text_clean(text, size, alert->reason != NULL && *alert->reason != '\0' ? alert->reason : "beyond its limits");
		break;
	case NOTICE_TEST:
		snprintf(text, size, "mail works");
		break;
	case NOTICE_ATTACK:
		alert_text_clean(text, size, alert->answer);
		break;
	case NOTICE_REMINDER:
		snprintf(text, size, "%s for %s", alert_text_clean(part, sizeof(part), alert->state),
			alert_duration(alert->outage_s, duration, sizeof(duration)));
		break;
	case NOTICE_FLAPPING:
	case NOTICE_QUOTA:
	case NOTICE_DAEMON:
	case NOTICE_SUMMARY:
	case NOTICES:
		alert_text_clean(text, size, alert->reason != NULL && *alert->reason != '\0' ? alert->reason : alert->state);
		break;
	}
}

static void built_in_subject(const struct alert *alert, char *whole, size_t size)
{
	char host[NAME_SIZE], link[NAME_SIZE], part[2 * NAME_SIZE], detail[LIST_SIZE + 16] = "";

	alert_text_clean(host, sizeof(host), alert->host);
	subject_detail(alert, detail, sizeof(detail));
	if (alert->kind == NOTICE_ATTACK)
		snprintf(whole, size, "[%s] attack %s: %s", host, alert_text_clean(part, sizeof(part), alert->attack), detail);
	else if (alert->kind == NOTICE_DAEMON)
		snprintf(whole, size, "[%s] uplinkd %s: %s", host, alert_text_clean(part, sizeof(part), alert->state), detail);
	else if (alert->link == NULL)
		snprintf(whole, size, "[%s] %s: %s", host, notice_title(alert->kind), detail);
	else
		snprintf(whole, size, "[%s] link %s %s: %s", host, alert_text_clean(link, sizeof(link), alert->link),
			notice_title(alert->kind), detail);
}

const char *alert_subject(const struct alert *alert, char *text, size_t size)
{
	char whole[SUBJECT_SIZE];
	char *own = alert->template == NULL ? NULL
	            : alert_template_expand(alert->template, strcspn(alert->template, "\n"), alert);

	if (own == NULL)
		built_in_subject(alert, whole, sizeof(whole));
	alert_text_clean(text, size, own == NULL ? whole : own);
	free(own);
	return text;
}

/* RFC 5322 section 3.3, in local time; its names are English whatever the locale. */
static void write_date(FILE *out, time_t when)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	static const time_t epoch = 0;
	struct tm parts;
	long offset;

	/* four digits hold the year; a clock beyond that tells nothing */
	if (localtime_r(&when, &parts) == NULL || parts.tm_year < 0 || parts.tm_year > 8099)
		gmtime_r(&epoch, &parts);
	offset = labs(parts.tm_gmtoff) / 60;
	fprintf(out, "Date: %s, %d %s %d %02d:%02d:%02d %c%02ld%02ld\r\n", days[parts.tm_wday], parts.tm_mday,
		months[parts.tm_mon], 1900 + parts.tm_year, parts.tm_hour, parts.tm_min, parts.tm_sec,
		parts.tm_gmtoff < 0 ? '-' : '+', offset / 60, offset % 60);
}

static void write_addresses(FILE *out, const char *from, const char *const *to, size_t to_count)
{
	const char *separator = "";

	fprintf(out, "From: %s\r\nTo: ", text_is_address(from) ? from : "uplinkd@localhost");
	for (size_t i = 0; i < to_count; i++) {
		if (!text_is_address(to[i]))
			continue;
		fprintf(out, "%s%s", separator, to[i]);
		separator = ",\r\n ";
	}
	fputs(*separator == '\0' ? "undisclosed-recipients:;\r\n" : "\r\n", out);
}

static void write_ids(FILE *out, const struct alert *alert)
{
	char id[TOKEN_SIZE], root[TOKEN_SIZE];

	text_token(id, sizeof(id), alert->message_id);
	if (*id != '\0')
		fprintf(out, "Message-ID: <%s>\r\n", id);
	text_token(id, sizeof(id), alert->in_reply_to);
	text_token(root, sizeof(root), alert->root);
	if (*id == '\0')
		return;
	fprintf(out, "In-Reply-To: <%s>\r\n", id);
	if (*root == '\0' || strcmp(root, id) == 0)
		fprintf(out, "References: <%s>\r\n", id);
	else
		fprintf(out, "References: <%s>\r\n <%s>\r\n", root, id);
}

/* The caller frees it. NULL: no memory. */
static char *whole_body(const struct alert *alert)
{
	const char *text = alert->template;

	if (text == NULL)
		return alert_body(alert);
	text += strcspn(text, "\n");
	text += strspn(text, "\n");
	return alert_template_expand(text, strlen(text), alert);
}

char *alert_message(const struct alert *alert, const char *from, const char *const *to, size_t to_count)
{
	char *body = whole_body(alert), *text = NULL, subject[SUBJECT_SIZE];
	size_t size = 0;
	FILE *out = NULL;
	int failed = 1;

	if (body == NULL)
		goto cleanup;
	out = open_memstream(&text, &size);
	if (out == NULL)
		goto cleanup;

	write_addresses(out, from, to, to_count);
	text_header(out, "Subject", alert_subject(alert, subject, sizeof(subject)));
	write_date(out, alert->when);
	write_ids(out, alert);
	fputs("Auto-Submitted: auto-generated\r\n"
	      "MIME-Version: 1.0\r\n"
	      "Content-Type: text/plain; charset=utf-8\r\n", out);
	text_body(out, body);
	failed = ferror(out);

cleanup:
	if (out != NULL && fclose(out) != 0)
		failed = 1;
	free(body);
	if (failed) {
		free(text);
		return NULL;
	}
	return text;
}
