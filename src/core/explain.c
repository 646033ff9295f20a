/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A decision with everything that led to it, as plain data: for `explain', for `why', and for tests of policies. */

#include "core/explain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/tiers.h"

/* Of policies in a row that do not match so many are told, from the first on, and from the last on. */
#define TOLD_FIRST 60
#define TOLD_LAST  20

int explanation_open(struct arena *arena, struct explanation *explanation)
{
	*explanation = (struct explanation){
		.steps = arena_array(arena, EXPLAIN_STEPS_MAX, sizeof(char *)),
		.hints = arena_array(arena, EXPLAIN_HINTS_MAX, sizeof(char *)),
	};
	return explanation->steps == NULL || explanation->hints == NULL ? -ENOMEM : 0;
}

static void add_text(struct arena *arena, const char **texts, size_t *count, size_t room, const char *format,
	va_list arguments)
{
	char text[512];

	if (*count == room)
		return;
	vsnprintf(text, sizeof(text), format, arguments);
	texts[*count] = arena_text(arena, text, strlen(text));
	*count += texts[*count] != NULL;
}

void explanation_step(struct arena *arena, struct explanation *explanation, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_text(arena, explanation->steps, &explanation->step_count, EXPLAIN_STEPS_MAX, format, arguments);
	va_end(arguments);
}

void explanation_hint(struct arena *arena, struct explanation *explanation, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_text(arena, explanation->hints, &explanation->hint_count, EXPLAIN_HINTS_MAX, format, arguments);
	va_end(arguments);
}

void explanation_origin(struct arena *arena, struct explanation *explanation, const struct flow *flow, const char *link)
{
	const char *where = flow->device == 0 ? "from this machine" : "from inside";
	const char *name = flow->came_by == 0 && flow->bound == 0 ? "" : link == NULL ? "?" : link;

	if (flow->came_by != 0)
		where = "comes in by link ";
	else if (flow->bound != 0)
		where = "from this machine, by a socket that is bound to link ";
	explanation_step(arena, explanation, "%s%s%s", where, name,
		flow->direct ? ", to a network that needs no link" : "");
}

const char *explain_reason(const struct explained_way *way)
{
	if (way->no_policy && way->bound)
		return "no policy matches; its socket is bound to the link";
	if (way->no_policy)
		return way->from_link ? "no policy matches; answers leave by the link that it came in by" : "no policy matches";
	if (way->policy_refuses)
		return "the policy says so";
	if (way->action != ACTION_ALLOW)
		return "none of its links is usable";
	if (way->from_link)
		return "answers leave by the link that it came in by";
	if (way->bound)
		return "its socket is bound to the link";
	if (way->direct)
		return "the destination needs no link";
	if (way->none_usable)
		return "none of its links is usable: any other link (if-none)";
	if (way->by_packet)
		return "spread by packet";
	return way->sticky ? "sticky" : "the algorithm's pick";
}

const char *explain_candidate(struct arena *arena, bool eligible, bool chosen, bool sticky, unsigned int best)
{
	if (!eligible && best > 0)
		return arena_printf(arena, "%sbackup: tier %u is usable", chosen ? "chosen: it had this key before; " : "", best);
	if (!eligible)
		return "down";
	if (!chosen)
		return "usable";
	return sticky ? "chosen: it had this key before" : "chosen";
}

static const char *policy_name(const struct snapshot *snapshot, size_t policy)
{
	return policy == NO_POLICY ? NULL : snapshot->config->policies[policy].name;
}

static void tell_match(struct arena *arena, const struct snapshot *snapshot, const struct trace_step *step,
	struct explanation *explanation)
{
	const char *name = policy_name(snapshot, step->policy);

	if (name == NULL)
		explanation_step(arena, explanation, "no policy matches: as the main routing table says");
	else if (step->mismatch != NULL)
		explanation_step(arena, explanation, "%s: no, %s does not match", name, step->mismatch);
	else
		explanation_step(arena, explanation, "%s: matches%s", name,
			step->no_link ? ", but none of its links is usable" : "");
}

/* Policies that do not match, from step first on. */
static size_t count_mismatches(const struct trace *trace, size_t first)
{
	size_t count = 0;

	while (first + count < trace->count && trace->steps[first + count].mismatch != NULL)
		count++;
	return count;
}

