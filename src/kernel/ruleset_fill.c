/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets and their elements as messages: a head, then as many messages as the elements take. */

#include "kernel/ruleset_fill.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>

/* An attribute ends at 64 KiB; one element takes far less than what is left here. */
#define LIST_BYTES_MAX 60000

/* nft's number of the data type. */
#define MARK_TYPE 19

/* Without the byte orders nft lists numbers turned round. */
static int describe(struct nftnl_set *set, const struct set_type *type)
{
	struct nftnl_udata_buf *description = nftnl_udata_buf_alloc(64);
	int error = -ENOMEM;

	if (description == NULL)
		return -ENOMEM;
	if (nftnl_udata_put_u32(description, NFTNL_UDATA_SET_KEYBYTEORDER, type->byte_order) &&
		nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(description),
			nftnl_udata_buf_len(description)) == 0)
		error = 0;
	nftnl_udata_buf_free(description);
	return error;
}

static int name_set(struct nftnl_set *set, const char *table, const char *name)
{
	if (nftnl_set_set_str(set, NFTNL_SET_TABLE, table) < 0 || nftnl_set_set_str(set, NFTNL_SET_NAME, name) < 0)
		return -ENOMEM;
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
	return 0;
}

/* Elements that come without one get a copy of it. */
static int add_counter(struct nftnl_set *set)
{
	struct nftnl_expr *counter = nftnl_expr_alloc("counter");

	if (counter == NULL)
		return -ENOMEM;
	nftnl_set_add_expr(set, counter);
	return 0;
}

static int fill_head(struct nftnl_set *set, const char *table, const struct set_head *head)
{
	if (name_set(set, table, head->name) < 0 || describe(set, &head->type) < 0)
		return -ENOMEM;
	nftnl_set_set_u32(set, NFTNL_SET_ID, head->id);
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, head->type.flags);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, head->type.number);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, head->type.size);
	if (head->timeout_ms != 0)
		nftnl_set_set_u64(set, NFTNL_SET_TIMEOUT, head->timeout_ms);
	if (head->elements != 0)
		nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE, head->elements);
	if ((head->type.flags & NFT_SET_MAP) != 0) {
		nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, head->marks ? MARK_TYPE : NFT_DATA_VERDICT);
		nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, head->marks ? sizeof(uint32_t) : 0);
	}
	return head->counts ? add_counter(set) : 0;
}

static void send_set(struct batch *batch, uint16_t type, uint16_t flags, const struct object *object,
	struct nftnl_set *set)
{
	struct nlmsghdr *header = batch_message(batch, type, flags, object);

	if (header == NULL)
		return;
	nftnl_set_nlmsg_build_payload(header, set);
	batch_message_end(batch, header);
}

void message_set_add(struct batch *batch, const struct object *object, const struct set_head *head)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (set == NULL || fill_head(set, batch->table, head) < 0)
		batch_fail(batch, -ENOMEM, object);
	else
		send_set(batch, NFT_MSG_NEWSET, NLM_F_CREATE, object, set);
	if (set != NULL)
		nftnl_set_free(set);
}

void message_set_delete(struct batch *batch, const char *name)
{
	const struct object object = { .kind = OBJECT_SET, .name = name };
	struct nftnl_set *set = nftnl_set_alloc();

	if (set == NULL || name_set(set, batch->table, name) < 0)
		batch_fail(batch, -ENOMEM, &object);
	else
		send_set(batch, NFT_MSG_DELSET, 0, &object, set);
	if (set != NULL)
		nftnl_set_free(set);
}

void message_set_flush(struct batch *batch, const char *name)
{
	const struct object object = { .kind = OBJECT_SET, .name = name };
	struct nlmsghdr *header = batch_message(batch, NFT_MSG_DELSETELEM, 0, &object);

	if (header == NULL)
		return;
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, batch->table);
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, name);
	batch_message_end(batch, header);
}

static void open_message(struct filler *filler)
{
	uint16_t flags = filler->message == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0;

	filler->header = batch_message(filler->batch, filler->message, flags, filler->object);
	if (filler->header == NULL)
		return;
	mnl_attr_put_strz(filler->header, NFTA_SET_ELEM_LIST_TABLE, filler->batch->table);
	mnl_attr_put_strz(filler->header, NFTA_SET_ELEM_LIST_SET, filler->set);
	if (filler->set_id != 0)
		mnl_attr_put_u32(filler->header, NFTA_SET_ELEM_LIST_SET_ID, htonl(filler->set_id));
	filler->list = mnl_attr_nest_start(filler->header, NFTA_SET_ELEM_LIST_ELEMENTS);
}

void fill_end(struct filler *filler)
{
	if (filler->header == NULL)
		return;
	mnl_attr_nest_end(filler->header, filler->list);
	batch_message_end(filler->batch, filler->header);
	filler->header = NULL;
}

static void put_verdict(struct nlmsghdr *header, const struct set_element *element)
{
	struct nlattr *data = mnl_attr_nest_start(header, NFTA_SET_ELEM_DATA);
	struct nlattr *verdict = mnl_attr_nest_start(header, NFTA_DATA_VERDICT);

	mnl_attr_put_u32(header, NFTA_VERDICT_CODE, htonl((uint32_t)element->verdict));
	mnl_attr_put_strz(header, NFTA_VERDICT_CHAIN, element->chain);
	mnl_attr_nest_end(header, verdict);
	mnl_attr_nest_end(header, data);
}

void fill_element(struct filler *filler, const struct set_element *element)
{
	struct nlattr *whole, *key;

	if (filler->header == NULL)
		open_message(filler);
	if (filler->header == NULL)
		return;
	whole = mnl_attr_nest_start(filler->header, NFTA_LIST_ELEM);
	if (element->interval_end)
		mnl_attr_put_u32(filler->header, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	if (element->timeout_ms != 0)
		mnl_attr_put_u64(filler->header, NFTA_SET_ELEM_TIMEOUT, htobe64(element->timeout_ms));
	key = mnl_attr_nest_start(filler->header, NFTA_SET_ELEM_KEY);
	mnl_attr_put(filler->header, NFTA_DATA_VALUE, element->size, element->key);
	mnl_attr_nest_end(filler->header, key);
	if (element->chain != NULL)
		put_verdict(filler->header, element);
	mnl_attr_nest_end(filler->header, whole);
	if ((char *)mnl_nlmsg_get_payload_tail(filler->header) - (char *)filler->list > LIST_BYTES_MAX)
		fill_end(filler);
}
