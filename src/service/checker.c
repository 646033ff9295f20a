/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the targets of one link, round by round, through that link and no other. */

#include "service/checker.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "service/log.h"
#include "service/probe.h"

#define NS_PER_MS 1000000u

/* Clocks are not read at one moment. */
#define SLEEP_LEAST_NS (100 * (int64_t)NS_PER_MS)

#define SLOTS (2 * CHECK_TARGETS_MAX)

/* One question of a batch. */
struct slot {
	struct batch *batch;
	struct probe *probe; /* NULL: settled */
};

/* All targets, asked at once. */
struct batch {
	struct checker *checker;
	struct round round;
	uint64_t begun_ns;
	uint32_t timeout; /* in ms; what takes longer is no longer than that: it is the loop that was late */
	unsigned int number;
	size_t waiting;   /* slots that may still be answered */
	struct slot slots[SLOTS]; /* of target N: N, and where it is asked twice N + CHECK_TARGETS_MAX */
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
	bool gateway_known;
	struct address gateway;

	uint32_t hurry_ms; /* instead of the interval; 0: no */
	uint32_t pace_ms;  /* the same, while nobody hurries */
	uint64_t due_ns; /* point of the grid that the last or next round belongs to */
	int64_t asleep_ns; /* how long the machine has slept since its start, at the end of the last round */
	bool asking;
	unsigned int number; /* of the round that was begun last */
	unsigned int failed_in_row;
	struct batch *now, *late; /* the round that runs or ran last; one that may still be answered */
	int error;       /* the first of this round */
	int told_error;  /* what the log knows of: told anew only when it changes */
	struct batch batches[2];
};

static void on_timer(uv_timer_t *timer);

