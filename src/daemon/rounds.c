/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What wakes the main thread: the kernel's news, the clock, and signals; and what is done then. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/connection_log.h"
#include "daemon/daemon.h"
#include "daemon/defence.h"
#include "daemon/learn.h"
#include "daemon/measure.h"
#include "daemon/quota.h"
#include "daemon/recovery.h"
#include "daemon/records.h"
#include "daemon/syslog.h"
#include "daemon/watch.h"
#include "service/log.h"
#include "service/notify.h"

#define WATCH_MS          50
#define SECOND_MS         1000
#define STICKY_EVERY_S    5
#define SILENCE_LIMIT_MS  3000

static void on_device_events(uv_poll_t *poll, int status, int events)
{
	struct daemon *daemon = poll->data;

	(void)status;
	(void)events;
	if (device_events_read(daemon->device_events))
		apply_reconcile(daemon);
}

/* The kernel's own news of a lost carrier may be a second late: too late for who connects meanwhile. */
static bool carrier_changed(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];
		const struct device *device = devices_find(daemon->devices, run->link->device);

		if (device == NULL)
			continue;
		if (devices_glance(daemon->routing, device->index, &run->glanced[0], &run->glanced[1]) != device->carrier)
			return true;
	}
	return false;
}

/* nf_tables tells nobody for sure when a table goes, so we look at its generation. */
static bool ruleset_changed(struct daemon *daemon)
{
	uint32_t generation;

	return ruleset_generation(daemon->nftables, &generation) == 0 && generation != daemon->ruleset_generation;
}

static void on_watch(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	publish_reclaim(verdicts_publisher(daemon->verdicts));
	report_logged(daemon);
	connection_log_poll(daemon);
	records_poll(daemon);
	apply_forget_answers(daemon);
	tick_watch(daemon);
	renumber_watch(daemon);
	if (carrier_changed(daemon) || ruleset_changed(daemon) || ground_waited(daemon))
		apply_reconcile(daemon);
}

static void tell_manager(struct daemon *daemon)
{
	char names[256], text[320];

	snprintf(text, sizeof(text), "WATCHDOG=1\nSTATUS=traffic on %s", links_usable_names(daemon, names, sizeof(names)));
	notify_send(text);
}

/* The kernel decides alone as soon as the queues are closed; who restarts us has a working daemon again. */
static void end_hung(uint64_t silence_ms)
{
	log_error("a verdict thread is silent for %llu ms: ending, the kernel goes on with its fallback",
		(unsigned long long)silence_ms);
	_exit(EXIT_ERROR);
}

/* The alarm for what no counter of the queue shows: packets that were let through without an answer. */
static void watch_fallbacks(struct daemon *daemon)
{
	uint64_t count;

	if (ruleset_counter(daemon->nftables, daemon->plan->ruleset.table, PLAN_FALLBACKS, &count) < 0)
		return;
	if (count > daemon->fallbacks)
		events_add(daemon->events, EVENT_QUEUE, EVENT_WARNING, NULL,
			"the kernel decided %llu connections alone: nobody answered in time",
			(unsigned long long)(count - daemon->fallbacks));
	tell_fallbacks(daemon, count - daemon->fallbacks);
	daemon->fallbacks = count;
}

/* Where we ourselves were stopped, or the machine slept, the threads' silence means nothing yet. */
static void watch_threads(struct daemon *daemon)
{
	uint64_t now_ms = verdicts_now_ms(), silence_ms = verdicts_silence_ms(daemon->verdicts, now_ms);
	bool away = now_ms - daemon->watched_at_ms > 2 * SECOND_MS;

	daemon->watched_at_ms = now_ms;
	if (silence_ms > SILENCE_LIMIT_MS && !away)
		end_hung(silence_ms);
}

