/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Brings everything up, runs until told to end, takes everything down. */

#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/connection_log.h"
#include "daemon/defence.h"
#include "daemon/learn.h"
#include "daemon/measure.h"
#include "daemon/quota.h"
#include "daemon/recovery.h"
#include "daemon/records.h"
#include "daemon/syslog.h"
#include "daemon/watch.h"
#include "service/capability.h"
#include "service/hook.h"
#include "service/log.h"
#include "service/notify.h"

/* Exit codes that users are promised. */
enum {
	EXIT_FINE = 0,
	EXIT_ERROR = 1,
};

#define WATCH_MS          50
#define SECOND_MS         1000
#define STICKY_EVERY_S    5
#define SILENCE_LIMIT_MS  3000

static void publish_line(void *data, const char *line)
{
	struct daemon *daemon = data;

	if (daemon->control != NULL)
		control_publish(daemon->control, line);
}

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
		keep_sticky(daemon, false);
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

static int start_handles(struct daemon *daemon)
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
static void close_handles(struct daemon *daemon)
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

static int open_kernel(struct daemon *daemon)
{
	char message[512] = "";
	int error = netlink_open(NETLINK_NETFILTER, &daemon->nftables);

	if (error == 0)
		error = netlink_open(NETLINK_NETFILTER, &daemon->conntrack);
	if (error == 0)
		error = netlink_open(NETLINK_ROUTE, &daemon->routing);
	if (error == 0)
		error = device_events_open(&daemon->device_events);
	if (error == 0)
		error = ruleset_memory_new(&daemon->ruleset_memory);
	if (error < 0) {
		log_error("cannot talk to the kernel: %s", strerror(-error));
		return error;
	}
	error = ruleset_probe(daemon->nftables, &daemon->features, message, sizeof(message));
	if (error < 0)
		log_error("this kernel cannot do it: %s", message);
	return error;
}

/* Where the file has what was tried and not confirmed, the configuration before that comes into force. */
static struct generation *load_before(struct daemon *daemon, const struct config *config)
{
	char *before = trial_resume(daemon, config);
	struct generation *generation = before == NULL ? NULL : generation_parse(daemon, before);

	if (before != NULL && generation == NULL)
		log_error("the configuration before the trial cannot be loaded: that of the file is in force");
	free(before);
	return generation;
}

/* Takes config over: the state folder is in it, and the numbers of its names are in the state. */
static int load(struct daemon *daemon, struct config *config)
{
	int error = state_prepare(config->state_directory);

	if (error == 0)
		error = state_read(config->state_directory, &daemon->state);
	if (error < 0) {
		log_error("no state folder %s: %s", config->state_directory, strerror(-error));
		config_free(config);
		return error;
	}
	daemon->generation = load_before(daemon, config);
	if (daemon->generation == NULL)
		daemon->generation = generation_new(daemon, config);
	else
		config_free(config);
	return daemon->generation == NULL ? -ENOMEM : 0;
}

static int make_parts(struct daemon *daemon)
{
	const struct config *config = daemon->generation->config;

	daemon->sticky = sticky_new(config->sticky_entries);
	daemon->loads = loads_new();
	if (tell_new(daemon) < 0)
		return -ENOMEM;
	daemon->links = links_new(daemon, daemon->generation, NULL, 0);
	if (daemon->sticky == NULL || daemon->loads == NULL || daemon->links == NULL || world_start(daemon, config) < 0)
		return -ENOMEM;
	keep_load(daemon);
	if (learn_start(daemon) < 0)
		return -ENOMEM;
	return world_read(daemon);
}

static int start_control(struct daemon *daemon)
{
	const char *path = daemon->generation->config->socket;
	int error = control_new(daemon->loop, path, report_verbs, daemon, &daemon->control);

	if (error < 0)
		log_error("control socket %s: %s", path,
			error == -EADDRINUSE ? "another uplinkd answers on it" : strerror(-error));
	return error;
}

/* Threads answer before the rules ask: what waits in the queues of the daemon before is answered too. */
static int start_verdicts(struct daemon *daemon)
{
	struct snapshot *snapshot = apply_snapshot(daemon, daemon->generation, NULL);
	int error;

	if (snapshot == NULL)
		return -ENOMEM;
	error = verdicts_start(&daemon->generation->config->kernel, daemon->generation->config->decision_records, snapshot,
		generation_free, &daemon->verdicts);
	if (error == -EBUSY)
		log_error("queues from number %u on: another program has one of them (kernel.first-queue)",
			daemon->generation->config->kernel.first_queue);
	else if (error < 0)
		log_error("queues cannot be bound: %s", strerror(-error));
	return error;
}

