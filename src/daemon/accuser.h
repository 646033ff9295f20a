/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The watching thread's side of suspicion: looks for links to accuse, and tells the main thread. */
#pragma once

#include <stdatomic.h>

#include <uv.h>

#include "core/handshake.h"
#include "core/living.h"
#include "core/mark.h"
#include "core/suspect.h"
#include "kernel/netlink.h"

/* What the main thread finds; the last accusation of a link that it has not read yet. */
struct accused {
	_Atomic uint32_t verdict; /* written last, taken first */
	_Atomic uint32_t count, sites, patience_ms;
};

struct accuser {
	struct suspects *suspects;
	struct netlink *netlink; /* of the thread */
	uv_async_t *wake;
	struct accused accused[MARK_LINK_MAX + 1];
	_Atomic uint32_t answered[MARK_LINK_MAX + 1]; /* connections, since the start */
	_Atomic uint32_t failed[MARK_LINK_MAX + 1];   /* and those that nobody answered */
};

/* 0 or -ENOMEM; ends with accuser_end(). */
int accuser_begin(struct accuser *accuser, struct netlink *netlink, uv_async_t *wake);
void accuser_end(struct accuser *accuser);

/* In the watching thread. */
void accuser_begun(struct accuser *accuser, const struct begun *begun);
void accuser_handshake(struct accuser *accuser, const struct handshake *handshake);
void accuser_blind(struct accuser *accuser);
void accuser_judge(struct accuser *accuser, uint64_t now_us);
