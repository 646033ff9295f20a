/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that act, as expressions, and the table of all kinds. */

#include <arpa/inet.h>
#include <errno.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "kernel/ruleset_key.h"
#include "kernel/ruleset_rule.h"
#include "kernel/ruleset_set.h"

static void set_mark(struct rule_builder *rule, const struct statement *statement)
{
	uint32_t keep = ~statement->mask;
	uint32_t value = statement->value & statement->mask;

	if (keep == 0) {
		expr_immediate(rule, &value, sizeof(value), REGISTER_VALUE);
	} else {
		expr_meta_load(rule, NFT_META_MARK, REGISTER_VALUE);
		expr_bitwise(rule, &keep, &value, sizeof(value));
	}
	expr_meta_set(rule, NFT_META_MARK, REGISTER_VALUE);
}

static void count(struct rule_builder *rule, const struct statement *statement)
{
	(void)statement;
	expr_counter(rule);
}

static void count_named(struct rule_builder *rule, const struct statement *statement)
{
	expr_counter_named(rule, statement->name);
}

static void accept_packet(struct rule_builder *rule, const struct statement *statement)
{
	(void)statement;
	expr_verdict(rule, NF_ACCEPT, NULL);
}

static void drop_packet(struct rule_builder *rule, const struct statement *statement)
{
	(void)statement;
	expr_verdict(rule, NF_DROP, NULL);
}

static void return_from_chain(struct rule_builder *rule, const struct statement *statement)
{
	(void)statement;
	expr_verdict(rule, NFT_RETURN, NULL);
}

static void jump_to_chain(struct rule_builder *rule, const struct statement *statement)
{
	expr_verdict(rule, NFT_JUMP, statement->name);
}

static void goto_chain(struct rule_builder *rule, const struct statement *statement)
{
	expr_verdict(rule, NFT_GOTO, statement->name);
}

static void reject_reset(struct rule_builder *rule, const struct statement *statement)
{
	(void)statement;
	expr_reject(rule, NFT_REJECT_TCP_RST, 0);
}

