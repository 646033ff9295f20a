/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Syslog: the log to the local daemon, alerts and records of connections to it or to a server. */

#include "daemon/syslog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "service/log.h"
#include "service/syslog_sender.h"

/* At the end of the daemon. */
#define GOODBYE_MS 500

/* For the local daemon, which is hardly ever away. */
#define LOCAL_BUFFER 262144

/* So few lines wait that those which were lost can be told. */
#define HARDLY_ANY 16

struct telling {
	struct syslog_sender *local;  /* the log, and alerts where there is no server */
	struct syslog_sender *server; /* alerts and records */
	char *server_text, *ca_file;  /* of server */
	uint64_t buffer;
	int facility;
	uint64_t told_lost;           /* of server; of local nobody could be told */
	bool told_problem;
};

bool syslog_is_local(const struct syslog_settings *settings, bool foreground)
{
	return !foreground || (settings->enabled && settings->server == NULL);
}

static struct timespec now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time;
}

static void complete(const struct daemon *daemon, struct syslog_message *message)
{
	message->facility = daemon->telling->facility;
	message->host = daemon->host;
	message->process = (long)getpid();
	if (message->when.tv_sec == 0)
		message->when = now();
}

/* Whatever the log has for syslog. May be called by any thread that logs. */
static void take_log_line(void *data, int priority, const char *text)
{
	struct daemon *daemon = data;
	struct syslog_message message = { .severity = priority, .text = text };
	char line[SYSLOG_LINE_MAX];

	complete(daemon, &message);
	syslog_sender_add(daemon->telling->local, line, syslog_format_local(&message, line), false);
}

void syslog_tell(struct daemon *daemon, struct syslog_message *message, bool many)
{
	const struct syslog_settings *settings = &daemon->generation->config->syslog;
	char line[SYSLOG_LINE_MAX];

	if (daemon->telling == NULL || !settings->enabled)
		return;
	complete(daemon, message);
	if (daemon->telling->server != NULL)
		syslog_sender_add(daemon->telling->server, line, syslog_format(message, line), many);
	else if (settings->server == NULL && daemon->telling->local != NULL)
		syslog_sender_add(daemon->telling->local, line, syslog_format_local(message, line), many);
}

static int severity_of(enum event_weight weight)
{
	switch (weight) {
	case EVENT_NOTICE:
		return LOG_NOTICE;
	case EVENT_WARNING:
		return LOG_WARNING;
	case EVENT_ERROR:
		return LOG_ERR;
	}
	return LOG_NOTICE;
}

static const struct link_run *find_link(const struct daemon *daemon, const char *name)
{
	for (size_t i = 0; name != NULL && daemon->links != NULL && i < daemon->generation->config->link_count; i++) {
		if (strcmp(daemon->links[i].link->name, name) == 0)
			return &daemon->links[i];
	}
	return NULL;
}

