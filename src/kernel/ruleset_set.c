/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anonymous sets and maps: they live and die with the one rule that names them. */

#include "kernel/ruleset_set.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "kernel/ruleset_fill.h"

_Static_assert(IFNAMSIZ == EXPR_VALUE_MAX, "an interface name fills a value");

static const struct set_type value_types[] = {
	[VALUE_PROTOCOL] = { 12, 1, SET_NETWORK_ORDER, 0 },
	[VALUE_ICMP6_TYPE] = { 29, 1, SET_NETWORK_ORDER, 0 },
	[VALUE_MARK] = { 19, 4, SET_HOST_ORDER, 0 },
	[VALUE_ADDRESS_KIND] = { 38, 4, SET_HOST_ORDER, 0 },
};
static const struct set_type device_type = { 41, IFNAMSIZ, SET_HOST_ORDER, 0 };
static const struct set_type network_types[FAMILIES] = {
	[IPV4] = { 7, 4, SET_NETWORK_ORDER, NFT_SET_INTERVAL },
	[IPV6] = { 8, 16, SET_NETWORK_ORDER, NFT_SET_INTERVAL },
};
static const struct set_type icmp_types[FAMILIES] = {
	[IPV4] = { 14, 1, SET_NETWORK_ORDER, 0 },
	[IPV6] = { 29, 1, SET_NETWORK_ORDER, 0 },
};
static const struct set_type dscp_types[FAMILIES] = {
	[IPV4] = { 36, 1, SET_NETWORK_ORDER, 0 },
	[IPV6] = { 36, 2, SET_NETWORK_ORDER, 0 },
};
/* A number of two bytes: type and code. */
static const struct set_type code_type = { 4, 2, SET_NETWORK_ORDER, NFT_SET_INTERVAL };
static const struct set_type port_type = { 13, 2, SET_NETWORK_ORDER, NFT_SET_INTERVAL };
static const struct set_type share_type = { 4, 4, SET_NETWORK_ORDER, NFT_SET_INTERVAL | NFT_SET_MAP };

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

static bool is_map(const struct set_type *type)
{
	return (type->flags & NFT_SET_MAP) != 0;
}

/* Sends its head; what follows goes into the set, which set_end() ends. */
static struct filler set_start(struct rule_builder *rule, const struct set_type *type)
{
	struct set_head head = {
		.name = is_map(type) ? "__map%d" : "__set%d",
		.id = ++rule->batch->set_id,
		.type = *type,
	};

	head.type.flags |= NFT_SET_ANONYMOUS | NFT_SET_CONSTANT;
	message_set_add(rule->batch, &rule->object, &head);
	return (struct filler){
		.batch = rule->batch,
		.object = &rule->object,
		.set = head.name,
		.set_id = head.id,
		.message = NFT_MSG_NEWSETELEM,
	};
}

static void element(struct filler *filler, const void *key, uint32_t size)
{
	fill_element(filler, &(struct set_element){ .key = key, .size = size });
}

/* The first value that is no more in the interval before it. */
static void interval_end(struct filler *filler, const void *key, uint32_t size)
{
	fill_element(filler, &(struct set_element){ .key = key, .size = size, .interval_end = true });
}

static uint32_t set_end(struct rule_builder *rule, struct filler *filler)
{
	fill_end(filler);
	return rule->error == 0 ? filler->set_id : 0;
}

void fill_values(struct filler *filler, enum value_kind kind, const struct values *values)
{
	uint32_t size = value_size(kind);

	for (size_t i = 0; i < values->count; i++) {
		uint32_t wide = values->items[i];
		uint8_t narrow = (uint8_t)wide;

		element(filler, size == 1 ? (const void *)&narrow : &wide, size);
	}
}

const struct set_type *type_of_protocols(void)
{
	return &value_types[VALUE_PROTOCOL];
}

uint32_t set_of_values(struct rule_builder *rule, enum value_kind kind, const struct values *values)
{
	struct filler filler = set_start(rule, &value_types[kind]);

	fill_values(&filler, kind, values);
	return set_end(rule, &filler);
}

bool fill_devices(struct filler *filler, const struct names *names)
{
	char key[EXPR_VALUE_MAX];

	for (size_t i = 0; i < names->count; i++) {
		if (!device_key(names->items[i], key))
			return false;
		element(filler, key, sizeof(key));
	}
	return true;
}

const struct set_type *type_of_devices(void)
{
	return &device_type;
}

uint32_t set_of_devices(struct rule_builder *rule, const struct names *names)
{
	struct filler filler = set_start(rule, &device_type);

	if (!fill_devices(&filler, names))
		rule_fail(rule, -EINVAL);
	return set_end(rule, &filler);
}

