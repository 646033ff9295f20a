/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that match, as expressions: load into the value register, then compare. */

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>

#include "kernel/ruleset_key.h"
#include "kernel/ruleset_rule.h"
#include "kernel/ruleset_set.h"

/* Offsets and bits of the headers that rules look into. */
#define TCP_FLAGS_OFFSET 13
#define TCP_FLAG_FIN     0x01
#define TCP_FLAG_SYN     0x02
#define TCP_FLAG_RST     0x04
#define TCP_FLAG_ACK     0x10

static void equal_byte(struct rule_builder *rule, uint8_t value, bool negate)
{
	expr_equal(rule, &value, sizeof(value), negate);
}

static void protocol_is(struct rule_builder *rule, uint8_t protocol)
{
	expr_meta_load(rule, NFT_META_L4PROTO, REGISTER_VALUE);
	equal_byte(rule, protocol, false);
}

static void any_of_values(struct rule_builder *rule, enum value_kind kind, const struct statement *statement)
{
	const struct values *values = &statement->values;
	uint32_t wide;
	uint8_t narrow;

	if (values->count == 0) {
		rule_fail(rule, -EINVAL);
		return;
	}
	if (values->count > 1) {
		expr_in_set(rule, set_of_values(rule, kind, values), statement->negate);
		return;
	}
	wide = values->items[0];
	narrow = (uint8_t)wide;
	expr_equal(rule, value_size(kind) == 1 ? (const void *)&narrow : &wide, value_size(kind),
		statement->negate);
}

static void any_of_devices(struct rule_builder *rule, const struct statement *statement)
{
	const struct names *names = &statement->names;
	char key[EXPR_VALUE_MAX];

	if (names->count > 1) {
		expr_in_set(rule, set_of_devices(rule, names), statement->negate);
		return;
	}
	if (names->count == 0 || !device_key(names->items[0], key)) {
		rule_fail(rule, -EINVAL);
		return;
	}
	expr_equal(rule, key, sizeof(key), statement->negate);
}

void match_family(struct rule_builder *rule, const struct statement *statement)
{
	expr_meta_load(rule, NFT_META_NFPROTO, REGISTER_VALUE);
	equal_byte(rule, statement->family == IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6, statement->negate);
}

void match_device_in(struct rule_builder *rule, const struct statement *statement)
{
	expr_meta_load(rule, NFT_META_IIFNAME, REGISTER_VALUE);
	any_of_devices(rule, statement);
}

void match_device_out(struct rule_builder *rule, const struct statement *statement)
{
	expr_meta_load(rule, NFT_META_OIFNAME, REGISTER_VALUE);
	any_of_devices(rule, statement);
}

void match_protocol(struct rule_builder *rule, const struct statement *statement)
{
	expr_meta_load(rule, NFT_META_L4PROTO, REGISTER_VALUE);
	any_of_values(rule, VALUE_PROTOCOL, statement);
}

static void prefix_mask(uint8_t length, uint8_t mask[static 16])
{
	memset(mask, 0, 16);
	for (uint8_t bit = 0; bit < length; bit++)
		mask[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
}

static void in_network(struct rule_builder *rule, const struct network *network, bool negate)
{
	static const uint8_t unchanged[16];
	uint32_t size = network->address.family == IPV4 ? 4 : 16;
	uint8_t mask[16];

	if (network->length < size * 8) {
		prefix_mask(network->length, mask);
		expr_bitwise(rule, mask, unchanged, size);
	}
	expr_equal(rule, network->address.bytes, size, negate);
}

static void any_of_networks(struct rule_builder *rule, const struct statement *statement, bool destination)
{
	const struct networks *networks = &statement->networks;

	if (networks->count == 0 || networks->items[0].address.family != statement->family) {
		rule_fail(rule, -EINVAL);
		return;
	}
	expr_address(rule, statement->family, destination, REGISTER_VALUE);
	if (networks->count > 1)
		expr_in_set(rule, set_of_networks(rule, statement->family, networks), statement->negate);
	else
		in_network(rule, &networks->items[0], statement->negate);
}

void match_source(struct rule_builder *rule, const struct statement *statement)
{
	any_of_networks(rule, statement, false);
}

void match_destination(struct rule_builder *rule, const struct statement *statement)
{
	any_of_networks(rule, statement, true);
}

static void any_of_ports(struct rule_builder *rule, const struct statement *statement, uint32_t offset)
{
	const struct port_ranges *ports = &statement->ports;
	uint16_t first, last;

	if (ports->count == 0) {
		rule_fail(rule, -EINVAL);
		return;
	}
	expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, offset, sizeof(first), REGISTER_VALUE);
	if (ports->count > 1) {
		expr_in_set(rule, set_of_ports(rule, ports), statement->negate);
		return;
	}
	first = htons(ports->items[0].first);
	last = htons(ports->items[0].last);
	if (first == last)
		expr_equal(rule, &first, sizeof(first), statement->negate);
	else
		expr_between(rule, &first, &last, sizeof(first), statement->negate);
}

