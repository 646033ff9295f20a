/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that the kernel tracks: list and delete those with certain marks. */

#include "kernel/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

#include "kernel/attributes.h"

#define GET_TYPE    (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET)
#define NEW_TYPE    (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW)
#define DELETE_TYPE (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE)

/* Bit of CTA_PROTO_NUM in CTA_FILTER_ORIG_FLAGS; the kernel's headers keep it to themselves. */
#define FILTER_PROTOCOL (1u << 3)

/* Deletions that go out at once, in bytes; and room for one: two headers, a tuple, id and zone. */
#define CHUNK_BYTES  (64 * 1024)
#define DELETION_MAX 256

struct listing {
	uint32_t mask;
	bool (*callback)(const struct connection *connection, void *data);
	void *data;
};

/* Requests that delete one connection each, one after the other. */
struct deletions {
	uint32_t value, mask;
	const struct network *outside; /* those that have it on their way, of whatever protocol; NULL: all but living TCP */
	bool (*spared)(uint32_t mark, void *data);
	void *data;
	unsigned int count;
	uint8_t *bytes;
	size_t size, room;
};

static struct nlmsghdr *build_request(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nfgen_family = AF_UNSPEC;
	header->version = NFNETLINK_V0;
	return request;
}

static void put_mark(struct nlmsghdr *request, uint32_t value, uint32_t mask)
{
	mnl_attr_put_u32(request, CTA_MARK, htonl(value));
	mnl_attr_put_u32(request, CTA_MARK_MASK, htonl(mask));
}

static struct address read_address(const struct nf_conntrack *entry, enum family family,
	enum nf_conntrack_attr attribute)
{
	struct address address = { .family = family };
	const void *bytes = nfct_get_attr(entry, attribute);

	if (bytes != NULL)
		memcpy(address.bytes, bytes, family_size(family));
	return address;
}

static void read_ports(const struct nf_conntrack *entry, struct flow *flow)
{
	if (nfct_attr_is_set(entry, ATTR_ICMP_TYPE) > 0) {
		flow->from_port = (uint16_t)(nfct_get_attr_u8(entry, ATTR_ICMP_TYPE) << 8 |
					     nfct_get_attr_u8(entry, ATTR_ICMP_CODE));
		flow->to_port = ntohs(nfct_get_attr_u16(entry, ATTR_ICMP_ID));
	} else if (nfct_attr_is_set(entry, ATTR_ORIG_PORT_SRC) > 0) {
		flow->ports = true;
		flow->from_port = ntohs(nfct_get_attr_u16(entry, ATTR_ORIG_PORT_SRC));
		flow->to_port = ntohs(nfct_get_attr_u16(entry, ATTR_ORIG_PORT_DST));
	}
}

static const char *read_state(const struct nf_conntrack *entry, bool answered)
{
	static const char *const names[] = {
		[TCP_CONNTRACK_SYN_SENT] = "syn-sent", [TCP_CONNTRACK_SYN_RECV] = "syn-received",
		[TCP_CONNTRACK_ESTABLISHED] = "established", [TCP_CONNTRACK_FIN_WAIT] = "fin-wait",
		[TCP_CONNTRACK_CLOSE_WAIT] = "close-wait", [TCP_CONNTRACK_LAST_ACK] = "last-ack",
		[TCP_CONNTRACK_TIME_WAIT] = "time-wait", [TCP_CONNTRACK_CLOSE] = "closed",
		[TCP_CONNTRACK_SYN_SENT2] = "syn-sent",
	};
	uint8_t state = nfct_get_attr_u8(entry, ATTR_TCP_STATE);

	if (nfct_attr_is_set(entry, ATTR_TCP_STATE) > 0 && state < sizeof(names) / sizeof(names[0]) && names[state] != NULL)
		return names[state];
	return answered ? "answered" : "unanswered";
}

/* Who answers is where it went, and whom they answer is who it seems to come from. */
static struct flow read_outside(const struct nf_conntrack *entry, const struct flow *flow)
{
	bool ipv4 = flow->family == IPV4;
	struct flow outside = *flow;

	outside.from = read_address(entry, flow->family, ipv4 ? ATTR_REPL_IPV4_DST : ATTR_REPL_IPV6_DST);
	outside.to = read_address(entry, flow->family, ipv4 ? ATTR_REPL_IPV4_SRC : ATTR_REPL_IPV6_SRC);
	if (flow->ports) {
		outside.from_port = ntohs(nfct_get_attr_u16(entry, ATTR_REPL_PORT_DST));
		outside.to_port = ntohs(nfct_get_attr_u16(entry, ATTR_REPL_PORT_SRC));
	}
	return outside;
}

