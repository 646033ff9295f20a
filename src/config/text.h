/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that came from outside: what of it can be shown, and which known word is near to it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the first character of a text of length > 0; not printable: a control character or no UTF-8. */
size_t text_step(const char *text, size_t length, bool *ret_printable);

/* Puts a question mark in place of each byte that cannot be shown. Returns text. */
char *text_clean(char *text);

/* Searches the known word that a wrong one was meant to be. */
struct nearest {
	const char *wrong;
	const char *word; /* NULL: none is near */
	size_t distance;
};

struct nearest nearest_to(const char *wrong);
void nearest_try(struct nearest *nearest, const char *word);
