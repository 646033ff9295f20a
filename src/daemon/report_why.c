/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the control socket: what was decided for real connections, and why, from record and connection tracking. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/explain_document.h"
#include "config/value.h"
#include "core/mark.h"
#include "core/nat.h"
#include "core/protocol.h"
#include "daemon/daemon.h"
#include "kernel/conntrack.h"

/* What one answer gathers at most, and what it may tell. */
#define FOUND_MAX  4096
#define FOUND_ROOM (2 * FOUND_MAX)
#define LAST_MAX   1000

/* Which connections are asked for. */
struct wanted {
	bool from_given, to_given, protocol_given, from_port_given, to_port_given;
	struct asked asked;
};

/* One decision, one connection, or both. */
struct found {
	bool recorded, alive;
	struct decision_record record;
	struct connection connection;
};

struct search {
	struct daemon *daemon;
	struct wanted wanted;
	struct found *found; /* FOUND_ROOM */
	size_t count, recorded;
	uint64_t oldest_ms;  /* what was decided before is not gathered any more */
	double began;    /* clock_began(), once for all */
	bool incomplete; /* older decisions are not on record */
};

/* Any part may be left out. */
static bool read_wanted(const struct control_request *request, struct wanted *wanted, struct question_problem *problem)
{
	struct question question = report_question(request);
	const char *from = question.from, *to = question.to;
	enum family family = IPV4;
	struct address address;

	*wanted = (struct wanted){
		.from_given = from != NULL, .to_given = to != NULL, .protocol_given = question.protocol != NULL,
		.from_port_given = question.from_port != NULL, .to_port_given = question.to_port != NULL,
	};
	if ((from != NULL && address_parse(from, &address)) || (to != NULL && address_parse(to, &address)))
		family = address.family;
	question = (struct question){
		.from = from != NULL ? from : family == IPV6 ? "::" : "0.0.0.0",
		.to = to != NULL ? to : family == IPV6 ? "::" : "0.0.0.0",
		.protocol = question.protocol != NULL ? question.protocol : "tcp",
		.from_port = question.from_port, .to_port = question.to_port,
	};
	if (!question_read(&question, &wanted->asked, problem))
		return false;
	return (!wanted->asked.from_router && !wanted->asked.to_router)
	       || question_refuse(problem, "name the address itself", "router: it may have had any of its addresses");
}

static bool matches(const struct wanted *wanted, const struct flow *flow)
{
	const struct flow *asked = &wanted->asked.flow;

	return (!wanted->from_given || address_equal(&asked->from, &flow->from))
	       && (!wanted->to_given || address_equal(&asked->to, &flow->to))
	       && (!wanted->protocol_given || asked->protocol == flow->protocol)
	       && (!wanted->from_port_given || (flow->ports && asked->from_port == flow->from_port))
	       && (!wanted->to_port_given || (flow->ports && asked->to_port == flow->to_port));
}

static bool is_about(const struct decision_record *record, const struct flow *flow)
{
	return record->from_port == flow->from_port && record->to_port == flow->to_port
	       && record->protocol == flow->protocol && ((record->flags & RECORD_IPV6) != 0) == (flow->family == IPV6)
	       && memcmp(record->from, flow->from.bytes, sizeof(record->from)) == 0
	       && memcmp(record->to, flow->to.bytes, sizeof(record->to)) == 0;
}

/* The newest first. */
static int compare_found(const void *a, const void *b)
{
	const struct found *left = a, *right = b;

	return left->record.at_ms < right->record.at_ms ? 1 : left->record.at_ms > right->record.at_ms ? -1 : 0;
}

/* Leaves the newest. */
static void cut(struct search *search)
{
	qsort(search->found, search->count, sizeof(*search->found), compare_found);
	if (search->count < FOUND_MAX)
		return;
	search->count = FOUND_MAX;
	search->oldest_ms = search->found[FOUND_MAX - 1].record.at_ms;
}

/* Each thread's records come newest first. */
static bool add_record(const struct decision_record *record, void *data)
{
	struct flow flow = decision_record_flow(record);
	struct search *search = data;

	if (record->at_ms < search->oldest_ms)
		return false;
	if (!matches(&search->wanted, &flow))
		return true;
	search->found[search->count++] = (struct found){ .recorded = true, .record = *record };
	if (search->count == FOUND_ROOM)
		cut(search);
	return true;
}

