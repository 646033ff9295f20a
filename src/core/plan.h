/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel state that configuration and link states ask for, computed whole, as plain data. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/ids.h"
#include "core/mark.h"
#include "core/plan_shaper.h"
#include "core/ruleset.h"
#include "core/view.h"

/* Our number in rtm_protocol and of rules. Unassigned; 186 to 189 are BGP, IS-IS, OSPF and RIP. */
#define PLAN_ROUTE_PROTOCOL 87

/* The counter of connections that came by undecided. */
#define PLAN_FALLBACKS "fallbacks"

/* Sets of sources that are shut out, by site; the daemon fills them. Counters of what they dropped. */
#define PLAN_BLOCKED "blocked"

/* Counters of each link, "begun-N" and "finished-N" by its number: TCP handshakes from outside. */
#define PLAN_BEGUN    "begun"
#define PLAN_FINISHED "finished"

/* Sets of sources that are over a limit: this, a dash, the detector's name or the policy's number, and the family. */
#define PLAN_OFFENDERS "offenders"
#define PLAN_OFFENDERS_MS 10000 /* the kernel forgets one by then: the daemon has seen it */

/* Counters of a policy's connections over its limit, and of its packets over its bandwidth; the number follows. */
#define PLAN_OVER   "over"
#define PLAN_EXCESS "excess"

/* Sets of refusals of a moment ago, by family. Counters of those that a policy's were given anew; its number follows. */
#define PLAN_ANSWERS "answers"
#define PLAN_REFUSED "refused"

/* The set of what policies carry by each link: its keys are the mark's bits of both. */
#define PLAN_BYTES "carried"

/* Counters of packets of a policy that spreads them, by link: this, the policy's number, the link's. */
#define PLAN_PACKETS "packets"

struct plan_route {
	enum family family;
	uint32_t table;
	uint32_t device_index;
	bool via;                /* has a gateway */
	struct address gateway;
	uint32_t mtu;            /* 0: that of the device */
	struct network to;       /* length 0: the default route */
	struct address source;   /* of who has none yet; all zero bytes: as the device has it */
	bool unreachable;        /* an error at once, no way */
	const char *link;        /* name, for messages */
};

enum rule_verdict {
	RULE_LOOKUP,
	RULE_LOOKUP_SPECIFIC, /* lookup with suppress_prefixlength 0: all but default routes */
	RULE_UNREACHABLE,
};

struct plan_rule {
	enum family family;
	uint32_t priority;
	enum rule_verdict verdict;
	uint32_t table;       /* of the lookups */
	uint32_t mark, mask;  /* mask 0: any mark */
	bool has_source;
	struct network source;
	bool local_only;      /* from this machine only (iif lo) */
	const char *device_out; /* only of sockets that are bound to this device; NULL: of all */
	const char *comment;  /* for the dry run and `uplinkctl ruleset` */
};

struct plan {
	struct arena *arena;
	struct plan_route *routes;
	size_t route_count;
	struct plan_rule *rules;
	size_t rule_count;
	struct ruleset ruleset;
	struct shaper_plan shaper;
};

/* config must outlive the plan, which the caller frees with plan_free(). NULL: no memory. */
struct plan *plan_new(const struct config *config, const struct ids *ids, const struct view *view);

/* What connections whose link fails may go to, while links are as they are. Refers to both of its arguments. */
struct plan_ways {
	const struct config *config;
	const struct link_view *links;
	bool any;   /* link is usable */
	size_t end; /* behind it, by index, no policy has a usable link of its own */
};

struct plan_ways plan_ways(const struct config *config, const struct link_view *links);

/*
 * Whether connections of the policy (one of config's) have a usable link to go to, by if-none too where
 * its own are down; that a later policy matches them is taken for granted. Where they have none they are left as
 * they are when their link fails: cutting them would only make the outage worse.
 */
bool plan_has_way(const struct plan_ways *ways, const struct policy *policy);

/*
 * Whether the plan keeps refusals: whether it does of any policy, and none looks at more of a packet than
 * the device that it came by, addresses, protocol and the port that it goes to.
 */
bool plan_keeps_answers(const struct config *config);

/* Whether the policy may refuse a connection, also where it has no link for it, and wants no line in the log. */
bool plan_keeps_answers_of(const struct policy *policy);

/* Whether anybody may be shut out: whether the plan has the sets for it. */
bool plan_blocks(const struct config *config);

/* Whether any policy's shares are of bytes: whether the plan has the set for it. */
bool plan_counts_bytes(const struct config *config);

/* Whether handshakes are counted, and floods of them met. */
bool plan_watches_handshakes(const struct config *config);

/* The name of a link's counter. Returns text. */
const char *plan_siege_counter(char *text, size_t size, const char *what, unsigned int link);

/*
 * Who is never limited and never shut out: the configuration's exempt, gateways, name servers, targets of
 * checks. Lives in the arena. Without items: no memory.
 */
struct networks plan_spared(const struct config *config, const struct view *view, struct arena *arena);

/* Accepts NULL. */
void plan_free(struct plan *plan);
