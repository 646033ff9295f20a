/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables, chains, counters and rules as messages of a batch. */

#include "kernel/ruleset_message.h"

#include <errno.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <libnftnl/chain.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include "kernel/ruleset_rule.h"

static void no_memory(struct batch *batch)
{
	struct object object = { .kind = OBJECT_BATCH };

	batch_fail(batch, -ENOMEM, &object);
}

const char *chain_type_name(enum chain_kind kind)
{
	switch (kind) {
	case CHAIN_REGULAR:
		break;
	case CHAIN_FILTER:
		return "filter";
	case CHAIN_ROUTE:
		return "route";
	case CHAIN_NAT:
		return "nat";
	}
	return "";
}

uint32_t chain_hook_number(enum chain_hook hook)
{
	switch (hook) {
	case HOOK_PREROUTING:
		return NF_INET_PRE_ROUTING;
	case HOOK_INPUT:
		return NF_INET_LOCAL_IN;
	case HOOK_FORWARD:
		return NF_INET_FORWARD;
	case HOOK_OUTPUT:
		return NF_INET_LOCAL_OUT;
	case HOOK_POSTROUTING:
		return NF_INET_POST_ROUTING;
	}
	return NF_INET_NUMHOOKS;
}

static void put_table(struct batch *batch, uint16_t type, uint16_t message_flags, uint32_t flags)
{
	struct object object = { .kind = OBJECT_TABLE, .name = batch->table };
	struct nlmsghdr *header = batch_message(batch, type, message_flags, &object);
	struct nftnl_table *table;

	if (header == NULL)
		return;
	table = nftnl_table_alloc();
	if (table == NULL || nftnl_table_set_str(table, NFTNL_TABLE_NAME, batch->table) < 0) {
		no_memory(batch);
	} else {
		if (flags != 0)
			nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, flags);
		nftnl_table_nlmsg_build_payload(header, table);
		batch_message_end(batch, header);
	}
	if (table != NULL)
		nftnl_table_free(table);
}

void message_table_add(struct batch *batch, uint32_t flags)
{
	put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, flags);
}

void message_table_delete(struct batch *batch)
{
	put_table(batch, NFT_MSG_DELTABLE, 0, 0);
}

/* Owned by the caller. NULL once the batch has failed. */
static struct nftnl_chain *named_chain(struct batch *batch, const char *name)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (chain != NULL && nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, batch->table) == 0 &&
		nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name) == 0)
		return chain;
	if (chain != NULL)
		nftnl_chain_free(chain);
	no_memory(batch);
	return NULL;
}

static void send_chain(struct batch *batch, uint16_t type, uint16_t flags, const char *name,
	const struct nftnl_chain *chain)
{
	struct object object = { .kind = OBJECT_CHAIN, .name = name };
	struct nlmsghdr *header = batch_message(batch, type, flags, &object);

	if (header == NULL)
		return;
	nftnl_chain_nlmsg_build_payload(header, chain);
	batch_message_end(batch, header);
}

static void hook_chain(struct batch *batch, struct nftnl_chain *message, const struct chain *chain)
{
	if (nftnl_chain_set_str(message, NFTNL_CHAIN_TYPE, chain_type_name(chain->kind)) < 0)
		no_memory(batch);
	nftnl_chain_set_u32(message, NFTNL_CHAIN_HOOKNUM, chain_hook_number(chain->hook));
	nftnl_chain_set_s32(message, NFTNL_CHAIN_PRIO, chain->priority);
	nftnl_chain_set_u32(message, NFTNL_CHAIN_POLICY, NF_ACCEPT);
}

void message_chain_add(struct batch *batch, const struct chain *chain)
{
	struct nftnl_chain *message = named_chain(batch, chain->name);

	if (message == NULL)
		return;
	if (chain->kind != CHAIN_REGULAR)
		hook_chain(batch, message, chain);
	send_chain(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain->name, message);
	nftnl_chain_free(message);
}

void message_chain_delete(struct batch *batch, const char *name)
{
	struct nftnl_chain *message = named_chain(batch, name);

	if (message == NULL)
		return;
	send_chain(batch, NFT_MSG_DELCHAIN, 0, name, message);
	nftnl_chain_free(message);
}

