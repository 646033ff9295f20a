/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By chance, in proportion to weight. */

#include "core/balance_algorithm.h"

static size_t random_pick(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context)
{
	uint64_t left = context->random % balancer->total_weight;
	size_t i = 0;

	(void)flow;
	while (left >= balancer->usable[i].weight)
		left -= balancer->usable[i++].weight;
	return i;
}

static double random_score(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
	const struct pick_context *context)
{
	(void)flow;
	(void)context;
	return (double)candidate->weight / balancer->total_weight;
}

const struct algorithm_row random_algorithm = {
	.pick = random_pick,
	.score = random_score,
};
