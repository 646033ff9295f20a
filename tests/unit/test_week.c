/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves which minutes of the week a timetable has, and that local minutes follow the clock over summer time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/week.h"
#include "daemon/local_time.h"

#define MON 0
#define FRI 4
#define SAT 5
#define SUN 6
#define AT(day, hour, minute) ((uint16_t)((day) * 1440 + (hour) * 60 + (minute)))

#define BIT(day) (1u << (day))
#define WORKDAYS 0x1f

struct week {
	struct arena *arena;
	struct time_spans spans;
};

static void open_week(struct week *week, unsigned int days, size_t count, const struct hours *hours)
{
	struct timetable timetable = { .days = (uint8_t)days, .hours = (struct hours *)(uintptr_t)hours, .count = count };

	week->arena = arena_new();
	assert_true(week_spans(week->arena, &timetable, &week->spans));
}

static void close_week(struct week *week)
{
	arena_free(week->arena);
}

/* Sorted, apart, and within the week. */
static void assert_sound(const struct time_spans *spans)
{
	for (size_t i = 0; i < spans->count; i++) {
		assert_true(spans->items[i].first < spans->items[i].last);
		assert_true(spans->items[i].last <= MINUTES_OF_WEEK);
		assert_true(i == 0 || spans->items[i - 1].last < spans->items[i].first);
	}
}

static unsigned int minutes_in(const struct time_spans *spans)
{
	unsigned int count = 0;

	for (unsigned int minute = 0; minute < MINUTES_OF_WEEK; minute++)
		count += week_holds(spans, (uint16_t)minute);
	return count;
}

static void without_a_timetable_always(void **state)
{
	struct week week;

	(void)state;
	open_week(&week, 0, 0, NULL);
	assert_int_equal(week.spans.count, 0);
	assert_int_equal(minutes_in(&week.spans), MINUTES_OF_WEEK);
	close_week(&week);
}

static void hours_of_working_days(void **state)
{
	static const struct hours hours = { 480, 1080 };
	struct week week;

	(void)state;
	open_week(&week, WORKDAYS, 1, &hours);
	assert_sound(&week.spans);
	assert_int_equal(week.spans.count, 5);
	assert_int_equal(minutes_in(&week.spans), 5 * 600);
	assert_false(week_holds(&week.spans, AT(MON, 7, 59)));
	assert_true(week_holds(&week.spans, AT(MON, 8, 0)));
	assert_true(week_holds(&week.spans, AT(FRI, 17, 59)));
	assert_false(week_holds(&week.spans, AT(FRI, 18, 0)));
	assert_false(week_holds(&week.spans, AT(SAT, 12, 0)));
	close_week(&week);
}

static void days_join_to_one_span(void **state)
{
	struct week week;

	(void)state;
	open_week(&week, WORKDAYS, 0, NULL);
	assert_int_equal(week.spans.count, 1);
	assert_int_equal(week.spans.items[0].first, 0);
	assert_int_equal(week.spans.items[0].last, AT(SAT, 0, 0));
	close_week(&week);
}

/* A night belongs to the day that it begins, and Sunday's goes on on Monday. */
static void over_midnight(void **state)
{
	static const struct hours night = { 1320, 360 };
	struct week week;

	(void)state;
	open_week(&week, BIT(FRI), 1, &night);
	assert_sound(&week.spans);
	assert_int_equal(minutes_in(&week.spans), 480);
	assert_false(week_holds(&week.spans, AT(FRI, 3, 0)));
	assert_true(week_holds(&week.spans, AT(FRI, 22, 0)));
	assert_true(week_holds(&week.spans, AT(SAT, 5, 59)));
	assert_false(week_holds(&week.spans, AT(SAT, 6, 0)));
	assert_false(week_holds(&week.spans, AT(SAT, 22, 0)));
	close_week(&week);

	open_week(&week, BIT(SUN), 1, &night);
	assert_sound(&week.spans);
	assert_int_equal(week.spans.count, 2);
	assert_true(week_holds(&week.spans, AT(SUN, 23, 59)));
	assert_true(week_holds(&week.spans, AT(MON, 0, 0)));
	assert_true(week_holds(&week.spans, AT(MON, 5, 59)));
	assert_false(week_holds(&week.spans, AT(MON, 6, 0)));
	assert_int_equal(minutes_in(&week.spans), 480);
	close_week(&week);
}

