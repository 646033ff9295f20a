/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands against a flood of half-open connections from sources that are not what they seem: nobody is
 * blocked. While a link is flooded, ports that are served answer by SYN cookies (SYNPROXY), which needs no
 * memory until a client proves that it is there; everything else that begins on that link is limited.
 */

#include <stdio.h>

#include "core/plan_parts.h"

/* What begins on a flooded link, beside the served ports: enough for who is let in, too few to hurt. */
#define SIEGE_RATE  100
#define SIEGE_BURST 200

/* What the cookies promise in the name of the servers behind them. */
#define SIEGE_MSS          1460
#define SIEGE_WINDOW_SCALE 7

enum {
	TCP_PROTOCOL = 6,
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
	PRIORITY_RAW = -300,    /* before connection tracking */
	PRIORITY_COOKIES = -10, /* before the rest that filters */
};

const char *plan_siege_counter(char *text, size_t size, const char *what, unsigned int link)
{
	snprintf(text, size, "%s-%u", what, link);
	return text;
}

bool plan_watches_handshakes(const struct config *config)
{
	return config->dos.detectors[DETECT_SYN_FLOOD].enabled;
}

static bool lets_links_in(const struct policy *policy)
{
	bool from_outside = policy->match.from.count == 0;

	for (size_t i = 0; i < policy->match.from.count; i++) {
		enum end_kind kind = policy->match.from.items[i].kind;

		from_outside |= kind != END_ROUTER && kind != END_ZONE;
	}
	return from_outside && policy->action == ACTION_ALLOW;
}

static bool is_tcp(const struct match *match)
{
	for (size_t i = 0; i < match->protocols.count; i++) {
		if (match->protocols.items[i] == TCP_PROTOCOL)
			return true;
	}
	return false;
}

/* The TCP ports that policies let in from links, as one list that nft takes: sorted and apart. */
static struct port_ranges served_ports(struct planner *planner)
{
	const struct config *config = planner->config;
	struct port_ranges all = { 0 };
	size_t room = 0;

	for (size_t i = 0; i < config->policy_count; i++)
		room += config->policies[i].match.to_ports.count;
	all.items = arena_array(planner->plan->arena, room + 1, sizeof(*all.items));
	planner->builder.failed |= all.items == NULL;
	for (size_t i = 0; i < config->policy_count && all.items != NULL && !planner->view->lacks_synproxy; i++) {
		const struct match *match = &config->policies[i].match;

		if (!lets_links_in(&config->policies[i]) || !is_tcp(match))
			continue;
		for (size_t j = 0; j < match->to_ports.count; j++)
			all.items[all.count++] = match->to_ports.items[j];
	}
	return plan_ports(planner, &all);
}

static void match_flags(struct planner *planner, uint32_t value)
{
	build_statement(&planner->builder, (struct statement){ .kind = MATCH_TCP_FLAGS,
		.mask = TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK, .value = value });
}

static void match_arrived(struct planner *planner, size_t link)
{
	struct names device = { &planner->config->links[link].device, 1 };

	build_devices(&planner->builder, MATCH_DEVICE_IN, &device, false);
}

static void count_on(struct planner *planner, const char *what, size_t link)
{
	char name[32];

	build_count(&planner->builder, plan_siege_counter(name, sizeof(name), what, planner->ids->links[link]));
}

static bool stands(const struct planner *planner, size_t link)
{
	return planner->view->links[link].flooded && plan_watches_handshakes(planner->config);
}

static void plan_finished(struct planner *planner)
{
	struct builder *b = &planner->builder;

	build_chain(b, CHAIN_HANDSHAKES);
	for (size_t i = 0; i < planner->config->link_count; i++) {
		build_rule(b, "completed on link %s", planner->config->links[i].name);
		match_arrived(planner, i);
		count_on(planner, PLAN_FINISHED, i);
	}
}

/* Before connection tracking: what is answered with a cookie leaves no trace. */
static void plan_raw(struct planner *planner, const struct port_ranges *served)
{
	struct builder *b = &planner->builder;

	build_base_chain(b, "raw", CHAIN_FILTER, HOOK_PREROUTING, PRIORITY_RAW);
	for (size_t i = 0; i < planner->config->link_count && served->count > 0; i++) {
		if (!stands(planner, i))
			continue;
		build_rule(b, "link %s is flooded: no memory of who knocks at a served port", planner->config->links[i].name);
		match_arrived(planner, i);
		match_flags(planner, TCP_SYN);
		build_statement(b, (struct statement){ .kind = MATCH_TO_PORT, .ports = *served });
		count_on(planner, PLAN_BEGUN, i);
		build_action(b, NOTRACK);
	}
}

static void answer_with_cookies(struct planner *planner, size_t link, const struct port_ranges *served, uint32_t state,
	uint32_t flags)
{
	struct statement proxy = { .kind = SYNPROXY, .synproxy = { SIEGE_MSS, SIEGE_WINDOW_SCALE } };
	struct builder *b = &planner->builder;

	build_rule(b, "link %s is flooded: served ports answer with cookies", planner->config->links[link].name);
	match_arrived(planner, link);
	match_flags(planner, flags);
	build_values(b, MATCH_CONNECTION_STATE, &state, 1, false);
	build_statement(b, (struct statement){ .kind = MATCH_TO_PORT, .ports = *served });
	build_statement(b, proxy);
}

