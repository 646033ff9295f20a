/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nft expressions that our rules are made of, one function each. */

#include "kernel/ruleset_expr.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <libnftnl/expr.h>

#include "kernel/ruleset_put.h"

void expr_meta_load(struct rule_builder *rule, uint32_t key, uint32_t target)
{
	struct nftnl_expr *expr = put_expr(rule, "meta");

	put_u32(expr, NFTNL_EXPR_META_KEY, key);
	put_u32(expr, NFTNL_EXPR_META_DREG, target);
}

void expr_meta_set(struct rule_builder *rule, uint32_t key, uint32_t source)
{
	struct nftnl_expr *expr = put_expr(rule, "meta");

	put_u32(expr, NFTNL_EXPR_META_KEY, key);
	put_u32(expr, NFTNL_EXPR_META_SREG, source);
}

void expr_ct_load(struct rule_builder *rule, uint32_t key, uint32_t target)
{
	struct nftnl_expr *expr = put_expr(rule, "ct");

	put_u32(expr, NFTNL_EXPR_CT_KEY, key);
	put_u32(expr, NFTNL_EXPR_CT_DREG, target);
}

void expr_ct_load_of(struct rule_builder *rule, uint32_t key, uint8_t direction, uint32_t target)
{
	struct nftnl_expr *expr = put_expr(rule, "ct");

	put_u32(expr, NFTNL_EXPR_CT_KEY, key);
	put_u8(expr, NFTNL_EXPR_CT_DIR, direction);
	put_u32(expr, NFTNL_EXPR_CT_DREG, target);
}

void expr_ct_load_original(struct rule_builder *rule, uint32_t key, uint32_t target)
{
	expr_ct_load_of(rule, key, IP_CT_DIR_ORIGINAL, target);
}

void expr_ct_set(struct rule_builder *rule, uint32_t key, uint32_t source)
{
	struct nftnl_expr *expr = put_expr(rule, "ct");

	put_u32(expr, NFTNL_EXPR_CT_KEY, key);
	put_u32(expr, NFTNL_EXPR_CT_SREG, source);
}

void expr_payload(struct rule_builder *rule, uint32_t base, uint32_t offset, uint32_t length, uint32_t target)
{
	struct nftnl_expr *expr = put_expr(rule, "payload");

	put_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
	put_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	put_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, length);
	put_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, target);
}

uint32_t expr_address(struct rule_builder *rule, enum family family, bool destination, uint32_t target)
{
	uint32_t size = family == IPV4 ? 4 : 16;
	uint32_t source_offset = family == IPV4 ? 12 : 8;

	expr_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, destination ? source_offset + size : source_offset,
		size, target);
	return size;
}

void expr_fib(struct rule_builder *rule, uint32_t result, uint32_t flags)
{
	struct nftnl_expr *expr = put_expr(rule, "fib");

	put_u32(expr, NFTNL_EXPR_FIB_RESULT, result);
	put_u32(expr, NFTNL_EXPR_FIB_FLAGS, flags);
	put_u32(expr, NFTNL_EXPR_FIB_DREG, REGISTER_VALUE);
}

static void bitwise(struct rule_builder *rule, uint32_t target, const void *mask, const void *change, uint32_t length)
{
	struct nftnl_expr *expr = put_expr(rule, "bitwise");

	put_u32(expr, NFTNL_EXPR_BITWISE_SREG, target);
	put_u32(expr, NFTNL_EXPR_BITWISE_DREG, target);
	put_u32(expr, NFTNL_EXPR_BITWISE_LEN, length);
	put_value(rule, expr, NFTNL_EXPR_BITWISE_MASK, mask, length);
	put_value(rule, expr, NFTNL_EXPR_BITWISE_XOR, change, length);
}

void expr_bitwise(struct rule_builder *rule, const void *mask, const void *change, uint32_t length)
{
	bitwise(rule, REGISTER_VALUE, mask, change, length);
}

void expr_mask(struct rule_builder *rule, uint32_t target, const void *mask, uint32_t length)
{
	static const uint8_t unchanged[EXPR_VALUE_MAX];

	bitwise(rule, target, mask, unchanged, length);
}

static void shift(struct rule_builder *rule, uint32_t operation, uint32_t source, uint32_t target,
	uint32_t words, uint32_t bits)
{
	struct nftnl_expr *expr = put_expr(rule, "bitwise");

	put_u32(expr, NFTNL_EXPR_BITWISE_SREG, source);
	put_u32(expr, NFTNL_EXPR_BITWISE_DREG, target);
	put_u32(expr, NFTNL_EXPR_BITWISE_LEN, words * 4);
	put_u32(expr, NFTNL_EXPR_BITWISE_OP, operation);
	put_value(rule, expr, NFTNL_EXPR_BITWISE_DATA, &bits, sizeof(bits));
}

