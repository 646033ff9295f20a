/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures popular destinations by links that connections do not take, where the configuration wants it. */
#pragma once

#include <stdint.h>

struct daemon;

/*
 * Twice a second at most, and sixteen at once: a TCP connection to the host and port that somebody connected to last, by a link
 * whose sample is old. It is marked as a check is, so that it meets no policy and counts nowhere. A refusal is an answer.
 */
struct prober;

/* 0 or -ENOMEM. */
int prober_new(struct daemon *daemon, struct prober **ret_prober);

/* Each second. */
void prober_second(struct prober *prober, uint64_t now_ms);

/* Closes all that it has in the loop, which has to run once more then. Accepts NULL. */
void prober_stop(struct prober *prober);

/* Accepts NULL. */
void prober_free(struct prober *prober);
