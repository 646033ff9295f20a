/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mails in the operator's own words: templates from a folder, and what comes in place of their placeholders. */
#pragma once

#include <stddef.h>

#include "service/alert.h"

struct alert_templates {
	char *texts[NOTICES]; /* NULL: the built-in wording */
};

/*
 * Reads KIND.txt of each kind from folder; a file that is missing is none. What was there before is freed. Returns how
 * many could not be read or hold what the configuration would refuse: those stay as they were built in.
 */
unsigned int alert_templates_read(const char *folder, struct alert_templates *templates);
void alert_templates_free(struct alert_templates *templates);

/*
 * The first length bytes of a template with its values. Names and causes are one clean line each, whatever they hold.
 * The caller frees it. NULL: no memory.
 */
char *alert_template_expand(const char *template, size_t length, const struct alert *alert);
