/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the mail process running, tells it the settings, wakes it when the spool has something. */

#include "service/mailer.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "service/log.h"
#include "service/mailer_process.h"
#include "service/mailer_start.h"
#include "service/spool.h"

#define DELAY_MIN_MS 1000
#define DELAY_MAX_MS 30000

struct mailer {
	uv_loop_t *loop;
	char *program, *folder, *settings_line;
	struct mailer_user user;
	mailer_callback on_report;
	void *data;
	struct mailer_process *process; /* NULL: not running */
	uv_timer_t restart;
	uint64_t delay_ms;
};

static void start(struct mailer *mailer);

static bool something_waits(const struct mailer *mailer)
{
	char **names;
	size_t count;

	if (spool_list(mailer->folder, &names, &count) < 0)
		return false;
	spool_names_free(names, count);
	return count > 0;
}

static void on_restart(uv_timer_t *timer)
{
	struct mailer *mailer = timer->data;

	if (mailer->process == NULL && something_waits(mailer))
		start(mailer);
}

/* Returns after how many milliseconds it will be tried again. */
static uint64_t start_later(struct mailer *mailer)
{
	uint64_t delay_ms = mailer->delay_ms;

	uv_timer_start(&mailer->restart, on_restart, delay_ms, 0);
	mailer->delay_ms = delay_ms * 2 < DELAY_MAX_MS ? delay_ms * 2 : DELAY_MAX_MS;
	return delay_ms;
}

/* What a server said went through another process; it is not to be trusted to be one line. */
static char *printable_copy(const char *text)
{
	char *copy = strdup(text);

	for (char *c = copy; c != NULL && *c != '\0'; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	return copy;
}

static void on_line(void *data, const char *line)
{
	struct mailer *mailer = data;
	json_t *document = json_loads(line, 0, NULL);
	const char *message, *answer;
	char *shown = NULL;
	int delivered = 0;

	/* it works well enough to say something */
	mailer->delay_ms = DELAY_MIN_MS;
	if (document == NULL || json_unpack(document, "{s:s, s:b, s:s}", "message", &message,
			"delivered", &delivered, "answer", &answer) < 0)
		goto cleanup;
	shown = printable_copy(answer);
	if (shown != NULL) {
		struct mailer_report report = { .message = message, .delivered = delivered != 0, .answer = shown };

		mailer->on_report(mailer->data, &report); /* may free the mailer */
	}

cleanup:
	free(shown);
	json_decref(document);
}

static void on_ended(void *data, int64_t status, int signal)
{
	struct mailer *mailer = data;

	mailer->process = NULL;
	if (something_waits(mailer))
		log_warning("mail process ended (status %" PRId64 ", signal %d), starts again in %" PRIu64 " s", status, signal,
			start_later(mailer) / 1000);
	else
		log_warning("mail process ended (status %" PRId64 ", signal %d)", status, signal);
}

static void start(struct mailer *mailer)
{
	static const struct mailer_process_events events = { .line = on_line, .ended = on_ended };
	int result = mailer_process_start(mailer->loop, mailer->program, mailer->folder, &mailer->user,
		mailer->settings_line, &events, mailer, &mailer->process);

	if (result < 0)
		log_error("cannot start %s: %s, tries again in %" PRIu64 " s", mailer->program, strerror(-result),
			start_later(mailer) / 1000);
}

static void free_parts(struct mailer *mailer)
{
	if (mailer->settings_line != NULL)
		explicit_bzero(mailer->settings_line, strlen(mailer->settings_line));
	free(mailer->settings_line);
	free(mailer->program);
	free(mailer->folder);
	free(mailer);
}

int mailer_new(uv_loop_t *loop, const char *program, const char *folder, const struct mail_settings *settings,
	mailer_callback on_report, void *data, struct mailer **ret_mailer)
{
	struct mailer *mailer = calloc(1, sizeof(*mailer));
	int result = -ENOMEM;

	if (mailer == NULL)
		return -ENOMEM;
	mailer->loop = loop;
	mailer->on_report = on_report;
	mailer->data = data;
	mailer->delay_ms = DELAY_MIN_MS;
	mailer->program = strdup(program);
	mailer->folder = strdup(folder);
	if (mailer->program == NULL || mailer->folder == NULL)
		goto fail;
	result = mailer_find_user(&mailer->user);
	if (result == 0)
		result = mailer_make_folder(folder, &mailer->user);
	if (result == 0)
		result = mailer_settings_line(settings, &mailer->settings_line);
	if (result < 0)
		goto fail;

	/* a mail process that dies must not take us along when it is told something */
	signal(SIGPIPE, SIG_IGN);
	uv_timer_init(loop, &mailer->restart);
	mailer->restart.data = mailer;
	/* from a life before this one */
	if (something_waits(mailer))
		uv_timer_start(&mailer->restart, on_restart, 0, 0);
	*ret_mailer = mailer;
	return 0;

fail:
	free_parts(mailer);
	return result;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free_parts(handle->data);
}

void mailer_free(struct mailer *mailer)
{
	if (mailer == NULL)
		return;
	mailer_process_leave(mailer->process);
	mailer->process = NULL;
	uv_close((uv_handle_t *)&mailer->restart, on_timer_closed);
}

void mailer_wake(struct mailer *mailer)
{
	if (mailer->process != NULL)
		mailer_process_wake(mailer->process);
	else if (!uv_is_active((uv_handle_t *)&mailer->restart))
		start(mailer);
}
