/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Brings everything up, runs until told to end, takes everything down. */

#include "daemon/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/connection_log.h"
#include "daemon/defence.h"
#include "daemon/learn.h"
#include "daemon/recovery.h"
#include "daemon/records.h"
#include "daemon/syslog.h"
#include "daemon/watch.h"
#include "service/capability.h"
#include "service/hook.h"
#include "service/log.h"
#include "service/notify.h"

static void publish_line(void *data, const char *line)
{
	struct daemon *daemon = data;

	if (daemon->control != NULL)
		control_publish(daemon->control, line);
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
		error = rounds_start(daemon);
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
		keep_sticky(daemon);
	if (daemon->links != NULL && daemon->verdicts != NULL) {
		keep_learnt(daemon);
		keep_quota(daemon);
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
	rounds_stop(daemon);
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
