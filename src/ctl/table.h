/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text in aligned columns, whatever alphabet is in it. Ends the program where there is no memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ctl/output.h"

struct table;

/* A title that begins with '>' makes its column align to the right. titles must outlive the table.
 */
struct table *table_new(const char *const *titles, size_t columns);

/* Accepts NULL. */
void table_free(struct table *table);

/* The next cell, from left to right and row by row; escaped. */
void table_add(struct table *table, enum colour colour, const char *text);

/* On stdout; columns without any text are left out. Nothing where there are no rows. */
void table_print(const struct table *table, bool colour);
