/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration comes into force: at the start, and again without losing a packet. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "service/log.h"

void generation_free(void *data)
{
	struct generation *generation = data;

	if (generation == NULL)
		return;
	config_free(generation->config);
	free(generation);
}

struct generation *generation_load(struct daemon *daemon, const char *path, struct config_errors *errors)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (generation == NULL || config_load(path, &generation->config, errors) < 0)
		goto fail;
	if (ids_assign(generation->config->arena, generation->config, daemon->state.links, daemon->state.link_count,
		    daemon->state.policies, daemon->state.policy_count, &generation->ids) < 0
	    || ids_assign_classes(generation->config->arena, generation->config, daemon->state.classes,
		    daemon->state.class_count, &generation->ids) < 0)
		goto fail;
	return generation;

fail:
	generation_free(generation);
	return NULL;
}

/* What cannot change under a running daemon, or NULL. */
static const char *needs_restart(const struct config *old, const struct config *new)
{
	if (strcmp(old->socket, new->socket) != 0)
		return "control.socket";
	if (strcmp(old->state_directory, new->state_directory) != 0)
		return "state-directory";
	if (old->sticky_entries != new->sticky_entries)
		return "sticky.entries";
	if (old->decision_records != new->decision_records)
		return "decisions.record";
	if (old->kernel.mark_shift != new->kernel.mark_shift || old->kernel.mark_policy_bits != new->kernel.mark_policy_bits
	    || old->kernel.first_queue != new->kernel.first_queue
	    || old->kernel.queues != new->kernel.queues || old->kernel.queue_length != new->kernel.queue_length)
		return "kernel: mark-shift, mark-policy-bits, first-queue, queues and queue-length";
	return NULL;
}

static int replace(struct daemon *daemon, struct generation *generation)
{
	struct generation *before = daemon->generation;
	size_t before_count = before->config->link_count;
	struct link_run *old = daemon->links, *links = links_new(daemon, generation, old, before_count);

	if (links == NULL || world_start(daemon, generation->config) < 0) {
		free(links);
		return -ENOMEM;
	}
	links_free(old, before_count);
	daemon->links = links;
	names_retire(&daemon->names, before->config, &before->ids, generation->config, &generation->ids,
		daemon->snapshot_generation);
	daemon->generation = generation;
	world_read(daemon);
	links_start(daemon);
	if (apply_all(daemon, before) < 0)
		events_add(daemon->events, EVENT_RELOAD, EVENT_ERROR, NULL, "no memory: the old decisions stay for now");
	links_ground(daemon);
	return 0;
}

int reload(struct daemon *daemon, struct config_errors *errors, char *message, size_t size)
{
	struct generation *generation = generation_load(daemon, daemon->config_path, errors);
	const char *fixed;
	int error;

	if (generation == NULL)
		return errors->count > 0 ? -EINVAL : -ENOMEM;
	fixed = needs_restart(daemon->generation->config, generation->config);
	if (fixed != NULL) {
		snprintf(message, size, "%s can change only with a restart", fixed);
		generation_free(generation);
		return -EBUSY;
	}
	error = replace(daemon, generation);
	if (error < 0) {
		generation_free(generation);
		snprintf(message, size, "no memory");
		return error;
	}
	log_open(daemon->foreground, !daemon->foreground || generation->config->syslog.enabled,
		generation->config->syslog.facility);
	tell_start(daemon);
	keep_state(daemon);
	advice_give(daemon);
	events_add(daemon->events, EVENT_RELOAD, EVENT_NOTICE, NULL, "configuration loaded: %zu links, %zu policies",
		generation->config->link_count, generation->config->policy_count);
	return 0;
}
