/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration on trial: it undoes itself unless somebody confirms it, also over a crash. */

#include "daemon/trial.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "service/file.h"

/*
 * In the state folder: the texts before and of the trial, and what has become of it. They count while STATE_NAME is
 * there, which is written last and removed first.
 */
#define FOLDER      "trial"
#define BEFORE_NAME "before.yaml"
#define TRIED_NAME  "tried.yaml"
#define STATE_NAME  "state"
#define PENDING     "pending\n"
#define UNDONE      "undone\n"

#define TEXT_LIMIT     (256u << 20)
#define UNDO_AGAIN_MS  1000

static const char *folder_of(const struct config *config, char *path, size_t size)
{
	snprintf(path, size, "%s/" FOLDER, config->state_directory);
	return path;
}

static int say(char *message, size_t size, int error, const char *format, ...) __attribute__((format(printf, 4, 5)));

static int say(char *message, size_t size, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, size, format, arguments);
	va_end(arguments);
	return error;
}

static int write_text(const struct daemon *daemon, const char *name, const char *text)
{
	char folder[4096];

	return file_write(folder_of(daemon->generation->config, folder, sizeof(folder)), name, text, strlen(text));
}

/* Before is what a start returns to, instead of what the file has. */
static int write_marker(const struct daemon *daemon, const char *before, const char *tried, const char *state)
{
	int error = write_text(daemon, BEFORE_NAME, before);

	if (error == 0)
		error = write_text(daemon, TRIED_NAME, tried);
	return error < 0 ? error : write_text(daemon, STATE_NAME, state);
}

static void remove_marker(const struct config *config)
{
	static const char *const names[] = { STATE_NAME, BEFORE_NAME, TRIED_NAME };
	char folder[4096], path[4200];

	folder_of(config, folder, sizeof(folder));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
}

unsigned int trial_left_s(const struct daemon *daemon)
{
	uint64_t now_ms = verdicts_now_ms();

	return daemon->trial.until_ms <= now_ms ? 0 : (unsigned int)((daemon->trial.until_ms - now_ms + 999) / 1000);
}

bool trial_blocks(const struct daemon *daemon, char *message, size_t size)
{
	if (daemon->trial.pending)
		say(message, size, 0, "%s is on trial for %u s more: `uplinkctl confirm' or `uplinkctl rollback' comes first",
			daemon->trial.path, trial_left_s(daemon));
	return daemon->trial.pending;
}

void trial_settle(struct daemon *daemon, char *before)
{
	if (daemon->trial.undone)
		remove_marker(daemon->generation->config);
	daemon->trial.undone = false;
	free(daemon->trial.before);
	daemon->trial.before = before;
}

/* The text before comes into force. left is the text of what is left, for the marker. */
static int go_back(struct daemon *daemon, char *message, size_t size)
{
	struct trial *trial = &daemon->trial;
	char *left = config_text(daemon->generation->config), *back = trial->before;
	struct generation *generation = left == NULL ? NULL : generation_parse(daemon, back);
	int error = generation == NULL ? -ENOMEM : generation_enter(daemon, generation, message, size);

	if (error == 0) {
		error = write_marker(daemon, back, left, UNDONE);
		if (error < 0)
			events_add(daemon->events, EVENT_RELOAD, EVENT_ERROR, NULL,
				"%s cannot be kept: the next start loads what was undone: %s", BEFORE_NAME, strerror(-error));
		free(back);
		trial->before = NULL;
		trial->pending = false;
		trial->undone = true;
		uv_timer_stop(&daemon->trial_timer);
		error = 0;
	} else if (message[0] == '\0') {
		say(message, size, error, "the configuration before cannot be loaded: %s", strerror(-error));
	}
	free(left);
	return error;
}

static void on_timeout(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	char message[256] = "";

	if (go_back(daemon, message, sizeof(message)) == 0) {
		events_add(daemon->events, EVENT_RELOAD, EVENT_WARNING, NULL,
			"nobody confirmed %s: the configuration before it is in force again", daemon->trial.path);
		return;
	}
	events_add(daemon->events, EVENT_RELOAD, EVENT_ERROR, NULL, "the trial cannot be undone: %s", message);
	uv_timer_start(timer, on_timeout, UNDO_AGAIN_MS, 0);
}

