/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses that go while connections have them: nobody answers those any more, and their ends would wait for minutes.
 * The kernel forgets what it masqueraded itself, but not always, and nothing else.
 */

#include <string.h>

#include "core/mark.h"
#include "core/nat.h"
#include "daemon/daemon.h"
#include "kernel/conntrack.h"
#include "kernel/sockets.h"

/* Who renews a lease may take an address away and put it back at once. */
#define PATIENCE_MS 250

static bool is_there(const struct devices *devices, const struct network *network)
{
	for (size_t i = 0; i < devices->local.count; i++) {
		if (network_contains(network, &devices->local.items[i].address))
			return true;
	}
	return false;
}

static const struct link_run *link_on(const struct daemon *daemon, const char *device)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		if (strcmp(daemon->links[i].link->device, device) == 0)
			return &daemon->links[i];
	}
	return NULL;
}

static bool is_inside(const struct config *config, const char *device)
{
	for (size_t i = 0; i < config->zone_count; i++) {
		for (size_t j = 0; j < config->zones[i].devices.count; j++) {
			if (strcmp(config->zones[i].devices.items[j], device) == 0)
				return true;
		}
	}
	return false;
}

static void end_connections(struct daemon *daemon, const struct gone *gone);

static void note(struct daemon *daemon, const struct devices *now, const struct network *network, uint8_t link)
{
	struct gone gone = { .network = *network, .link = link, .since_ms = verdicts_now_ms() };

	if (is_there(now, network))
		return;
	if (daemon->gone_count == GONE_MAX) {
		end_connections(daemon, &daemon->gone[0]);
		memmove(daemon->gone, daemon->gone + 1, --daemon->gone_count * sizeof(*daemon->gone));
	}
	daemon->gone[daemon->gone_count++] = gone;
}

/* Of inside devices only what a provider may have delegated: hosts there have addresses of the same prefix. */
static void note_device(struct daemon *daemon, const struct devices *now, const struct device *device)
{
	const struct link_run *run = link_on(daemon, device->name);
	bool inside = run == NULL && is_inside(daemon->generation->config, device->name);

	for (size_t i = 0; i < device->addresses.count; i++) {
		const struct network *own = &device->addresses.items[i];
		bool delegated = inside && own->address.family == IPV6 && !network_contains(&nat_unique_local, &own->address);
		struct network around = network_around(&own->address, delegated ? own->length : UINT8_MAX);

		if (run != NULL || delegated)
			note(daemon, now, &around, run == NULL ? 0 : run->id);
	}
}

void renumber_note(struct daemon *daemon, const struct devices *now)
{
	for (size_t i = 0; daemon->devices != NULL && i < daemon->devices->count; i++)
		note_device(daemon, now, &daemon->devices->items[i]);
}

/* By no link, or of a policy whose connections wait for better times. */
static bool is_spared(uint32_t mark, void *data)
{
	const struct generation *generation = data;
	struct mark_layout layout = mark_layout_of(&generation->config->kernel);
	unsigned int link = mark_link(layout, mark), policy = mark_policy(layout, mark);

	if (link == 0 || link >= MARK_LINK_DROP)
		return true;
	for (size_t i = 0; i < generation->config->policy_count; i++) {
		if (generation->ids.policies[i] == policy)
			return generation->config->policies[i].balance.on_failure == ON_FAILURE_KEEP;
	}
	return false;
}

static void end_connections(struct daemon *daemon, const struct gone *gone)
{
	struct mark_layout layout = mark_layout_of(&daemon->generation->config->kernel);
	const char *link = gone->link == 0 ? NULL : report_link_name(daemon->generation, gone->link);
	uint32_t mask = gone->link == 0 ? 0 : mark_link_mask(layout);
	unsigned int connections, sockets = 0;
	char text[ADDRESS_TEXT_MAX];
	int error = conntrack_forget(daemon->conntrack, mark_make(layout, gone->link, 0, 0), mask, &gone->network, is_spared,
		daemon->generation, &connections);

	if (error < 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_ERROR, link, "connections of an address that is gone stay: %s",
			strerror(-error));
	/* Packets of this machine could not even be refused to it: its address is none any more. */
	if (gone->link != 0)
		sockets_end(&gone->network.address, &sockets);
	network_format(&gone->network, text, sizeof(text));
	if (link != NULL)
		events_add(daemon->events, EVENT_LINK, EVENT_NOTICE, link,
			"link %s lost its address %s: %u connections that had it and %u sockets of this machine end", link, text,
			connections, sockets);
	else if (connections > 0)
		events_add(daemon->events, EVENT_LINK, EVENT_NOTICE, NULL,
			"the network %s is inside no more: %u connections that had it end", text, connections);
}

void renumber_watch(struct daemon *daemon)
{
	uint64_t now_ms = verdicts_now_ms();

	while (daemon->gone_count > 0 && now_ms - daemon->gone[0].since_ms >= PATIENCE_MS) {
		struct gone gone = daemon->gone[0];

		memmove(daemon->gone, daemon->gone + 1, --daemon->gone_count * sizeof(*daemon->gone));
		if (!is_there(daemon->devices, &gone.network))
			end_connections(daemon, &gone);
	}
}
