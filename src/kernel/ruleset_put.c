/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes of libnftnl's expressions, each set with its own size. */

#include "kernel/ruleset_put.h"

#include <errno.h>

#include <libnftnl/expr.h>

void rule_fail(struct rule_builder *rule, int error)
{
	if (rule->error == 0)
		rule->error = error;
}

struct nftnl_expr *put_inner_expr(struct rule_builder *rule, const char *name)
{
	struct nftnl_expr *expr;

	if (rule->error != 0)
		return NULL;
	expr = nftnl_expr_alloc(name);
	if (expr == NULL)
		rule_fail(rule, -ENOMEM);
	return expr;
}

struct nftnl_expr *put_expr(struct rule_builder *rule, const char *name)
{
	struct nftnl_expr *expr = put_inner_expr(rule, name);

	if (expr != NULL)
		nftnl_rule_add_expr(rule->rule, expr);
	return expr;
}

void put_u8(struct nftnl_expr *expr, uint16_t attribute, uint8_t value)
{
	if (expr != NULL)
		nftnl_expr_set_u8(expr, attribute, value);
}

void put_u16(struct nftnl_expr *expr, uint16_t attribute, uint16_t value)
{
	if (expr != NULL)
		nftnl_expr_set_u16(expr, attribute, value);
}

void put_u32(struct nftnl_expr *expr, uint16_t attribute, uint32_t value)
{
	if (expr != NULL)
		nftnl_expr_set_u32(expr, attribute, value);
}

void put_u64(struct nftnl_expr *expr, uint16_t attribute, uint64_t value)
{
	if (expr != NULL)
		nftnl_expr_set_u64(expr, attribute, value);
}

void put_text(struct rule_builder *rule, struct nftnl_expr *expr, uint16_t attribute, const char *text)
{
	if (expr != NULL && nftnl_expr_set_str(expr, attribute, text) < 0)
		rule_fail(rule, -ENOMEM);
}

void put_value(struct rule_builder *rule, struct nftnl_expr *expr, uint16_t attribute, const void *value,
	uint32_t length)
{
	if (expr == NULL)
		return;
	if (length > EXPR_VALUE_MAX || nftnl_expr_set(expr, attribute, value, length) < 0)
		rule_fail(rule, -EINVAL);
}
