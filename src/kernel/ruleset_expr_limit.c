/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expressions that remember: limits, and sets that rules fill. */

#include "kernel/ruleset_expr.h"

#include <errno.h>

#include <linux/netfilter/nf_tables.h>
#include <libnftnl/expr.h>

#include "kernel/ruleset_put.h"

typedef struct nftnl_expr *expr_maker(struct rule_builder *rule, const char *name);

/* A bucket of packets holds burst of them, and needs room for one; one of bytes holds a unit's worth and burst. */
static struct nftnl_expr *limit_of_rate(struct rule_builder *rule, const struct limit *limit, expr_maker *make)
{
	bool bytes = limit->kind == LIMIT_BYTES;
	struct nftnl_expr *expr;

	if (limit->count == 0 || limit->per_ms == 0 || limit->per_ms % 1000 != 0)
		rule_fail(rule, -EINVAL);
	expr = make(rule, "limit");
	put_u64(expr, NFTNL_EXPR_LIMIT_RATE, limit->count);
	put_u64(expr, NFTNL_EXPR_LIMIT_UNIT, limit->per_ms / 1000);
	put_u32(expr, NFTNL_EXPR_LIMIT_BURST, limit->burst == 0 && !bytes ? 1 : limit->burst);
	put_u32(expr, NFTNL_EXPR_LIMIT_TYPE, bytes ? NFT_LIMIT_PKT_BYTES : NFT_LIMIT_PKTS);
	put_u32(expr, NFTNL_EXPR_LIMIT_FLAGS, NFT_LIMIT_F_INV);
	return expr;
}

static struct nftnl_expr *limit_of_connections(struct rule_builder *rule, const struct limit *limit, expr_maker *make)
{
	struct nftnl_expr *expr;

	if (limit->count == 0 || limit->count > UINT32_MAX)
		rule_fail(rule, -EINVAL);
	expr = make(rule, "connlimit");
	put_u32(expr, NFTNL_EXPR_CONNLIMIT_COUNT, (uint32_t)limit->count);
	put_u32(expr, NFTNL_EXPR_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
	return expr;
}

static struct nftnl_expr *make_limit(struct rule_builder *rule, const struct limit *limit, expr_maker *make)
{
	if (limit->kind == LIMIT_CONNECTIONS)
		return limit_of_connections(rule, limit, make);
	return limit_of_rate(rule, limit, make);
}

void expr_over_limit(struct rule_builder *rule, const struct limit *limit)
{
	make_limit(rule, limit, put_expr);
}

void expr_update_set(struct rule_builder *rule, const struct set_update *update)
{
	struct nftnl_expr *expr = put_expr(rule, "dynset"), *inner;

	put_u32(expr, NFTNL_EXPR_DYNSET_SREG_KEY, REGISTER_VALUE);
	put_u32(expr, NFTNL_EXPR_DYNSET_OP, update->refresh ? NFT_DYNSET_OP_UPDATE : NFT_DYNSET_OP_ADD);
	put_text(rule, expr, NFTNL_EXPR_DYNSET_SET_NAME, update->set);
	if (update->data)
		put_u32(expr, NFTNL_EXPR_DYNSET_SREG_DATA, REGISTER_DATA);
	if (update->timeout_ms != 0)
		put_u64(expr, NFTNL_EXPR_DYNSET_TIMEOUT, update->timeout_ms);
	if (update->limit == NULL)
		return;
	inner = make_limit(rule, update->limit, put_inner_expr);
	if (inner != NULL)
		nftnl_expr_add_expr(expr, NFTNL_EXPR_DYNSET_EXPRESSIONS, inner);
}
