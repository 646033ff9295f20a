/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures popular destinations by links that connections do not take, where the configuration wants it. */

#include "daemon/learn_probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/mark.h"
#include "core/paths.h"
#include "daemon/daemon.h"
#include "daemon/learn.h"
#include "service/probe_tcp.h"

#define AT_ONCE      16
#define EACH_SECOND  2
#define PATIENCE_MS  3000
#define PICK_EVERY_S 10
#define PICKED       128 /* destinations, the most popular */
#define FRESH_S      60  /* somebody has connected lately: the host is there */

/* A connection under way. The loop has its handle until it lets go of it. */
struct attempt {
	uv_poll_t poll;
	struct prober *prober;
	bool waits;
	int fd;
	uint64_t sent_us;
	struct handshake handshake;
};

struct prober {
	struct daemon *daemon;
	struct attempt *attempts[AT_ONCE]; /* NULL: free */
	struct destination_facts picked[2 * PICKED];
	size_t picked_count, next;
	uint64_t picked_at_ms;
	bool stopped;
};

int prober_new(struct daemon *daemon, struct prober **ret_prober)
{
	struct prober *prober = calloc(1, sizeof(*prober));

	if (prober == NULL)
		return -ENOMEM;
	prober->daemon = daemon;
	*ret_prober = prober;
	return 0;
}

static void free_attempt(uv_handle_t *handle)
{
	free(handle->data);
}

static void end_attempt(struct attempt *attempt)
{
	struct prober *prober = attempt->prober;

	for (size_t i = 0; i < AT_ONCE; i++) {
		if (prober->attempts[i] == attempt)
			prober->attempts[i] = NULL;
	}
	uv_close((uv_handle_t *)&attempt->poll, free_attempt);
	close(attempt->fd);
}

/* The sample of it, where it was answered or where that was waited for long enough. */
static void settle(struct attempt *attempt, bool answered, uint32_t us)
{
	struct daemon *daemon = attempt->prober->daemon;

	attempt->handshake.answered = answered;
	attempt->handshake.us = us;
	attempt->handshake.at_ms = verdicts_now_ms();
	paths_probed(daemon->paths, &attempt->handshake, daemon->loads);
	end_attempt(attempt);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct attempt *attempt = poll->data;
	uint32_t us = 0, past_us = (uint32_t)(verdicts_now_us() - attempt->sent_us);
	int result = probe_tcp_read(attempt->fd, &us);

	(void)status; /* the socket itself is asked what happened to it */
	(void)events;
	if (result == 0)
		return;
	if (result > 0 || result == -ECONNREFUSED)
		settle(attempt, true, us > 0 ? us : past_us);
	else if (result == -EHOSTUNREACH || result == -ENETUNREACH || result == -ETIMEDOUT)
		settle(attempt, false, past_us);
	else
		end_attempt(attempt);
}

static const struct link_run *usable_link(const struct daemon *daemon, uint8_t id)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		if (daemon->links[i].id == id && daemon->links[i].view.usable)
			return &daemon->links[i];
	}
	return NULL;
}

static struct attempt **free_place(struct prober *prober)
{
	for (size_t i = 0; i < AT_ONCE; i++) {
		if (prober->attempts[i] == NULL)
			return &prober->attempts[i];
	}
	return NULL;
}

/* False: it could not even begin. */
static bool begin(struct prober *prober, struct attempt **place, const struct destination_facts *facts,
	const struct link_run *run)
{
	struct mark_layout layout = mark_layout_of(&prober->daemon->generation->config->kernel);
	struct checker_path path = { .device = run->link->device,
		.mark = mark_make(layout, run->id, MARK_CLASS_CHECK, MARK_POLICY_NONE) };
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	if (attempt == NULL)
		return false;
	attempt->prober = prober;
	attempt->poll.data = attempt;
	attempt->handshake = (struct handshake){ .to = facts->host, .to_port = facts->port, .protocol = IPPROTO_TCP,
		.link = run->id };
	attempt->sent_us = verdicts_now_us();
	attempt->fd = probe_tcp_connect(&path, &facts->host, facts->port);
	if (attempt->fd < 0 || uv_poll_init(prober->daemon->loop, &attempt->poll, attempt->fd) < 0) {
		if (attempt->fd >= 0)
			close(attempt->fd);
		free(attempt);
		return false;
	}
	*place = attempt;
	uv_poll_start(&attempt->poll, UV_WRITABLE, on_poll);
	return true;
}

