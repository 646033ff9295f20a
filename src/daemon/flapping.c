/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links that go down again and again are avoided while another works. */

#include "daemon/daemon.h"

/* Where all usable links are suppressed, the least penalised of them is used; NULL: one is not suppressed. */
static const struct link_run *least_penalised(const struct daemon *daemon, uint64_t now_ms)
{
	const struct link_run *least = NULL;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		const struct link_run *run = &daemon->links[i];

		if (!run->view.usable)
			continue;
		if (!run->damping.suppressed)
			return NULL;
		if (least == NULL || damping_penalty(&run->damping, now_ms) < damping_penalty(&least->damping, now_ms))
			least = run;
	}
	return least;
}

/* True where the plan has to follow. */
static bool settle(struct daemon *daemon)
{
	const struct link_run *least = least_penalised(daemon, verdicts_now_ms());
	bool changed = false;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];
		bool avoided = run->damping.suppressed && run != least;

		changed |= avoided != run->view.flapping;
		run->view.flapping = avoided;
	}
	return changed;
}

static void charge(struct link_run *run)
{
	uint64_t now_ms = verdicts_now_ms();

	if (!damping_down(&run->damping, now_ms))
		return;
	events_add(run->daemon->events, EVENT_LINK, EVENT_WARNING, run->link->name,
		"link %s is flapping: new connections avoid it where they can, for %u min if it stays up", run->link->name,
		(unsigned int)((damping_left_ms(&run->damping, now_ms) + 59999) / 60000));
}

void flapping_change(struct link_run *run, enum link_state before)
{
	if (run->health.state == LINK_DOWN && before != LINK_DOWN && run->link->check.damping)
		charge(run);
	settle(run->daemon);
}

static void look_at(struct link_run *run, uint64_t now_ms)
{
	if (damping_over(&run->damping, now_ms))
		events_add(run->daemon->events, EVENT_LINK, EVENT_NOTICE, run->link->name,
			"link %s is not flapping any more: it gets new connections again", run->link->name);
}

void flapping_second(struct daemon *daemon)
{
	uint64_t now_ms = verdicts_now_ms();

	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		look_at(&daemon->links[i], now_ms);
	if (settle(daemon))
		apply_all(daemon, NULL);
}
