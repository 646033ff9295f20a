/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the control socket: status, links, policies, events, reload, ruleset, mail. */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/mark.h"
#include "daemon/daemon.h"
#include "daemon/measure.h"
#include "daemon/quota.h"
#include "kernel/conntrack.h"
#include "kernel/queue.h"
#include "kernel/routes.h"
#include "service/spool.h"

void report_problem(struct control_answer *answer, unsigned int status, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	answer->status = status;
	answer->document = json_pack("{s:s}", "error", text);
}

static void report_document(struct control_answer *answer, json_t *document)
{
	answer->status = 200;
	answer->document = document;
}

struct tally {
	struct mark_layout layout;
	json_int_t links[1 << MARK_LINK_BITS];
};

static bool tally_connection(const struct connection *connection, void *data)
{
	struct tally *tally = data;

	if (mark_class(tally->layout, connection->mark) != MARK_CLASS_CHECK)
		tally->links[mark_link(tally->layout, connection->mark)]++;
	return true;
}

static struct tally count_connections(struct daemon *daemon)
{
	struct tally tally = { .layout = mark_layout_of(&daemon->generation->config->kernel) };

	conntrack_list(daemon->conntrack, mark_link_mask(tally.layout), tally_connection, &tally);
	return tally;
}

static json_t *milliseconds(uint32_t us)
{
	return us == 0 ? json_null() : json_real((double)us / 1000);
}

static json_t *report_link(const struct link_run *run, const struct tally *tally)
{
	bool down = run->health.state == LINK_DOWN;
	unsigned int weight = run->view.weight != 0 ? run->view.weight : run->link->weight;
	json_t *document;

	document = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:f, s:I, s:I, s:I, s:I, s:b, s:i, s:o, s:o}",
		"name", run->link->name,
		"device", run->link->device,
		"state", duty_state_text(run),
		"since", (json_int_t)run->since,
		"reason", duty_reason_text(run),
		"finding", finding_name(run->finding),
		"latency_ms", milliseconds(health_latency_us(&run->health)),
		"loss", (double)health_loss_permille(&run->health) / 1000,
		"download_bps", (json_int_t)meter_rate_bps(&run->meter, DOWNLOAD),
		"upload_bps", (json_int_t)meter_rate_bps(&run->meter, UPLOAD),
		"connections", tally->links[run->id],
		"active", (json_int_t)atomic_load(&loads_of(run->daemon->loads, run->id)->connections),
		"suspect", run->suspicion.verdict == SUSPECT_LINK,
		"weight", (int)weight,
		"down_for_s", down ? json_integer(time(NULL) - run->since) : json_null(),
		"drain_until", run->drain_until == 0 ? json_null() : json_integer(run->drain_until));
	ground_report(document, run);
	measure_report(document, run);
	json_object_set_new(document, "flapping", json_boolean(run->damping.suppressed));
	json_object_set_new(document, "probe_bytes", json_integer((json_int_t)run->probe_bytes));
	json_object_set_new(document, "quota", quota_report(run));
	return document;
}

json_t *report_links(struct daemon *daemon)
{
	struct tally tally = count_connections(daemon);
	json_t *list = json_array();

	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		json_array_append_new(list, report_link(&daemon->links[i], &tally));
	return list;
}

json_int_t report_connections(struct daemon *daemon, const char *link)
{
	struct tally tally = count_connections(daemon);
	int index = config_link(daemon->generation->config, link);

	return index < 0 ? 0 : tally.links[daemon->generation->ids.links[index]];
}

static void answer_links(void *data, const struct control_request *request, struct control_answer *answer)
{
	(void)request;
	report_document(answer, report_links(data));
}

static const char *overall(const struct daemon *daemon)
{
	if (!links_any_usable(daemon))
		return "down";
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		if (daemon->links[i].health.state != LINK_UP && daemon->links[i].duty == DUTY_SERVES)
			return "degraded";
	}
	return "up";
}

/* When the whole last changed: the newest change of a link, or our start. */
static time_t last_change(const struct daemon *daemon)
{
	time_t last = daemon->started;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		if (daemon->links[i].since > last)
			last = daemon->links[i].since;
	}
	return last;
}

static json_t *report_queue(const struct daemon *daemon)
{
	const struct kernel_settings *kernel = &daemon->generation->config->kernel;
	struct queue_figures figures;

	/* Only root can read them. */
	if (queue_figures_read(kernel->first_queue, (uint16_t)(2 * kernel->queues), &figures) < 0)
		return json_pack("{s:n, s:n, s:n}", "held", "dropped", "user_dropped");
	return json_pack("{s:I, s:I, s:I}", "held", (json_int_t)figures.held, "dropped", (json_int_t)figures.dropped,
		"user_dropped", (json_int_t)figures.user_dropped);
}

