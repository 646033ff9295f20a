/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that watches connections: their handshakes, how many live on each link, and their ends. */

#include "daemon/watch.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/living.h"
#include "core/packet.h"
#include "daemon/accuser.h"
#include "daemon/connection_log.h"
#include "daemon/daemon.h"
#include "daemon/learn.h"
#include "daemon/records.h"
#include "daemon/thread.h"
#include "kernel/conntrack.h"
#include "kernel/conntrack_ends.h"
#include "kernel/copies.h"

/* Where the machine is full, decisions come first. */
#define NICENESS 5

#define MOMENT_NS 2000000
#define TICK_MS 50
#define BATCH   64
#define BATCHES 64 /* of copies, and of ends, before the other has its turn */

/* Looked up in a tick: what is more waits for the next one. */
#define LOOK_UPS 512

/*
 * Surveys set right what was missed, and have the kernel forget what has expired, which it else does at leisure. They
 * come every five seconds, or where one takes long, so seldom that they take a hundredth of the time.
 */
#define SURVEY_US       5000000ull
#define SURVEY_SHARE    100
#define SURVEY_AGAIN_US 1000000ull /* where one failed, or news was lost */

/* Connections of a survey between two looks at what threads decided meanwhile. */
#define SURVEY_PIECE 256

/* What the main thread reads and tells. */
struct figures {
	_Atomic uint64_t unwatched; /* begun while the ring was full */
	_Atomic uint64_t evicted;
	_Atomic uint64_t blind;     /* times that copies were lost */
	_Atomic uint64_t surveys_failed;
};

struct watch {
	struct verdicts *verdicts;
	struct learner *learning;
	struct mark_layout layout;
	struct living *living;
	struct copies *copies;       /* NULL: no handshakes */
	struct conntrack_ends *ends;
	struct netlink *netlink;
	struct accuser accuser;
	struct connection_log *log;
	struct records *records;
	const struct connection_end *end; /* that is being told of; NULL: none */
	pthread_t thread;
	bool running;
	atomic_bool ending;
	bool survey_wanted;
	uint64_t surveyed_us, survey_took_us;
	size_t surveyed;             /* connections of the survey that goes on */
	struct figures figures, told;
};

/* Every consumer of handshakes has its line here; they run in the watching thread. */
static void on_handshake(const struct handshake *handshake, void *data)
{
	struct watch *watch = data;

	accuser_handshake(&watch->accuser, handshake);
	learn_handshake(watch->learning, handshake);
}

/* And every consumer of what is over here. */
static void on_finished(const struct finished *finished, void *data)
{
	struct watch *watch = data;

	connection_log_add(watch->log, finished);
	records_finished(watch->records, finished, watch->end == NULL ? NULL : &watch->end->back);
}

static void on_begun(const struct begun *begun, void *data)
{
	struct watch *watch = data;

	living_begin(watch->living, begun);
	records_begun(watch->records, begun);
	if (watch->copies != NULL)
		accuser_begun(&watch->accuser, begun);
}

/* Always before a copy is looked at: what it follows from was decided before it came. */
static void drain(struct watch *watch)
{
	uint64_t lost = verdicts_begun(watch->verdicts, on_begun, watch);

	atomic_store_explicit(&watch->figures.unwatched, lost, memory_order_relaxed);
}

/* Whether a connection with that mark is one that we watch. */
static bool is_watched(const struct watch *watch, uint32_t mark)
{
	unsigned int link = mark_link(watch->layout, mark);

	return link != MARK_LINK_UNDECIDED && link <= MARK_LINK_MAX && mark_class(watch->layout, mark) != MARK_CLASS_CHECK;
}

static void take_copy(struct watch *watch, const struct copy *copy, uint64_t now_us)
{
	struct turning_point turn = { .mark = copy->mark, .link = (uint8_t)mark_link(watch->layout, copy->mark), .at_us = now_us };

	if (packet_parse_flags(copy->payload, copy->length, &turn.flow, &turn.tcp_flags) == 0)
		living_turn(watch->living, &turn);
}

static void read_copies(struct watch *watch)
{
	struct copy items[BATCH];

	for (int i = 0; watch->copies != NULL && i < BATCHES; i++) {
		int count = copies_receive(watch->copies, items, BATCH);
		uint64_t now_us = verdicts_now_us();

		drain(watch);
		if (count == -ENOBUFS) {
			living_blind(watch->living);
			accuser_blind(&watch->accuser);
			atomic_fetch_add_explicit(&watch->figures.blind, 1, memory_order_relaxed);
			continue;
		}
		for (int j = 0; j < count; j++)
			take_copy(watch, &items[j], now_us);
		if (count < BATCH)
			return;
	}
}

