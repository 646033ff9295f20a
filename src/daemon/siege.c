/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watches the handshakes on every link, and has the ruleset stand a flood of those that nobody completes. */

#include <stdio.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/defence.h"

static bool read_counter(struct daemon *daemon, const char *what, uint8_t link, uint64_t *ret_count)
{
	char name[32];

	plan_siege_counter(name, sizeof(name), what, link);
	return ruleset_counter(daemon->nftables, daemon->plan->ruleset.table, name, ret_count) == 0;
}

static void tell(struct daemon *daemon, const struct link_run *run, enum flood_news news)
{
	char text[160];

	if (news == FLOOD_ENDS) {
		events_add(daemon->events, EVENT_ATTACK, EVENT_NOTICE, run->link->name, "the flood of handshakes on link %s has ended",
			run->link->name);
		return;
	}
	snprintf(text, sizeof(text), "syn-flood by many sources on link %.32s", run->link->name);
	tell_flood(daemon, run->link->name, text, flood_rate(&run->flood));
}

/* True where the link's part of the ruleset has to change. */
static bool watch(struct daemon *daemon, struct link_run *run)
{
	uint64_t begun, finished;
	enum flood_news news;

	if (!read_counter(daemon, PLAN_BEGUN, run->id, &begun) || !read_counter(daemon, PLAN_FINISHED, run->id, &finished))
		return false;
	news = flood_second(&run->flood, begun, finished);
	if (news == FLOOD_NOTHING)
		return false;
	run->view.flooded = news == FLOOD_BEGINS;
	tell(daemon, run, news);
	return true;
}

void siege_second(struct daemon *daemon)
{
	bool changed = false;

	if (!plan_watches_handshakes(daemon->generation->config))
		return;
	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		changed |= watch(daemon, &daemon->links[i]);
	if (changed)
		apply_all(daemon, NULL);
}