static void on_second(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	watch_threads(daemon);
	apply_reconcile(daemon);
	world_follow(daemon);
	measure_second(daemon);
	quota_second(daemon);
	watch_fallbacks(daemon);
	shape_watch(daemon);
	tell_manager(daemon);
	if (verdicts_now_ms() / 1000 % STICKY_EVERY_S == 0 && sticky_count(daemon->sticky, (uint32_t)(verdicts_now_ms() / 1000)) > 0)
		keep_sticky(daemon);
	siege_second(daemon);
	duty_second(daemon);
	diagnosing_second(daemon);
	watch_second(daemon);
	suspicion_second(daemon);
	evidence_second(daemon);
	flapping_second(daemon);
	recovery_second(daemon);
	learn_second(daemon);
	tell_second(daemon);
	syslog_second(daemon);
}

static void tell_errors(struct daemon *daemon, const struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++) {
		const struct config_error *error = &errors->items[i];

		events_add(daemon->events, EVENT_RELOAD, EVENT_ERROR, NULL, "%s:%u:%u: error: %s; the old configuration stays",
			error->file, error->line, error->column, error->message);
		tell_trouble(daemon, TROUBLE_RELOAD, "%s:%u:%u: %s", error->file, error->line, error->column, error->message);
	}
}

static void on_hangup(uv_signal_t *handle, int number)
{
	struct daemon *daemon = handle->data;
	struct config_errors errors = { 0 };
	char message[512] = "", text[64];

	(void)number;
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)verdicts_now_ms() * 1000);
	notify_send(text);
	if (reload(daemon, &errors, message, sizeof(message)) == -EBUSY) {
		tell_trouble(daemon, TROUBLE_RELOAD, "%s", message);
		events_add(daemon->events, EVENT_RELOAD, EVENT_ERROR, NULL, "the old configuration stays: %s", message);
	}
	tell_errors(daemon, &errors);
	connection_log_reopen(daemon);
	config_errors_free(&errors);
	notify_send("READY=1");
}

static void on_end(uv_signal_t *handle, int number)
{
	struct daemon *daemon = handle->data;

	(void)number;
	daemon->ending = true;
	uv_stop(daemon->loop);
}

int rounds_start(struct daemon *daemon)
{
	uv_poll_init(daemon->loop, &daemon->device_poll, device_events_fd(daemon->device_events));
	uv_timer_init(daemon->loop, &daemon->watch_timer);
	uv_timer_init(daemon->loop, &daemon->second_timer);
	uv_timer_init(daemon->loop, &daemon->flush_timer);
	uv_timer_init(daemon->loop, &daemon->trial_timer);
	uv_timer_init(daemon->loop, &daemon->recovery_timer);
	uv_signal_init(daemon->loop, &daemon->hangup);
	uv_signal_init(daemon->loop, &daemon->terminate);
	uv_signal_init(daemon->loop, &daemon->interrupt);
	daemon->device_poll.data = daemon->watch_timer.data = daemon->second_timer.data = daemon;
	daemon->recovery_timer.data = daemon;
	daemon->trial_timer.data = daemon->flush_timer.data = daemon->hangup.data = daemon->terminate.data = daemon->interrupt.data = daemon;
	uv_poll_start(&daemon->device_poll, UV_READABLE, on_device_events);
	uv_timer_start(&daemon->watch_timer, on_watch, WATCH_MS, WATCH_MS);
	uv_timer_start(&daemon->second_timer, on_second, SECOND_MS, SECOND_MS);
	uv_signal_start(&daemon->hangup, on_hangup, SIGHUP);
	uv_signal_start(&daemon->terminate, on_end, SIGTERM);
	return uv_signal_start(&daemon->interrupt, on_end, SIGINT);
}

static void close_handle(uv_handle_t *handle)
{
	if (handle->loop != NULL)
		uv_close(handle, NULL);
}

/* Only ours: others close what is theirs, and free it then. */
void rounds_stop(struct daemon *daemon)
{
	close_handle((uv_handle_t *)&daemon->device_poll);
	close_handle((uv_handle_t *)&daemon->watch_timer);
	close_handle((uv_handle_t *)&daemon->second_timer);
	close_handle((uv_handle_t *)&daemon->flush_timer);
	close_handle((uv_handle_t *)&daemon->trial_timer);
	close_handle((uv_handle_t *)&daemon->recovery_timer);
	close_handle((uv_handle_t *)&daemon->hangup);
	close_handle((uv_handle_t *)&daemon->terminate);
	close_handle((uv_handle_t *)&daemon->interrupt);
}
