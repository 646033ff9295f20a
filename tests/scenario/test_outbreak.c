/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plays the alerts of a link in fake time: each change where there are few, one word where it flaps. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/outbreak.h"
#include "play.h"

#define START 1800000000

/* What was told of one link so far. */
struct story {
	struct outbreak outbreak;
	int64_t now;
	uint32_t reminder_s;
	unsigned int words, changes, flaps, settled, reminders;
	int64_t last[OUTBREAK_REMINDER + 1]; /* when each word came last */
};

static void hear(struct story *story, enum outbreak_word word)
{
	story->words += word != OUTBREAK_SILENCE;
	story->changes += word == OUTBREAK_CHANGE;
	story->flaps += word == OUTBREAK_FLAPS;
	story->settled += word == OUTBREAK_SETTLED;
	story->reminders += word == OUTBREAK_REMINDER;
	story->last[word] = story->now;
}

static void pass(struct story *story, int64_t seconds)
{
	for (int64_t end = story->now + seconds; story->now < end;) {
		story->now++;
		hear(story, outbreak_second(&story->outbreak, story->reminder_s, story->now));
	}
}

static void change(struct story *story, enum link_state state)
{
	hear(story, outbreak_change(&story->outbreak, state, story->now));
}

static void one_outage_is_told_twice(void **state)
{
	struct story story = { .now = START };

	(void)state;
	change(&story, LINK_DOWN);
	pass(&story, 7200);
	assert_false(outbreak_over(&story.outbreak, story.now));
	change(&story, LINK_UP);
	assert_int_equal(story.words, 2);
	assert_int_equal(story.changes, 2);
	assert_false(outbreak_over(&story.outbreak, story.now));
	pass(&story, OUTBREAK_WINDOW_S);
	assert_true(outbreak_over(&story.outbreak, story.now));
	assert_int_equal(story.words, 2);
}

/* Down and up each second for ten minutes. */
static void flapping_is_gathered(void **state)
{
	struct story story = { .now = START };

	(void)state;
	for (unsigned int second = 0; second < 600; second++) {
		change(&story, second % 2 == 0 ? LINK_DOWN : LINK_UP);
		pass(&story, 1);
	}
	assert_int_equal(story.changes, OUTBREAK_CHANGES);
	assert_int_equal(story.flaps, 1);
	assert_int_equal(story.words, OUTBREAK_CHANGES + 1);
	assert_int_equal(story.last[OUTBREAK_FLAPS], START + OUTBREAK_CHANGES);
	pass(&story, OUTBREAK_QUIET_S);
	assert_int_equal(story.settled, 1);
	assert_int_equal(story.words, OUTBREAK_CHANGES + 2);
	assert_int_equal(story.outbreak.changes, 600 - OUTBREAK_CHANGES);
	assert_int_equal(story.outbreak.outages, (600 - OUTBREAK_CHANGES) / 2);
	assert_int_equal(story.outbreak.down_s, (600 - OUTBREAK_CHANGES) / 2);
	pass(&story, 7200);
	assert_int_equal(story.words, OUTBREAK_CHANGES + 2);
	assert_true(outbreak_over(&story.outbreak, story.now));
	print_message("ten minutes of flapping each second: %u words\n", story.words);
}

/* Checks and damping of the link take part: what the state machine of its health makes of the same ten minutes. */
static void flapping_rounds_are_gathered(void **state)
{
	struct play play = play_new(200);
	struct story story = { .now = START };
	enum link_state before = LINK_UP;

	(void)state;
	play.check.down_after = 2;
	play.check.up_after = 2;
	for (unsigned int round = 0; round < 5 * 600; round++) {
		play.latency_us = round / 5 % 2 == 0 ? DEAD : 20000;
		play_rounds(&play, 1);
		if (play.health.state != before)
			change(&story, play.health.state);
		before = play.health.state;
		if (round % 5 == 4)
			pass(&story, 1);
	}
	pass(&story, 2 * OUTBREAK_QUIET_S);
	print_message("of %u times down: %u words\n", play.downs, story.words);
	assert_true(play.downs >= 1);
	assert_in_range(story.words, 1, OUTBREAK_CHANGES + 2);
}

/* A link that settles down is in trouble still. */
static void settled_down_is_reminded_of(void **state)
{
	struct story story = { .now = START, .reminder_s = 3600 };

	(void)state;
	for (unsigned int second = 0; second < 59; second++) {
		change(&story, second % 2 == 0 ? LINK_DOWN : LINK_UP);
		pass(&story, 1);
	}
	pass(&story, OUTBREAK_QUIET_S);
	assert_int_equal(story.settled, 1);
	assert_int_equal(story.outbreak.state, LINK_DOWN);
	assert_int_equal(story.reminders, 0);
	pass(&story, 3600);
	assert_int_equal(story.reminders, 1);
	change(&story, LINK_UP);
	assert_int_equal(story.changes, OUTBREAK_CHANGES + 1);
	pass(&story, 7200);
	assert_int_equal(story.reminders, 1);
}

