/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of packets as keys of sets: how they lie in registers, and what nft calls them. */
#pragma once

#include <stdint.h>

#include "core/ruleset.h"
#include "kernel/ruleset_expr.h"

/* Bytes of all keys one after the other, each filled up to words of 4. 0: none, or too many. */
uint32_t key_size(enum family family, const struct packet_keys *keys);

/* nft's number for the data type. */
uint32_t key_type(enum family family, const struct packet_keys *keys);

/* As nft writes it: "ip saddr . th dport". */
const char *key_text(enum family family, enum packet_key key);

/* Whether nft takes the number of a single key as one in network byte order. */
bool key_in_network_order(const struct packet_keys *keys);

/* Loads them from the value register on; the rule fails where there are none or too many. */
void key_load(struct rule_builder *rule, enum family family, const struct packet_keys *keys);