static struct connection read_connection(const struct nf_conntrack *entry)
{
	struct connection connection = { 0 };
	enum family family = nfct_get_attr_u8(entry, ATTR_ORIG_L3PROTO) == AF_INET6 ? IPV6 : IPV4;
	struct flow *flow = &connection.flow;

	flow->family = family;
	flow->protocol = nfct_get_attr_u8(entry, ATTR_ORIG_L4PROTO);
	flow->from = read_address(entry, family, family == IPV4 ? ATTR_ORIG_IPV4_SRC : ATTR_ORIG_IPV6_SRC);
	flow->to = read_address(entry, family, family == IPV4 ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV6_DST);
	read_ports(entry, flow);
	connection.mark = nfct_get_attr_u32(entry, ATTR_MARK);
	/* What is not set reads as 0. */
	connection.bytes = nfct_get_attr_u64(entry, ATTR_ORIG_COUNTER_BYTES) +
			   nfct_get_attr_u64(entry, ATTR_REPL_COUNTER_BYTES);
	connection.established = (nfct_get_attr_u32(entry, ATTR_STATUS) & IPS_SEEN_REPLY) != 0;
	connection.assured = (nfct_get_attr_u32(entry, ATTR_STATUS) & IPS_ASSURED) != 0;
	connection.state = read_state(entry, connection.established);
	connection.outside = read_outside(entry, flow);
	return connection;
}

/* Most entries of a dump may be foreign: their mark is looked at before anything is unpacked. */
static bool is_entry(const struct nlmsghdr *message, struct attributes *ret_attributes,
	uint32_t *ret_mark)
{
	if (message->nlmsg_type != NEW_TYPE)
		return false;
	attributes_read(message, sizeof(struct nfgenmsg), ret_attributes);
	*ret_mark = ntohl(attributes_u32(ret_attributes, CTA_MARK, 0));
	return true;
}

static int list_entry(const struct nlmsghdr *message, void *data)
{
	const struct listing *listing = data;
	struct attributes attributes;
	struct connection connection;
	struct nf_conntrack *entry;
	uint32_t mark;
	bool parsed;

	if (!is_entry(message, &attributes, &mark) || (mark & listing->mask) == 0)
		return MNL_CB_OK;
	entry = nfct_new();
	if (entry == NULL) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	parsed = nfct_nlmsg_parse(message, entry) >= 0;
	if (parsed)
		connection = read_connection(entry);
	nfct_destroy(entry);
	if (!parsed)
		return MNL_CB_OK;
	return listing->callback(&connection, listing->data) ? MNL_CB_OK : MNL_CB_STOP;
}

