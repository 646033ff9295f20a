/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes state and mail to disk in worker threads: a slow disk must delay nothing. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/paths.h"
#include "daemon/daemon.h"
#include "daemon/learn.h"
#include "daemon/measure.h"
#include "daemon/quota.h"
#include "daemon/stories.h"
#include "service/spool.h"

#define LEARNT_NAME  "learnt.json"
#define LEARNT_LIMIT (64u * 1024)
#define STORIES_NAME  "stories.json"
#define STORIES_LIMIT (1024u * 1024)
#define STICKY_NAME  "sticky"
#define STICKY_LIMIT (64u * 1024 * 1024)

/* One thing to write. What it needs is its own copy. */
struct job {
	struct job *next;
	uv_work_t work;
	struct daemon *daemon;
	void (*write)(struct job *job);
	char *folder;
	struct state state;    /* keep_state() */
	char *message_id;      /* keep_mail() */
	enum spool_rank rank;
	bool gave_way;         /* a summary did, so that the message has room */
	void *bytes;           /* keep_mail() and keep_sticky() */
	size_t size;
	int error;
};

static void job_free(struct job *job)
{
	arena_free(job->state.arena);
	free(job->folder);
	free(job->message_id);
	free(job->bytes);
	free(job);
}

static struct job *job_new(struct daemon *daemon, void (*write)(struct job *job))
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->daemon = daemon;
	job->write = write;
	job->work.data = job;
	job->folder = strdup(daemon->generation->config->state_directory);
	if (job->folder == NULL) {
		job_free(job);
		return NULL;
	}
	return job;
}

static void on_work(uv_work_t *work)
{
	struct job *job = work->data;

	job->write(job);
}

static void drop_first(struct daemon *daemon)
{
	struct job *first = daemon->jobs;

	daemon->jobs = first->next;
	job_free(first);
}

static void start_first(struct daemon *daemon);

static void on_done(uv_work_t *work, int status)
{
	struct job *job = work->data;
	struct daemon *daemon = job->daemon;

	(void)status;
	if (job->gave_way)
		events_add(daemon->events, EVENT_MAIL, EVENT_WARNING, NULL, "the spool is full: the oldest summary gave way");
	if (job->error == -ENOSPC && job->message_id != NULL)
		events_add(daemon->events, EVENT_MAIL, EVENT_ERROR, NULL, "the spool in %s is full: mail <%s> is lost", job->folder,
			job->message_id);
	else if (job->error < 0)
		events_add(daemon->events, EVENT_DAEMON, EVENT_ERROR, NULL, "cannot write in %s: %s", job->folder,
			strerror(-job->error));
	else if (job->message_id != NULL && daemon->mailer != NULL)
		mailer_wake(daemon->mailer);
	drop_first(daemon);
	start_first(daemon);
}

/* One at a time, in their order: of two that write the same file at once either could be the last. */
static void start_first(struct daemon *daemon)
{
	while (daemon->jobs != NULL && uv_queue_work(daemon->loop, &daemon->jobs->work, on_work, on_done) < 0)
		drop_first(daemon);
}

/* What still waits to be written to the same file is out of date. */
static void drop_outdated(struct job *first, const struct job *job)
{
	for (struct job **link = &first->next; *link != NULL;) {
		struct job *waiting = *link;

		if (waiting->write != job->write || waiting->message_id != NULL) {
			link = &waiting->next;
			continue;
		}
		*link = waiting->next;
		job_free(waiting);
	}
}

static void job_start(struct job *job)
{
	struct job **last = &job->daemon->jobs;
	bool idle = *last == NULL;

	if (!idle)
		drop_outdated(*last, job);
	while (*last != NULL)
		last = &(*last)->next;
	*last = job;
	if (idle)
		start_first(job->daemon);
}

static bool add_record(struct arena *arena, struct id_record *records, size_t *count, const char *name, uint16_t id)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(records[i].name, name) == 0)
			return true;
	}
	records[*count] = (struct id_record){ arena_text(arena, name, strlen(name)), id };
	return records[(*count)++].name != NULL;
}

static bool put_policy(struct state *copy, const char *name, uint16_t id)
{
	const char *text = arena_text(copy->arena, name, strlen(name));

	copy->policies[copy->policy_count++] = (struct id_record){ text, id };
	return text != NULL;
}

