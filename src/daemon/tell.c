/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told of links when, which outages are open, and what becomes of mails. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/announce.h"
#include "daemon/daemon.h"
#include "daemon/stories.h"
#include "service/alert_body.h"
#include "service/alert_template.h"
#include "service/log.h"

struct outage *tell_outage(const struct daemon *daemon, const char *link)
{
	for (size_t i = 0; i < daemon->state.outage_count; i++) {
		if (strcmp(daemon->state.outages[i].link, link) == 0)
			return &daemon->state.outages[i];
	}
	return NULL;
}

static bool open_outage(struct daemon *daemon, const char *link, const char *message_id)
{
	struct state *state = &daemon->state;
	struct outage *grown = arena_array(state->arena, state->outage_count + 1, sizeof(*grown));

	if (grown == NULL)
		return false;
	if (state->outage_count > 0)
		memcpy(grown, state->outages, state->outage_count * sizeof(*grown));
	grown[state->outage_count] = (struct outage){
		.link = arena_text(state->arena, link, strlen(link)),
		.message_id = arena_text(state->arena, message_id, strlen(message_id)),
		.since = time(NULL),
	};
	if (grown[state->outage_count].link == NULL)
		return false;
	state->outages = grown;
	state->outage_count++;
	return true;
}

static void close_outage(struct daemon *daemon, struct outage *outage)
{
	*outage = daemon->state.outages[--daemon->state.outage_count];
}

static const char *failure_text(enum on_failure on_failure)
{
	switch (on_failure) {
	case ON_FAILURE_RESET:
		return "TCP connections on it are reset at their next packet, others are deleted";
	case ON_FAILURE_KEEP:
		return "connections on it are kept";
	case ON_FAILURE_FLUSH:
		return "connections on it are deleted";
	}
	return "";
}

static bool uses_link(const struct policy *policy, size_t link)
{
	for (size_t i = 0; policy->action == ACTION_ALLOW && i < policy->balance.count; i++) {
		if (policy->balance.choices[i].link == link)
			return true;
	}
	return false;
}

#define CONSEQUENCES_MAX 12

/* A sentence for each policy that used the link, the last for those that have no room. */
static size_t consequences(struct daemon *daemon, const struct link_run *run, struct arena *arena, const char **texts)
{
	const struct config *config = daemon->generation->config;
	struct link_view links[CONFIG_LINKS_MAX];
	size_t count = 0, more = 0;
	struct plan_ways ways;

	world_view(daemon, links);
	ways = plan_ways(config, links);
	for (size_t i = 0; i < config->policy_count; i++) {
		const struct policy *policy = &config->policies[i];
		const char *what = plan_has_way(&ways, policy) ? failure_text(policy->balance.on_failure)
		                                               : "it has no other link; its connections are left as they are";

		if (!uses_link(policy, (size_t)(run - daemon->links)))
			continue;
		if (count + 1 < CONSEQUENCES_MAX)
			texts[count++] = arena_printf(arena, "policy %s: %s", policy->name, what);
		else
			more++;
	}
	if (more > 0)
		texts[count++] = arena_printf(arena, "and %zu more policies alike", more);
	return count;
}

static const char *cause_text(const struct link_run *run)
{
	return diagnosing_reason(run);
}

static void tell_down(struct daemon *daemon, const struct link_run *run, struct announcement *announcement)
{
	const char *texts[CONSEQUENCES_MAX + 1];
	struct arena *arena = arena_new();

	if (arena == NULL)
		return;
	announcement->kind = ALERT_DOWN;
	announcement->state = "down";
	announcement->details = texts;
	announcement->detail_count = consequences(daemon, run, arena, texts);
	if (run->finding != FINDING_NONE)
		texts[announcement->detail_count++] = arena_printf(arena, "advice: %s", finding_advice(run->finding));
	announce(daemon, announcement);
	arena_free(arena);
}

static void tell_up(struct daemon *daemon, const struct outage *outage, struct announcement *announcement)
{
	announcement->kind = ALERT_UP;
	announcement->state = "up";
	announcement->over = true;
	announcement->lasted_s = time(NULL) > outage->since ? (uint64_t)(time(NULL) - outage->since) : 0;
	announce(daemon, announcement);
}

static void tell_quality(struct daemon *daemon, const struct link_run *run, struct announcement *announcement)
{
	announcement->kind = ALERT_DEGRADED;
	announcement->over = run->health.state != LINK_DEGRADED;
	announcement->state = announcement->over ? "recovered" : "degraded";
	announcement->lasted_s = 0;
	announce(daemon, announcement);
}