/* The local daemon has the event's text already, from the log. */
static void on_event(void *data, const struct event *event)
{
	struct daemon *daemon = data;
	const struct link_run *run = find_link(daemon, event->link);
	char latency[32] = "", loss[32] = "";
	struct syslog_field fields[] = {
		{ "link", event->link },
		{ "state", run == NULL ? NULL : duty_state_text(run) },
		{ "device", run == NULL ? NULL : run->link->device },
		{ "latency_ms", run == NULL ? NULL : latency },
		{ "loss_permille", run == NULL ? NULL : loss },
	};
	struct syslog_message message = { .severity = severity_of(event->weight), .kind = event_kind_name(event->kind),
		.text = event->text, .fields = fields, .field_count = sizeof(fields) / sizeof(fields[0]) };

	if (daemon->telling->server == NULL)
		return;
	if (run != NULL) {
		snprintf(latency, sizeof(latency), "%.3f", (double)health_latency_us(&run->health) / 1000);
		snprintf(loss, sizeof(loss), "%u", (unsigned int)health_loss_permille(&run->health));
	}
	syslog_tell(daemon, &message, false);
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void tell_failure(struct daemon *daemon, int error)
{
	events_add(daemon->events, EVENT_DAEMON, EVENT_ERROR, NULL, "nothing goes to syslog: %s", strerror(-error));
}

/* The thread of a server that is no more ends by itself, after what it still has. */
static void follow_server(struct daemon *daemon, const struct syslog_settings *settings)
{
	struct telling *telling = daemon->telling;
	int error;

	if (is_same(telling->server_text, settings->server) && is_same(telling->ca_file, settings->ca_file)
	    && telling->buffer == settings->buffer)
		return;
	syslog_sender_free(telling->server, 0);
	free(telling->server_text);
	free(telling->ca_file);
	telling->server = NULL;
	telling->server_text = telling->ca_file = NULL;
	telling->buffer = settings->buffer;
	telling->told_lost = 0;
	telling->told_problem = false;
	if (settings->server == NULL)
		return;
	error = syslog_sender_new(settings->server, settings->ca_file, settings->buffer, &telling->server);
	if (error < 0) {
		tell_failure(daemon, error);
		return;
	}
	telling->server_text = strdup(settings->server);
	telling->ca_file = settings->ca_file == NULL ? NULL : strdup(settings->ca_file);
}

static void follow_local(struct daemon *daemon, bool wanted)
{
	struct telling *telling = daemon->telling;
	int error;

	if (wanted == (telling->local != NULL))
		return;
	if (!wanted) {
		log_divert(NULL, NULL);
		syslog_sender_free(telling->local, 0);
		telling->local = NULL;
		return;
	}
	error = syslog_sender_new(NULL, NULL, LOCAL_BUFFER, &telling->local);
	if (error < 0)
		tell_failure(daemon, error); /* and syslog(3) goes on */
	else
		log_divert(take_log_line, daemon);
}

void syslog_follow(struct daemon *daemon)
{
	const struct syslog_settings *settings = &daemon->generation->config->syslog;

	if (daemon->telling == NULL)
		daemon->telling = calloc(1, sizeof(*daemon->telling));
	if (daemon->telling == NULL) {
		tell_failure(daemon, -ENOMEM);
		return;
	}
	daemon->telling->facility = settings->facility;
	follow_local(daemon, syslog_is_local(settings, daemon->foreground));
	follow_server(daemon, settings);
	events_observe(daemon->events, on_event, daemon);
}

void syslog_stop(struct daemon *daemon)
{
	struct telling *telling = daemon->telling;

	if (telling == NULL)
		return;
	events_observe(daemon->events, NULL, NULL);
	log_divert(NULL, NULL);
	syslog_sender_free(telling->local, GOODBYE_MS);
	syslog_sender_free(telling->server, GOODBYE_MS);
	free(telling->server_text);
	free(telling->ca_file);
	free(telling);
	daemon->telling = NULL;
}

void syslog_hurry(struct daemon *daemon)
{
	if (daemon->telling != NULL && daemon->telling->server != NULL)
		syslog_sender_hurry(daemon->telling->server);
}

void syslog_second(struct daemon *daemon)
{
	struct telling *telling = daemon->telling;
	struct syslog_figures figures;
	bool away;

	if (telling == NULL || telling->server == NULL)
		return;
	figures = syslog_sender_figures(telling->server);
	away = figures.problem[0] != '\0';
	if (away && !telling->told_problem)
		events_add(daemon->events, EVENT_DAEMON, EVENT_WARNING, NULL, "the syslog server %s takes no lines: %s",
			telling->server_text, figures.problem);
	if (!away && telling->told_problem)
		events_add(daemon->events, EVENT_DAEMON, EVENT_NOTICE, NULL, "the syslog server %s takes lines again",
			telling->server_text);
	telling->told_problem = away;
	if (away || figures.waiting > HARDLY_ANY || figures.lost == telling->told_lost)
		return;
	events_add(daemon->events, EVENT_DAEMON, EVENT_WARNING, NULL, "%llu lines for the syslog server %s were lost",
		(unsigned long long)(figures.lost - telling->told_lost), telling->server_text);
	telling->told_lost = figures.lost;
}