void match_from_port(struct rule_builder *rule, const struct statement *statement)
{
	any_of_ports(rule, statement, 0);
}

void match_to_port(struct rule_builder *rule, const struct statement *statement)
{
	any_of_ports(rule, statement, 2);
}

/* negate turns the types round, not the protocol. */
void match_icmp6_type(struct rule_builder *rule, const struct statement *statement)
{
	protocol_is(rule, IPPROTO_ICMPV6);
	expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, REGISTER_VALUE);
	any_of_values(rule, VALUE_ICMP6_TYPE, statement);
}

static bool all_codes(const struct icmp_types *types)
{
	for (size_t i = 0; i < types->count; i++) {
		if (!types->items[i].any_code)
			return false;
	}
	return true;
}

/* Type by type, or type and code together where a code counts; negate turns them round, not the protocol. */
void match_icmp_type(struct rule_builder *rule, const struct statement *statement)
{
	const struct icmp_types *types = &statement->icmp_types;
	bool four = statement->family == IPV4, whole = all_codes(types);
	uint8_t both[2];

	if (types->count == 0) {
		rule_fail(rule, -EINVAL);
		return;
	}
	protocol_is(rule, four ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, whole ? 1 : 2, REGISTER_VALUE);
	if (types->count > 1) {
		expr_in_set(rule, whole ? set_of_icmp_types(rule, statement->family, types) : set_of_icmp_codes(rule, types),
			statement->negate);
		return;
	}
	both[0] = types->items[0].type;
	both[1] = types->items[0].code;
	expr_equal(rule, both, whole ? 1 : 2, statement->negate);
}

/* In IPv6 it lies across two bytes. Values are compared where they stand, as nft has them. */
void match_dscp(struct rule_builder *rule, const struct statement *statement)
{
	static const uint8_t unchanged[2];
	bool four = statement->family == IPV4;
	const uint8_t mask[2] = { four ? 0xfc : 0x0f, 0xc0 };
	uint32_t size = four ? 1 : 2;
	uint8_t key[2];

	if (statement->values.count == 0) {
		rule_fail(rule, -EINVAL);
		return;
	}
	expr_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, four ? 1 : 0, size, REGISTER_VALUE);
	expr_bitwise(rule, mask, unchanged, size);
	if (statement->values.count > 1) {
		expr_in_set(rule, set_of_dscps(rule, statement->family, &statement->values), statement->negate);
		return;
	}
	dscp_key(statement->family, statement->values.items[0], key);
	expr_equal(rule, key, size, statement->negate);
}

void match_in_set(struct rule_builder *rule, const struct statement *statement)
{
	key_load(rule, statement->family, &statement->keys);
	expr_in_named_set(rule, statement->name, statement->negate);
}

/* negate turns the flags round, not the protocol. */
static void tcp_flags_are(struct rule_builder *rule, uint8_t mask, uint8_t value, bool negate)
{
	static const uint8_t unchanged = 0;

	protocol_is(rule, IPPROTO_TCP);
	expr_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_OFFSET, 1, REGISTER_VALUE);
	expr_bitwise(rule, &mask, &unchanged, sizeof(mask));
	equal_byte(rule, value, negate);
}

