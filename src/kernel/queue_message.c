/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages of an NFQUEUE: build and parse, without a socket. */

#include "kernel/queue_message.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "kernel/attributes.h"

#define CONFIG_TYPE  (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG)
#define PACKET_TYPE  (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)
#define VERDICT_TYPE (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT)
#define HEADERS      (sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg))

/* The whole message as the kernel wants it: every part is a multiple of four bytes long. */
struct verdict {
	struct nlmsghdr header;
	struct nfgenmsg queue;
	struct nlattr verdict_header;
	struct nfqnl_msg_verdict_hdr verdict;
	struct nlattr mark_header; /* from here on absent where there is no mark to set */
	uint32_t mark;
};

_Static_assert(sizeof(struct verdict) == QUEUE_VERDICT_MAX, "no padding");
_Static_assert(offsetof(struct verdict, mark_header) == QUEUE_VERDICT_MIN, "no padding");

size_t queue_message_config(void *buffer, uint16_t number, uint32_t length, uint32_t flags)
{
	const struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_BIND };
	const struct nfqnl_msg_config_params params = {
		.copy_range = htonl(QUEUE_COPY_RANGE),
		.copy_mode = NFQNL_COPY_PACKET,
	};
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *queue = mnl_nlmsg_put_extra_header(header, sizeof(*queue));

	header->nlmsg_type = CONFIG_TYPE;
	header->nlmsg_flags = NLM_F_REQUEST;
	queue->nfgen_family = AF_UNSPEC;
	queue->version = NFNETLINK_V0;
	queue->res_id = htons(number);
	mnl_attr_put(header, NFQA_CFG_CMD, sizeof(command), &command);
	mnl_attr_put(header, NFQA_CFG_PARAMS, sizeof(params), &params);
	mnl_attr_put_u32(header, NFQA_CFG_QUEUE_MAXLEN, htonl(length));
	if (flags != 0) {
		mnl_attr_put_u32(header, NFQA_CFG_FLAGS, htonl(flags));
		mnl_attr_put_u32(header, NFQA_CFG_MASK, htonl(flags));
	}
	return header->nlmsg_len;
}

size_t queue_message_verdict(void *buffer, uint16_t number, uint32_t verdict, uint32_t id,
	const uint32_t *mark)
{
	size_t size = mark != NULL ? QUEUE_VERDICT_MAX : QUEUE_VERDICT_MIN;
	struct verdict message = {
		.header = {
			.nlmsg_len = (uint32_t)size,
			.nlmsg_type = VERDICT_TYPE,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.queue = { .version = NFNETLINK_V0, .res_id = htons(number) },
		.verdict_header = {
			.nla_len = sizeof(struct nlattr) + sizeof(struct nfqnl_msg_verdict_hdr),
			.nla_type = NFQA_VERDICT_HDR,
		},
		.verdict = { .verdict = htonl(verdict), .id = htonl(id) },
		.mark_header = {
			.nla_len = sizeof(struct nlattr) + sizeof(uint32_t),
			.nla_type = NFQA_MARK,
		},
		.mark = mark != NULL ? htonl(*mark) : 0,
	};

	memcpy(buffer, &message, size);
	return size;
}

static uint32_t attribute_u32(const struct nlattr *attribute)
{
	uint32_t value;

	if (attribute->nla_len < sizeof(*attribute) + sizeof(value))
		return 0;
	memcpy(&value, attribute + 1, sizeof(value));
	return ntohl(value);
}

/* True where the attribute gave the packet its id. */
static bool take_attribute(struct queue_packet *packet, const struct nlattr *attribute)
{
	switch (attribute->nla_type & NLA_TYPE_MASK) {
	case NFQA_PACKET_HDR:
		packet->id = attribute_u32(attribute); /* its first member */
		return attribute->nla_len >= sizeof(*attribute) + sizeof(struct nfqnl_msg_packet_hdr);
	case NFQA_MARK:
		packet->mark = attribute_u32(attribute);
		return false;
	case NFQA_IFINDEX_INDEV:
		packet->device_in = attribute_u32(attribute);
		return false;
	case NFQA_PAYLOAD:
		packet->payload = (const uint8_t *)(attribute + 1);
		packet->length = attribute->nla_len - sizeof(*attribute);
		return false;
	default:
		return false;
	}
}

bool queue_message_parse(const uint8_t *bytes, size_t length, struct queue_packet *ret_packet)
{
	const struct nlmsghdr *header = (const void *)bytes;
	struct queue_packet packet = { .payload = bytes };
	const struct nlattr *attribute;
	size_t at = HEADERS;
	bool known = false;

	if (length < HEADERS || header->nlmsg_type != PACKET_TYPE)
		return false;
	if (length > header->nlmsg_len)
		length = header->nlmsg_len;
	while ((attribute = attribute_next(bytes, length, &at)) != NULL)
		known |= take_attribute(&packet, attribute);
	if (known)
		*ret_packet = packet;
	return known;
}
