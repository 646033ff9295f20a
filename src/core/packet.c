/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the headers of a packet into a flow. The bytes are hostile. */

#include "core/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define IPV4_HEADER          20
#define IPV6_HEADER          40
#define EXTENSION_HEADERS    8
#define EXTENSION_HEADER_MIN 8
#define TCP_FLAGS            13

#define FRAGMENT_OFFSET_IPV4 0x1fff /* in 8 bytes; the bits above are flags */
#define FRAGMENT_OFFSET_IPV6 0xfff8 /* in bytes; the bits below are reserved and "more" */

enum icmp_type {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_ECHO_REQUEST = 8,
	ICMP4_TIMESTAMP_REQUEST = 13,
	ICMP4_TIMESTAMP_REPLY = 14,
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
};

/* What is left to read; nothing behind length is touched. */
struct reader {
	const uint8_t *bytes;
	size_t length;
};

static uint16_t read16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* Leaves out what is behind the length that the packet gives itself; 0: it gives none. */
static void cut(struct reader *reader, size_t size)
{
	if (size != 0 && size < reader->length)
		reader->length = size;
}

static bool skip(struct reader *reader, size_t count)
{
	if (reader->length < count)
		return false;
	reader->bytes += count;
	reader->length -= count;
	return true;
}

static bool has_ports(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return true;
	}
	return false;
}

/* Those pairs of question and answer that have an identifier at the same place. */
static bool has_identifier(enum family family, uint8_t type)
{
	if (family == IPV6)
		return type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY;
	return type == ICMP4_ECHO_REQUEST || type == ICMP4_ECHO_REPLY || type == ICMP4_TIMESTAMP_REQUEST ||
	       type == ICMP4_TIMESTAMP_REPLY;
}

/* Source and destination port are the first four bytes of every protocol that has them. */
static void read_ports(const struct reader *reader, struct flow *flow)
{
	if (reader->length < 4)
		return;
	flow->ports = true;
	flow->from_port = read16(reader->bytes);
	flow->to_port = read16(reader->bytes + 2);
}

static void read_icmp(const struct reader *reader, struct flow *flow)
{
	if (reader->length < 2)
		return;
	flow->from_port = read16(reader->bytes);
	if (reader->length >= 6 && has_identifier(flow->family, reader->bytes[0]))
		flow->to_port = read16(reader->bytes + 4);
}

static void read_transport(const struct reader *reader, struct flow *flow)
{
	if (has_ports(flow->protocol))
		read_ports(reader, flow);
	else if (flow->protocol == (flow->family == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		read_icmp(reader, flow);
}

static void read_addresses(const uint8_t *bytes, enum family family, struct flow *flow)
{
	size_t size = family_size(family);

	flow->family = family;
	flow->from = (struct address){ .family = family };
	flow->to = (struct address){ .family = family };
	memcpy(flow->from.bytes, bytes, size);
	memcpy(flow->to.bytes, bytes + size, size);
}

static int parse_ipv4(struct reader *reader, struct flow *flow)
{
	const uint8_t *header = reader->bytes;
	size_t header_length;

	if (reader->length < IPV4_HEADER)
		return -EBADMSG;
	header_length = (size_t)(header[0] & 0x0f) * 4;
	if (header_length < IPV4_HEADER)
		return -EBADMSG;

	flow->protocol = header[9];
	flow->dscp = header[1] >> 2;
	read_addresses(header + 12, IPV4, flow);
	/* A total length of 0 is that of a joined packet beyond 64 kB. */
	cut(reader, read16(header + 2));
	if ((read16(header + 6) & FRAGMENT_OFFSET_IPV4) == 0 && skip(reader, header_length))
		read_transport(reader, flow);
	return 0;
}

static bool is_extension(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
		return true;
	}
	return false;
}

/* Of an extension header whose first EXTENSION_HEADER_MIN bytes are there. */
static size_t extension_length(uint8_t protocol, const uint8_t *header)
{
	if (protocol == IPPROTO_FRAGMENT)
		return 8;
	return protocol == IPPROTO_AH ? ((size_t)header[1] + 2) * 4 : ((size_t)header[1] + 1) * 8;
}

/*
 * Walks to the transport header and leaves its protocol in flow. *ret_behind: the packet is a fragment
 * that is not the first, so what follows is from the middle of something.
 */
static int walk_extensions(struct reader *reader, struct flow *flow, bool *ret_behind)
{
	*ret_behind = false;
	for (int i = 0; is_extension(flow->protocol); i++) {
		const uint8_t *header = reader->bytes;
		uint8_t kind = flow->protocol;

		if (i == EXTENSION_HEADERS || reader->length < EXTENSION_HEADER_MIN)
			return -EBADMSG;
		flow->protocol = header[0];
		if (kind == IPPROTO_FRAGMENT && (read16(header + 2) & FRAGMENT_OFFSET_IPV6) != 0) {
			*ret_behind = true;
			return 0;
		}
		if (!skip(reader, extension_length(kind, header)))
			return -EBADMSG;
	}
	return 0;
}

static int parse_ipv6(struct reader *reader, struct flow *flow)
{
	const uint8_t *header = reader->bytes;
	bool behind;

	if (!skip(reader, IPV6_HEADER))
		return -EBADMSG;
	flow->protocol = header[6];
	/* The traffic class lies across two bytes; the code point is its upper six bits. */
	flow->dscp = (uint8_t)(read16(header) >> 6 & 0x3f);
	read_addresses(header + 8, IPV6, flow);
	/* A payload length of 0 is that of a jumbogram or a joined packet beyond 64 kB. */
	cut(reader, read16(header + 4));
	if (walk_extensions(reader, flow, &behind) < 0)
		return -EBADMSG;
	if (!behind)
		read_transport(reader, flow);
	return 0;
}

/* Of a packet whose ports were read: the reader stands where they are. */
static uint8_t read_tcp_flags(const struct reader *reader, const struct flow *flow)
{
	return flow->protocol == IPPROTO_TCP && flow->ports && reader->length > TCP_FLAGS ? reader->bytes[TCP_FLAGS] : 0;
}

int packet_parse(const uint8_t *bytes, size_t length, struct flow *ret_flow)
{
	uint8_t tcp_flags;

	return packet_parse_flags(bytes, length, ret_flow, &tcp_flags);
}

int packet_parse_flags(const uint8_t *bytes, size_t length, struct flow *ret_flow, uint8_t *ret_tcp_flags)
{
	struct reader reader = { .bytes = bytes, .length = length };
	struct flow flow = { .ports = false };
	int result = -EBADMSG;

	if (length > 0 && bytes[0] >> 4 == 4)
		result = parse_ipv4(&reader, &flow);
	else if (length > 0 && bytes[0] >> 4 == 6)
		result = parse_ipv6(&reader, &flow);
	if (result < 0)
		return result;

	/* How the packet came in is not in its headers: those fields stay as the caller set them. */
	ret_flow->family = flow.family;
	ret_flow->protocol = flow.protocol;
	ret_flow->ports = flow.ports;
	ret_flow->from = flow.from;
	ret_flow->to = flow.to;
	ret_flow->from_port = flow.from_port;
	ret_flow->to_port = flow.to_port;
	ret_flow->dscp = flow.dscp;
	*ret_tcp_flags = read_tcp_flags(&reader, &flow);
	return 0;
}