/* The link by which that destination is to be measured, or NULL. */
static const struct link_run *wanted_link(const struct prober *prober, struct destination *destination, uint64_t now_ms)
{
	const struct daemon *daemon = prober->daemon;
	const struct link_run *wanted = NULL;
	uint32_t oldest_s = 0;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		const struct link_run *run = usable_link(daemon, daemon->links[i].id);
		struct path path;

		if (run == NULL)
			continue;
		destination_path(destination, run->id, now_ms, &path);
		if (!path.due || path.asked || path.excluded_s > 0)
			continue;
		/* What was never measured first. */
		if (wanted == NULL || path.us == 0 || path.age_s > oldest_s) {
			wanted = run;
			oldest_s = path.us == 0 ? UINT32_MAX : path.age_s;
		}
	}
	return wanted;
}

static bool fresh(const struct destination_facts *facts)
{
	for (size_t i = 0; i < facts->link_count; i++) {
		const struct path *path = &facts->links[i].path;

		if (path->us > 0 && path->failures == 0 && path->age_s <= FRESH_S)
			return true;
	}
	return false;
}

static int by_popularity(const void *left, const void *right)
{
	const struct destination_facts *a = left, *b = right;

	return (a->popularity < b->popularity) - (a->popularity > b->popularity);
}

static void pick_one(const struct destination_facts *facts, void *data)
{
	struct prober *prober = data;

	if (facts->port == 0 || facts->popularity < PATHS_POPULAR || !fresh(facts))
		return;
	if (prober->picked_count == 2 * PICKED) {
		qsort(prober->picked, prober->picked_count, sizeof(*prober->picked), by_popularity);
		prober->picked_count = PICKED;
	}
	prober->picked[prober->picked_count++] = *facts;
}

static void pick(struct prober *prober, uint64_t now_ms)
{
	prober->picked_count = prober->next = 0;
	prober->picked_at_ms = now_ms;
	paths_each(prober->daemon->paths, now_ms, pick_one, prober);
	qsort(prober->picked, prober->picked_count, sizeof(*prober->picked), by_popularity);
	if (prober->picked_count > PICKED)
		prober->picked_count = PICKED;
}

/* Goes on in the list until something is worth it. False: the list is through. */
static bool probe_next(struct prober *prober, uint64_t now_ms)
{
	struct attempt **place = free_place(prober);

	while (place != NULL && prober->next < prober->picked_count) {
		const struct destination_facts *facts = &prober->picked[prober->next];
		struct destination *destination = paths_find(prober->daemon->paths, &facts->host, now_ms);
		const struct link_run *run = destination == NULL ? NULL : wanted_link(prober, destination, now_ms);

		if (run == NULL) {
			prober->next++;
			continue;
		}
		return destination_ask(destination, run->id, now_ms) && begin(prober, place, facts, run);
	}
	return false;
}

static void give_up(struct prober *prober)
{
	for (size_t i = 0; i < AT_ONCE; i++) {
		struct attempt *attempt = prober->attempts[i];

		if (attempt != NULL && verdicts_now_us() - attempt->sent_us >= PATIENCE_MS * 1000ull)
			settle(attempt, false, PATIENCE_MS * 1000);
	}
}

void prober_second(struct prober *prober, uint64_t now_ms)
{
	const struct daemon *daemon = prober->daemon;

	give_up(prober);
	if (!daemon->generation->config->path_probe || !learn_wanted(daemon))
		return;
	if (prober->picked_at_ms == 0 || now_ms - prober->picked_at_ms >= PICK_EVERY_S * 1000)
		pick(prober, now_ms);
	for (int i = 0; i < EACH_SECOND && probe_next(prober, now_ms); i++)
		;
}

void prober_stop(struct prober *prober)
{
	for (size_t i = 0; prober != NULL && i < AT_ONCE; i++) {
		if (prober->attempts[i] != NULL)
			end_attempt(prober->attempts[i]);
	}
}

void prober_free(struct prober *prober)
{
	free(prober);
}