static json_int_t waiting_mail(const struct daemon *daemon)
{
	char folder[4096], **names;
	size_t count;

	if (spool_list(tell_spool(daemon, folder, sizeof(folder)), &names, &count) < 0)
		return 0;
	spool_names_free(names, count);
	return (json_int_t)count;
}

static void answer_status(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	uint64_t fallbacks = 0;

	(void)request;
	ruleset_counter(daemon->nftables, daemon->plan->ruleset.table, PLAN_FALLBACKS, &fallbacks);
	report_document(answer, json_pack("{s:s, s:s, s:I, s:I, s:o, s:I, s:I, s:i, s:o, s:{s:I}, s:o, s:b}",
		"version", VERSION,
		"state", overall(daemon),
		"uptime_s", (json_int_t)(time(NULL) - daemon->started),
		"since", (json_int_t)last_change(daemon),
		"links", report_links(daemon),
		"decisions", (json_int_t)verdicts_decisions(daemon->verdicts),
		"fallbacks", (json_int_t)fallbacks,
		"policy_count", (int)daemon->generation->config->policy_count,
		"queue", report_queue(daemon),
		"mail", "waiting", waiting_mail(daemon),
		"trial", report_trial(daemon),
		"rolled_back", daemon->trial.undone));
}

static bool tally_bytes(const struct connection *connection, void *data)
{
	struct { struct mark_layout layout; uint64_t *bytes; } *sum = data;

	sum->bytes[mark_policy(sum->layout, connection->mark)] += connection->bytes;
	return true;
}

/* What the kernel refused alone: what was refused a moment before, and connections over a limit. */
static uint64_t refused_by_kernel(struct daemon *daemon, size_t index, bool keeps_answers)
{
	const struct policy *policy = &daemon->generation->config->policies[index];
	uint64_t count = 0, sum = 0;
	char name[32];

	snprintf(name, sizeof(name), "%s-%u", PLAN_REFUSED, daemon->generation->ids.policies[index]);
	if (keeps_answers && plan_keeps_answers_of(policy) &&
		ruleset_counter(daemon->nftables, daemon->plan->ruleset.table, name, &count) == 0)
		sum += count;
	snprintf(name, sizeof(name), "%s-%u", PLAN_OVER, daemon->generation->ids.policies[index]);
	if (limits_connections(&policy->limits) &&
		ruleset_counter(daemon->nftables, daemon->plan->ruleset.table, name, &count) == 0)
		sum += count;
	return sum;
}

/* Packets by link, of a policy that spreads them; else null. */
static json_t *report_packets(struct daemon *daemon, size_t index)
{
	const struct generation *generation = daemon->generation;
	const struct policy *policy = &generation->config->policies[index];
	json_t *links;

	if (policy->action != ACTION_ALLOW || policy->balance.algorithm != ALGORITHM_BY_PACKET)
		return json_null();
	links = json_object();
	for (size_t i = 0; i < policy->balance.count; i++) {
		size_t link = policy->balance.choices[i].link;
		uint64_t count = 0;
		char name[32];

		snprintf(name, sizeof(name), "%s-%u-%u", PLAN_PACKETS, generation->ids.policies[index], generation->ids.links[link]);
		ruleset_counter(daemon->nftables, daemon->plan->ruleset.table, name, &count);
		json_object_set_new(links, generation->config->links[link].name, json_integer((json_int_t)count));
	}
	return links;
}

static json_t *report_policy(struct daemon *daemon, size_t index, bool keeps_answers, uint64_t bytes)
{
	const struct config *config = daemon->generation->config;
	unsigned int id = daemon->generation->ids.policies[index];
	uint64_t refused = verdicts_count(daemon->verdicts, id, MARK_LINK_DROP)
	                   + verdicts_count(daemon->verdicts, id, MARK_LINK_REJECT)
	                   + refused_by_kernel(daemon, index, keeps_answers);
	uint64_t all = verdicts_count(daemon->verdicts, id, MARK_LINK_DIRECT)
	               + verdicts_count(daemon->verdicts, id, MARK_LINK_BY_PACKET);
	json_t *links = json_object(), *link_bytes = tick_bytes(daemon, index), *answer;

	for (size_t i = 0; i < config->link_count; i++) {
		uint64_t count = verdicts_count(daemon->verdicts, id, daemon->generation->ids.links[i]);

		all += count;
		json_object_set_new(links, config->links[i].name, json_integer((json_int_t)count));
	}
	answer = json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o}", "name", config->policies[index].name,
		"action", config_action_name(config->policies[index].action), "connections", (json_int_t)all,
		"dropped", (json_int_t)refused, "bytes", (json_int_t)bytes, "links", links, "packets",
		report_packets(daemon, index));
	if (link_bytes != NULL)
		json_object_set_new(answer, "link_bytes", link_bytes);
	return answer;
}

