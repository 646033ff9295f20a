/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One NFQUEUE over a netlink socket of its own: many packets per system call, both ways. */

#include "kernel/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

/* Packets per recvmmsg(), and room for one: QUEUE_COPY_RANGE and some 150 bytes of attributes. */
#define BATCH    64
#define SLOT_MAX 1024

/* What a waiting packet takes of the socket's buffer, and the least that we want. */
#define PACKET_COST     2048
#define BUFFER_LEAST    (4 * 1024 * 1024)
#define BUFFER_MOST     (512 * 1024 * 1024)
#define FIGURES_FILE    "/proc/net/netfilter/nfnetlink_queue"
#define VERDICTS        128
#define CONFIG_TYPE     (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG)
#define PACKET_TYPE     (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)
#define VERDICT_TYPE    (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT)
#define MESSAGE_HEADERS (sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg))

/* The whole message as the kernel wants it: every part is a multiple of four bytes long. */
struct verdict {
	struct nlmsghdr header;
	struct nfgenmsg queue;
	struct nlattr verdict_header;
	struct nfqnl_msg_verdict_hdr verdict;
	struct nlattr mark_header; /* from here on absent where there is no mark to set */
	uint32_t mark;
};

struct slot {
	uint8_t bytes[SLOT_MAX] __attribute__((aligned(8)));
};

struct queue {
	struct mnl_socket *socket;
	uint16_t number;
	bool privileged; /* may do what needs CAP_NET_ADMIN */
	size_t verdict_bytes;
	uint8_t verdicts[VERDICTS * sizeof(struct verdict)] __attribute__((aligned(8)));
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_nl senders[BATCH];
	struct slot slots[BATCH];
};

int queue_fd(const struct queue *queue)
{
	return mnl_socket_get_fd(queue->socket);
}

