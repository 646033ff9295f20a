/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anonymous sets and maps: they live and die with the one rule that names them. */

#include "kernel/ruleset_set.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>

_Static_assert(IFNAMSIZ == EXPR_VALUE_MAX, "an interface name fills a value");

/* How nft understands a set: its own numbers of data types and byte orders, which the kernel only keeps. */
struct set_type {
	uint32_t number;
	uint32_t size;
	uint32_t byte_order; /* 1 the machine's, 2 the network's */
	uint32_t flags;
};

#define HOST_ORDER    1
#define NETWORK_ORDER 2

static const struct set_type value_types[] = {
	[VALUE_PROTOCOL] = { 12, 1, NETWORK_ORDER, 0 },
	[VALUE_ICMP6_TYPE] = { 29, 1, NETWORK_ORDER, 0 },
	[VALUE_MARK] = { 19, 4, HOST_ORDER, 0 },
	[VALUE_ADDRESS_KIND] = { 38, 4, HOST_ORDER, 0 },
};
static const struct set_type device_type = { 41, IFNAMSIZ, HOST_ORDER, 0 };
static const struct set_type network_types[FAMILIES] = {
	[IPV4] = { 7, 4, NETWORK_ORDER, NFT_SET_INTERVAL },
	[IPV6] = { 8, 16, NETWORK_ORDER, NFT_SET_INTERVAL },
};
static const struct set_type port_type = { 13, 2, NETWORK_ORDER, NFT_SET_INTERVAL };
static const struct set_type share_type = { 4, 4, NETWORK_ORDER, NFT_SET_INTERVAL | NFT_SET_MAP };

uint32_t value_size(enum value_kind kind)
{
	return value_types[kind].size;
}

bool device_key(const char *name, char key[static EXPR_VALUE_MAX])
{
	size_t length = strlen(name);

	if (length >= EXPR_VALUE_MAX)
		return false;
	memset(key, 0, EXPR_VALUE_MAX);
	memcpy(key, name, length);
	return true;
}

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

/* NULL once the rule has failed; set_send() ends it. */
static struct nftnl_set *set_new(struct rule_builder *rule, const struct set_type *type)
{
	struct nftnl_set *set;
	bool map = (type->flags & NFT_SET_MAP) != 0;

	if (rule->error != 0)
		return NULL;
	set = nftnl_set_alloc();
	if (set == NULL || nftnl_set_set_str(set, NFTNL_SET_TABLE, rule->batch->table) < 0 ||
		nftnl_set_set_str(set, NFTNL_SET_NAME, map ? "__map%d" : "__set%d") < 0 ||
		describe(set, type) < 0) {
		if (set != NULL)
			nftnl_set_free(set);
		rule_fail(rule, -ENOMEM);
		return NULL;
	}
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(set, NFTNL_SET_ID, ++rule->batch->set_id);
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | type->flags);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, type->number);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, type->size);
	if (map) {
		nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
		nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, 0);
	}
	return set;
}

/* The new element is the set's. NULL once the rule has failed. */
static struct nftnl_set_elem *element(struct rule_builder *rule, struct nftnl_set *set, const void *key,
	uint32_t size)
{
	struct nftnl_set_elem *elem;

	if (rule->error != 0)
		return NULL;
	elem = nftnl_set_elem_alloc();
	if (elem == NULL || nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, key, size) < 0) {
		if (elem != NULL)
			nftnl_set_elem_free(elem);
		rule_fail(rule, -ENOMEM);
		return NULL;
	}
	nftnl_set_elem_add(set, elem);
	return elem;
}

/* The first value that is no more in the interval before it. */
static void interval_end(struct rule_builder *rule, struct nftnl_set *set, const void *key, uint32_t size)
{
	struct nftnl_set_elem *elem = element(rule, set, key, size);

	if (elem != NULL)
		nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
}

static void send_head(struct rule_builder *rule, struct nftnl_set *set)
{
	struct nlmsghdr *header = batch_message(rule->batch, NFT_MSG_NEWSET, NLM_F_CREATE, &rule->object);

	if (header == NULL)
		return;
	nftnl_set_nlmsg_build_payload(header, set);
	batch_message_end(rule->batch, header);
}

