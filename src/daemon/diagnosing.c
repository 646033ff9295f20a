/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks for what is wrong with links that fail, and keeps what was found. */

#include "daemon/diagnosing.h"

#include <errno.h>
#include <string.h>

#include "core/mark.h"
#include "daemon/daemon.h"

/* How long an answer may take: so many of the link's round trips and a second, but not longer than a mail waits. */
#define TRIPS           4
#define PATIENCE_MS     1000
#define PATIENCE_MAX_MS 2500
#define MAIL_WAITS_MS   3000

/* Links that fail together are looked at so many at a time: questions need descriptors. */
#define AT_ONCE 4

/* While a link is down it is looked at again: what is wrong may change. */
#define AGAIN_MS     60000
#define AGAIN_MAX_MS 3600000

static uint32_t patience(const struct link_run *run)
{
	uint64_t ms = PATIENCE_MS + TRIPS * (uint64_t)run->health.smoothed_us / 1000;

	return ms > PATIENCE_MAX_MS ? PATIENCE_MAX_MS : (uint32_t)ms;
}

static bool has_family(const struct link_run *run, enum family family)
{
	for (size_t i = 0; i < run->view.addresses.count; i++) {
		if (run->view.addresses.items[i].address.family == family)
			return true;
	}
	return false;
}

static bool names_gateway(const struct link_run *run, enum family family)
{
	return run->view.gateway_known[family] && !address_is_zero(&run->view.gateway[family]);
}

static struct diagnose_way way_of(struct link_run *run)
{
	struct mark_layout layout = mark_layout_of(&run->daemon->generation->config->kernel);
	struct diagnose_way way = { .mark = mark_make(layout, run->id, MARK_CLASS_CHECK, MARK_POLICY_NONE),
		.bytes = &run->probe_bytes, .works = run->view.usable };

	strncpy(way.device, run->link->device, sizeof(way.device) - 1);
	for (enum family family = IPV4; family <= IPV6; family++) {
		way.names_gateway[family] = names_gateway(run, family);
		way.gateway[family] = run->view.gateway[family];
		way.mtu[family] = run->view.mtu[family];
	}
	return way;
}

/* Whether other can be compared with: by what is known of it before it is asked. */
static bool is_comparable(const struct link_run *run, const struct link_run *other)
{
	return other != run && other->health.ground == GROUND_READY && other->duty != DUTY_DISABLED;
}

static void add_foreign(struct diagnose_request *request, const struct link_run *run, const struct target *target)
{
	bool packet = target->kind == TARGET_PING || target->kind == TARGET_TCP;

	for (size_t i = 0; i < request->target_count; i++)
		packet = packet && !target_equal(&request->targets[i], target);
	for (size_t i = 0; i < request->foreign_count; i++)
		packet = packet && !target_equal(&request->foreign[i], target);
	if (packet && run->view.gateway_known[target->address.family] && request->foreign_count < DIAGNOSE_FOREIGN_MAX)
		request->foreign[request->foreign_count++] = *target;
}

/* Those that work come first. */
static void add_others(struct diagnose_request *request, struct link_run *run, bool usable)
{
	struct daemon *daemon = run->daemon;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *other = &daemon->links[i];

		if (!is_comparable(run, other) || other->view.usable != usable)
			continue;
		for (size_t j = 0; j < other->link->check.count; j++)
			add_foreign(request, run, &other->link->check.targets[j]);
		if (request->other_count < DIAGNOSE_OTHERS_MAX)
			request->others[request->other_count++] = way_of(other);
	}
}

/* Name servers of this machine that are not on it, and that the link has a way to. */
static void add_servers(const struct link_run *run, struct evidence *known)
{
	const struct daemon *daemon = run->daemon;
	static const struct network loopback = { { IPV4, { 127 } }, 8 };

	for (size_t i = 0; i < daemon->servers.count && known->server_count < EVIDENCE_SERVERS_MAX; i++) {
		const struct address *address = &daemon->servers.items[i].address;
		bool own = network_contains(&loopback, address);

		for (size_t j = 0; j < daemon->devices->local.count; j++)
			own |= address_equal(&daemon->devices->local.items[j].address, address);
		if (!own && run->view.gateway_known[address->family])
			known->servers[known->server_count++].address = *address;
	}
}

static struct evidence what_is_known(const struct link_run *run)
{
	struct evidence known = { .ground = run->health.ground, .need = run->link->check.need };

	for (enum family family = IPV4; family <= IPV6; family++) {
		struct family_evidence *found = &known.families[family];

		found->has_address = has_family(run, family);
		found->has_gateway = run->view.gateway_known[family];
		found->names_gateway = names_gateway(run, family);
		found->gateway = run->view.gateway[family];
	}
	add_servers(run, &known);
	return known;
}