static void size_buffer(struct queue *queue, uint32_t length)
{
	uint64_t wanted = (uint64_t)length * PACKET_COST;
	int size;

	if (wanted < BUFFER_LEAST)
		wanted = BUFFER_LEAST;
	if (wanted > BUFFER_MOST)
		wanted = BUFFER_MOST;
	size = (int)wanted;
	queue->privileged =
		setsockopt(queue_fd(queue), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0;
	if (!queue->privileged)
		setsockopt(queue_fd(queue), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static void lay_out_slots(struct queue *queue)
{
	for (size_t i = 0; i < BATCH; i++) {
		queue->vectors[i].iov_base = queue->slots[i].bytes;
		queue->vectors[i].iov_len = sizeof(queue->slots[i].bytes);
		queue->messages[i].msg_hdr.msg_name = &queue->senders[i];
		queue->messages[i].msg_hdr.msg_namelen = sizeof(queue->senders[i]);
		queue->messages[i].msg_hdr.msg_iov = &queue->vectors[i];
		queue->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

static int open_socket(struct queue *queue, uint32_t length)
{
	int on = 1;

	queue->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (queue->socket == NULL || mnl_socket_bind(queue->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;

	/* One overrun would else stop the socket until it is read empty. */
	if (mnl_socket_setsockopt(queue->socket, NETLINK_NO_ENOBUFS, &on, sizeof(on)) < 0)
		return -errno;
	size_buffer(queue, length);
	return 0;
}

/*
 * All in one message: between a bind and a copy mode in two the kernel would drop every packet. No
 * acknowledgement is asked for, see bind_answer().
 */
static struct nlmsghdr *build_config(void *buffer, uint16_t number, uint32_t length, uint32_t flags)
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
	return header;
}

static bool is_from_kernel(const struct msghdr *message)
{
	const struct sockaddr_nl *sender = message->msg_name;

	return message->msg_namelen == sizeof(*sender) && sender->nl_pid == 0;
}

/*
 * The kernel answers before sendmsg() returns, and refusals also unasked. So the first message that
 * lies there is the refusal, or the bind went well. Packets may already be there: waiting for an
 * acknowledgement behind them would lose them, so they are only looked at.
 */
static int bind_answer(struct queue *queue)
{
	struct msghdr *message = &queue->messages[0].msg_hdr;
	const struct nlmsghdr *header = (const void *)queue->slots[0].bytes;
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(header);
	ssize_t length;

	for (;;) {
		message->msg_namelen = sizeof(queue->senders[0]);
		length = recvmsg(queue_fd(queue), message, MSG_PEEK | MSG_DONTWAIT);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (is_from_kernel(message) && header->nlmsg_type != NLMSG_ERROR)
			return 0;
		recv(queue_fd(queue), NULL, 0, MSG_DONTWAIT | MSG_TRUNC);
		if (is_from_kernel(message))
			return (size_t)length < NLMSG_LENGTH(sizeof(*answer)) ? -EBADMSG : answer->error;
	}
}

static int bind_queue(struct queue *queue, uint32_t length, uint32_t flags)
{
	uint8_t buffer[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *request = build_config(buffer, queue->number, length, flags);

	if (mnl_socket_sendto(queue->socket, request, request->nlmsg_len) < 0)
		return -errno;
	return bind_answer(queue);
}

/* Without GSO the kernel cuts and sums large packets first; without FAIL_OPEN a full queue drops. */
static int bind_with_flags(struct queue *queue, uint32_t length)
{
	static const uint32_t tries[] = {
		NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN,
		NFQA_CFG_F_FAIL_OPEN,
		0,
	};
	int error = 0;

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		error = bind_queue(queue, length, tries[i]);
		if (error != -EOPNOTSUPP && error != -EINVAL)
			break;
	}
	/* The kernel says EPERM both for a queue of another socket and for missing rights. */
	return error == -EPERM && queue->privileged ? -EBUSY : error;
}

int queue_open(uint16_t number, uint32_t length, struct queue **ret_queue)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	int error;

	if (queue == NULL)
		return -ENOMEM;
	queue->number = number;
	lay_out_slots(queue);
	error = open_socket(queue, length);
	if (error == 0)
		error = bind_with_flags(queue, length);
	if (error < 0) {
		queue_close(queue);
		return error;
	}
	*ret_queue = queue;
	return 0;
}

void queue_close(struct queue *queue)
{
	if (queue == NULL)
		return;
	if (queue->socket != NULL)
		mnl_socket_close(queue->socket);
	free(queue);
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

/*
 * Of a message that was cut, or that is damaged behind the id, what stands before counts: the packet
 * needs its verdict all the same.
 */
static bool parse_packet(const uint8_t *bytes, size_t length, struct queue_packet *ret_packet)
{
	const struct nlmsghdr *header = (const void *)bytes;
	struct queue_packet packet = { .payload = bytes };
	size_t at = MESSAGE_HEADERS;
	bool known = false;

	if (length < MESSAGE_HEADERS || header->nlmsg_type != PACKET_TYPE)
		return false;
	if (length > header->nlmsg_len)
		length = header->nlmsg_len;
	while (at + sizeof(struct nlattr) <= length) {
		const struct nlattr *attribute = (const void *)(bytes + at);

		if (attribute->nla_len < sizeof(*attribute) || attribute->nla_len > length - at)
			break;
		if (take_attribute(&packet, attribute))
			known = true;
		at += NLA_ALIGN(attribute->nla_len);
	}
	if (known)
		*ret_packet = packet;
	return known;
}

/* Messages read, or -errno. */
static int read_slots(struct queue *queue, size_t max)
{
	int count;

	for (size_t i = 0; i < max; i++)
		queue->messages[i].msg_hdr.msg_namelen = sizeof(queue->senders[i]);
	do
		count = recvmmsg(queue_fd(queue), queue->messages, (unsigned int)max, MSG_DONTWAIT, NULL);
	while (count < 0 && (errno == EINTR || errno == ENOBUFS));
	return count < 0 ? -errno : count;
}

/*
 * Each datagram of the kernel holds one message. Those that are no packet are answers to verdicts
 * whose packet is gone (its device went down, say): nothing is to be done about them.
 */
int queue_receive(struct queue *queue, struct queue_packet *packets, size_t max)
{
	size_t found = 0;
	int count;

	if (max > BATCH)
		max = BATCH;
	while (found == 0 && max > 0) {
		count = read_slots(queue, max);
		if (count < 0)
			return count == -EAGAIN ? 0 : count;
		for (int i = 0; i < count; i++) {
			if (is_from_kernel(&queue->messages[i].msg_hdr) &&
				parse_packet(queue->slots[i].bytes, queue->messages[i].msg_len, &packets[found]))
				found++;
		}
	}
	return (int)found;
}

int queue_flush(struct queue *queue)
{
	ssize_t sent;

	if (queue->verdict_bytes == 0)
		return 0;
	do
		sent = mnl_socket_sendto(queue->socket, queue->verdicts, queue->verdict_bytes);
	while (sent < 0 && errno == EINTR);
	/* What could not be sent for lack of memory stays for the next time. */
	if (sent < 0)
		return -errno;
	queue->verdict_bytes = 0;
	return 0;
}

static void gather(struct queue *queue, uint32_t verdict, uint32_t id, const uint32_t *mark)
{
	size_t size = mark != NULL ? sizeof(struct verdict) : offsetof(struct verdict, mark_header);
	struct verdict message = {
		.header = {
			.nlmsg_len = (uint32_t)size,
			.nlmsg_type = VERDICT_TYPE,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.queue = { .version = NFNETLINK_V0, .res_id = htons(queue->number) },
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

	/* If even a second try fails, those packets are lost; the newer ones may have more luck. */
	if (queue->verdict_bytes + size > sizeof(queue->verdicts) && queue_flush(queue) < 0 &&
		queue_flush(queue) < 0)
		queue->verdict_bytes = 0;
	memcpy(queue->verdicts + queue->verdict_bytes, &message, size);
	queue->verdict_bytes += size;
}

void queue_accept(struct queue *queue, uint32_t id, uint32_t mark)
{
	gather(queue, NF_ACCEPT, id, &mark);
}

void queue_drop(struct queue *queue, uint32_t id)
{
	gather(queue, NF_DROP, id, NULL);
}

int queue_figures_read(uint16_t first, uint16_t count, struct queue_figures *ret_figures)
{
	struct queue_figures figures = { 0 };
	unsigned int number, held, dropped, user_dropped;
	char line[256];
	FILE *file = fopen(FIGURES_FILE, "re");

	if (file == NULL)
		return -errno;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%u %*u %u %*u %*u %u %u", &number, &held, &dropped, &user_dropped) != 4)
			continue;
		if (number < first || number - first >= count)
			continue;
		figures.held += held;
		figures.dropped += dropped;
		figures.user_dropped += user_dropped;
	}
	fclose(file);
	*ret_figures = figures;
	return 0;
}
