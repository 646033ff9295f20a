/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of networks as they are now: the configuration's own and what their files have. */

#include "daemon/sets.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "config/config.h"
#include "core/networks.h"

/* A file that changed so shortly ago may be half written, and may change again with the same time stamp. */
#define YOUNG_S 2

/* Looks that find it wrong before that is told: somebody may just be replacing it. */
#define WRONG_LOOKS 2

struct set_run {
	struct arena *arena; /* of the networks */
	struct stat seen;    /* the file when it was read; zero where there was none */
	bool settled;        /* only a change of seen is a reason to read it again */
	bool wrong;          /* told so */
	unsigned int wrong_looks;
};

struct sets {
	const struct config *config;
	struct events *events;
	struct set_run *runs;
	struct networks *networks;
};

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool is_young(const struct stat *status)
{
	time_t age = time(NULL) - status->st_ctim.tv_sec;

	return age < YOUNG_S && age > -YOUNG_S;
}

/* In an arena of their own. 0, -EINVAL with errors, or -ENOMEM. */
static int read_set(const struct set *set, struct arena **ret_arena, struct networks *ret_networks,
	struct config_errors *errors)
{
	struct networks lines = { NULL, 0 };
	struct arena *arena = arena_new();
	int error = arena == NULL ? -ENOMEM : 0;

	*errors = (struct config_errors){ 0 };
	if (error == 0 && set->file != NULL)
		error = config_read_set(set->file, arena, &lines, errors);
	if (error == 0 && !networks_join(arena, &set->networks, &lines, ret_networks))
		error = -ENOMEM;
	if (error < 0)
		arena_free(arena);
	else
		*ret_arena = arena;
	return error;
}

static void tell_wrong(const struct sets *sets, const struct set *set, const struct config_errors *errors)
{
	const struct config_error *first = &errors->items[0];

	if (sets->events == NULL)
		return;
	if (errors->count == 0)
		events_add(sets->events, EVENT_RELOAD, EVENT_WARNING, NULL, "set %s stays as it was: no memory", set->name);
	else if (first->line == 0)
		events_add(sets->events, EVENT_RELOAD, EVENT_WARNING, NULL, "set %s stays as it was: %s", set->name,
			first->message);
	else
		events_add(sets->events, EVENT_RELOAD, EVENT_WARNING, NULL, "set %s stays as it was: %s:%u:%u: %s", set->name,
			first->file, first->line, first->column, first->message);
}

/* The file is as it was told to be, or the set has nothing yet. */
static void keep_old(struct sets *sets, size_t index, const struct stat *now, const struct config_errors *errors)
{
	struct set_run *run = &sets->runs[index];

	if (is_young(now) || ++run->wrong_looks < WRONG_LOOKS)
		return;
	run->settled = true;
	run->wrong = true;
	run->wrong_looks = 0;
	tell_wrong(sets, &sets->config->sets[index], errors);
}

/* True where the set is another than before. */
static bool take_new(struct sets *sets, size_t index, struct arena *arena, const struct networks *networks)
{
	struct set_run *run = &sets->runs[index];
	bool changed = !networks_equal(networks, &sets->networks[index]);

	if (sets->events != NULL && (changed || run->wrong))
		events_add(sets->events, EVENT_RELOAD, EVENT_NOTICE, NULL, "set %s has %zu networks now: its file changed",
			sets->config->sets[index].name, networks->count);
	run->wrong = false;
	run->wrong_looks = 0;
	arena_free(run->arena);
	run->arena = arena;
	sets->networks[index] = *networks;
	return changed;
}

static bool look(struct sets *sets, size_t index)
{
	const struct set *set = &sets->config->sets[index];
	struct set_run *run = &sets->runs[index];
	struct stat now = { 0 };
	struct config_errors errors;
	struct networks networks;
	struct arena *arena;
	bool changed = false;

	if (set->file == NULL)
		return false;
	if (stat(set->file, &now) < 0)
		now = (struct stat){ 0 };
	if (run->settled && same_file(&now, &run->seen))
		return false;
	/* Looked at before it is read: what is written meanwhile shows at the next look. */
	run->seen = now;
	run->settled = false;
	if (read_set(set, &arena, &networks, &errors) < 0) {
		keep_old(sets, index, &now, &errors);
	} else {
		run->settled = !is_young(&now);
		changed = take_new(sets, index, arena, &networks);
	}
	config_errors_free(&errors);
	return changed;
}

bool sets_look(struct sets *sets)
{
	bool changed = false;

	for (size_t i = 0; i < sets->config->set_count; i++)
		changed |= look(sets, i);
	return changed;
}

/* Where the file is wrong, the configuration's own networks. */
static int start_set(struct sets *sets, size_t index)
{
	const struct set *set = &sets->config->sets[index];
	struct set own = { .name = set->name, .networks = set->networks };
	struct set_run *run = &sets->runs[index];
	struct config_errors errors, none;
	int error;

	if (set->file != NULL && stat(set->file, &run->seen) < 0)
		run->seen = (struct stat){ 0 };
	run->settled = !is_young(&run->seen);
	error = read_set(set, &run->arena, &sets->networks[index], &errors);
	if (error == -EINVAL) {
		run->settled = run->wrong = true;
		tell_wrong(sets, set, &errors);
		error = read_set(&own, &run->arena, &sets->networks[index], &none);
	}
	config_errors_free(&errors);
	return error;
}

struct sets *sets_new(const struct config *config, struct events *events)
{
	struct sets *sets = calloc(1, sizeof(*sets));

	if (sets == NULL)
		return NULL;
	sets->config = config;
	sets->events = events;
	sets->runs = calloc(config->set_count + 1, sizeof(*sets->runs));
	sets->networks = calloc(config->set_count + 1, sizeof(*sets->networks));
	if (sets->runs == NULL || sets->networks == NULL)
		goto fail;
	for (size_t i = 0; i < config->set_count; i++) {
		if (start_set(sets, i) < 0)
			goto fail;
	}
	return sets;

fail:
	sets_free(sets);
	return NULL;
}

void sets_free(struct sets *sets)
{
	if (sets == NULL)
		return;
	for (size_t i = 0; sets->runs != NULL && i < sets->config->set_count; i++)
		arena_free(sets->runs[i].arena);
	free(sets->runs);
	free(sets->networks);
	free(sets);
}

struct networks *sets_networks(const struct sets *sets)
{
	return sets->networks;
}
