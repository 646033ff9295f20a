/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields of the daemon's documents, of whatever type they turn out to be. */
#pragma once

#include <jansson.h>

/* "" where it is absent or no text. */
const char *field_text(const json_t *object, const char *key);

/* NAN where it is absent or no number. */
double field_number(const json_t *object, const char *key);

/* Seconds from a point in time (unix seconds) until now; NAN where it is unknown. */
double field_age(const json_t *object, const char *key);
