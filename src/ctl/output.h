/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reaches the terminal: colours, errors, JSON, and texts of others made harmless. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum colour {
	COLOUR_NONE,
	COLOUR_GOOD,
	COLOUR_WARNING,
	COLOUR_BAD,
	COLOUR_QUIET,
	COLOUR_TITLE,
};

/* Whether a stream (a descriptor) is a terminal that likes colours; NO_COLOR and TERM=dumb say no.
 */
bool output_likes_colour(int fd);

/* What switches a colour on; what switches it off again. "" where wanted is false. */
const char *output_colour(bool wanted, enum colour colour);
const char *output_plain(bool wanted);

/* "uplinkctl: ..." on stderr, escaped. */
void output_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* On stdout: indented on a terminal, on one line elsewhere. */
void output_json(const json_t *document);

/* Printed on stdout, escaped. */
void output_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * A copy in which everything unprintable, and what turns the direction of writing, is an escape
 * like \x1b or \u202e. Bytes of keep stay as they are. The caller frees it; ends the program where
 * there is no memory.
 */
char *output_escape(const char *text, const char *keep);

/* Columns that text takes on a terminal. */
size_t output_width(const char *text);

/* "a", "a and b", "a, b and c"; the caller frees it. Ends the program where there is no memory. */
char *output_list(const char *const *items, size_t count);

/* Ends the program where pointer is NULL. */
void *output_need(void *pointer);
