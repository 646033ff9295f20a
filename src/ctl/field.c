/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields of the daemon's documents, of whatever type they turn out to be. */

#include "ctl/field.h"

#include <math.h>
#include <time.h>

const char *field_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

double field_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

double field_age(const json_t *object, const char *key)
{
	return fmax(0, (double)time(NULL)) - field_number(object, key);
}
