/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What real traffic says of a link, second by second: whether it is answered, goes unanswered, or there is none; and
 * how often a link that is paid by volume needs to be checked then. Pure; time is passed in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/health.h"

/* Received in a second, for which somebody must have asked: neighbours and passers-by send less. */
#define TRAFFIC_PROOF_BYTES 8192

/* Sent in a second, with nothing that came. Of both, our own checks are taken off before. */
#define TRAFFIC_ASKED_BYTES 200

/* Seconds in a row in which was asked and nothing came. */
#define TRAFFIC_SILENT_SECONDS 2

/* A proof holds so long. */
#define TRAFFIC_PROOF_MS 5000

enum traffic {
	TRAFFIC_NONE,
	TRAFFIC_ANSWERED,
	TRAFFIC_UNANSWERED,
};

/* Figures that only grow; after each of them starts anew, the first look tells nothing. */
struct traffic_figures {
	uint32_t answered, failed;      /* handshakes */
	uint64_t received, sent;        /* bytes of the device */
	uint64_t probe_bytes;           /* of them, both ways, by our checks */
};

/* All zero bytes are a link of which nothing was seen. */
struct traffic_seen {
	struct traffic_figures before;
	bool looked;
	uint64_t probe_bytes;              /* of the last second */
	unsigned int silent_seconds;
	uint64_t proven_ms, unanswered_ms; /* when last; 0: never */
};

/* Once a second. What it says holds for the second that is over. */
enum traffic traffic_look(struct traffic_seen *seen, const struct traffic_figures *now, uint64_t now_ms);

/* What is known by now: unanswered from the first sign until an answer, answered as long as the last proof holds. */
enum traffic traffic_state(const struct traffic_seen *seen, uint64_t now_ms);

/* Whether there was a proof after that time. */
bool traffic_proven_since(const struct traffic_seen *seen, uint64_t since_ms);

/*
 * How long until the next round of checks, in ms: the interval, or longer where check.sparing says so and nothing
 * speaks against the link: it is not down, its last up_after rounds were good, and traffic does not go unanswered.
 */
uint32_t sparing_interval(const struct check *check, const struct health *health, enum traffic traffic);
