/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is learnt of destinations, for policies with `fastest': from handshakes, and kept over restarts. */
#pragma once

#include <stddef.h>

#include "core/handshake.h"
#include "core/mark.h"

struct daemon;
struct generation;
struct learner;

/* Makes the table, and reads what was learnt before. 0 or -ENOMEM. */
int learn_start(struct daemon *daemon);

/* Whether a policy asks for it: else nothing is learnt. */
bool learn_wanted(const struct daemon *daemon);

/* From the thread that watches. learning is the daemon's. */
void learn_handshake(struct learner *learning, const struct handshake *handshake);

/* A configuration came into force: links that before had, and that are no more, are forgotten. */
void learn_follow(struct daemon *daemon, const struct generation *before);

/* Each second: writes what was learnt, now and then, and probes where that is wanted. */
void learn_second(struct daemon *daemon);

/* Writes it, and closes what it has in the loop. Nothing learns any more. Accepts that it was never started. */
void learn_stop(struct daemon *daemon);

/* After all threads have ended. */
void learn_free(struct daemon *daemon);

/* By number, names of the links in force. */
void learn_names(const struct generation *generation, const char *names[MARK_LINK_MAX + 1]);
