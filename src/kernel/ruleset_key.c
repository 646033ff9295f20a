/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of packets as keys of sets: how they lie in registers, and what nft calls them. */

#include "kernel/ruleset_key.h"

#include <errno.h>

#include <linux/netfilter/nf_tables.h>

/* nft's numbers of data types, six bits each where several make one. */
enum {
	TYPE_IPV4 = 7,
	TYPE_IPV6 = 8,
	TYPE_PROTOCOL = 12,
	TYPE_PORT = 13,
	TYPE_MARK = 19,
	TYPE_DEVICE = 20,
	TYPE_DEVICE_NAME = 41,
	TYPE_BITS = 6,
};

#define WORD          4
#define REGISTERS_MAX 64

static bool is_address(enum packet_key key)
{
	switch (key) {
	case PACKET_SOURCE:
	case PACKET_DESTINATION:
	case PACKET_SOURCE_SITE:
	case PACKET_DESTINATION_SITE:
	case CONNECTION_SOURCE_SITE:
	case CONNECTION_DESTINATION_SITE:
		return true;
	case PACKET_PROTOCOL:
	case PACKET_FROM_PORT:
	case PACKET_TO_PORT:
	case PACKET_DEVICE_IN:
	case PACKET_DEVICE_NAME:
	case PACKET_MARK:
		return false;
	}
	return false;
}

static uint32_t one_size(enum family family, enum packet_key key)
{
	if (key == PACKET_DEVICE_NAME)
		return EXPR_VALUE_MAX;
	return is_address(key) ? (uint32_t)family_size(family) : WORD;
}

/* Without what fills it up: a set of one key has none. */
static uint32_t bare_size(enum family family, enum packet_key key)
{
	if (key == PACKET_PROTOCOL)
		return 1;
	if (key == PACKET_FROM_PORT || key == PACKET_TO_PORT)
		return 2;
	return one_size(family, key);
}

uint32_t key_size(enum family family, const struct packet_keys *keys)
{
	uint32_t size = 0;

	if (keys->count == 1)
		return bare_size(family, keys->items[0]);
	if (keys->count > PACKET_KEYS_MAX)
		return 0;
	for (size_t i = 0; i < keys->count; i++)
		size += one_size(family, keys->items[i]);
	return size <= REGISTERS_MAX ? size : 0;
}

static uint32_t one_type(enum family family, enum packet_key key)
{
	if (is_address(key))
		return family == IPV4 ? TYPE_IPV4 : TYPE_IPV6;
	if (key == PACKET_PROTOCOL)
		return TYPE_PROTOCOL;
	if (key == PACKET_DEVICE_NAME)
		return TYPE_DEVICE_NAME;
	if (key == PACKET_MARK)
		return TYPE_MARK;
	return key == PACKET_DEVICE_IN ? TYPE_DEVICE : TYPE_PORT;
}

uint32_t key_type(enum family family, const struct packet_keys *keys)
{
	uint32_t type = 0;

	for (size_t i = 0; i < keys->count; i++)
		type = type << TYPE_BITS | one_type(family, keys->items[i]);
	return type;
}

bool key_in_network_order(const struct packet_keys *keys)
{
	return keys->count > 0 && keys->items[0] != PACKET_DEVICE_IN && keys->items[0] != PACKET_DEVICE_NAME
	       && keys->items[0] != PACKET_MARK;
}

const char *key_text(enum family family, enum packet_key key)
{
	bool four = family == IPV4;

	switch (key) {
	case PACKET_SOURCE:
		return four ? "ip saddr" : "ip6 saddr";
	case PACKET_DESTINATION:
		return four ? "ip daddr" : "ip6 daddr";
	case PACKET_SOURCE_SITE:
		return four ? "ip saddr" : "ip6 saddr & ffff:ffff:ffff:ffff::";
	case PACKET_DESTINATION_SITE:
		return four ? "ip daddr" : "ip6 daddr & ffff:ffff:ffff:ffff::";
	case CONNECTION_SOURCE_SITE:
		return four ? "ct original ip saddr" : "ct original ip6 saddr & ffff:ffff:ffff:ffff::";
	case CONNECTION_DESTINATION_SITE:
		return four ? "ct original ip daddr" : "ct original ip6 daddr & ffff:ffff:ffff:ffff::";
	case PACKET_PROTOCOL:
		return "meta l4proto";
	case PACKET_FROM_PORT:
		return "th sport";
	case PACKET_TO_PORT:
		return "th dport";
	case PACKET_DEVICE_IN:
		return "iif";
	case PACKET_DEVICE_NAME:
		return "iifname";
	case PACKET_MARK:
		return "meta mark";
	}
	return "";
}

/* IPv4 addresses are sites of their own. */
static void keep_site(struct rule_builder *rule, enum family family, uint32_t target)
{
	static const uint8_t mask[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (family == IPV6)
		expr_mask(rule, target, mask, sizeof(mask));
}

static void load(struct rule_builder *rule, enum family family, enum packet_key key, uint32_t target)
{
	bool four = family == IPV4;

	switch (key) {
	case PACKET_SOURCE:
	case PACKET_DESTINATION:
		expr_address(rule, family, key == PACKET_DESTINATION, target);
		return;
	case PACKET_SOURCE_SITE:
	case PACKET_DESTINATION_SITE:
		expr_address(rule, family, key == PACKET_DESTINATION_SITE, target);
		keep_site(rule, family, target);
		return;
	case CONNECTION_SOURCE_SITE:
		expr_ct_load_original(rule, four ? NFT_CT_SRC_IP : NFT_CT_SRC_IP6, target);
		keep_site(rule, family, target);
		return;
	case CONNECTION_DESTINATION_SITE:
		expr_ct_load_original(rule, four ? NFT_CT_DST_IP : NFT_CT_DST_IP6, target);
		keep_site(rule, family, target);
		return;
	case PACKET_PROTOCOL:
		expr_meta_load(rule, NFT_META_L4PROTO, target);
		return;
	case PACKET_FROM_PORT:
	case PACKET_TO_PORT:
		expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, key == PACKET_TO_PORT ? 2 : 0, 2, target);
		return;
	case PACKET_DEVICE_IN:
		expr_meta_load(rule, NFT_META_IIF, target);
		return;
	case PACKET_DEVICE_NAME:
		expr_meta_load(rule, NFT_META_IIFNAME, target);
		return;
	case PACKET_MARK:
		expr_meta_load(rule, NFT_META_MARK, target);
		return;
	}
}

/* Loads of less than a word leave the rest of it zero. */
void key_load(struct rule_builder *rule, enum family family, const struct packet_keys *keys)
{
	uint32_t target = REGISTER_VALUE;

	if (key_size(family, keys) == 0)
		rule_fail(rule, -EINVAL);
	for (size_t i = 0; i < keys->count && rule->error == 0; i++) {
		load(rule, family, keys->items[i], target);
		target += one_size(family, keys->items[i]) / WORD;
	}
}
