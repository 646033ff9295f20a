/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In turn, by weight: exact over all threads, because they draw from one schedule. */

#include <errno.h>

#include "core/balance_algorithm.h"

static bool same_turns(const struct balancer *a, const struct balancer *b)
{
	if (b == NULL || b->schedule == NULL || a->usable_count != b->usable_count)
		return false;
	for (size_t i = 0; i < a->usable_count; i++) {
		if (a->usable[i].id != b->usable[i].id || a->usable[i].weight != b->usable[i].weight)
			return false;
	}
	return true;
}

static struct schedule *lay_out(const struct balancer *balancer)
{
	uint16_t weights[CONFIG_LINKS_MAX];

	for (size_t i = 0; i < balancer->usable_count; i++)
		weights[i] = (uint16_t)balancer->usable[i].weight;
	return schedule_new(weights, balancer->usable_count);
}

static int round_robin_prepare(struct balancer *balancer, const struct balancer *previous, const struct balancer *alike)
{
	bool goes_on = same_turns(balancer, previous);

	if (goes_on)
		balancer->schedule = schedule_alike(previous->schedule);
	else if (same_turns(balancer, alike))
		balancer->schedule = schedule_alike(alike->schedule);
	else
		balancer->schedule = lay_out(balancer);
	if (balancer->schedule == NULL)
		return -errno;
	if (goes_on)
		schedule_resume(balancer->schedule, previous->schedule);
	return 0;
}

static size_t round_robin_pick(const struct balancer *balancer, const struct flow *flow,
	const struct pick_context *context)
{
	(void)flow;
	return context->peek ? schedule_peek(balancer->schedule) : schedule_next(balancer->schedule);
}

/* The share of the link. Whose turn it is does not depend on the flow. */
static double round_robin_score(const struct balancer *balancer, const struct candidate *candidate,
	const struct flow *flow, const struct pick_context *context)
{
	(void)flow;
	(void)context;
	return (double)candidate->weight / balancer->total_weight;
}

const struct algorithm_row round_robin_algorithm = {
	.prepare = round_robin_prepare,
	.pick = round_robin_pick,
	.score = round_robin_score,
};
