/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens connections at a steady rate, each timed, and tells what became of them. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "load.h"

#define TICK_NS   20000000
#define SIGNAL_ID UINT64_MAX

static int open_signals(int epoll)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = SIGNAL_ID };
	sigset_t ends;
	int fd;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	fd = signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -1 : epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void begin_what_is_due(struct load *load, uint64_t now_ns)
{
	const struct load_options *options = load->options;

	/* A burst of 64 at most, so that answers are not kept waiting. */
	for (int i = 0; i < 64 && !load->stop && load->begun < options->count; i++) {
		if (options->rate > 0 && (double)(now_ns - load->start_ns) * options->rate <
						 (double)load->begun * 1e9)
			return;
		attempt_begin(load, load->begun++);
	}
}

/* Attempts end in the order they began, but for those that wait: only the front can be too old. */
static void end_what_is_late(struct load *load, uint64_t now_ns)
{
	while (load->oldest < load->begun) {
		const struct attempt *attempt = &load->attempts[load->oldest];

		if (attempt->outcome == OUTCOME_PENDING && !attempt->answered) {
			if (now_ns - attempt->begun_ns < load->options->timeout_ns)
				return;
			attempt_end(load, load->oldest, ETIME);
		}
		load->oldest++;
	}
}

static void handle_events(struct load *load)
{
	struct epoll_event events[64];
	bool busy = load->options->rate == 0 && !load->stop && load->begun < load->options->count;
	int count = epoll_wait(load->epoll, events, 64, busy ? 0 : 1);

	for (int i = 0; i < count; i++) {
		if (events[i].data.u64 == SIGNAL_ID)
			load->stop = true;
		else
			attempt_event(load, (size_t)events[i].data.u64);
	}
}

static void tick_all(struct load *load, uint64_t now_ns)
{
	for (size_t i = 0; i < load->begun; i++)
		attempt_tick(load, i, now_ns);
}

static bool at_work(const struct load *load)
{
	if (load->stop)
		return load->oldest < load->begun;
	return load->begun < load->options->count || load->open > 0;
}

static void run(struct load *load)
{
	uint64_t ticked_ns = 0;

	load->start_ns = load_now_ns();
	while (at_work(load)) {
		uint64_t now_ns = load_now_ns();

		begin_what_is_due(load, now_ns);
		handle_events(load);
		now_ns = load_now_ns();
		end_what_is_late(load, now_ns);
		if (load->options->hold && now_ns - ticked_ns > TICK_NS) {
			tick_all(load, now_ns);
			ticked_ns = now_ns;
		}
	}
	for (size_t i = 0; i < load->begun; i++) {
		if (load->attempts[i].outcome == OUTCOME_PENDING)
			attempt_end(load, i, 0);
	}
}

static void allow_many_files(void)
{
	struct rlimit limit = { .rlim_cur = 1 << 19, .rlim_max = 1 << 19 };

	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct load_options options;
	struct load load = { .options = &options };

	if (!load_options_read(argc, argv, &options))
		return 2;
	allow_many_files();
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.attempts = calloc(options.count, sizeof(*load.attempts));
	if (load.epoll < 0 || load.attempts == NULL || open_signals(load.epoll) < 0) {
		perror("lab-load");
		return 1;
	}
	run(&load);
	load_report(&load, stdout);
	free(load.attempts);
	free(options.from);
	return 0;
}
