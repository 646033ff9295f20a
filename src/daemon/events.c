/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened: kept for `uplinkctl events`, written to the log, handed to those who follow. */

#include "daemon/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "service/log.h"

struct events {
	json_t *kept[EVENTS_KEPT];
	size_t next, count;
	void (*publish)(void *data, const char *line);
	void *data;
	void (*observe)(void *data, const struct event *event);
	void *observer;
};

static const char *const kind_names[] = {
	[EVENT_LINK] = "link",
	[EVENT_RELOAD] = "reload",
	[EVENT_KERNEL] = "kernel",
	[EVENT_MAIL] = "mail",
	[EVENT_DAEMON] = "daemon",
	[EVENT_QUEUE] = "queue",
	[EVENT_ATTACK] = "attack",
	[EVENT_QUOTA] = "quota",
};

const char *event_kind_name(enum event_kind kind)
{
	return kind_names[kind];
}

struct events *events_new(void (*publish)(void *data, const char *line), void *data)
{
	struct events *events = calloc(1, sizeof(*events));

	if (events == NULL)
		return NULL;
	events->publish = publish;
	events->data = data;
	return events;
}

void events_observe(struct events *events, void (*observe)(void *data, const struct event *event), void *data)
{
	events->observe = observe;
	events->observer = data;
}

void events_free(struct events *events)
{
	if (events == NULL)
		return;
	for (size_t i = 0; i < EVENTS_KEPT; i++)
		json_decref(events->kept[i]);
	free(events);
}

static void log_event(enum event_weight weight, const char *text)
{
	switch (weight) {
	case EVENT_NOTICE:
		log_notice("%s", text);
		break;
	case EVENT_WARNING:
		log_warning("%s", text);
		break;
	case EVENT_ERROR:
		log_error("%s", text);
		break;
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void keep(struct events *events, json_t *event)
{
	json_decref(events->kept[events->next]);
	events->kept[events->next] = event;
	events->next = (events->next + 1) % EVENTS_KEPT;
	events->count += events->count < EVENTS_KEPT;
}

/* Names of devices may hold any byte; JSON may not. */
static void make_plain(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

void events_add(struct events *events, enum event_kind kind, enum event_weight weight, const char *link,
	const char *format, ...)
{
	char text[512], *line;
	va_list arguments;
	json_t *event;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	make_plain(text);
	log_event(weight, text);
	if (events->observe != NULL)
		events->observe(events->observer, &(struct event){ kind, weight, link, text });
	event = json_pack("{s:f, s:s, s:s?, s:s}", "time", now(), "kind", kind_names[kind], "link", link, "text", text);
	if (event == NULL)
		return;
	line = json_dumps(event, JSON_COMPACT);
	if (line != NULL)
		events->publish(events->data, line);
	free(line);
	keep(events, event);
}

json_t *events_list(const struct events *events, size_t limit)
{
	size_t count = limit < events->count ? limit : events->count;
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append(list, events->kept[(events->next + EVENTS_KEPT - count + i) % EVENTS_KEPT]);
	return list;
}
