/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netlink conversations: send requests, wait for their answers, keep the kernel's words. */

#include "kernel/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

/* The kernel fills dump messages up to 32 KB; a single message may be somewhat larger. */
#define RECEIVE_MAX  (64 * 1024)
#define BUFFER_BYTES (4 * 1024 * 1024)
#define ANSWER_S     2
#define REASON_MAX   256

struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	bool unfinished; /* a conversation broke off: its rest may still arrive */
	char reason[REASON_MAX];
	char buffer[RECEIVE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* One request or batch in flight. */
struct conversation {
	struct netlink *netlink;
	uint32_t first, last; /* answers to these numbers are ours; last ends it */
	mnl_cb_t callback;
	void *data;
	bool batch;
	bool ended;
	bool interrupted;
	int error;       /* the first: the kernel's or the callback's */
	uint32_t failed; /* number that the first error of the kernel belongs to */
};

static int descriptor(const struct netlink *netlink)
{
	return mnl_socket_get_fd(netlink->socket);
}

/* Past the limit of the system where we may; else as far as it goes. */
static void size_buffers(const struct netlink *netlink, size_t bytes)
{
	int fd = descriptor(netlink), size = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static int set_deadline(const struct netlink *netlink)
{
	const struct timeval deadline = { .tv_sec = ANSWER_S };
	int fd = descriptor(netlink);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline)) < 0)
		return -errno;
	return 0;
}

int netlink_open(int bus, struct netlink **ret_netlink)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	int on = 1, error;

	if (netlink == NULL)
		return -ENOMEM;
	netlink->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (netlink->socket == NULL || mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		goto fail;
	}
	error = set_deadline(netlink);
	if (error < 0)
		goto fail;

	/* Comfort only: errors have words, and the kernel filters dumps of routes. */
	mnl_socket_setsockopt(netlink->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(netlink->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(netlink->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	size_buffers(netlink, BUFFER_BYTES);
	netlink->sequence = (uint32_t)time(NULL);
	*ret_netlink = netlink;
	return 0;

fail:
	netlink_close(netlink);
	return error;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink == NULL)
		return;
	if (netlink->socket != NULL)
		mnl_socket_close(netlink->socket);
	free(netlink);
}

uint32_t netlink_sequence(struct netlink *netlink)
{
	return ++netlink->sequence;
}

const char *netlink_reason(const struct netlink *netlink)
{
	return netlink->reason;
}

static int send_all(const struct netlink *netlink, const void *buffer, size_t size)
{
	ssize_t sent;

	do
		sent = mnl_socket_sendto(netlink->socket, buffer, size);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return (size_t)sent == size ? 0 : -EMSGSIZE;
}

/* Bytes of the next datagram of the kernel, or -errno; flags as recvmsg(). */
static int receive(struct netlink *netlink, int flags)
{
	for (;;) {
		struct sockaddr_nl sender = { 0 };
		struct iovec iovec = { .iov_base = netlink->buffer, .iov_len = sizeof(netlink->buffer) };
		struct msghdr message = {
			.msg_name = &sender,
			.msg_namelen = sizeof(sender),
			.msg_iov = &iovec,
			.msg_iovlen = 1,
		};
		ssize_t length = recvmsg(descriptor(netlink), &message, flags);

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		/* Any process may send to our port; only the kernel's number is 0. */
		if (message.msg_namelen != sizeof(sender) || sender.nl_pid != 0)
			continue;
		if (message.msg_flags & MSG_TRUNC)
			return -ENOSPC;
		return (int)length;
	}
}

/* The rest of a broken conversation: a dump that is not read to its end blocks the next one. */
static void drain(struct netlink *netlink)
{
	int length;

	do
		length = receive(netlink, MSG_DONTWAIT);
	while (length >= 0 || length == -ENOSPC || length == -ENOBUFS);
	netlink->unfinished = false;
}

static int keep_reason(const struct nlattr *attribute, void *data)
{
	struct netlink *netlink = data;
	size_t length = mnl_attr_get_payload_len(attribute);

	if (mnl_attr_get_type(attribute) != NLMSGERR_ATTR_MSG)
		return MNL_CB_OK;
	length = strnlen(mnl_attr_get_payload(attribute), length);
	if (length >= sizeof(netlink->reason))
		length = sizeof(netlink->reason) - 1;
	memcpy(netlink->reason, mnl_attr_get_payload(attribute), length);
	netlink->reason[length] = '\0';
	return MNL_CB_OK;
}

/* body: bytes of the payload that stand before the attributes. */
static void read_reason(struct netlink *netlink, const struct nlmsghdr *message, size_t body)
{
	if (message->nlmsg_flags & NLM_F_ACK_TLVS && mnl_nlmsg_get_payload_len(message) >= body)
		mnl_attr_parse(message, body, keep_reason, netlink);
}

static void take_error(struct conversation *conversation, const struct nlmsghdr *message, int error,
	size_t body)
{
	if (conversation->error != 0)
		return;
	conversation->error = error;
	conversation->failed = message->nlmsg_seq;
	read_reason(conversation->netlink, message, body);
}

static void take_acknowledgement(struct conversation *conversation, const struct nlmsghdr *message)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
	size_t body = sizeof(*answer);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*answer)) {
		take_error(conversation, message, -EBADMSG, SIZE_MAX);
		return;
	}
	if (!(message->nlmsg_flags & NLM_F_CAPPED) && answer->msg.nlmsg_len > sizeof(answer->msg))
		body += answer->msg.nlmsg_len - sizeof(answer->msg);
	if (answer->error < 0)
		take_error(conversation, message, answer->error, body);
	if (message->nlmsg_seq == conversation->last)
		conversation->ended = true;
}

