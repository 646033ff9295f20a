/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP sockets of this machine: found by the address that they are bound to, and ended. */

#include "kernel/sockets.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/netlink.h"

#ifndef NETLINK_SOCK_DIAG
#define NETLINK_SOCK_DIAG 4
#endif

enum {
	STATE_LISTEN = 10,
	ALL_STATES = 0xfff,
};

/* Of those that are bound to the address. */
struct found {
	struct inet_diag_sockid *items;
	size_t count, room;
	const struct address *address;
};

static struct nlmsghdr *build_request(void *buffer, uint16_t type, uint16_t flags, enum family family)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *body = mnl_nlmsg_put_extra_header(request, sizeof(*body));

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	body->sdiag_family = (uint8_t)family_native(family);
	body->sdiag_protocol = IPPROTO_TCP;
	body->idiag_states = ALL_STATES & ~(1u << STATE_LISTEN);
	return request;
}

static int take_socket(const struct nlmsghdr *message, void *data)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	struct found *found = data;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*socket)
	    || memcmp(socket->id.idiag_src, found->address->bytes, family_size(found->address->family)) != 0)
		return MNL_CB_OK;
	if (found->count == found->room) {
		size_t room = found->room == 0 ? 64 : 2 * found->room;
		struct inet_diag_sockid *items = realloc(found->items, room * sizeof(*items));

		if (items == NULL) {
			errno = ENOMEM;
			return MNL_CB_ERROR;
		}
		found->items = items;
		found->room = room;
	}
	found->items[found->count++] = socket->id;
	return MNL_CB_OK;
}

/* ENOENT: it ended by itself. */
static int end_socket(struct netlink *netlink, enum family family, const struct inet_diag_sockid *id)
{
	uint8_t buffer[128] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = build_request(buffer, SOCK_DESTROY, 0, family);
	struct inet_diag_req_v2 *body = mnl_nlmsg_get_payload(request);
	int error;

	body->id = *id;
	error = netlink_ask(netlink, request, NULL, NULL);
	return error == -ENOENT ? 0 : error;
}

int sockets_end(const struct address *address, unsigned int *ret_count)
{
	uint8_t buffer[128] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct found found = { .address = address };
	struct netlink *netlink;
	int error = netlink_open(NETLINK_SOCK_DIAG, &netlink);

	*ret_count = 0;
	if (error < 0)
		return error;
	error = netlink_ask(netlink, build_request(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, address->family), take_socket,
		&found);
	for (size_t i = 0; i < found.count && error == 0; i++) {
		error = end_socket(netlink, address->family, &found.items[i]);
		*ret_count += error == 0;
	}
	free(found.items);
	netlink_close(netlink);
	return error;
}