int conntrack_list(struct netlink *netlink, uint32_t mask,
	bool (*callback)(const struct connection *connection, void *data), void *data)
{
	uint8_t buffer[64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct listing listing = { .mask = mask, .callback = callback, .data = data };

	return netlink_ask(netlink, build_request(buffer, GET_TYPE, NLM_F_DUMP), list_entry, &listing);
}

static void set_tuple(struct nf_conntrack *entry, const struct flow *flow)
{
	bool ipv4 = flow->family == IPV4;

	nfct_set_attr_u8(entry, ATTR_ORIG_L3PROTO, ipv4 ? AF_INET : AF_INET6);
	nfct_set_attr_u8(entry, ATTR_ORIG_L4PROTO, flow->protocol);
	nfct_set_attr(entry, ipv4 ? ATTR_ORIG_IPV4_SRC : ATTR_ORIG_IPV6_SRC, flow->from.bytes);
	nfct_set_attr(entry, ipv4 ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV6_DST, flow->to.bytes);
	if (flow->protocol == (ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		nfct_set_attr_u8(entry, ATTR_ICMP_TYPE, (uint8_t)(flow->from_port >> 8));
		nfct_set_attr_u8(entry, ATTR_ICMP_CODE, (uint8_t)flow->from_port);
		nfct_set_attr_u16(entry, ATTR_ICMP_ID, htons(flow->to_port));
		return;
	}
	nfct_set_attr_u16(entry, ATTR_ORIG_PORT_SRC, htons(flow->from_port));
	nfct_set_attr_u16(entry, ATTR_ORIG_PORT_DST, htons(flow->to_port));
}

struct search {
	struct connection *connection;
	bool found;
};

static int found_entry(const struct nlmsghdr *message, void *data)
{
	struct search *search = data;
	struct nf_conntrack *entry = nfct_new();

	if (entry == NULL) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	if (message->nlmsg_type == NEW_TYPE && nfct_nlmsg_parse(message, entry) >= 0) {
		*search->connection = read_connection(entry);
		search->found = true;
	}
	nfct_destroy(entry);
	return MNL_CB_OK;
}

int conntrack_find(struct netlink *netlink, const struct flow *flow, struct connection *ret_connection)
{
	uint8_t buffer[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct search search = { .connection = ret_connection };
	struct nf_conntrack *entry = nfct_new();
	struct nlmsghdr *header;
	int error = -ENOMEM;

	if (entry == NULL)
		return -ENOMEM;
	header = build_request(buffer, GET_TYPE, NLM_F_ACK);
	((struct nfgenmsg *)mnl_nlmsg_get_payload(header))->nfgen_family = flow->family == IPV4 ? AF_INET : AF_INET6;
	set_tuple(entry, flow);
	if (nfct_nlmsg_build(header, entry) >= 0)
		error = netlink_ask(netlink, header, found_entry, &search);
	nfct_destroy(entry);
	if (error < 0)
		return error;
	return search.found ? 0 : -ENOENT;
}

static bool make_room(struct deletions *deletions)
{
	size_t room = deletions->room == 0 ? CHUNK_BYTES : 2 * deletions->room;
	uint8_t *bytes;

	if (deletions->size + DELETION_MAX <= deletions->room)
		return true;
	bytes = realloc(deletions->bytes, room);
	if (bytes == NULL)
		return false;
	deletions->bytes = bytes;
	deletions->room = room;
	return true;
}

static uint8_t read_protocol(const struct attributes *attributes)
{
	struct attributes tuple, protocol;

	attributes_read_nested(attributes, CTA_TUPLE_ORIG, &tuple);
	attributes_read_nested(&tuple, CTA_TUPLE_PROTO, &protocol);
	return attributes_u8(&protocol, CTA_PROTO_NUM, IPPROTO_TCP);
}

/* TCP_CONNTRACK_NONE where there is none. */
static uint8_t read_tcp_state(const struct attributes *attributes)
{
	struct attributes protocol, tcp;

	attributes_read_nested(attributes, CTA_PROTOINFO, &protocol);
	attributes_read_nested(&protocol, CTA_PROTOINFO_TCP, &tcp);
	return attributes_u8(&tcp, CTA_PROTOINFO_TCP_STATE, TCP_CONNTRACK_NONE);
}

/* Without the status, which the kernel always gives, it counts as answered. */
static bool is_living_tcp(const struct attributes *attributes)
{
	uint32_t status = ntohl(attributes_u32(attributes, CTA_STATUS, UINT32_MAX));

	return read_protocol(attributes) == IPPROTO_TCP && (status & IPS_SEEN_REPLY) != 0
	       && read_tcp_state(attributes) != TCP_CONNTRACK_CLOSE;
}

/* Copies what names the connection. The id makes sure that none of the same tuple goes instead. */
static bool put_copies(struct nlmsghdr *request, const struct attributes *attributes)
{
	static const uint8_t types[] = { CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE };

	for (size_t i = 0; i < sizeof(types); i++) {
		const struct nlattr *from = attributes->items[types[i]];

		if (from == NULL)
			continue;
		if (!mnl_attr_put_check(request, DELETION_MAX, from->nla_type, mnl_attr_get_payload_len(from),
			    mnl_attr_get_payload(from)))
			return false;
	}
	return true;
}

/* Whether that direction goes to the network. */
static bool goes_to(const struct attributes *attributes, unsigned int direction, const struct network *network)
{
	enum family family = network->address.family;
	struct attributes tuple, addresses;
	struct address to;

	attributes_read_nested(attributes, direction, &tuple);
	attributes_read_nested(&tuple, CTA_TUPLE_IP, &addresses);
	return attributes_address(&addresses, family == IPV4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, family, &to)
	       && network_contains(network, &to);
}

static bool is_meant(const struct deletions *deletions, const struct attributes *attributes, uint32_t mark)
{
	if (attributes->items[CTA_ID] == NULL)
		return false;
	if (deletions->outside == NULL)
		return !is_living_tcp(attributes);
	/* Who answers sends there, or it came from there. */
	return (goes_to(attributes, CTA_TUPLE_REPLY, deletions->outside) || goes_to(attributes, CTA_TUPLE_ORIG, deletions->outside))
	       && !deletions->spared(mark, deletions->data);
}

static int gather_deletion(const struct nlmsghdr *message, void *data)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	struct deletions *deletions = data;
	struct attributes attributes;
	struct nlmsghdr *request;
	uint32_t mark;

	if (!is_entry(message, &attributes, &mark) || (mark & deletions->mask) != deletions->value)
		return MNL_CB_OK;
	if (!is_meant(deletions, &attributes, mark))
		return MNL_CB_OK;
	if (!make_room(deletions)) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	request = build_request(deletions->bytes + deletions->size, DELETE_TYPE, 0);
	((struct nfgenmsg *)mnl_nlmsg_get_payload(request))->nfgen_family = header->nfgen_family;
	if (put_copies(request, &attributes)) {
		deletions->size += request->nlmsg_len;
		deletions->count++;
	}
	return MNL_CB_OK;
}

/* Numbers the requests of the next chunk, and wants the last one acknowledged. Their size in bytes. */
static size_t number_chunk(struct netlink *netlink, uint8_t *bytes, size_t size, uint32_t *ret_last)
{
	struct nlmsghdr *request = NULL;
	size_t at = 0;

	while (at < size && at < CHUNK_BYTES) {
		request = (void *)(bytes + at);
		request->nlmsg_seq = netlink_sequence(netlink);
		at += request->nlmsg_len;
	}
	if (request != NULL) {
		request->nlmsg_flags |= NLM_F_ACK;
		*ret_last = request->nlmsg_seq;
	}
	return at;
}

/* ENOENT: that one went by itself meanwhile. */
static int send_deletions(struct netlink *netlink, struct deletions *deletions)
{
	size_t at = 0;
	int result = 0;

	while (at < deletions->size) {
		uint32_t last = 0;
		size_t chunk = number_chunk(netlink, deletions->bytes + at, deletions->size - at, &last);
		int error = netlink_batch(netlink, deletions->bytes + at, chunk, last, NULL);

		if (error < 0 && error != -ENOENT && result == 0)
			result = error;
		at += chunk;
	}
	return result;
}

/*
 * Most of what is not TCP, in one message of each family. Kernels since 6.11 filter a flush by
 * protocol too; to older ones an original tuple names one connection, and half a tuple is an error:
 * none flushes too much.
 */
static void flush_udp(struct netlink *netlink, uint8_t native, uint32_t value, uint32_t mask)
{
	uint8_t buffer[128] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = build_request(buffer, DELETE_TYPE, 0);
	struct nlattr *tuple, *inner;

	/* A tuple wants a family, also where it says nothing about addresses. */
	((struct nfgenmsg *)mnl_nlmsg_get_payload(request))->nfgen_family = native;
	put_mark(request, value, mask);
	tuple = mnl_attr_nest_start(request, CTA_TUPLE_ORIG);
	inner = mnl_attr_nest_start(request, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(request, CTA_PROTO_NUM, IPPROTO_UDP);
	mnl_attr_nest_end(request, inner);
	mnl_attr_nest_end(request, tuple);
	inner = mnl_attr_nest_start(request, CTA_FILTER);
	mnl_attr_put_u32(request, CTA_FILTER_ORIG_FLAGS, FILTER_PROTOCOL);
	mnl_attr_nest_end(request, inner);
	netlink_ask(netlink, request, NULL, NULL);
}

/* What is meant is listed and deleted one by one. */
static int delete_listed(struct netlink *netlink, struct deletions *deletions)
{
	uint8_t buffer[64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = build_request(buffer, GET_TYPE, NLM_F_DUMP);
	int error, sent;

	put_mark(request, deletions->value, deletions->mask);
	error = netlink_ask(netlink, request, gather_deletion, deletions);
	sent = send_deletions(netlink, deletions);
	free(deletions->bytes);
	return error < 0 ? error : sent;
}

/* No filter says "all except one". */
static int flush_all_but_living_tcp(struct netlink *netlink, uint32_t value, uint32_t mask)
{
	struct deletions deletions = { .value = value, .mask = mask };

	flush_udp(netlink, AF_INET, value, mask);
	flush_udp(netlink, AF_INET6, value, mask);
	return delete_listed(netlink, &deletions);
}

int conntrack_forget(struct netlink *netlink, uint32_t value, uint32_t mask, const struct network *outside,
	bool (*spared)(uint32_t mark, void *data), void *data, unsigned int *ret_count)
{
	struct deletions deletions = { .value = value, .mask = mask, .outside = outside, .spared = spared, .data = data };
	int error = delete_listed(netlink, &deletions);

	*ret_count = deletions.count;
	return error;
}

int conntrack_flush(struct netlink *netlink, uint32_t value, uint32_t mask, bool keep_living_tcp)
{
	uint8_t buffer[64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request;

	/* Without a mask it would be every connection of the machine. */
	if (mask == 0 || (value & ~mask) != 0)
		return -EINVAL;
	if (keep_living_tcp)
		return flush_all_but_living_tcp(netlink, value, mask);
	request = build_request(buffer, DELETE_TYPE, 0);
	put_mark(request, value, mask);
	return netlink_ask(netlink, request, NULL, NULL);
}
