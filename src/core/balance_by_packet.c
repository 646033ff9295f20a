/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each packet of a connection takes a link of its own, by weight: the kernel does it, nothing is picked here. */

#include <stdio.h>

#include "core/balance_algorithm.h"

/* Any of them says that there is a link. */
static size_t by_packet_pick(const struct balancer *balancer, const struct flow *flow,
	const struct pick_context *context)
{
	(void)balancer;
	(void)flow;
	(void)context;
	return 0;
}

/* The link's share of the packets. */
static double by_packet_score(const struct balancer *balancer, const struct candidate *candidate,
	const struct flow *flow, const struct pick_context *context)
{
	(void)flow;
	(void)context;
	return (double)candidate->weight / balancer->total_weight;
}

static void by_packet_remark(const struct balancer *balancer, const struct candidate *candidate,
	const struct flow *flow, const struct pick_context *context, char *text, size_t size)
{
	(void)balancer;
	(void)candidate;
	(void)flow;
	(void)context;
	snprintf(text, size, "takes this share of the packets");
}

const struct algorithm_row by_packet_algorithm = {
	.pick = by_packet_pick,
	.score = by_packet_score,
	.remark = by_packet_remark,
};
