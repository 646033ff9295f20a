/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plays months of a link with a quota in fake time: periods, counters that begin anew, clocks that are wrong. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/quota.h"

#define GB    1000000000ull
#define HOUR  3600
#define DAY   86400

/* The witness is the C library, whose clock is set to a place. */
static int32_t offset_s(int64_t at, void *data)
{
	time_t when = (time_t)at;
	struct tm parts;

	(void)data;
	localtime_r(&when, &parts);
	return (int32_t)parts.tm_gmtoff;
}

static const struct quota_calendar calendar = { offset_s, NULL };

static void go_to(const char *place)
{
	setenv("TZ", place, 1);
	tzset();
}

#define BERLIN   "CET-1CEST,M3.5.0,M10.5.0/3"
#define SANTIAGO "<-04>4<-03>,M9.1.6/24,M4.1.6/24" /* leaves out midnight */

static int64_t at(int year, int month, int day, int hour)
{
	struct tm parts = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_isdst = -1 };

	return (int64_t)mktime(&parts);
}

static struct quota_settings monthly(uint8_t reset_day)
{
	return (struct quota_settings){ .volume = 50 * GB, .reset_day = reset_day, .warn_permille = 800, .taper_permille = 900,
		.cut_off_permille = 1000 };
}

static const struct quota_source wan = { "wan1", 4, "boot-1" };

/* A link with its counters. */
struct line {
	struct quota quota;
	struct quota_settings settings;
	struct quota_source source;
	uint64_t counters[DIRECTIONS];
	int64_t now;
};

static bool pass(struct line *line, int64_t now)
{
	line->now = now;
	return quota_pass(&line->quota, &line->settings, &line->source, line->counters, now, &calendar);
}

static struct line begin(struct quota_settings settings, int64_t now)
{
	struct line line = { .settings = settings, .source = wan, .counters = { 7 * GB, 3 * GB } };

	pass(&line, now);
	assert_int_equal(quota_used(&line.quota, &settings), 0); /* what was before nobody knows */
	return line;
}

static bool carry(struct line *line, uint64_t download, uint64_t upload, int64_t now)
{
	line->counters[DOWNLOAD] += download;
	line->counters[UPLOAD] += upload;
	return pass(line, now);
}

static uint64_t used(const struct line *line)
{
	return quota_used(&line->quota, &line->settings);
}

static void begins_on_the_last_day_of_short_months(void **state)
{
	static const struct { int month, day; } begins[] = { { 1, 31 }, { 2, 28 }, { 3, 31 }, { 4, 30 }, { 5, 31 }, { 6, 30 } };
	struct line line;

	(void)state;
	go_to(BERLIN);
	line = begin(monthly(31), at(2026, 1, 31, 12));
	for (size_t i = 0; i + 1 < sizeof(begins) / sizeof(begins[0]); i++) {
		assert_int_equal(line.quota.now.begin, at(2026, begins[i].month, begins[i].day, 0));
		assert_int_equal(line.quota.now.end, at(2026, begins[i + 1].month, begins[i + 1].day, 0));
		assert_false(carry(&line, GB, 0, line.quota.now.end - 1));
		assert_int_equal(used(&line), GB);
		assert_true(pass(&line, line.quota.now.end));
		assert_int_equal(used(&line), 0);
	}
	line = begin(monthly(30), at(2028, 2, 10, 12));
	assert_int_equal(line.quota.now.end, at(2028, 2, 29, 0));
}

/* The witness walks day by day. */
static bool begins_here(const struct quota_settings *settings, const struct tm *day)
{
	struct tm tomorrow = *day;

	switch (settings->period) {
	case QUOTA_DAILY:
		return true;
	case QUOTA_WEEKLY:
		return (day->tm_wday + 6) % 7 + 1 == settings->reset_day;
	case QUOTA_MONTHLY:
		tomorrow.tm_mday++;
		tomorrow.tm_isdst = -1;
		mktime(&tomorrow);
		return day->tm_mday == settings->reset_day || (tomorrow.tm_mday == 1 && day->tm_mday < settings->reset_day);
	}
	return false;
}

static void find_by_walking(const struct quota_settings *settings, int64_t now, int step, struct tm *ret_day)
{
	time_t when = (time_t)now;

	localtime_r(&when, ret_day);
	ret_day->tm_hour = 12;
	ret_day->tm_min = ret_day->tm_sec = 0;
	if (step > 0)
		ret_day->tm_mday++;
	ret_day->tm_isdst = -1;
	mktime(ret_day);
	while (!begins_here(settings, ret_day)) {
		ret_day->tm_mday += step;
		ret_day->tm_isdst = -1;
		mktime(ret_day);
	}
}

