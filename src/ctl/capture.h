/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a capture, as tcpdump writes it, into connections. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/assemble.h"

/* By the first bytes of the file, which is left where it was. */
bool capture_is(FILE *file);

/*
 * Reads all of it, and closes file. Called for each connection: ended. False where it cannot be read, which is told on
 * stderr; a file that is cut off counts as read.
 */
bool capture_read(FILE *file, const char *path, const struct networks *inside, assemble_function *ended, void *data,
	struct assembled *ret_counts);