/* End of a dump; since Linux 4.14 it may tell that the dump failed on the way. */
static void take_done(struct conversation *conversation, const struct nlmsghdr *message)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	if (error < 0)
		take_error(conversation, message, error, sizeof(error));
	if (message->nlmsg_seq == conversation->last)
		conversation->ended = true;
}

/* After its first error or stop the callback is not called again, but the rest is read. */
static void take_data(struct conversation *conversation, const struct nlmsghdr *message)
{
	int result;

	if (conversation->callback == NULL || conversation->error != 0)
		return;
	errno = 0;
	result = conversation->callback(message, conversation->data);
	if (result == MNL_CB_OK)
		return;
	conversation->callback = NULL;
	if (result == MNL_CB_ERROR)
		conversation->error = errno != 0 ? -errno : -EBADMSG;
}

static void take(struct conversation *conversation, const struct nlmsghdr *message)
{
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		conversation->interrupted = true;
	switch (message->nlmsg_type) {
	case NLMSG_NOOP:
		break;
	case NLMSG_ERROR:
		take_acknowledgement(conversation, message);
		break;
	case NLMSG_DONE:
		take_done(conversation, message);
		break;
	case NLMSG_OVERRUN:
		take_error(conversation, message, -ENOBUFS, SIZE_MAX);
		break;
	default:
		take_data(conversation, message);
	}
}

/* Whether a number belongs to this conversation and not to one before it; numbers may wrap. */
static bool is_ours(const struct conversation *conversation, uint32_t sequence)
{
	return sequence - conversation->first <= conversation->netlink->sequence - conversation->first;
}

static void take_all(struct conversation *conversation, int length)
{
	const struct nlmsghdr *message = (const void *)conversation->netlink->buffer;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
		if (is_ours(conversation, message->nlmsg_seq))
			take(conversation, message);
	}
}

/*
 * Reads until the last request is answered. The kernel answers a batch before sendmsg() returns, and
 * one that failed may leave its last request unanswered: so once there is an error, or the last
 * answer, what else lies there is read and nothing more is waited for.
 */
static int converse(struct conversation *conversation)
{
	int length;

	conversation->netlink->unfinished = true;
	while (!conversation->ended || conversation->batch) {
		bool over = conversation->ended || (conversation->batch && conversation->error < 0);

		length = receive(conversation->netlink, over ? MSG_DONTWAIT : 0);
		if (length == -EAGAIN && over)
			break;
		if (length < 0)
			return length == -EAGAIN ? -ETIMEDOUT : length;
		take_all(conversation, length);
	}
	conversation->netlink->unfinished = false;
	return 0;
}

static void begin(struct netlink *netlink)
{
	netlink->reason[0] = '\0';
	if (netlink->unfinished)
		drain(netlink);
}

int netlink_ask(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t callback, void *data)
{
	uint32_t number = netlink_sequence(netlink);
	struct conversation conversation = {
		.netlink = netlink,
		.first = number,
		.last = number,
		.callback = callback,
		.data = data,
	};
	int error;

	begin(netlink);
	request->nlmsg_seq = number;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	error = send_all(netlink, request, request->nlmsg_len);
	if (error == 0)
		error = converse(&conversation);
	if (error < 0)
		return error;
	if (conversation.error < 0)
		return conversation.error;
	return conversation.interrupted ? -EINTR : 0;
}

int netlink_batch(struct netlink *netlink, const void *buffer, size_t size, uint32_t last,
	uint32_t *ret_failed)
{
	const struct nlmsghdr *first = buffer;
	struct conversation conversation = { .netlink = netlink, .last = last, .batch = true };
	int error;

	if (size < sizeof(*first))
		return -EINVAL;
	begin(netlink);
	conversation.first = first->nlmsg_seq;
	if (size > BUFFER_BYTES)
		size_buffers(netlink, size);
	error = send_all(netlink, buffer, size);
	if (error == 0)
		error = converse(&conversation);
	if (ret_failed != NULL)
		*ret_failed = conversation.failed;
	return error < 0 ? error : conversation.error;
}
