/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that is taken piece by piece and given back at once. */
#pragma once

#include <stddef.h>

/* A configuration, a plan or a snapshot lives in one arena, so each has one free. */
struct arena;

/* NULL: no memory. */
struct arena *arena_new(void);

/* Accepts NULL. Everything taken from the arena is gone. */
void arena_free(struct arena *arena);

/* Zeroed, aligned for any type; size 0 gives a valid pointer. NULL: no memory. */
void *arena_alloc(struct arena *arena, size_t size);

/* As arena_alloc() for count items; NULL also where the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Copy of length bytes of text, with a terminator. NULL: no memory. */
char *arena_text(struct arena *arena, const char *text, size_t length);

/* As printf. NULL: no memory. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes taken so far, the arena's own overhead included. */
size_t arena_size(const struct arena *arena);
