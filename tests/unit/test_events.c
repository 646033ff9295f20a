/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that the last events are kept in order, and that each is published as one line of plain JSON. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/events.h"
#include "service/log.h"

struct fixture {
	struct events *events;
	unsigned int published;
	char line[2048]; /* the last one */
};

static void take_line(void *data, const char *line)
{
	struct fixture *fixture = data;

	fixture->published++;
	snprintf(fixture->line, sizeof(fixture->line), "%s", line);
}

static int make_events(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (fixture == NULL)
		return -1;
	log_open(false, false, 0);
	fixture->events = events_new(take_line, fixture);
	*state = fixture;
	return fixture->events == NULL ? -1 : 0;
}

static int free_events(void **state)
{
	struct fixture *fixture = *state;

	events_free(fixture->events);
	free(fixture);
	return 0;
}

static void add_numbered(struct fixture *fixture, unsigned int from, unsigned int until)
{
	for (unsigned int i = from; i < until; i++)
		events_add(fixture->events, EVENT_LINK, EVENT_NOTICE, "fiber", "event %u", i);
}

/* The list is "event from" to "event until - 1", whatever limit. */
static void check_list(const struct fixture *fixture, size_t limit, unsigned int from, unsigned int until)
{
	json_t *list = events_list(fixture->events, limit);
	char expected[32];

	assert_int_equal(json_array_size(list), until - from);
	for (unsigned int i = from; i < until; i++) {
		snprintf(expected, sizeof(expected), "event %u", i);
		assert_string_equal(json_string_value(json_object_get(json_array_get(list, i - from), "text")), expected);
	}
	json_decref(list);
}

static void keeps_the_last(void **state)
{
	struct fixture *fixture = *state;

	check_list(fixture, 10, 0, 0);
	add_numbered(fixture, 0, 3);
	check_list(fixture, EVENTS_KEPT, 0, 3);
	add_numbered(fixture, 3, 512);
	check_list(fixture, 100000, 0, 512);
	add_numbered(fixture, 512, 513);
	check_list(fixture, 100000, 1, 513);
	add_numbered(fixture, 513, 1700);
	check_list(fixture, 100000, 1700 - 512, 1700);
}

static void gives_no_more_than_asked_for(void **state)
{
	struct fixture *fixture = *state;

	add_numbered(fixture, 0, 5);
	check_list(fixture, 0, 0, 0);
	check_list(fixture, 1, 4, 5);
	check_list(fixture, 4, 1, 5);
	check_list(fixture, 6, 0, 5);
	add_numbered(fixture, 5, 600);
	check_list(fixture, 3, 597, 600);
	check_list(fixture, 0, 0, 0);
}

static json_t *last_line(const struct fixture *fixture)
{
	json_error_t error;
	json_t *event = json_loads(fixture->line, JSON_REJECT_DUPLICATES, &error);

	if (event == NULL)
		fail_msg("not JSON: %s: %s", error.text, fixture->line);
	assert_null(strchr(fixture->line, '\n'));
	return event;
}

static const char *word(const json_t *event, const char *key)
{
	return json_string_value(json_object_get(event, key));
}

static void publishes_each_as_a_line_of_json(void **state)
{
	struct fixture *fixture = *state;
	double before = (double)time(NULL);
	json_t *event;

	events_add(fixture->events, EVENT_LINK, EVENT_WARNING, "lte", "link \"%s\" is \\down", "lte");
	assert_int_equal(fixture->published, 1);
	event = last_line(fixture);
	assert_string_equal(word(event, "kind"), "link");
	assert_string_equal(word(event, "link"), "lte");
	assert_string_equal(word(event, "text"), "link \"lte\" is \\down");
	assert_true(json_real_value(json_object_get(event, "time")) >= before);
	assert_true(json_real_value(json_object_get(event, "time")) <= (double)time(NULL) + 1);
	json_decref(event);
	events_add(fixture->events, EVENT_DAEMON, EVENT_NOTICE, NULL, "runs");
	assert_int_equal(fixture->published, 2);
	event = last_line(fixture);
	assert_true(json_is_null(json_object_get(event, "link")));
	json_decref(event);
}

static void names_every_kind(void **state)
{
	static const char *const names[] = { [EVENT_LINK] = "link", [EVENT_RELOAD] = "reload", [EVENT_KERNEL] = "kernel",
		[EVENT_MAIL] = "mail", [EVENT_DAEMON] = "daemon", [EVENT_QUEUE] = "queue",
		[EVENT_ATTACK] = "attack", [EVENT_QUOTA] = "quota" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		json_t *event;

		events_add(fixture->events, (enum event_kind)i, EVENT_ERROR, NULL, "x");
		event = last_line(fixture);
		assert_string_equal(word(event, "kind"), names[i]);
		json_decref(event);
	}
}

/* Every byte there is, alone and within words: still one event, one line, and nothing that drives a terminal. */
static void strange_bytes_do_no_harm(void **state)
{
	struct fixture *fixture = *state;

	for (int byte = 1; byte < 256; byte++) {
		const char text[] = { 'a', (char)byte, 'b', '\0' };
		char expected[] = { 'a', byte < ' ' || byte > '~' ? '?' : (char)byte, 'b', '\0' };
		json_t *event;

		events_add(fixture->events, EVENT_KERNEL, EVENT_NOTICE, NULL, "%s", text);
		event = last_line(fixture);
		assert_string_equal(word(event, "text"), expected);
		json_decref(event);
	}
	assert_int_equal(fixture->published, 255);
}

static void half_a_character_does_no_harm(void **state)
{
	struct fixture *fixture = *state;
	char text[700];
	json_t *event;

	/* The text is cut within a character of two bytes. */
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[sizeof(text) - 2] = '\0';
	events_add(fixture->events, EVENT_KERNEL, EVENT_NOTICE, NULL, "x%s", text);
	event = last_line(fixture);
	assert_true(strlen(word(event, "text")) > 400);
	json_decref(event);
}

static void name_with_strange_bytes_is_told(void **state)
{
	struct fixture *fixture = *state;
	json_t *event, *list;

	events_add(fixture->events, EVENT_LINK, EVENT_NOTICE, "gl\xc3\xa4ser", "link %s up", "gl\xc3\xa4ser");
	event = last_line(fixture);
	assert_string_equal(word(event, "link"), "gl\xc3\xa4ser");
	assert_string_equal(word(event, "text"), "link gl??ser up");
	json_decref(event);
	list = events_list(fixture->events, 1);
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
}

static void list_outlives_the_events(void **state)
{
	struct fixture *fixture = *state;
	json_t *list;

	add_numbered(fixture, 0, 2);
	list = events_list(fixture->events, 2);
	add_numbered(fixture, 2, 1000);
	events_free(fixture->events);
	fixture->events = NULL;
	assert_string_equal(word(json_array_get(list, 0), "text"), "event 0");
	json_decref(list);
}

int main(void)
{
#define WITH_EVENTS(test) cmocka_unit_test_setup_teardown(test, make_events, free_events)
	static const struct CMUnitTest tests[] = {
		WITH_EVENTS(keeps_the_last),
		WITH_EVENTS(gives_no_more_than_asked_for),
		WITH_EVENTS(publishes_each_as_a_line_of_json),
		WITH_EVENTS(names_every_kind),
		WITH_EVENTS(strange_bytes_do_no_harm),
		WITH_EVENTS(half_a_character_does_no_harm),
		WITH_EVENTS(name_with_strange_bytes_is_told),
		WITH_EVENTS(list_outlives_the_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
