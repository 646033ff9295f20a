/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first usable link that is not full; where all are, the one with the smallest part used. */

#include <stdio.h>

#include "core/balance_standing.h"

static bool is_full(const struct candidate *candidate, const struct pick_context *context)
{
	return atomic_load_explicit(&loads_of(context->loads, candidate->id)->full, memory_order_relaxed);
}

/* Above 1 while it has room, the more the earlier it stands in the list; below 1 while it is full. */
static double place_score(const struct balancer *balancer, size_t place, const struct pick_context *context)
{
	struct standing standing;

	if (!is_full(&balancer->usable[place], context))
		return 1 + 1 / (1.0 + (double)place);
	standing = standing_of(balancer, place, context);
	return 1 / (2 + standing.used);
}

static size_t spillover_pick(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context)
{
	double scores[CONFIG_LINKS_MAX];
	size_t best;

	(void)flow;
	for (size_t i = 0; i < balancer->usable_count; i++) {
		scores[i] = place_score(balancer, i, context);
		/* None of those after it has more. */
		if (scores[i] > 1)
			return i;
	}
	best = standing_best(balancer, scores, context);
	standing_place(balancer, best, context);
	return best;
}

static double spillover_score(const struct balancer *balancer, const struct candidate *candidate,
	const struct flow *flow, const struct pick_context *context)
{
	(void)flow;
	return place_score(balancer, standing_place_of(balancer, candidate), context);
}

static void spillover_remark(const struct balancer *balancer, const struct candidate *candidate,
	const struct flow *flow, const struct pick_context *context, char *text, size_t size)
{
	(void)balancer;
	(void)flow;
	if (is_full(candidate, context))
		snprintf(text, size, "full");
}

const struct algorithm_row spillover_algorithm = {
	.pick = spillover_pick,
	.score = spillover_score,
	.remark = spillover_remark,
};
