/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A better link is back: connections on others are cut, or moved while they are idle, as their policies say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/idle.h"
#include "core/mark.h"
#include "core/siphash.h"
#include "core/sticky.h"
#include "kernel/netlink.h"

struct daemon;

/* After links and configuration came up. Without it nothing moves. 0 or -errno. */
int recovery_start(struct daemon *daemon);

/* No sweep may be under way. */
void recovery_stop(struct daemon *daemon);

/* Plan and snapshot that follow the links are in force: what has become better meanwhile? */
void recovery_follow(struct daemon *daemon);

/* Each second: looks for what has become idle. */
void recovery_second(struct daemon *daemon);

/* What one policy wants of its connections, by their family; links are bits of their ids. */
struct recovery_rule {
	uint64_t cut[FAMILIES];  /* on these they are cut */
	uint64_t idle[FAMILIES]; /* on these they go when they are idle */
	enum flow_key by; /* they are kept together by; KEY_NONE: by nothing */
	uint32_t for_s;
	uint64_t scope;   /* of their keys */
};

/*
 * One look at all connections on some links. It has all that it needs, so that a thread can do it while the main one goes
 * on: what it only points to is safe for any thread, or waits for its end.
 */
struct recovery_sweep {
	struct netlink *netlink;
	struct sticky *sticky;
	struct idle *idle;       /* NULL: nothing goes because it is idle */
	struct hash_key key;
	struct mark_layout layout;
	struct networks inside;  /* where connections come from that go out by a link */
	struct recovery_rule *rules; /* by number of the policy; those of others are zero */
	size_t rule_count;
	struct recovery_rule *keys;  /* by scope and what keys are by: what all policies with that want together */
	size_t key_count;
	uint64_t links;
	uint64_t now_ms;
	uint64_t seen[FAMILIES]; /* links on which some connection is that may go */
	size_t cut, moved;       /* how many went that lived */
	uint64_t worked_ms;      /* of a processor's time */
	bool more;               /* there may be more to go */
	int error;
};

/* Does it. Any thread. */
void recovery_sweep(struct recovery_sweep *sweep);

/* The order of keys. */
int recovery_compare_keys(const void *left, const void *right);
