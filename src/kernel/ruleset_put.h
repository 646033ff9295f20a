/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes of libnftnl's expressions, each set with its own size. */
#pragma once

#include <stdint.h>

#include "kernel/ruleset_expr.h"

struct nftnl_expr;

/* A new expression at the end of the rule, which owns it. NULL once the rule has failed. */
struct nftnl_expr *put_expr(struct rule_builder *rule, const char *name);

/* The same, but nobody's yet: it goes into another expression, which then owns it. */
struct nftnl_expr *put_inner_expr(struct rule_builder *rule, const char *name);

/*
 * libnftnl copies as many bytes as its field has, whatever it is told: each attribute must be set
 * with its own size, so only these touch them. All accept NULL for an expression that failed.
 */
void put_u8(struct nftnl_expr *expr, uint16_t attribute, uint8_t value);
void put_u16(struct nftnl_expr *expr, uint16_t attribute, uint16_t value);
void put_u32(struct nftnl_expr *expr, uint16_t attribute, uint32_t value);
void put_u64(struct nftnl_expr *expr, uint16_t attribute, uint64_t value);
void put_text(struct rule_builder *rule, struct nftnl_expr *expr, uint16_t attribute, const char *text);
void put_value(struct rule_builder *rule, struct nftnl_expr *expr, uint16_t attribute, const void *value,
	uint32_t length);