uint32_t set_of_icmp_types(struct rule_builder *rule, enum family family, const struct icmp_types *types)
{
	struct filler filler = set_start(rule, &icmp_types[family]);

	for (size_t i = 0; i < types->count; i++)
		element(&filler, &types->items[i].type, 1);
	return set_end(rule, &filler);
}

#define CODES 65536

static bool has_bit(const uint8_t bits[static CODES / 8], uint32_t bit)
{
	return bit < CODES && (bits[bit / 8] >> bit % 8 & 1) != 0;
}

static void set_bits(uint8_t bits[static CODES / 8], uint32_t first, uint32_t last)
{
	for (uint32_t bit = first; bit <= last; bit++)
		bits[bit / 8] |= (uint8_t)(1 << bit % 8);
}

/* Types and codes may be given twice and side by side: each run of them is one interval. */
uint32_t set_of_icmp_codes(struct rule_builder *rule, const struct icmp_types *types)
{
	struct filler filler = set_start(rule, &code_type);
	uint8_t wanted[CODES / 8] = { 0 };

	for (size_t i = 0; i < types->count; i++) {
		const struct icmp_type *type = &types->items[i];
		uint32_t base = (uint32_t)type->type << 8;

		set_bits(wanted, type->any_code ? base : base | type->code, type->any_code ? base | 255 : base | type->code);
	}
	for (uint32_t bit = 0; bit <= CODES; bit++) {
		uint16_t key = htons((uint16_t)bit);
		bool before = bit > 0 && has_bit(wanted, bit - 1);

		if (has_bit(wanted, bit) && !before)
			element(&filler, &key, sizeof(key));
		if (!has_bit(wanted, bit) && before && bit < CODES)
			interval_end(&filler, &key, sizeof(key));
	}
	return set_end(rule, &filler);
}

void dscp_key(enum family family, uint32_t dscp, uint8_t key[static 2])
{
	uint32_t value = family == IPV4 ? dscp << 10 : dscp << 6;

	key[0] = (uint8_t)(value >> 8);
	key[1] = (uint8_t)value;
}

uint32_t set_of_dscps(struct rule_builder *rule, enum family family, const struct values *values)
{
	const struct set_type *type = &dscp_types[family];
	struct filler filler = set_start(rule, type);

	for (size_t i = 0; i < values->count; i++) {
		uint8_t key[2];

		dscp_key(family, values->items[i], key);
		element(&filler, key, type->size);
	}
	return set_end(rule, &filler);
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

void fill_networks(struct filler *filler, enum family family, const struct networks *networks)
{
	uint32_t size = (uint32_t)family_size(family);

	for (size_t i = 0; i < networks->count; i++) {
		const struct network *network = &networks->items[i];
		uint8_t after[16];

		element(filler, network->address.bytes, size);
		if (address_after(network, after))
			interval_end(filler, after, size);
	}
}

bool networks_are_of(const struct networks *networks, enum family family)
{
	for (size_t i = 0; i < networks->count; i++) {
		if (networks->items[i].address.family != family)
			return false;
	}
	return true;
}

const struct set_type *type_of_networks(enum family family)
{
	return &network_types[family];
}

uint32_t set_of_networks(struct rule_builder *rule, enum family family, const struct networks *networks)
{
	struct filler filler = set_start(rule, &network_types[family]);

	if (!networks_are_of(networks, family))
		rule_fail(rule, -EINVAL);
	fill_networks(&filler, family, networks);
	return set_end(rule, &filler);
}

void fill_ports(struct filler *filler, const struct port_ranges *ports)
{
	for (size_t i = 0; i < ports->count; i++) {
		uint16_t first = htons(ports->items[i].first);
		uint16_t after = htons((uint16_t)(ports->items[i].last + 1));

		element(filler, &first, sizeof(first));
		if (after != 0)
			interval_end(filler, &after, sizeof(after));
	}
}

const struct set_type *type_of_ports(void)
{
	return &port_type;
}

uint32_t set_of_ports(struct rule_builder *rule, const struct port_ranges *ports)
{
	struct filler filler = set_start(rule, &port_type);

	fill_ports(&filler, ports);
	return set_end(rule, &filler);
}

uint32_t map_of_shares(struct rule_builder *rule, const struct spread *spread)
{
	struct filler filler = set_start(rule, &share_type);
	uint32_t first = 0, key;

	for (size_t i = 0; i < spread->count; i++) {
		if (spread->weights[i] == 0)
			continue;
		key = htonl(first);
		fill_element(&filler, &(struct set_element){ .key = &key, .size = sizeof(key), .verdict = NFT_GOTO,
			.chain = spread->chains[i] });
		first += spread->weights[i];
	}
	key = htonl(first);
	interval_end(&filler, &key, sizeof(key));
	return set_end(rule, &filler);
}