static void overlapping_hours_join(void **state)
{
	static const struct hours hours[] = { { 600, 720 }, { 0, 60 }, { 660, 780 }, { 780, 840 }, { 630, 640 } };
	struct week week;

	(void)state;
	open_week(&week, 0, 5, hours);
	assert_sound(&week.spans);
	assert_int_equal(week.spans.count, 14);
	assert_int_equal(minutes_in(&week.spans), 7 * (60 + 240));
	close_week(&week);
}

static void tells_when_policies_change(void **state)
{
	struct time_span morning = { AT(MON, 8, 0), AT(MON, 9, 0) }, noon = { AT(MON, 12, 0), AT(MON, 13, 0) };
	struct policy policies[] = { { .name = "always" }, { .name = "morning" }, { .name = "noon" } };
	struct config config = { .policies = policies, .policy_count = 3 };

	(void)state;
	policies[1].match.times = (struct time_spans){ &morning, 1 };
	policies[2].match.times = (struct time_spans){ &noon, 1 };
	assert_false(week_differs(&config, AT(MON, 7, 58), AT(MON, 7, 59)));
	assert_true(week_differs(&config, AT(MON, 7, 59), AT(MON, 8, 0)));
	assert_false(week_differs(&config, AT(MON, 8, 0), AT(MON, 8, 59)));
	assert_true(week_differs(&config, AT(MON, 8, 59), AT(MON, 9, 0)));
	assert_true(week_differs(&config, AT(MON, 8, 30), AT(MON, 12, 30)));
	assert_false(week_differs(&config, AT(MON, 9, 0), AT(SUN, 23, 59)));
}

/* 2026-03-29 01:00 UTC: the clock goes from 01:59 to 03:00. */
static void summer_time_begins(void **state)
{
	static const time_t change = 1774746000;

	(void)state;
	assert_int_equal(local_minute(change - 60), AT(SUN, 1, 59));
	assert_int_equal(local_minute(change), AT(SUN, 3, 0));
	assert_int_equal(local_minute(change + 20 * 3600 + 3599), AT(SUN, 23, 59));
	assert_int_equal(local_minute(change + 21 * 3600), AT(MON, 0, 0));
}

/* 2026-10-25 01:00 UTC: from 02:59 back to 02:00, so that an hour comes twice. */
static void summer_time_ends(void **state)
{
	static const time_t change = 1792890000;
	struct time_span span = { AT(SUN, 2, 15), AT(SUN, 2, 45) };
	struct time_spans spans = { &span, 1 };

	(void)state;
	assert_int_equal(local_minute(change - 1), AT(SUN, 2, 59));
	assert_int_equal(local_minute(change), AT(SUN, 2, 0));
	assert_true(week_holds(&spans, local_minute(change - 30 * 60)));
	assert_false(week_holds(&spans, local_minute(change)));
	assert_true(week_holds(&spans, local_minute(change + 30 * 60)));
	assert_int_equal(local_minute(change + 3600), AT(SUN, 3, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_timetable_always),
		cmocka_unit_test(hours_of_working_days),
		cmocka_unit_test(days_join_to_one_span),
		cmocka_unit_test(over_midnight),
		cmocka_unit_test(overlapping_hours_join),
		cmocka_unit_test(tells_when_policies_change),
		cmocka_unit_test(summer_time_begins),
		cmocka_unit_test(summer_time_ends),
	};

	/* The rule of Europe/Berlin itself, where no zone files are installed. */
	setenv("TZ", access("/usr/share/zoneinfo/Europe/Berlin", R_OK) == 0 ? "Europe/Berlin" :
		"CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
