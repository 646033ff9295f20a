/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log group of nf_tables over a netlink socket of its own: many copies per system call. */

#include "kernel/copies.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "kernel/attributes.h"
#include "kernel/hearing.h"

/* Copies per recvmmsg(), and room for one: COPY_RANGE and some 150 bytes of attributes. */
#define BATCH      64
#define SLOT_MAX   512
#define COPY_RANGE 128

/* A copy takes about 1 KB of it: a burst of ten thousands while nobody reads. */
#define BUFFER_BYTES (32 * 1024 * 1024)

/* What the kernel gets memory for at once; a copy takes what it needs in any case. */
#define MESSAGE_BYTES 256

#define CONFIG_TYPE (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG)
#define PACKET_TYPE (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)
#define HEADERS     (sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg))

struct slot {
	uint8_t bytes[SLOT_MAX] __attribute__((aligned(8)));
};

struct copies {
	struct mnl_socket *socket;
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_nl senders[BATCH];
	struct slot slots[BATCH];
};

int copies_fd(const struct copies *copies)
{
	return mnl_socket_get_fd(copies->socket);
}

static int open_socket(struct copies *copies)
{
	copies->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (copies->socket == NULL || mnl_socket_bind(copies->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	hearing_size_buffer(copies_fd(copies), BUFFER_BYTES);
	return 0;
}

static size_t build_bind(void *buffer, uint16_t group)
{
	const struct nfulnl_msg_config_cmd command = { .command = NFULNL_CFG_CMD_BIND };
	const struct nfulnl_msg_config_mode mode = { .copy_range = htonl(COPY_RANGE), .copy_mode = NFULNL_COPY_PACKET };
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *log = mnl_nlmsg_put_extra_header(header, sizeof(*log));

	header->nlmsg_type = CONFIG_TYPE;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	log->nfgen_family = AF_UNSPEC;
	log->version = NFNETLINK_V0;
	log->res_id = htons(group);
	mnl_attr_put(header, NFULA_CFG_CMD, sizeof(command), &command);
	mnl_attr_put(header, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(header, NFULA_CFG_NLBUFSIZ, htonl(MESSAGE_BYTES));
	mnl_attr_put_u32(header, NFULA_CFG_QTHRESH, htonl(1));
	return header->nlmsg_len;
}

/* The kernel has answered before sendmsg() returned; copies may lie before the answer, and go. */
static int bind_answer(struct copies *copies)
{
	const struct nlmsghdr *header = (const void *)copies->slots[0].bytes;
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(header);
	struct msghdr *message = &copies->messages[0].msg_hdr;
	ssize_t length;

	for (;;) {
		message->msg_namelen = sizeof(copies->senders[0]);
		length = recvmsg(copies_fd(copies), message, 0);
		if (length < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (length < 0)
			return -errno;
		if (hearing_is_from_kernel(message) && (size_t)length >= NLMSG_LENGTH(sizeof(*answer))
		    && header->nlmsg_type == NLMSG_ERROR)
			return answer->error;
	}
}

/* A group that another socket listens to is EPERM, as is what we have no right to; without rights nothing works here. */
static int bind_group(struct copies *copies, uint16_t group)
{
	uint8_t buffer[128] __attribute__((aligned(NLMSG_ALIGNTO)));
	size_t size = build_bind(buffer, group);
	int error;

	if (mnl_socket_sendto(copies->socket, buffer, size) < 0)
		return -errno;
	error = bind_answer(copies);
	return error == -EPERM ? -EBUSY : error;
}

int copies_open(uint16_t group, struct copies **ret_copies)
{
	struct copies *copies = calloc(1, sizeof(*copies));
	int error;

	if (copies == NULL)
		return -ENOMEM;
	hearing_lay_out(copies->messages, copies->vectors, copies->senders, copies->slots[0].bytes, sizeof(copies->slots[0]),
		BATCH);
	error = open_socket(copies);
	if (error == 0)
		error = bind_group(copies, group);
	if (error < 0) {
		copies_close(copies);
		return error;
	}
	*ret_copies = copies;
	return 0;
}

void copies_close(struct copies *copies)
{
	if (copies == NULL)
		return;
	if (copies->socket != NULL)
		mnl_socket_close(copies->socket);
	free(copies);
}

static bool take_attribute(struct copy *copy, const struct nlattr *attribute)
{
	size_t length = attribute->nla_len - sizeof(*attribute);

	switch (attribute->nla_type & NLA_TYPE_MASK) {
	case NFULA_MARK:
		if (length >= sizeof(copy->mark)) {
			memcpy(&copy->mark, attribute + 1, sizeof(copy->mark));
			copy->mark = ntohl(copy->mark);
		}
		return false;
	case NFULA_PAYLOAD:
		copy->payload = (const uint8_t *)(attribute + 1);
		copy->length = length;
		return true;
	default:
		return false;
	}
}

bool copies_parse(const uint8_t *bytes, size_t length, struct copy *ret_copy)
{
	const struct nlmsghdr *header = (const void *)bytes;
	struct copy copy = { .payload = bytes };
	const struct nlattr *attribute;
	size_t at = HEADERS;
	bool known = false;

	if (length < HEADERS || header->nlmsg_type != PACKET_TYPE)
		return false;
	if (length > header->nlmsg_len)
		length = header->nlmsg_len;
	while ((attribute = attribute_next(bytes, length, &at)) != NULL)
		known |= take_attribute(&copy, attribute);
	if (known)
		*ret_copy = copy;
	return known;
}

/* With a threshold of one packet each datagram of the kernel holds one message. */
int copies_receive(struct copies *copies, struct copy *items, size_t max)
{
	size_t found = 0;
	int count = 0;

	if (max > BATCH)
		max = BATCH;
	while (found == 0 && max > 0) {
		do
			count = recvmmsg(copies_fd(copies), copies->messages, (unsigned int)max, MSG_DONTWAIT, NULL);
		while (count < 0 && errno == EINTR);
		if (count < 0)
			return errno == EAGAIN ? 0 : -errno;
		for (int i = 0; i < count; i++) {
			if (hearing_is_from_kernel(&copies->messages[i].msg_hdr)
			    && copies_parse(copies->slots[i].bytes, copies->messages[i].msg_len, &items[found]))
				found++;
		}
	}
	return (int)found;
}
