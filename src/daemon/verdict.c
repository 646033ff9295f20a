/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdict threads: one for each queue, from held packet to verdict, with nothing slow in between. */

#include "daemon/verdict.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "core/packet.h"
#include "core/pending.h"
#include "daemon/begun_ring.h"
#include "daemon/thread.h"
#include "kernel/queue.h"

#define BATCH       64
#define RECORDS_MIN 8 /* of a thread, where any are kept */

struct worker {
	struct verdicts *verdicts;
	struct publish_reader *reader;
	struct queue *queue;
	struct pending *pending;
	struct verdict_row *rows;       /* by number of policy; pages of those never used are never touched */
	struct decision_log log;
	struct decision_ring *ring;     /* NULL: no decisions are kept */
	struct begun_ring *begun;
	uint64_t random;                /* state of the generator; chance need not be secret here */
	pthread_t thread;
	bool running;
	_Atomic uint64_t decisions;
	_Atomic uint64_t heartbeat_ms;
};

struct verdicts {
	struct publisher publisher;
	struct publish_reader *readers;
	struct worker *workers;
	size_t count;
	unsigned int policy_ones; /* MARK_POLICY_NONE as marks have it */
	atomic_bool ending;
};

uint64_t verdicts_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t verdicts_now_ms(void)
{
	return verdicts_now_us() / 1000;
}

/* xorshift64* (Vigna 2016). */
static uint64_t next_random(struct worker *worker)
{
	worker->random ^= worker->random >> 12;
	worker->random ^= worker->random << 25;
	worker->random ^= worker->random >> 27;
	return worker->random * 2685821657736338717ULL;
}

