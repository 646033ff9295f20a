/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Elements of dynamic sets that are keyed by one address, or by a mark: read, added, taken out while rules use them. */

#include "kernel/ruleset_elements.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libnftnl/common.h>

#include "kernel/ruleset_fill.h"

#define REQUEST_MAX 1024

struct reading {
	enum family family;
	bool by_mark;
	bool (*callback)(const struct ruleset_element *element, void *data);
	void *data;
	bool enough;
};

static int take_value(const struct nlattr *attribute, void *data)
{
	struct address *address = data;

	if (mnl_attr_get_type(attribute) == NFTA_DATA_VALUE &&
		mnl_attr_get_payload_len(attribute) == family_size(address->family))
		memcpy(address->bytes, mnl_attr_get_payload(attribute), family_size(address->family));
	return MNL_CB_OK;
}

/* Marks are in the machine's own order. */
static int take_mark(const struct nlattr *attribute, void *data)
{
	uint32_t *mark = data;

	if (mnl_attr_get_type(attribute) == NFTA_DATA_VALUE && mnl_attr_get_payload_len(attribute) == sizeof(*mark))
		memcpy(mark, mnl_attr_get_payload(attribute), sizeof(*mark));
	return MNL_CB_OK;
}

static int take_count(const struct nlattr *attribute, void *data)
{
	struct ruleset_element *element = data;

	if (mnl_attr_get_type(attribute) == NFTA_COUNTER_PACKETS && mnl_attr_validate(attribute, MNL_TYPE_U64) == 0)
		element->packets = be64toh(mnl_attr_get_u64(attribute));
	if (mnl_attr_get_type(attribute) == NFTA_COUNTER_BYTES && mnl_attr_validate(attribute, MNL_TYPE_U64) == 0)
		element->bytes = be64toh(mnl_attr_get_u64(attribute));
	return MNL_CB_OK;
}

/* The only expression of our elements that has data of this kind is the counter. */
static int take_expression(const struct nlattr *attribute, void *data)
{
	if (mnl_attr_get_type(attribute) == NFTA_EXPR_DATA)
		return mnl_attr_parse_nested(attribute, take_count, data);
	return MNL_CB_OK;
}

/* A part of an element in the making, and how its key is to be read. */
struct taking {
	struct ruleset_element element;
	bool by_mark;
};

static int take_part(const struct nlattr *attribute, void *data)
{
	struct taking *taking = data;
	struct ruleset_element *element = &taking->element;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type == NFTA_SET_ELEM_KEY && taking->by_mark)
		return mnl_attr_parse_nested(attribute, take_mark, &element->mark);
	if (type == NFTA_SET_ELEM_KEY)
		return mnl_attr_parse_nested(attribute, take_value, &element->address);
	if (type == NFTA_SET_ELEM_EXPR)
		return mnl_attr_parse_nested(attribute, take_expression, element);
	if (type == NFTA_SET_ELEM_TIMEOUT && mnl_attr_validate(attribute, MNL_TYPE_U64) == 0)
		element->timeout_ms = be64toh(mnl_attr_get_u64(attribute));
	if (type == NFTA_SET_ELEM_EXPIRATION && mnl_attr_validate(attribute, MNL_TYPE_U64) == 0)
		element->expires_ms = be64toh(mnl_attr_get_u64(attribute));
	return MNL_CB_OK;
}

static int take_element(const struct nlattr *attribute, void *data)
{
	struct reading *reading = data;
	struct taking taking = { .element.address.family = reading->family, .by_mark = reading->by_mark };

	if (reading->enough || mnl_attr_parse_nested(attribute, take_part, &taking) < 0)
		return MNL_CB_OK;
	reading->enough = !reading->callback(&taking.element, reading->data);
	return MNL_CB_OK;
}

static int take_list(const struct nlattr *attribute, void *data)
{
	if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_LIST_ELEMENTS)
		return mnl_attr_parse_nested(attribute, take_element, data);
	return MNL_CB_OK;
}

static int elements_arrived(const struct nlmsghdr *header, void *data)
{
	return mnl_attr_parse(header, sizeof(struct nfgenmsg), take_list, data);
}

static int list(struct netlink *netlink, const char *table, const char *set, struct reading *reading)
{
	char request[REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO))) = { 0 };
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(request, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, 0);

	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, set);
	return netlink_ask(netlink, header, elements_arrived, reading);
}

int ruleset_elements_list(struct netlink *netlink, const char *table, const char *set, enum family family,
	bool (*callback)(const struct ruleset_element *element, void *data), void *data)
{
	struct reading reading = { .family = family, .callback = callback, .data = data };

	return list(netlink, table, set, &reading);
}

int ruleset_elements_list_marks(struct netlink *netlink, const char *table, const char *set,
	bool (*callback)(const struct ruleset_element *element, void *data), void *data)
{
	struct reading reading = { .by_mark = true, .callback = callback, .data = data };

	return list(netlink, table, set, &reading);
}

static int change(struct netlink *netlink, const char *table, const char *set, uint16_t message,
	const struct ruleset_element *elements, size_t count)
{
	const struct object object = { .kind = OBJECT_SET, .name = set };
	struct filler filler = { .object = &object, .set = set, .message = message };
	char text[256];
	struct batch batch;
	int error;

	batch_start(&batch, netlink, table, 0);
	filler.batch = &batch;
	for (size_t i = 0; i < count; i++)
		fill_element(&filler, &(struct set_element){ .key = elements[i].address.bytes,
			.size = (uint32_t)family_size(elements[i].address.family), .timeout_ms = elements[i].timeout_ms });
	fill_end(&filler);
	error = batch_commit(&batch, text, sizeof(text));
	batch_free(&batch);
	return error;
}

int ruleset_elements_add(struct netlink *netlink, const char *table, const char *set,
	const struct ruleset_element *elements, size_t count)
{
	return change(netlink, table, set, NFT_MSG_NEWSETELEM, elements, count);
}

int ruleset_elements_delete(struct netlink *netlink, const char *table, const char *set,
	const struct ruleset_element *elements, size_t count)
{
	return change(netlink, table, set, NFT_MSG_DELSETELEM, elements, count);
}

int ruleset_elements_flush(struct netlink *netlink, const char *table, const char *set)
{
	char text[256];
	struct batch batch;
	int error;

	batch_start(&batch, netlink, table, 0);
	message_set_flush(&batch, set);
	error = batch_commit(&batch, text, sizeof(text));
	batch_free(&batch);
	return error;
}
