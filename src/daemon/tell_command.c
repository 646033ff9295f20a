/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operator's own command: announcements become its environment and its input, and how it ended an event. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/announce.h"
#include "daemon/daemon.h"
#include "service/alert_text.h"
#include "service/hook.h"

#define TEXT_MAX      1024
#define VARIABLES_MAX 12
#define DETAILS_MAX   8

struct environment {
	char texts[VARIABLES_MAX][TEXT_MAX + 32];
	const char *items[VARIABLES_MAX + 1];
	size_t count;
};

/* The command's output, and how it ended, in the words of an event. */
static void on_result(void *data, const struct hook_result *result)
{
	struct daemon *daemon = data;
	const char *says = result->said[0] == '\0' ? "" : ": ";
	double seconds = (double)result->took_ms / 1000;

	if (result->error < 0)
		events_add(daemon->events, EVENT_DAEMON, EVENT_WARNING, NULL, "the command for %s cannot be run: %s", result->title,
			strerror(-result->error));
	else if (result->late)
		events_add(daemon->events, EVENT_DAEMON, EVENT_WARNING, NULL, "the command for %s was ended after %.1f s, its time "
			"was over%s%s", result->title, seconds, says, result->said);
	else if (result->signal != 0)
		events_add(daemon->events, EVENT_DAEMON, EVENT_WARNING, NULL, "the command for %s died of signal %d after %.1f s%s%s",
			result->title, result->signal, seconds, says, result->said);
	else
		events_add(daemon->events, EVENT_DAEMON, result->status == 0 ? EVENT_NOTICE : EVENT_WARNING, NULL,
			"the command for %s ended with %" PRId64 " after %.1f s%s%s", result->title, result->status, seconds, says,
			result->said);
}

int tell_command_start(struct daemon *daemon)
{
	const struct command_settings *settings = &daemon->generation->config->command;
	int error = 0;

	if (daemon->hook == NULL && settings->run.count == 0)
		return 0;
	if (daemon->hook == NULL)
		error = hook_new(daemon->loop, daemon->hook_program, on_result, daemon, &daemon->hook);
	if (error == 0)
		error = hook_set(daemon->hook, settings);
	if (error < 0)
		events_add(daemon->events, EVENT_DAEMON, EVENT_ERROR, NULL, "no command for alerts: %s", strerror(-error));
	return error;
}

static void add_variable(struct environment *environment, const char *name, const char *value)
{
	char *text = environment->texts[environment->count], clean[TEXT_MAX];

	snprintf(text, sizeof(environment->texts[0]), "%s=%s", name, alert_text_clean(clean, sizeof(clean), value));
	environment->items[environment->count++] = text;
}

static void add_number(struct environment *environment, const char *name, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	add_variable(environment, name, text);
}

static void fill_environment(const struct daemon *daemon, const struct announcement *announcement, time_t when,
	struct environment *environment)
{
	environment->count = 0;
	add_variable(environment, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	add_variable(environment, "UPLINKD_KIND", alert_kind_name(announcement->kind));
	add_variable(environment, "UPLINKD_LINK", announcement->link);
	add_variable(environment, "UPLINKD_STATE", announcement->state);
	add_variable(environment, "UPLINKD_CAUSE", announcement->cause);
	add_variable(environment, "UPLINKD_TEXT", announcement->text);
	add_variable(environment, "UPLINKD_HOST", daemon->host);
	add_number(environment, "UPLINKD_TIME", (uint64_t)when);
	add_variable(environment, "UPLINKD_OVER", announcement->over ? "true" : "false");
	add_number(environment, "UPLINKD_LASTED", announcement->lasted_s);
	environment->items[environment->count] = NULL;
}

static json_t *clean_text(const char *text)
{
	char clean[TEXT_MAX];

	return text == NULL ? json_null() : json_string(alert_text_clean(clean, sizeof(clean), text));
}

/* As one line. The caller frees it; NULL: no memory. */
static char *write_input(const struct daemon *daemon, const struct announcement *announcement, time_t when)
{
	json_t *details = json_array(), *document;
	char *text;

	for (size_t i = 0; i < announcement->detail_count && i < DETAILS_MAX; i++)
		json_array_append_new(details, clean_text(announcement->details[i]));
	document = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:b, s:I, s:o}", "kind", alert_kind_name(announcement->kind),
		"link", clean_text(announcement->link), "state", clean_text(announcement->state),
		"cause", clean_text(announcement->cause), "text", clean_text(announcement->text), "host", clean_text(daemon->host),
		"time", (json_int_t)when, "over", announcement->over, "lasted_s", (json_int_t)announcement->lasted_s,
		"details", details);
	text = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
	json_decref(document);
	return text;
}

static void tell_lost(struct daemon *daemon, const char *title, int error)
{
	events_add(daemon->events, EVENT_DAEMON, EVENT_WARNING, NULL, "the command for %s is not run: %s", title,
		error == -EAGAIN ? "too many wait already" : strerror(-error));
}

void tell_command(struct daemon *daemon, const struct announcement *announcement)
{
	const struct command_settings *settings = &daemon->generation->config->command;
	char title[HOOK_TITLE_MAX], *input;
	struct environment environment;
	time_t when = time(NULL);
	int error = -ENOMEM;

	if (daemon->hook == NULL || settings->run.count == 0 || !alert_wanted(settings->kinds, announcement->kind))
		return;
	snprintf(title, sizeof(title), "%s%s%s", announcement->state, announcement->link == NULL ? "" : " of ",
		announcement->link == NULL ? "" : announcement->link);
	fill_environment(daemon, announcement, when, &environment);
	input = write_input(daemon, announcement, when);
	if (input != NULL)
		error = hook_call(daemon->hook, title, environment.items, input);
	free(input);
	if (error < 0)
		tell_lost(daemon, title, error);
}
