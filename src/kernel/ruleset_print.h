/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that print rulesets share. */
#pragma once

#include <stdio.h>

#include "core/ruleset.h"

/* Prints a statement that begins with word. */
typedef void statement_printer(FILE *out, const struct statement *statement, const char *word);

/* Those that match. */
statement_printer print_family, print_name_list, print_protocols, print_networks, print_ports, print_numbers, print_syn,
	print_states, print_marks, print_address_kinds, print_routed;

/* Text between quotation marks, with nothing in it that could end it. */
void print_quoted(FILE *out, const char *text);

/* "ip" or "ip6". */
const char *family_text(enum family family);
