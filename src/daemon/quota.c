/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quotas of links: counts each second, tells, lets decisions follow, and is kept over restarts. */

#include "daemon/quota.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/announce.h"
#include "daemon/daemon.h"

/* What a loss of power may cost: where the device and the boot are the same, the counters still have it. */
#define KEEP_EVERY_MS 60000

static int32_t offset_s(int64_t at, void *data)
{
	time_t when = (time_t)at;
	struct tm parts;

	(void)data;
	return localtime_r(&when, &parts) == NULL ? 0 : (int32_t)parts.tm_gmtoff;
}

static const struct quota_calendar calendar = { offset_s, NULL };

static void read_boot(char *text, size_t size)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

/* --- telling --- */

#define SIZE_MAX_TEXT 24

static const char *size_text(uint64_t bytes, char text[SIZE_MAX_TEXT])
{
	static const struct { double least; const char *name; } units[] = { { 1e12, "TB" }, { 1e9, "GB" }, { 1e6, "MB" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if ((double)bytes < units[i].least)
			continue;
		snprintf(text, SIZE_MAX_TEXT, "%.1f %s", (double)bytes / units[i].least, units[i].name);
		return text;
	}
	snprintf(text, SIZE_MAX_TEXT, "%.0f KB", (double)bytes / 1e3);
	return text;
}

static const char *consequence(const struct link_run *run, enum quota_stage stage)
{
	switch (stage) {
	case QUOTA_FREE:
	case QUOTA_WARNED:
		return "";
	case QUOTA_TAPERED:
		return "; it gets fewer and fewer new connections";
	case QUOTA_SPENT:
		return run->link->quota.alone == QUOTA_STOP ? "; it gets no new connections"
		                                            : "; it gets new connections only where no other link can";
	}
	return "";
}

static const char *forecast_text(const struct link_run *run, char *text, size_t size)
{
	uint64_t bytes = quota_forecast(&run->quota, &run->link->quota, time(NULL));
	time_t end = (time_t)run->quota.now.end;
	char amount[SIZE_MAX_TEXT], date[16];
	struct tm parts;

	text[0] = '\0';
	if (bytes != 0 && localtime_r(&end, &parts) != NULL && strftime(date, sizeof(date), "%Y-%m-%d", &parts) > 0)
		snprintf(text, size, ", by this pace %s until %s", size_text(bytes, amount), date);
	return text;
}

static void tell_stage(struct link_run *run, enum quota_stage stage)
{
	struct daemon *daemon = run->daemon;
	const struct quota_settings *settings = &run->link->quota;
	uint64_t used = quota_used(&run->quota, settings);
	char amount[SIZE_MAX_TEXT], volume[SIZE_MAX_TEXT], forecast[96], cause[128], text[320];
	struct announcement announcement = { .kind = ALERT_QUOTA, .link = run->link->name, .state = quota_stage_name(stage),
		.cause = cause, .text = text, .over = stage == QUOTA_FREE };

	snprintf(cause, sizeof(cause), "%s of %s used (%u%%)", size_text(used, amount), size_text(settings->volume, volume),
		(unsigned int)((double)used * 100 / (double)settings->volume));
	snprintf(text, sizeof(text), stage == QUOTA_FREE ? "quota of link %s: %s%s%s, it is used as before" : "quota of link %s: %s%s%s",
		run->link->name, cause, forecast_text(run, forecast, sizeof(forecast)), consequence(run, stage));
	events_add(daemon->events, EVENT_QUOTA, stage >= QUOTA_TAPERED ? EVENT_WARNING : EVENT_NOTICE, run->link->name, "%s", text);
	announce(daemon, &announcement);
}

/* Each stage once in a period, and its end where it was felt. */
static bool follow_stage(struct link_run *run)
{
	enum quota_stage stage = quota_stage(&run->quota, &run->link->quota);
	bool changed = stage != run->quota_told;

	if (stage > run->quota_told || (stage == QUOTA_FREE && run->quota_told >= QUOTA_TAPERED))
		tell_stage(run, stage);
	run->quota_told = stage;
	return changed;
}

/* --- counting --- */

/* True where decisions have to follow. */
static bool follow_view(struct link_run *run)
{
	struct link_view before = run->view;
	bool has = run->link->quota.volume != 0;

	run->view.spent = has && quota_stage(&run->quota, &run->link->quota) == QUOTA_SPENT;
	run->view.taper = (uint8_t)(has ? quota_taper(&run->quota, &run->link->quota) : 0);
	if (before.spent != run->view.spent || before.stopped)
		links_view(run);
	return before.spent != run->view.spent || before.taper != run->view.taper || before.stopped != run->view.stopped;
}

static bool count(struct daemon *daemon, struct link_run *run)
{
	const struct device *device = devices_find(daemon->devices, run->link->device);
	uint64_t bytes[DIRECTIONS] = { 0 };
	struct quota_source source = { .index = 0 };

	snprintf(source.device, sizeof(source.device), "%s", run->link->device);
	memcpy(source.boot, daemon->boot, sizeof(source.boot));
	if (device != NULL) {
		source.index = device->index;
		bytes[DOWNLOAD] = device->received;
		bytes[UPLOAD] = device->sent;
	}
	return quota_pass(&run->quota, &run->link->quota, &source, bytes, time(NULL), &calendar);
}

void quota_second(struct daemon *daemon)
{
	uint64_t now_ms = verdicts_now_ms();
	bool changed = false, keep = false, any = false;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];

		if (run->link->quota.volume != 0) {
			any = true;
			keep |= count(daemon, run);
			keep |= follow_stage(run);
		}
		changed |= follow_view(run);
	}
	if (changed && apply_all(daemon, NULL) < 0)
		events_add(daemon->events, EVENT_QUOTA, EVENT_ERROR, NULL, "no memory: quotas are not followed for now");
	if (any && (keep || now_ms - daemon->quota_kept_ms >= KEEP_EVERY_MS)) {
		daemon->quota_kept_ms = now_ms;
		keep_quota(daemon);
	}
}

