/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the statements of a rule to its expressions. */
#pragma once

#include "core/ruleset.h"
#include "kernel/ruleset_expr.h"

/* Appends what the statement needs; a statement that says nothing is an error of the rule (-EINVAL). */
void rule_statement(struct rule_builder *rule, const struct statement *statement);

/* The same for the kinds that match, in ruleset_match.c. */
void match_family(struct rule_builder *rule, const struct statement *statement);
void match_device_in(struct rule_builder *rule, const struct statement *statement);
void match_device_out(struct rule_builder *rule, const struct statement *statement);
void match_protocol(struct rule_builder *rule, const struct statement *statement);
void match_source(struct rule_builder *rule, const struct statement *statement);
void match_destination(struct rule_builder *rule, const struct statement *statement);
void match_from_port(struct rule_builder *rule, const struct statement *statement);
void match_to_port(struct rule_builder *rule, const struct statement *statement);
void match_icmp6_type(struct rule_builder *rule, const struct statement *statement);
void match_tcp_syn(struct rule_builder *rule, const struct statement *statement);
void match_connection_state(struct rule_builder *rule, const struct statement *statement);
void match_mark(struct rule_builder *rule, const struct statement *statement);
void match_connection_mark(struct rule_builder *rule, const struct statement *statement);
void match_destination_kind(struct rule_builder *rule, const struct statement *statement);
void match_routed_out(struct rule_builder *rule, const struct statement *statement);
void match_routed(struct rule_builder *rule, const struct statement *statement);

void match_source_kind(struct rule_builder *rule, const struct statement *statement);
void match_icmp_type(struct rule_builder *rule, const struct statement *statement);
void match_dscp(struct rule_builder *rule, const struct statement *statement);
void match_in_set(struct rule_builder *rule, const struct statement *statement);
void match_original(struct rule_builder *rule, const struct statement *statement);
void match_status(struct rule_builder *rule, const struct statement *statement);
void match_original_packets(struct rule_builder *rule, const struct statement *statement);
void match_reply_packets(struct rule_builder *rule, const struct statement *statement);
void match_tcp_flags(struct rule_builder *rule, const struct statement *statement);

/* Translation of addresses and what else concerns tracking, in ruleset_nat.c. */
void source_nat(struct rule_builder *rule, const struct statement *statement);
void destination_nat(struct rule_builder *rule, const struct statement *statement);
void source_prefix(struct rule_builder *rule, const struct statement *statement);
void destination_prefix(struct rule_builder *rule, const struct statement *statement);
void no_tracking(struct rule_builder *rule, const struct statement *statement);
void synproxy_packet(struct rule_builder *rule, const struct statement *statement);

/* Whether SOURCE_NAT has more than one address to choose from. */
bool nat_is_range(const struct statement *statement);

/* Masked copies between the marks, in ruleset_mark.c. */
void restore_mark(struct rule_builder *rule, const struct statement *statement);
void save_mark(struct rule_builder *rule, const struct statement *statement);
