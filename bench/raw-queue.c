/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The least that a program on an NFQUEUE can do, to measure others against: takes each new
 * connection of one device, marks them 1, 2, ... LINKS in turn, accepts. raw-queue QUEUE DEVICE
 * LINKS, until SIGTERM.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>

#include "core/ruleset.h"
#include "kernel/netlink.h"
#include "kernel/ruleset.h"

#define TABLE        "raw-queue"
#define COPY_RANGE   128
#define QUEUE_LENGTH 1024
#define RECEIVE_ROOM (16 << 20)

struct loop {
	struct mnl_socket *socket;
	uint16_t queue;
	uint32_t links;
	unsigned long packets;
	char verdict[256];
};

static int on_packet(const struct nlmsghdr *message, void *data)
{
	struct nlattr *attributes[NFQA_MAX + 1] = { NULL };
	const struct nfqnl_msg_packet_hdr *packet;
	struct loop *loop = data;
	struct nlmsghdr *verdict;

	if (nfq_nlmsg_parse(message, attributes) < 0 || attributes[NFQA_PACKET_HDR] == NULL)
		return MNL_CB_OK;
	packet = mnl_attr_get_payload(attributes[NFQA_PACKET_HDR]);
	verdict = nfq_nlmsg_put(loop->verdict, NFQNL_MSG_VERDICT, loop->queue);
	nfq_nlmsg_verdict_put(verdict, (int)ntohl(packet->packet_id), NF_ACCEPT);
	nfq_nlmsg_verdict_put_mark(verdict, 1 + (uint32_t)(loop->packets++ % loop->links));
	mnl_socket_sendto(loop->socket, verdict, verdict->nlmsg_len);
	return MNL_CB_OK;
}

static bool bind_queue(struct loop *loop)
{
	const uint32_t flags = NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN;
	char buffer[512];
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, loop->queue);

	nfq_nlmsg_cfg_put_cmd(message, AF_INET, NFQNL_CFG_CMD_BIND);
	nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, COPY_RANGE);
	nfq_nlmsg_cfg_put_qmaxlen(message, QUEUE_LENGTH);
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(flags));
	mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(flags));
	return mnl_socket_sendto(loop->socket, message, message->nlmsg_len) > 0;
}

/* The time-out is what lets the loop see that it shall end; under load it never comes. */
static bool open_queue(struct loop *loop)
{
	struct timeval patience = { .tv_usec = 100000 };
	int on = 1, room = RECEIVE_ROOM;
	int fd;

	loop->socket = mnl_socket_open(NETLINK_NETFILTER);
	if (loop->socket == NULL || mnl_socket_bind(loop->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return false;
	fd = mnl_socket_get_fd(loop->socket);
	mnl_socket_setsockopt(loop->socket, NETLINK_NO_ENOBUFS, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return bind_queue(loop);
}

static bool shall_end(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT);
}

static void run(struct loop *loop)
{
	static char buffer[0xffff + 8192];
	unsigned int port = mnl_socket_get_portid(loop->socket);

	for (;;) {
		ssize_t length = mnl_socket_recvfrom(loop->socket, buffer, sizeof(buffer));

		if (length > 0)
			mnl_cb_run(buffer, (size_t)length, 0, port, on_packet, loop);
		else if (shall_end())
			return;
	}
}

/* One rule: new connections that come in by the device go to the queue. */
static int put_rule(struct netlink *netlink, const char *device, uint16_t queue)
{
	uint32_t state = CONNECTION_NEW;
	struct statement statements[] = {
		{ .kind = MATCH_DEVICE_IN, .names = { &device, 1 } },
		{ .kind = MATCH_CONNECTION_STATE, .values = { &state, 1 } },
		{ .kind = QUEUE, .queue = queue, .queues = 1 },
	};
	struct ruleset_rule rule = {
		.comment = "new connections", .statements = statements, .count = 3
	};
	struct chain chain = { .name = "prerouting",
		.kind = CHAIN_FILTER,
		.hook = HOOK_PREROUTING,
		.priority = -150,
		.rules = &rule,
		.count = 1 };
	struct ruleset ruleset = { .table = TABLE, .chains = &chain, .chain_count = 1 };
	struct ruleset_features features;
	char message[256];
	int error = ruleset_probe(netlink, &features, message, sizeof(message));

	if (error == 0)
		error = ruleset_apply(netlink, &ruleset, &features, message, sizeof(message));
	if (error < 0)
		fprintf(stderr, "raw-queue: %s: %s\n", message, strerror(-error));
	return error;
}

static void block_signals(void)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
}

int main(int argc, char **argv)
{
	struct loop loop = { .packets = 0 };
	struct netlink *netlink;

	if (argc != 4) {
		fputs("usage: raw-queue QUEUE DEVICE LINKS\n", stderr);
		return 2;
	}
	loop.queue = (uint16_t)atoi(argv[1]);
	loop.links = (uint32_t)atoi(argv[3]);
	block_signals();
	if (loop.links == 0 || !open_queue(&loop) ||
		netlink_open(NETLINK_NETFILTER, &netlink) < 0) {
		perror("raw-queue");
		return 1;
	}
	if (put_rule(netlink, argv[2], loop.queue) < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	run(&loop);
	ruleset_remove(netlink, TABLE);
	netlink_close(netlink);
	mnl_socket_close(loop.socket);
	printf("{\"packets\": %lu}\n", loop.packets);
	return 0;
}