void quota_inherit(struct link_run *run, const struct link_run *before)
{
	run->quota = before->quota;
	run->quota_told = before->quota_told;
}

/* --- keeping --- */

static json_t *pack_span(const struct quota_span *span)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "begin", (json_int_t)span->begin, "end", (json_int_t)span->end,
		"download", (json_int_t)span->used[DOWNLOAD], "upload", (json_int_t)span->used[UPLOAD]);
}

static json_t *pack_quota(const struct link_run *run)
{
	const struct quota *quota = &run->quota;

	return json_pack("{s:o, s:o, s:I, s:i, s:i, s:i, s:{s:b, s:s, s:I, s:s, s:I, s:I, s:I}}", "now", pack_span(&quota->now),
		"before", pack_span(&quota->before), "since", (json_int_t)quota->since, "period", (int)quota->period,
		"reset_day", (int)quota->reset_day, "told", (int)run->quota_told, "counters", "counted", quota->counted, "device",
		quota->source.device, "index", (json_int_t)quota->source.index, "boot", quota->source.boot, "received",
		(json_int_t)quota->seen[DOWNLOAD], "sent", (json_int_t)quota->seen[UPLOAD], "at", (json_int_t)quota->seen_at);
}

char *quota_export(const struct daemon *daemon)
{
	json_t *document = json_object();
	char *text;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		if (daemon->links[i].quota.now.end != 0)
			json_object_set_new(document, daemon->links[i].link->name, pack_quota(&daemon->links[i]));
	}
	text = json_dumps(document, JSON_INDENT(2));
	json_decref(document);
	return text;
}

/* What is no number is 0, and so is what no count can be. */
static uint64_t amount_of(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value < 0 ? 0 : (uint64_t)value;
}

static struct quota_span read_span(const json_t *object)
{
	return (struct quota_span){ .begin = (int64_t)amount_of(object, "begin"), .end = (int64_t)amount_of(object, "end"),
		.used = { [DOWNLOAD] = amount_of(object, "download"), [UPLOAD] = amount_of(object, "upload") } };
}

static void copy_word(char *text, size_t size, const json_t *word)
{
	snprintf(text, size, "%s", json_is_string(word) ? json_string_value(word) : "");
}

static void recall(struct link_run *run, const json_t *object)
{
	const json_t *counters = json_object_get(object, "counters");
	struct quota *quota = &run->quota;
	uint64_t told = amount_of(object, "told");

	quota->now = read_span(json_object_get(object, "now"));
	quota->before = read_span(json_object_get(object, "before"));
	quota->since = (int64_t)amount_of(object, "since");
	quota->period = (enum quota_period)amount_of(object, "period");
	quota->reset_day = (uint8_t)amount_of(object, "reset_day");
	quota->counted = json_is_true(json_object_get(counters, "counted"));
	quota->source.index = (uint32_t)amount_of(counters, "index");
	copy_word(quota->source.device, sizeof(quota->source.device), json_object_get(counters, "device"));
	copy_word(quota->source.boot, sizeof(quota->source.boot), json_object_get(counters, "boot"));
	quota->seen[DOWNLOAD] = amount_of(counters, "received");
	quota->seen[UPLOAD] = amount_of(counters, "sent");
	quota->seen_at = (int64_t)amount_of(counters, "at");
	run->quota_told = told <= QUOTA_SPENT ? (enum quota_stage)told : QUOTA_FREE;
}

void quota_start(struct daemon *daemon, const char *text, size_t size)
{
	json_t *document = text == NULL ? NULL : json_loadb(text, size, 0, NULL);

	read_boot(daemon->boot, sizeof(daemon->boot));
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		const json_t *object = json_object_get(document, daemon->links[i].link->name);

		if (json_is_object(object))
			recall(&daemon->links[i], object);
		follow_view(&daemon->links[i]);
	}
	json_decref(document);
}

/* --- answers --- */

json_t *quota_report(const struct link_run *run)
{
	const struct quota_settings *settings = &run->link->quota;
	uint64_t forecast = quota_forecast(&run->quota, settings, time(NULL));

	if (settings->volume == 0 || run->quota.now.end == 0)
		return json_null();
	return json_pack("{s:I, s:I, s:o, s:I, s:I, s:s, s:I, s:I, s:i}", "used", (json_int_t)quota_used(&run->quota, settings),
		"volume", (json_int_t)settings->volume, "forecast", forecast == 0 ? json_null() : json_integer((json_int_t)forecast),
		"begins", (json_int_t)run->quota.now.begin, "resets", (json_int_t)run->quota.now.end, "stage",
		quota_stage_name(quota_stage(&run->quota, settings)), "download_bytes", (json_int_t)run->quota.now.used[DOWNLOAD],
		"upload_bytes", (json_int_t)run->quota.now.used[UPLOAD], "taper", (int)run->view.taper);
}