/* There may be thousands. */
static bool copy_policies(const struct generation *generation, const struct state *old, struct state *copy)
{
	const struct config *config = generation->config;
	size_t most = mark_policy_max(mark_layout_of(&config->kernel));
	struct policy_name *names = config_policy_names(config);
	bool good = names != NULL;

	for (size_t i = 0; good && i < config->policy_count; i++)
		good = put_policy(copy, config->policies[i].name, generation->ids.policies[i]);
	for (size_t i = 0; good && i < old->policy_count && copy->policy_count < most; i++) {
		if (config_policy_named(names, config->policy_count, old->policies[i].name) < 0)
			good = put_policy(copy, old->policies[i].name, old->policies[i].id);
	}
	free(names);
	return good;
}

/* The names in force first, then those of before, as many as numbers exist. */
static bool copy_records(const struct daemon *daemon, struct state *copy)
{
	const struct generation *generation = daemon->generation;
	const struct config *config = generation->config;
	const struct state *old = &daemon->state;
	bool good = true;

	copy->links = arena_array(copy->arena, config->link_count + old->link_count, sizeof(struct id_record));
	copy->policies = arena_array(copy->arena, config->policy_count + old->policy_count, sizeof(struct id_record));
	copy->classes = arena_array(copy->arena, config->qos.count + old->class_count, sizeof(struct id_record));
	if (copy->links == NULL || copy->policies == NULL || copy->classes == NULL)
		return false;
	for (size_t i = 0; i < config->link_count; i++)
		good &= add_record(copy->arena, copy->links, &copy->link_count, config->links[i].name, generation->ids.links[i]);
	for (size_t i = 0; i < old->link_count && copy->link_count < MARK_LINK_MAX; i++)
		good &= add_record(copy->arena, copy->links, &copy->link_count, old->links[i].name, old->links[i].id);
	for (size_t i = 0; i < config->qos.count; i++)
		good &= add_record(copy->arena, copy->classes, &copy->class_count, config->qos.classes[i].name,
			generation->ids.classes[i]);
	for (size_t i = 0; i < old->class_count && copy->class_count < MARK_CLASS_MAX; i++)
		good &= add_record(copy->arena, copy->classes, &copy->class_count, old->classes[i].name, old->classes[i].id);
	return good && copy_policies(generation, old, copy);
}

static bool copy_outages(const struct state *from, struct state *copy)
{
	copy->outages = arena_array(copy->arena, from->outage_count, sizeof(struct outage));
	if (copy->outages == NULL)
		return false;
	for (size_t i = 0; i < from->outage_count; i++) {
		const struct outage *outage = &from->outages[i];

		copy->outages[copy->outage_count++] = (struct outage){
			.link = arena_text(copy->arena, outage->link, strlen(outage->link)),
			.message_id = outage->message_id == NULL ? NULL
			              : arena_text(copy->arena, outage->message_id, strlen(outage->message_id)),
			.since = outage->since,
		};
	}
	return true;
}

/* Of the links in force: an order for a link that went is forgotten. */
static bool copy_orders(const struct daemon *daemon, struct state *copy)
{
	size_t count = daemon->generation->config->link_count;

	copy->orders = arena_array(copy->arena, count, sizeof(struct order));
	if (copy->orders == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct link_run *run = &daemon->links[i];

		if (run->duty == DUTY_SERVES)
			continue;
		copy->orders[copy->order_count++] = (struct order){
			arena_text(copy->arena, run->link->name, strlen(run->link->name)), run->duty, run->drain_until };
		if (copy->orders[copy->order_count - 1].link == NULL)
			return false;
	}
	return true;
}

static bool copy_state(const struct daemon *daemon, struct state *copy)
{
	*copy = (struct state){ .arena = arena_new(), .key = daemon->state.key };
	return copy->arena != NULL && copy_records(daemon, copy) && copy_outages(&daemon->state, copy)
	       && copy_orders(daemon, copy);
}

static void write_state(struct job *job)
{
	job->error = state_write(job->folder, &job->state);
}

/* Renews what the daemon itself remembers, and writes it. */
void keep_state(struct daemon *daemon)
{
	struct job *job = job_new(daemon, write_state);
	struct state renewed = { 0 };

	if (job == NULL || !copy_state(daemon, &renewed) || !copy_state(daemon, &job->state)) {
		arena_free(renewed.arena);
		if (job != NULL)
			job_free(job);
		return;
	}
	arena_free(daemon->state.arena);
	daemon->state = renewed;
	job_start(job);
}

static void write_sticky(struct job *job)
{
	job->error = state_write_blob(job->folder, STICKY_NAME, job->bytes, job->size);
}

