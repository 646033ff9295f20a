/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the kernel which way a destination goes. */

#include "kernel/route_lookup.h"

#include <linux/rtnetlink.h>

#include "kernel/attributes.h"

static int read_answer(const struct nlmsghdr *header, void *data)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(header);
	struct route_answer *answer = data;
	struct attributes attributes;

	if (header->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(header) < sizeof(*route))
		return MNL_CB_OK;
	answer->local = route->rtm_type == RTN_LOCAL;
	attributes_read(header, sizeof(*route), &attributes);
	answer->device_index = attributes_u32(&attributes, RTA_OIF, 0);
	return MNL_CB_OK;
}

int route_lookup(struct netlink *netlink, const struct address *destination, uint32_t mark,
	struct route_answer *ret_answer)
{
	char buffer[256];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtmsg *route;

	*ret_answer = (struct route_answer){ 0 };
	header->nlmsg_type = RTM_GETROUTE;
	header->nlmsg_flags = NLM_F_REQUEST;
	route = mnl_nlmsg_put_extra_header(header, sizeof(*route));
	route->rtm_family = (unsigned char)family_native(destination->family);
	route->rtm_dst_len = (unsigned char)(8 * family_size(destination->family));
	mnl_attr_put(header, RTA_DST, family_size(destination->family), destination->bytes);
	mnl_attr_put_u32(header, RTA_MARK, mark);
	return netlink_ask(netlink, header, read_answer, ret_answer);
}
