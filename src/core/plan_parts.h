/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the plan share. */
#pragma once

#include "core/plan.h"
#include "core/ruleset_build.h"

#define PLAN_TABLE    "uplinkd"
#define CHAIN_TAKE    "take"      /* saves the decision on the connection and accepts */
#define CHAIN_REFUSE  "refuse"    /* rejects */
#define CHAIN_FALLBACK "fallback"
#define CHAIN_ASK     "ask"       /* puts the question to the daemon */

/* Kinds of destination, as RTN_* of linux/rtnetlink.h, which core does not need for three numbers. */
enum {
	TO_LOCAL = 2,
	TO_BROADCAST = 3,
	TO_MULTICAST = 5,
};

struct planner {
	struct plan *plan;
	const struct config *config;
	const struct ids *ids;
	const struct view *view;
	struct mark_layout layout;
	struct names link_devices; /* of all links; no two share one */
	struct builder builder;
};

/* Chains that decide while the daemon does not: one chain for each policy, by last known weights and states. */
void plan_fallback(struct planner *planner);

/* Chains that translate addresses, by the policy in the packet's mark and by the links' devices. */
void plan_nat(struct planner *planner);

/* Parts of plan_nat(): what links say, in the chain that is being built. */
void plan_link_prefixes(struct planner *planner);
void plan_link_sources(struct planner *planner);

/*
 * In output: leads connections of this machine to its own outside addresses to where policies are asked,
 * as far as one of them may forward them; the others never leave this machine.
 */
void plan_own_forwards(struct planner *planner);

/* Sorted, and joined where they overlap or touch: a set takes no port twice. Lives in the plan's arena. */
struct port_ranges plan_ports(struct planner *planner, const struct port_ranges *all);

#define NO_LINK SIZE_MAX

/* The addresses of that family that the link's device has, or where link is NO_LINK those of all links. */
struct networks plan_outside_addresses(struct planner *planner, size_t link, enum family family);

/* The networks of one family, sorted, none inside another, each with its host bits cleared. */
struct networks plan_networks(struct planner *planner, const struct networks *all, enum family family);

/* The chains that are always there, and what they jump to. */
void plan_ruleset(struct planner *planner);
