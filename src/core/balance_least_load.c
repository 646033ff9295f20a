/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a new connection is expected to get most: what is free there, or its part among those that live. */

#include <math.h>
#include <stdio.h>

#include "core/balance_standing.h"

#define MBIT 1e6

/* What is free counts while it is more than this part of the link. */
#define ROOMY 0.5

/*
 * Rates are a second old, and of a link that is used whole they say nothing: there a new connection gets what those
 * get that live, a part each. Of a link that is used little they say more than the connections, most of which may be idle.
 * What is free, and what is shared, is what the link carries in this moment: its pace.
 */
static double expected_bps(const struct standing *standing, bool counted)
{
	double part = 1.0 / (1.0 + standing->connections);
	double free = 1 - standing->used * standing->capacity_bps / standing->pace_bps;

	return standing->pace_bps * (!counted || (free > ROOMY && free > part) ? free : part);
}

/*
 * The same share is worth more on the larger link: when others end there, what stays gets all of it. By the fourth root:
 * it shortens pages of one user and of some by a twentieth or more, and costs as much where the links are used whole
 * by many, where more of it would cost three times that.
 */
static double worth(double pace_bps, double largest_bps)
{
	return sqrt(sqrt(pace_bps / largest_bps));
}

/* Of all usable links. Where something goes through, yet no connection lives, nobody counts them: rates are all there is. */
static void expect_all(const struct balancer *balancer, const struct pick_context *context, double *ret_expected)
{
	struct standing standings[CONFIG_LINKS_MAX];
	bool counted = false, carries = false;
	double largest_bps = 1;

	standings_of(balancer, context, standings);
	for (size_t i = 0; i < balancer->usable_count; i++) {
		counted |= standings[i].connections > 0;
		carries |= standings[i].carries;
		if (standings[i].pace_bps > largest_bps)
			largest_bps = standings[i].pace_bps;
	}
	for (size_t i = 0; i < balancer->usable_count; i++)
		ret_expected[i] = expected_bps(&standings[i], counted || !carries)
			* worth(standings[i].pace_bps, largest_bps);
}

static size_t least_load_pick(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context)
{
	double expected[CONFIG_LINKS_MAX];
	size_t best;

	(void)flow;
	expect_all(balancer, context, expected);
	best = standing_best(balancer, expected, context);
	standing_place(balancer, best, context);
	return best;
}

static double least_load_score(const struct balancer *balancer, const struct candidate *candidate,
	const struct flow *flow, const struct pick_context *context)
{
	double expected[CONFIG_LINKS_MAX];

	(void)flow;
	expect_all(balancer, context, expected);
	return expected[standing_place_of(balancer, candidate)] / MBIT;
}

static const char *word_on(const struct link_load *load)
{
	if (atomic_load_explicit(&load->congested, memory_order_relaxed))
		return "congested";
	if (atomic_load_explicit(&load->full, memory_order_relaxed))
		return "full";
	if (atomic_load_explicit(&load->capacity_bps[DOWNLOAD], memory_order_relaxed) == 0
	    && atomic_load_explicit(&load->capacity_bps[UPLOAD], memory_order_relaxed) == 0)
		return "capacity not known";
	return "";
}

static void least_load_remark(const struct balancer *balancer, const struct candidate *candidate,
	const struct flow *flow, const struct pick_context *context, char *text, size_t size)
{
	(void)balancer;
	(void)flow;
	snprintf(text, size, "%s", word_on(loads_of(context->loads, candidate->id)));
}

const struct algorithm_row least_load_algorithm = {
	.pick = least_load_pick,
	.score = least_load_score,
	.remark = least_load_remark,
};
