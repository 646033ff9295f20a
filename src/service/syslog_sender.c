/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Brings lines of syslog to the local daemon or to a server, in a thread of its own. */

#include "service/syslog_sender.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "service/syslog_format.h"
#include "service/syslog_ring.h"
#include "service/syslog_way.h"

#define PAUSE_FIRST_MS 250
#define PAUSE_MOST_MS  30000

/* A way that lasted for so long is a good one: the next pause is the first again. */
#define GOOD_MS 5000

/* After a refusal one datagram goes ahead, and others wait for so long whether it is refused too. */
#define TRIAL_MS 200

/* How long a thread that nobody waits for may still send. */
#define FAREWELL_MS 1000

struct syslog_sender {
	char *server, *ca_file;
	pthread_t thread;
	int wake;             /* eventfd */
	pthread_mutex_t lock; /* of what follows */
	struct syslog_ring ring;
	uint64_t sent, lost;
	char problem[256];
	unsigned int owners;  /* who made it, and the thread: the last one frees it */
	uint64_t end_ms;      /* 0: goes on; else when to end in any case */
	bool hurried;
	/* Of the thread alone. */
	struct syslog_way *way;
	uint64_t opened_ms;
	uint32_t pause_ms;
	bool on_trial;
	char line[SYSLOG_LINE_MAX];
	size_t length;        /* of the line that is under way; 0: none */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void wake(struct syslog_sender *sender)
{
	uint64_t one = 1;

	while (write(sender->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void free_sender(struct syslog_sender *sender)
{
	if (sender->wake >= 0)
		close(sender->wake);
	syslog_ring_end(&sender->ring);
	pthread_mutex_destroy(&sender->lock);
	free(sender->server);
	free(sender->ca_file);
	free(sender);
}

static void release(struct syslog_sender *sender)
{
	bool last;

	pthread_mutex_lock(&sender->lock);
	last = --sender->owners == 0;
	pthread_mutex_unlock(&sender->lock);
	if (last)
		free_sender(sender);
}

/* --- the thread --- */

static bool must_end(void *data)
{
	struct syslog_sender *sender = data;
	uint64_t end_ms;

	pthread_mutex_lock(&sender->lock);
	end_ms = sender->end_ms;
	pthread_mutex_unlock(&sender->lock);
	return end_ms != 0 && now_ms() >= end_ms;
}

/* The line under way is one that waits, too. */
static bool has_line(struct syslog_sender *sender)
{
	if (sender->length > 0)
		return true;
	pthread_mutex_lock(&sender->lock);
	sender->length = syslog_ring_take(&sender->ring, sender->line, sizeof(sender->line));
	pthread_mutex_unlock(&sender->lock);
	return sender->length > 0;
}

static bool is_over(struct syslog_sender *sender)
{
	bool ending;

	pthread_mutex_lock(&sender->lock);
	ending = sender->end_ms != 0 && (sender->end_ms <= now_ms() || (sender->ring.count == 0 && sender->length == 0));
	pthread_mutex_unlock(&sender->lock);
	return ending;
}

static void note(struct syslog_sender *sender, const char *problem)
{
	pthread_mutex_lock(&sender->lock);
	snprintf(sender->problem, sizeof(sender->problem), "%s", problem);
	pthread_mutex_unlock(&sender->lock);
}

static void break_way(struct syslog_sender *sender, int error)
{
	uint64_t open = syslog_way_open_lines(sender->way);

	syslog_way_close(sender->way);
	sender->way = NULL;
	if (now_ms() - sender->opened_ms >= GOOD_MS)
		sender->pause_ms = 0;
	pthread_mutex_lock(&sender->lock);
	sender->lost += open;
	sender->sent -= open;
	pthread_mutex_unlock(&sender->lock);
	note(sender, error == -EPIPE ? "it has closed the connection" : strerror(-error));
}

/* Until something is to be done: news on the way, a line, or time. events 0: the way is not looked at. */
static void wait_for(struct syslog_sender *sender, short events, int timeout_ms)
{
	struct pollfd polls[2] = { { .fd = sender->wake, .events = POLLIN }, { .fd = -1, .events = events } };
	uint64_t count;
	int error;

	if (sender->way != NULL && events != 0)
		polls[1].fd = syslog_way_fd(sender->way);
	poll(polls, 2, timeout_ms);
	if ((polls[0].revents & POLLIN) != 0 && read(sender->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	if ((polls[1].revents & (POLLIN | POLLERR | POLLHUP)) == 0)
		return;
	error = syslog_way_listen(sender->way);
	if (error < 0)
		break_way(sender, error);
}

static bool take_hurry(struct syslog_sender *sender)
{
	bool hurried;

	pthread_mutex_lock(&sender->lock);
	hurried = sender->hurried;
	sender->hurried = false;
	pthread_mutex_unlock(&sender->lock);
	return hurried;
}

/* Twice as long each time, until somebody says that a link came up. */
static void pause_sending(struct syslog_sender *sender)
{
	uint64_t begin_ms = now_ms(), passed_ms = 0;

	sender->pause_ms = sender->pause_ms == 0 ? PAUSE_FIRST_MS : sender->pause_ms * 2;
	if (sender->pause_ms > PAUSE_MOST_MS)
		sender->pause_ms = PAUSE_MOST_MS;
	while (passed_ms < sender->pause_ms && !must_end(sender)) {
		if (take_hurry(sender)) {
			sender->pause_ms = 0;
			return;
		}
		/* In pieces, for the end may come sooner. */
		wait_for(sender, 0, sender->pause_ms - passed_ms < 200 ? (int)(sender->pause_ms - passed_ms) : 200);
		passed_ms = now_ms() - begin_ms;
	}
}

static void open_way(struct syslog_sender *sender)
{
	struct syslog_patience patience = { must_end, sender };
	char problem[sizeof(sender->problem)];

	if (sender->pause_ms != 0 || sender->problem[0] != '\0')
		pause_sending(sender);
	if (must_end(sender))
		return;
	if (syslog_way_open(sender->server, sender->ca_file, &patience, &sender->way, problem, sizeof(problem)) < 0) {
		sender->way = NULL;
		note(sender, problem);
		return;
	}
	sender->opened_ms = now_ms();
	sender->on_trial = sender->problem[0] != '\0';
}

/* Taken by the kernel. The first one after a problem goes alone: what a server that is away refuses comes back soon. */
static void sent(struct syslog_sender *sender)
{
	sender->length = 0;
	pthread_mutex_lock(&sender->lock);
	sender->sent++;
	pthread_mutex_unlock(&sender->lock);
	if (!sender->on_trial)
		return;
	sender->on_trial = false;
	for (uint64_t begin_ms = now_ms(); sender->way != NULL && now_ms() - begin_ms < TRIAL_MS && !must_end(sender);)
		wait_for(sender, POLLIN, TRIAL_MS);
	if (sender->way != NULL)
		note(sender, "");
}

static void send_line(struct syslog_sender *sender)
{
	int error = syslog_way_listen(sender->way); /* whoever has closed it is not written to */

	if (error == 0)
		error = syslog_way_send(sender->way, sender->line, sender->length);
	if (error == 0)
		sent(sender);
	else if (error == -EAGAIN)
		wait_for(sender, POLLIN | POLLOUT, 100);
	else
		break_way(sender, error);
}

static void *run(void *data)
{
	struct syslog_sender *sender = data;

	while (!is_over(sender)) {
		if (!has_line(sender))
			wait_for(sender, POLLIN, -1);
		else if (sender->way == NULL)
			open_way(sender);
		else
			send_line(sender);
	}
	syslog_way_close(sender->way);
	release(sender);
	return NULL;
}

/* --- everybody else --- */

static bool copy(const char *text, char **ret_copy)
{
	*ret_copy = text == NULL ? NULL : strdup(text);
	return text == NULL || *ret_copy != NULL;
}

static int start(struct syslog_sender *sender)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&sender->thread, NULL, run, sender);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

int syslog_sender_new(const char *server, const char *ca_file, size_t buffer, struct syslog_sender **ret_sender)
{
	struct syslog_sender *sender = calloc(1, sizeof(*sender));
	int error = 0;

	if (sender == NULL)
		return -ENOMEM;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	pthread_mutex_init(&sender->lock, NULL);
	sender->owners = 2;
	sender->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sender->wake < 0)
		error = -errno;
	else if (!copy(server, &sender->server) || !copy(ca_file, &sender->ca_file))
		error = -ENOMEM;
	if (error == 0)
		error = syslog_ring_begin(&sender->ring, buffer);
	if (error == 0)
		error = start(sender);
	if (error < 0) {
		free_sender(sender);
		return error;
	}
	*ret_sender = sender;
	return 0;
}

/* True where the thread has ended in time. */
static bool join(struct syslog_sender *sender, uint32_t wait_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return pthread_timedjoin_np(sender->thread, NULL, &until) == 0;
}

void syslog_sender_free(struct syslog_sender *sender, uint32_t wait_ms)
{
	if (sender == NULL)
		return;
	pthread_mutex_lock(&sender->lock);
	sender->end_ms = now_ms() + (wait_ms == 0 ? FAREWELL_MS : wait_ms);
	pthread_mutex_unlock(&sender->lock);
	wake(sender);
	/* A name server that does not answer holds the thread longer: it is left to itself. */
	if (wait_ms == 0 || !join(sender, wait_ms + 100))
		pthread_detach(sender->thread);
	release(sender);
}

void syslog_sender_add(struct syslog_sender *sender, const char *line, size_t length, bool many)
{
	bool first;

	pthread_mutex_lock(&sender->lock);
	first = sender->ring.count == 0;
	if ((many && sender->ring.used + length > sender->ring.size / 4 * 3)
	    || !syslog_ring_add(&sender->ring, line, length < SYSLOG_LINE_MAX ? length : SYSLOG_LINE_MAX))
		sender->lost++;
	pthread_mutex_unlock(&sender->lock);
	if (first)
		wake(sender);
}

void syslog_sender_hurry(struct syslog_sender *sender)
{
	pthread_mutex_lock(&sender->lock);
	sender->hurried = true;
	pthread_mutex_unlock(&sender->lock);
	wake(sender);
}

struct syslog_figures syslog_sender_figures(struct syslog_sender *sender)
{
	struct syslog_figures figures;

	pthread_mutex_lock(&sender->lock);
	figures = (struct syslog_figures){ .sent = sender->sent, .lost = sender->lost, .waiting = sender->ring.count };
	memcpy(figures.problem, sender->problem, sizeof(figures.problem));
	pthread_mutex_unlock(&sender->lock);
	return figures;
}