static void answer_policies(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	struct { struct mark_layout layout; uint64_t *bytes; } sum = {
		mark_layout_of(&daemon->generation->config->kernel), calloc(1u << MARK_POLICY_BITS, sizeof(uint64_t)) };
	bool keeps_answers = plan_keeps_answers(daemon->generation->config);
	json_t *list = json_array();

	(void)request;
	if (sum.bytes != NULL)
		conntrack_list(daemon->conntrack, mark_policy_mask(sum.layout), tally_bytes, &sum);
	for (size_t i = 0; i < daemon->generation->config->policy_count; i++)
		json_array_append_new(list, report_policy(daemon, i, keeps_answers,
			sum.bytes == NULL ? 0 : sum.bytes[daemon->generation->ids.policies[i]]));
	free(sum.bytes);
	report_document(answer, list);
}

static void answer_events(void *data, const struct control_request *request, struct control_answer *answer)
{
	const char *limit = request->get(request, "limit");
	struct daemon *daemon = data;

	report_document(answer, events_list(daemon->events, limit == NULL ? EVENTS_KEPT : strtoul(limit, NULL, 10)));
}

json_t *report_errors(const struct config_errors *errors)
{
	json_t *list = json_array();

	for (size_t i = 0; i < errors->count; i++) {
		const struct config_error *error = &errors->items[i];

		json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:s, s:s?, s:s?}", "file", error->file, "line",
			(int)error->line, "column", (int)error->column, "message", error->message, "hint", error->hint,
			"source", error->source));
	}
	return list;
}

static void answer_reload(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	struct config_errors errors = { 0 };
	char message[512] = "";
	int error = reload(daemon, &errors, message, sizeof(message));

	(void)request;
	if (error == 0) {
		report_document(answer, json_pack("{s:i, s:i, s:b}", "links", (int)daemon->generation->config->link_count,
			"policies", (int)daemon->generation->config->policy_count, "changed", 1));
	} else if (error == -EINVAL) {
		report_load_errors(daemon, &errors, answer);
	} else {
		report_problem(answer, error == -EBUSY ? 409 : 500, "%s", message);
	}
	config_errors_free(&errors);
}

enum part {
	PART_RULESET,
	PART_ROUTING,
	PART_SHAPING,
};

/* What a printer writes, as a JSON string. */
static json_t *printed(struct daemon *daemon, enum part part)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	json_t *string;

	if (out == NULL)
		return json_null();
	switch (part) {
	case PART_RULESET:
		ruleset_print(out, &daemon->plan->ruleset, &daemon->features);
		break;
	case PART_ROUTING:
		routes_print(out, daemon->plan);
		break;
	case PART_SHAPING:
		shaper_print(out, &daemon->plan->shaper, &daemon->shaping.features);
		break;
	}
	fclose(out);
	string = json_string(text);
	free(text);
	return string == NULL ? json_null() : string;
}

static void answer_ruleset(void *data, const struct control_request *request, struct control_answer *answer)
{
	(void)request;
	report_document(answer, json_pack("{s:o, s:o, s:o}", "nftables", printed(data, PART_RULESET), "routing",
		printed(data, PART_ROUTING), "shaping", printed(data, PART_SHAPING)));
}

static void answer_classes(void *data, const struct control_request *request, struct control_answer *answer)
{
	(void)request;
	report_document(answer, shape_report(data));
}

static void answer_test_mail(void *data, const struct control_request *request, struct control_answer *answer)
{
	tell_test(data, request, answer);
}

const struct control_verb report_verbs[] = {
	{ "/status", false, answer_status },
	{ "/links", false, answer_links },
	{ "/policies", false, answer_policies },
	{ "/flows", false, report_flows },
	{ "/paths", false, report_paths },
	{ "/blocked", false, report_blocked },
	{ "/unblock", true, report_unblock },
	{ "/sticky", false, report_sticky },
	{ "/sticky-forget", true, report_sticky_forget },
	{ "/classes", false, answer_classes },
	{ "/explain", false, report_explain },
	{ "/why", false, report_why },
	{ "/diff", false, report_diff },
	{ "/config", false, report_config },
	{ "/events", false, answer_events },
	{ "/ruleset", false, answer_ruleset },
	{ "/use", false, report_use },
	{ "/diagnose", false, report_diagnose },
	{ "/drain", true, report_drain },
	{ "/disable", true, report_disable },
	{ "/enable", true, report_enable },
	{ "/reload", true, answer_reload },
	{ "/try", true, report_try },
	{ "/confirm", true, report_confirm },
	{ "/rollback", true, report_rollback },
	{ "/test-mail", true, answer_test_mail },
	{ NULL, false, NULL },
};
