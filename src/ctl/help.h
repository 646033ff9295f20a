/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Usage, help, and the words for completion, all from the table of verbs. */
#pragma once

#include <stdio.h>

#include "ctl/commands.h"

/* What uplinkctl can do; command NULL: all of it. */
void help_print(FILE *out, const struct command *command);

/* Says that there is no such verb, and which one may be meant. Returns EXIT_USAGE. */
int help_unknown_verb(const char *name);
