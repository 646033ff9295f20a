/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that the kernel tracks: list and delete those with certain marks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/flow.h"
#include "kernel/netlink.h"

struct connection {
	struct flow flow;   /* original direction; came_by and device are not known here */
	uint32_t mark;
	uint64_t bytes;     /* both directions; 0 without nf_conntrack_acct */
	bool established;   /* an answer was seen */
	bool assured;       /* traffic went both ways: of TCP, the handshake was completed once */
	const char *state;  /* of TCP: "syn-sent", "established", ...; else "answered" or "unanswered" */
	uint32_t id;        /* the kernel's; another connection of the same ends has another */
	uint32_t expires_in_s; /* the kernel forgets it then, where no packet comes */
	struct flow outside; /* as it goes on its way: the answers' tuple turned round, translations applied */
};

/* The connection that began with that flow. 0, -ENOENT where there is none, or -errno. */
int conntrack_find(struct netlink *netlink, const struct flow *flow, struct connection *ret_connection);

/* Calls back for each connection with (mark & mask) != 0. A callback that returns false ends it. 0 or -errno. */
int conntrack_list(struct netlink *netlink, uint32_t mask, bool (*callback)(const struct connection *connection, void *data),
	void *data);

/*
 * Deletes the connections of both families with (mark & mask) == value, in the kernel, in as few
 * messages as it takes. With keep_living_tcp those of TCP stay that were answered and not reset: the
 * next SYN of the others begins anew. 0 or -errno.
 */
int conntrack_flush(struct netlink *netlink, uint32_t value, uint32_t mask, bool keep_living_tcp);

/*
 * Deletes those with (mark & mask) == value of that network: whose answers go there, or that came to it.
 * Of TCP too: its next packet belongs to none then. Not those whose mark is spared. 0 or -errno; ret_count in any case.
 */
int conntrack_forget(struct netlink *netlink, uint32_t value, uint32_t mask, const struct network *outside,
	bool (*spared)(uint32_t mark, void *data), void *data, unsigned int *ret_count);

/*
 * Looks at the connections with (mark & mask) == value, and deletes those for which choose() says so: that is called
 * before any of them goes. At most `most', 1 at least, are deleted; then 1 is returned, for there may be more. 0 or -errno.
 * ret_deleted: how many.
 */
int conntrack_sweep(struct netlink *netlink, uint32_t value, uint32_t mask, size_t most,
	bool (*choose)(const struct connection *connection, void *data), void *data, size_t *ret_deleted);
