/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What else is known of a link than its own checks say: whether real traffic is answered, and whether a target is dead
 * on every link. It decides how seldom a link may be checked, and which one is not taken out.
 */

#include <stdio.h>

#include "daemon/accuser.h"
#include "daemon/daemon.h"
#include "daemon/watch.h"

static const char *target_text(const struct target *target, char *text, size_t size)
{
	char address[ADDRESS_TEXT_MAX];

	address_format(&target->address, address, sizeof(address));
	switch (target->kind) {
	case TARGET_PING:
		snprintf(text, size, "ping %s", address);
		break;
	case TARGET_TCP:
		snprintf(text, size, "tcp %s port %u", address, (unsigned int)target->port);
		break;
	case TARGET_HTTP:
		snprintf(text, size, "http %.120s", target->url);
		break;
	case TARGET_DNS:
		snprintf(text, size, "dns %.120s by %s", target->name, address);
		break;
	case TARGET_NEIGHBOUR:
		snprintf(text, size, "neighbour %s", target->gateway ? "gateway" : address);
		break;
	}
	return text;
}

static bool look_at_traffic(struct link_run *run, uint64_t now_ms)
{
	struct accuser *accuser = run->daemon->watch == NULL ? NULL : watch_accuser(run->daemon->watch);
	struct traffic_figures figures = { .received = run->glanced[0], .sent = run->glanced[1],
		.probe_bytes = run->probe_bytes };

	if (accuser != NULL) {
		figures.answered = atomic_load_explicit(&accuser->answered[run->id], memory_order_relaxed);
		figures.failed = atomic_load_explicit(&accuser->failed[run->id], memory_order_relaxed);
	}
	return traffic_look(&run->traffic, &figures, now_ms) == TRAFFIC_ANSWERED;
}

static size_t watchers(const struct daemon *daemon, struct target_watcher *links)
{
	size_t count = daemon->generation->config->link_count;

	for (size_t i = 0; i < count; i++) {
		const struct link_run *run = &daemon->links[i];

		links[i] = (struct target_watcher){ .check = &run->link->check, .seen = run->targets,
			.ready = run->health.ground == GROUND_READY && run->checker != NULL };
	}
	return count;
}

/* The dead target for which alone this round failed; NULL: it failed for another reason, too. */
static const struct target *find_dead(const struct link_run *run, const struct round *round)
{
	struct target_watcher links[CONFIG_LINKS_MAX];
	size_t count = watchers(run->daemon, links), target;

	if (!targets_all_dead(links, count, (size_t)(run - run->daemon->links), round, &target))
		return NULL;
	return &run->link->check.targets[target];
}

/* When one of its targets was heard last; 0: never. */
static uint64_t heard_ms(const struct link_run *run)
{
	uint64_t last_ms = 0;

	for (size_t i = 0; i < run->link->check.count; i++) {
		if (run->targets[i].answered_ms > last_ms)
			last_ms = run->targets[i].answered_ms;
	}
	return last_ms;
}

/* Something speaks for the link now, or did when the target died and nothing speaks against it since. */
static bool is_vouched(const struct link_run *run, const struct round *round, uint64_t now_ms)
{
	if (run->suspicion.verdict != SUSPECT_NONE || traffic_state(&run->traffic, now_ms) == TRAFFIC_UNANSWERED)
		return false;
	if (run->vouched || round->answered > 0)
		return true;
	return traffic_state(&run->traffic, now_ms) == TRAFFIC_ANSWERED && traffic_proven_since(&run->traffic, heard_ms(run));
}

static void vouch(struct link_run *run, bool vouched)
{
	char text[200];

	if (vouched == run->vouched)
		return;
	run->vouched = vouched;
	if (vouched)
		events_add(run->daemon->events, EVENT_LINK, EVENT_WARNING, run->link->name,
			"target %s answers on no link: link %s stays up, for it works otherwise",
			target_text(run->dead_target, text, sizeof(text)), run->link->name);
}