/* The first moment of that day there. */
static void assert_is_begin_of(int64_t moment, const struct tm *day)
{
	time_t when = (time_t)moment, before = when - 1;
	struct tm parts;

	localtime_r(&when, &parts);
	assert_int_equal(parts.tm_yday, day->tm_yday);
	assert_int_equal(parts.tm_year, day->tm_year);
	localtime_r(&before, &parts);
	assert_int_not_equal(parts.tm_yday, day->tm_yday);
}

static void periods_are_those_of_the_calendar(void **state)
{
	static const char *const places[] = { BERLIN, SANTIAGO, "UTC", "<+1345>-13:45" };
	unsigned int seed = 1;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct quota_settings settings = monthly((uint8_t)(rand_r(&seed) % 31 + 1));
		int64_t now = 1700000000 + (int64_t)(rand_r(&seed) % 2000) * DAY + rand_r(&seed) % DAY;
		struct tm day;
		struct line line;

		settings.period = (enum quota_period)(i % 3);
		if (settings.period == QUOTA_WEEKLY)
			settings.reset_day = settings.reset_day % 7 + 1;
		go_to(places[i / 3 % 4]);
		line = begin(settings, now);
		assert_true(line.quota.now.begin <= now && now < line.quota.now.end);
		find_by_walking(&settings, now, -1, &day);
		assert_is_begin_of(line.quota.now.begin, &day);
		find_by_walking(&settings, now, 1, &day);
		assert_is_begin_of(line.quota.now.end, &day);
	}
}

static void counts_what_is_asked_for(void **state)
{
	struct line line;

	(void)state;
	go_to(BERLIN);
	line = begin(monthly(1), at(2026, 5, 4, 0));
	carry(&line, 3 * GB, 2 * GB, line.now + 1);
	assert_int_equal(used(&line), 5 * GB);
	line.settings.count = QUOTA_DOWNLOAD;
	assert_int_equal(used(&line), 3 * GB);
	line.settings.count = QUOTA_UPLOAD;
	assert_int_equal(used(&line), 2 * GB);
}

static void counters_may_begin_anew(void **state)
{
	struct line line;

	(void)state;
	go_to(BERLIN);
	line = begin(monthly(1), at(2026, 5, 4, 0));
	carry(&line, GB, 0, line.now + 1);
	assert_int_equal(used(&line), GB);
	/* The daemon was away, and the machine was not: what passed meanwhile is in the counters. */
	carry(&line, GB, 0, line.now + HOUR);
	assert_int_equal(used(&line), 2 * GB);
	/* The device is gone, and made anew with another number. */
	line.source.index = 0;
	line.counters[DOWNLOAD] = line.counters[UPLOAD] = 0;
	pass(&line, line.now + 1);
	assert_int_equal(used(&line), 2 * GB);
	line.source.index = 9;
	carry(&line, 5, 6, line.now + 1);
	assert_int_equal(used(&line), 2 * GB + 11);
	/* The machine was booted: also where the new counters are larger than the old ones. */
	strcpy(line.source.boot, "boot-2");
	line.counters[DOWNLOAD] = 1000;
	line.counters[UPLOAD] = 0;
	pass(&line, line.now + 1);
	assert_int_equal(used(&line), 2 * GB + 11 + 1000);
	/* They fell by themselves. */
	line.counters[DOWNLOAD] = 400;
	pass(&line, line.now + 1);
	assert_int_equal(used(&line), 2 * GB + 11 + 1000 + 400);
	/* Another device, which had carried something before, becomes the link's. */
	strcpy(line.source.device, "wan7");
	line.source.index = 12;
	line.counters[DOWNLOAD] = 900 * GB;
	pass(&line, line.now + 1);
	assert_int_equal(used(&line), 2 * GB + 11 + 1000 + 400);
	carry(&line, 1, 0, line.now + 1);
	assert_int_equal(used(&line), 2 * GB + 11 + 1000 + 400 + 1);
}

