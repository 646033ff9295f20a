/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How rows of the schema are written. */
#pragma once

#include "config/schema.h"

#define AT(structure, member) \
	.offset = offsetof(struct structure, member), .size = sizeof(((struct structure *)NULL)->member)

#define WORD(structure, member, table)     .type = FIELD_WORD, AT(structure, member), .words = table
#define BOOL(structure, member)            .type = FIELD_BOOL, AT(structure, member)
#define NUMBER(structure, member, low, high) \
	.type = FIELD_NUMBER, AT(structure, member), .min = low, .max = high
#define TIME(structure, member, low, high) NUMBER(structure, member, low, high), .unit = UNIT_TIME
#define RATE(structure, member)            NUMBER(structure, member, 1000, 1000000000000), .unit = UNIT_RATE
#define PERCENT(structure, member)         NUMBER(structure, member, 1, 1000), .unit = UNIT_PERCENT
#define TEXT(structure, member, checked)   .type = FIELD_TEXT, AT(structure, member), .check = checked
#define MAP(structure, member, rows)       .type = FIELD_MAP, AT(structure, member), .table = rows
#define FORM(structure, member, how)       .type = FIELD_FORM, AT(structure, member), .form = &how
#define REQUIRED                           .flags = FIELD_REQUIRED
#define OPTIONAL                           .flags = FIELD_OPTIONAL
#define RESTART                            .flags = FIELD_RESTART
#define LATER                              .type = FIELD_LATER
/* A map whose keys belong to the struct around it. */
#define SAME(rows)                         .type = FIELD_MAP, .table = rows

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define DAY    (24 * 60 * MINUTE)

/* Keys of a struct nat; each reads into the whole of it. */
#define NAT_KEY(how) .type = FIELD_FORM, .form = &how
