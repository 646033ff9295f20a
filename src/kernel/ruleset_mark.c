/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Masked copies between packet mark and connection mark, with bit shifts. */

#include <linux/netfilter/nf_tables.h>

#include "kernel/ruleset_rule.h"

/*
 * nftables had no OR of two registers before Linux 6.13, and the CONNMARK target, which could do it,
 * is refused in tables of family inet since 6.12 and its stable branches, 6.1 too. But a shift over two
 * words carries bits from the second into the first: that joins two parts of a mark on every kernel
 * since 5.6.
 *
 * Result: the lowest bits from lower, the others from upper.
 */
static void join(struct rule_builder *rule, uint32_t upper, uint32_t lower, unsigned int bits)
{
	expr_shift_right(rule, upper, REGISTER_VALUE, 1, bits);
	expr_shift_left(rule, lower, REGISTER_SECOND, 1, 32 - bits);
	expr_shift_left(rule, REGISTER_VALUE, REGISTER_RESULT, 2, bits);
}

/* The register that then holds target with its bits first .. after - 1 from source. */
static uint32_t insert(struct rule_builder *rule, unsigned int first, unsigned int after)
{
	uint32_t result = REGISTER_SOURCE;

	if (first > 0) {
		join(rule, REGISTER_SOURCE, REGISTER_TARGET, first);
		result = REGISTER_RESULT;
	}
	if (after < 32) {
		join(rule, REGISTER_TARGET, result, after);
		result = REGISTER_RESULT;
	}
	return result;
}

static void restore_bits(struct rule_builder *rule, unsigned int first, unsigned int after)
{
	expr_ct_load(rule, NFT_CT_MARK, REGISTER_SOURCE);
	expr_meta_load(rule, NFT_META_MARK, REGISTER_TARGET);
	expr_meta_set(rule, NFT_META_MARK, insert(rule, first, after));
}

static void save_bits(struct rule_builder *rule, unsigned int first, unsigned int after)
{
	expr_meta_load(rule, NFT_META_MARK, REGISTER_SOURCE);
	expr_ct_load(rule, NFT_CT_MARK, REGISTER_TARGET);
	expr_ct_set(rule, NFT_CT_MARK, insert(rule, first, after));
}

/* Our masks are one run of bits each; others are copied run by run. */
static void copy_runs(struct rule_builder *rule, uint32_t mask,
	void (*copy)(struct rule_builder *rule, unsigned int first, unsigned int after))
{
	unsigned int first = 0;

	while (first < 32) {
		unsigned int after = first;

		while (after < 32 && (mask >> after & 1) != 0)
			after++;
		if (after > first)
			copy(rule, first, after);
		first = after + 1;
	}
}

void restore_mark(struct rule_builder *rule, const struct statement *statement)
{
	copy_runs(rule, statement->mask, restore_bits);
}

void save_mark(struct rule_builder *rule, const struct statement *statement)
{
	copy_runs(rule, statement->mask, save_bits);
}