static void on_end(const struct connection_end *end, void *data)
{
	struct watch *watch = data;

	if (!is_watched(watch, end->mark))
		return;
	watch->end = end;
	living_forgotten(watch->living, &end->flow, end->bytes, end->back_bytes, verdicts_now_us());
	watch->end = NULL;
}

/* True where there may be more. */
static bool read_ends(struct watch *watch)
{
	int result = 1;

	for (int i = 0; result == 1 && i < BATCHES; i++) {
		result = conntrack_ends_receive(watch->ends, mark_link_mask(watch->layout), on_end, watch);
		if (result == -ENOBUFS) {
			watch->survey_wanted = true;
			result = 1;
		}
	}
	return result == 1;
}

static void look_up(struct watch *watch)
{
	uint64_t now_us = verdicts_now_us();
	struct connection connection;
	struct flow flow;

	for (int i = 0; i < LOOK_UPS && living_overdue(watch->living, now_us, &flow); i++) {
		int error = conntrack_find(watch->netlink, &flow, &connection);

		if (error < 0)
			living_looked_up(watch->living, &flow, LOOKED_UP_GONE, now_us);
		else
			living_looked_up(watch->living, &flow, connection.established ? LOOKED_UP_ANSWERED : LOOKED_UP_UNANSWERED,
				now_us);
	}
}

/* Of TCP only what neither end has closed lives. */
static bool is_over(const struct connection *connection)
{
	static const char *const alive[] = { "syn-sent", "syn-received", "established" };

	if (connection->flow.protocol != IPPROTO_TCP)
		return false;
	for (size_t i = 0; i < sizeof(alive) / sizeof(*alive); i++) {
		if (strcmp(connection->state, alive[i]) == 0)
			return false;
	}
	return true;
}

static bool on_surveyed(const struct connection *connection, void *data)
{
	struct watch *watch = data;

	if (++watch->surveyed % SURVEY_PIECE == 0)
		drain(watch);
	if (is_watched(watch, connection->mark))
		living_survey_found(watch->living, &connection->flow, connection->mark,
			(uint8_t)mark_link(watch->layout, connection->mark), is_over(connection), verdicts_now_us());
	return true;
}

static bool is_due(const struct watch *watch, uint64_t now_us)
{
	uint64_t every_us = watch->survey_took_us * SURVEY_SHARE;

	if (watch->survey_wanted)
		return watch->surveyed_us == 0 || now_us - watch->surveyed_us > SURVEY_AGAIN_US;
	return now_us - watch->surveyed_us > (every_us < SURVEY_US ? SURVEY_US : every_us);
}

static void survey(struct watch *watch)
{
	uint64_t now_us = verdicts_now_us();
	int error;

	if (!is_due(watch, now_us))
		return;
	watch->surveyed_us = now_us;
	watch->survey_wanted = false;
	living_survey_begin(watch->living);
	error = conntrack_list(watch->netlink, mark_link_mask(watch->layout), on_surveyed, watch);
	watch->survey_took_us = verdicts_now_us() - now_us;
	if (error == 0) {
		/* Of what it did not find any more there is news already, with the bytes. */
		while (read_ends(watch))
			;
		living_survey_end(watch->living, verdicts_now_us());
		return;
	}
	watch->survey_wanted = true;
	atomic_fetch_add_explicit(&watch->figures.surveys_failed, 1, memory_order_relaxed);
}

/*
 * Waits for news, and a moment longer: what comes in that moment wakes nobody, for a connection that begins would pay for
 * it. So handshakes are measured to within that moment.
 */
static void wait_for_news(struct pollfd *polls, nfds_t count)
{
	static const struct timespec moment = { .tv_nsec = MOMENT_NS };

	if (poll(polls, count, TICK_MS) > 0)
		nanosleep(&moment, NULL);
}

