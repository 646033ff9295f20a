/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a link may carry in a month, a week or a day: how much it was, how much it will be. */

#include "core/quota.h"

#include <string.h>

#define DAY_S  86400
#define MILLE  1000

/* Of a period, until which no pace can be told. */
#define TOO_EARLY 100

/* --- days: numbers since 1970-01-01, by the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms") --- */

struct date {
	int64_t year;
	unsigned int month, day; /* from 1 */
};

static int64_t day_number(struct date date)
{
	int64_t year = date.month <= 2 ? date.year - 1 : date.year;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	unsigned int of_era = (unsigned int)(year - era * 400);
	unsigned int of_year = (153 * (date.month > 2 ? date.month - 3 : date.month + 9) + 2) / 5 + date.day - 1;

	return era * 146097 + (int64_t)(of_era * 365 + of_era / 4 - of_era / 100 + of_year) - 719468;
}

static struct date date_of(int64_t number)
{
	int64_t shifted = number + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	unsigned int of_era = (unsigned int)(shifted - era * 146097);
	unsigned int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned int of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned int month = (5 * of_year + 2) / 153;
	struct date date = { .day = of_year - (153 * month + 2) / 5 + 1, .month = month < 10 ? month + 3 : month - 9 };

	date.year = (int64_t)year + era * 400 + (date.month <= 2);
	return date;
}

static struct date next_month(struct date date)
{
	return date.month == 12 ? (struct date){ date.year + 1, 1, 1 } : (struct date){ date.year, date.month + 1, 1 };
}

static struct date previous_month(struct date date)
{
	return date.month == 1 ? (struct date){ date.year - 1, 12, 1 } : (struct date){ date.year, date.month - 1, 1 };
}

/* In a month without that day on its last one. */
static int64_t reset_in(struct date month, unsigned int reset_day)
{
	int64_t first = day_number((struct date){ month.year, month.month, 1 });
	unsigned int days = (unsigned int)(day_number(next_month(month)) - first);

	return first + (reset_day < days ? reset_day : days) - 1;
}

/* Of the period that day is in: its first day, and that of the next. */
static void find_days(const struct quota_settings *settings, int64_t day, int64_t *ret_begin, int64_t *ret_end)
{
	struct date date = date_of(day);
	int64_t reset;

	switch (settings->period) {
	case QUOTA_DAILY:
		*ret_begin = day;
		*ret_end = day + 1;
		return;
	case QUOTA_WEEKLY:
		/* 1970-01-01 was a Thursday, day 4 of 7. */
		*ret_begin = day - (((day + 3 - (settings->reset_day - 1)) % 7 + 7) % 7);
		*ret_end = *ret_begin + 7;
		return;
	case QUOTA_MONTHLY:
		reset = reset_in(date, settings->reset_day);
		*ret_begin = day >= reset ? reset : reset_in(previous_month(date), settings->reset_day);
		*ret_end = day >= reset ? reset_in(next_month(date), settings->reset_day) : reset;
		return;
	}
}

static int64_t day_of(int64_t at, const struct quota_calendar *calendar)
{
	int64_t local = at + calendar->offset_s(at, calendar->data);

	return (local >= 0 ? local : local - (DAY_S - 1)) / DAY_S;
}

/* When that day begins there, also where its midnight is left out, or comes twice: by the clock of the day before, or of the day after. */
static int64_t begin_of_day(int64_t day, const struct quota_calendar *calendar)
{
	int64_t local = day * DAY_S;
	int64_t before = local - calendar->offset_s(local - DAY_S, calendar->data);
	int64_t after = local - calendar->offset_s(local + DAY_S, calendar->data);
	int64_t first = before < after ? before : after;

	return day_of(first, calendar) >= day ? first : before < after ? after : before;
}

static void find_span(struct quota *quota, const struct quota_settings *settings, int64_t now, const struct quota_calendar *calendar)
{
	int64_t begin, end;

	find_days(settings, day_of(now, calendar), &begin, &end);
	quota->now.begin = begin_of_day(begin, calendar);
	quota->now.end = begin_of_day(end, calendar);
	quota->period = settings->period;
	quota->reset_day = settings->reset_day;
}

/* --- counters --- */

static uint64_t grown(uint64_t before, uint64_t now)
{
	bool narrow = before <= UINT32_MAX && before > UINT32_MAX / 4 * 3ull && now < UINT32_MAX / 4;

	if (now >= before)
		return now - before;
	return narrow ? UINT32_MAX - before + 1 + now : now;
}

static bool is_same(const struct quota_source *a, const struct quota_source *b)
{
	return a->index == b->index && strcmp(a->boot, b->boot) == 0;
}

