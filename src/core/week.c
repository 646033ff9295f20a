/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which policies hold when: minutes of the local week, from Monday 00:00. */

#include "core/week.h"

#include <stdlib.h>

#define MINUTES_OF_DAY (24 * 60)
#define DAYS           7

static void add(struct time_spans *spans, unsigned int first, unsigned int last)
{
	if (first < last)
		spans->items[spans->count++] = (struct time_span){ (uint16_t)first, (uint16_t)last };
}

static void add_hours(struct time_spans *spans, unsigned int day, const struct hours *hours)
{
	unsigned int start = day * MINUTES_OF_DAY, next = (day + 1) % DAYS * MINUTES_OF_DAY;

	if (hours->first < hours->last) {
		add(spans, start + hours->first, start + hours->last);
		return;
	}
	add(spans, start + hours->first, start + MINUTES_OF_DAY);
	add(spans, next, next + hours->last);
}

static int compare(const void *left, const void *right)
{
	const struct time_span *a = left, *b = right;

	return (int)a->first - (int)b->first;
}

static void join(struct time_spans *spans)
{
	size_t kept = 0;

	if (spans->count > 1)
		qsort(spans->items, spans->count, sizeof(*spans->items), compare);
	for (size_t i = 0; i < spans->count; i++) {
		struct time_span span = spans->items[i], *last = &spans->items[kept > 0 ? kept - 1 : 0];

		if (kept == 0 || span.first > last->last)
			spans->items[kept++] = span;
		else if (span.last > last->last)
			last->last = span.last;
	}
	spans->count = kept;
}

bool week_spans(struct arena *arena, const struct timetable *timetable, struct time_spans *ret_spans)
{
	static const struct hours all_day = { 0, MINUTES_OF_DAY };
	size_t count = timetable->count > 0 ? timetable->count : 1;
	const struct hours *hours = timetable->count > 0 ? timetable->hours : &all_day;

	*ret_spans = (struct time_spans){ 0 };
	if (timetable->days == 0 && timetable->count == 0)
		return true;
	ret_spans->items = arena_array(arena, 2 * DAYS * count, sizeof(*ret_spans->items));
	if (ret_spans->items == NULL)
		return false;
	for (unsigned int day = 0; day < DAYS; day++) {
		for (size_t i = 0; i < count; i++) {
			if (timetable->days == 0 || (timetable->days >> day & 1) != 0)
				add_hours(ret_spans, day, &hours[i]);
		}
	}
	join(ret_spans);
	return true;
}

bool week_holds(const struct time_spans *spans, uint16_t minute)
{
	size_t low = 0, high = spans->count;

	/* The first span that ends after the minute. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (spans->items[middle].last <= minute)
			low = middle + 1;
		else
			high = middle;
	}
	return spans->count == 0 || (low < spans->count && spans->items[low].first <= minute);
}

bool week_differs(const struct config *config, uint16_t minute, uint16_t other)
{
	for (size_t i = 0; i < config->policy_count; i++) {
		const struct time_spans *times = &config->policies[i].match.times;

		if (week_holds(times, minute) != week_holds(times, other))
			return true;
	}
	return false;
}

uint16_t week_minute(int weekday, int hour, int minute)
{
	return (uint16_t)((weekday + 6) % DAYS * MINUTES_OF_DAY + hour * 60 + minute);
}
