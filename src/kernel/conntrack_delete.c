/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deletes connections that the kernel tracks: all with certain marks, or those that are chosen. */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "kernel/conntrack_parts.h"

/* Bit of CTA_PROTO_NUM in CTA_FILTER_ORIG_FLAGS; the kernel's headers keep it to themselves. */
#define FILTER_PROTOCOL (1u << 3)

/* Deletions that go out at once, in bytes; and room for one: two headers, a tuple, id and zone. */
#define CHUNK_BYTES  (64 * 1024)
#define DELETION_MAX 256

/* Requests that delete one connection each, one after the other. */
struct deletions {
	uint32_t value, mask;
	const struct network *outside; /* those that have it on their way, of whatever protocol; NULL: all but living TCP */
	bool (*spared)(uint32_t mark, void *data);
	void *data;
	uint8_t *bytes;
	size_t size, room, count;
};

struct sweep {
	struct deletions deletions;
	size_t most;
	bool (*choose)(const struct connection *connection, void *data);
	void *data;
};

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

static int add_deletion(struct deletions *deletions, const struct nlmsghdr *message, const struct attributes *attributes)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	struct nlmsghdr *request;

	if (!make_room(deletions)) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	request = conntrack_request(deletions->bytes + deletions->size, CONNTRACK_DELETE, 0);
	((struct nfgenmsg *)mnl_nlmsg_get_payload(request))->nfgen_family = header->nfgen_family;
	if (put_copies(request, attributes)) {
		deletions->size += request->nlmsg_len;
		deletions->count++;
	}
	return MNL_CB_OK;
}

static int gather_deletion(const struct nlmsghdr *message, void *data)
{
	struct deletions *deletions = data;
	struct attributes attributes;
	uint32_t mark;

	if (!conntrack_is_entry(message, &attributes, &mark) || (mark & deletions->mask) != deletions->value)
		return MNL_CB_OK;
	if (!is_meant(deletions, &attributes, mark))
		return MNL_CB_OK;
	return add_deletion(deletions, message, &attributes);
}

/* Those that are one too many are left for the next time. */
static int gather_chosen(const struct nlmsghdr *message, void *data)
{
	struct sweep *sweep = data;
	struct attributes attributes;
	struct connection connection;
	uint32_t mark;
	int parsed;

	if (!conntrack_is_entry(message, &attributes, &mark) || (mark & sweep->deletions.mask) != sweep->deletions.value)
		return MNL_CB_OK;
	if (attributes.items[CTA_ID] == NULL || sweep->deletions.count == sweep->most)
		return MNL_CB_OK;
	parsed = conntrack_parse(message, &connection);
	if (parsed < 0)
		return MNL_CB_ERROR;
	if (parsed == 0 || !sweep->choose(&connection, sweep->data))
		return MNL_CB_OK;
	return add_deletion(&sweep->deletions, message, &attributes);
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
	struct nlmsghdr *request = conntrack_request(buffer, CONNTRACK_DELETE, 0);
	struct nlattr *tuple, *inner;

	/* A tuple wants a family, also where it says nothing about addresses. */
	((struct nfgenmsg *)mnl_nlmsg_get_payload(request))->nfgen_family = native;
	conntrack_put_mark(request, value, mask);
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
	struct nlmsghdr *request = conntrack_request(buffer, CONNTRACK_GET, NLM_F_DUMP);
	int error, sent;

	conntrack_put_mark(request, deletions->value, deletions->mask);
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

	*ret_count = (unsigned int)deletions.count;
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
	request = conntrack_request(buffer, CONNTRACK_DELETE, 0);
	conntrack_put_mark(request, value, mask);
	return netlink_ask(netlink, request, NULL, NULL);
}

/* An interrupted dump has passed over some: each that it had is deleted by its id all the same. */
int conntrack_sweep(struct netlink *netlink, uint32_t value, uint32_t mask, size_t most,
	bool (*choose)(const struct connection *connection, void *data), void *data, size_t *ret_deleted)
{
	uint8_t buffer[64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = conntrack_request(buffer, CONNTRACK_GET, NLM_F_DUMP);
	struct sweep sweep = { { .value = value, .mask = mask }, most, choose, data };
	int error, sent;

	conntrack_put_mark(request, value, mask);
	error = netlink_ask(netlink, request, gather_chosen, &sweep);
	sent = send_deletions(netlink, &sweep.deletions);
	free(sweep.deletions.bytes);
	*ret_deleted = sweep.deletions.count;
	if (error < 0 || sent < 0)
		return error < 0 ? error : sent;
	return sweep.deletions.count == most ? 1 : 0;
}
