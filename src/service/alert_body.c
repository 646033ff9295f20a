/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text that a person reads in a mail about a link. */

#include "service/alert_body.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/alert_text.h"

#define NAME_SIZE        68  /* bytes of a name that are shown */
#define SENTENCE_SIZE    600
#define CONSEQUENCES_MAX 50

const char *notice_title(enum notice kind)
{
	switch (kind) {
	case NOTICE_DOWN:
		return "DOWN";
	case NOTICE_UP:
		return "UP";
	case NOTICE_DEGRADED:
		return "DEGRADED";
	case NOTICE_RECOVERED:
		return "RECOVERED";
	case NOTICE_TEST:
		return "TEST";
	case NOTICE_ATTACK:
		return "ATTACK";
	case NOTICE_FLAPPING:
		return "FLAPPING";
	case NOTICE_QUOTA:
		return "QUOTA";
	case NOTICE_DAEMON:
		return "DAEMON";
	case NOTICE_REMINDER:
		return "REMINDER";
	case NOTICE_SUMMARY:
	case NOTICES:
		return "SUMMARY";
	}
	return "?";
}

static const char *local_time(time_t when, const char *format, char *text, size_t size)
{
	struct tm parts;

	if (localtime_r(&when, &parts) == NULL || strftime(text, size, format, &parts) == 0)
		snprintf(text, size, "unknown");
	return text;
}

const char *alert_local_time(time_t when, char *text, size_t size)
{
	return local_time(when, "%Y-%m-%d %H:%M:%S %Z (%z)", text, size);
}

