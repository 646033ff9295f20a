/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of hook.h with the real uplinkd-hook and small commands. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/hook.h"

#define CALLS (HOOK_AT_ONCE + HOOK_WAITING_MAX)

struct place {
	uv_loop_t loop;
	struct hook *hook;
	unsigned int results;
	int error;
	char last[HOOK_TITLE_MAX], said[HOOK_SAID_MAX];
	int64_t status;
};

static const char *const environment[] = { "UPLINKD_TEXT=a 'word'", NULL };

static void on_result(void *data, const struct hook_result *result)
{
	struct place *place = data;

	place->results++;
	place->error = result->error;
	place->status = result->status;
	snprintf(place->last, sizeof(place->last), "%s", result->title);
	snprintf(place->said, sizeof(place->said), "%s", result->said);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	char *program = realpath("uplinkd-hook", NULL);
	int result = -1;

	*state = place;
	if (place != NULL && program != NULL && uv_loop_init(&place->loop) == 0)
		result = hook_new(&place->loop, program, on_result, place, &place->hook);
	free(program);
	return result;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	int left;

	hook_free(place->hook);
	uv_run(&place->loop, UV_RUN_DEFAULT);
	/* nothing is left in the loop */
	left = uv_loop_close(&place->loop);
	free(place);
	return left;
}

static void use(struct place *place, const char *program, const char *argument)
{
	const char *words[] = { program, "-c", argument };
	struct command_settings settings = { .run = { words, 3 }, .timeout_ms = 30000 };

	assert_int_equal(hook_set(place->hook, &settings), 0);
}

static void wait_for_results(struct place *place, unsigned int count)
{
	while (place->results < count)
		assert_true(uv_run(&place->loop, UV_RUN_ONCE) != 0 || place->results >= count);
}

static void what_goes_in_comes_out(void **state)
{
	struct place *place = *state;

	use(place, "/bin/sh", "read line; echo \"$UPLINKD_TEXT, $line\"; exit 5");
	assert_int_equal(hook_call(place->hook, "down of a", environment, "the input\n"), 0);
	wait_for_results(place, 1);
	assert_string_equal(place->said, "a 'word', the input?");
	assert_string_equal(place->last, "down of a");
	assert_int_equal(place->status, 5);
}

static void more_than_can_wait_is_refused(void **state)
{
	struct place *place = *state;
	char title[16];

	use(place, "/bin/sh", "exit 0");
	for (unsigned int i = 0; i < CALLS; i++) {
		snprintf(title, sizeof(title), "call %u", i);
		assert_int_equal(hook_call(place->hook, title, environment, ""), 0);
	}
	assert_int_equal(hook_call(place->hook, "too much", environment, ""), -EAGAIN);
	wait_for_results(place, CALLS);
	assert_int_equal(hook_call(place->hook, "again", environment, ""), 0);
	wait_for_results(place, CALLS + 1);
}

static void nobody_need_read(void **state)
{
	struct place *place = *state;
	char *much = calloc(1, 30001);

	assert_non_null(much);
	memset(much, 'x', 30000);
	use(place, "/bin/sh", "exit 0");
	assert_int_equal(hook_call(place->hook, "unread", environment, much), 0);
	wait_for_results(place, 1);
	assert_int_equal(place->error, 0);
	much = realloc(much, 100001);
	assert_non_null(much);
	memset(much, 'x', 100000);
	much[100000] = '\0';
	assert_int_equal(hook_call(place->hook, "huge", environment, much), 0);
	assert_int_equal(place->results, 2);
	assert_int_equal(place->error, -EMSGSIZE);
	free(much);
}

static void without_a_command_nothing_is_run(void **state)
{
	static const struct command_settings none;
	struct place *place = *state;

	assert_int_equal(hook_call(place->hook, "none", environment, ""), -ENOENT);
	use(place, "/bin/sh", "sleep 100");
	for (unsigned int i = 0; i < CALLS; i++)
		assert_int_equal(hook_call(place->hook, "some", environment, ""), 0);
	assert_int_equal(hook_set(place->hook, &none), 0);
	assert_int_equal(hook_call(place->hook, "none", environment, ""), -ENOENT);
	assert_int_equal(place->results, 0);
	/* tear_down() finds none of those that run left */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_goes_in_comes_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_than_can_wait_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_need_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_command_nothing_is_run, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
