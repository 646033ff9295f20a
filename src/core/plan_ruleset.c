/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ruleset's permanent chains: restore, guard, queue; then settle and save. */

#include "core/plan_parts.h"

enum {
	TCP_PROTOCOL = 6,
};

/* Conntrack is at -200, destination NAT at -100. The second of each pair runs after the queue's answer. */
enum {
	PRIORITY_DECIDE = -150,
	PRIORITY_SETTLE = -149,
};

#define CHAIN_GUARD  "guard"
#define CHAIN_EXEMPT "exempt"
#define CHAIN_SETTLE "settle"
#define CHAIN_DEAD   "dead-links"

static uint32_t link_value(const struct planner *planner, unsigned int id)
{
	return mark_make(planner->layout, id, 0, 0);
}

static uint32_t policy_value(const struct planner *planner, unsigned int id)
{
	return mark_make(planner->layout, 0, 0, id);
}

static void match_undecided(struct planner *planner, bool negate)
{
	build_mark_is(&planner->builder, MATCH_MARK, mark_policy_mask(planner->layout), 0, negate);
}

static void match_no_link(struct planner *planner)
{
	build_mark_is(&planner->builder, MATCH_MARK, mark_link_mask(planner->layout), 0, false);
}

static void match_protocol(struct planner *planner, uint32_t protocol)
{
	build_values(&planner->builder, MATCH_PROTOCOL, &protocol, 1, false);
}

static void match_new(struct planner *planner, bool negate)
{
	static const uint32_t new = CONNECTION_NEW;

	build_values(&planner->builder, MATCH_CONNECTION_STATE, &new, 1, negate);
}

/* leaving: in output, where the resets that we send ourselves pass on their way to the inside. */
static void plan_restore(struct planner *planner, bool leaving)
{
	struct builder *b = &planner->builder;

	if (leaving)
		plan_own_insist(planner);
	build_rule(b, "a connection that was decided keeps its decision");
	build_mark_is(b, MATCH_CONNECTION_MARK, mark_policy_mask(planner->layout), 0, true);
	build_mark_copy(b, RESTORE_MARK, mark_mask(planner->layout));
	build_rule(b, "TCP of a dead link is told");
	match_undecided(planner, true);
	match_protocol(planner, TCP_PROTOCOL);
	if (leaving)
		build_devices(b, MATCH_DEVICE_OUT, &planner->link_devices, false);
	build_jump(b, JUMP, CHAIN_DEAD);
	plan_by_packet_call(planner);
	build_rule(b, "decided: nothing more to do here");
	match_undecided(planner, true);
	build_action(b, ACCEPT);
	build_rule(b, "only the first packet of a connection is asked about");
	match_new(planner, true);
	build_action(b, ACCEPT);
	build_rule(b, "what must never wait or move");
	build_jump(b, JUMP, CHAIN_GUARD);
}

/* A TCP packet in the middle of a connection that is tracked no more: its ends must begin anew. */
static void plan_middle_of_tcp(struct planner *planner)
{
	struct builder *b = &planner->builder;

	build_rule(b, "a TCP connection that lost its link begins anew");
	match_no_link(planner);
	match_protocol(planner, TCP_PROTOCOL);
	build_statement(b, (struct statement){ .kind = MATCH_TCP_SYN, .negate = true });
	build_action(b, REJECT_RESET);
	build_rule(b, "TCP that does not begin is none of ours");
	match_protocol(planner, TCP_PROTOCOL);
	build_statement(b, (struct statement){ .kind = MATCH_TCP_SYN, .negate = true });
	build_jump(b, GOTO, CHAIN_EXEMPT);
}

static void ask(struct planner *planner, bool from_links)
{
	const struct kernel_settings *kernel = &planner->config->kernel;
	struct statement queue = { .kind = QUEUE, .queues = kernel->queues };

	queue.queue = from_links ? (uint16_t)(kernel->first_queue + kernel->queues) : kernel->first_queue;
	build_statement(&planner->builder, queue);
}

