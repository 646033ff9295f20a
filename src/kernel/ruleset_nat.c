/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that translate addresses, and those that keep connections from being tracked as usual. */

#include "kernel/ruleset_rule.h"

#include <arpa/inet.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_synproxy.h>
#include <linux/netfilter/nf_tables.h>
#include <libnftnl/expr.h>

#include "kernel/ruleset_put.h"

void expr_nat(struct rule_builder *rule, uint32_t type, uint32_t native_family, const struct nat_registers *registers,
	uint32_t flags)
{
	struct nftnl_expr *expr = put_expr(rule, "nat");

	put_u32(expr, NFTNL_EXPR_NAT_TYPE, type);
	put_u32(expr, NFTNL_EXPR_NAT_FAMILY, native_family);
	put_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MIN, registers->first);
	if (registers->last != registers->first)
		put_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MAX, registers->last);
	if (registers->has_port)
		put_u32(expr, NFTNL_EXPR_NAT_REG_PROTO_MIN, registers->port);
	if (flags != 0)
		put_u32(expr, NFTNL_EXPR_NAT_FLAGS, flags);
}

void expr_no_tracking(struct rule_builder *rule)
{
	put_expr(rule, "notrack");
}

void expr_synproxy(struct rule_builder *rule, const struct synproxy *synproxy)
{
	struct nftnl_expr *expr = put_expr(rule, "synproxy");

	put_u16(expr, NFTNL_EXPR_SYNPROXY_MSS, synproxy->mss);
	put_u8(expr, NFTNL_EXPR_SYNPROXY_WSCALE, synproxy->window_scale);
	put_u32(expr, NFTNL_EXPR_SYNPROXY_FLAGS, NF_SYNPROXY_OPT_MSS | NF_SYNPROXY_OPT_WSCALE |
		NF_SYNPROXY_OPT_SACK_PERM | NF_SYNPROXY_OPT_TIMESTAMP);
}

static uint32_t family_number(enum family family)
{
	return family == IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

static void load(struct rule_builder *rule, const struct address *address, uint32_t target)
{
	expr_immediate(rule, address->bytes, (uint32_t)family_size(address->family), target);
}

bool nat_is_range(const struct statement *statement)
{
	static const uint8_t none[16];
	const struct address *last = &statement->last_address;

	return memcmp(last->bytes, none, sizeof(none)) != 0 && !address_equal(last, &statement->address);
}

/* An inside address keeps its outside one as long as the range stays: many peers ask for that (RFC 4787, REQ-2). */
void source_nat(struct rule_builder *rule, const struct statement *statement)
{
	struct nat_registers registers = { .first = REGISTER_VALUE, .last = REGISTER_VALUE };

	load(rule, &statement->address, REGISTER_VALUE);
	if (nat_is_range(statement)) {
		load(rule, &statement->last_address, REGISTER_ADDRESSES);
		registers.last = REGISTER_ADDRESSES;
	}
	expr_nat(rule, NFT_NAT_SNAT, family_number(statement->address.family), &registers,
		registers.last != registers.first ? NF_NAT_RANGE_PERSISTENT : 0);
}

void destination_nat(struct rule_builder *rule, const struct statement *statement)
{
	struct nat_registers registers = { .first = REGISTER_VALUE, .last = REGISTER_VALUE };
	uint16_t port = htons(statement->port);

	load(rule, &statement->address, REGISTER_VALUE);
	if (statement->port != 0) {
		expr_immediate(rule, &port, sizeof(port), REGISTER_ADDRESSES);
		registers.has_port = true;
		registers.port = REGISTER_ADDRESSES;
	}
	expr_nat(rule, NFT_NAT_DNAT, family_number(statement->address.family), &registers, 0);
}

static struct address last_of(const struct network *network)
{
	struct address last = network->address;

	for (size_t bit = network->length; bit < family_size(last.family) * 8; bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
	return last;
}

/* The kernel takes the mask from where the first and the last address differ. */
static void prefix(struct rule_builder *rule, const struct network *network, uint32_t type)
{
	const struct nat_registers registers = { .first = REGISTER_VALUE, .last = REGISTER_ADDRESSES };
	struct address last = last_of(network);

	load(rule, &network->address, REGISTER_VALUE);
	load(rule, &last, REGISTER_ADDRESSES);
	expr_nat(rule, type, family_number(network->address.family), &registers, NF_NAT_RANGE_NETMAP);
}

void source_prefix(struct rule_builder *rule, const struct statement *statement)
{
	prefix(rule, &statement->network, NFT_NAT_SNAT);
}

void destination_prefix(struct rule_builder *rule, const struct statement *statement)
{
	prefix(rule, &statement->network, NFT_NAT_DNAT);
}

void no_tracking(struct rule_builder *rule, const struct statement *statement)
{
	(void)statement;
	expr_no_tracking(rule);
}

void synproxy_packet(struct rule_builder *rule, const struct statement *statement)
{
	expr_synproxy(rule, &statement->synproxy);
}