static void counters_of_32_bits_run_over(void **state)
{
	struct line line;

	(void)state;
	go_to(BERLIN);
	line = begin(monthly(1), at(2026, 5, 4, 0));
	line.source.index = 5;
	line.counters[DOWNLOAD] = UINT32_MAX - 99;
	line.counters[UPLOAD] = 0;
	pass(&line, line.now + 1);
	line.counters[DOWNLOAD] = 50;
	pass(&line, line.now + 1);
	assert_int_equal(used(&line), (uint64_t)UINT32_MAX - 99 + 150);
}

static void a_clock_that_is_set_costs_nothing(void **state)
{
	struct line line;

	(void)state;
	go_to(BERLIN);
	line = begin(monthly(1), at(2026, 5, 1, 1));
	carry(&line, GB, 0, line.now + HOUR);
	/* Back an hour, and back before the period: it goes on. */
	assert_false(carry(&line, GB, 0, at(2026, 5, 1, 0) + 1));
	assert_false(carry(&line, GB, 0, at(2026, 4, 30, 12)));
	assert_false(carry(&line, GB, 0, 0));
	assert_int_equal(used(&line), 4 * GB);
	assert_int_equal(line.quota.now.begin, at(2026, 5, 1, 0));
	assert_false(pass(&line, at(2026, 5, 20, 0)));
	/* Ahead by three months, for an hour: a period begins, and the old one comes back with all that passed. */
	assert_true(carry(&line, GB, 0, at(2026, 8, 20, 0)));
	carry(&line, GB, 0, at(2026, 8, 20, 1));
	assert_true(carry(&line, GB, 0, at(2026, 5, 20, 1)));
	assert_int_equal(line.quota.now.end, at(2026, 6, 1, 0));
	assert_int_equal(used(&line), 7 * GB);
	assert_false(pass(&line, at(2026, 5, 31, 23)));
	assert_true(pass(&line, at(2026, 6, 1, 0)));
	assert_int_equal(used(&line), 0);
	/* Back over the boundary by a second, as clocks are set each day: nothing is counted twice. */
	carry(&line, GB, 0, at(2026, 6, 1, 0) + 5);
	assert_true(pass(&line, at(2026, 6, 1, 0) - 1));
	assert_int_equal(used(&line), 8 * GB);
	assert_true(pass(&line, at(2026, 6, 1, 0)));
	assert_int_equal(used(&line), 0);
}

static void changes_of_the_season_move_no_boundary(void **state)
{
	struct line line;

	(void)state;
	go_to(BERLIN);
	line = begin(monthly(29), at(2026, 3, 28, 23)); /* clocks go ahead at 2:00 on the 29th */
	assert_int_equal(line.quota.now.end, at(2026, 3, 29, 0));
	assert_true(pass(&line, at(2026, 3, 29, 0)));
	carry(&line, GB, 0, at(2026, 3, 29, 1));
	assert_false(carry(&line, GB, 0, at(2026, 3, 29, 4)));
	assert_int_equal(line.quota.now.end - line.quota.now.begin, 31 * DAY - HOUR);
	assert_int_equal(used(&line), 2 * GB);
	line = begin(monthly(25), at(2026, 10, 25, 0)); /* back at 3:00 */
	for (int64_t now = line.now; now < line.quota.now.begin + 6 * HOUR; now += 600)
		assert_false(carry(&line, 1000, 0, now));
	assert_int_equal(used(&line), 36 * 1000);
}

static void what_passed_over_the_end_is_parted(void **state)
{
	struct line line;

	(void)state;
	go_to(BERLIN);
	line = begin(monthly(1), at(2026, 5, 31, 21));
	carry(&line, GB, 0, at(2026, 5, 31, 21) + 1);
	pass(&line, at(2026, 5, 31, 21));
	/* Away for four hours, three of them before the end. */
	assert_true(carry(&line, 4 * GB, 400, at(2026, 6, 1, 1)));
	assert_int_equal(used(&line), GB + 100);
	assert_int_equal(line.quota.before.used[DOWNLOAD], 4 * GB);
	/* Away for months: what belongs to none of the two periods is not charged to the new one. */
	assert_true(carry(&line, 92 * GB, 0, at(2026, 9, 1, 1)));
	assert_in_range(used(&line), GB / 25, GB / 23);
}