/* The newest decision on these ends is the one that this connection lives by. */
static bool add_connection(const struct connection *connection, void *data)
{
	struct search *search = data;
	struct mark_layout layout = mark_layout_of(&search->daemon->generation->config->kernel);

	if (mark_class(layout, connection->mark) == MARK_CLASS_CHECK || !matches(&search->wanted, &connection->flow))
		return true;
	for (size_t i = 0; i < search->recorded; i++) {
		struct found *found = &search->found[i];

		if (!is_about(&found->record, &connection->flow))
			continue;
		found->alive = true;
		found->connection = *connection;
		return true;
	}
	search->found[search->count++] = (struct found){ .alive = true, .connection = *connection };
	return search->count < FOUND_ROOM;
}

static void find(struct search *search)
{
	struct mark_layout layout = mark_layout_of(&search->daemon->generation->config->kernel);

	search->incomplete = verdicts_records(search->daemon->verdicts, add_record, search);
	cut(search);
	search->recorded = search->count;
	conntrack_list(search->daemon->conntrack, mark_policy_mask(layout), add_connection, search);
}

static const char *name_of(const struct daemon *daemon, enum name_kind kind, unsigned int id, uint32_t generation)
{
	const char *name = names_find(&daemon->names, kind, id, generation);

	if (name != NULL)
		return name;
	switch (kind) {
	case NAME_POLICY:
		return report_policy_name(daemon->generation, id);
	case NAME_LINK:
		return report_link_name(daemon->generation, id);
	case NAME_CLASS:
		return report_class_name(daemon->generation, id);
	}
	return NULL;
}

static void fill_link(const struct daemon *daemon, struct arena *arena, const struct decision_record *record, uint8_t id,
	unsigned int chosen, struct explained_link *link)
{
	bool eligible = (record->candidates & record->eligible) >> id & 1, scored = !eligible;
	bool reserve = (~record->candidates & record->eligible) >> id & 1;

	*link = (struct explained_link){ .name = name_of(daemon, NAME_LINK, id, record->generation), .eligible = eligible };
	for (uint8_t i = 0; i < record->score_count; i++) {
		if (record->score_links[i] != id)
			continue;
		link->score = (double)record->scores[i];
		scored = true;
	}
	link->reason = explain_candidate(arena, eligible, id == chosen, (record->flags & RECORD_STICKY) != 0,
		reserve ? record->tier : 0);
	if (!scored && id != chosen)
		link->reason = "usable; not among the best, whose scores are kept";
}

static int tell_links(const struct daemon *daemon, struct arena *arena, const struct decision_record *record,
	struct explanation *explanation)
{
	struct mark_layout layout = mark_layout_of(&daemon->generation->config->kernel);
	unsigned int chosen = mark_link(layout, record->mark);

	explanation->links = arena_array(arena, CONFIG_LINKS_MAX, sizeof(*explanation->links));
	if (explanation->links == NULL)
		return -ENOMEM;
	for (uint8_t id = 1; id <= MARK_LINK_MAX; id++) {
		if (((record->candidates | record->eligible) >> id & 1) != 0 && explanation->link_count < CONFIG_LINKS_MAX)
			fill_link(daemon, arena, record, id, chosen, &explanation->links[explanation->link_count++]);
	}
	return 0;
}

/* Of a policy and a link that are in force. */
static const char *nat_words(struct arena *arena, const struct snapshot *snapshot, const struct flow *flow,
	const struct decision_record *record, const char *policy)
{
	int index = policy == NULL ? -1 : config_policy(snapshot->config, policy);
	struct decision decision = { .policy = index < 0 ? NO_POLICY : (size_t)index,
		.link = (uint8_t)mark_link(snapshot->layout, record->mark) };

	return explain_nat_words(arena, snapshot, flow, &decision);
}

/* While the generation that decided is in force the same walk is taken again; else only its end is known. */
static int tell_steps(struct daemon *daemon, struct arena *arena, const struct decision_record *record,
	struct explanation *explanation)
{
	const struct snapshot *snapshot = atomic_load(&verdicts_publisher(daemon->verdicts)->newest);
	struct flow flow = decision_record_flow(record);
	struct explanation again = { .policy = NULL };

