/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links come and go: feeds events and check rounds into each link's health and acts on its changes. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mark.h"
#include "daemon/daemon.h"
#include "daemon/measure.h"
#include "daemon/quota.h"
#include "daemon/syslog.h"

static bool same_check(const struct check *a, const struct check *b)
{
	if (a->count != b->count || a->interval_ms != b->interval_ms)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!target_equal(&a->targets[i], &b->targets[i]))
			return false;
	}
	return true;
}

static const struct link_run *find_before(const struct link_run *before, size_t count, const struct link *link)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(before[i].link->name, link->name) == 0)
			return &before[i];
	}
	return NULL;
}

static bool in_outage(const struct daemon *daemon, const char *link)
{
	for (size_t i = 0; i < daemon->state.outage_count; i++) {
		if (strcmp(daemon->state.outages[i].link, link) == 0)
			return true;
	}
	return false;
}

/* A link that was down when the daemon ended has to prove itself first. */
static void begin_health(struct daemon *daemon, struct link_run *run)
{
	health_init(&run->health, verdicts_now_ms());
	run->since = time(NULL);
	if (!in_outage(daemon, run->link->name))
		return;
	run->health.state = LINK_DOWN;
	run->health.cause = CAUSE_CHECKS;
}

struct link_run *links_new(struct daemon *daemon, struct generation *generation, const struct link_run *before,
	size_t before_count)
{
	struct config *config = generation->config;
	struct link_run *links = calloc(config->link_count, sizeof(*links));

	for (size_t i = 0; links != NULL && i < config->link_count; i++) {
		const struct link_run *old = find_before(before, before_count, &config->links[i]);

		links[i].daemon = daemon;
		links[i].link = &config->links[i];
		links[i].id = generation->ids.links[i];
		begin_health(daemon, &links[i]);
		duty_begin(daemon, &links[i]);
		if (old != NULL)
			quota_inherit(&links[i], old);
		if (old == NULL || strcmp(old->link->device, links[i].link->device) != 0)
			continue;
		links[i].duty = old->duty;
		links[i].drain_until = old->drain_until;
		links[i].since = old->since;
		links[i].health = old->health;
		links[i].view = old->view;
		memcpy(links[i].seen, old->seen, sizeof(old->seen));
		links[i].paused_since_ms = old->paused_since_ms;
		links[i].flood = old->flood;
		links[i].suspicion = old->suspicion;
		links[i].damping = old->damping;
		links[i].probe_bytes = old->probe_bytes;
		diagnosing_inherit(&links[i], old);
		measure_inherit(&links[i], old);
		if (!same_check(&old->link->check, &links[i].link->check))
			links[i].health.failed_in_row = links[i].health.good_in_row = 0;
	}
	return links;
}

void links_free(struct link_run *links, size_t count)
{
	for (size_t i = 0; links != NULL && i < count; i++)
		diagnosing_end(&links[i]);
	for (size_t i = 0; links != NULL && i < count; i++)
		checker_free(links[i].checker);
	free(links);
}

bool links_any_usable(const struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		if (daemon->links[i].view.usable)
			return true;
	}
	return false;
}

const char *links_usable_names(const struct daemon *daemon, char *text, size_t size)
{
	size_t used = 0;

	snprintf(text, size, "no link");
	for (size_t i = 0; i < daemon->generation->config->link_count && used < size; i++) {
		if (daemon->links[i].view.usable)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
				daemon->links[i].link->name);
	}
	return text;
}

static uint32_t round_timeout(void *data)
{
	const struct link_run *run = data;
	struct check check = run->link->check;

	check.interval_ms = suspicion_interval(run);
	return health_timeout(&run->health, &check);
}

/* What a link's new state means for new and running connections. */
bool links_fails(const struct link_run *run)
{
	return (!health_usable(&run->health) && !run->last_resort) || run->duty == DUTY_DISABLED;
}

