/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links are taken out of service and put back by order of an operator; an order outlives the daemon. */

#include <string.h>

#include "config/value.h"
#include "daemon/daemon.h"

#define DRAIN_MAX_S (7 * 24 * 3600)

void duty_begin(const struct daemon *daemon, struct link_run *run)
{
	for (size_t i = 0; i < daemon->state.order_count; i++) {
		const struct order *order = &daemon->state.orders[i];

		if (strcmp(order->link, run->link->name) != 0)
			continue;
		run->duty = order->duty;
		run->drain_until = (time_t)order->until;
	}
}

const char *duty_state_text(const struct link_run *run)
{
	return run->duty == DUTY_SERVES ? link_state_name(run->health.state) : link_duty_name(run->duty);
}

const char *duty_reason_text(const struct link_run *run)
{
	if (run->view.flapping && run->duty == DUTY_SERVES && run->health.state != LINK_DOWN)
		return "flapping";
	if (run->health.cause != CAUSE_NONE)
		return link_cause_text(run->health.cause);
	if (run->view.suspect && run->duty == DUTY_SERVES)
		return "suspect: its connections are not answered";
	return run->duty == DUTY_SERVES ? "" : "by order";
}

const char *duty_mail_text(const struct link_run *run)
{
	return run->duty == DUTY_SERVES ? duty_reason_text(run) : link_duty_name(run->duty);
}

/* Mails tell of what traffic meets: of a link that is disabled they told nothing meanwhile. */
static void tell_return(struct daemon *daemon, struct link_run *run, enum link_duty before)
{
	bool down = run->health.state == LINK_DOWN;

	if (before != DUTY_DISABLED)
		return;
	if (down)
		tell_link(daemon, run, LINK_UP);
	else
		tell_open_outages(daemon);
}

static void set_duty(struct daemon *daemon, struct link_run *run, enum link_duty duty, time_t until)
{
	enum link_duty before = run->duty;
	char names[512];

	run->duty = duty;
	run->drain_until = until;
	run->since = time(NULL);
	links_view(run);
	apply_all(daemon, NULL);
	if (duty == DUTY_DISABLED)
		apply_dead_link(daemon, run);
	events_add(daemon->events, EVENT_LINK, EVENT_NOTICE, run->link->name, "link %s is %s; traffic on %s",
		run->link->name, link_duty_name(duty), links_usable_names(daemon, names, sizeof(names)));
	if (duty == DUTY_SERVES)
		tell_return(daemon, run, before);
	keep_state(daemon);
}

void duty_second(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];

		if (run->duty == DUTY_DRAINS && run->drain_until != 0 && time(NULL) >= run->drain_until)
			set_duty(daemon, run, DUTY_DISABLED, 0);
	}
}

static bool another_serves(const struct daemon *daemon, const struct link_run *run)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		if (&daemon->links[i] != run && daemon->links[i].view.usable)
			return true;
	}
	return false;
}

/* The link that is asked about; NULL: there is none, which is answered. */
static struct link_run *asked_link(struct daemon *daemon, const struct control_request *request,
	struct control_answer *answer)
{
	const char *name = request->get(request, "link");
	int index = name == NULL ? -1 : config_link(daemon->generation->config, name);

	if (index >= 0)
		return &daemon->links[index];
	report_problem(answer, 404, "there is no link `%.60s'", name == NULL ? "" : name);
	return NULL;
}

void report_use(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct link_run *run = asked_link(data, request, answer);
	struct mark_layout layout;
	json_t *servers;

	if (run == NULL)
		return;
	layout = mark_layout_of(&run->daemon->generation->config->kernel);
	servers = json_array();
	for (size_t i = 0; i < run->link->resolvers.count; i++) {
		char text[ADDRESS_TEXT_MAX];

		json_array_append_new(servers,
			json_string(address_format(&run->link->resolvers.items[i].address, text, sizeof(text))));
	}
	answer->status = 200;
	answer->document = json_pack("{s:s, s:s, s:s, s:b, s:I, s:o}", "link", run->link->name, "state", duty_state_text(run),
		"reason", duty_reason_text(run), "usable", run->view.usable, "mark",
		(json_int_t)mark_make(layout, run->id, 0, 0), "resolvers", servers);
}

static void answer_duty(const struct link_run *run, struct control_answer *answer)
{
	answer->status = 200;
	answer->document = json_pack("{s:s, s:s, s:o}", "link", run->link->name, "state", duty_state_text(run),
		"drain_until", run->drain_until == 0 ? json_null() : json_integer(run->drain_until));
}

/* What takes the last link away is done only by force. */
static void take_out(struct daemon *daemon, const struct control_request *request, struct control_answer *answer,
	enum link_duty duty, time_t until)
{
	struct link_run *run = asked_link(daemon, request, answer);

	if (run == NULL)
		return;
	if (run->view.usable && !another_serves(daemon, run) && request->get(request, "force") == NULL) {
		report_problem(answer, 409, "%s is the only link that works: without it there is none (--force)",
			run->link->name);
		return;
	}
	if (run->duty != duty || run->drain_until != until)
		set_duty(daemon, run, duty, until);
	answer_duty(run, answer);
}

void report_drain(void *data, const struct control_request *request, struct control_answer *answer)
{
	const char *deadline = request->get(request, "deadline");
	uint64_t ms = 0;

	if (deadline != NULL && (value_read(deadline, UNIT_TIME, &ms) != VALUE_FINE || ms < 1000 || ms / 1000 > DRAIN_MAX_S)) {
		report_problem(answer, 400, "a deadline is from 1s to 7d, as 90s, 10m or 2h, not `%.60s'", deadline);
		return;
	}
	take_out(data, request, answer, DUTY_DRAINS, deadline == NULL ? 0 : time(NULL) + (time_t)(ms / 1000));
}

void report_disable(void *data, const struct control_request *request, struct control_answer *answer)
{
	take_out(data, request, answer, DUTY_DISABLED, 0);
}

void report_enable(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	struct link_run *run = asked_link(daemon, request, answer);

	if (run == NULL)
		return;
	if (run->duty != DUTY_SERVES)
		set_duty(daemon, run, DUTY_SERVES, 0);
	answer_duty(run, answer);
}