/* wait: there is no loop any more that would end it. */
static void job_run(struct job *job, bool wait)
{
	if (job->bytes == NULL) {
		job_free(job);
	} else if (wait) {
		job->write(job);
		job_free(job);
	} else {
		job_start(job);
	}
}

void keep_sticky(struct daemon *daemon)
{
	struct job *job = job_new(daemon, write_sticky);

	if (job == NULL)
		return;
	job->bytes = sticky_export(daemon->sticky, &daemon->state.key, (uint32_t)(verdicts_now_ms() / 1000), &job->size);
	job_run(job, false);
}

static void write_learnt(struct job *job)
{
	job->error = state_write_blob(job->folder, LEARNT_NAME, job->bytes, job->size);
}

void keep_learnt(struct daemon *daemon)
{
	struct job *job = job_new(daemon, write_learnt);

	if (job == NULL)
		return;
	job->bytes = measure_export(daemon);
	job->size = job->bytes == NULL ? 0 : strlen(job->bytes);
	job_run(job, false);
}

static void write_quota(struct job *job)
{
	job->error = state_write_blob(job->folder, QUOTA_FILE, job->bytes, job->size);
}

void keep_quota(struct daemon *daemon)
{
	struct job *job = job_new(daemon, write_quota);

	if (job == NULL)
		return;
	job->bytes = quota_export(daemon);
	job->size = job->bytes == NULL ? 0 : strlen(job->bytes);
	job_run(job, false);
}

static void write_paths(struct job *job)
{
	job->error = state_write_blob(job->folder, KEEP_PATHS_NAME, job->bytes, job->size);
}

void keep_paths(struct daemon *daemon, bool wait)
{
	struct job *job = job_new(daemon, write_paths);
	const char *names[MARK_LINK_MAX + 1];

	if (job == NULL)
		return;
	learn_names(daemon->generation, names);
	job->bytes = paths_export(daemon->paths, verdicts_now_ms(), time(NULL), names, &job->size);
	job_run(job, wait);
}

static void write_mail(struct job *job)
{
	char folder[4096];

	snprintf(folder, sizeof(folder), "%s/spool", job->folder);
	job->error = spool_put(folder, job->message_id, job->bytes, job->rank, &job->gave_way);
}

/* Takes ownership of message. */
void keep_mail(struct daemon *daemon, const char *message_id, char *message, enum spool_rank rank)
{
	struct job *job = job_new(daemon, write_mail);

	if (job == NULL) {
		free(message);
		return;
	}
	job->bytes = message;
	job->rank = rank;
	job->message_id = strdup(message_id);
	if (job->message_id == NULL)
		job_free(job);
	else
		job_start(job);
}

static void write_stories(struct job *job)
{
	job->error = state_write_blob(job->folder, STORIES_NAME, job->bytes, job->size);
}

void keep_stories(struct daemon *daemon, bool wait)
{
	struct job *job = job_new(daemon, write_stories);

	if (job == NULL)
		return;
	job->bytes = stories_export(daemon);
	job->size = job->bytes == NULL ? 0 : strlen(job->bytes);
	job_run(job, wait);
}

static void load_stories(struct daemon *daemon)
{
	size_t size;
	void *bytes;

	if (state_read_blob(daemon->generation->config->state_directory, STORIES_NAME, STORIES_LIMIT, &bytes, &size) < 0)
		return;
	stories_import(daemon, bytes, size);
	free(bytes);
}

static void load_learnt(struct daemon *daemon)
{
	size_t size;
	void *bytes;

	if (state_read_blob(daemon->generation->config->state_directory, LEARNT_NAME, LEARNT_LIMIT, &bytes, &size) < 0)
		return;
	measure_import(daemon, bytes, size);
	free(bytes);
}

static void load_quota(struct daemon *daemon)
{
	void *bytes = NULL;
	size_t size = 0;

	if (state_read_blob(daemon->generation->config->state_directory, QUOTA_FILE, LEARNT_LIMIT, &bytes, &size) < 0)
		bytes = NULL;
	quota_start(daemon, bytes, size);
	free(bytes);
}

void keep_load(struct daemon *daemon)
{
	size_t size;
	void *bytes;

	load_learnt(daemon);
	load_stories(daemon);
	load_quota(daemon);
	if (state_read_blob(daemon->generation->config->state_directory, STICKY_NAME, STICKY_LIMIT, &bytes, &size) < 0)
		return;
	sticky_import(daemon->sticky, &daemon->state.key, bytes, size, (uint32_t)(verdicts_now_ms() / 1000));
	free(bytes);
}
