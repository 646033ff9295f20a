/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that print rulesets share. */
#pragma once

#include <stdio.h>

#include "core/ruleset.h"

/* Prints a statement that begins with word. */
typedef void statement_printer(FILE *out, const struct statement *statement, const char *word);

/* Those that match. */
statement_printer print_family, print_name_list, print_protocols, print_networks, print_ports, print_numbers, print_syn,
	print_states, print_marks, print_address_kinds, print_routed, print_icmp_types, print_dscps, print_in_set,
	print_direction, print_status, print_original_packets, print_tcp_flags;

/* Those that fill sets or keep to limits, in ruleset_print_set.c. */
statement_printer print_update_set, print_keep_mark, print_find_mark, print_over_limit, print_over_limit_each, print_dispatch,
	print_count_by_mark;

/* Those that translate addresses, in ruleset_print_nat.c. */
statement_printer print_source_nat, print_destination_nat, print_prefix, print_synproxy;

/* A named set with what the ruleset says that is in it. */
void print_set(FILE *out, const struct ruleset_set *set);

/* "ip saddr . th dport" */
void print_keys(FILE *out, enum family family, const struct packet_keys *keys);

/* Text between quotation marks, with nothing in it that could end it. */
void print_quoted(FILE *out, const char *text);

/* "ip" or "ip6". */
const char *family_text(enum family family);
