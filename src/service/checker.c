/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the targets of one link, round by round, through that link and no other. */

#include "service/checker.h"

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/log.h"
#include "service/lookup.h"
#include "service/probe_http.h"
#include "service/probe_ping.h"
#include "service/probe_tcp.h"

#define NS_PER_MS 1000000u

/* One question of the round that runs. Owns itself: its memory goes when the loop lets go of it. */
struct probe {
	uv_poll_t poll;
	struct checker *checker;
	const struct target *target;
	size_t slot; /* in checker.probes */
	int fd; /* of pings and connections; poll is theirs */
	uint64_t sent_ns;
	struct ping ping;
	struct probe_http *http;
	struct lookup *lookup;
};

/*
 * One timer serves both ends of a round: while asking it is the deadline, else the time of the next
 * beginning. Beginnings lie on a grid of intervals, so what a round takes shifts none of them.
 */
struct checker {
	uv_timer_t timer;
	const struct check *check;
	struct checker_path path;
	char device[IF_NAMESIZE];
	uint32_t (*timeout_ms)(void *data);
	checker_round on_round;
	void *data;

	uint32_t hurry_ms; /* instead of the interval; 0: no */
	uint64_t due_ns; /* point of the grid that the last or next round belongs to */
	bool asking;
	uint16_t sequence;
	uint32_t timeout;
	struct round round;
	size_t waiting;  /* probes that may still be answered */
	int error;       /* the first of this round */
	int told_error;  /* what the log knows of: told anew only when it changes */
	struct probe *probes[]; /* NULL: settled */
};

static void on_timer(uv_timer_t *timer);

static uint64_t interval_ns(const struct checker *checker)
{
	return (uint64_t)(checker->hurry_ms != 0 ? checker->hurry_ms : checker->check->interval_ms) * NS_PER_MS;
}

static void arm(struct checker *checker, uint64_t at_ns)
{
	uint64_t now = uv_hrtime();
	uint64_t wait_ms = at_ns > now ? (at_ns - now + NS_PER_MS - 1) / NS_PER_MS : 0;

	uv_update_time(checker->timer.loop);
	uv_timer_start(&checker->timer, on_timer, wait_ms, 0);
}

static void free_owner(uv_handle_t *handle)
{
	free(handle->data);
}

/* One packet there and one back; the others are exchanges of many. */
static bool is_single(const struct target *target)
{
	return target->kind == TARGET_PING || target->kind == TARGET_TCP;
}

/* The descriptor is free at once, also while the loop is still letting go of the handle. */
static void settle(struct checker *checker, size_t slot)
{
	struct probe *probe = checker->probes[slot];

	if (!probe)
		return;
	checker->probes[slot] = NULL;
	checker->waiting--;
	if (is_single(probe->target)) {
		uv_close((uv_handle_t *)&probe->poll, free_owner);
		close(probe->fd);
		return;
	}
	probe_http_free(probe->http);
	lookup_free(probe->lookup);
	free(probe);
}

static void settle_all(struct checker *checker)
{
	for (size_t i = 0; i < checker->check->count; i++)
		settle(checker, i);
}

/* An answer that is read after the deadline came in time: it is the loop that was late, not the link. */
static void count_answer(struct checker *checker, uint64_t latency_us)
{
	uint64_t longest = (uint64_t)checker->timeout * 1000;

	if (longest > UINT32_MAX)
		longest = UINT32_MAX;
	if (latency_us == 0)
		latency_us = 1;
	if (latency_us > longest)
		latency_us = longest;
	if (checker->round.answered == 0 || latency_us < checker->round.latency_us)
		checker->round.latency_us = (uint32_t)latency_us;
	checker->round.answered++;
}

static uint64_t us_since(uint64_t then_ns)
{
	return (uv_hrtime() - then_ns) / 1000;
}