static void plan_prerouting(struct planner *planner)
{
	uint32_t link_mask = mark_link_mask(planner->layout), local = TO_LOCAL;
	struct builder *b = &planner->builder;

	build_base_chain(b, "prerouting", CHAIN_FILTER, HOOK_PREROUTING, PRIORITY_DECIDE);
	plan_watch_calls(planner);
	plan_shield_calls(planner);
	plan_siege_calls(planner);
	plan_restore(planner, false);
	for (size_t i = 0; i < planner->config->link_count; i++) {
		struct names device = { &planner->config->links[i].device, 1 };

		build_rule(b, "answers leave by the link that the connection came in by: %s", planner->config->links[i].name);
		build_devices(b, MATCH_DEVICE_IN, &device, false);
		build_set_mark(b, link_mask, link_value(planner, planner->ids->links[i]));
	}
	build_rule(b, "to this machine");
	match_no_link(planner);
	build_values(b, MATCH_DESTINATION_KIND, &local, 1, false);
	build_set_mark(b, link_mask, link_value(planner, MARK_LINK_DIRECT));
	/* Most go by a link: they are spared the second look-up. */
	build_rule(b, "to a network that the main table reaches by a link");
	match_no_link(planner);
	build_devices(b, MATCH_ROUTED_OUT, &planner->link_devices, false);
	build_jump(b, GOTO, CHAIN_ASK);
	/* With this mark a rule hides default routes, so that only known networks are found. */
	build_rule(b, "to a network that the main table knows without a link");
	match_no_link(planner);
	build_set_mark(b, link_mask, link_value(planner, MARK_LINK_DROP));
	build_action(b, MATCH_ROUTED);
	build_set_mark(b, link_mask, link_value(planner, MARK_LINK_DIRECT));
	build_rule(b, "to the internet");
	build_mark_is(b, MATCH_MARK, link_mask, link_value(planner, MARK_LINK_DROP), false);
	build_set_mark(b, link_mask, link_value(planner, MARK_LINK_UNDECIDED));
	build_rule(b, "ask");
	build_jump(b, GOTO, CHAIN_ASK);
}

static void plan_ask(struct planner *planner)
{
	struct builder *b = &planner->builder;

	build_chain(b, CHAIN_ASK);
	plan_middle_of_tcp(planner);
	plan_answers_find(planner);
	build_rule(b, "ask about connections from links, apart: a flood there must not delay inside");
	build_devices(b, MATCH_DEVICE_IN, &planner->link_devices, false);
	ask(planner, true);
	build_rule(b, "ask about connections from inside, and of this machine");
	ask(planner, false);
}

static void plan_output(struct planner *planner)
{
	struct builder *b = &planner->builder;
	static const char *loopback_name = "lo";
	struct names loopback = { &loopback_name, 1 };

	build_base_chain(b, "output", CHAIN_ROUTE, HOOK_OUTPUT, PRIORITY_DECIDE);
	plan_watch_calls(planner);
	plan_siege_proxied(planner);
	plan_own_forwards(planner);
	build_rule(b, "this machine with itself");
	build_devices(b, MATCH_DEVICE_OUT, &loopback, false);
	build_jump(b, GOTO, CHAIN_EXEMPT);
	plan_restore(planner, true);
	build_rule(b, "to the inside");
	build_devices(b, MATCH_DEVICE_OUT, &planner->link_devices, true);
	build_set_mark(b, mark_link_mask(planner->layout), link_value(planner, MARK_LINK_DIRECT));
	build_jump(b, GOTO, CHAIN_ASK);
	plan_own_bound(planner);
	build_rule(b, "ask");
	build_jump(b, GOTO, CHAIN_ASK);
}

static void pass_by(struct planner *planner, enum statement_kind action, const char *chain)
{
	if (chain == NULL)
		build_action(&planner->builder, action);
	else
		build_jump(&planner->builder, action, chain);
}

