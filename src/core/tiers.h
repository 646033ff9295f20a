/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups of links of a policy, one a backup of the other: which of them takes connections, and what is better than what. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/view.h"

/*
 * New connections are balanced over the links of the best tier that has one which takes them: it is usable, and not
 * avoided (suspect, flapping, its quota used: view_avoided()) where any tier has a usable link that is not. A tier that
 * is full, slow or degraded is not left for the next.
 */
struct tiers {
	const struct link_view *links;
	const struct balance *balance;
	bool any, avoid; /* some tier takes connections; none of a link that view_avoided() tells */
	uint8_t best;
};

/* Of that balance, while links are as they are. Refers to links and balance. */
struct tiers tiers_now(const struct link_view *links, const struct balance *balance);

/* Whether the choice gets new connections. */
bool tiers_take(const struct tiers *tiers, const struct choice *choice);

/* Whether it would, were there no better tier. */
bool tiers_reserve(const struct tiers *tiers, const struct choice *choice);

/* Whether the policy has more than one. */
bool tiers_many(const struct balance *balance);

/*
 * Links, a bit for each by its index, on which a connection of that policy has a better one to go to, while links are
 * as they are: those of a worse tier than the one that takes connections; with ALGORITHM_PRIORITY those behind the first
 * that takes them, too; with IF_NONE_ANY also those that are none of its own. 0 where none of its own takes connections.
 * Within a tier no link is better for the other algorithms.
 */
uint64_t tiers_worse(const struct config *config, const struct balance *balance, const struct link_view *links);

/*
 * Those of them that have become worse since links were as before. With ALGORITHM_SPILLOVER also those of the tier that
 * takes connections that stand behind one that takes them now, and did not before: what is there is there because the one
 * was away. Later on, what is behind it may be what had no room.
 */
uint64_t tiers_surpassed(const struct config *config, const struct balance *balance, const struct link_view *before,
	const struct link_view *links);

/* Whether what was surpassed by tiers_surpassed() has a better link still: of all links those that have one, if need be full. */
uint64_t tiers_leavable(const struct config *config, const struct balance *balance, const struct link_view *links);