	if (record->generation == snapshot->generation
	    && explain(arena, snapshot, &flow, verdicts_now_ms(), &again) < 0)
		return -ENOMEM;
	if (record->generation == snapshot->generation && again.policy == explanation->policy) {
		explanation->nat = nat_words(arena, snapshot, &flow, record, explanation->policy);
		explanation->steps = again.steps;
		explanation->step_count = again.step_count;
		return 0;
	}
	explanation_origin(arena, explanation, &flow,
		name_of(daemon, NAME_LINK, flow.came_by != 0 ? flow.came_by : flow.bound, record->generation));
	explanation_step(arena, explanation, "configuration or links have changed since: what did not match is no longer known");
	if (explanation->policy != NULL)
		explanation_step(arena, explanation, "%s: matches", explanation->policy);
	else
		explanation_step(arena, explanation, "no policy matches: as the main routing table says");
	return 0;
}

/* Without the addresses, which only the configuration that decided has. */
static const char *nat_word(const struct decision_record *record)
{
	if ((record->flags & RECORD_FORWARDS) != 0)
		return "destination";
	return nat_kind_name((enum nat_kind)record->nat);
}

static int tell_record(struct daemon *daemon, struct arena *arena, const struct decision_record *record,
	struct explanation *explanation)
{
	struct mark_layout layout = mark_layout_of(&daemon->generation->config->kernel);
	unsigned int policy = mark_policy(layout, record->mark), link = mark_link(layout, record->mark);
	struct explained_way way = {
		.no_policy = policy == MARK_POLICY_NONE,
		.from_link = record->came_by != 0 && (record->came_by & RECORD_BOUND) == 0,
		.bound = (record->came_by & RECORD_BOUND) != 0,
		.direct = (record->flags & RECORD_DIRECT) != 0,
		.sticky = (record->flags & RECORD_STICKY) != 0,
		.by_packet = policy != MARK_POLICY_NONE && link == MARK_LINK_BY_PACKET,
		.none_usable = (record->flags & RECORD_NONE_USABLE) != 0,
		.action = (enum action)record->action,
		.policy_refuses = (record->flags & RECORD_POLICY_REFUSES) != 0,
	};

	explanation->policy = way.no_policy ? NULL : name_of(daemon, NAME_POLICY, policy, record->generation);
	explanation->action = way.action;
	explanation->link = link <= MARK_LINK_MAX ? name_of(daemon, NAME_LINK, link, record->generation) : NULL;
	explanation->balanced = !way.no_policy && way.action == ACTION_ALLOW;
	explanation->algorithm = (enum algorithm)record->algorithm;
	explanation->reason = explain_reason(&way);
	explanation->nat = nat_word(record);
	if (way.action == ACTION_ALLOW)
		explanation->qos = name_of(daemon, NAME_CLASS, mark_class(layout, record->mark), record->generation);
	if (tell_links(daemon, arena, record, explanation) < 0)
		return -ENOMEM;
	return tell_steps(daemon, arena, record, explanation);
}

/* Policies that no configuration has any more keep their numbers in the state. */
static const char *old_policy_name(const struct daemon *daemon, unsigned int id)
{
	const char *name = report_policy_name(daemon->generation, id);

	for (size_t i = 0; i < daemon->state.policy_count && name == NULL; i++) {
		if (daemon->state.policies[i].id == id)
			name = daemon->state.policies[i].name;
	}
	return name;
}

/* Only the mark is left: the kernel's fallback sets it as we do. */
static void tell_mark(struct daemon *daemon, struct arena *arena, const struct search *search, uint32_t mark,
	struct explanation *explanation)
{
	struct mark_layout layout = mark_layout_of(&daemon->generation->config->kernel);
	unsigned int link = mark_link(layout, mark);

