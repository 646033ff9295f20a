/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the control socket: what would be decided for an imagined connection, and why. */

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "core/mark.h"
#include "core/nat.h"
#include "core/protocol.h"
#include "daemon/daemon.h"
#include "kernel/route_lookup.h"

static bool parse_number(const char *text, unsigned long most, unsigned long *ret_number)
{
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret_number = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *ret_number <= most;
}

static bool parse_protocol(const char *text, struct flow *flow)
{
	unsigned long number = 0;

	if (text == NULL || (!protocol_number(text, &flow->protocol) && !parse_number(text, 255, &number)))
		return false;
	if (number != 0)
		flow->protocol = (uint8_t)number;
	flow->ports = protocol_has_ports(flow->protocol);
	return true;
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long number = 0;

	if (text != NULL && !parse_number(text, 65535, &number))
		return false;
	*ret_port = (uint16_t)number;
	return true;
}

static bool is_local(const struct devices *devices, const struct address *address)
{
	for (size_t i = 0; i < devices->local.count; i++) {
		if (address_equal(&devices->local.items[i].address, address))
			return true;
	}
	return false;
}

/* The device that a packet from this address would come in by: where one to it would leave. */
static uint32_t arriving_device(struct daemon *daemon, const struct flow *flow)
{
	struct route_answer way;

	if (is_local(daemon->devices, &flow->from) || route_lookup(daemon->routing, &flow->from, 0, &way) < 0)
		return 0;
	return way.device_index;
}

/* As the ruleset finds it out: a known way that is not one of the links'. */
static bool goes_direct(struct daemon *daemon, const struct snapshot *snapshot, const struct flow *flow)
{
	/* The mark with which only known networks are found. */
	uint32_t mark = mark_make(snapshot->layout, MARK_LINK_DROP, 0, 0);
	struct route_answer way;

	if (route_lookup(daemon->routing, &flow->to, mark, &way) < 0)
		return false;
	return way.local || snapshot_came_by(snapshot, way.device_index) == 0;
}

/* NULL, or what is wrong with the question. */
static const char *read_flow(struct daemon *daemon, const struct snapshot *snapshot,
	const struct control_request *request, struct flow *flow)
{
	const char *from = request->get(request, "from"), *to = request->get(request, "to");
	const char *device = request->get(request, "in");

	if (from == NULL || !address_parse(from, &flow->from))
		return "from must be an address";
	if (to == NULL || !address_parse(to, &flow->to))
		return "to must be an address";
	if (flow->from.family != flow->to.family)
		return "from and to are of different families";
	flow->family = flow->from.family;
	if (!parse_protocol(request->get(request, "protocol"), flow))
		return "protocol must be a name such as tcp, or a number";
	if (!parse_port(request->get(request, "to-port"), &flow->to_port)
	    || !parse_port(request->get(request, "from-port"), &flow->from_port))
		return "a port must be a number from 0 to 65535";
	flow->device = device == NULL ? arriving_device(daemon, flow) : if_nametoindex(device);
	if (device != NULL && flow->device == 0)
		return "there is no such device";
	flow->came_by = snapshot_came_by(snapshot, flow->device);
	flow->direct = goes_direct(daemon, snapshot, flow);
	return NULL;
}

static const char *policy_name(const struct snapshot *snapshot, size_t policy)
{
	return policy == NO_POLICY ? NULL : snapshot->config->policies[policy].name;
}

static json_t *report_steps(const struct snapshot *snapshot, const struct flow *flow, const struct trace *trace)
{
	json_t *steps = json_array();
	const char *where = flow->came_by != 0 ? "comes in by a link" : flow->device == 0 ? "from this machine" : "from inside";

	json_array_append_new(steps, json_sprintf("%s%s", where, flow->direct ? ", to a network that needs no link" : ""));
	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_step *step = &trace->steps[i];

		if (step->policy == NO_POLICY)
			json_array_append_new(steps, json_string("no policy matches: as the main routing table says"));
		else if (step->mismatch != NULL)
			json_array_append_new(steps, json_sprintf("%s: no, %s does not match", policy_name(snapshot, step->policy),
				step->mismatch));
		else
			json_array_append_new(steps, json_sprintf("%s: matches%s", policy_name(snapshot, step->policy),
				step->no_link ? ", but none of its links is usable" : ""));
	}
	return steps;
}

static const char *chosen_reason(const struct decision *decision, const struct candidate *candidate)
{
	if (!candidate->usable)
		return "down";
	if (candidate->id != decision->link)
		return "usable";
	return decision->sticky ? "chosen: it had this key before" : "chosen";
}