static void put_counter(struct batch *batch, uint16_t type, uint16_t flags, const char *name)
{
	struct object object = { .kind = OBJECT_COUNTER, .name = name };
	struct nlmsghdr *header = batch_message(batch, type, flags, &object);
	struct nftnl_obj *counter;

	if (header == NULL)
		return;
	counter = nftnl_obj_alloc();
	if (counter == NULL) {
		no_memory(batch);
		return;
	}
	nftnl_obj_set_str(counter, NFTNL_OBJ_TABLE, batch->table);
	nftnl_obj_set_str(counter, NFTNL_OBJ_NAME, name);
	nftnl_obj_set_u32(counter, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nftnl_obj_set_u64(counter, NFTNL_OBJ_CTR_PKTS, 0);
	nftnl_obj_nlmsg_build_payload(header, counter);
	batch_message_end(batch, header);
	nftnl_obj_free(counter);
}

void message_counter_add(struct batch *batch, const char *name)
{
	put_counter(batch, NFT_MSG_NEWOBJ, NLM_F_CREATE, name);
}

void message_counter_delete(struct batch *batch, const char *name)
{
	put_counter(batch, NFT_MSG_DELOBJ, 0, name);
}

/* Owned by the caller. NULL once the batch has failed. chain NULL: of the whole table. */
static struct nftnl_rule *rule_of(struct batch *batch, const char *chain)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (rule != NULL && nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, batch->table) == 0 &&
		(chain == NULL || nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain) == 0))
		return rule;
	if (rule != NULL)
		nftnl_rule_free(rule);
	no_memory(batch);
	return NULL;
}

static void send_rule(struct batch *batch, uint16_t type, uint16_t flags, const struct object *object,
	struct nftnl_rule *rule)
{
	struct nlmsghdr *header = batch_message(batch, type, flags, object);

	if (header == NULL)
		return;
	nftnl_rule_nlmsg_build_payload(header, rule);
	batch_message_end(batch, header);
}

void message_flush(struct batch *batch, const char *chain)
{
	struct object object = { .kind = chain == NULL ? OBJECT_TABLE : OBJECT_CHAIN,
		.name = chain == NULL ? batch->table : chain };
	struct nftnl_rule *rule = rule_of(batch, chain);

	if (rule == NULL)
		return;
	send_rule(batch, NFT_MSG_DELRULE, 0, &object, rule);
	nftnl_rule_free(rule);
}

char comment_character(char character)
{
	unsigned char byte = (unsigned char)character;

	return byte == '"' || byte < ' ' || byte == 0x7f ? '?' : character;
}

/* Bytes of the comment that nft accepts, whole UTF-8 characters only. */
static size_t comment_length(const char *comment)
{
	size_t length = strnlen(comment, NFTNL_UDATA_COMMENT_MAXLEN + 1);

	if (length <= NFTNL_UDATA_COMMENT_MAXLEN)
		return length;
	length = NFTNL_UDATA_COMMENT_MAXLEN;
	while (length > 0 && ((unsigned char)comment[length] & 0xc0) == 0x80)
		length--;
	return length;
}

static void put_comment(struct rule_builder *builder, const char *comment)
{
	char text[NFTNL_UDATA_COMMENT_MAXLEN + 1] = { 0 };
	struct nftnl_udata_buf *notes = nftnl_udata_buf_alloc(256);

	for (size_t i = 0, length = comment_length(comment); i < length; i++)
		text[i] = comment_character(comment[i]);
	if (notes == NULL || !nftnl_udata_put_strz(notes, NFTNL_UDATA_RULE_COMMENT, text) ||
		nftnl_rule_set_data(builder->rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(notes),
			nftnl_udata_buf_len(notes)) < 0)
		rule_fail(builder, -ENOMEM);
	if (notes != NULL)
		nftnl_udata_buf_free(notes);
}

/* The kernel ends the rule where a set is full, or has nothing for a mark; after a jump in any case. */
static bool must_be_last(enum statement_kind kind)
{
	return kind == ADD_TO_SET || kind == REFRESH_IN_SET || kind == COUNT_BY_MARK || kind == DISPATCH;
}

void message_rule_add(struct batch *batch, const struct ruleset_features *features, const char *chain,
	const struct ruleset_rule *rule)
{
	struct rule_builder builder = {
		.batch = batch,
		.features = features,
		.object = { .kind = OBJECT_RULE, .name = rule->comment, .chain = chain },
		.rule = rule_of(batch, chain),
	};

	if (builder.rule == NULL)
		return;
	for (size_t i = 0; i < rule->count; i++) {
		if (i > 0 && must_be_last(rule->statements[i - 1].kind))
			rule_fail(&builder, -EINVAL);
		rule_statement(&builder, &rule->statements[i]);
	}
	put_comment(&builder, rule->comment);
	if (builder.error == 0)
		send_rule(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, &builder.object, builder.rule);
	else
		batch_fail(batch, builder.error, &builder.object);
	nftnl_rule_free(builder.rule);
}