void expr_shift_left(struct rule_builder *rule, uint32_t source, uint32_t target, uint32_t words,
	uint32_t bits)
{
	shift(rule, NFT_BITWISE_LSHIFT, source, target, words, bits);
}

void expr_shift_right(struct rule_builder *rule, uint32_t source, uint32_t target, uint32_t words,
	uint32_t bits)
{
	shift(rule, NFT_BITWISE_RSHIFT, source, target, words, bits);
}

void expr_equal(struct rule_builder *rule, const void *value, uint32_t length, bool negate)
{
	struct nftnl_expr *expr = put_expr(rule, "cmp");

	put_u32(expr, NFTNL_EXPR_CMP_SREG, REGISTER_VALUE);
	put_u32(expr, NFTNL_EXPR_CMP_OP, negate ? NFT_CMP_NEQ : NFT_CMP_EQ);
	put_value(rule, expr, NFTNL_EXPR_CMP_DATA, value, length);
}

void expr_between(struct rule_builder *rule, const void *from, const void *to, uint32_t length, bool negate)
{
	struct nftnl_expr *expr = put_expr(rule, "range");

	put_u32(expr, NFTNL_EXPR_RANGE_SREG, REGISTER_VALUE);
	put_u32(expr, NFTNL_EXPR_RANGE_OP, negate ? NFT_RANGE_NEQ : NFT_RANGE_EQ);
	put_value(rule, expr, NFTNL_EXPR_RANGE_FROM_DATA, from, length);
	put_value(rule, expr, NFTNL_EXPR_RANGE_TO_DATA, to, length);
}