static json_t *report_candidates(const struct snapshot *snapshot, const struct flow *flow,
	const struct decision *decision)
{
	struct pick_context context = { .key = &snapshot->key, .peek = true };
	const struct candidate *candidates;
	json_t *list = json_array();
	size_t count;

	if (decision->policy == NO_POLICY || decision->action != ACTION_ALLOW || flow->came_by != 0 || flow->direct)
		return list;
	candidates = balancer_candidates(snapshot->balancers[decision->policy], &count);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("{s:s, s:b, s:f, s:s}",
			"link", snapshot->config->links[candidates[i].link].name,
			"eligible", candidates[i].usable,
			"score", balancer_score(snapshot->balancers[decision->policy], &candidates[i], flow, &context),
			"reason", chosen_reason(decision, &candidates[i])));
	return list;
}

static const struct link *find_link(const struct snapshot *snapshot, unsigned int id)
{
	for (size_t i = 0; i < snapshot->config->link_count; i++) {
		if (snapshot->ids->links[i] == id)
			return &snapshot->config->links[i];
	}
	return NULL;
}

static const char *link_of(const struct snapshot *snapshot, const struct decision *decision)
{
	const struct link *link = find_link(snapshot, decision->link);

	return link == NULL ? NULL : link->name;
}

static const char *reason_of(const struct snapshot *snapshot, const struct flow *flow, const struct decision *decision)
{
	if (decision->policy == NO_POLICY)
		return flow->came_by != 0 ? "no policy matches; answers leave by the link that it came in by" : "no policy matches";
	if (decision->link == MARK_LINK_DROP && snapshot->config->policies[decision->policy].action == ACTION_ALLOW)
		return "none of its links is usable";
	if (decision->action != ACTION_ALLOW)
		return "the policy says so";
	if (flow->came_by != 0)
		return "answers leave by the link that it came in by";
	if (flow->direct)
		return "the destination needs no link";
	return decision->sticky ? "sticky" : "the algorithm's pick";
}

/* What becomes of the addresses, the link's part included where it leaves by one. */
static const char *nat_words(const struct snapshot *snapshot, const struct flow *flow, const struct decision *decision,
	char *text, size_t size)
{
	static const struct nat by_link;
	const struct nat *policy = decision->policy == NO_POLICY ? &by_link : &snapshot->config->policies[decision->policy].nat;
	const struct link *link = find_link(snapshot, decision->link);
	bool leaves = link != NULL && flow->came_by == 0;
	struct nat nat = nat_join(policy, leaves ? &link->nat : NULL);

	if (nat.kind[flow->family] == NAT_AUTO && flow->device != 0 && leaves)
		nat.kind[flow->family] = network_contains(&nat_unique_local, &flow->from) ? NAT_MASQUERADE : NAT_NONE;
	return nat_text(&nat, flow->family, text, size);
}

/* NULL without classes, and where nothing is sent. */
static const char *class_name(const struct snapshot *snapshot, const struct decision *decision)
{
	const struct config *config = snapshot->config;
	uint16_t class = decision->policy == NO_POLICY ? NO_CLASS : config->policies[decision->policy].qos_class;

	if (config->qos.count == 0 || decision->action != ACTION_ALLOW)
		return NULL;
	return config->qos.classes[class < config->qos.count ? class : config->qos.standard].name;
}

static json_t *explain(const struct snapshot *snapshot, const struct flow *flow, struct trace *trace)
{
	struct decide_context context = { .now_s = (uint32_t)(verdicts_now_ms() / 1000), .peek = true };
	struct decision decision;
	const char *algorithm;
	char nat[NAT_TEXT_MAX];

	decide(snapshot, flow, &context, &decision, trace);
	algorithm = decision.policy == NO_POLICY || decision.action != ACTION_ALLOW
	                    ? NULL
	                    : config_algorithm_name(snapshot->config->policies[decision.policy].balance.algorithm);
	return json_pack("{s:s?, s:s, s:s?, s:s?, s:s, s:s, s:s?, s:o, s:o}",
		"policy", policy_name(snapshot, decision.policy),
		"action", config_action_name(decision.action),
		"link", link_of(snapshot, &decision),
		"algorithm", algorithm,
		"reason", reason_of(snapshot, flow, &decision),
		"nat", nat_words(snapshot, flow, &decision, nat, sizeof(nat)),
		"qos", class_name(snapshot, &decision),
		"candidates", report_candidates(snapshot, flow, &decision),
		"steps", report_steps(snapshot, flow, trace));
}

void report_explain(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	/* Only this thread replaces snapshots, so the newest cannot go away under it. */
	const struct snapshot *snapshot = atomic_load(&verdicts_publisher(daemon->verdicts)->newest);
	struct trace trace = { calloc(snapshot->config->policy_count + 1, sizeof(struct trace_step)), 0 };
	struct flow flow = { 0 };
	const char *wrong = read_flow(daemon, snapshot, request, &flow);

	if (wrong != NULL || trace.steps == NULL) {
		report_problem(answer, wrong != NULL ? 400 : 500, "%s", wrong != NULL ? wrong : "no memory");
	} else {
		answer->status = 200;
		answer->document = explain(snapshot, &flow, &trace);
	}
	free(trace.steps);
}
