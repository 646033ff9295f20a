/* SPDX-License-Identifier: GPL-2.0-or-later */
/* News of connections that the kernel forgets, on a socket of its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow.h"

struct conntrack_ends;

struct connection_end {
	struct flow flow;           /* original direction; came_by and device are not known here */
	struct flow back;           /* the answers': addresses and ports after translation, turned round */
	uint32_t mark;
	uint64_t bytes, back_bytes; /* in that direction and in the other; 0 without nf_conntrack_acct */
};

/* 0 or -errno. */
int conntrack_ends_open(struct conntrack_ends **ret_ends);

/* Accepts NULL. */
void conntrack_ends_close(struct conntrack_ends *ends);

/* Readable where there is news. */
int conntrack_ends_fd(const struct conntrack_ends *ends);

/*
 * Calls back for what is there, without waiting, of connections with (mark & mask) != 0. 1 where there may be more;
 * 0; -ENOBUFS where news was lost: what lives has to be looked up; or -errno.
 */
int conntrack_ends_receive(struct conntrack_ends *ends, uint32_t mask,
	void (*callback)(const struct connection_end *end, void *data), void *data);

/* Reads one message of length bytes, aligned to 4. False where it is none of these; ret_end is set on success only. */
bool conntrack_ends_parse(const uint8_t *bytes, size_t length, uint32_t mask, struct connection_end *ret_end);