static uint64_t interval_ns(const struct checker *checker)
{
	uint32_t interval_ms = checker->pace_ms != 0 ? checker->pace_ms : checker->check->interval_ms;

	return (uint64_t)(checker->hurry_ms != 0 ? checker->hurry_ms : interval_ms) * NS_PER_MS;
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

static void settle(struct slot *slot)
{
	if (slot->probe == NULL)
		return;
	probe_free(slot->probe);
	slot->probe = NULL;
	slot->batch->waiting--;
}

static void settle_all(struct batch *batch)
{
	for (size_t i = 0; i < SLOTS; i++)
		settle(&batch->slots[i]);
}

static size_t target_of(const struct slot *slot)
{
	return (size_t)(slot - slot->batch->slots) % CHECK_TARGETS_MAX;
}

/* An answer that is read after the deadline came in time: it is the loop that was late, not the link. */
static void count_answer(const struct slot *slot, uint64_t latency_us)
{
	struct batch *batch = slot->batch;
	struct round *round = &batch->round;
	uint64_t longest = (uint64_t)batch->timeout * 1000;

	if (latency_us == 0)
		latency_us = 1;
	if (latency_us > longest)
		latency_us = longest;
	if (round->answered == 0 || latency_us < round->latency_us)
		round->latency_us = (uint32_t)latency_us;
	round->targets |= 1u << target_of(slot);
	round->answered++;
	if (round->answered == batch->checker->check->need)
		round->enough_us = (uint32_t)latency_us;
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

static int64_t asleep_ns(void)
{
	struct timespec whole, awake;

	clock_gettime(CLOCK_BOOTTIME, &whole);
	clock_gettime(CLOCK_MONOTONIC, &awake);
	return (whole.tv_sec - awake.tv_sec) * (int64_t)1000000000 + whole.tv_nsec - awake.tv_nsec;
}

/* Whether the machine has slept since this was last asked: the clock that all others are read by stood still then. */
static bool has_slept(struct checker *checker)
{
	int64_t before = checker->asleep_ns;

	checker->asleep_ns = asleep_ns();
	return checker->asleep_ns - before > SLEEP_LEAST_NS;
}

static bool too_old(const struct batch *batch)
{
	return uv_hrtime() - batch->begun_ns > (uint64_t)HEALTH_PATIENCE_MS * NS_PER_MS;
}

/* Of a round that failed, whoever may still answer is listened to, unless another is listened to already. */
static void keep_late(struct checker *checker)
{
	struct batch *now = checker->now, *late = checker->late;

	if (late->waiting > 0 && too_old(late))
		settle_all(late);
	if (now->round.answered >= checker->check->need || late->waiting > 0 || checker->check->timeout_ms != 0 ||
		too_old(now)) {
		settle_all(now);
		return;
	}
	now->timeout = HEALTH_PATIENCE_MS;
	checker->now = late;
	checker->late = now;
}

/* on_round comes last: the checker may be freed or restarted by it. */
static void finish(struct checker *checker)
{
	struct round round = checker->now->round;

	checker->failed_in_row = round.answered >= checker->check->need ? 0 : checker->failed_in_row + 1;
	round.slept = has_slept(checker);
	keep_late(checker);
	checker->asking = false;
	advance(checker);
	arm(checker, checker->due_ns);
	if (!is_our_fault(checker->error))
		checker->on_round(checker->data, &round, uv_hrtime() / NS_PER_MS);
}

/* Told once: when as many as are needed have answered after all. */
static void end_late(struct checker *checker)
{
	struct batch *batch = checker->late;
	struct round round = batch->round;

	settle_all(batch);
	checker->failed_in_row = 0;
	round.late = checker->number - batch->number + (checker->asking ? 0 : 1);
	checker->on_round(checker->data, &round, uv_hrtime() / NS_PER_MS);
}

static void on_done(void *data, int result, uint64_t latency_us)
{
	struct slot *slot = data;
	struct batch *batch = slot->batch;
	struct checker *checker = batch->checker;

	if (result > 0) {
		count_answer(slot, latency_us);
		settle(&batch->slots[(target_of(slot) + CHECK_TARGETS_MAX) % SLOTS]);
		settle(&batch->slots[target_of(slot)]);
	}
	settle(slot);
	if (batch == checker->late) {
		if (batch->round.answered >= checker->check->need)
			end_late(checker);
		return;
	}
	if (batch->waiting == 0 && checker->asking)
		finish(checker);
}

static const struct address *address_of(const struct checker *checker, const struct target *target)
{
	if (!target->gateway)
		return &target->address;
	return checker->gateway_known ? &checker->gateway : NULL;
}

static int start_probe(struct checker *checker, size_t number)
{
	const struct target *target = &checker->check->targets[number % CHECK_TARGETS_MAX];
	struct slot *slot = &checker->now->slots[number];
	struct probe_question question = { .path = &checker->path, .target = target,
		.address = address_of(checker, target), .sequence = (uint16_t)checker->number,
		.timeout_ms = checker->now->timeout };
	int error;

	if (question.address == NULL)
		return -EHOSTUNREACH;
	if (question.timeout_ms < HEALTH_PATIENCE_MS && checker->check->timeout_ms == 0)
		question.timeout_ms = HEALTH_PATIENCE_MS;
	error = probe_new(checker->timer.loop, &question, on_done, slot, &slot->probe);
	if (error < 0)
		slot->probe = NULL;
	else
		slot->batch->waiting++;
	return error;
}

static void tell_error(struct checker *checker)
{
	if (checker->error != 0 && checker->error != checker->told_error)
		log_notice("checks by %s cannot be sent: %s", checker->device, strerror(-checker->error));
	checker->told_error = checker->error;
}

/* A page and a look-up vary more than a packet there and back, by which the timeout is measured. */
static bool all_single(const struct check *check)
{
	for (size_t i = 0; i < check->count; i++) {
		if (!probe_is_single(&check->targets[i]))
			return false;
	}
	return true;
}

static uint32_t wait_ms(struct checker *checker)
{
	uint32_t interval = checker->check->interval_ms, timeout = checker->timeout_ms(checker->data);

	if (timeout == 0 || (timeout < interval && !all_single(checker->check)))
		return interval;
	if (timeout > interval && timeout > HEALTH_PATIENCE_MS)
		return interval > HEALTH_PATIENCE_MS ? interval : HEALTH_PATIENCE_MS;
	return timeout;
}

/* A round that may go towards an outage asks twice: that both are lost by chance is rare. */
static bool asks_twice(const struct checker *checker, const struct target *target)
{
	return checker->failed_in_row > 0 && checker->failed_in_row < checker->check->down_after && probe_is_single(target);
}

static void start_probes(struct checker *checker)
{
	for (size_t i = 0; i < checker->check->count; i++) {
		int result = start_probe(checker, i);

		if (result < 0 && (checker->error == 0 || is_our_fault(result)))
			checker->error = result;
		if (result == 0 && asks_twice(checker, &checker->check->targets[i]))
			start_probe(checker, i + CHECK_TARGETS_MAX);
	}
}

static void begin(struct checker *checker)
{
	struct batch *batch = checker->now;

	batch->timeout = wait_ms(checker);
	batch->number = ++checker->number;
	batch->begun_ns = uv_hrtime();
	batch->round = (struct round){ .asked = (unsigned int)checker->check->count };
	checker->asking = true;
	checker->error = 0;
	start_probes(checker);
	tell_error(checker);
	if (batch->waiting == 0)
		finish(checker);
	else
		arm(checker, uv_hrtime() + (uint64_t)batch->timeout * NS_PER_MS);
}

/* After a pause the deadline is seen before the answers that came in time: look once more. */
static void on_timer(uv_timer_t *timer)
{
	struct checker *checker = timer->data;
	struct batch *batch = checker->now;

	if (!checker->asking) {
		begin(checker);
		return;
	}
	/* Whoever is settled last ends the round, and nothing of it may be touched then. */
	checker->asking = false;
	for (size_t i = 0; i < SLOTS; i++) {
		if (batch->slots[i].probe != NULL && probe_is_single(&checker->check->targets[i % CHECK_TARGETS_MAX]))
			probe_look(batch->slots[i].probe);
	}
	finish(checker);
}

int checker_new(uv_loop_t *loop, const struct check *link_check, const struct checker_path *path,
	uint32_t (*timeout_ms)(void *data), checker_round on_round, void *data, struct checker **ret_checker)
{
	struct checker *checker;
	int result;

	if (link_check->count == 0 || link_check->count > CHECK_TARGETS_MAX || link_check->interval_ms == 0 ||
		strlen(path->device) >= IF_NAMESIZE)
		return -EINVAL;
	checker = calloc(1, sizeof(*checker));
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
	checker->path = (struct checker_path){ .device = checker->device, .mark = path->mark, .bytes = path->bytes };
	checker->timeout_ms = timeout_ms;
	checker->on_round = on_round;
	checker->data = data;
	checker->now = &checker->batches[0];
	checker->late = &checker->batches[1];
	for (size_t i = 0; i < 2 * SLOTS; i++)
		checker->batches[i / SLOTS].slots[i % SLOTS].batch = &checker->batches[i / SLOTS];
	checker->now->checker = checker->late->checker = checker;
	checker->asleep_ns = asleep_ns();
	checker_restart(checker);
	*ret_checker = checker;
	return 0;
}

void checker_free(struct checker *checker)
{
	if (!checker)
		return;
	settle_all(checker->now);
	settle_all(checker->late);
	uv_close((uv_handle_t *)&checker->timer, free_owner);
}

void checker_gateway(struct checker *checker, const bool known[FAMILIES], const struct address gateway[FAMILIES])
{
	enum family family = known[IPV4] ? IPV4 : IPV6;

	checker->gateway_known = known[family];
	checker->gateway = gateway[family];
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

void checker_pace(struct checker *checker, uint32_t interval_ms)
{
	if (checker->pace_ms == interval_ms)
		return;
	checker->pace_ms = interval_ms;
	if (checker->asking || checker->number == 0)
		return;
	checker->due_ns = uv_hrtime();
	if (checker->hurry_ms == 0 && interval_ms != 0)
		checker->due_ns += interval_ns(checker);
	arm(checker, checker->due_ns);
}

/* By the timer, not from here: the caller is not called back before it has returned to the loop. */
void checker_restart(struct checker *checker)
{
	settle_all(checker->now);
	settle_all(checker->late);
	checker->asking = false;
	checker->due_ns = uv_hrtime();
	arm(checker, checker->due_ns);
}