/* The walk over the policies; the middle of a long row of those that do not match is only counted. */
static void tell_walk(struct arena *arena, const struct snapshot *snapshot, const struct trace *trace,
	struct explanation *explanation)
{
	for (size_t i = 0; i < trace->count; i++) {
		size_t row = count_mismatches(trace, i);

		if (row <= TOLD_FIRST + TOLD_LAST) {
			tell_match(arena, snapshot, &trace->steps[i], explanation);
			continue;
		}
		for (size_t end = i + TOLD_FIRST; i < end; i++)
			tell_match(arena, snapshot, &trace->steps[i], explanation);
		row -= TOLD_FIRST + TOLD_LAST;
		explanation_step(arena, explanation, "... and %zu more policies: no", row);
		i += row - 1;
	}
}

static const struct link *find_link(const struct snapshot *snapshot, unsigned int id)
{
	for (size_t i = 0; i < snapshot->config->link_count; i++) {
		if (snapshot->ids->links[i] == id)
			return &snapshot->config->links[i];
	}
	return NULL;
}

static const char *link_name(const struct snapshot *snapshot, unsigned int id)
{
	const struct link *link = find_link(snapshot, id);

	return link == NULL ? NULL : link->name;
}

struct nat explain_nat(const struct snapshot *snapshot, const struct flow *flow, const struct decision *decision)
{
	static const struct nat by_link;
	const struct nat *policy = decision->policy == NO_POLICY ? &by_link : &snapshot->config->policies[decision->policy].nat;
	const struct link *link = find_link(snapshot, decision->link);
	bool leaves = link != NULL && flow->came_by == 0;
	struct nat nat = nat_join(policy, leaves ? &link->nat : NULL);

	if (decision->by_packet && nat.kind[flow->family] == NAT_AUTO)
		nat.kind[flow->family] = NAT_NONE;
	if (nat.kind[flow->family] == NAT_AUTO && flow->device != 0 && leaves)
		nat.kind[flow->family] = network_contains(&nat_unique_local, &flow->from) ? NAT_MASQUERADE : NAT_NONE;
	return nat;
}

static const char *class_name(const struct config *config, const struct policy *policy)
{
	uint16_t index = policy == NULL || policy->qos_class == NO_CLASS ? config->qos.standard : policy->qos_class;

	return index < config->qos.count ? config->qos.classes[index].name : NULL;
}

/* Of the candidates that are picked from, from 1. */
static unsigned int best_tier(const struct snapshot *snapshot, size_t policy, enum family family)
{
	const struct candidate *candidates;
	size_t count, i = 0;

	candidates = balancer_candidates(snapshot_balancer(snapshot, policy, family), &count);
	while (i < count && !candidates[i].usable)
		i++;
	return i < count ? candidates[i].tier + 1u : 0;
}

/* With what the algorithm has to say of it. */
static const char *candidate_reason(struct arena *arena, const struct snapshot *snapshot, const struct candidate *candidate,
	const struct flow *flow, const struct decision *decision, const struct pick_context *context)
{
	const char *reason = explain_candidate(arena, candidate->usable, candidate->id == decision->link, decision->sticky,
		candidate->reserve ? best_tier(snapshot, decision->policy, flow->family) : 0);
	char note[96], text[160];

	if (!candidate->usable && (snapshot->suspects >> candidate->id & 1) != 0)
		return "suspect: its connections are not answered";
	if (!candidate->usable && (snapshot->flapping >> candidate->id & 1) != 0)
		return "flapping: avoided until it was calm for a while";
	if (!candidate->usable && (snapshot->withheld >> candidate->id & 1) != 0)
		return "out of service by order";
	if (!candidate->usable && (snapshot->spent >> candidate->id & 1) != 0)
		return "its quota is used";
	if (!candidate->usable && (snapshot->tapered >> candidate->id & 1) != 0)
		return "its quota is nearly used: only where no other link can";
	if (!candidate->usable && (snapshot->lacking[flow->family] >> candidate->id & 1) != 0)
		return flow->family == IPV6 ? "no way for IPv6" : "no way for IPv4";
	balancer_remark(snapshot_balancer(snapshot, decision->policy, flow->family), candidate, flow, context, note, sizeof(note));
	if (note[0] == '\0')
		return reason;
	snprintf(text, sizeof(text), "%s; %s", reason, note);
	return arena_text(arena, text, strlen(text));
}