static void says_how_it_will_end(void **state)
{
	struct line line;

	(void)state;
	go_to("UTC");
	line = begin(monthly(1), at(2026, 4, 1, 0));
	carry(&line, GB, 0, at(2026, 4, 1, 6));
	assert_int_equal(quota_forecast(&line.quota, &line.settings, line.now), 0); /* too early to tell */
	carry(&line, 9 * GB, 0, at(2026, 4, 11, 0));
	assert_int_equal(quota_forecast(&line.quota, &line.settings, line.now), 30 * GB);
	/* A daemon that began in the middle goes by what it has seen. */
	line = begin(monthly(1), at(2026, 4, 16, 0));
	carry(&line, 5 * GB, 0, at(2026, 4, 21, 0));
	assert_int_equal(quota_forecast(&line.quota, &line.settings, line.now), 15 * GB);
}

static void goes_from_stage_to_stage(void **state)
{
	enum quota_stage before = QUOTA_FREE;
	unsigned int taper = 0, steps = 0;
	struct line line;

	(void)state;
	go_to("UTC");
	line = begin(monthly(1), at(2026, 4, 1, 0));
	for (int i = 1; i <= 1100; i++) {
		unsigned int now;

		carry(&line, GB / 20, 0, line.now + 60);
		now = quota_taper(&line.quota, &line.settings);
		assert_true(now == taper || now == taper + 1);
		steps += now != taper;
		taper = now;
		assert_true(quota_stage(&line.quota, &line.settings) >= before);
		before = quota_stage(&line.quota, &line.settings);
		assert_int_equal(before, i < 800 ? QUOTA_FREE : i < 900 ? QUOTA_WARNED : i < 1000 ? QUOTA_TAPERED : QUOTA_SPENT);
		assert_int_equal(taper > 0, i >= 900);
	}
	assert_int_equal(taper, QUOTA_TAPER_STEPS - 1);
	assert_int_equal(steps, QUOTA_TAPER_STEPS - 1);
	line.settings.cut_off_permille = line.settings.taper_permille = 0;
	assert_int_equal(quota_stage(&line.quota, &line.settings), QUOTA_WARNED);
	assert_int_equal(quota_taper(&line.quota, &line.settings), 0);
	pass(&line, at(2026, 5, 1, 0));
	assert_int_equal(quota_stage(&line.quota, &line.settings), QUOTA_FREE);
}

/* Whatever happens, each byte is in one period and no byte in two. */
static void no_byte_is_lost_or_counted_twice(void **state)
{
	unsigned int seed = 7;

	(void)state;
	go_to(BERLIN);
	for (int play = 0; play < 200; play++) {
		struct line line = begin(monthly((uint8_t)(play % 31 + 1)), at(2026, 1, 1 + play % 28, 3));
		uint64_t sent = 0, closed = 0;

		line.settings.period = (enum quota_period)(play % 2 * 2);
		pass(&line, line.now);
		for (int i = 0; i < 500; i++) {
			uint64_t bytes = (uint64_t)rand_r(&seed) % GB;
			int64_t now = line.now + rand_r(&seed) % (2 * HOUR);
			struct quota_span span = line.quota.now;

			if (rand_r(&seed) % 20 == 0) {
				line.counters[DOWNLOAD] = line.counters[UPLOAD] = 0;
				line.source.index++;
			}
			if (rand_r(&seed) % 30 == 0)
				now = line.now - rand_r(&seed) % HOUR;
			sent += bytes + bytes / 3;
			if (carry(&line, bytes, bytes / 3, now) && line.quota.before.begin == span.begin)
				closed += line.quota.before.used[DOWNLOAD] + line.quota.before.used[UPLOAD];
			else if (line.quota.now.begin < span.begin) /* came back */
				closed -= line.quota.now.used[DOWNLOAD] + line.quota.now.used[UPLOAD]
					- (span.used[DOWNLOAD] + span.used[UPLOAD]) - bytes - bytes / 3;
		}
		assert_int_equal(closed + used(&line), sent);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_on_the_last_day_of_short_months),
		cmocka_unit_test(periods_are_those_of_the_calendar),
		cmocka_unit_test(counts_what_is_asked_for),
		cmocka_unit_test(counters_may_begin_anew),
		cmocka_unit_test(counters_of_32_bits_run_over),
		cmocka_unit_test(a_clock_that_is_set_costs_nothing),
		cmocka_unit_test(changes_of_the_season_move_no_boundary),
		cmocka_unit_test(what_passed_over_the_end_is_parted),
		cmocka_unit_test(says_how_it_will_end),
		cmocka_unit_test(goes_from_stage_to_stage),
		cmocka_unit_test(no_byte_is_lost_or_counted_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
