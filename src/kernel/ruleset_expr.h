/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nft expressions that our rules are made of, one function each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netfilter/nf_tables.h>
#include <libnftnl/rule.h>

#include "core/ruleset.h"
#include "kernel/ruleset.h"
#include "kernel/ruleset_batch.h"

/* A rule in the making: expressions gather in it; sets that they name go into the batch before it. */
struct rule_builder {
	struct batch *batch;
	struct nftnl_rule *rule;
	struct object object;
	const struct ruleset_features *features;
	int error; /* the first failure; every later call does nothing */
};

/*
 * The kernel's 64 bytes of registers, in words. Values to compare stand in REGISTER_VALUE;
 * hashes read from REGISTER_ADDRESSES; what maps give
 * and take is in REGISTER_DATA, behind the longest key; the others are for shifts over two words.
 */
enum {
	REGISTER_VALUE = NFT_REG32_00,
	REGISTER_SECOND = NFT_REG32_01,
	REGISTER_ADDRESSES = NFT_REG32_04,
	REGISTER_RESULT = NFT_REG32_04,
	REGISTER_TARGET = NFT_REG32_08,
	REGISTER_SOURCE = NFT_REG32_09,
	REGISTER_DATA = NFT_REG32_15,
};

/* Longest value that a register comparison takes. */
#define EXPR_VALUE_MAX 16

void rule_fail(struct rule_builder *rule, int error);

void expr_meta_load(struct rule_builder *rule, uint32_t key, uint32_t target);
void expr_meta_set(struct rule_builder *rule, uint32_t key, uint32_t source);
void expr_ct_load(struct rule_builder *rule, uint32_t key, uint32_t target);
void expr_ct_load_of(struct rule_builder *rule, uint32_t key, uint8_t direction, uint32_t target);
void expr_ct_load_original(struct rule_builder *rule, uint32_t key, uint32_t target);
void expr_ct_set(struct rule_builder *rule, uint32_t key, uint32_t source);
void expr_payload(struct rule_builder *rule, uint32_t base, uint32_t offset, uint32_t length, uint32_t target);

/* Loads the source or destination address; returns its bytes. The rule has matched the family before. */
uint32_t expr_address(struct rule_builder *rule, enum family family, bool destination, uint32_t target);

/* result is one of enum nft_fib_result, flags enum nft_fib_flags; mark 0 unless they say otherwise. */
void expr_fib(struct rule_builder *rule, uint32_t result, uint32_t flags);

/* Value register = value register & mask ^ change; both of length bytes. */
void expr_bitwise(struct rule_builder *rule, const void *mask, const void *change, uint32_t length);

/* Target = target & mask. */
void expr_mask(struct rule_builder *rule, uint32_t target, const void *mask, uint32_t length);

/*
 * By 1 to 31 bits; of two words the first is the higher one. Source and target of two words must not
 * overlap.
 */
void expr_shift_left(struct rule_builder *rule, uint32_t source, uint32_t target, uint32_t words,
	uint32_t bits);
void expr_shift_right(struct rule_builder *rule, uint32_t source, uint32_t target, uint32_t words,
	uint32_t bits);

/* The rule goes on where the value register is that value, or, with negate, is not. */
void expr_equal(struct rule_builder *rule, const void *value, uint32_t length, bool negate);
void expr_between(struct rule_builder *rule, const void *from, const void *to, uint32_t length, bool negate);
void expr_in_set(struct rule_builder *rule, uint32_t set_id, bool negate);

void expr_in_named_set(struct rule_builder *rule, const char *set, bool negate);

/* Data register = what the map has for the value register; the rule ends where it has nothing. */
void expr_named_map(struct rule_builder *rule, const char *map);

/* The verdict that a map has for the value register. */
void expr_verdict_map(struct rule_builder *rule, uint32_t set_id);
void expr_named_verdict_map(struct rule_builder *rule, const char *map);

/* Value register = 0 .. modulus - 1, in network byte order. type is one of enum nft_ng_types. */
void expr_number(struct rule_builder *rule, uint32_t type, uint32_t modulus);
void expr_hash(struct rule_builder *rule, uint32_t length, uint32_t modulus, uint32_t seed);

void expr_immediate(struct rule_builder *rule, const void *value, uint32_t length, uint32_t target);
void expr_verdict(struct rule_builder *rule, int verdict, const char *chain);
void expr_counter(struct rule_builder *rule);
void expr_counter_named(struct rule_builder *rule, const char *name);
void expr_reject(struct rule_builder *rule, uint32_t type, uint8_t code);
void expr_masquerade(struct rule_builder *rule);

/*
 * To an address in first .. last, and to the port in port where has_port. type is NFT_NAT_SNAT or
 * NFT_NAT_DNAT, flags of NF_NAT_RANGE_*.
 */
struct nat_registers {
	uint32_t first, last;
	bool has_port;
	uint32_t port;
};
void expr_nat(struct rule_builder *rule, uint32_t type, uint32_t native_family, const struct nat_registers *registers,
	uint32_t flags);

void expr_no_tracking(struct rule_builder *rule);

/* The first bytes of the packet to who listens to the group, each by itself. */
void expr_log(struct rule_builder *rule, uint16_t group, uint32_t bytes);
/* TCP's option for the largest segment becomes the 16 bits in the value register; it never grows. */
void expr_clamp_mss(struct rule_builder *rule);
void expr_synproxy(struct rule_builder *rule, const struct synproxy *synproxy);

/* The rule goes on while more than limit comes by. */
void expr_over_limit(struct rule_builder *rule, const struct limit *limit);

/*
 * Puts the key in the value register into the set, and what is there already gets its time anew with
 * refresh; the rule ends where the set is full. With limit (may be NULL) it goes on only where the
 * element is over it. timeout_ms 0: that of the set.
 */
struct set_update {
	const char *set;
	bool refresh;
	bool data; /* the set is a map: with what is in the data register */
	uint32_t timeout_ms;
	const struct limit *limit;
};
void expr_update_set(struct rule_builder *rule, const struct set_update *update);

/* Both pass the packet on where nobody listens, and keep a flow's packets in one queue. */
void expr_queue(struct rule_builder *rule, uint16_t first, uint16_t count);
void expr_queue_target(struct rule_builder *rule, uint16_t first, uint16_t count);