void expr_in_set(struct rule_builder *rule, uint32_t set_id, bool negate)
{
	struct nftnl_expr *expr = put_expr(rule, "lookup");

	put_u32(expr, NFTNL_EXPR_LOOKUP_SREG, REGISTER_VALUE);
	put_text(rule, expr, NFTNL_EXPR_LOOKUP_SET, "__set%d");
	put_u32(expr, NFTNL_EXPR_LOOKUP_SET_ID, set_id);
	if (negate)
		put_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

void expr_in_named_set(struct rule_builder *rule, const char *set, bool negate)
{
	struct nftnl_expr *expr = put_expr(rule, "lookup");

	put_u32(expr, NFTNL_EXPR_LOOKUP_SREG, REGISTER_VALUE);
	put_text(rule, expr, NFTNL_EXPR_LOOKUP_SET, set);
	if (negate)
		put_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

void expr_named_map(struct rule_builder *rule, const char *map)
{
	struct nftnl_expr *expr = put_expr(rule, "lookup");

	put_u32(expr, NFTNL_EXPR_LOOKUP_SREG, REGISTER_VALUE);
	put_text(rule, expr, NFTNL_EXPR_LOOKUP_SET, map);
	put_u32(expr, NFTNL_EXPR_LOOKUP_DREG, REGISTER_DATA);
}

void expr_named_verdict_map(struct rule_builder *rule, const char *map)
{
	struct nftnl_expr *expr = put_expr(rule, "lookup");

	put_u32(expr, NFTNL_EXPR_LOOKUP_SREG, REGISTER_VALUE);
	put_text(rule, expr, NFTNL_EXPR_LOOKUP_SET, map);
	put_u32(expr, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

void expr_verdict_map(struct rule_builder *rule, uint32_t set_id)
{
	struct nftnl_expr *expr = put_expr(rule, "lookup");

	put_u32(expr, NFTNL_EXPR_LOOKUP_SREG, REGISTER_VALUE);
	put_text(rule, expr, NFTNL_EXPR_LOOKUP_SET, "__map%d");
	put_u32(expr, NFTNL_EXPR_LOOKUP_SET_ID, set_id);
	put_u32(expr, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

/* Interval sets compare bytes from the first: numbers must be in network byte order. */
static void to_network_order(struct rule_builder *rule)
{
	struct nftnl_expr *expr = put_expr(rule, "byteorder");

	put_u32(expr, NFTNL_EXPR_BYTEORDER_SREG, REGISTER_VALUE);
	put_u32(expr, NFTNL_EXPR_BYTEORDER_DREG, REGISTER_VALUE);
	put_u32(expr, NFTNL_EXPR_BYTEORDER_OP, NFT_BYTEORDER_HTON);
	put_u32(expr, NFTNL_EXPR_BYTEORDER_LEN, 4);
	put_u32(expr, NFTNL_EXPR_BYTEORDER_SIZE, 4);
}

void expr_number(struct rule_builder *rule, uint32_t type, uint32_t modulus)
{
	struct nftnl_expr *expr = put_expr(rule, "numgen");

	put_u32(expr, NFTNL_EXPR_NG_DREG, REGISTER_VALUE);
	put_u32(expr, NFTNL_EXPR_NG_MODULUS, modulus);
	put_u32(expr, NFTNL_EXPR_NG_TYPE, type);
	put_u32(expr, NFTNL_EXPR_NG_OFFSET, 0);
	to_network_order(rule);
}

void expr_hash(struct rule_builder *rule, uint32_t length, uint32_t modulus, uint32_t seed)
{
	struct nftnl_expr *expr = put_expr(rule, "hash");

	put_u32(expr, NFTNL_EXPR_HASH_SREG, REGISTER_ADDRESSES);
	put_u32(expr, NFTNL_EXPR_HASH_DREG, REGISTER_VALUE);
	put_u32(expr, NFTNL_EXPR_HASH_LEN, length);
	put_u32(expr, NFTNL_EXPR_HASH_MODULUS, modulus);
	put_u32(expr, NFTNL_EXPR_HASH_SEED, seed);
	put_u32(expr, NFTNL_EXPR_HASH_TYPE, NFT_HASH_JENKINS);
	to_network_order(rule);
}

void expr_immediate(struct rule_builder *rule, const void *value, uint32_t length, uint32_t target)
{
	struct nftnl_expr *expr = put_expr(rule, "immediate");

	put_u32(expr, NFTNL_EXPR_IMM_DREG, target);
	put_value(rule, expr, NFTNL_EXPR_IMM_DATA, value, length);
}

void expr_verdict(struct rule_builder *rule, int verdict, const char *chain)
{
	struct nftnl_expr *expr = put_expr(rule, "immediate");

	put_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	if (chain != NULL)
		put_text(rule, expr, NFTNL_EXPR_IMM_CHAIN, chain);
	put_u32(expr, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
}

void expr_counter(struct rule_builder *rule)
{
	put_expr(rule, "counter");
}

void expr_counter_named(struct rule_builder *rule, const char *name)
{
	struct nftnl_expr *expr = put_expr(rule, "objref");

	put_u32(expr, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	put_text(rule, expr, NFTNL_EXPR_OBJREF_IMM_NAME, name);
}

void expr_reject(struct rule_builder *rule, uint32_t type, uint8_t code)
{
	struct nftnl_expr *expr = put_expr(rule, "reject");

	put_u32(expr, NFTNL_EXPR_REJECT_TYPE, type);
	put_u8(expr, NFTNL_EXPR_REJECT_CODE, code);
}

void expr_masquerade(struct rule_builder *rule)
{
	put_expr(rule, "masq");
}

void expr_queue(struct rule_builder *rule, uint16_t first, uint16_t count)
{
	struct nftnl_expr *expr = put_expr(rule, "queue");

	put_u16(expr, NFTNL_EXPR_QUEUE_NUM, first);
	put_u16(expr, NFTNL_EXPR_QUEUE_TOTAL, count);
	put_u16(expr, NFTNL_EXPR_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
}

void expr_log(struct rule_builder *rule, uint16_t group, uint32_t bytes)
{
	struct nftnl_expr *expr = put_expr(rule, "log");

	put_u16(expr, NFTNL_EXPR_LOG_GROUP, group);
	put_u32(expr, NFTNL_EXPR_LOG_SNAPLEN, bytes);
	put_u16(expr, NFTNL_EXPR_LOG_QTHRESHOLD, 1);
}

void expr_clamp_mss(struct rule_builder *rule)
{
	struct nftnl_expr *expr = put_expr(rule, "exthdr");

	put_u32(expr, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
	put_u8(expr, NFTNL_EXPR_EXTHDR_TYPE, TCPOPT_MAXSEG);
	put_u32(expr, NFTNL_EXPR_EXTHDR_OFFSET, 2); /* behind kind and length */
	put_u32(expr, NFTNL_EXPR_EXTHDR_LEN, 2);
	put_u32(expr, NFTNL_EXPR_EXTHDR_SREG, REGISTER_VALUE);
}

/* What the kernel's XT_ALIGN() makes of the size: it refuses any other. */
#define QUEUE_INFO_SIZE ((sizeof(struct xt_NFQ_info_v3) + 7) & ~(size_t)7)

void expr_queue_target(struct rule_builder *rule, uint16_t first, uint16_t count)
{
	struct nftnl_expr *expr = put_expr(rule, "target");
	struct xt_NFQ_info_v3 *info;

	if (expr == NULL)
		return;
	info = calloc(1, QUEUE_INFO_SIZE);
	if (info == NULL) {
		rule_fail(rule, -ENOMEM);
		return;
	}
	info->queuenum = first;
	info->queues_total = count;
	info->flags = NFQ_FLAG_BYPASS;
	put_text(rule, expr, NFTNL_EXPR_TG_NAME, "NFQUEUE");
	put_u32(expr, NFTNL_EXPR_TG_REV, 3);
	/* The expression owns info from here on. */
	nftnl_expr_set(expr, NFTNL_EXPR_TG_INFO, info, QUEUE_INFO_SIZE);
}
