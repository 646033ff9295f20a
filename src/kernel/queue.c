/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One NFQUEUE over a netlink socket of its own: many packets per system call, both ways. */

#include "kernel/queue.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "kernel/hearing.h"
#include "kernel/queue_message.h"

/* Packets per recvmmsg(), and room for one: QUEUE_COPY_RANGE and some 150 bytes of attributes. */
#define BATCH    64
#define SLOT_MAX 1024

/* What a waiting packet takes of the socket's buffer, and the least that we want. */
#define PACKET_COST  2048
#define BUFFER_LEAST (4 * 1024 * 1024)
#define BUFFER_MOST  (512 * 1024 * 1024)

/* Verdicts that are gathered at most. */
#define VERDICTS     128
#define FIGURES_FILE "/proc/net/netfilter/nfnetlink_queue"

struct slot {
	uint8_t bytes[SLOT_MAX] __attribute__((aligned(8)));
};

struct queue {
	struct mnl_socket *socket;
	uint16_t number;
	bool privileged; /* may do what needs CAP_NET_ADMIN */
	size_t verdict_bytes;
	uint8_t verdicts[VERDICTS * QUEUE_VERDICT_MAX] __attribute__((aligned(8)));
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

	if (wanted < BUFFER_LEAST)
		wanted = BUFFER_LEAST;
	if (wanted > BUFFER_MOST)
		wanted = BUFFER_MOST;
	queue->privileged = hearing_size_buffer(queue_fd(queue), (int)wanted);
}

static int open_socket(struct queue *queue, uint32_t length)
{
	struct timeval wait = { .tv_usec = QUEUE_WAIT_MS * 1000 };
	int on = 1;

	queue->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (queue->socket == NULL || mnl_socket_bind(queue->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;

	/* One overrun would else stop the socket until it is read empty. */
	if (mnl_socket_setsockopt(queue->socket, NETLINK_NO_ENOBUFS, &on, sizeof(on)) < 0)
		return -errno;
	size_buffer(queue, length);
	if (setsockopt(queue_fd(queue), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return -errno;
	return 0;
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
		if (hearing_is_from_kernel(message) && header->nlmsg_type != NLMSG_ERROR)
			return 0;
		recv(queue_fd(queue), NULL, 0, MSG_DONTWAIT | MSG_TRUNC);
		if (hearing_is_from_kernel(message))
			return (size_t)length < NLMSG_LENGTH(sizeof(*answer)) ? -EBADMSG : answer->error;
	}
}

/* All in one message: between a bind and a copy mode in two the kernel would drop every packet. */
static int bind_queue(struct queue *queue, uint32_t length, uint32_t flags)
{
	uint8_t buffer[QUEUE_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	size_t size = queue_message_config(buffer, queue->number, length, flags);

	if (mnl_socket_sendto(queue->socket, buffer, size) < 0)
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
	hearing_lay_out(queue->messages, queue->vectors, queue->senders, queue->slots[0].bytes, sizeof(queue->slots[0]), BATCH);
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

/* Messages read, or -errno. One call both waits and takes all that is there: it is on everybody's way. */
static int read_slots(struct queue *queue, size_t max)
{
	int count;

	do
		count = recvmmsg(queue_fd(queue), queue->messages, (unsigned int)max, MSG_WAITFORONE, NULL);
	while (count < 0 && errno == ENOBUFS);
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
			return count == -EAGAIN || count == -EINTR ? 0 : count;
		for (int i = 0; i < count; i++) {
			if (hearing_is_from_kernel(&queue->messages[i].msg_hdr) &&
				queue_message_parse(queue->slots[i].bytes, queue->messages[i].msg_len, &packets[found]))
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
	/* If even a second try fails, those packets are lost; the newer ones may have more luck. */
	if (queue->verdict_bytes + QUEUE_VERDICT_MAX > sizeof(queue->verdicts) && queue_flush(queue) < 0 &&
		queue_flush(queue) < 0)
		queue->verdict_bytes = 0;
	queue->verdict_bytes += queue_message_verdict(queue->verdicts + queue->verdict_bytes, queue->number,
		verdict, id, mark);
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