/* What the counters have that was not counted yet. */
static void take_new(struct quota *quota, const struct quota_source *source, const uint64_t bytes[DIRECTIONS],
	uint64_t ret_new[DIRECTIONS])
{
	bool known = quota->counted && strcmp(quota->source.device, source->device) == 0;

	memset(ret_new, 0, sizeof(*ret_new) * DIRECTIONS);
	if (source->index == 0)
		return;
	for (int i = 0; i < DIRECTIONS && known; i++)
		ret_new[i] = is_same(&quota->source, source) ? grown(quota->seen[i], bytes[i]) : bytes[i];
	quota->counted = true;
	quota->source = *source;
	memcpy(quota->seen, bytes, sizeof(quota->seen));
}

static void charge(struct quota *quota, const uint64_t bytes[DIRECTIONS])
{
	for (int i = 0; i < DIRECTIONS; i++)
		quota->now.used[i] += bytes[i];
}

/* --- periods --- */

/* A new one, with what came since it began. */
static void turn(struct quota *quota, const struct quota_settings *settings, uint64_t bytes[DIRECTIONS], int64_t now,
	const struct quota_calendar *calendar)
{
	struct quota_span old = quota->now;
	int64_t passed = now - quota->seen_at, inside;

	find_span(quota, settings, now, calendar);
	inside = now - quota->now.begin;
	for (int i = 0; i < DIRECTIONS; i++) {
		uint64_t here = passed <= inside ? bytes[i] : (uint64_t)((double)bytes[i] * (double)inside / (double)passed);

		old.used[i] += bytes[i] - here;
		quota->now.used[i] = here;
	}
	quota->before = old;
	quota->since = quota->now.begin;
}

static bool was_ahead(const struct quota *quota, int64_t now)
{
	return quota->before.end != 0 && now < quota->now.begin && now >= quota->before.begin && now < quota->before.end;
}

/* The clock was ahead for a while: what was counted meanwhile belongs to the period that it left. */
static void turn_back(struct quota *quota)
{
	for (int i = 0; i < DIRECTIONS; i++)
		quota->before.used[i] += quota->now.used[i];
	quota->now = quota->before;
	quota->before = (struct quota_span){ 0 };
	quota->since = quota->now.begin;
}

bool quota_pass(struct quota *quota, const struct quota_settings *settings, const struct quota_source *source,
	const uint64_t bytes[DIRECTIONS], int64_t now, const struct quota_calendar *calendar)
{
	bool first = quota->now.end == 0, turned = false;
	uint64_t fresh[DIRECTIONS];

	take_new(quota, source, bytes, fresh);
	if (first)
		quota->since = now;
	if (first || quota->period != settings->period || quota->reset_day != settings->reset_day)
		find_span(quota, settings, now, calendar);
	if (was_ahead(quota, now)) {
		turn_back(quota);
		turned = true;
	}
	if (now >= quota->now.end) {
		turn(quota, settings, fresh, now, calendar);
		turned = true;
	} else {
		charge(quota, fresh);
	}
	quota->seen_at = now;
	return turned;
}

/* --- what follows --- */

uint64_t quota_used(const struct quota *quota, const struct quota_settings *settings)
{
	switch (settings->count) {
	case QUOTA_BOTH:
		return quota->now.used[DOWNLOAD] + quota->now.used[UPLOAD];
	case QUOTA_DOWNLOAD:
		return quota->now.used[DOWNLOAD];
	case QUOTA_UPLOAD:
		return quota->now.used[UPLOAD];
	}
	return 0;
}

uint64_t quota_forecast(const struct quota *quota, const struct quota_settings *settings, int64_t now)
{
	int64_t whole = quota->now.end - quota->now.begin, passed = now - quota->since, left = quota->now.end - now;
	uint64_t used = quota_used(quota, settings);

	if (passed <= 0 || left < 0 || passed < whole / TOO_EARLY)
		return 0;
	return used + (uint64_t)((double)used / (double)passed * (double)left);
}

/* In thousandths of the volume. */
static double part_used(const struct quota *quota, const struct quota_settings *settings)
{
	return (double)quota_used(quota, settings) * MILLE / (double)settings->volume;
}

enum quota_stage quota_stage(const struct quota *quota, const struct quota_settings *settings)
{
	double part = part_used(quota, settings);

	if (settings->cut_off_permille != 0 && part >= settings->cut_off_permille)
		return QUOTA_SPENT;
	if (settings->taper_permille != 0 && part >= settings->taper_permille)
		return QUOTA_TAPERED;
	return settings->warn_permille != 0 && part >= settings->warn_permille ? QUOTA_WARNED : QUOTA_FREE;
}

unsigned int quota_taper(const struct quota *quota, const struct quota_settings *settings)
{
	double first = settings->taper_permille, last = settings->cut_off_permille == 0 ? MILLE : settings->cut_off_permille;
	double part = part_used(quota, settings);

	if (settings->taper_permille == 0 || part < first)
		return 0;
	if (part >= last)
		return QUOTA_TAPER_STEPS - 1;
	return 1 + (unsigned int)((part - first) / (last - first) * (QUOTA_TAPER_STEPS - 1));
}

const char *quota_stage_name(enum quota_stage stage)
{
	static const char *const names[] = { "free", "warned", "tapered", "spent" };

	return names[stage];
}
