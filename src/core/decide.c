/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decision on a connection: policy, link, mark. The heart of the daemon; pure. */

#include "core/decide.h"

static void trace_add(struct trace *trace, size_t policy, const char *mismatch, bool no_link)
{
	if (trace != NULL)
		trace->steps[trace->count++] = (struct trace_step){ policy, mismatch, no_link };
}

/* classifier_next() with a word on each policy that was passed over. */
static size_t next_policy(const struct snapshot *snapshot, const struct classifier_search *search,
	const struct flow *flow, size_t start, struct trace *trace)
{
	size_t found = classifier_next(search, start);

	for (size_t i = start; trace != NULL && i < found; i++)
		trace_add(trace, i, classifier_mismatch(snapshot->classifier, flow, i), false);
	return found;
}

struct pick_context snapshot_context(const struct snapshot *snapshot, const struct decide_context *context)
{
	return (struct pick_context){
		.key = &snapshot->key,
		.random = context->random,
		.peek = context->peek,
		.now_ms = context->now_ms,
		.loads = snapshot->loads,
		.paths = snapshot->paths,
	};
}

/* Of sticky the policy's own, of together that of all policies which say so. */
static struct sticky_key remembered_key(const struct snapshot *snapshot, size_t policy, const struct flow *flow)
{
	const struct balance *balance = &snapshot->config->policies[policy].balance;

	if (balance->together_by != KEY_NONE)
		return sticky_key_of(&snapshot->key, balance->together_by, flow, STICKY_TOGETHER);
	return sticky_key_of(&snapshot->key, balance->sticky_by, flow, snapshot->name_hashes[policy]);
}

/* The link that the flow's key had last, while it is usable; else a fresh pick. */
static const struct candidate *pick_link(const struct snapshot *snapshot, size_t policy, const struct flow *flow,
	const struct decide_context *context, bool *ret_sticky)
{
	const struct balance *balance = &snapshot->config->policies[policy].balance;
	const struct balancer *balancer = snapshot_balancer(snapshot, policy, flow->family);
	struct pick_context pick = snapshot_context(snapshot, context);
	uint32_t now_s = (uint32_t)(context->now_ms / 1000);
	const struct candidate *chosen, *kept;
	struct sticky_key key;
	uint8_t before;

	*ret_sticky = false;
	if (balance->sticky_by == KEY_NONE && balance->together_by == KEY_NONE)
		return balancer_pick(balancer, flow, &pick);
	key = remembered_key(snapshot, policy, flow);
	before = sticky_get(snapshot->sticky, &key, now_s);
	chosen = balancer_candidate(balancer, before);
	*ret_sticky = chosen != NULL;
	if (chosen == NULL)
		chosen = balancer_pick(balancer, flow, &pick);
	if (chosen == NULL || context->peek)
		return chosen;
	/* Another thread may have been first. */
	kept = balancer_candidate(balancer, sticky_put(snapshot->sticky, &key, chosen->id, before, now_s,
		balance->together_by != KEY_NONE ? balance->together_for_s : balance->sticky_for_s));
	*ret_sticky |= kept != NULL && kept != chosen;
	return kept == NULL ? chosen : kept;
}

static const struct balancer *any_link(const struct snapshot *snapshot, enum family family)
{
	return family == IPV6 && snapshot->any_link6 != NULL ? snapshot->any_link6 : snapshot->any_link;
}

/* Fills in the link of an allowed connection. False: none is usable and the next policy shall decide. */
static bool choose(const struct snapshot *snapshot, const struct flow *flow, const struct decide_context *context,
	struct decision *decision)
{
	struct pick_context pick = snapshot_context(snapshot, context);
	const struct candidate *chosen = pick_link(snapshot, decision->policy, flow, context, &decision->sticky);

	if (chosen != NULL && snapshot->config->policies[decision->policy].balance.algorithm == ALGORITHM_BY_PACKET) {
		decision->by_packet = true;
		decision->link = MARK_LINK_BY_PACKET;
		return true;
	}
	if (chosen == NULL) {
		decision->none_usable = true;
		switch (snapshot->config->policies[decision->policy].balance.if_none) {
		case IF_NONE_NEXT:
			return false;
		case IF_NONE_DROP:
			decision->action = ACTION_DROP;
			decision->link = MARK_LINK_DROP;
			return true;
		case IF_NONE_ANY:
			chosen = balancer_pick(any_link(snapshot, flow->family), flow, &pick);
			break;
		}
	}
	decision->link = chosen == NULL ? MARK_LINK_DIRECT : chosen->id;
	return true;
}

/* The link that no policy can change, or 0. */
static uint8_t given_link(const struct flow *flow)
{
	return (uint8_t)(flow->came_by != 0 ? flow->came_by : flow->bound);
}

static bool settle(const struct snapshot *snapshot, const struct flow *flow, const struct decide_context *context,
	struct decision *decision)
{
	decision->action = snapshot->config->policies[decision->policy].action;
	switch (decision->action) {
	case ACTION_DROP:
		decision->link = MARK_LINK_DROP;
		return true;
	case ACTION_REJECT:
		decision->link = MARK_LINK_REJECT;
		return true;
	case ACTION_ALLOW:
		break;
	}
	if (given_link(flow) != 0 || flow->direct) {
		decision->link = given_link(flow) != 0 ? given_link(flow) : MARK_LINK_DIRECT;
		return true;
	}
	return choose(snapshot, flow, context, decision);
}

void decide(const struct snapshot *snapshot, const struct flow *flow, const struct decide_context *context,
	struct decision *ret_decision, struct trace *trace)
{
	struct classifier_search search;
	size_t policy = 0;

	classifier_search(&search, snapshot->classifier, flow);
	while ((policy = next_policy(snapshot, &search, flow, policy, trace)) < snapshot->config->policy_count) {
		bool settled;

		*ret_decision = (struct decision){ .policy = policy };
		settled = settle(snapshot, flow, context, ret_decision);
		trace_add(trace, policy, NULL, !settled);
		if (settled)
			return;
		policy++;
	}
	trace_add(trace, NO_POLICY, NULL, false);
	*ret_decision = (struct decision){ .policy = NO_POLICY, .action = ACTION_ALLOW };
	ret_decision->link = given_link(flow) != 0 ? given_link(flow) : MARK_LINK_DIRECT;
}

uint32_t decision_mark(const struct snapshot *snapshot, const struct decision *decision)
{
	if (decision->policy == NO_POLICY)
		return mark_make(snapshot->layout, decision->link, MARK_CLASS_STANDARD, MARK_POLICY_NONE);
	return mark_make(snapshot->layout, decision->link,
		ids_policy_class(snapshot->config, snapshot->ids, &snapshot->config->policies[decision->policy]),
		snapshot->ids->policies[decision->policy]);
}
