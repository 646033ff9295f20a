/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl why: real connections, what became of them, and the decision on each as `explain' tells it. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/output.h"
#include "ctl/units.h"

/* "10.0.0.5:40000", "[fd00::5]:40000", or without a port where there is none. */
static void print_end(const json_t *ends, const char *name, const char *port_name)
{
	const char *address = field_text(ends, name);
	bool brackets = strchr(address, ':') != NULL;
	double port = field_number(ends, port_name);

	if (port > 0)
		output_text(brackets ? "[%s]:%.0f" : "%s:%.0f", address, port);
	else
		output_text("%s", address);
}

static void print_when(const json_t *match)
{
	double when = field_number(match, "when");
	time_t seconds = isfinite(when) ? (time_t)when : 0;
	char stamp[32] = "";
	struct tm local;

	if (!isfinite(when) || localtime_r(&seconds, &local) == NULL)
		return;
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &local);
	output_text(", decided %s ago, at %s", measure_duration(fmax(0, field_age(match, "when"))).text, stamp);
}

static bool is_translated(const json_t *match, const json_t *outside)
{
	static const char *const names[] = { "from", "to", "from_port", "to_port" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!json_equal(json_object_get(match, names[i]), json_object_get(outside, names[i])))
			return true;
	}
	return false;
}

static void print_connection(const json_t *match)
{
	const json_t *connection = json_object_get(match, "connection");
	const json_t *outside = json_object_get(connection, "outside");

	if (!json_is_object(connection)) {
		puts("It does not live any more.");
		return;
	}
	output_text("It lives: %s, %s", field_text(connection, "state"),
		measure_bytes(field_number(connection, "bytes")).text);
	if (is_translated(match, outside)) {
		output_text("; on its way it is ");
		print_end(outside, "from", "from_port");
		output_text(" to ");
		print_end(outside, "to", "to_port");
	}
	puts(".");
}

static int print_match(const struct invocation *invocation, const json_t *match)
{
	fputs(output_colour(invocation->colour, COLOUR_TITLE), stdout);
	output_text("%s from ", field_text(match, "protocol"));
	print_end(match, "from", "from_port");
	output_text(" to ");
	print_end(match, "to", "to_port");
	fputs(output_plain(invocation->colour), stdout);
	print_when(match);
	puts("");
	print_connection(match);
	puts("");
	return show_explain(invocation, match);
}

int show_why(const struct invocation *invocation, const json_t *answer)
{
	const json_t *match;
	size_t i;

	if (!json_is_array(answer))
		return print_match(invocation, answer);
	json_array_foreach(answer, i, match)
	{
		if (i > 0)
			puts("");
		print_match(invocation, match);
	}
	if (json_array_size(answer) == 0)
		puts("No such connection lives or is on record.");
	return EXIT_FINE;
}
