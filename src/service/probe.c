/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One question to one target through one link, of whatever kind. */

#include "service/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/lookup.h"
#include "service/probe_bytes.h"
#include "service/probe_http.h"
#include "service/probe_neighbour.h"
#include "service/probe_ping.h"
#include "service/probe_socket.h"
#include "service/probe_tcp.h"

/* Owns itself: its memory goes when the loop lets go of it. */
struct probe {
	uv_poll_t poll; /* of single ones, with fd */
	struct probe_question question;
	probe_done done;
	void *data;
	int fd;
	uint64_t sent_ns;
	struct ping ping;
	struct neighbour_probe neighbour;
	struct probe_http *http;
	struct lookup *lookup;
};

bool probe_is_single(const struct target *target)
{
	switch (target->kind) {
	case TARGET_PING:
	case TARGET_TCP:
	case TARGET_NEIGHBOUR:
		return true;
	case TARGET_HTTP:
	case TARGET_DNS:
		return false;
	}
	return false;
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

	*ret_latency_us = us_since(probe->sent_ns);
	switch (probe->question.target->kind) {
	case TARGET_PING:
		result = probe_ping_read(probe->fd, &probe->ping);
		*ret_latency_us = us_since(probe->ping.sent_ns);
		break;
	case TARGET_TCP:
		result = probe_tcp_read(probe->fd, &handshake_us);
		if (handshake_us != 0)
			*ret_latency_us = handshake_us;
		break;
	case TARGET_NEIGHBOUR:
		result = probe_neighbour_read(probe->fd, &probe->neighbour);
		break;
	case TARGET_HTTP:
	case TARGET_DNS:
		return 0; /* they tell by themselves */
	}
	return result;
}

/* What it takes on the wire, without what frames it there. */
static uint32_t packet_size(const struct probe *probe)
{
	const struct address *address = probe->question.address;

	switch (probe->question.target->kind) {
	case TARGET_PING:
		return probe_ip_size(address->family) + PING_SIZE;
	case TARGET_NEIGHBOUR:
		return address->family == IPV4 ? NEIGHBOUR_ARP_SIZE : probe_ip_size(IPV6) + NEIGHBOUR_SOLICITATION_SIZE;
	case TARGET_TCP:
	case TARGET_HTTP:
	case TARGET_DNS:
		return 0; /* counted where they end */
	}
	return 0;
}

void probe_look(struct probe *probe)
{
	uint64_t latency_us;
	int result = look(probe, &latency_us);

	if (result == 0)
		return;
	if (result > 0)
		probe_count(probe->question.path, packet_size(probe));
	probe->done(probe->data, result, latency_us);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status; /* the socket itself is asked what happened to it */
	(void)events;
	probe_look(poll->data);
}

static void on_page(void *data, int result)
{
	struct probe *probe = data;

	probe->done(probe->data, result, us_since(probe->sent_ns));
}

static void on_address(void *data, int result, const struct address *address)
{
	struct probe *probe = data;

	(void)address;
	probe->done(probe->data, result == 0 ? 1 : result, us_since(probe->sent_ns));
}

/* The descriptor, or -errno. */
static int ask(struct probe *probe)
{
	const struct probe_question *question = &probe->question;
	int result = -EINVAL;

	switch (question->target->kind) {
	case TARGET_PING:
		result = probe_ping_send(question->path, question->address, question->sequence, &probe->ping);
		break;
	case TARGET_TCP:
		result = probe_tcp_connect(question->path, question->address, question->target->port);
		break;
	case TARGET_NEIGHBOUR:
		result = probe_neighbour_send(question->path, question->address, &probe->neighbour);
		break;
	case TARGET_HTTP:
	case TARGET_DNS:
		break;
	}
	if (result >= 0)
		probe_count(question->path, packet_size(probe));
	return result;
}

static void free_owner(uv_handle_t *handle)
{
	free(handle->data);
}

static int begin_single(uv_loop_t *loop, struct probe *probe)
{
	int events = probe->question.target->kind == TARGET_TCP ? UV_WRITABLE : UV_READABLE;
	int result = ask(probe);

	if (result < 0)
		goto fail;
	probe->fd = result;
	result = uv_poll_init(loop, &probe->poll, probe->fd);
	if (result < 0) {
		close(probe->fd);
		goto fail;
	}
	probe->poll.data = probe;
	result = uv_poll_start(&probe->poll, events, on_poll);
	if (result < 0)
		probe_free(probe);
	return result;

fail:
	free(probe);
	return result;
}

static int begin_exchange(uv_loop_t *loop, struct probe *probe)
{
	const struct probe_question *question = &probe->question;
	const struct target *target = question->target;
	int result;

	if (target->kind == TARGET_HTTP)
		result = probe_http_new(loop, question->path, target, question->timeout_ms, on_page, probe, &probe->http);
	else
		result = lookup_new(loop, question->path, question->address, target->name, target->record,
			question->timeout_ms, on_address, probe, &probe->lookup);
	if (result < 0)
		free(probe);
	return result;
}

int probe_new(uv_loop_t *loop, const struct probe_question *question, probe_done done, void *data,
	struct probe **ret_probe)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	int result;

	if (probe == NULL)
		return -ENOMEM;
	probe->question = *question;
	probe->done = done;
	probe->data = data;
	probe->sent_ns = uv_hrtime();
	result = probe_is_single(question->target) ? begin_single(loop, probe) : begin_exchange(loop, probe);
	if (result == 0)
		*ret_probe = probe;
	return result;
}

void probe_page(const struct probe *probe, struct probe_page *ret_page)
{
	probe_http_page(probe->http, ret_page);
}

/* The descriptor is free at once, also while the loop is still letting go of the handle. */
void probe_free(struct probe *probe)
{
	if (probe == NULL)
		return;
	if (!probe_is_single(probe->question.target)) {
		probe_http_free(probe->http);
		lookup_free(probe->lookup);
		free(probe);
		return;
	}
	if (probe->question.target->kind == TARGET_TCP)
		probe_count(probe->question.path, probe_tcp_bytes(probe->fd, probe->question.address->family));
	uv_close((uv_handle_t *)&probe->poll, free_owner);
	close(probe->fd);
}
