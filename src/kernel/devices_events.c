/* SPDX-License-Identifier: GPL-2.0-or-later */
/* News of links, addresses, default routes and rules, boiled down to: look again. */

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/plan.h"
#include "kernel/attributes.h"
#include "kernel/devices.h"

/* One event is far smaller; a storm of them waits in the socket's buffer. */
#define EVENT_MAX    (32 * 1024)
#define BUFFER_BYTES (8 * 1024 * 1024)

/* Datagrams per call: in a storm the caller gets a word in between. */
#define READ_MAX 1024

struct device_events {
	struct mnl_socket *socket;
	uint8_t buffer[EVENT_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static int join_groups(const struct device_events *events)
{
	static const unsigned int groups[] = {
		RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		unsigned int group = groups[i];

		if (mnl_socket_setsockopt(events->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return -errno;
	}
	return 0;
}

int device_events_open(struct device_events **ret_events)
{
	struct device_events *events = calloc(1, sizeof(*events));
	int size = BUFFER_BYTES, error;

	if (events == NULL)
		return -ENOMEM;
	events->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (events->socket == NULL || mnl_socket_bind(events->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		goto fail;
	}
	if (setsockopt(device_events_fd(events), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(device_events_fd(events), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	error = join_groups(events);
	if (error < 0)
		goto fail;
	*ret_events = events;
	return 0;

fail:
	device_events_close(events);
	return error;
}

void device_events_close(struct device_events *events)
{
	if (events == NULL)
		return;
	if (events->socket != NULL)
		mnl_socket_close(events->socket);
	free(events);
}

int device_events_fd(const struct device_events *events)
{
	return mnl_socket_get_fd(events->socket);
}

/* A route of ours comes by our own doing, but goes perhaps by another's. Of others: default routes. */
static bool route_matters(const struct nlmsghdr *message)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return true;
	if (header->rtm_protocol == PLAN_ROUTE_PROTOCOL)
		return message->nlmsg_type == RTM_DELROUTE;
	return header->rtm_dst_len == 0 && !(header->rtm_flags & RTM_F_CLONED);
}

static bool rule_matters(const struct nlmsghdr *message)
{
	struct attributes attributes;

	if (message->nlmsg_type == RTM_DELRULE)
		return true;
	attributes_read(message, sizeof(struct fib_rule_hdr), &attributes);
	return attributes_u8(&attributes, FRA_PROTOCOL, 0) != PLAN_ROUTE_PROTOCOL;
}

static bool matters(const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return true;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return route_matters(message);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return rule_matters(message);
	default:
		return false;
	}
}

static bool any_matters(const struct device_events *events, int length)
{
	const struct nlmsghdr *message = (const void *)events->buffer;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
		if (matters(message))
			return true;
	}
	return false;
}

/* Bytes of the next datagram, 0 for one that is not the kernel's, or -errno. */
static int receive(struct device_events *events)
{
	struct sockaddr_nl sender = { 0 };
	struct iovec iovec = { .iov_base = events->buffer, .iov_len = sizeof(events->buffer) };
	struct msghdr message = {
		.msg_name = &sender,
		.msg_namelen = sizeof(sender),
		.msg_iov = &iovec,
		.msg_iovlen = 1,
	};
	ssize_t length;

	do
		length = recvmsg(device_events_fd(events), &message, MSG_DONTWAIT);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	if (message.msg_namelen != sizeof(sender) || sender.nl_pid != 0)
		return 0;
	return message.msg_flags & MSG_TRUNC ? -ENOBUFS : (int)length;
}

bool device_events_read(struct device_events *events)
{
	bool found = false;

	for (int i = 0; i < READ_MAX; i++) {
		int length = receive(events);

		if (length == -EAGAIN)
			break;
		/* Lost messages may have been of any kind. */
		if (length < 0 || any_matters(events, length))
			found = true;
		if (length < 0 && length != -ENOBUFS)
			break;
	}
	return found;
}
