/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl status: a sentence that says whether all is well, then the links, then the daemon
 * itself. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/field.h"
#include "ctl/links.h"
#include "ctl/units.h"

/* Names of links, and how a sentence goes on about them. */
struct group {
	const char **names;
	size_t count;
};

struct overview {
	struct group carrying; /* up or degraded */
	char *trouble;         /* "fiber is down (no carrier)", "" where there is none */
	char *rest;            /* what the operator took out */
};

static bool has_state(const json_t *link, const char *state)
{
	return strcmp(field_text(link, "state"), state) == 0;
}

static void mention(FILE *out, const json_t *link)
{
	const char *reason = field_text(link, "reason");

	fprintf(out, "; %s is %s", field_text(link, "name"), field_text(link, "state"));
	if (reason[0] != '\0')
		fprintf(out, " (%s)", reason);
}

static struct overview look(const json_t *links)
{
	struct overview overview = { 0 };
	size_t i, trouble_size, rest_size;
	FILE *trouble = output_need(open_memstream(&overview.trouble, &trouble_size));
	FILE *rest = output_need(open_memstream(&overview.rest, &rest_size));
	const json_t *link;

	overview.carrying.names = output_need(calloc(json_array_size(links) + 1, sizeof(char *)));
	json_array_foreach(links, i, link)
	{
		if (link_is_up(link))
			overview.carrying.names[overview.carrying.count++] =
				field_text(link, "name");
		if (has_state(link, "degraded") || has_state(link, "down"))
			mention(trouble, link);
		else if (!has_state(link, "up"))
			mention(rest, link);
	}
	fclose(trouble);
	fclose(rest);
	output_need(overview.trouble);
	output_need(overview.rest);
	return overview;
}

static void forget(struct overview *overview)
{
	free(overview->carrying.names);
	free(overview->trouble);
	free(overview->rest);
}

static void say(const struct invocation *invocation, enum colour colour, const char *words)
{
	printf("%s%s%s", output_colour(invocation->colour, colour), words,
		output_plain(invocation->colour));
}

/* ", for 3 min now", or nothing where that is not known; the caller frees it. */
static char *write_age(const json_t *status)
{
	double age = field_age(status, "since");
	char *words = NULL;

	if (!isfinite(age))
		return output_need(strdup(""));
	return output_need(
		asprintf(&words, ", for %s now", measure_duration(age).text) < 0 ? NULL : words);
}

static void print_sentence(const struct invocation *invocation, const json_t *status)
{
	const json_t *links = json_object_get(status, "links");
	struct overview overview = look(links);
	char *carrying = output_list(overview.carrying.names, overview.carrying.count);
	char *age = write_age(status);

	if (json_array_size(links) == 0) {
		say(invocation, COLOUR_WARNING, "No link is configured");
		output_text(": all traffic goes as the main routing table says.\n");
	} else if (overview.carrying.count == 0) {
		say(invocation, COLOUR_BAD, "No link is up");
		output_text("%s%s%s.\n", age, overview.trouble, overview.rest);
	} else if (overview.trouble[0] != '\0') {
		say(invocation, COLOUR_WARNING, "Not all is well");
		output_text("%s: traffic goes over %s%s%s.\n", age, carrying, overview.trouble,
			overview.rest);
	} else {
		say(invocation, COLOUR_GOOD, "All is well");
		output_text("%s: traffic goes over %s%s.\n", age, carrying, overview.rest);
	}
	free(age);
	free(carrying);
	forget(&overview);
}

static void print_daemon(const json_t *status)
{
	double fallbacks = field_number(status, "fallbacks");

	output_text("uplinkd %s has been running for %s", field_text(status, "version"),
		measure_duration(field_number(status, "uptime_s")).text);
	printf(", with %s policies: ", measure_count(field_number(status, "policy_count")).text);
	printf("it has decided %s connections",
		measure_count(field_number(status, "decisions")).text);
	if (fallbacks > 0)
		printf(", the kernel alone %s", measure_count(fallbacks).text);
	puts(".");
}

static void print_trial(const struct invocation *invocation, const json_t *status)
{
	const json_t *trial = json_object_get(status, "trial");

	if (json_is_object(trial)) {
		say(invocation, COLOUR_WARNING, "A configuration is on trial");
		output_text(": %s is undone in %.0f s, unless `uplinkctl confirm' comes before.\n",
			field_text(trial, "file"), field_number(trial, "left_s"));
	} else if (json_is_true(json_object_get(status, "rolled_back"))) {
		say(invocation, COLOUR_WARNING, "The last configuration was undone");
		puts(": the one before it is in force, until a reload.");
	}
}

/* Only what deserves a look. */
static void print_warnings(const struct invocation *invocation, const json_t *status)
{
	const json_t *queue = json_object_get(status, "queue");
	double dropped = fmax(0, field_number(queue, "dropped")) +
			 fmax(0, field_number(queue, "user_dropped"));
	double waiting = field_number(json_object_get(status, "mail"), "waiting");

	if (dropped > 0) {
		say(invocation, COLOUR_WARNING, "The queue has dropped packets");
		printf(": %s.\n", measure_count(dropped).text);
	}
	print_trial(invocation, status);
	if (waiting > 0)
		printf("%s %s to be sent.\n", measure_count(waiting).text,
			waiting > 1 ? "mails wait" : "mail waits");
}

int show_status(const struct invocation *invocation, const json_t *status)
{
	const json_t *links = json_object_get(status, "links");

	print_sentence(invocation, status);
	if (json_array_size(links) > 0) {
		puts("");
		links_print(invocation, links);
	}
	puts("");
	print_daemon(status);
	print_warnings(invocation, status);
	return EXIT_FINE;
}
