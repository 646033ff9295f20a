/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Days and hours of a policy's time. */

#include <string.h>

#include "config/forms.h"

#define DAYS           7
#define MINUTES_OF_DAY (24 * 60)

static const char *const day_names[DAYS] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* The day that begins the text, or DAYS. */
static unsigned int day_of(const char *text)
{
	unsigned int day = 0;

	while (day < DAYS && strncmp(text, day_names[day], 3) != 0)
		day++;
	return day;
}

/* One day, or a range that may go over the week's end. False where it is neither. */
static bool parse_days(const char *text, uint8_t *days)
{
	unsigned int first = day_of(text), last = first;

	if (first == DAYS)
		return false;
	text += 3;
	if (*text == '-') {
		last = day_of(text + 1);
		if (last == DAYS)
			return false;
		text += 4;
	}
	if (*text != '\0')
		return false;
	for (unsigned int day = first;; day = (day + 1) % DAYS) {
		*days |= (uint8_t)(1u << day);
		if (day == last)
			return true;
	}
}

static void read_days(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	if (!read_words(loader, field->key, node, false))
		return;
	for (size_t i = 0; i < node_items(node); i++) {
		const struct node *item = node_item(node, i);
		struct nearest nearest = nearest_to(item->text);

		if (parse_days(item->text, member))
			continue;
		for (unsigned int day = 0; day < DAYS; day++)
			nearest_try(&nearest, day_names[day]);
		problem_add(&loader->problems, item->at, "`%s': `%.60s' is not a day", field->key, item->text);
		if (!problem_hint_near(&loader->problems, &nearest))
			problem_hint(&loader->problems, "write mon, tue, wed, thu, fri, sat, sun, or a range as mon-fri");
	}
}

static bool no_days(const void *member)
{
	return *(const uint8_t *)member == 0;
}

/* Days in a row as a range where there are three of them at least. */
static void print_days(struct printer *printer, const void *member)
{
	uint8_t days = *(const uint8_t *)member;
	const char *comma = "";

	fputc('[', printer->out);
	for (unsigned int day = 0; day < DAYS; day++) {
		unsigned int end = day;

		if ((days >> day & 1) == 0)
			continue;
		while (end + 1 < DAYS && (days >> (end + 1) & 1) != 0)
			end++;
		fprintf(printer->out, "%s%s", comma, day_names[day]);
		comma = ", ";
		if (end < day + 2)
			continue;
		fprintf(printer->out, "-%s", day_names[end]);
		day = end;
	}
	fputc(']', printer->out);
}

const struct form form_days = { read_days, no_days, print_days, SCHEMA_LIST_OF("days") };

/* One or two digits of the hour, two of the minute. Returns what follows, or NULL. */
static const char *parse_time(const char *text, uint16_t *ret_minute)
{
	size_t digits = strspn(text, "0123456789");
	unsigned int hour = 0, minute;

	if (digits < 1 || digits > 2 || text[digits] != ':' || strspn(text + digits + 1, "0123456789") != 2)
		return NULL;
	for (size_t i = 0; i < digits; i++)
		hour = hour * 10 + (unsigned int)(text[i] - '0');
	minute = (unsigned int)(text[digits + 1] - '0') * 10 + (unsigned int)(text[digits + 2] - '0');
	if (minute > 59 || hour * 60 + minute > MINUTES_OF_DAY)
		return NULL;
	*ret_minute = (uint16_t)(hour * 60 + minute);
	return text + digits + 3;
}

/* A last of 00:00 is the day's end. */
static bool parse_hours(const char *text, struct hours *ret_hours)
{
	const char *rest = parse_time(text, &ret_hours->first);

	if (rest == NULL || *rest != '-' || ret_hours->first == MINUTES_OF_DAY)
		return false;
	rest = parse_time(rest + 1, &ret_hours->last);
	if (ret_hours->last == 0)
		ret_hours->last = MINUTES_OF_DAY;
	return rest != NULL && *rest == '\0';
}

static void read_hours(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct timetable *timetable = (struct timetable *)((char *)member - offsetof(struct timetable, hours));

	if (!read_words(loader, field->key, node, false))
		return;
	timetable->hours = loader_array(loader, node_items(node), sizeof(*timetable->hours));
	for (size_t i = 0; timetable->hours != NULL && i < node_items(node); i++) {
		const struct node *item = node_item(node, i);
		struct hours hours = { 0 };

		if (!parse_hours(item->text, &hours)) {
			problem_add(&loader->problems, item->at, "`%s': `%.60s' is not a time of day", field->key, item->text);
			problem_hint(&loader->problems, "write from and to as `08:00-18:00'; `22:00-06:00' goes over midnight");
		} else if (hours.first == hours.last) {
			problem_add(&loader->problems, item->at, "`%s': `%.60s' ends when it begins", field->key, item->text);
			problem_hint(&loader->problems, "for the whole day write `00:00-24:00', or leave `%s' out", field->key);
		} else {
			timetable->hours[timetable->count++] = hours;
		}
	}
}

static bool no_hours(const void *member)
{
	const struct timetable *timetable = (const struct timetable *)((const char *)member - offsetof(struct timetable, hours));

	return timetable->count == 0;
}

/* In quotes: other readers of YAML take 08:00 for a number to the base of 60. */
static void print_hours(struct printer *printer, const void *member)
{
	const struct timetable *timetable = (const struct timetable *)((const char *)member - offsetof(struct timetable, hours));

	fputc('[', printer->out);
	for (size_t i = 0; i < timetable->count; i++) {
		const struct hours *hours = &timetable->hours[i];

		fprintf(printer->out, "%s\"%02d:%02d-%02d:%02d\"", i == 0 ? "" : ", ", hours->first / 60, hours->first % 60,
			hours->last / 60, hours->last % 60);
	}
	fputc(']', printer->out);
}

const struct form form_hours = { read_hours, no_hours, print_hours, SCHEMA_LIST_OF("hours") };