/* Only where the balancer was asked has it candidates. */
static int tell_links(struct arena *arena, const struct snapshot *snapshot, const struct flow *flow,
	const struct decision *decision, const struct decide_context *context, struct explanation *explanation)
{
	const struct balancer *balancer = snapshot_balancer(snapshot, decision->policy, flow->family);
	struct pick_context pick = snapshot_context(snapshot, context);
	const struct candidate *candidates;
	size_t count;

	candidates = balancer_candidates(balancer, &count);
	explanation->links = arena_array(arena, count, sizeof(*explanation->links));
	if (explanation->links == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		explanation->links[i] = (struct explained_link){
			.name = snapshot->config->links[candidates[i].link].name,
			.tier = tiers_many(&snapshot->config->policies[decision->policy].balance) ? candidates[i].tier + 1u : 0,
			.eligible = candidates[i].usable,
			.score = balancer_score(balancer, &candidates[i], flow, &pick),
			.reason = candidate_reason(arena, snapshot, &candidates[i], flow, decision, &pick),
		};
	explanation->link_count = count;
	return 0;
}

const char *explain_nat_words(struct arena *arena, const struct snapshot *snapshot, const struct flow *flow,
	const struct decision *decision)
{
	struct nat nat = explain_nat(snapshot, flow, decision);
	char text[NAT_TEXT_MAX];

	nat_text(&nat, flow->family, text, sizeof(text));
	return arena_text(arena, text, strlen(text));
}

/* What the connection gets beside its link. */
static void tell_rest(struct arena *arena, const struct snapshot *snapshot, const struct policy *policy,
	struct explanation *explanation)
{
	if (explanation->action != ACTION_ALLOW)
		return;
	explanation->qos = class_name(snapshot->config, policy);
	explanation->limits = policy == NULL ? NULL : explain_limits(arena, snapshot->config, &policy->limits);
	if (explanation->limits != NULL)
		explanation_step(arena, explanation, "limits: %s", explanation->limits);
}

static int tell_decision(struct arena *arena, const struct snapshot *snapshot, const struct flow *flow,
	const struct decision *decision, const struct decide_context *context, struct explanation *explanation)
{
	const struct policy *policy =
		decision->policy == NO_POLICY ? NULL : &snapshot->config->policies[decision->policy];
	struct explained_way way = {
		.no_policy = policy == NULL,
		.from_link = flow->came_by != 0,
		.bound = flow->bound != 0,
		.direct = flow->direct,
		.sticky = decision->sticky,
		.by_packet = decision->by_packet,
		.none_usable = decision->none_usable,
		.action = decision->action,
		.policy_refuses = policy != NULL && policy->action != ACTION_ALLOW,
	};

	explanation->policy = policy == NULL ? NULL : policy->name;
	explanation->action = decision->action;
	explanation->link = link_name(snapshot, decision->link);
	explanation->reason = explain_reason(&way);
	explanation->balanced = policy != NULL && decision->action == ACTION_ALLOW;
	explanation->algorithm = policy == NULL ? 0 : policy->balance.algorithm;
	explanation->nat = explain_nat_words(arena, snapshot, flow, decision);
	tell_rest(arena, snapshot, policy, explanation);
	if (policy == NULL || policy->action != ACTION_ALLOW || way.from_link || way.direct)
		return 0;
	return tell_links(arena, snapshot, flow, decision, context, explanation);
}

int explain(struct arena *arena, const struct snapshot *snapshot, const struct flow *flow, uint64_t now_ms,
	struct explanation *ret_explanation)
{
	struct decide_context context = { .now_ms = now_ms, .peek = true };
	struct trace trace = { .steps = arena_array(arena, snapshot->config->policy_count + 1, sizeof(*trace.steps)) };
	struct decision decision;

	if (trace.steps == NULL || explanation_open(arena, ret_explanation) < 0)
		return -ENOMEM;
	explanation_origin(arena, ret_explanation, flow,
		link_name(snapshot, flow->came_by != 0 ? flow->came_by : flow->bound));
	decide(snapshot, flow, &context, &decision, &trace);
	tell_walk(arena, snapshot, &trace, ret_explanation);
	return tell_decision(arena, snapshot, flow, &decision, &context, ret_explanation);
}
