/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anonymous sets and maps: they live and die with the one rule that names them. */
#pragma once

#include <stdint.h>

#include "core/ruleset.h"
#include "kernel/ruleset_expr.h"
#include "kernel/ruleset_fill.h"

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

uint32_t set_of_icmp_types(struct rule_builder *rule, enum family family, const struct icmp_types *types);
uint32_t set_of_icmp_codes(struct rule_builder *rule, const struct icmp_types *types);
uint32_t set_of_dscps(struct rule_builder *rule, enum family family, const struct values *values);

/* A code point as it stands in the masked header: one byte in IPv4, two in IPv6. */
void dscp_key(enum family family, uint32_t dscp, uint8_t key[static 2]);

/* From numbers 0 .. sum of weights - 1 to the chains, each as many as its weight. */
uint32_t map_of_shares(struct rule_builder *rule, const struct spread *spread);

/* What named sets have, too: lists as elements, networks and ports as intervals. */
const struct set_type *type_of_networks(enum family family);
const struct set_type *type_of_devices(void);
const struct set_type *type_of_protocols(void);
const struct set_type *type_of_ports(void);
bool networks_are_of(const struct networks *networks, enum family family);
void fill_networks(struct filler *filler, enum family family, const struct networks *networks);
void fill_values(struct filler *filler, enum value_kind kind, const struct values *values);
void fill_ports(struct filler *filler, const struct port_ranges *ports);

/* False where a name is too long. */
bool fill_devices(struct filler *filler, const struct names *names);

/*
 * An interface name as registers hold it, padded with zero bytes; the empty name is that of no device.
 * False where it is too long.
 */
bool device_key(const char *name, char key[static EXPR_VALUE_MAX]);
