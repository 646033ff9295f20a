/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text from anywhere made fit for a mail: one clean line of UTF-8, RFC 2047 headers, RFC 2045 bodies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Copies text (NULL: "") so that it is valid UTF-8 on one line: what is broken, a control character, or
 * would change how a line is read (bidirectional marks, line separators) becomes `?`. What does not fit
 * into size is cut between two characters and ends in `...`. Returns out.
 */
const char *alert_text_clean(char *out, size_t size, const char *text);

/* The same for a message id: printable ASCII stays, without spaces and what has a meaning in a header. */
const char *text_token(char *out, size_t size, const char *text);

/*
 * Whether this is a plain name@place that needs no quotes: printable ASCII, one @, at most 254 bytes. libcurl
 * hands addresses to the server as they are, line breaks included, so none goes there without this.
 */
bool text_is_address(const char *text);

/* Writes `name: text` with CRLF, folded, as encoded words where it is not plain ASCII; text is clean. */
void text_header(FILE *out, const char *name, const char *text);

/* Writes Content-Transfer-Encoding, the empty line and the body; lines of text end with \n. */
void text_body(FILE *out, const char *text);
