/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the fewest connections live for the link's weight, the new one included: shortest expected delay. */

#include "core/balance_standing.h"

/* Whoever decides counts the connection, so that the next pick knows of it. */
static double share_of(const struct candidate *candidate, const struct pick_context *context)
{
	const struct link_load *load = loads_of(context->loads, candidate->id);
	uint32_t connections = atomic_load_explicit(&load->connections, memory_order_relaxed);

	return candidate->weight / (1.0 + connections);
}

static size_t least_connections_pick(const struct balancer *balancer, const struct flow *flow,
	const struct pick_context *context)
{
	double shares[CONFIG_LINKS_MAX];

	(void)flow;
	for (size_t i = 0; i < balancer->usable_count; i++)
		shares[i] = share_of(&balancer->usable[i], context);
	return standing_best(balancer, shares, context);
}

static double least_connections_score(const struct balancer *balancer, const struct candidate *candidate,
	const struct flow *flow, const struct pick_context *context)
{
	(void)balancer;
	(void)flow;
	return share_of(candidate, context);
}

const struct algorithm_row least_connections_algorithm = {
	.pick = least_connections_pick,
	.score = least_connections_score,
};