void match_tcp_syn(struct rule_builder *rule, const struct statement *statement)
{
	tcp_flags_are(rule, TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST | TCP_FLAG_FIN, TCP_FLAG_SYN,
		statement->negate);
}

void match_tcp_flags(struct rule_builder *rule, const struct statement *statement)
{
	tcp_flags_are(rule, (uint8_t)statement->mask, (uint8_t)statement->value, statement->negate);
}

/* Whether any bit of values is set in what the connection has under key. */
static void any_bit(struct rule_builder *rule, uint32_t key, const struct statement *statement)
{
	static const uint32_t none = 0;
	uint32_t bits = 0;

	for (size_t i = 0; i < statement->values.count; i++)
		bits |= statement->values.items[i];
	if (bits == 0) {
		rule_fail(rule, -EINVAL);
		return;
	}
	expr_ct_load(rule, key, REGISTER_VALUE);
	expr_bitwise(rule, &bits, &none, sizeof(bits));
	expr_equal(rule, &none, sizeof(none), !statement->negate);
}

void match_connection_state(struct rule_builder *rule, const struct statement *statement)
{
	any_bit(rule, NFT_CT_STATE, statement);
}

void match_status(struct rule_builder *rule, const struct statement *statement)
{
	any_bit(rule, NFT_CT_STATUS, statement);
}

void match_original(struct rule_builder *rule, const struct statement *statement)
{
	expr_ct_load(rule, NFT_CT_DIRECTION, REGISTER_VALUE);
	equal_byte(rule, IP_CT_DIR_ORIGINAL, statement->negate);
}

/* The kernel begins to count the packets of new connections when such a rule is there. */
static void packets_of(struct rule_builder *rule, const struct statement *statement, uint8_t direction)
{
	uint64_t packets = statement->value;

	expr_ct_load_of(rule, NFT_CT_PKTS, direction, REGISTER_VALUE);
	expr_equal(rule, &packets, sizeof(packets), statement->negate);
}

void match_original_packets(struct rule_builder *rule, const struct statement *statement)
{
	packets_of(rule, statement, IP_CT_DIR_ORIGINAL);
}

void match_reply_packets(struct rule_builder *rule, const struct statement *statement)
{
	packets_of(rule, statement, IP_CT_DIR_REPLY);
}

static void any_of_marks(struct rule_builder *rule, const struct statement *statement)
{
	static const uint32_t unchanged = 0;

	if (statement->mask != UINT32_MAX)
		expr_bitwise(rule, &statement->mask, &unchanged, sizeof(unchanged));
	any_of_values(rule, VALUE_MARK, statement);
}

void match_mark(struct rule_builder *rule, const struct statement *statement)
{
	expr_meta_load(rule, NFT_META_MARK, REGISTER_VALUE);
	any_of_marks(rule, statement);
}

void match_connection_mark(struct rule_builder *rule, const struct statement *statement)
{
	expr_ct_load(rule, NFT_CT_MARK, REGISTER_VALUE);
	any_of_marks(rule, statement);
}

void match_destination_kind(struct rule_builder *rule, const struct statement *statement)
{
	expr_fib(rule, NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR);
	any_of_values(rule, VALUE_ADDRESS_KIND, statement);
}

void match_source_kind(struct rule_builder *rule, const struct statement *statement)
{
	expr_fib(rule, NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_SADDR);
	any_of_values(rule, VALUE_ADDRESS_KIND, statement);
}

void match_routed_out(struct rule_builder *rule, const struct statement *statement)
{
	expr_fib(rule, NFT_FIB_RESULT_OIFNAME, NFTA_FIB_F_DADDR);
	any_of_devices(rule, statement);
}

void match_routed(struct rule_builder *rule, const struct statement *statement)
{
	/* The kernel answers in the first byte; nft compares, and lists, all four of an interface index. */
	uint8_t present[4] = { statement->negate ? 0 : 1 };

	expr_fib(rule, NFT_FIB_RESULT_OIF, NFTA_FIB_F_DADDR | NFTA_FIB_F_PRESENT | NFTA_FIB_F_MARK);
	expr_equal(rule, present, sizeof(present), false);
}
