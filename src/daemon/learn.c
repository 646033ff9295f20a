/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is learnt of destinations, for policies with `fastest': from handshakes, and kept over restarts. */

#include "daemon/learn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/paths.h"
#include "daemon/daemon.h"
#include "daemon/learn_probe.h"

#define KEEP_EVERY_S 60
#define KEEP_LIMIT   (1024u * 1024 * 1024)

struct learner {
	struct paths *paths;
	struct loads *loads;
	struct prober *prober;
	atomic_bool wanted;
	uint64_t kept_at_ms, kept; /* kept: handshakes that were learnt when it was last written */
};

void learn_names(const struct generation *generation, const char *names[MARK_LINK_MAX + 1])
{
	memset(names, 0, (MARK_LINK_MAX + 1) * sizeof(*names));
	for (size_t i = 0; i < generation->config->link_count; i++)
		names[generation->ids.links[i]] = generation->config->links[i].name;
}

static bool asked_for(const struct config *config)
{
	for (size_t i = 0; i < config->policy_count; i++) {
		if (config->policies[i].action == ACTION_ALLOW && config->policies[i].balance.algorithm == ALGORITHM_FASTEST)
			return true;
	}
	return false;
}

bool learn_wanted(const struct daemon *daemon)
{
	return atomic_load_explicit(&daemon->learning->wanted, memory_order_relaxed);
}

static void read_kept(struct daemon *daemon)
{
	const char *names[MARK_LINK_MAX + 1];
	size_t size;
	void *bytes;

	if (state_read_blob(daemon->generation->config->state_directory, KEEP_PATHS_NAME, KEEP_LIMIT, &bytes, &size) < 0)
		return;
	learn_names(daemon->generation, names);
	paths_import(daemon->paths, bytes, size, verdicts_now_ms(), time(NULL), names);
	free(bytes);
}

int learn_start(struct daemon *daemon)
{
	struct learner *learning = calloc(1, sizeof(*learning));

	if (learning == NULL)
		return -ENOMEM;
	daemon->learning = learning;
	learning->paths = daemon->paths = paths_new(daemon->generation->config->path_entries, &daemon->state.key);
	learning->loads = daemon->loads;
	learning->kept_at_ms = verdicts_now_ms();
	if (learning->paths == NULL)
		return -ENOMEM;
	read_kept(daemon);
	learn_follow(daemon, NULL);
	return prober_new(daemon, &learning->prober);
}

void learn_handshake(struct learner *learning, const struct handshake *handshake)
{
	if (atomic_load_explicit(&learning->wanted, memory_order_relaxed))
		paths_sample(learning->paths, handshake, learning->loads);
}

void learn_follow(struct daemon *daemon, const struct generation *before)
{
	const struct generation *now = daemon->generation;

	atomic_store_explicit(&daemon->learning->wanted, asked_for(now->config), memory_order_relaxed);
	for (size_t i = 0; before != NULL && i < before->config->link_count; i++) {
		if (config_link(now->config, before->config->links[i].name) < 0)
			paths_forget_link(daemon->paths, before->ids.links[i]);
	}
}

void learn_second(struct daemon *daemon)
{
	struct learner *learning = daemon->learning;
	uint64_t now_ms = verdicts_now_ms();

	prober_second(learning->prober, now_ms);
	if (now_ms - learning->kept_at_ms < KEEP_EVERY_S * 1000 || paths_learnt(learning->paths) == learning->kept)
		return;
	learning->kept_at_ms = now_ms;
	learning->kept = paths_learnt(learning->paths);
	keep_paths(daemon, false);
}

void learn_stop(struct daemon *daemon)
{
	struct learner *learning = daemon->learning;

	if (learning == NULL)
		return;
	prober_stop(learning->prober);
	/* Without threads nothing was learnt, and the folder may be that of another daemon, which lives. */
	if (learning->paths != NULL && daemon->verdicts != NULL && paths_learnt(learning->paths) != learning->kept)
		keep_paths(daemon, true);
}

void learn_free(struct daemon *daemon)
{
	if (daemon->learning == NULL)
		return;
	prober_free(daemon->learning->prober);
	paths_free(daemon->paths);
	free(daemon->learning);
}
