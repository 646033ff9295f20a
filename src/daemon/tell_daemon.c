/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Troubles of the daemon itself: told at once, and gathered where they come again and again. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/announce.h"
#include "daemon/daemon.h"
#include "daemon/stories.h"
#include "service/alert_template.h"

#define GATHER_MS     600000
#define GATHERED_MAX  8
#define SENTENCE_MAX  300
#define RUNNING_NAME  "running"
#define RUNNING_LIMIT 64

/* The kernel deciding alone is a trouble from so many connections in a second on, or so many seconds in a row. */
#define FALLBACKS_MANY  100
#define FALLBACKS_ROW_S 3

struct gathered {
	char sentences[GATHERED_MAX][SENTENCE_MAX];
	size_t count, more;
	uint64_t told_ms; /* 0: never */
};

struct troubles {
	struct gathered items[TROUBLES];
	unsigned int seconds; /* in a row in which the kernel decided alone */
	uint64_t fallbacks;
};

static const char *const states[TROUBLES] = {
	[TROUBLE_ENDED] = "started again",
	[TROUBLE_RELOAD] = "keeps its configuration",
	[TROUBLE_KERNEL] = "repaired",
	[TROUBLE_QUEUE] = "overloaded",
};

static struct troubles *troubles_of(struct daemon *daemon)
{
	if (daemon->troubles == NULL)
		daemon->troubles = calloc(1, sizeof(*daemon->troubles));
	return daemon->troubles;
}

static void tell_gathered(struct daemon *daemon, enum trouble trouble, struct gathered *gathered)
{
	const char *details[GATHERED_MAX + 1];
	char cause[SENTENCE_MAX + 32], text[SENTENCE_MAX + 128], more[48];
	size_t all = gathered->count + gathered->more;
	struct announcement announcement = {
		.kind = ALERT_DAEMON, .state = states[trouble], .cause = cause, .text = text, .details = details };

	for (size_t i = 1; i < gathered->count; i++)
		details[announcement.detail_count++] = gathered->sentences[i];
	snprintf(more, sizeof(more), "and %zu more", gathered->more);
	if (gathered->more > 0)
		details[announcement.detail_count++] = more;
	snprintf(cause, sizeof(cause), all == 1 ? "%s" : "%s, and %zu more", gathered->sentences[0], all - 1);
	snprintf(text, sizeof(text), "uplinkd %s: %s", states[trouble], cause);
	gathered->count = gathered->more = 0;
	announce(daemon, &announcement);
}

void tell_trouble(struct daemon *daemon, enum trouble trouble, const char *format, ...)
{
	struct troubles *troubles = troubles_of(daemon);
	struct gathered *gathered;
	va_list arguments;

	if (troubles == NULL)
		return;
	gathered = &troubles->items[trouble];
	if (gathered->count == GATHERED_MAX) {
		gathered->more++;
		return;
	}
	va_start(arguments, format);
	vsnprintf(gathered->sentences[gathered->count++], SENTENCE_MAX, format, arguments);
	va_end(arguments);
}

void tell_troubles(struct daemon *daemon)
{
	uint64_t now_ms = verdicts_now_ms();

	for (size_t i = 0; daemon->troubles != NULL && i < TROUBLES; i++) {
		struct gathered *gathered = &daemon->troubles->items[i];

		if (gathered->count == 0 || (gathered->told_ms != 0 && now_ms - gathered->told_ms < GATHER_MS))
			continue;
		gathered->told_ms = now_ms;
		tell_gathered(daemon, (enum trouble)i, gathered);
	}
}

void tell_fallbacks(struct daemon *daemon, uint64_t count)
{
	struct troubles *troubles = count == 0 && daemon->troubles == NULL ? NULL : troubles_of(daemon);

	if (troubles == NULL)
		return;
	if (count == 0) {
		troubles->seconds = 0;
		troubles->fallbacks = 0;
		return;
	}
	troubles->seconds++;
	troubles->fallbacks += count;
	if (count < FALLBACKS_MANY && troubles->seconds < FALLBACKS_ROW_S)
		return;
	tell_trouble(daemon, TROUBLE_QUEUE, "the kernel decided %llu connections alone: nobody answered in time",
		(unsigned long long)troubles->fallbacks);
	troubles->seconds = 0;
	troubles->fallbacks = 0;
}

int tell_new(struct daemon *daemon)
{
	daemon->stories = calloc(1, sizeof(*daemon->stories));
	daemon->templates = calloc(1, sizeof(*daemon->templates));
	return daemon->stories == NULL || daemon->templates == NULL ? -ENOMEM : 0;
}

void tell_free(struct daemon *daemon)
{
	if (daemon->templates != NULL)
		alert_templates_free(daemon->templates);
	free(daemon->templates);
	free(daemon->stories);
	free(daemon->troubles);
}

void tell_began(struct daemon *daemon)
{
	const char *folder = daemon->generation->config->state_directory;
	char text[RUNNING_LIMIT];
	size_t size;
	void *bytes;

	if (state_read_blob(folder, RUNNING_NAME, RUNNING_LIMIT, &bytes, &size) == 0) {
		free(bytes);
		tell_trouble(daemon, TROUBLE_ENDED, "the one before ended without order (killed, failed, or the machine did)");
	}
	snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	state_write_blob(folder, RUNNING_NAME, text, strlen(text));
	daemon->marked = true;
}

void tell_ends(struct daemon *daemon)
{
	char path[4096];

	if (!daemon->marked)
		return;
	keep_stories(daemon, true);
	snprintf(path, sizeof(path), "%s/" RUNNING_NAME, daemon->generation->config->state_directory);
	unlink(path);
}