/* Multicast, broadcast, neighbour discovery and link-local: a mark or a wait would break them. */
void plan_bystanders(struct planner *planner, enum statement_kind action, const char *chain)
{
	static const uint32_t everybody[] = { TO_BROADCAST, TO_MULTICAST };
	static const uint32_t neighbours[] = { 130, 131, 132, 133, 134, 135, 136, 137, 143 };
	struct builder *b = &planner->builder;
	struct statement link_local = { .kind = MATCH_DESTINATION, .family = IPV6 };

	link_local.networks.items = arena_array(b->arena, 1, sizeof(struct network));
	b->failed |= link_local.networks.items == NULL;
	if (b->failed)
		return;
	link_local.networks.count = network_parse("fe80::/10", link_local.networks.items) ? 1 : 0;

	build_rule(b, "broadcast and multicast");
	build_values(b, MATCH_DESTINATION_KIND, everybody, 2, false);
	pass_by(planner, action, chain);
	build_rule(b, "neighbour discovery, router advertisements, multicast listeners");
	build_values(b, MATCH_ICMP6_TYPE, neighbours, sizeof(neighbours) / sizeof(*neighbours), false);
	pass_by(planner, action, chain);
	build_rule(b, "link-local destinations");
	build_family(b, IPV6);
	build_statement(b, link_local);
	pass_by(planner, action, chain);
}

static void plan_guard(struct planner *planner)
{
	build_chain(&planner->builder, CHAIN_GUARD);
	plan_bystanders(planner, GOTO, CHAIN_EXEMPT);
}

static void plan_exempt(struct planner *planner)
{
	struct builder *b = &planner->builder;
	uint32_t mask = mark_link_mask(planner->layout) | mark_policy_mask(planner->layout);

	build_chain(b, CHAIN_EXEMPT);
	build_rule(b, "no policy applies");
	build_set_mark(b, mask, mark_make(planner->layout, MARK_LINK_DIRECT, 0, MARK_POLICY_NONE));
	build_action(b, ACCEPT);
}

static void plan_settle(struct planner *planner)
{
	struct builder *b = &planner->builder;

	build_base_chain(b, "prerouting-settle", CHAIN_FILTER, HOOK_PREROUTING, PRIORITY_SETTLE);
	build_rule(b, "new connections: the answer is kept");
	match_new(planner, false);
	build_jump(b, JUMP, CHAIN_SETTLE);
	build_base_chain(b, "output-settle", CHAIN_ROUTE, HOOK_OUTPUT, PRIORITY_SETTLE);
	build_rule(b, "new connections: the answer is kept");
	match_new(planner, false);
	build_jump(b, JUMP, CHAIN_SETTLE);

	build_chain(b, CHAIN_SETTLE);
	plan_answers_keep(planner);
	build_rule(b, "the daemon drops");
	build_mark_is(b, MATCH_MARK, mark_link_mask(planner->layout), link_value(planner, MARK_LINK_DROP), false);
	build_action(b, DROP);
	build_rule(b, "the daemon rejects");
	build_mark_is(b, MATCH_MARK, mark_link_mask(planner->layout), link_value(planner, MARK_LINK_REJECT), false);
	build_jump(b, GOTO, CHAIN_REFUSE);
	build_rule(b, "the daemon did not answer");
	match_undecided(planner, false);
	build_jump(b, GOTO, CHAIN_FALLBACK);
	build_rule(b, "keep the answer on the connection");
	build_jump(b, GOTO, CHAIN_TAKE);

	build_chain(b, CHAIN_TAKE);
	plan_limits_calls(planner);
	build_rule(b, "keep the decision");
	build_mark_copy(b, SAVE_MARK, mark_mask(planner->layout));
	if (plan_by_packet_call(planner))
		build_rule(b, "by the link that was chosen");
	build_action(b, ACCEPT);

	build_chain(b, CHAIN_REFUSE);
	build_rule(b, "TCP gets a reset");
	match_protocol(planner, TCP_PROTOCOL);
	build_action(b, REJECT_RESET);
	build_rule(b, "others get an ICMP error");
	build_action(b, REJECT_PROHIBITED);
}