static void tell_change(struct daemon *daemon, const struct link_run *run, enum link_state before,
	const struct outage *outage)
{
	char names[512], text[1024];
	struct announcement announcement = { .link = run->link->name, .cause = cause_text(run), .text = text };

	snprintf(text, sizeof(text), "link %s %s%s%s; traffic on %s", run->link->name, link_state_name(run->health.state),
		*announcement.cause == '\0' ? "" : ": ", announcement.cause, links_usable_names(daemon, names, sizeof(names)));
	if (run->health.state == LINK_DOWN) {
		tell_down(daemon, run, &announcement);
		return;
	}
	if (before == LINK_DOWN && outage != NULL)
		tell_up(daemon, outage, &announcement);
	if (before != LINK_DOWN || run->health.state != LINK_UP)
		tell_quality(daemon, run, &announcement);
}

static void tell_flapping(struct daemon *daemon, const struct link_run *run, const struct outbreak *outbreak)
{
	static const char *const avoided[] = { "new connections avoid it where they can, until it has been up for a while" };
	char text[512], cause[128], quiet[32];
	struct announcement announcement = { .kind = ALERT_FLAPPING, .link = run->link->name, .state = "flapping",
		.cause = cause, .text = text, .details = avoided, .detail_count = run->damping.suppressed };

	alert_duration(outbreak->quiet_s, quiet, sizeof(quiet));
	snprintf(cause, sizeof(cause), "it goes and comes, now %s; more is gathered", link_state_name(run->health.state));
	snprintf(text, sizeof(text), "link %s changed more than %d times within %d min: what comes now is gathered until it has held "
		"still for %s", run->link->name, OUTBREAK_CHANGES, OUTBREAK_WINDOW_S / 60, quiet);
	announce(daemon, &announcement);
}

static void tell_settled(struct daemon *daemon, const struct link_run *run, const struct outbreak *outbreak)
{
	char text[512], cause[128], lasted[32], down[32];
	struct announcement announcement = { .kind = ALERT_FLAPPING, .link = run->link->name, .state = "settled",
		.cause = cause, .text = text, .over = true, .lasted_s = outbreak->lasted_s };

	alert_duration(outbreak->lasted_s, lasted, sizeof(lasted));
	alert_duration(outbreak->down_s, down, sizeof(down));
	snprintf(cause, sizeof(cause), "settled, it is %s after %u outages in %s", link_state_name(outbreak->state),
		outbreak->outages, lasted);
	snprintf(text, sizeof(text), "link %s has settled and is %s; in %s it changed %u times and was down %u times, for %s in all",
		run->link->name, link_state_name(outbreak->state), lasted, outbreak->changes, outbreak->outages, down);
	announce(daemon, &announcement);
}

/* An outage is open as long as the link is down, whatever is told of it: it outlives the daemon. */
void tell_link(struct daemon *daemon, struct link_run *run, enum link_state before)
{
	struct outage *outage = tell_outage(daemon, run->link->name);
	struct story *story = stories_of(daemon, run->link->name);
	char message_id[MESSAGE_ID_ROOM];
	enum outbreak_word word;

	/* Told already, by this daemon or by the one before it; or of a link that nobody knew to be down. */
	if (run->health.state == LINK_DOWN ? outage != NULL : run->health.state == LINK_UP && before == LINK_DOWN && outage == NULL)
		return;
	if (outbreak_over(&story->outbreak, time(NULL)))
		story->root[0] = '\0';
	if (run->health.state == LINK_DOWN && !open_outage(daemon, run->link->name, tell_message_id(daemon, message_id)))
		return;
	word = outbreak_change(&story->outbreak, run->health.state, time(NULL));
	if (word == OUTBREAK_CHANGE)
		tell_change(daemon, run, before, outage);
	else if (word == OUTBREAK_FLAPS)
		tell_flapping(daemon, run, &story->outbreak);
	outage = tell_outage(daemon, run->link->name); /* anew: whoever was told may have had the state kept */
	if (run->health.state != LINK_DOWN && outage != NULL) {
		close_outage(daemon, outage);
		if (daemon->mailer != NULL)
			mailer_wake(daemon->mailer);
	}
	keep_state(daemon);
	keep_stories(daemon, false);
}

static const char *trouble_name(const struct outbreak *outbreak)
{
	return outbreak->flapping_since != 0 ? "flapping" : link_state_name(outbreak->state);
}

static void remind(struct daemon *daemon, const struct link_run *run, const struct outbreak *outbreak)
{
	char text[512], lasted[32];
	struct announcement announcement = { .kind = ALERT_DEGRADED, .link = run->link->name, .state = trouble_name(outbreak),
		.cause = cause_text(run), .text = text, .again = true };

	if (outbreak->flapping_since != 0)
		announcement.kind = ALERT_FLAPPING;
	else if (outbreak->state == LINK_DOWN)
		announcement.kind = ALERT_DOWN;
	announcement.lasted_s = time(NULL) > outbreak->since ? (uint64_t)(time(NULL) - outbreak->since) : 0;
	snprintf(text, sizeof(text), "link %s is still %s, for %s", run->link->name, announcement.state,
		alert_duration(announcement.lasted_s, lasted, sizeof(lasted)));
	announce(daemon, &announcement);
}