	explanation->policy = old_policy_name(daemon, mark_policy(layout, mark));
	explanation->link = report_link_name(daemon->generation, link);
	explanation->action = link == MARK_LINK_DROP ? ACTION_DROP : link == MARK_LINK_REJECT ? ACTION_REJECT : ACTION_ALLOW;
	explanation->reason = search->incomplete ? "decided by the kernel alone, or longer ago than the record reaches"
	                                         : "decided by the kernel alone";
	explanation->qos = report_class_name(daemon->generation, mark_class(layout, mark));
	if (link == MARK_LINK_BY_PACKET)
		explanation_step(arena, explanation, "it is spread by packet");
	explanation_step(arena, explanation, "there is no record of it: policy and link are what its mark says");
	explanation_step(arena, explanation, "the kernel decides where uplinkd does not answer in time; "
		"what was decided before uplinkd started is not on record either");
}

static json_t *report_ends(const struct flow *flow)
{
	char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];

	return json_pack("{s:s, s:i, s:s, s:i}", "from", address_format(&flow->from, from, sizeof(from)),
		"from_port", flow->ports ? flow->from_port : 0, "to", address_format(&flow->to, to, sizeof(to)),
		"to_port", flow->ports ? flow->to_port : 0);
}

static json_t *report_connection(const struct found *found)
{
	const struct connection *connection = &found->connection;

	if (!found->alive)
		return json_null();
	return json_pack("{s:s, s:b, s:I, s:o}", "state", connection->state, "answered", connection->established,
		"bytes", (json_int_t)connection->bytes, "outside", report_ends(&connection->outside));
}

/* When the clock that decisions go by began, by the clock that people use. */
static double clock_began(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)verdicts_now_ms() / 1000;
}

/* NULL: no memory. */
static json_t *report_found(struct search *search, const struct found *found)
{
	struct flow flow = found->recorded ? decision_record_flow(&found->record) : found->connection.flow;
	struct explanation explanation;
	struct arena *arena = arena_new();
	json_t *document = NULL;
	char number[8];

	if (arena == NULL || explanation_open(arena, &explanation) < 0)
		goto cleanup;
	if (!found->recorded)
		tell_mark(search->daemon, arena, search, found->connection.mark, &explanation);
	else if (tell_record(search->daemon, arena, &found->record, &explanation) < 0)
		goto cleanup;
	document = explain_document(&explanation);
	json_object_update_new(document, report_ends(&flow));
	json_object_set_new(document, "protocol", json_string(report_protocol_name(flow.protocol, number, sizeof(number))));
	json_object_set_new(document, "when",
		found->recorded ? json_real(search->began + (double)found->record.at_ms / 1000) : json_null());
	json_object_set_new(document, "recorded", json_boolean(found->recorded));
	json_object_set_new(document, "connection", report_connection(found));

cleanup:
	arena_free(arena);
	return document;
}

static json_t *report_list(struct search *search, size_t last)
{
	json_t *list = json_array();

	for (size_t i = 0; i < search->count && i < last; i++)
		json_array_append_new(list, report_found(search, &search->found[i]));
	return list;
}

static bool read_last(const char *text, size_t *ret_last, struct question_problem *problem)
{
	uint64_t number = 1;

	if (text != NULL && (value_read(text, UNIT_NONE, &number) != VALUE_FINE || number == 0 || number > LAST_MAX))
		return question_refuse(problem, "write a number from 1 to 1000", "last: `%.60s' is no number of connections", text);
	*ret_last = (size_t)number;
	return true;
}

void report_why(void *data, const struct control_request *request, struct control_answer *answer)
{
	const char *last_text = request->get(request, "last");
	struct search search = { .daemon = data, .began = clock_began() };
	struct question_problem problem;
	size_t last;

	if (!read_wanted(request, &search.wanted, &problem) || !read_last(last_text, &last, &problem)) {
		report_refusal(answer, &problem);
		return;
	}
	search.found = calloc(FOUND_ROOM, sizeof(*search.found));
	if (search.found == NULL) {
		report_problem(answer, 500, "no memory");
		return;
	}
	find(&search);
	answer->status = 200;
	if (last_text != NULL)
		answer->document = report_list(&search, last);
	else if (search.count > 0)
		answer->document = report_found(&search, &search.found[0]);
	else
		report_problem(answer, 404, "no such connection lives%s", search.incomplete
			? ", and none is on record; older decisions are forgotten (decisions.record)"
			: ", and none was decided since uplinkd started");
	free(search.found);
}
