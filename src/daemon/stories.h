/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was told of each link, and what it was like since the last summary; kept over restarts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/outbreak.h"
#include "core/tally.h"

struct daemon;

#define STORY_ID_ROOM 128

struct story {
	char link[CONFIG_NAME_MAX + 1];
	char root[STORY_ID_ROOM]; /* message id of the first mail that belongs to it; "": none yet */
	struct outbreak outbreak;
	struct tally tally;
};

struct stories {
	struct story items[CONFIG_LINKS_MAX];
	size_t count;
	int64_t since, until; /* seconds since 1970 of the summary's period; until is 0 where none is wished */
	uint64_t passed_ms;   /* when time was last counted */
};

/* The link's, an empty one where there was none. Never NULL for a link of the configuration. */
struct story *stories_of(struct daemon *daemon, const char *link);

/* All as JSON, of links of the configuration. The caller frees it with free(). NULL: no memory. */
char *stories_export(const struct daemon *daemon);

/* The same, back; what is not ours is passed over. */
void stories_import(struct daemon *daemon, const char *text, size_t size);