static void reminders_come_while_it_lasts(void **state)
{
	struct story story = { .now = START, .reminder_s = 6 * 3600 };

	(void)state;
	change(&story, LINK_DOWN);
	pass(&story, 6 * 3600 - 1);
	assert_int_equal(story.reminders, 0);
	pass(&story, 1);
	assert_int_equal(story.reminders, 1);
	pass(&story, 18 * 3600);
	assert_int_equal(story.reminders, 4);
	change(&story, LINK_DEGRADED);
	pass(&story, 6 * 3600);
	assert_int_equal(story.reminders, 5);
	change(&story, LINK_UP);
	pass(&story, 48 * 3600);
	assert_int_equal(story.reminders, 5);
}

/* It flaps for a minute again and again: less and less is told of it. */
static void relapses_take_longer_to_settle(void **state)
{
	struct story story = { .now = START };

	(void)state;
	for (unsigned int minute = 0; minute < 24 * 60; minute++) {
		for (unsigned int i = 0; minute % 7 == 0 && i < 10; i++)
			change(&story, i % 2 == 0 ? LINK_DOWN : LINK_UP);
		pass(&story, 60);
	}
	print_message("a minute of flapping every seven, for a day: %u words\n", story.words);
	assert_in_range(story.words, 3, 20);
}

/* It goes for a moment every quarter of an hour: nothing of that is flapping, each is told. */
static void rare_outages_are_told_each(void **state)
{
	struct story story = { .now = START };

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		change(&story, LINK_DOWN);
		pass(&story, 5);
		change(&story, LINK_UP);
		pass(&story, 895);
	}
	assert_int_equal(story.changes, 40);
	assert_int_equal(story.words, 40);
}

static void clock_steps_do_no_harm(void **state)
{
	struct story story = { .now = START, .reminder_s = 3600 };

	(void)state;
	change(&story, LINK_DOWN);
	story.now -= 86400;
	pass(&story, 1 + 3600);
	assert_int_equal(story.reminders, 1);
	for (unsigned int second = 0; second < 60; second++) {
		change(&story, second % 2 == 0 ? LINK_UP : LINK_DOWN);
		pass(&story, 1);
	}
	assert_int_equal(story.flaps, 1);
	story.now -= 30 * 86400;
	pass(&story, 1 + OUTBREAK_QUIET_S);
	assert_int_equal(story.settled, 1);
	story.now += 30 * 86400;
	pass(&story, 10);
	assert_int_equal(story.reminders, 2);
	assert_true(story.outbreak.down_s < 86400);
}

/* Whatever comes: never more than a few words in any quarter of an hour, and the end is always told. */
static void words_are_bounded_whatever_comes(void **state)
{
	(void)state;
	for (unsigned int trial = 0; trial < 200; trial++) {
		struct story story = { .now = START };
		int64_t length = 1 + rand() % 120;

		for (unsigned int i = 0; i < 400; i++) {
			enum link_state next = (enum link_state)(rand() % 3);
			unsigned int before = story.words;

			pass(&story, 1 + rand() % length);
			if (next != story.outbreak.state)
				change(&story, next);
			assert_true(story.words - before <= 2);
			assert_true(outbreak_over(&story.outbreak, story.now) || story.words > 0 || story.outbreak.changed == 0);
		}
		assert_true(story.words <= 2 * ((story.now - START) / OUTBREAK_QUIET_S + 1) * OUTBREAK_CHANGES);
		change(&story, story.outbreak.state == LINK_UP ? LINK_DOWN : LINK_UP);
		pass(&story, OUTBREAK_QUIET_MOST_S);
		assert_int_equal(story.flaps, story.settled);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_outage_is_told_twice),
		cmocka_unit_test(flapping_is_gathered),
		cmocka_unit_test(flapping_rounds_are_gathered),
		cmocka_unit_test(settled_down_is_reminded_of),
		cmocka_unit_test(reminders_come_while_it_lasts),
		cmocka_unit_test(relapses_take_longer_to_settle),
		cmocka_unit_test(rare_outages_are_told_each),
		cmocka_unit_test(clock_steps_do_no_harm),
		cmocka_unit_test(words_are_bounded_whatever_comes),
	};

	seed_random();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
