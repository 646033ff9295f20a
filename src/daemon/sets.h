/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of networks as they are now: the configuration's own and what their files have. */
#pragma once

#include <stdbool.h>

#include "core/config.h"
#include "daemon/events.h"

struct sets;

/*
 * Reads the files. One that is wrong is told to events, which may be NULL, and its set has the configuration's own
 * networks alone. config must outlive the sets, which the caller frees with sets_free(). NULL: no memory.
 */
struct sets *sets_new(const struct config *config, struct events *events);

/* Accepts NULL. */
void sets_free(struct sets *sets);

/* Index as in config.sets: sorted, none inside another. Until the next sets_look(). */
struct networks *sets_networks(const struct sets *sets);

/*
 * Reads the files anew that have changed; call it each second. True where a set is another than before. What
 * changed is told, and so is a file that cannot be read or is wrong, once: its set stays as it was.
 */
bool sets_look(struct sets *sets);