void links_view(struct link_run *run)
{
	bool serves = (health_usable(&run->health) || run->last_resort) && run->duty == DUTY_SERVES
		      && run->paused_since_ms == 0;

	run->view.stopped = serves && run->view.spent && run->link->quota.alone == QUOTA_STOP;
	run->view.usable = serves && !run->view.stopped;
	run->view.withheld = run->duty != DUTY_SERVES;
	run->view.dead = links_fails(run);
}

static enum event_weight state_weight(enum link_state state)
{
	return state == LINK_UP ? EVENT_NOTICE : EVENT_WARNING;
}

void links_changed(struct link_run *run, enum link_state before)
{
	struct daemon *daemon = run->daemon;
	enum link_state state = run->health.state;
	char names[512];

	run->since = time(NULL);
	suspicion_settle(run);
	links_view(run);
	evidence_settle(daemon);
	flapping_change(run, before);
	apply_all(daemon, NULL);
	if (state == LINK_DOWN)
		apply_dead_link(daemon, run);
	diagnosing_follow(run);
	events_add(daemon->events, EVENT_LINK, state_weight(state), run->link->name, "link %s %s%s%s; traffic on %s",
		run->link->name, link_state_name(state), run->health.cause == CAUSE_NONE ? "" : ": ",
		run->health.cause == CAUSE_NONE ? "" : link_cause_text(run->health.cause),
		links_usable_names(daemon, names, sizeof(names)));
	if (before == LINK_DOWN)
		syslog_hurry(daemon);
	if (run->duty != DUTY_DISABLED)
		diagnosing_tell(run, before);
}

static void on_round(void *data, const struct round *told, uint64_t now_ms)
{
	struct link_run *run = data;
	struct check check = evidence_check(run);
	enum link_state before = run->health.state;
	struct round round = *told;

	if (run->paused_since_ms != 0)
		return;
	if (round.late == 0) {
		suspicion_round(&run->suspicion, round.answered >= check.need);
		meter_round(&run->meter, run->link, round.answered > 0 ? round.latency_us : 0, now_ms);
	}
	evidence_round(run, &round, now_ms);
	if (health_round(&run->health, &check, &round, now_ms))
		links_changed(run, before);
	else
		diagnosing_follow(run);
	evidence_pace(run);
}

static void start_checker(struct link_run *run)
{
	struct mark_layout layout = mark_layout_of(&run->daemon->generation->config->kernel);
	struct checker_path path = { run->link->device,
		mark_make(layout, run->id, MARK_CLASS_CHECK, MARK_POLICY_NONE), &run->probe_bytes };
	int error = checker_new(run->daemon->loop, &run->link->check, &path, round_timeout, on_round, run, &run->checker);

	if (error < 0)
		events_add(run->daemon->events, EVENT_LINK, EVENT_ERROR, run->link->name, "link %s cannot be checked: %s",
			run->link->name, strerror(-error));
}

/* Checks run only where there is something to check. */
static void set_checker(struct link_run *run, enum link_ground ground)
{
	if (run->link->check.count == 0)
		return;
	if (ground == GROUND_READY && run->checker == NULL)
		start_checker(run);
	if (ground != GROUND_READY) {
		checker_free(run->checker);
		run->checker = NULL;
		run->pace_ms = 0;
	}
	if (run->checker != NULL)
		checker_gateway(run->checker, run->view.gateway_known, run->view.gateway);
}

static void ground_link(struct link_run *run)
{
	enum link_state before = run->health.state;
	enum link_ground ground = world_ground(run);

	if (ground_pauses(run, ground))
		return;
	if (health_ground(&run->health, &run->link->check, ground, verdicts_now_ms()))
		links_changed(run, before);
	else
		diagnosing_follow(run);
	set_checker(run, ground);
}

void links_ground(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		ground_link(&daemon->links[i]);
}

int links_start(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];

		health_ground(&run->health, &run->link->check, world_ground(run), verdicts_now_ms());
		links_view(run);
	}
	return 0;
}