/* Only this thread writes its counters; others may read them at any time. */
static void bump(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

static struct verdict_row *row_of(const struct worker *worker, unsigned int policy)
{
	return &worker->rows[policy & worker->verdicts->policy_ones];
}

static void count_decision(struct worker *worker, const struct snapshot *snapshot, uint32_t mark)
{
	bump(&row_of(worker, mark_policy(snapshot->layout, mark))->links[mark_link(snapshot->layout, mark)]);
}

/*
 * The ruleset has left in the mark whether the packet came in by a link, or goes to none. Of a client that
 * the kernel connects itself, because it has proved that it is there, only the mark tells the link; so it does of a
 * socket of this machine that is bound to one.
 */
static void complete_flow(const struct snapshot *snapshot, const struct queue_packet *packet, struct flow *flow)
{
	unsigned int link = mark_link(snapshot->layout, packet->mark);

	flow->device = packet->device_in;
	flow->direct = link == MARK_LINK_DIRECT;
	flow->bound = 0;
	if (packet->device_in == 0 && mark_class(snapshot->layout, packet->mark) == MARK_CLASS_OWN)
		flow->bound = link <= MARK_LINK_MAX ? link : 0;
	else if (packet->device_in == 0 && link != MARK_LINK_UNDECIDED && link <= MARK_LINK_MAX)
		flow->device = snapshot_device(snapshot, (uint8_t)link);
	flow->came_by = snapshot_came_by(snapshot, flow->device);
}

static void keep_decision(struct worker *worker, const struct snapshot *snapshot, const struct flow *flow,
	const struct decision *decision, uint32_t mark, uint64_t now_ms)
{
	struct decision_record record;

	if (worker->ring == NULL)
		return;
	decision_record_fill(&record, snapshot, flow, decision, mark, now_ms);
	decision_ring_add(worker->ring, &record);
}

/* It counts on its link from now on, until who watches sees its end; so it counts only where that one is told. */
static void hand_over(struct worker *worker, const struct snapshot *snapshot, const struct flow *flow, uint32_t mark,
	uint64_t now_us)
{
	struct begun begun = { *flow, mark, (uint8_t)mark_link(snapshot->layout, mark), now_us };
	_Atomic uint32_t *connections;

	if (begun.link == MARK_LINK_UNDECIDED || begun.link > MARK_LINK_MAX || snapshot->loads == NULL)
		return;
	connections = &snapshot->loads->links[begun.link].connections;
	atomic_fetch_add_explicit(connections, 1, memory_order_relaxed);
	if (!begun_ring_add(worker->begun, &begun))
		atomic_fetch_sub_explicit(connections, 1, memory_order_relaxed);
}

/* Our bits of the mark for this packet: what its flow was given a moment ago, or a fresh decision. */
static uint32_t mark_for(struct worker *worker, const struct snapshot *snapshot, const struct flow *flow, uint64_t now_us)
{
	uint64_t now_ms = now_us / 1000;
	struct decide_context context = { .now_ms = now_ms, .random = next_random(worker) };
	uint64_t hash = pending_hash(&snapshot->key, flow);
	struct decision decision;
	uint32_t mark;

	if (pending_find(worker->pending, hash, snapshot->generation, now_ms, &mark))
		return mark;
	decide(snapshot, flow, &context, &decision, NULL);
	mark = decision_mark(snapshot, &decision);
	pending_add(worker->pending, hash, snapshot->generation, now_ms, mark);
	count_decision(worker, snapshot, mark);
	hand_over(worker, snapshot, flow, mark, now_us);
	keep_decision(worker, snapshot, flow, &decision, mark, now_ms);
	if (decision.policy != NO_POLICY && snapshot->config->policies[decision.policy].log)
		decision_log_add(&worker->log, flow, mark);
	return mark;
}

static void answer(struct worker *worker, const struct snapshot *snapshot, const struct queue_packet *packet,
	uint64_t now_us)
{
	struct flow flow;
	uint32_t mark;

	bump(&worker->decisions);
	/* What cannot be read is left to the fallback chains, which need no ports. */
	if (packet_parse(packet->payload, packet->length, &flow) < 0) {
		queue_accept(worker->queue, packet->id, packet->mark);
		return;
	}
	complete_flow(snapshot, packet, &flow);
	/* The ruleset drops and rejects, and remembers it for a while. */
	mark = mark_for(worker, snapshot, &flow, now_us);
	queue_accept(worker->queue, packet->id, mark_merge(snapshot->layout, packet->mark, mark));
}

static void answer_all(struct worker *worker, const struct queue_packet *packets, size_t count)
{
	const struct snapshot *snapshot = publish_acquire(&worker->verdicts->publisher, worker->reader);
	uint64_t now_us = verdicts_now_us();

	for (size_t i = 0; i < count; i++)
		answer(worker, snapshot, &packets[i], now_us);
	queue_flush(worker->queue);
	publish_release(worker->reader);
}

static void *run(void *data)
{
	static const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	struct worker *worker = data;
	struct queue_packet packets[BATCH];

	while (!atomic_load_explicit(&worker->verdicts->ending, memory_order_relaxed)) {
		int count = queue_receive(worker->queue, packets, BATCH);

		if (count > 0)
			answer_all(worker, packets, (size_t)count);
		/* A queue that only errs gives no sign of life, and the main thread ends us. */
		if (count < 0) {
			nanosleep(&pause, NULL);
			continue;
		}
		atomic_store_explicit(&worker->heartbeat_ms, verdicts_now_ms(), memory_order_relaxed);
	}
	return NULL;
}

static int start_worker(struct verdicts *verdicts, struct worker *worker, uint16_t number, uint32_t length)
{
	int error;

	worker->verdicts = verdicts;
	worker->reader = &verdicts->readers[worker - verdicts->workers];
	worker->pending = pending_new();
	worker->rows = calloc((size_t)verdicts->policy_ones + 1, sizeof(*worker->rows));
	worker->begun = calloc(1, sizeof(*worker->begun));
	if (worker->pending == NULL || worker->rows == NULL || worker->begun == NULL)
		return -ENOMEM;
	if (getrandom(&worker->random, sizeof(worker->random), 0) < 0 || worker->random == 0)
		worker->random = number + 1u;
	atomic_store(&worker->heartbeat_ms, verdicts_now_ms());
	error = queue_open(number, length, &worker->queue);
	if (error < 0)
		return error;
	error = thread_start(&worker->thread, run, worker);
	worker->running = error == 0;
	return error;
}

/* Each thread has its part, a power of two. 0 or -ENOMEM. */
static int make_rings(struct verdicts *verdicts, size_t records)
{
	size_t room = RECORDS_MIN;

	while (2 * room * verdicts->count <= records)
		room *= 2;
	for (size_t i = 0; i < verdicts->count && records > 0; i++) {
		verdicts->workers[i].ring = decision_ring_new(room);
		if (verdicts->workers[i].ring == NULL)
			return -ENOMEM;
	}
	return 0;
}

static struct verdicts *verdicts_alloc(size_t count)
{
	struct verdicts *verdicts = calloc(1, sizeof(*verdicts));

	if (verdicts == NULL)
		return NULL;
	verdicts->workers = calloc(count, sizeof(*verdicts->workers));
	verdicts->readers = calloc(count, sizeof(*verdicts->readers));
	if (verdicts->workers == NULL || verdicts->readers == NULL) {
		verdicts_stop(verdicts);
		return NULL;
	}
	verdicts->count = count;
	return verdicts;
}

int verdicts_start(const struct kernel_settings *settings, size_t records, struct snapshot *snapshot,
	void (*free_owner)(void *owner), struct verdicts **ret_verdicts)
{
	size_t count = 2 * (size_t)settings->queues;
	struct verdicts *verdicts = verdicts_alloc(count);
	int error = 0;

	if (verdicts == NULL) {
		snapshot_free(snapshot);
		return -ENOMEM;
	}
	verdicts->policy_ones = mark_policy_ones(mark_layout_of(settings));
	publish_init(&verdicts->publisher, verdicts->readers, count, free_owner);
	atomic_store(&verdicts->publisher.newest, snapshot);
	error = make_rings(verdicts, records);
	for (size_t i = 0; i < count && error == 0; i++)
		error = start_worker(verdicts, &verdicts->workers[i], (uint16_t)(settings->first_queue + i),
			settings->queue_length);
	if (error < 0) {
		verdicts_stop(verdicts);
		return error;
	}
	*ret_verdicts = verdicts;
	return 0;
}

struct publisher *verdicts_publisher(struct verdicts *verdicts)
{
	return &verdicts->publisher;
}

static void stop_worker(struct worker *worker)
{
	if (worker->running)
		pthread_join(worker->thread, NULL);
	queue_close(worker->queue);
	pending_free(worker->pending);
	decision_ring_free(worker->ring);
	free(worker->begun);
	free(worker->rows);
}

void verdicts_stop(struct verdicts *verdicts)
{
	if (verdicts == NULL)
		return;
	atomic_store(&verdicts->ending, true);
	for (size_t i = 0; i < verdicts->count; i++)
		stop_worker(&verdicts->workers[i]);
	publish_end(&verdicts->publisher);
	free(verdicts->readers);
	free(verdicts->workers);
	free(verdicts);
}

uint64_t verdicts_logged(struct verdicts *verdicts,
	void (*callback)(const struct logged_decision *decision, void *data), void *data)
{
	struct logged_decision decision;
	uint64_t lost = 0;

	for (size_t i = 0; i < verdicts->count; i++) {
		while (decision_log_take(&verdicts->workers[i].log, &decision))
			callback(&decision, data);
		lost += atomic_load_explicit(&verdicts->workers[i].log.ring.lost, memory_order_relaxed);
	}
	return lost;
}

uint64_t verdicts_begun(struct verdicts *verdicts, void (*callback)(const struct begun *begun, void *data), void *data)
{
	struct begun begun;
	uint64_t lost = 0;

	for (size_t i = 0; i < verdicts->count; i++) {
		while (begun_ring_take(verdicts->workers[i].begun, &begun))
			callback(&begun, data);
		lost += atomic_load_explicit(&verdicts->workers[i].begun->ring.lost, memory_order_relaxed);
	}
	return lost;
}

bool verdicts_records(const struct verdicts *verdicts,
	bool (*callback)(const struct decision_record *record, void *data), void *data)
{
	bool lost = false;

	for (size_t i = 0; i < verdicts->count; i++) {
		const struct decision_ring *ring = verdicts->workers[i].ring;

		lost |= ring == NULL || decision_ring_read(ring, callback, data);
	}
	return lost;
}

uint64_t verdicts_decisions(const struct verdicts *verdicts)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < verdicts->count; i++)
		sum += atomic_load_explicit(&verdicts->workers[i].decisions, memory_order_relaxed);
	return sum;
}

uint64_t verdicts_count(const struct verdicts *verdicts, unsigned int policy, unsigned int link)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < verdicts->count; i++)
		sum += atomic_load_explicit(&row_of(&verdicts->workers[i], policy)->links[link], memory_order_relaxed);
	return sum;
}

uint64_t verdicts_silence_ms(const struct verdicts *verdicts, uint64_t now_ms)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < verdicts->count; i++) {
		uint64_t last = atomic_load_explicit(&verdicts->workers[i].heartbeat_ms, memory_order_relaxed);

		if (now_ms > last && now_ms - last > longest)
			longest = now_ms - last;
	}
	return longest;
}