const char *alert_utc(time_t when, char *text, size_t size)
{
	struct tm parts;

	if (gmtime_r(&when, &parts) == NULL || strftime(text, size, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
		snprintf(text, size, "unknown");
	return text;
}

const char *alert_duration(uint64_t seconds, char *text, size_t size)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	size_t unit = 0;
	uint64_t small;

	while (unit < 3 && seconds < units[unit].seconds)
		unit++;
	small = unit < 3 ? seconds % units[unit].seconds / units[unit + 1].seconds : 0;
	if (small != 0)
		snprintf(text, size, "%" PRIu64 " %s %" PRIu64 " %s", seconds / units[unit].seconds,
			units[unit].name, small, units[unit + 1].name);
	else
		snprintf(text, size, "%" PRIu64 " %s", seconds / units[unit].seconds, units[unit].name);
	return text;
}

static void write_when(FILE *out, time_t when)
{
	char text[96];

	fprintf(out, "When:     %s\n", alert_local_time(when, text, sizeof(text)));
	fprintf(out, "          %s\n", alert_utc(when, text, sizeof(text)));
}

const char *alert_latency(uint32_t latency_us, char *text, size_t size)
{
	if (latency_us == 0)
		snprintf(text, size, "-");
	else
		snprintf(text, size, "%" PRIu32 ".%" PRIu32 " ms", latency_us / 1000, latency_us % 1000 / 100);
	return text;
}

const char *alert_loss(uint32_t loss_permille, char *text, size_t size)
{
	snprintf(text, size, "%" PRIu32 ".%" PRIu32 " %%", loss_permille / 10, loss_permille % 10);
	return text;
}

static const struct alert_link *find_link(const struct alert *alert)
{
	for (size_t i = 0; i < alert->link_count; i++) {
		if (alert->links[i].name != NULL && strcmp(alert->links[i].name, alert->link) == 0)
			return &alert->links[i];
	}
	return NULL;
}

/* What is not worded here. */
static bool says_text(enum notice notice)
{
	return notice == NOTICE_FLAPPING || notice == NOTICE_QUOTA || notice == NOTICE_DAEMON || notice == NOTICE_SUMMARY;
}

static void write_what(FILE *out, const struct alert *alert)
{
	char host[NAME_SIZE], link[NAME_SIZE], device[NAME_SIZE], attack[SENTENCE_SIZE];
	const struct alert_link *entry;

	alert_text_clean(host, sizeof(host), alert->host);
	if (alert->kind == NOTICE_ATTACK) {
		fprintf(out, "Too much came to %s: %s.\n\n", host, alert_text_clean(attack, sizeof(attack), alert->attack));
		return;
	}
	if (says_text(alert->kind)) {
		fprintf(out, "%s: %s.\n\n", host, alert_text_clean(attack, sizeof(attack), alert->text));
		return;
	}
	if (alert->link == NULL) {
		fprintf(out, "This is a test of the mail of uplinkd on %s. It works.\n\n", host);
		return;
	}
	entry = find_link(alert);
	fprintf(out, "Link %s", alert_text_clean(link, sizeof(link), alert->link));
	if (entry != NULL && entry->device != NULL)
		fprintf(out, " (device %s)", alert_text_clean(device, sizeof(device), entry->device));
	if (alert->kind == NOTICE_REMINDER)
		fprintf(out, " of %s is still %s, for %s now.\n\n", host, alert_text_clean(attack, sizeof(attack), alert->state),
			alert_duration(alert->outage_s, device, sizeof(device)));
	else
		fprintf(out, " of %s is %s.\n\n", host, notice_title(alert->kind));
}

static void write_facts(FILE *out, const struct alert *alert)
{
	char sentence[SENTENCE_SIZE], latency[32], loss[32];

	write_when(out, alert->when);
	if (alert->reason != NULL && *alert->reason != '\0' && !says_text(alert->kind))
		fprintf(out, "Why:      %s\n", alert_text_clean(sentence, sizeof(sentence), alert->reason));
	if (alert->kind == NOTICE_UP || (alert->kind == NOTICE_RECOVERED && alert->outage_s != 0))
		fprintf(out, "After:    %s\n", alert_duration(alert->outage_s, sentence, sizeof(sentence)));
	if (alert->link != NULL)
		fprintf(out, "Checks:   last latency %s, loss %s\n",
			alert->latency_us != 0 ? alert_latency(alert->latency_us, latency, sizeof(latency)) : "not measured",
			alert_loss(alert->loss_permille, loss, sizeof(loss)));
	if (alert->traffic_on != NULL && *alert->traffic_on != '\0')
		fprintf(out, "Traffic:  on %s\n", alert_text_clean(sentence, sizeof(sentence), alert->traffic_on));
}

static void write_consequences(FILE *out, const struct alert *alert)
{
	size_t shown = alert->consequence_count < CONSEQUENCES_MAX ? alert->consequence_count : CONSEQUENCES_MAX;
	char sentence[SENTENCE_SIZE];

	if (alert->consequence_count == 0)
		return;

	fputs(alert->kind <= NOTICE_RECOVERED ? "\nWhat follows from it:\n" : "\nIn detail:\n", out);
	for (size_t i = 0; i < shown; i++)
		fprintf(out, "  - %s\n", alert_text_clean(sentence, sizeof(sentence), alert->consequences[i]));
	if (shown < alert->consequence_count)
		fprintf(out, "  - and %zu more\n", alert->consequence_count - shown);
}

#define COLUMNS 7

/* A row of the table; widths are counted in characters, not in bytes. */
struct row {
	char cells[COLUMNS][SENTENCE_SIZE];
};

static size_t characters(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

static void fill_row(struct row *row, const struct alert_link *link)
{
	alert_text_clean(row->cells[0], NAME_SIZE, link->name);
	alert_text_clean(row->cells[1], NAME_SIZE, link->device);
	alert_text_clean(row->cells[2], NAME_SIZE, link_state_name(link->state));
	alert_latency(link->latency_us, row->cells[3], NAME_SIZE);
	alert_loss(link->loss_permille, row->cells[4], NAME_SIZE);
	local_time(link->since, "%Y-%m-%d %H:%M:%S", row->cells[5], NAME_SIZE);
	alert_text_clean(row->cells[6], SENTENCE_SIZE, link->reason);
}

static void write_row(FILE *out, const struct row *row, const size_t *widths)
{
	int last = COLUMNS - 1;

	while (last > 0 && row->cells[last][0] == '\0')
		last--;
	for (int i = 0; i <= last; i++) {
		int fill = i < last ? (int)(widths[i] - characters(row->cells[i])) : 0;

		fprintf(out, "  %s%*s", row->cells[i], fill, "");
	}
	fputc('\n', out);
}

int alert_table(FILE *out, const struct alert *alert)
{
	static const struct row head = { { "LINK", "DEVICE", "STATE", "LATENCY", "LOSS", "SINCE", "REASON" } };
	struct row *rows = calloc(alert->link_count + 1, sizeof(*rows));
	size_t widths[COLUMNS] = { 0 };

	if (rows == NULL)
		return -1;

	rows[0] = head;
	for (size_t i = 0; i < alert->link_count; i++)
		fill_row(&rows[i + 1], &alert->links[i]);
	for (size_t i = 0; i <= alert->link_count; i++) {
		for (int column = 0; column < COLUMNS; column++) {
			size_t width = characters(rows[i].cells[column]);

			if (widths[column] < width)
				widths[column] = width;
		}
	}
	for (size_t i = 0; i <= alert->link_count; i++)
		write_row(out, &rows[i], widths);
	free(rows);
	return 0;
}

static void write_way_on(FILE *out, const struct alert *alert)
{
	char link[NAME_SIZE];

	fputs("\nTo look further:\n", out);
	if (alert->link != NULL)
		fprintf(out, "  uplinkctl links %s\n", alert_text_clean(link, sizeof(link), alert->link));
	else if (alert->kind == NOTICE_ATTACK)
		fputs("  uplinkctl blocked\n  uplinkctl unblock ADDRESS\n", out);
	else
		fputs("  uplinkctl status\n", out);
	fputs("  uplinkctl events\n", out);
}

char *alert_body(const struct alert *alert)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int result = 0;

	if (out == NULL)
		return NULL;

	write_what(out, alert);
	write_facts(out, alert);
	write_consequences(out, alert);
	if (alert->kind == NOTICE_SUMMARY && alert->report != NULL)
		fprintf(out, "\n%s", alert->report);
	if (alert->link_count > 0) {
		fputs("\nAll links now:\n", out);
		result = alert_table(out, alert);
	}
	write_way_on(out, alert);
	if (ferror(out))
		result = -1;
	if (fclose(out) != 0 || result < 0) {
		free(text);
		return NULL;
	}
	return text;
}
