/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What listing and deleting of connections share. */
#pragma once

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "kernel/attributes.h"
#include "kernel/conntrack.h"

#define CONNTRACK_GET    (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET)
#define CONNTRACK_NEW    (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW)
#define CONNTRACK_DELETE (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE)

/* The start of a request in buffer: both headers, for any family. */
struct nlmsghdr *conntrack_request(void *buffer, uint16_t type, uint16_t flags);

/* Only those with (mark & mask) == value. */
void conntrack_put_mark(struct nlmsghdr *request, uint32_t value, uint32_t mask);

/* Most entries of a dump may be foreign: their mark is looked at before anything is unpacked. */
bool conntrack_is_entry(const struct nlmsghdr *message, struct attributes *ret_attributes, uint32_t *ret_mark);

/* 1; 0: it cannot be read; or -ENOMEM, and errno is set. */
int conntrack_parse(const struct nlmsghdr *message, struct connection *connection);
