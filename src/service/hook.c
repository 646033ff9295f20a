/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the operator's own command for alerts: without rights, within its time, a few at once. */

#include "service/hook.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/hook_run.h"

/* One that is to be run: its texts stand behind it, environment and all. */
struct waiting {
	struct waiting *next;
	char title[HOOK_TITLE_MAX];
	char **environment;
	char *input;
};

struct hook {
	uv_loop_t *loop;
	char *program;
	hook_callback on_result;
	void *data;
	char **words; /* for uplinkd-hook: its own name, the user, the command. NULL: there is none */
	uint64_t timeout_ms;
	struct hook_run *runs[HOOK_AT_ONCE];
	struct waiting *first, **end;
	size_t count;
};

/* A copy of the list in one piece of memory. NULL: no memory. */
static char **copy_words(const char *const *words, size_t count)
{
	size_t size = (count + 1) * sizeof(char *);
	char **copy, *text;

	for (size_t i = 0; i < count; i++)
		size += strlen(words[i]) + 1;
	copy = malloc(size);
	if (copy == NULL)
		return NULL;
	text = (char *)(copy + count + 1);
	for (size_t i = 0; i < count; i++) {
		copy[i] = text;
		text = stpcpy(text, words[i]) + 1;
	}
	copy[count] = NULL;
	return copy;
}

static void free_waiting(struct waiting *waiting)
{
	free(waiting->environment);
	free(waiting->input);
	free(waiting);
}

static struct waiting *take_waiting(struct hook *hook)
{
	struct waiting *waiting = hook->first;

	if (waiting == NULL)
		return NULL;
	hook->first = waiting->next;
	if (hook->first == NULL)
		hook->end = &hook->first;
	hook->count--;
	return waiting;
}

static void run_next(struct hook *hook);

static void on_ended(void *data, struct hook_run *run, const struct hook_result *result)
{
	struct hook *hook = data;

	for (size_t i = 0; i < HOOK_AT_ONCE; i++) {
		if (hook->runs[i] == run)
			hook->runs[i] = NULL;
	}
	hook->on_result(hook->data, result);
	run_next(hook);
}

static void run(struct hook *hook, struct hook_run **place, struct waiting *waiting)
{
	struct hook_order order = { .title = waiting->title, .words = hook->words, .environment = waiting->environment,
		.input = waiting->input, .timeout_ms = hook->timeout_ms };
	struct hook_result result = { .title = waiting->title, .said = "" };

	result.error = hook_run_start(hook->loop, &order, on_ended, hook, place);
	if (result.error < 0)
		hook->on_result(hook->data, &result);
	free_waiting(waiting);
}

static void run_next(struct hook *hook)
{
	for (size_t i = 0; i < HOOK_AT_ONCE; i++) {
		while (hook->runs[i] == NULL && hook->first != NULL)
			run(hook, &hook->runs[i], take_waiting(hook));
	}
}

int hook_new(uv_loop_t *loop, const char *program, hook_callback on_result, void *data, struct hook **ret_hook)
{
	struct hook *hook = calloc(1, sizeof(*hook));

	if (hook == NULL)
		return -ENOMEM;
	*hook = (struct hook){ .loop = loop, .program = strdup(program), .on_result = on_result, .data = data,
		.end = &hook->first };
	if (hook->program == NULL) {
		free(hook);
		return -ENOMEM;
	}
	*ret_hook = hook;
	return 0;
}

int hook_set(struct hook *hook, const struct command_settings *settings)
{
	size_t count = settings->run.count;
	const char **words = calloc(count + 2, sizeof(*words));
	char **copy;

	if (words == NULL)
		return -ENOMEM;
	words[0] = hook->program;
	words[1] = settings->user != NULL ? settings->user : "";
	if (count > 0)
		memcpy(words + 2, settings->run.items, count * sizeof(*words));
	copy = count == 0 ? NULL : copy_words(words, count + 2);
	free(words);
	if (count > 0 && copy == NULL)
		return -ENOMEM;
	free(hook->words);
	hook->words = copy;
	hook->timeout_ms = settings->timeout_ms;
	while (hook->words == NULL && hook->first != NULL)
		free_waiting(take_waiting(hook));
	return 0;
}

static size_t count_words(const char *const *words)
{
	size_t count = 0;

	while (words[count] != NULL)
		count++;
	return count;
}

int hook_call(struct hook *hook, const char *title, const char *const *environment, const char *input)
{
	struct waiting *waiting;

	if (hook->words == NULL)
		return -ENOENT;
	if (hook->count >= HOOK_WAITING_MAX)
		return -EAGAIN;
	waiting = calloc(1, sizeof(*waiting));
	if (waiting == NULL)
		return -ENOMEM;
	waiting->environment = copy_words(environment, count_words(environment));
	waiting->input = strdup(input);
	if (waiting->environment == NULL || waiting->input == NULL) {
		free_waiting(waiting);
		return -ENOMEM;
	}
	strncpy(waiting->title, title, sizeof(waiting->title) - 1);
	*hook->end = waiting;
	hook->end = &waiting->next;
	hook->count++;
	run_next(hook);
	return 0;
}

void hook_free(struct hook *hook)
{
	if (hook == NULL)
		return;
	for (size_t i = 0; i < HOOK_AT_ONCE; i++)
		hook_run_leave(hook->runs[i]);
	while (hook->first != NULL)
		free_waiting(take_waiting(hook));
	free(hook->words);
	free(hook->program);
	free(hook);
}