static int start(struct daemon *daemon, struct config *config)
{
	int error = load(daemon, config);

	if (error == 0)
		syslog_follow(daemon);
	if (error == 0)
		error = open_kernel(daemon);
	if (error == 0)
		error = make_parts(daemon);
	if (error == 0)
		error = start_control(daemon);
	if (error < 0)
		return error;
	links_start(daemon);
	error = start_verdicts(daemon);
	if (error == 0)
		error = apply_all(daemon, NULL);
	if (error == 0)
		error = defence_start(daemon);
	if (error == 0)
		error = start_handles(daemon);
	if (error < 0)
		return error;
	ruleset_counter(daemon->nftables, daemon->plan->ruleset.table, PLAN_FALLBACKS, &daemon->fallbacks);
	trial_started(daemon);
	tell_start(daemon);
	tell_command_start(daemon);
	keep_state(daemon);
	tell_began(daemon);
	links_ground(daemon);
	tell_open_outages(daemon);
	error = connection_log_start(daemon);
	if (error == 0)
		error = records_start(daemon);
	if (error < 0)
		return error;
	error = recovery_start(daemon);
	if (error < 0)
		return error;
	watch_start(daemon);
	advice_give(daemon);
	return 0;
}

static void stop(struct daemon *daemon)
{
	size_t count = daemon->generation == NULL ? 0 : daemon->generation->config->link_count;

	/* Without threads nothing was decided, and the table may be that of another daemon, which lives. */
	if (daemon->sticky != NULL && daemon->verdicts != NULL)
		keep_sticky(daemon, true);
	if (daemon->links != NULL && daemon->verdicts != NULL) {
		keep_learnt(daemon, true);
		keep_quota(daemon, true);
		diagnosing_stop(daemon);
	}
	links_free(daemon->links, count);
	control_free(daemon->control);
	daemon->control = NULL;
	mailer_free(daemon->mailer);
	daemon->mailer = NULL; /* mails that are being written must not wake it */
	hook_free(daemon->hook);
	defence_stop(daemon);
	watch_stop(daemon);
	learn_stop(daemon);
	close_handles(daemon);
	uv_run(daemon->loop, UV_RUN_DEFAULT);
	tell_ends(daemon);
	connection_log_stop(daemon);
	records_stop(daemon);
	syslog_stop(daemon);
	verdicts_stop(daemon->verdicts);
	plan_free(daemon->plan);
	device_events_close(daemon->device_events);
	ruleset_memory_free(daemon->ruleset_memory);
	netlink_close(daemon->nftables);
	netlink_close(daemon->conntrack);
	netlink_close(daemon->routing);
	devices_free(daemon->devices);
	sticky_free(daemon->sticky);
	learn_free(daemon);
	free(daemon->loads);
	free(daemon->zones);
	free(daemon->attacks);
	tell_free(daemon);
	sets_free(daemon->sets);
	shape_free(&daemon->shaping);
	recovery_stop(daemon);
	generation_free(daemon->generation);
	arena_free(daemon->state.arena);
	events_free(daemon->events);
	trial_end(&daemon->trial);
}

static int run(struct daemon *daemon, struct config *config)
{
	int error = start(daemon, config);

	if (error == 0) {
		events_add(daemon->events, EVENT_DAEMON, EVENT_NOTICE, NULL, "uplinkd " VERSION " runs: %zu links, %zu policies, %s",
			daemon->generation->config->link_count, daemon->generation->config->policy_count,
			daemon->features.native_queue ? "native queue" : "queue by nft_compat");
		notify_send("READY=1");
		uv_run(daemon->loop, UV_RUN_DEFAULT);
		notify_send("STOPPING=1");
	}
	stop(daemon);
	return error < 0 ? EXIT_ERROR : EXIT_FINE;
}

/* Where it is installed; else beside the daemon, as in a build tree. The caller frees it. */
static char *find_program(const char *name)
{
	char path[4096], installed[256];
	ssize_t length;
	char *slash;

	snprintf(installed, sizeof(installed), LIBEXECDIR "/uplinkd/%s", name);
	if (access(installed, X_OK) == 0)
		return strdup(installed);
	length = readlink("/proc/self/exe", path, sizeof(path) - 32);
	if (length <= 0)
		return strdup(installed);
	path[length] = '\0';
	slash = strrchr(path, '/');
	snprintf(slash + 1, 32, "%s", name);
	return strdup(path);
}

int daemon_run(const char *config_path, struct config *config, bool foreground)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	uv_loop_t loop;
	int code;

	if (daemon == NULL || uv_loop_init(&loop) < 0) {
		config_free(config);
		free(daemon);
		return EXIT_ERROR;
	}
	capability_clear_ambient();
	signal(SIGPIPE, SIG_IGN);
	daemon->loop = &loop;
	daemon->config_path = config_path;
	daemon->foreground = foreground;
	daemon->started = time(NULL);
	daemon->mail_program = find_program("uplinkd-mail");
	daemon->hook_program = find_program("uplinkd-hook");
	gethostname(daemon->host, sizeof(daemon->host) - 1);
	daemon->events = events_new(publish_line, daemon);
	if (daemon->events == NULL || daemon->mail_program == NULL || daemon->hook_program == NULL) {
		config_free(config);
		code = EXIT_ERROR;
	} else {
		code = run(daemon, config);
	}
	uv_loop_close(&loop);
	free(daemon->mail_program);
	free(daemon->hook_program);
	free(daemon);
	return code;
}