static int start_trial(struct daemon *daemon, struct generation *generation, uint32_t timeout_ms, char *message, size_t size)
{
	char *before = config_text(daemon->generation->config), *tried = config_text(generation->config);
	int error = before == NULL || tried == NULL ? -ENOMEM : write_marker(daemon, before, tried, PENDING);

	free(tried);
	if (error < 0) {
		generation_free(generation);
		say(message, size, error, "what the trial returns to cannot be kept in %s: %s",
			daemon->generation->config->state_directory, strerror(-error));
	} else {
		error = generation_enter(daemon, generation, message, size);
	}
	if (error < 0) {
		remove_marker(daemon->generation->config);
		free(before);
		return error;
	}
	free(daemon->trial.before);
	daemon->trial.before = before;
	daemon->trial.undone = false;
	daemon->trial.pending = true;
	daemon->trial.timeout_ms = timeout_ms;
	daemon->trial.until_ms = verdicts_now_ms() + timeout_ms;
	uv_timer_start(&daemon->trial_timer, on_timeout, timeout_ms, 0);
	return 0;
}

int trial_begin(struct daemon *daemon, const char *path, uint32_t timeout_ms, struct config_errors *errors, char *message,
	size_t size)
{
	struct generation *generation;
	char *copy;
	int error;

	if (trial_blocks(daemon, message, size))
		return -EBUSY;
	generation = generation_load(daemon, path, errors);
	if (generation == NULL)
		return errors->count > 0 ? -EINVAL : say(message, size, -ENOMEM, "no memory");
	if (!generation_fits(daemon, generation, message, size)) {
		generation_free(generation);
		return -EBUSY;
	}
	copy = strdup(path);
	if (copy == NULL) {
		generation_free(generation);
		return say(message, size, -ENOMEM, "no memory");
	}
	error = start_trial(daemon, generation, timeout_ms, message, size);
	if (error < 0) {
		free(copy);
		return error;
	}
	free(daemon->trial.path);
	daemon->trial.path = copy;
	events_add(daemon->events, EVENT_RELOAD, EVENT_WARNING, NULL, "%s is on trial: undone in %u s unless confirmed", path,
		trial_left_s(daemon));
	return 0;
}

bool trial_confirm(struct daemon *daemon, char *message, size_t size)
{
	if (!daemon->trial.pending) {
		say(message, size, 0, "%s", daemon->trial.undone ? "the trial has been undone: nothing is left to confirm"
		                                                 : "no configuration is on trial");
		return false;
	}
	uv_timer_stop(&daemon->trial_timer);
	daemon->trial.pending = false;
	remove_marker(daemon->generation->config);
	events_add(daemon->events, EVENT_RELOAD, EVENT_NOTICE, NULL, "%s is confirmed", daemon->trial.path);
	return true;
}

int trial_rollback(struct daemon *daemon, char *message, size_t size)
{
	bool pending = daemon->trial.pending;
	int error;

	if (daemon->trial.before == NULL)
		return say(message, size, -ENOENT, "there is no configuration to return to: %s",
			daemon->trial.undone ? "the last one was undone already" : "none was loaded since uplinkd started");
	error = go_back(daemon, message, size);
	if (error == 0)
		events_add(daemon->events, EVENT_RELOAD, EVENT_WARNING, NULL, "%s: the configuration before is in force again",
			pending ? "the trial is undone" : "the last reload is undone");
	return error;
}

/* A text file of the marker in the state folder of config; NULL where there is none. The caller frees it. */
static char *read_text(const struct config *config, const char *name)
{
	char folder[4096];
	void *bytes;
	size_t size;

	if (file_read(folder_of(config, folder, sizeof(folder)), name, TEXT_LIMIT, &bytes, &size) < 0)
		return NULL;
	return bytes;
}

/* Whether the file still has what was tried. */
static bool is_tried(const struct config *config)
{
	char *tried = read_text(config, TRIED_NAME), *text = config_text(config);
	bool same = tried != NULL && text != NULL && strcmp(tried, text) == 0;

	free(tried);
	free(text);
	return same;
}

char *trial_resume(struct daemon *daemon, const struct config *config)
{
	char *state = read_text(config, STATE_NAME), *before = NULL;
	bool pending = state != NULL && strcmp(state, PENDING) == 0;

	if (state != NULL && (pending || is_tried(config)))
		before = read_text(config, BEFORE_NAME);
	free(state);
	if (before == NULL)
		return NULL;
	daemon->trial.undone = true;
	events_add(daemon->events, EVENT_RELOAD, EVENT_WARNING, NULL, "%s: the configuration before it is in force, not that of %s",
		pending ? "a trial was pending when uplinkd ended" : "the last trial was undone", daemon->config_path);
	return before;
}

void trial_started(struct daemon *daemon)
{
	if (!daemon->trial.undone)
		remove_marker(daemon->generation->config);
	else if (write_text(daemon, STATE_NAME, UNDONE) < 0)
		events_add(daemon->events, EVENT_RELOAD, EVENT_ERROR, NULL, "the trial cannot be noted as undone");
}

void trial_end(struct trial *trial)
{
	free(trial->path);
	free(trial->before);
}