static void reject_prohibited(struct rule_builder *rule, const struct statement *statement)
{
	(void)statement;
	expr_reject(rule, NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
}

static void queue_packet(struct rule_builder *rule, const struct statement *statement)
{
	if (statement->queues == 0)
		rule_fail(rule, -EINVAL);
	else if (rule->features->native_queue)
		expr_queue(rule, statement->queue, statement->queues);
	else
		expr_queue_target(rule, statement->queue, statement->queues);
}

static void masquerade(struct rule_builder *rule, const struct statement *statement)
{
	(void)statement;
	expr_masquerade(rule);
}

/* major:minor, the minor from the mark: how schedulers name a class. */
static void set_class_priority(struct rule_builder *rule, const struct statement *statement)
{
	uint32_t major = statement->value << 16;

	expr_meta_load(rule, NFT_META_MARK, REGISTER_VALUE);
	if (statement->queue > 0)
		expr_shift_right(rule, REGISTER_VALUE, REGISTER_VALUE, 1, statement->queue);
	expr_bitwise(rule, &statement->mask, &major, sizeof(major));
	expr_meta_set(rule, NFT_META_PRIORITY, REGISTER_VALUE);
}

static void set_priority(struct rule_builder *rule, const struct statement *statement)
{
	expr_immediate(rule, &statement->value, sizeof(statement->value), REGISTER_VALUE);
	expr_meta_set(rule, NFT_META_PRIORITY, REGISTER_VALUE);
}

static void clamp_mss(struct rule_builder *rule, const struct statement *statement)
{
	uint16_t bytes = htons((uint16_t)statement->value);

	expr_immediate(rule, &bytes, sizeof(bytes), REGISTER_VALUE);
	expr_clamp_mss(rule);
}

static void log_copy(struct rule_builder *rule, const struct statement *statement)
{
	expr_log(rule, statement->queue, statement->value);
}

static void update_set(struct rule_builder *rule, const struct statement *statement)
{
	const struct set_update update = {
		.set = statement->name,
		.refresh = statement->kind == REFRESH_IN_SET,
		.timeout_ms = statement->timeout_ms,
	};

	key_load(rule, statement->family, &statement->keys);
	expr_update_set(rule, &update);
}

/* The element, made where there is none, counts by itself. */
static void count_by_mark(struct rule_builder *rule, const struct statement *statement)
{
	static const uint32_t unchanged = 0;
	const struct set_update update = { .set = statement->name, .refresh = true };

	expr_meta_load(rule, NFT_META_MARK, REGISTER_VALUE);
	expr_bitwise(rule, &statement->mask, &unchanged, sizeof(unchanged));
	expr_update_set(rule, &update);
}

static void keep_mark(struct rule_builder *rule, const struct statement *statement)
{
	const struct set_update update = {
		.set = statement->name,
		.refresh = true,
		.data = true,
		.timeout_ms = statement->timeout_ms,
	};

	key_load(rule, statement->family, &statement->keys);
	expr_meta_load(rule, NFT_META_MARK, REGISTER_DATA);
	expr_update_set(rule, &update);
}

static void find_mark(struct rule_builder *rule, const struct statement *statement)
{
	if (statement->negate)
		rule_fail(rule, -EINVAL);
	key_load(rule, statement->family, &statement->keys);
	expr_named_map(rule, statement->name);
	expr_meta_set(rule, NFT_META_MARK, REGISTER_DATA);
}

static void over_limit(struct rule_builder *rule, const struct statement *statement)
{
	if (statement->negate)
		rule_fail(rule, -EINVAL);
	expr_over_limit(rule, &statement->limit);
}

/* Elements that count connections go when the last one does: the kernel lets them have no time. */
static void over_limit_each(struct rule_builder *rule, const struct statement *statement)
{
	const struct set_update update = {
		.set = statement->name,
		.refresh = true,
		.timeout_ms = statement->limit.kind == LIMIT_CONNECTIONS ? 0 : statement->timeout_ms,
		.limit = &statement->limit,
	};

	if (statement->negate)
		rule_fail(rule, -EINVAL);
	key_load(rule, statement->family, &statement->keys);
	expr_update_set(rule, &update);
}

static void dispatch(struct rule_builder *rule, const struct statement *statement)
{
	static const uint32_t unchanged = 0;

	expr_meta_load(rule, NFT_META_MARK, REGISTER_VALUE);
	if (statement->mask != UINT32_MAX)
		expr_bitwise(rule, &statement->mask, &unchanged, sizeof(unchanged));
	expr_named_verdict_map(rule, statement->name);
}

/* Loads what is hashed behind one another; bytes of it. */
static uint32_t load_addresses(struct rule_builder *rule, enum family family, bool source, bool destination)
{
	uint32_t length = 0;

	if (source)
		length += expr_address(rule, family, false, REGISTER_ADDRESSES);
	if (destination)
		length += expr_address(rule, family, true, REGISTER_ADDRESSES + length / 4);
	return length;
}

static void hash_addresses(struct rule_builder *rule, const struct statement *statement, uint32_t modulus,
	bool source, bool destination)
{
	uint32_t length = load_addresses(rule, statement->family, source, destination);

	expr_hash(rule, length, modulus, statement->spread.seed);
}

static void pick_number(struct rule_builder *rule, const struct statement *statement, uint32_t modulus)
{
	switch (statement->spread.by) {
	case SPREAD_IN_TURN:
		expr_number(rule, NFT_NG_INCREMENTAL, modulus);
		return;
	case SPREAD_RANDOM:
		expr_number(rule, NFT_NG_RANDOM, modulus);
		return;
	case SPREAD_BY_SOURCE:
		hash_addresses(rule, statement, modulus, true, false);
		return;
	case SPREAD_BY_DESTINATION:
		hash_addresses(rule, statement, modulus, false, true);
		return;
	case SPREAD_BY_BOTH:
		hash_addresses(rule, statement, modulus, true, true);
		return;
	}
}

static void spread_over_chains(struct rule_builder *rule, const struct statement *statement)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < statement->spread.count; i++) {
		if (__builtin_add_overflow(sum, statement->spread.weights[i], &sum))
			rule_fail(rule, -ERANGE);
	}
	if (sum == 0)
		rule_fail(rule, -EINVAL);
	pick_number(rule, statement, sum);
	expr_verdict_map(rule, map_of_shares(rule, &statement->spread));
}