/* 1: answered, 0: not yet, -errno: it never will be. */
static int look(const struct probe *probe, uint64_t *ret_latency_us)
{
	uint32_t handshake_us = 0;
	int result = -EINVAL;

	switch (probe->target->kind) {
	case TARGET_PING:
		result = probe_ping_read(probe->fd, &probe->ping);
		*ret_latency_us = us_since(probe->ping.sent_ns);
		break;
	case TARGET_TCP:
		result = probe_tcp_read(probe->fd, &handshake_us);
		*ret_latency_us = handshake_us != 0 ? handshake_us : us_since(probe->sent_ns);
		break;
	case TARGET_HTTP:
	case TARGET_DNS:
		return 0; /* they tell by themselves */
	}
	return result;
}

static void look_and_settle(struct probe *probe)
{
	uint64_t latency_us;
	int result = look(probe, &latency_us);

	if (result == 0)
		return;
	if (result > 0)
		count_answer(probe->checker, latency_us);
	settle(probe->checker, probe->slot);
}

/* The next point of the grid; those that were slept through are left out, not caught up with. */
static void advance(struct checker *checker)
{
	uint64_t now = uv_hrtime(), interval = interval_ns(checker);

	checker->due_ns += interval;
	if (now > checker->due_ns + interval / 2)
		checker->due_ns += ((now - checker->due_ns) / interval + 1) * interval;
}

/* What we lack ourselves says nothing about the link. */
static bool is_our_fault(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

/* on_round comes last: the checker may be freed or restarted by it. */
static void finish(struct checker *checker)
{
	struct round round = checker->round;

	settle_all(checker);
	checker->asking = false;
	advance(checker);
	arm(checker, checker->due_ns);
	if (!is_our_fault(checker->error))
		checker->on_round(checker->data, &round, uv_hrtime() / NS_PER_MS);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct probe *probe = poll->data;
	struct checker *checker = probe->checker;

	(void)status; /* the socket itself is asked what happened to it */
	(void)events;
	look_and_settle(probe);
	if (checker->waiting == 0)
		finish(checker);
}

/* The descriptor, or -errno. */
static int ask(struct checker *checker, struct probe *probe)
{
	const struct target *target = probe->target;
	int result = -EINVAL;

	probe->sent_ns = uv_hrtime();
	switch (target->kind) {
	case TARGET_PING:
		result = probe_ping_send(&checker->path, &target->address, checker->sequence, &probe->ping);
		break;
	case TARGET_TCP:
		result = probe_tcp_connect(&checker->path, &target->address, target->port);
		break;
	case TARGET_HTTP:
	case TARGET_DNS:
		break;
	}
	return result;
}

static void end_exchange(struct probe *probe, bool good)
{
	struct checker *checker = probe->checker;

	if (good)
		count_answer(checker, us_since(probe->sent_ns));
	settle(checker, probe->slot);
	if (checker->waiting == 0)
		finish(checker);
}

static void on_page(void *data, int result)
{
	end_exchange(data, result > 0);
}

static void on_address(void *data, int result, const struct address *address)
{
	(void)address;
	end_exchange(data, result == 0);
}

static int begin_exchange(struct checker *checker, struct probe *probe)
{
	const struct target *target = probe->target;
	uv_loop_t *loop = checker->timer.loop;
	int result;

	probe->sent_ns = uv_hrtime();
	if (target->kind == TARGET_HTTP)
		result = probe_http_new(loop, &checker->path, target, checker->timeout, on_page, probe, &probe->http);
	else
		result = lookup_new(loop, &checker->path, &target->address, target->name, target->record, checker->timeout,
			on_address, probe, &probe->lookup);
	if (result < 0) {
		free(probe);
		return result;
	}
	checker->probes[probe->slot] = probe;
	checker->waiting++;
	return 0;
}

static int watch(struct checker *checker, struct probe *probe)
{
	int events = probe->target->kind == TARGET_PING ? UV_READABLE : UV_WRITABLE;
	int result = uv_poll_init(checker->timer.loop, &probe->poll, probe->fd);

	if (result < 0) {
		close(probe->fd);
		free(probe);
		return result;
	}
	probe->poll.data = probe;
	checker->probes[probe->slot] = probe;
	checker->waiting++;
	result = uv_poll_start(&probe->poll, events, on_poll);
	if (result < 0)
		settle(checker, probe->slot);
	return result;
}

static int start_probe(struct checker *checker, size_t slot)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return -ENOMEM;
	probe->checker = checker;
	probe->target = &checker->check->targets[slot];
	probe->slot = slot;
	if (!is_single(probe->target))
		return begin_exchange(checker, probe);
	probe->fd = ask(checker, probe);
	if (probe->fd < 0) {
		int error = probe->fd;

		free(probe);
		return error;
	}
	return watch(checker, probe);
}