static int gather(struct link_run *run, bool thorough, diagnose_done done, struct diagnose **ret_diagnose)
{
	const struct check *check = &run->link->check;
	struct evidence known = what_is_known(run);
	struct diagnose_request request = { .way = way_of(run), .targets = check->targets, .target_count = check->count,
		.patience_ms = patience(run), .thorough = thorough,
		.public_url = thorough ? check->public_url : NULL };

	add_others(&request, run, true);
	add_others(&request, run, false);
	return diagnose_new(run->daemon->loop, &request, &known, done, run, ret_diagnose);
}

static size_t count_gathering(const struct daemon *daemon)
{
	size_t count = 0;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		count += daemon->links[i].diagnosis.gathering != NULL || daemon->links[i].diagnosis.reporting != NULL;
	return count;
}

/* It tells of the failure, also where that is over by now: who tells of the end comes after. */
static void send_mail(struct link_run *run)
{
	struct health health = run->health;
	bool usable = run->view.usable;

	if (!run->diagnosis.mail_waits)
		return;
	run->diagnosis.mail_waits = false;
	if (run->duty == DUTY_DISABLED)
		return;
	if (health.state != LINK_DOWN) {
		run->health.state = LINK_DOWN;
		run->health.cause = CAUSE_CHECKS;
		run->view.usable = false;
	}
	tell_link(run->daemon, run, run->diagnosis.mail_before);
	run->health = health;
	run->view.usable = usable;
}

static void keep_finding(struct link_run *run, enum finding finding, const char *text)
{
	const char *cause = run->diagnosis.cause == CAUSE_CHECKS && text[0] != '\0' ? link_cause_text(CAUSE_CHECKS) : "";

	run->finding = finding;
	snprintf(run->diagnosis.reason, sizeof(run->diagnosis.reason), "%s%s%s", cause, cause[0] == '\0' ? "" : ": ", text);
}

static void set_finding(struct link_run *run, enum finding finding, const char *text)
{
	bool news = finding != run->finding;

	keep_finding(run, finding, text);
	if (news && finding != FINDING_NONE)
		events_add(run->daemon->events, EVENT_LINK, EVENT_WARNING, run->link->name, "link %s: %s", run->link->name, text);
}

static void take_finding(struct link_run *run, const struct evidence *evidence)
{
	enum finding finding = diagnosis_find(evidence);
	char text[DIAGNOSIS_TEXT_MAX];

	/* It answers again: the next rounds of checks say so, too. */
	if (finding != FINDING_NONE)
		set_finding(run, finding, diagnosis_text(finding, evidence, text, sizeof(text)));
	else if (run->finding == FINDING_NONE && run->health.good_in_row == 0)
		set_finding(run, FINDING_UNKNOWN, "unknown: all was answered when it was looked at");
	send_mail(run);
}

static void look_at_others(struct daemon *daemon);

static void on_gathered(void *data, const struct evidence *gathered)
{
	struct link_run *run = data;
	struct evidence evidence = *gathered; /* it goes with who gathered it */

	diagnose_free(run->diagnosis.gathering);
	run->diagnosis.gathering = NULL;
	take_finding(run, &evidence);
	look_at_others(run->daemon);
}

/* What cannot be begun now is tried again by the second. */
static void look(struct link_run *run)
{
	struct link_diagnosis *diagnosis = &run->diagnosis;
	uint64_t now_ms = verdicts_now_ms();

	if (diagnosis->gathering != NULL || count_gathering(run->daemon) >= AT_ONCE)
		return;
	if (gather(run, false, on_gathered, &diagnosis->gathering) < 0)
		return;
	diagnosis->ends_ms = now_ms + patience(run);
	diagnosis->due_ms = now_ms + diagnosis->pause_ms;
	diagnosis->pause_ms = diagnosis->pause_ms >= AGAIN_MAX_MS / 2 ? AGAIN_MAX_MS : diagnosis->pause_ms * 2;
}

/* Those that had to wait, or whose time has come again. */
static void look_at_others(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];

		if (run->diagnosis.cause == CAUSE_CHECKS && verdicts_now_ms() >= run->diagnosis.due_ms)
			look(run);
	}
}

/* Whether what is gathered comes too late for the mail. */
static bool mail_is_due(const struct link_diagnosis *diagnosis, uint64_t now_ms)
{
	bool in_time = diagnosis->gathering != NULL && diagnosis->ends_ms <= diagnosis->mail_due_ms;

	return !in_time && now_ms + 1000 > diagnosis->mail_due_ms;
}

static void stop_looking(struct link_run *run)
{
	diagnose_free(run->diagnosis.gathering);
	run->diagnosis.gathering = NULL;
}

