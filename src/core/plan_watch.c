/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies of how connections with a link begin and end, for who watches: nothing waits for them. Each packet is
 * taken where it has the addresses of the connection's first one: in the original direction before they are
 * translated, and answers after they are translated back.
 */

#include "core/plan_parts.h"

#define CHAIN_WATCH "watch"

/* The longest usual headers: IPv4 with options, or IPv6 with two extensions, up to the flags of TCP. */
#define COPY_BYTES 96

/* Copies in a second, and at once: many more than who watches can take are of no use. */
#define COPY_RATE  50000
#define COPY_BURST 10000

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	UDP_PROTOCOL = 17,
	QUIC_PORT = 443,
	PRIORITY_LAST = 150, /* source translation, and its way back in input, is at 100 */
};

static void match_any_flag(struct planner *planner, uint32_t flags)
{
	build_statement(&planner->builder, (struct statement){ .kind = MATCH_TCP_FLAGS, .negate = true, .mask = flags,
		.value = 0 });
}

static void match_direction(struct planner *planner, bool reply)
{
	build_statement(&planner->builder, (struct statement){ .kind = MATCH_ORIGINAL, .negate = reply });
}

/*
 * The first SYN has no decision yet: what passes on from here repeats one. Who says that he has no more to send may
 * still be sent to: the end is what the other side says, or a reset.
 */
void plan_watch_calls(struct planner *planner)
{
	struct builder *b = &planner->builder;

	if (planner->view->lacks_copies)
		return;
	build_rule(b, "TCP that begins again or is reset");
	match_any_flag(planner, TCP_SYN | TCP_RST);
	match_direction(planner, false);
	build_jump(b, JUMP, CHAIN_WATCH);
}

/* With this rule the kernel begins to count the packets of each connection that begins. */
static void plan_answers_of_quic(struct planner *planner)
{
	static const uint32_t udp = UDP_PROTOCOL;
	struct builder *b = &planner->builder;
	struct statement port = { .kind = MATCH_FROM_PORT };

	port.ports.items = arena_array(b->arena, 1, sizeof(*port.ports.items));
	b->failed |= port.ports.items == NULL;
	if (b->failed)
		return;
	port.ports.items[0].first = port.ports.items[0].last = QUIC_PORT;
	port.ports.count = 1;
	build_rule(b, "the first answer of QUIC");
	build_values(b, MATCH_PROTOCOL, &udp, 1, false);
	build_statement(b, port);
	match_direction(planner, true);
	build_statement(b, (struct statement){ .kind = MATCH_REPLY_PACKETS, .value = 1 });
	build_jump(b, JUMP, CHAIN_WATCH);
}

static void plan_hook(struct planner *planner, const char *name, enum chain_hook hook)
{
	struct builder *b = &planner->builder;

	build_base_chain(b, name, CHAIN_FILTER, hook, PRIORITY_LAST);
	plan_clamp_call(planner);
	if (planner->view->lacks_copies)
		return;
	build_rule(b, "TCP that is answered or ends");
	match_any_flag(planner, TCP_FIN | TCP_SYN | TCP_RST);
	match_direction(planner, true);
	build_jump(b, JUMP, CHAIN_WATCH);
	plan_answers_of_quic(planner);
}

/* Neither undecided, nor refused, nor by the main table. */
static void plan_no_link(struct planner *planner)
{
	static const unsigned int none[] = { MARK_LINK_UNDECIDED, MARK_LINK_DROP, MARK_LINK_REJECT, MARK_LINK_DIRECT };
	struct builder *b = &planner->builder;
	struct statement match = { .kind = MATCH_CONNECTION_MARK, .mask = mark_link_mask(planner->layout) };

	match.values.items = arena_array(b->arena, sizeof(none) / sizeof(*none), sizeof(*match.values.items));
	b->failed |= match.values.items == NULL;
	if (b->failed)
		return;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		match.values.items[match.values.count++] = mark_make(planner->layout, none[i], 0, 0);
	build_rule(b, "by no link");
	build_statement(b, match);
	build_action(b, RETURN);
}

void plan_watch(struct planner *planner)
{
	struct limit limit = { .kind = LIMIT_PACKETS, .count = COPY_RATE, .per_ms = 1000, .burst = COPY_BURST };
	struct builder *b = &planner->builder;

	plan_hook(planner, "watch-input", HOOK_INPUT);
	plan_hook(planner, "watch-postrouting", HOOK_POSTROUTING);
	if (planner->view->lacks_copies)
		return;
	build_chain(b, CHAIN_WATCH);
	plan_no_link(planner);
	build_rule(b, "our own checks");
	build_mark_is(b, MATCH_CONNECTION_MARK, mark_class_mask(planner->layout),
		mark_make(planner->layout, 0, MARK_CLASS_CHECK, 0), false);
	build_action(b, RETURN);
	build_rule(b, "more than anybody can look at");
	build_over_limit(b, limit);
	build_action(b, RETURN);
	build_rule(b, "a copy for who watches");
	build_copy(b, planner->config->kernel.log_group, COPY_BYTES);
}
