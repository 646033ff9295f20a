/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connections of a log or a capture, in the order in which they began. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/replay.h"

/* About 90 bytes for each connection; so many at most. */
#define PAST_MAX (1u << 24)

struct past;

/* How far reading has come, of 1; where size is not known it is not called. May be NULL. */
typedef void past_progress(double part);

/*
 * Reads a connection log (JSON lines) or a capture (pcap, pcapng), whichever it is. Bad lines are told on stderr with
 * their place, the first of them, and counted. inside: networks that are inside, sorted, for captures. NULL where it
 * cannot be read at all: that is told, too.
 */
struct past *past_read(const char *path, const struct networks *inside, past_progress *progress);

/* Accepts NULL. */
void past_free(struct past *past);

size_t past_count(const struct past *past);

/* Lines of a log that were no connections; packets of a capture that tell of none. */
uint64_t past_bad(const struct past *past);

/* Names live until past_free(). Quickest in order: the minute of the week is looked up only when it changes. */
void past_get(struct past *past, size_t index, struct replay_connection *ret_connection);

/* For who fills it: keeps a copy. False: no memory, or PAST_MAX. */
bool past_add(struct past *past, const struct replay_connection *connection);