static void forget_dead(struct link_run *run, const struct round *round)
{
	char text[200];

	if (run->vouched && round->answered >= run->link->check.need)
		events_add(run->daemon->events, EVENT_LINK, EVENT_NOTICE, run->link->name, "target %s answers again on link %s",
			target_text(run->dead_target, text, sizeof(text)), run->link->name);
	run->dead_target = NULL;
	run->vouched = false;
}

void evidence_round(struct link_run *run, struct round *round, uint64_t now_ms)
{
	const struct check *check = &run->link->check;
	bool fails = round->answered < check->need;

	targets_note(run->targets, check, round, now_ms);
	if (round->late > 0)
		return;
	if (!fails) {
		forget_dead(run, round);
		return;
	}
	/* Only a round that would take it down is worth the question. */
	if (run->health.state != LINK_DOWN && run->health.failed_in_row + 1 < check->down_after)
		return;
	if (run->health.state != LINK_DOWN)
		look_at_traffic(run, now_ms);
	run->dead_target = find_dead(run, round);
	vouch(run, run->dead_target != NULL && run->health.state != LINK_DOWN && is_vouched(run, round, now_ms));
	round->excused = run->vouched;
}

struct check evidence_check(const struct link_run *run)
{
	struct check check = run->link->check;

	if (run->pace_ms > check.interval_ms)
		check.interval_ms = run->pace_ms;
	return check;
}

void evidence_pace(struct link_run *run)
{
	const struct check *check = &run->link->check;
	uint32_t wanted;

	if (run->checker == NULL)
		return;
	wanted = sparing_interval(check, &run->health, traffic_state(&run->traffic, verdicts_now_ms()));
	if (run->suspicion.verdict != SUSPECT_NONE || wanted == check->interval_ms)
		wanted = 0;
	run->pace_ms = wanted;
	checker_pace(run->checker, wanted);
}

/* Down by its checks alone, for a target that no link hears. */
static bool may_work(const struct link_run *run)
{
	return run->health.state == LINK_DOWN && run->health.cause == CAUSE_CHECKS &&
	       run->health.ground == GROUND_READY && run->dead_target != NULL && run->duty == DUTY_SERVES;
}

static struct link_run *last_of_them(struct daemon *daemon)
{
	struct link_run *last = NULL;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];

		if (health_usable(&run->health) && run->duty == DUTY_SERVES)
			return NULL;
		if (may_work(run) && (last == NULL || run->health.since_ms > last->health.since_ms ||
			(run->last_resort && run->health.since_ms == last->health.since_ms)))
			last = run;
	}
	return last;
}

static void tell_resort(const struct link_run *run)
{
	char text[200];

	events_add(run->daemon->events, EVENT_LINK, EVENT_WARNING, run->link->name,
		"target %s answers on no link: link %s is used all the same, there is no other",
		target_text(run->dead_target, text, sizeof(text)), run->link->name);
}

/* True where the plan has to follow. */
static bool settle(struct daemon *daemon)
{
	struct link_run *last = last_of_them(daemon);
	bool changed = false;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];
		bool resort = run == last;

		if (run->last_resort == resort)
			continue;
		run->last_resort = resort;
		links_view(run);
		changed = true;
		if (resort)
			tell_resort(run);
	}
	return changed;
}

void evidence_settle(struct daemon *daemon)
{
	settle(daemon);
}

/* Traffic by a link that is used all the same is answered: it is the target that is dead. */
static void follow_traffic(struct link_run *run, bool answered, uint64_t now_ms)
{
	enum link_state before = run->health.state;

	if (!answered || !run->last_resort || !traffic_proven_since(&run->traffic, run->health.since_ms))
		return;
	if (!health_prove(&run->health, now_ms))
		return;
	links_changed(run, before);
	vouch(run, run->dead_target != NULL);
}

void evidence_second(struct daemon *daemon)
{
	uint64_t now_ms = verdicts_now_ms();

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];

		follow_traffic(run, look_at_traffic(run, now_ms), now_ms);
		evidence_pace(run);
	}
	if (settle(daemon))
		apply_all(daemon, NULL);
}
