/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first usable link in the order of the policy. */

#include "core/balance_algorithm.h"

static size_t priority_pick(const struct balancer *balancer, const struct flow *flow,
	const struct pick_context *context)
{
	(void)balancer;
	(void)flow;
	(void)context;
	return 0;
}

/* 1 for the first in the list, 1/2 for the second, and so on. */
static double priority_score(const struct balancer *balancer, const struct candidate *candidate,
	const struct flow *flow, const struct pick_context *context)
{
	(void)flow;
	(void)context;
	for (size_t i = 0; i < balancer->count; i++) {
		if (balancer->candidates[i].id == candidate->id)
			return 1.0 / (double)(i + 1);
	}
	return 0;
}

const struct algorithm_row priority_algorithm = {
	.pick = priority_pick,
	.score = priority_score,
};
