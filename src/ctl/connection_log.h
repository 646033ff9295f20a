/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a line of the daemon's connection log. Whoever wrote it: nothing in it is believed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/replay.h"

#define LOG_LINE_MAX 65536
#define LOG_NAME_MAX 64 /* with the terminator; what is longer is cut */

/* in, link and policy of the connection point to the names here, or are NULL. */
struct log_line {
	struct replay_connection connection;
	char in[LOG_NAME_MAX], link[LOG_NAME_MAX], policy[LOG_NAME_MAX];
	char problem[160];
};

/*
 * One object of JSON, with start, from, to and protocol at least; keys that are not known are passed over. False with
 * the problem told, and then nothing of the connection means anything. The minute of the week is left at 0.
 */
bool connection_log_read(const char *text, size_t length, struct log_line *ret_line);