static void *run(void *data)
{
	struct watch *watch = data;
	struct pollfd polls[2] = {
		{ .fd = conntrack_ends_fd(watch->ends), .events = POLLIN },
		{ .fd = watch->copies == NULL ? -1 : copies_fd(watch->copies), .events = POLLIN },
	};

	setpriority(PRIO_PROCESS, 0, NICENESS); /* of this thread */
	while (!atomic_load_explicit(&watch->ending, memory_order_relaxed)) {
		survey(watch);
		wait_for_news(polls, 2);
		read_copies(watch);
		drain(watch);
		read_ends(watch);
		look_up(watch);
		accuser_judge(&watch->accuser, verdicts_now_us());
		atomic_store_explicit(&watch->figures.evicted, living_figures(watch->living).evicted, memory_order_relaxed);
	}
	return NULL;
}

static int open_copies(struct daemon *daemon, struct watch *watch)
{
	uint16_t group = daemon->generation->config->kernel.log_group;
	int error = daemon->features.copies ? copies_open(group, &watch->copies) : 0;

	if (error == 0)
		return 0;
	events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL, "handshakes are not measured: log group %u: %s", group,
		error == -EBUSY ? "another program listens to it (kernel.log-group)" : strerror(-error));
	return 0;
}

static int start(struct daemon *daemon, struct watch *watch)
{
	static const struct living_sink sink = { .handshake = on_handshake, .finished = on_finished };
	struct living_sink mine = sink;
	int error;

	mine.data = watch;
	watch->living = living_new(daemon->generation->config->living_entries, daemon->state.key, daemon->loads, &mine);
	if (watch->living == NULL)
		return -ENOMEM;
	error = netlink_open(NETLINK_NETFILTER, &watch->netlink);
	if (error == 0)
		error = conntrack_ends_open(&watch->ends);
	if (error == 0)
		error = uv_async_init(daemon->loop, &daemon->suspicion_wake, suspicion_wake);
	daemon->suspicion_wake.data = daemon;
	if (error == 0)
		error = accuser_begin(&watch->accuser, watch->netlink, &daemon->suspicion_wake);
	if (error == 0)
		error = open_copies(daemon, watch);
	if (error < 0)
		return error;
	error = thread_start(&watch->thread, run, watch);
	watch->running = error == 0;
	return error;
}

void watch_start(struct daemon *daemon)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int error = -ENOMEM;

	if (watch != NULL) {
		watch->verdicts = daemon->verdicts;
		watch->learning = daemon->learning;
		watch->layout = mark_layout_of(&daemon->generation->config->kernel);
		watch->survey_wanted = true;
		watch->log = daemon->connection_log;
		watch->records = daemon->records;
		daemon->watch = watch;
		error = start(daemon, watch);
	}
	if (error == 0)
		return;
	events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL, "connections are not watched: %s", strerror(-error));
	watch_stop(daemon);
}

void watch_stop(struct daemon *daemon)
{
	struct watch *watch = daemon->watch;

	if (watch == NULL)
		return;
	atomic_store(&watch->ending, true);
	if (watch->running)
		pthread_join(watch->thread, NULL);
	if (daemon->suspicion_wake.loop != NULL)
		uv_close((uv_handle_t *)&daemon->suspicion_wake, NULL);
	accuser_end(&watch->accuser);
	copies_close(watch->copies);
	conntrack_ends_close(watch->ends);
	netlink_close(watch->netlink);
	living_free(watch->living);
	free(watch);
	daemon->watch = NULL;
}

struct accuser *watch_accuser(struct watch *watch)
{
	return watch == NULL ? NULL : &watch->accuser;
}

/* How many more since the last time. */
static unsigned long long more(_Atomic uint64_t *figure, _Atomic uint64_t *told)
{
	uint64_t now = atomic_load_explicit(figure, memory_order_relaxed), before = *told;

	*told = now;
	return now - before;
}

void watch_second(struct daemon *daemon)
{
	struct watch *watch = daemon->watch;
	unsigned long long count;

	if (watch == NULL)
		return;
	count = more(&watch->figures.unwatched, &watch->told.unwatched);
	if (count > 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
			"%llu connections began unwatched: more than the watching thread could take", count);
	count = more(&watch->figures.evicted, &watch->told.evicted);
	if (count > 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
			"%llu connections are not watched any more: there are more than connections.entries", count);
	count = more(&watch->figures.blind, &watch->told.blind);
	if (count > 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_NOTICE, NULL,
			"copies of handshakes were lost: those under way are not measured");
	count = more(&watch->figures.surveys_failed, &watch->told.surveys_failed);
	if (count > 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_NOTICE, NULL, "connections could not be surveyed: tried again");
}