/* As many messages as it takes: one holds 64 KiB of elements. */
static void send_elements(struct rule_builder *rule, struct nftnl_set *set)
{
	struct nftnl_set_elems_iter *elements = nftnl_set_elems_iter_create(set);
	int more = 1;

	if (elements == NULL) {
		rule_fail(rule, -ENOMEM);
		return;
	}
	while (more == 1) {
		struct nlmsghdr *header =
			batch_message(rule->batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, &rule->object);

		if (header == NULL)
			break;
		more = nftnl_set_elems_nlmsg_build_payload_iter(header, elements);
		batch_message_end(rule->batch, header);
	}
	nftnl_set_elems_iter_destroy(elements);
}

static uint32_t set_send(struct rule_builder *rule, struct nftnl_set *set)
{
	uint32_t id = 0;

	if (set == NULL)
		return 0;
	if (rule->error == 0) {
		id = nftnl_set_get_u32(set, NFTNL_SET_ID);
		send_head(rule, set);
		send_elements(rule, set);
	}
	nftnl_set_free(set);
	return id;
}

uint32_t set_of_values(struct rule_builder *rule, enum value_kind kind, const struct values *values)
{
	const struct set_type *type = &value_types[kind];
	struct nftnl_set *set = set_new(rule, type);

	for (size_t i = 0; i < values->count; i++) {
		uint32_t wide = values->items[i];
		uint8_t narrow = (uint8_t)wide;

		element(rule, set, type->size == 1 ? (const void *)&narrow : &wide, type->size);
	}
	return set_send(rule, set);
}

uint32_t set_of_devices(struct rule_builder *rule, const struct names *names)
{
	struct nftnl_set *set = set_new(rule, &device_type);

	for (size_t i = 0; i < names->count; i++) {
		char key[EXPR_VALUE_MAX];

		if (!device_key(names->items[i], key))
			rule_fail(rule, -EINVAL);
		element(rule, set, key, sizeof(key));
	}
	return set_send(rule, set);
}

/* The first address after the network; false where it holds the family's last one. */
static bool address_after(const struct network *network, uint8_t after[static 16])
{
	memcpy(after, network->address.bytes, 16);
	for (int bit = network->length; bit > 0; bit--) {
		uint8_t step = (uint8_t)(0x80 >> ((bit - 1) % 8));

		after[(bit - 1) / 8] ^= step;
		if (after[(bit - 1) / 8] & step)
			return true;
	}
	return false;
}

uint32_t set_of_networks(struct rule_builder *rule, enum family family, const struct networks *networks)
{
	const struct set_type *type = &network_types[family];
	struct nftnl_set *set = set_new(rule, type);

	for (size_t i = 0; i < networks->count; i++) {
		const struct network *network = &networks->items[i];
		uint8_t after[16];

		if (network->address.family != family)
			rule_fail(rule, -EINVAL);
		element(rule, set, network->address.bytes, type->size);
		if (address_after(network, after))
			interval_end(rule, set, after, type->size);
	}
	return set_send(rule, set);
}

uint32_t set_of_ports(struct rule_builder *rule, const struct port_ranges *ports)
{
	struct nftnl_set *set = set_new(rule, &port_type);

	for (size_t i = 0; i < ports->count; i++) {
		uint16_t first = htons(ports->items[i].first);
		uint16_t after = htons((uint16_t)(ports->items[i].last + 1));

		element(rule, set, &first, sizeof(first));
		if (after != 0)
			interval_end(rule, set, &after, sizeof(after));
	}
	return set_send(rule, set);
}

static void share(struct rule_builder *rule, struct nftnl_set *set, uint32_t first, const char *chain)
{
	uint32_t key = htonl(first);
	struct nftnl_set_elem *elem = element(rule, set, &key, sizeof(key));

	if (elem == NULL)
		return;
	nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_VERDICT, (uint32_t)NFT_GOTO);
	if (nftnl_set_elem_set_str(elem, NFTNL_SET_ELEM_CHAIN, chain) < 0)
		rule_fail(rule, -ENOMEM);
}

uint32_t map_of_shares(struct rule_builder *rule, const struct spread *spread)
{
	struct nftnl_set *set = set_new(rule, &share_type);
	uint32_t first = 0, after;

	for (size_t i = 0; i < spread->count; i++) {
		if (spread->weights[i] == 0)
			continue;
		share(rule, set, first, spread->chains[i]);
		first += spread->weights[i];
	}
	after = htonl(first);
	interval_end(rule, set, &after, sizeof(after));
	return set_send(rule, set);
}
