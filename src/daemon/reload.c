/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration comes into force: at the start, and again without losing a packet. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/compare.h"
#include "daemon/daemon.h"
#include "daemon/learn.h"
#include "daemon/measure.h"
#include "daemon/syslog.h"
#include "service/log.h"

void generation_free(void *data)
{
	struct generation *generation = data;

	if (generation == NULL)
		return;
	config_free(generation->config);
	free(generation);
}

/* Gives the numbers that the names had before. */
struct generation *generation_new(struct daemon *daemon, struct config *config)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (generation == NULL) {
		config_free(config);
		return NULL;
	}
	generation->config = config;
	if (ids_assign(config->arena, config, daemon->state.links, daemon->state.link_count, daemon->state.policies,
		    daemon->state.policy_count, &generation->ids) == 0
	    && ids_assign_classes(config->arena, config, daemon->state.classes, daemon->state.class_count, &generation->ids) == 0)
		return generation;
	generation_free(generation);
	return NULL;
}

struct generation *generation_load(struct daemon *daemon, const char *path, struct config_errors *errors)
{
	struct config *config;

	return config_load(path, &config, errors) < 0 ? NULL : generation_new(daemon, config);
}

struct generation *generation_parse(struct daemon *daemon, const char *text)
{
	struct config_errors errors = { 0 };
	struct config *config;
	int error = config_parse("the configuration before", text, strlen(text), &config, &errors);

	config_errors_free(&errors);
	return error < 0 ? NULL : generation_new(daemon, config);
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
	learn_follow(daemon, before);
	world_read(daemon);
	links_start(daemon);
	measure_follow(daemon);
	if (apply_all(daemon, before) < 0)
		events_add(daemon->events, EVENT_RELOAD, EVENT_ERROR, NULL, "no memory: the old decisions stay for now");
	links_ground(daemon);
	return 0;
}

bool generation_fits(const struct daemon *daemon, const struct generation *generation, char *message, size_t size)
{
	char fixed[128];

	if (!config_needs_restart(daemon->generation->config, generation->config, fixed, sizeof(fixed)))
		return true;
	snprintf(message, size, "%s can change only with a restart", fixed);
	return false;
}

int generation_enter(struct daemon *daemon, struct generation *generation, char *message, size_t size)
{
	int error;

	if (!generation_fits(daemon, generation, message, size)) {
		generation_free(generation);
		return -EBUSY;
	}
	error = replace(daemon, generation);
	if (error < 0) {
		generation_free(generation);
		snprintf(message, size, "no memory");
		return error;
	}
	log_open(daemon->foreground, syslog_is_local(&generation->config->syslog, daemon->foreground),
		generation->config->syslog.facility);
	syslog_follow(daemon);
	tell_start(daemon);
	tell_command_start(daemon);
	keep_state(daemon);
	advice_give(daemon);
	events_add(daemon->events, EVENT_RELOAD, EVENT_NOTICE, NULL, "configuration loaded: %zu links, %zu policies",
		generation->config->link_count, generation->config->policy_count);
	return 0;
}

int reload(struct daemon *daemon, struct config_errors *errors, char *message, size_t size)
{
	struct generation *generation;
	char *before;
	int error;

	if (trial_blocks(daemon, message, size))
		return -EBUSY;
	generation = generation_load(daemon, daemon->config_path, errors);
	if (generation == NULL) {
		snprintf(message, size, "no memory");
		return errors->count > 0 ? -EINVAL : -ENOMEM;
	}
	before = config_text(daemon->generation->config);
	error = generation_enter(daemon, generation, message, size);
	if (error == 0)
		trial_settle(daemon, before);
	else
		free(before);
	return error;
}