/* Of what began before the daemon did and is not so any more, nobody will tell the end. */
static bool is_stale(const struct daemon *daemon, const struct link_run *run, const struct outbreak *outbreak)
{
	if (outbreak->since == 0 || outbreak->flapping_since != 0)
		return false;
	return outbreak->state == LINK_DOWN ? tell_outage(daemon, run->link->name) == NULL : run->health.state == LINK_UP;
}

static void follow_story(struct daemon *daemon, const struct link_run *run)
{
	struct outbreak *outbreak = &stories_of(daemon, run->link->name)->outbreak;
	uint32_t reminder_s = run->duty == DUTY_DISABLED ? 0 : daemon->generation->config->mail.reminder_s;
	enum outbreak_word word;

	if (is_stale(daemon, run, outbreak)) {
		outbreak->since = 0;
		outbreak->state = run->health.state;
	}
	word = outbreak_second(outbreak, reminder_s, time(NULL));
	if (word == OUTBREAK_SETTLED)
		tell_settled(daemon, run, outbreak);
	else if (word == OUTBREAK_REMINDER)
		remind(daemon, run, outbreak);
	if (word != OUTBREAK_SILENCE)
		keep_stories(daemon, false);
}

void tell_second(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		follow_story(daemon, &daemon->links[i]);
	tell_troubles(daemon);
	summary_second(daemon);
}

static struct mail_test *free_test(struct daemon *daemon)
{
	for (size_t i = 0; i < TESTS_MAX; i++) {
		if (daemon->mail_tests[i].pending == NULL)
			return &daemon->mail_tests[i];
	}
	return NULL;
}

void tell_test(struct daemon *daemon, const struct control_request *request, struct control_answer *answer)
{
	struct mail_test *test = free_test(daemon);
	struct alert alert = { .kind = NOTICE_TEST, .reason = "" };

	if (daemon->mailer == NULL) {
		report_problem(answer, 409, "%s", daemon->no_mail[0] != '\0' ? daemon->no_mail
		                                  : "no mail server is configured (alerts.mail)");
		return;
	}
	if (test == NULL) {
		report_problem(answer, 409, "other test mails are still on their way");
		return;
	}
	alert.message_id = tell_message_id(daemon, test->message_id);
	if (tell_mail(daemon, &alert, 0) < 0) {
		report_problem(answer, 500, "no memory");
		return;
	}
	test->pending = control_defer(request);
}

/* Who waits for that mail is told. */
static void finish_test(struct daemon *daemon, const struct mailer_report *report)
{
	for (size_t i = 0; i < TESTS_MAX; i++) {
		struct mail_test *test = &daemon->mail_tests[i];
		struct control_answer answer = { .status = 200 };

		if (test->pending == NULL || strcmp(test->message_id, report->message) != 0)
			continue;
		answer.document = json_pack("{s:b, s:s}", "delivered", report->delivered, "answer", report->answer);
		control_finish(test->pending, &answer);
		test->pending = NULL;
	}
}

static void on_report(void *data, const struct mailer_report *report)
{
	struct daemon *daemon = data;

	finish_test(daemon, report);
	if (report->delivered)
		events_add(daemon->events, EVENT_MAIL, EVENT_NOTICE, NULL, "mail <%s> delivered: %s", report->message,
			report->answer);
	else
		events_add(daemon->events, EVENT_MAIL, EVENT_WARNING, NULL, "mail <%s> waits: %s", report->message,
			report->answer);
}

void tell_open_outages(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];

		if (run->health.state != LINK_DOWN && tell_outage(daemon, run->link->name) != NULL)
			tell_link(daemon, run, LINK_DOWN);
	}
}

int tell_start(struct daemon *daemon)
{
	const struct mail_settings *settings = &daemon->generation->config->mail;
	char spool[4096];
	int error;

	mailer_free(daemon->mailer);
	daemon->mailer = NULL;
	daemon->no_mail[0] = '\0';
	if (alert_templates_read(settings->templates, daemon->templates) > 0)
		events_add(daemon->events, EVENT_MAIL, EVENT_WARNING, NULL,
			"some templates in %s cannot be used: mails are worded as if they were not there", settings->templates);
	if (settings->server == NULL)
		return 0;
	error = mailer_new(daemon->loop, daemon->mail_program, tell_spool(daemon, spool, sizeof(spool)), settings,
		on_report, daemon, &daemon->mailer);
	if (error == -EACCES)
		snprintf(daemon->no_mail, sizeof(daemon->no_mail), "no mail: %s must be readable for nobody but its owner",
			settings->password_file);
	else if (error < 0)
		snprintf(daemon->no_mail, sizeof(daemon->no_mail), "no mail: %s", strerror(-error));
	else
		mailer_wake(daemon->mailer);
	if (error < 0)
		events_add(daemon->events, EVENT_MAIL, EVENT_ERROR, NULL, "%s", daemon->no_mail);
	return error;
}
