/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened: kept for `uplinkctl events`, written to the log, handed to those who follow. */
#pragma once

#include <stddef.h>

#include <jansson.h>

#define EVENTS_KEPT 512

enum event_kind {
	EVENT_LINK,
	EVENT_RELOAD,
	EVENT_KERNEL,
	EVENT_MAIL,
	EVENT_DAEMON,
	EVENT_QUEUE,
	EVENT_ATTACK,
	EVENT_QUOTA,
};

enum event_weight {
	EVENT_NOTICE,
	EVENT_WARNING,
	EVENT_ERROR,
};

struct event {
	enum event_kind kind;
	enum event_weight weight;
	const char *link; /* NULL: of none */
	const char *text; /* printable */
};

struct events;

/* publish gets each event as one line of JSON. NULL: no memory. */
struct events *events_new(void (*publish)(void *data, const char *line), void *data);

/* Accepts NULL. */
void events_free(struct events *events);

/* link may be NULL. */
void events_add(struct events *events, enum event_kind kind, enum event_weight weight, const char *link,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/* "link", as uplinkctl shows it. */
const char *event_kind_name(enum event_kind kind);

/* From now on observe gets each event, before events_add() returns. */
void events_observe(struct events *events, void (*observe)(void *data, const struct event *event), void *data);

/* The last limit events, oldest first, as an array that the caller owns. */
json_t *events_list(const struct events *events, size_t limit);
