/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The summary of a day or a week: what each link was like. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/daemon.h"
#include "daemon/stories.h"
#include "service/alert_body.h"
#include "service/alert.h"

#define KEEP_EVERY_S 60
#define GAP_MOST_S   5 /* longer, and nobody watched meanwhile */
#define WORST_HOURS  3
#define UNITS        4

/* When the period that holds now ends: at that hour of the next day, or of the next Monday. 0: the clock cannot tell. */
static int64_t period_end(const struct mail_settings *mail, int64_t now)
{
	time_t moment = (time_t)now;
	struct tm parts;

	if (localtime_r(&moment, &parts) == NULL)
		return 0;
	parts.tm_hour = (int)mail->summary_hour;
	parts.tm_min = parts.tm_sec = 0;
	if (mail->summary == SUMMARY_WEEKLY)
		parts.tm_mday += (8 - parts.tm_wday) % 7;
	parts.tm_isdst = -1;
	moment = mktime(&parts);
	if (moment > now)
		return moment;
	parts.tm_mday += mail->summary == SUMMARY_WEEKLY ? 7 : 1;
	parts.tm_isdst = -1;
	return mktime(&parts);
}

static const char *bytes_text(uint64_t bytes, char *text, size_t size)
{
	static const char *const names[UNITS] = { "kB", "MB", "GB", "TB" };
	uint64_t unit = 1000;
	size_t i = 0;

	for (; i + 1 < UNITS && bytes >= unit * 1000; i++)
		unit *= 1000;
	snprintf(text, size, "%" PRIu64 ".%" PRIu64 " %s", bytes / unit, bytes % unit * 10 / unit, names[i]);
	return text;
}

static void write_worst(FILE *out, const struct tally *tally)
{
	static const char days[7][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	unsigned int hours[WORST_HOURS];
	size_t count = tally_worst(tally, hours, WORST_HOURS);
	char duration[32];

	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s %02u:00 (%s)", i == 0 ? "    worst hours: " : ", ", days[hours[i] / 24], hours[i] % 24,
			alert_duration(tally->bad_s[hours[i]], duration, sizeof(duration)));
	fputs(count > 0 ? "\n" : "", out);
}

/* Names of links are letters, digits, dots and dashes: they need no cleaning. */
static void write_link(FILE *out, const char *link, const struct tally *tally)
{
	char down[32], longest[32], degraded[32], received[32], sent[32];
	uint32_t uptime = tally_uptime(tally);

	fprintf(out, "%s: up %u.%02u %%", link, uptime / 100, uptime % 100);
	if (tally->outages > 0)
		fprintf(out, ", %u %s, down %s, the longest %s", tally->outages, tally->outages == 1 ? "outage" : "outages",
			alert_duration(tally->down_s, down, sizeof(down)), alert_duration(tally->longest_s, longest, sizeof(longest)));
	if (tally->degraded_s > 0)
		fprintf(out, ", degraded %s", alert_duration(tally->degraded_s, degraded, sizeof(degraded)));
	fprintf(out, "\n    received %s, sent %s\n", bytes_text(tally->bytes[0], received, sizeof(received)),
		bytes_text(tally->bytes[1], sent, sizeof(sent)));
	write_worst(out, tally);
}

static char *make_report(struct daemon *daemon)
{
	const struct config *config = daemon->generation->config;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < config->link_count; i++)
		write_link(out, config->links[i].name, &stories_of(daemon, config->links[i].name)->tally);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* What the subject says: the links that were down, or that none was. */
static void make_detail(struct daemon *daemon, char *text, size_t size)
{
	const struct config *config = daemon->generation->config;
	size_t used = 0;

	snprintf(text, size, "no link was down");
	for (size_t i = 0; i < config->link_count && used < size; i++) {
		const struct tally *tally = &stories_of(daemon, config->links[i].name)->tally;
		uint32_t uptime = tally_uptime(tally);

		if (tally->outages > 0)
			used += (size_t)snprintf(text + used, size - used, "%s%s %u.%02u %%", used > 0 ? ", " : "", config->links[i].name,
				uptime / 100, uptime % 100);
	}
}

static void send_summary(struct daemon *daemon, int64_t now)
{
	char detail[256], text[256], lasted[32], since[96];
	struct alert alert = { .kind = NOTICE_SUMMARY, .state = "summary", .reason = detail, .text = text };
	char *report = make_report(daemon);

	alert.outage_s = now > daemon->stories->since ? (uint64_t)(now - daemon->stories->since) : 0;
	make_detail(daemon, detail, sizeof(detail));
	snprintf(text, sizeof(text), "the last %s, since %s", alert_duration(alert.outage_s, lasted, sizeof(lasted)),
		alert_local_time((time_t)daemon->stories->since, since, sizeof(since)));
	alert.report = report;
	tell_mail(daemon, &alert, 0);
	free(report);
}

static void count_link(struct daemon *daemon, const struct link_run *run, uint32_t seconds)
{
	const struct device *device = devices_find(daemon->devices, run->link->device);
	uint64_t counters[] = { device == NULL ? 0 : device->received, device == NULL ? 0 : device->sent };

	tally_pass(&stories_of(daemon, run->link->name)->tally, run->health.state, daemon->minute / 60, seconds,
		device == NULL ? NULL : counters);
}

static void begin_period(struct daemon *daemon, int64_t now)
{
	for (size_t i = 0; i < daemon->stories->count; i++)
		tally_renew(&daemon->stories->items[i].tally);
	daemon->stories->since = now;
	daemon->stories->until = period_end(&daemon->generation->config->mail, now);
	keep_stories(daemon, false);
}

void summary_second(struct daemon *daemon)
{
	const struct mail_settings *mail = &daemon->generation->config->mail;
	struct stories *stories = daemon->stories;
	uint64_t now_ms = verdicts_now_ms(), seconds = (now_ms - stories->passed_ms) / 1000;
	int64_t now = time(NULL);

	if (mail->summary == SUMMARY_NONE || mail->server == NULL) {
		stories->until = 0;
		return;
	}
	/* What went through while nobody watched is counted, the time is not. */
	stories->passed_ms += seconds * 1000;
	for (size_t i = 0; seconds > 0 && i < daemon->generation->config->link_count; i++)
		count_link(daemon, &daemon->links[i], seconds <= GAP_MOST_S ? (uint32_t)seconds : 0);
	/* Another hour or another rhythm than before, a clock that was set back far, or the first time. */
	if (stories->until == 0 || period_end(mail, now) < stories->until) {
		begin_period(daemon, now);
	} else if (now >= stories->until) {
		send_summary(daemon, now);
		begin_period(daemon, now);
	} else if (now % KEEP_EVERY_S == 0) {
		keep_stories(daemon, false);
	}
}
