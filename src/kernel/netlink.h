/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netlink conversations: one socket for requests, acknowledged; others for events. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

/* A socket for requests: extended acknowledgements on, a deadline on every answer. */
struct netlink;

/* bus is NETLINK_ROUTE or NETLINK_NETFILTER. 0 or -errno. */
int netlink_open(int bus, struct netlink **ret_netlink);

/* Accepts NULL. */
void netlink_close(struct netlink *netlink);

/* A fresh sequence number. */
uint32_t netlink_sequence(struct netlink *netlink);

/*
 * Sends one request (its sequence number and NLM_F_ACK are set here) and waits for the answer.
 * callback gets every message that is no acknowledgement; it may be NULL. An interrupted dump
 * (NLM_F_DUMP_INTR) gives -EINTR after all its messages: what came must be thrown away.
 * 0 or -errno as the kernel answered; netlink_reason() then tells the kernel's own words.
 */
int netlink_ask(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t callback, void *data);

/*
 * Sends several requests that stand one after the other in buffer, each with its own sequence number
 * and NLM_F_ACK where it wants one, as one datagram; waits until the one numbered last is answered.
 * 0, or -errno of the first request that failed, with its number in ret_failed (may be NULL).
 */
int netlink_batch(struct netlink *netlink, const void *buffer, size_t size, uint32_t last, uint32_t *ret_failed);

/* The kernel's words for the last error, or an empty text. Valid until the next request. */
const char *netlink_reason(const struct netlink *netlink);