/* The knock itself, and the answer that proves its sender: connection tracking takes that one for a new connection. */
static void plan_cookies(struct planner *planner, const struct port_ranges *served)
{
	build_chain(&planner->builder, CHAIN_COOKIES);
	for (size_t i = 0; i < planner->config->link_count && served->count > 0; i++) {
		if (!stands(planner, i))
			continue;
		answer_with_cookies(planner, i, served, CONNECTION_UNTRACKED, TCP_SYN);
		answer_with_cookies(planner, i, served, CONNECTION_NEW, TCP_ACK);
	}
}

/* New connections that are asked about. */
static void plan_knocks(struct planner *planner)
{
	struct limit limit = { .kind = LIMIT_PACKETS, .count = SIEGE_RATE, .per_ms = 1000, .burst = SIEGE_BURST };
	struct builder *b = &planner->builder;

	build_chain(b, CHAIN_SIEGE);
	for (size_t i = 0; i < planner->config->link_count; i++) {
		build_rule(b, "begun on link %s", planner->config->links[i].name);
		match_arrived(planner, i);
		count_on(planner, PLAN_BEGUN, i);
		if (!stands(planner, i))
			continue;
		build_rule(b, "link %s is flooded: no more than it takes for some to get in", planner->config->links[i].name);
		match_arrived(planner, i);
		build_statement(b, (struct statement){ .kind = OVER_LIMIT, .limit = limit });
		build_action(b, DROP);
	}
}

/*
 * In output, where the kernel connects to the server for a client that answered its cookie: such a packet
 * has the client's address, and came, in truth, by the link that has the address it goes to.
 */
void plan_siege_proxied(struct planner *planner)
{
	static const uint32_t local = TO_LOCAL;
	struct builder *b = &planner->builder;

	for (size_t i = 0; i < planner->config->link_count; i++) {
		for (enum family family = IPV4; stands(planner, i) && family <= IPV6; family++) {
			struct networks own = plan_outside_addresses(planner, i, family);

			if (own.count == 0)
				continue;
			build_rule(b, "a client that proved itself on link %s", planner->config->links[i].name);
			build_family(b, family);
			build_values(b, MATCH_SOURCE_KIND, &local, 1, true);
			build_statement(b, (struct statement){ .kind = MATCH_DESTINATION, .family = family, .networks = own });
			match_flags(planner, TCP_SYN);
			build_set_mark(b, mark_link_mask(planner->layout),
				mark_make(planner->layout, planner->ids->links[i], 0, 0));
			count_on(planner, PLAN_FINISHED, i);
			build_jump(b, GOTO, CHAIN_ASK);
		}
	}
}

/* A handshake is complete with the second packet of who began: that one comes only once in a connection's life. */
void plan_siege_calls(struct planner *planner)
{
	static const uint32_t answered = STATUS_ANSWERED, new = CONNECTION_NEW;
	struct builder *b = &planner->builder;

	if (!plan_watches_handshakes(planner->config))
		return;
	build_rule(b, "a handshake that is complete");
	build_action(b, MATCH_ORIGINAL);
	build_statement(b, (struct statement){ .kind = MATCH_ORIGINAL_PACKETS, .value = 2 });
	build_values(b, MATCH_STATUS, &answered, 1, false);
	match_flags(planner, TCP_ACK);
	build_jump(b, JUMP, CHAIN_HANDSHAKES);
	build_rule(b, "a handshake that begins");
	build_values(b, MATCH_CONNECTION_STATE, &new, 1, false);
	match_flags(planner, TCP_SYN);
	build_jump(b, JUMP, CHAIN_SIEGE);
}

static void plan_hook(struct planner *planner, const char *name, enum chain_hook hook)
{
	struct builder *b = &planner->builder;

	build_base_chain(b, name, CHAIN_FILTER, hook, PRIORITY_COOKIES);
	build_rule(b, "handshakes with cookies");
	build_jump(b, JUMP, CHAIN_COOKIES);
}

void plan_siege(struct planner *planner)
{
	struct port_ranges served = served_ports(planner);

	for (size_t i = 0; i < planner->config->link_count; i++) {
		char name[32];

		build_counter(&planner->builder, plan_siege_counter(name, sizeof(name), PLAN_BEGUN, planner->ids->links[i]));
		build_counter(&planner->builder, plan_siege_counter(name, sizeof(name), PLAN_FINISHED, planner->ids->links[i]));
	}
	plan_raw(planner, &served);
	plan_hook(planner, "cookies-input", HOOK_INPUT);
	plan_hook(planner, "cookies-forward", HOOK_FORWARD);
	plan_cookies(planner, &served);
	plan_knocks(planner);
	plan_finished(planner);
}