typedef void statement_builder(struct rule_builder *rule, const struct statement *statement);

static statement_builder *const builders[] = {
	[MATCH_FAMILY] = match_family,
	[MATCH_DEVICE_IN] = match_device_in,
	[MATCH_DEVICE_OUT] = match_device_out,
	[MATCH_PROTOCOL] = match_protocol,
	[MATCH_SOURCE] = match_source,
	[MATCH_DESTINATION] = match_destination,
	[MATCH_FROM_PORT] = match_from_port,
	[MATCH_TO_PORT] = match_to_port,
	[MATCH_ICMP6_TYPE] = match_icmp6_type,
	[MATCH_TCP_SYN] = match_tcp_syn,
	[MATCH_CONNECTION_STATE] = match_connection_state,
	[MATCH_MARK] = match_mark,
	[MATCH_CONNECTION_MARK] = match_connection_mark,
	[MATCH_DESTINATION_KIND] = match_destination_kind,
	[MATCH_ROUTED_OUT] = match_routed_out,
	[MATCH_ROUTED] = match_routed,
	[MATCH_SOURCE_KIND] = match_source_kind,
	[MATCH_ICMP_TYPE] = match_icmp_type,
	[MATCH_DSCP] = match_dscp,
	[MATCH_IN_SET] = match_in_set,
	[MATCH_ORIGINAL] = match_original,
	[MATCH_STATUS] = match_status,
	[MATCH_ORIGINAL_PACKETS] = match_original_packets,
	[MATCH_TCP_FLAGS] = match_tcp_flags,
	[MATCH_REPLY_PACKETS] = match_reply_packets,
	[SET_MARK] = set_mark,
	[RESTORE_MARK] = restore_mark,
	[SAVE_MARK] = save_mark,
	[COUNT] = count,
	[COUNT_NAMED] = count_named,
	[ADD_TO_SET] = update_set,
	[REFRESH_IN_SET] = update_set,
	[KEEP_MARK] = keep_mark,
	[FIND_MARK] = find_mark,
	[COUNT_BY_MARK] = count_by_mark,
	[OVER_LIMIT] = over_limit,
	[OVER_LIMIT_EACH] = over_limit_each,
	[SET_CLASS_PRIORITY] = set_class_priority,
	[SET_PRIORITY] = set_priority,
	[CLAMP_MSS] = clamp_mss,
	[LOG_COPY] = log_copy,
	[ACCEPT] = accept_packet,
	[DROP] = drop_packet,
	[RETURN] = return_from_chain,
	[JUMP] = jump_to_chain,
	[GOTO] = goto_chain,
	[REJECT_RESET] = reject_reset,
	[REJECT_PROHIBITED] = reject_prohibited,
	[QUEUE] = queue_packet,
	[MASQUERADE] = masquerade,
	[SOURCE_NAT] = source_nat,
	[DESTINATION_NAT] = destination_nat,
	[SOURCE_PREFIX] = source_prefix,
	[DESTINATION_PREFIX] = destination_prefix,
	[NOTRACK] = no_tracking,
	[SYNPROXY] = synproxy_packet,
	[DISPATCH] = dispatch,
	[SPREAD] = spread_over_chains,
};
_Static_assert(sizeof(builders) / sizeof(builders[0]) == SPREAD + 1, "one builder for each kind");

void rule_statement(struct rule_builder *rule, const struct statement *statement)
{
	builders[statement->kind](rule, statement);
}
