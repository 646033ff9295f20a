/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Path MTU discovery fails where somebody drops its messages. So TCP that begins over a link is told what fits there:
 * SYN and SYN-ACK, in both directions, forwarded and our own. One rule is for all links of the same MTU.
 */

#include "core/plan_parts.h"

#define CHAIN_CLAMP "clamp"

enum {
	TCP_SYN = 0x02,
	TCP_HEADER = 20,
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
};

static uint32_t mtu_of(const struct planner *planner, size_t link, enum family family)
{
	return planner->view->links[link].mtu[family];
}

/* Whether a link before that one has the same, so that its rules are there. */
static bool is_done(const struct planner *planner, size_t link, enum family family)
{
	for (size_t i = 0; i < link; i++) {
		if (mtu_of(planner, i, family) == mtu_of(planner, link, family))
			return true;
	}
	return false;
}

static struct names devices_with(struct planner *planner, uint32_t mtu, enum family family)
{
	const struct config *config = planner->config;
	struct names devices = { .items = arena_array(planner->plan->arena, config->link_count, sizeof(char *)) };

	planner->builder.failed |= devices.items == NULL;
	for (size_t i = 0; i < config->link_count && devices.items != NULL; i++) {
		if (mtu_of(planner, i, family) == mtu)
			devices.items[devices.count++] = config->links[i].device;
	}
	return devices;
}

static void clamp_to(struct planner *planner, uint32_t mtu, enum family family)
{
	static const enum statement_kind ways[] = { MATCH_DEVICE_OUT, MATCH_DEVICE_IN };
	uint32_t headers = TCP_HEADER + (family == IPV4 ? IPV4_HEADER : IPV6_HEADER);
	struct names devices = devices_with(planner, mtu, family);
	struct builder *b = &planner->builder;

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways) && !b->failed; i++) {
		build_rule(b, "%s links with packets of %u bytes", ways[i] == MATCH_DEVICE_OUT ? "out by" : "in by", mtu);
		build_family(b, family);
		build_devices(b, ways[i], &devices, false);
		build_clamp(b, mtu - headers);
	}
}

/* Both are left out where no link's MTU is known. */
static bool clamps(const struct planner *planner)
{
	for (size_t i = 0; i < planner->config->link_count && !planner->view->lacks_clamp; i++) {
		if (mtu_of(planner, i, IPV4) != 0 || mtu_of(planner, i, IPV6) != 0)
			return true;
	}
	return false;
}

void plan_clamp_call(struct planner *planner)
{
	struct builder *b = &planner->builder;

	if (!clamps(planner))
		return;
	build_rule(b, "TCP that begins learns what the link carries");
	build_tcp_flags(b, TCP_SYN, TCP_SYN);
	build_jump(b, JUMP, CHAIN_CLAMP);
}

void plan_clamp(struct planner *planner)
{
	if (!clamps(planner))
		return;
	build_chain(&planner->builder, CHAIN_CLAMP);
	for (enum family family = IPV4; family <= IPV6; family++) {
		for (size_t i = 0; i < planner->config->link_count; i++) {
			uint32_t mtu = mtu_of(planner, i, family);

			if (mtu > TCP_HEADER + IPV6_HEADER && !is_done(planner, i, family))
				clamp_to(planner, mtu, family);
		}
	}
}