static void tell_error(struct checker *checker)
{
	if (checker->error != 0 && checker->error != checker->told_error)
		log_notice("checks by %s cannot be sent: %s", checker->device, strerror(-checker->error));
	checker->told_error = checker->error;
}

/* A page and a look-up take longer than a packet there and back, by which the timeout is measured. */
static bool all_single(const struct check *check)
{
	for (size_t i = 0; i < check->count; i++) {
		if (!is_single(&check->targets[i]))
			return false;
	}
	return true;
}

static void begin(struct checker *checker)
{
	uint32_t timeout = all_single(checker->check) ? checker->timeout_ms(checker->data) : 0;

	if (timeout == 0 || timeout > checker->check->interval_ms)
		timeout = checker->check->interval_ms;
	checker->timeout = timeout;
	checker->asking = true;
	checker->sequence++;
	checker->error = 0;
	checker->round = (struct round){ .asked = (unsigned int)checker->check->count };
	for (size_t i = 0; i < checker->check->count; i++) {
		int result = start_probe(checker, i);

		if (result < 0 && (checker->error == 0 || is_our_fault(result)))
			checker->error = result;
	}
	tell_error(checker);
	if (checker->waiting == 0)
		finish(checker);
	else
		arm(checker, uv_hrtime() + (uint64_t)timeout * NS_PER_MS);
}

/* After a pause the deadline is seen before the answers that came in time: look once more. */
static void on_timer(uv_timer_t *timer)
{
	struct checker *checker = timer->data;

	if (!checker->asking) {
		begin(checker);
		return;
	}
	for (size_t i = 0; i < checker->check->count; i++) {
		if (checker->probes[i])
			look_and_settle(checker->probes[i]);
	}
	finish(checker);
}

int checker_new(uv_loop_t *loop, const struct check *link_check, const struct checker_path *path,
	uint32_t (*timeout_ms)(void *data), checker_round on_round, void *data, struct checker **ret_checker)
{
	struct checker *checker;
	int result;

	if (link_check->count == 0 || link_check->interval_ms == 0 || strlen(path->device) >= IF_NAMESIZE)
		return -EINVAL;
	checker = calloc(1, sizeof(*checker) + link_check->count * sizeof(checker->probes[0]));
	if (!checker)
		return -ENOMEM;
	result = uv_timer_init(loop, &checker->timer);
	if (result < 0) {
		free(checker);
		return result;
	}
	checker->timer.data = checker;
	checker->check = link_check;
	strcpy(checker->device, path->device);
	checker->path = (struct checker_path){ .device = checker->device, .mark = path->mark };
	checker->timeout_ms = timeout_ms;
	checker->on_round = on_round;
	checker->data = data;
	checker_restart(checker);
	*ret_checker = checker;
	return 0;
}

void checker_free(struct checker *checker)
{
	if (!checker)
		return;
	settle_all(checker);
	uv_close((uv_handle_t *)&checker->timer, free_owner);
}

void checker_hurry(struct checker *checker, uint32_t interval_ms)
{
	bool hurries = interval_ms != 0 && interval_ms < checker->check->interval_ms;

	if (checker->hurry_ms == (hurries ? interval_ms : 0))
		return;
	checker->hurry_ms = hurries ? interval_ms : 0;
	if (hurries)
		checker_restart(checker);
}

/* By the timer, not from here: the caller is not called back before it has returned to the loop. */
void checker_restart(struct checker *checker)
{
	settle_all(checker);
	checker->asking = false;
	checker->due_ns = uv_hrtime();
	arm(checker, checker->due_ns);
}
