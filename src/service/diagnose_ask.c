/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One question of a diagnosis, whatever its kind, from its first packet to its answer. */

#include "service/diagnose_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/probe.h"
#include "service/probe_http.h"
#include "service/probe_ping.h"
#include "service/probe_socket.h"

#define HOP_PACKET_SIZE 61 /* of IPv4; about */

/* A packet on its way. Its memory goes when the loop lets go of its handle. */
struct packet {
	uv_poll_t poll;
	struct question *question; /* NULL: it is settled */
	int fd;
	struct ping ping;
};

static void free_packet(uv_handle_t *handle)
{
	free(handle->data);
}

void question_settle(struct question *question)
{
	struct packet *packet = question->packet;

	probe_free(question->probe);
	question->probe = NULL;
	question->packet = NULL;
	if (packet == NULL)
		return;
	packet->question = NULL;
	uv_close((uv_handle_t *)&packet->poll, free_packet);
	close(packet->fd);
}

static void answer(struct question *question, enum answer found, uint64_t latency_us)
{
	question->answer = found;
	question->latency_us = latency_us == 0 ? 1 : latency_us > UINT32_MAX ? UINT32_MAX : (uint32_t)latency_us;
	question_settle(question);
	question->on_answer(question);
}

/* What a page other than the one that was asked for says: 3xx leads away, 511 wants a login, an error is its server's. */
static enum answer judge_page(const struct probe_page *page, int result)
{
	bool whole = result == -EBADMSG;

	if (result > 0)
		return ANSWER_GOOD;
	if (page->no_name)
		return ANSWER_NO_NAME;
	if (page->bad_certificate || (whole && ((page->status >= 200 && page->status < 400) || page->status == 511)))
		return ANSWER_OTHER;
	return page->refused || whole ? ANSWER_REFUSED : ANSWER_NONE;
}

/* Any word of who is asked shows that there is a way to him. */
static enum answer judge(struct question *question, int result)
{
	struct probe_page page;

	switch (question->target.kind) {
	case TARGET_HTTP:
		probe_page(question->probe, &page);
		if (result > 0)
			question->public_known = diagnosis_public_address(page.body, page.length, &question->public_address);
		return judge_page(&page, result);
	case TARGET_DNS:
		return result > 0 ? ANSWER_GOOD : result == -ETIMEDOUT ? ANSWER_NONE : ANSWER_REFUSED;
	case TARGET_PING:
	case TARGET_TCP:
	case TARGET_NEIGHBOUR:
		break;
	}
	return result > 0 ? ANSWER_GOOD : result == -ECONNREFUSED ? ANSWER_REFUSED : ANSWER_NONE;
}

static void on_probe(void *data, int result, uint64_t latency_us)
{
	struct question *question = data;

	answer(question, judge(question, result), latency_us);
}

static void look_at_echo(struct question *question)
{
	uint64_t us = (uv_hrtime() - question->sent_ns) / 1000;
	struct packet *packet = question->packet;
	struct complaint complaint;

	if (probe_ping_read(packet->fd, &packet->ping)) {
		probe_count(&question->path, question->size);
		answer(question, ANSWER_GOOD, us);
		return;
	}
	while (probe_complaint_read(packet->fd, &complaint)) {
		if (complaint.mtu == 0)
			continue;
		question->complaint = complaint;
		answer(question, ANSWER_REFUSED, us);
		return;
	}
}

void question_look(struct question *question)
{
	if (question->probe != NULL)
		probe_look(question->probe);
	else if (question->packet == NULL)
		return;
	else if (question->kind == QUESTION_SIZED)
		look_at_echo(question);
	else if (probe_complaint_read(question->packet->fd, &question->complaint))
		answer(question, ANSWER_GOOD, (uv_hrtime() - question->sent_ns) / 1000);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct packet *packet = poll->data;

	(void)status; /* the socket itself is asked what happened to it */
	(void)events;
	if (packet->question != NULL)
		question_look(packet->question);
}

/* The descriptor, or -errno. */
static int send_packet(struct question *question, struct packet *packet)
{
	const struct address *to = &question->target.address;
	bool sized = question->kind == QUESTION_SIZED;
	int fd = sized ? probe_ping_send_sized(&question->path, to, 1, question->size, &packet->ping)
	               : probe_hop_send(&question->path, to, question->ttl);

	if (fd >= 0)
		probe_count(&question->path, sized ? question->size : HOP_PACKET_SIZE);
	return fd;
}

static int begin_packet(uv_loop_t *loop, struct question *question)
{
	struct packet *packet = calloc(1, sizeof(*packet));
	int result;

	if (packet == NULL)
		return -ENOMEM;
	result = packet->fd = send_packet(question, packet);
	if (result < 0)
		goto fail;
	result = uv_poll_init(loop, &packet->poll, packet->fd);
	if (result < 0) {
		close(packet->fd);
		goto fail;
	}
	packet->poll.data = packet;
	packet->question = question;
	question->packet = packet;
	result = uv_poll_start(&packet->poll, UV_READABLE, on_poll);
	if (result < 0)
		question_settle(question);
	return result;

fail:
	free(packet);
	return result;
}

static int begin_probe(uv_loop_t *loop, struct question *question)
{
	struct probe_question asked = { .path = &question->path, .target = &question->target,
		.address = &question->target.address, .sequence = 1, .timeout_ms = question->timeout_ms };

	return probe_new(loop, &asked, on_probe, question, &question->probe);
}

/* What this machine cannot send was not asked; that the kernel knows no way is an answer of none. */
static enum answer of_error(int error)
{
	return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -EADDRNOTAVAIL ? ANSWER_NONE : ANSWER_NOT_ASKED;
}

void question_ask(uv_loop_t *loop, struct question *question)
{
	int result;

	question->answer = ANSWER_NONE;
	question->sent_ns = uv_hrtime();
	result = question->kind == QUESTION_TARGET ? begin_probe(loop, question) : begin_packet(loop, question);
	if (result < 0)
		question->answer = of_error(result);
}

void question_again(uv_loop_t *loop, struct question *question)
{
	if (!question_waits(question) || (question->kind == QUESTION_TARGET && !probe_is_single(&question->target)))
		return;
	question_settle(question);
	question_ask(loop, question);
}
