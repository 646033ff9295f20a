/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the control socket: what would be decided for an imagined connection, and why. */

#include <errno.h>
#include <string.h>

#include "config/explain_document.h"
#include "config/text.h"
#include "core/mark.h"
#include "core/question.h"
#include "daemon/daemon.h"
#include "kernel/route_lookup.h"

static bool is_local(const struct devices *devices, const struct address *address)
{
	for (size_t i = 0; i < devices->local.count; i++) {
		if (address_equal(&devices->local.items[i].address, address))
			return true;
	}
	return false;
}

/* Where a packet from this address would come in: where one to it would leave. 0: from this machine, or nowhere. */
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

static bool find_device(const struct daemon *daemon, const char *name, uint32_t *ret_index,
	struct question_problem *problem)
{
	const struct device *device = devices_find(daemon->devices, name);
	struct nearest nearest = nearest_to(name);
	char hint[80] = "`ip link' names the devices";

	if (device != NULL) {
		*ret_index = device->index;
		return true;
	}
	for (size_t i = 0; i < daemon->devices->count; i++)
		nearest_try(&nearest, daemon->devices->items[i].name);
	if (nearest.word != NULL)
		snprintf(hint, sizeof(hint), "did you mean `%s'?", nearest.word);
	return question_refuse(problem, hint, "in: there is no device `%.60s'", name);
}

/* The first address of that family, not of the loopback device. */
static bool first_address(const struct device *device, enum family family, struct address *ret_address)
{
	for (size_t i = 0; device != NULL && strcmp(device->name, "lo") != 0 && i < device->addresses.count; i++) {
		*ret_address = device->addresses.items[i].address;
		if (ret_address->family == family)
			return true;
	}
	return false;
}

/* An address of this machine: of the device that the packet comes in by, where there is one, else of any. */
static bool own_address(const struct daemon *daemon, uint32_t device, struct address *address,
	struct question_problem *problem)
{
	const struct devices *devices = daemon->devices;
	enum family family = address->family;
	bool found = first_address(devices_by_index(devices, device), family, address);

	for (size_t i = 0; i < devices->count && !found; i++)
		found = first_address(&devices->items[i], family, address);
	return found || question_refuse(problem, "name the address itself", "router: it has no address of this family");
}

static bool place_flow(struct daemon *daemon, const struct snapshot *snapshot, const struct question *question,
	struct asked *asked, struct question_problem *problem)
{
	struct flow *flow = &asked->flow;

	if (question->in != NULL && asked->from_router)
		return question_refuse(problem, "leave `in' out", "in: what this machine sends comes in by no device");
	if (question->in != NULL && !find_device(daemon, question->in, &flow->device, problem))
		return false;
	if (asked->from_router && !address_is_zero(&daemon->own_source[flow->from.family]))
		flow->from = daemon->own_source[flow->from.family];
	else if (asked->from_router && !own_address(daemon, 0, &flow->from, problem))
		return false;
	if (question->in == NULL)
		flow->device = arriving_device(daemon, flow);
	if (asked->to_router && !own_address(daemon, flow->device, &flow->to, problem))
		return false;
	flow->came_by = snapshot_came_by(snapshot, flow->device);
	flow->direct = goes_direct(daemon, snapshot, flow);
	if (flow->device == 0 && !flow->direct)
		flow->bound = own_source_bound(daemon, flow);
	return true;
}

/* Packets whose sender is reached another way are dropped where the kernel filters strictly by reverse path. */
static void hint_device(struct daemon *daemon, struct arena *arena, const struct question *question,
	const struct flow *flow, struct explanation *explanation)
{
	const struct device *known;

	if (question->in == NULL || flow->came_by != 0)
		return;
	if (is_local(daemon->devices, &flow->from)) {
		explanation_hint(arena, explanation, "%s is this machine's own address: it does not come in by %s",
			question->from, question->in);
		return;
	}
	known = devices_by_index(daemon->devices, arriving_device(daemon, flow));
	if (known != NULL && known->index != flow->device)
		explanation_hint(arena, explanation, "%s is reached by %s, not by %s: the kernel may drop it before any policy",
			question->from, known->name, question->in);
}

/* From outside only addresses that are not of the inside make sense. */
static void hint_outside(struct daemon *daemon, const struct snapshot *snapshot, struct arena *arena,
	const struct question *question, const struct flow *flow, struct explanation *explanation)
{
	struct flow back = { .to = flow->from };

	if (flow->came_by != 0 && goes_direct(daemon, snapshot, &back))
		explanation_hint(arena, explanation, "%s is an inside address, and %s is the device of a link", question->from,
			question->in == NULL ? "this" : question->in);
}

/* A snapshot as it would be at that minute of the week; NULL: no memory. */
static struct snapshot *snapshot_at(struct daemon *daemon, const struct snapshot *newest, uint16_t minute)
{
	struct link_view links[CONFIG_LINKS_MAX];
	struct view view = world_view(daemon, links);
	struct snapshot_parts parts = {
		.config = newest->config,
		.ids = newest->ids,
		.view = &view,
		.sticky = newest->sticky,
		.loads = newest->loads,
		.paths = newest->paths,
		.key = newest->key,
		.generation = newest->generation,
		.previous = newest,
	};

	view.minute = minute;
	return snapshot_new(&parts);
}

static int explain_at(struct daemon *daemon, struct arena *arena, const struct snapshot *snapshot,
	const struct asked *asked, struct explanation *explanation)
{
	struct snapshot *then = asked->timed ? snapshot_at(daemon, snapshot, asked->minute) : NULL;
	int error;

	if (asked->timed && then == NULL)
		return -ENOMEM;
	error = explain(arena, then == NULL ? snapshot : then, &asked->flow, verdicts_now_ms(), explanation);
	snapshot_free(then);
	return error;
}

struct question report_question(const struct control_request *request)
{
	return (struct question){
		.from = request->get(request, "from"),
		.to = request->get(request, "to"),
		.protocol = request->get(request, "protocol"),
		.from_port = request->get(request, "from-port"),
		.to_port = request->get(request, "to-port"),
		.icmp_type = request->get(request, "icmp-type"),
		.dscp = request->get(request, "dscp"),
		.at = request->get(request, "at"),
		.in = request->get(request, "in"),
	};
}

void report_refusal(struct control_answer *answer, const struct question_problem *problem)
{
	answer->status = 400;
	answer->document = json_pack("{s:s, s:s?}", "error", problem->text,
		"hint", problem->hint[0] == '\0' ? NULL : problem->hint);
}

void report_explain(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	/* Only this thread replaces snapshots, so the newest cannot go away under it. */
	const struct snapshot *snapshot = atomic_load(&verdicts_publisher(daemon->verdicts)->newest);
	struct question question = report_question(request);
	struct question_problem problem;
	struct explanation explanation;
	struct arena *arena;
	struct asked asked;

	if (!question_read(&question, &asked, &problem) || !place_flow(daemon, snapshot, &question, &asked, &problem)) {
		report_refusal(answer, &problem);
		return;
	}
	arena = arena_new();
	if (arena == NULL || explain_at(daemon, arena, snapshot, &asked, &explanation) < 0) {
		report_problem(answer, 500, "no memory");
	} else {
		hint_device(daemon, arena, &question, &asked.flow, &explanation);
		hint_outside(daemon, snapshot, arena, &question, &asked.flow, &explanation);
		answer->status = 200;
		answer->document = explain_document(&explanation);
	}
	arena_free(arena);
}
