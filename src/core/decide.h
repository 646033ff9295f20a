/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decision on a connection: policy, link, mark. The heart of the daemon; pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/balance.h"
#include "core/classifier.h"
#include "core/config.h"
#include "core/flow.h"
#include "core/ids.h"
#include "core/mark.h"
#include "core/siphash.h"
#include "core/sticky.h"
#include "core/view.h"

/*
 * Everything that decisions depend on, immutable: verdict threads read it while the main thread makes
 * the next one. Only the counters inside balancers and the sticky table move.
 */
struct snapshot {
	struct arena *arena;
	const struct config *config;
	const struct ids *ids;
	struct classifier *classifier;
	struct balancer **balancers; /* by policy; NULL for drop and reject */
	struct balancer **balancers6; /* the same for IPv6; NULL where all links of the policy carry both families or neither */
	uint64_t *name_hashes;       /* by policy: salt of its sticky keys */
	struct device_link {
		uint32_t device_index;
		uint8_t link;
	} *device_links;
	size_t device_link_count;
	struct balancer *any_link;   /* every usable link, for `if-none: any` */
	struct balancer *any_link6;  /* for IPv6; NULL: the same */
	struct sticky *sticky;       /* shared, not owned */
	struct loads *loads;         /* the same; NULL: not known */
	uint64_t lacking[FAMILIES];  /* bit of a link's id: it has no way in that family, but in the other */
	uint64_t withheld;           /* bit of a link's id: not usable by order */
	uint64_t suspects;           /* bit of a link's id: usable, but its connections are not answered */
	uint64_t flapping;           /* the same: usable, but it goes down again and again */
	uint64_t spent, tapered;     /* the same: its quota is used, or nearly */
	struct paths *paths;         /* the same */
	struct hash_key key;
	struct mark_layout layout;
	uint32_t generation;
};

/* What a new snapshot is made of. config, ids, sticky, loads and paths must outlive it. */
struct snapshot_parts {
	const struct config *config;
	const struct ids *ids;
	const struct view *view;
	struct sticky *sticky;
	struct loads *loads; /* NULL: not known */
	struct paths *paths; /* the same */
	struct hash_key key;
	uint32_t generation;
	const struct snapshot *previous; /* NULL, or where counters of the same policies go on */
};

/* The caller frees it with snapshot_free(). NULL: no memory. */
struct snapshot *snapshot_new(const struct snapshot_parts *parts);

/* Accepts NULL. No thread may read it any more. */
void snapshot_free(struct snapshot *snapshot);

/* Id of the link whose device has this index, or 0. */
uint8_t snapshot_came_by(const struct snapshot *snapshot, uint32_t device_index);

/* The other way round: index of the link's device, or 0. */
uint32_t snapshot_device(const struct snapshot *snapshot, uint8_t link);

struct decide_context {
	uint64_t now_ms; /* of the clock that sticky table, loads and paths go by */
	uint64_t random;
	bool peek;       /* only ask: nothing is counted or remembered */
};

/* What decides on connections of that family; NULL for drop and reject. */
const struct balancer *snapshot_balancer(const struct snapshot *snapshot, size_t policy, enum family family);

/* What a balancer of the snapshot is asked with. */
struct pick_context snapshot_context(const struct snapshot *snapshot, const struct decide_context *context);

#define NO_POLICY SIZE_MAX

struct decision {
	size_t policy; /* index, or NO_POLICY */
	enum action action;
	uint8_t link;  /* as the mark's link field has it */
	bool sticky;   /* the link is the one that the key had before */
	bool by_packet; /* each packet takes a link of its own: link is MARK_LINK_BY_PACKET */
	bool none_usable; /* of the policy's own links: if-none has decided */
};

/* One step of the way to a decision. */
struct trace_step {
	size_t policy;        /* NO_POLICY: none matched */
	const char *mismatch; /* what did not match, or NULL: it matched */
	bool no_link;         /* it matched, but none of its links is usable */
};

struct trace {
	struct trace_step *steps; /* room for config.policy_count + 1 */
	size_t count;
};

/*
 * Decides on a flow. trace is NULL but for `explain`, which takes the same walk. Neither blocks nor
 * allocates. For a flow that came in by a link or is bound to one, and for one that goes to no link (flow.direct),
 * the link field of the decision says just that.
 */
void decide(const struct snapshot *snapshot, const struct flow *flow, const struct decide_context *context,
	struct decision *ret_decision, struct trace *trace);

/* Our bits of the mark that carries the decision. */
uint32_t decision_mark(const struct snapshot *snapshot, const struct decision *decision);
