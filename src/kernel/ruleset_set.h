/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anonymous sets and maps: they live and die with the one rule that names them. */
#pragma once

#include <stdint.h>

#include "core/ruleset.h"
#include "kernel/ruleset_expr.h"

/* What the values of a set are. The kernel cares for their length only, nft lists them by their type. */
enum value_kind {
	VALUE_PROTOCOL,
	VALUE_ICMP6_TYPE,
	VALUE_MARK,
	VALUE_ADDRESS_KIND,
};

/* Bytes that a value of that kind takes in a register. */
uint32_t value_size(enum value_kind kind);

/* Each puts its set into the batch and returns the id for a lookup; 0 once the rule has failed. */
uint32_t set_of_values(struct rule_builder *rule, enum value_kind kind, const struct values *values);
uint32_t set_of_devices(struct rule_builder *rule, const struct names *names);
uint32_t set_of_networks(struct rule_builder *rule, enum family family, const struct networks *networks);
uint32_t set_of_ports(struct rule_builder *rule, const struct port_ranges *ports);

/* From numbers 0 .. sum of weights - 1 to the chains, each as many as its weight. */
uint32_t map_of_shares(struct rule_builder *rule, const struct spread *spread);

/*
 * An interface name as registers hold it, padded with zero bytes; the empty name is that of no device.
 * False where it is too long.
 */
bool device_key(const char *name, char key[static EXPR_VALUE_MAX]);
