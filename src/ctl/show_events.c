/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl events: what happened, and with -f what happens next, without a gap between the two. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/output.h"

#define LINES_BEFORE_FOLLOWING "10"
#define SAME_TIME_S            0.00005 /* what rounding in JSON may take away */

static void print_event(const struct invocation *invocation, const json_t *event)
{
	double when = field_number(event, "time");
	time_t seconds = isfinite(when) ? (time_t)when : 0;
	const char *link = field_text(event, "link"), *text = field_text(event, "text");
	char stamp[32] = "";
	struct tm local;

	if (localtime_r(&seconds, &local) != NULL)
		strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &local);
	printf("%s%s%s  ", output_colour(invocation->colour, COLOUR_QUIET), stamp,
		output_plain(invocation->colour));
	/* Most texts name the link themselves. */
	if (strstr(text, link) != NULL)
		link = "";
	output_text("%-6s  %s%s%s\n", field_text(event, "kind"), link, link[0] == '\0' ? "" : ": ",
		field_text(event, "text"));
}

static int ask_events(const struct invocation *invocation, const char *limit, json_t **ret_events)
{
	const struct query query[] = { { "limit", limit }, { 0 } };

	return client_ask(invocation, false, "/events", limit == NULL ? NULL : query, ret_events);
}

static int print_past(const struct invocation *invocation)
{
	json_t *events = NULL;
	const json_t *event;
	int code = ask_events(invocation, command_value(invocation, "lines"), &events);
	size_t i;

	if (code != EXIT_FINE)
		return code;
	if (invocation->json) {
		output_json(events);
	} else {
		json_array_foreach(events, i, event) print_event(invocation, event);
	}
	json_decref(events);
	return EXIT_FINE;
}

struct watch {
	const struct invocation *invocation;
	double last; /* time of the last of the past events */
};

static void print_next(const struct watch *watch, const json_t *event)
{
	if (watch->invocation->json)
		output_json(event);
	else
		print_event(watch->invocation, event);
	fflush(stdout);
}

/* Only now, when the stream has begun: what happens meanwhile comes in both, and is printed once.
 */
static void begin(void *data)
{
	struct watch *watch = data;
	const char *limit = command_value(watch->invocation, "lines");
	json_t *events = NULL;
	const json_t *event;
	size_t i;

	if (ask_events(watch->invocation, limit == NULL ? LINES_BEFORE_FOLLOWING : limit,
		    &events) != EXIT_FINE)
		return;
	json_array_foreach(events, i, event)
	{
		print_next(watch, event);
		watch->last = fmax(watch->last, field_number(event, "time"));
	}
	json_decref(events);
}

static void next_line(void *data, const char *line)
{
	const struct watch *watch = data;
	json_t *event = json_loads(line, 0, NULL);

	if (event == NULL)
		output_error("a line of the daemon is not JSON");
	else if (!(field_number(event, "time") < watch->last + SAME_TIME_S))
		print_next(watch, event);
	json_decref(event);
}

int run_events(const struct invocation *invocation)
{
	struct watch watch = { .invocation = invocation, .last = -INFINITY };
	const struct follower follower = { .begin = begin, .line = next_line, .data = &watch };
	const char *lines = command_value(invocation, "lines");

	if (lines != NULL && (lines[0] == '\0' || lines[strspn(lines, "0123456789")] != '\0')) {
		output_error("`%s' is not a number of lines", lines);
		return EXIT_USAGE;
	}
	if (command_value(invocation, "follow") == NULL)
		return print_past(invocation);
	return client_follow(invocation, "/events?follow=1", &follower);
}
