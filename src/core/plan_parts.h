/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the plan share. */
#pragma once

#include "core/plan.h"
#include "core/ruleset_build.h"

#define PLAN_TABLE    "uplinkd"
#define CHAIN_TAKE    "take"      /* saves the decision on the connection and accepts */
#define CHAIN_REFUSE  "refuse"    /* rejects */
#define CHAIN_FALLBACK "fallback"

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

/* The chains that are always there, and what they jump to. */
void plan_ruleset(struct planner *planner);