void diagnosing_follow(struct link_run *run)
{
	enum link_cause cause = run->health.state == LINK_DOWN ? run->health.cause : CAUSE_NONE;
	enum finding finding = cause == CAUSE_NONE ? FINDING_NONE : diagnosis_of_ground(run->health.ground);
	struct link_diagnosis *diagnosis = &run->diagnosis;
	char text[DIAGNOSIS_TEXT_MAX];

	if (cause == diagnosis->cause)
		return;
	stop_looking(run);
	if (cause == CAUSE_NONE)
		send_mail(run);
	diagnosis->cause = cause;
	if (cause != CAUSE_CHECKS) {
		/* The event of the link's new state has named it already. */
		keep_finding(run, finding, diagnosis_text(finding, NULL, text, sizeof(text)));
		send_mail(run);
		return;
	}
	keep_finding(run, FINDING_NONE, "");
	diagnosis->due_ms = verdicts_now_ms();
	diagnosis->pause_ms = AGAIN_MS;
	look(run);
}

void diagnosing_tell(struct link_run *run, enum link_state before)
{
	struct link_diagnosis *diagnosis = &run->diagnosis;

	send_mail(run); /* of a failure that is over before its cause is known */
	if (run->health.state != LINK_DOWN || diagnosis->cause != CAUSE_CHECKS || run->finding != FINDING_NONE) {
		tell_link(run->daemon, run, before);
		return;
	}
	diagnosis->mail_waits = true;
	diagnosis->mail_before = before;
	diagnosis->mail_due_ms = verdicts_now_ms() + MAIL_WAITS_MS;
}

void diagnosing_second(struct daemon *daemon)
{
	look_at_others(daemon);
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		if (mail_is_due(&daemon->links[i].diagnosis, verdicts_now_ms()))
			send_mail(&daemon->links[i]);
	}
}

void diagnosing_inherit(struct link_run *run, const struct link_run *old)
{
	const struct link_diagnosis *before = &old->diagnosis;

	run->finding = old->finding;
	run->diagnosis.cause = before->cause;
	run->diagnosis.due_ms = old->finding == FINDING_NONE ? verdicts_now_ms() : before->due_ms;
	run->diagnosis.pause_ms = before->pause_ms;
	memcpy(run->diagnosis.reason, before->reason, sizeof(before->reason));
}

void diagnosing_stop(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		diagnosing_end(&daemon->links[i]);
}

void diagnosing_end(struct link_run *run)
{
	struct control_answer answer = { 0 };

	stop_looking(run);
	send_mail(run);
	diagnose_free(run->diagnosis.reporting);
	run->diagnosis.reporting = NULL;
	if (run->diagnosis.pending == NULL)
		return;
	report_problem(&answer, 503, "the configuration has changed meanwhile: ask again");
	control_finish(run->diagnosis.pending, &answer);
	run->diagnosis.pending = NULL;
}

const char *diagnosing_reason(const struct link_run *run)
{
	enum link_cause cause = run->health.cause;

	if (cause == CAUSE_NONE)
		return "";
	return run->health.state == LINK_DOWN && run->diagnosis.reason[0] != '\0' ? run->diagnosis.reason : link_cause_text(cause);
}

static void on_report(void *data, const struct evidence *gathered)
{
	struct link_run *run = data;
	struct link_diagnosis *diagnosis = &run->diagnosis;
	struct evidence evidence = *gathered; /* it goes with who gathered it */
	struct control_answer answer = { .status = 200 };

	diagnose_free(diagnosis->reporting);
	diagnosis->reporting = NULL;
	if (diagnosis->cause == CAUSE_CHECKS && diagnosis->gathering == NULL)
		take_finding(run, &evidence);
	answer.document = diagnosis_document(run, &evidence, verdicts_now_ms() - diagnosis->asked_ms);
	control_finish(diagnosis->pending, &answer);
	diagnosis->pending = NULL;
}

/* A device that is not ready has nothing to ask through. */
static void report_ground(const struct link_run *run, struct control_answer *answer)
{
	struct evidence evidence = what_is_known(run);

	answer->status = 200;
	answer->document = diagnosis_document(run, &evidence, 0);
}

void report_diagnose(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	const char *name = request->get(request, "link");
	int index = name == NULL ? -1 : config_link(daemon->generation->config, name);
	struct link_run *run = index < 0 ? NULL : &daemon->links[index];

	if (run == NULL) {
		report_problem(answer, 404, "there is no link `%.60s'", name == NULL ? "" : name);
	} else if (run->health.ground != GROUND_READY) {
		report_ground(run, answer);
	} else if (run->diagnosis.reporting != NULL || count_gathering(daemon) >= AT_ONCE) {
		report_problem(answer, 409, "links are being diagnosed already: ask again in a few seconds");
	} else if (gather(run, true, on_report, &run->diagnosis.reporting) < 0) {
		report_problem(answer, 500, "no memory");
	} else {
		run->diagnosis.asked_ms = verdicts_now_ms();
		run->diagnosis.pending = control_defer(request);
		if (run->diagnosis.pending != NULL)
			return;
		diagnose_free(run->diagnosis.reporting);
		run->diagnosis.reporting = NULL;
		report_problem(answer, 500, "no memory");
	}
}