/* Numbers of the policies that pass the test, as marks have them; the list lives in the arena. */
static struct values policies_where(struct planner *planner, bool (*test)(const struct planner *planner, const struct policy *policy))
{
	const struct config *config = planner->config;
	struct values values = { .items = arena_array(planner->plan->arena, config->policy_count + 1, sizeof(uint32_t)) };

	planner->builder.failed |= values.items == NULL;
	for (size_t i = 0; i < config->policy_count && values.items != NULL; i++) {
		if (test(planner, &config->policies[i]))
			values.items[values.count++] = policy_value(planner, planner->ids->policies[i]);
	}
	return values;
}

static void match_policies(struct planner *planner, enum statement_kind kind, const struct values *policies)
{
	struct statement statement = { .kind = kind, .mask = mark_policy_mask(planner->layout), .values = *policies };

	build_statement(&planner->builder, statement);
}

static bool resets(const struct planner *planner, const struct policy *policy)
{
	return policy->balance.on_failure == ON_FAILURE_RESET && plan_has_way(&planner->ways, policy);
}

/* Packets that come from a link are left alone: it may live. */
static void match_dead(struct planner *planner, size_t link, const struct values *policies)
{
	struct builder *b = &planner->builder;

	build_mark_is(b, MATCH_MARK, mark_link_mask(planner->layout), link_value(planner, planner->ids->links[link]), false);
	match_policies(planner, MATCH_MARK, policies);
	build_devices(b, MATCH_DEVICE_IN, &planner->link_devices, true);
}

/*
 * Reached by TCP packets of decided connections. A SYN among them is the first of a connection that nobody
 * answered, or has the ports of one that was reset: not refused, its sender repeats it, and the daemon will
 * have deleted the old entry by then.
 */
static void plan_dead(struct planner *planner)
{
	struct builder *b = &planner->builder;
	struct values policies = policies_where(planner, resets);

	build_chain(b, CHAIN_DEAD);
	for (size_t i = 0; i < planner->config->link_count; i++) {
		if (!planner->view->links[i].dead || policies.count == 0)
			continue;
		build_rule(b, "link %s is dead: who begins there tries again", planner->config->links[i].name);
		match_dead(planner, i, &policies);
		match_protocol(planner, TCP_PROTOCOL);
		build_statement(b, (struct statement){ .kind = MATCH_TCP_SYN });
		build_action(b, DROP);
		build_rule(b, "link %s is dead: its TCP connections are reset", planner->config->links[i].name);
		match_dead(planner, i, &policies);
		build_action(b, REJECT_RESET);
	}
}

struct ruleset_set plan_policy_map(struct planner *planner, const char *name, size_t room)
{
	struct ruleset_set map = { .name = name, .kind = SET_CHAINS };

	map.chains = arena_array(planner->plan->arena, room + 1, sizeof(*map.chains));
	planner->builder.failed |= map.chains == NULL;
	return map;
}

void plan_policy_chain(struct planner *planner, struct ruleset_set *map, unsigned int id, const char *chain)
{
	planner->builder.failed |= chain == NULL;
	if (map->chains != NULL)
		map->chains[map->chain_count++] = (struct mark_chain){ mark_make(planner->layout, 0, 0, id), chain };
}

void plan_ruleset(struct planner *planner)
{
	build_counter(&planner->builder, PLAN_FALLBACKS);
	plan_prerouting(planner);
	plan_output(planner);
	plan_ask(planner);
	plan_settle(planner);
	plan_nat(planner);
	plan_classify(planner);
	plan_guard(planner);
	plan_exempt(planner);
	plan_dead(planner);
	plan_fallback(planner);
	plan_by_packet(planner);
	plan_answers(planner);
	plan_shield(planner);
	plan_siege(planner);
	plan_limits(planner);
	plan_watch(planner);
	plan_clamp(planner);
	plan_bytes(planner);
}
