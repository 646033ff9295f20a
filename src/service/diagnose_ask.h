/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One question of a diagnosis, whatever its kind, from its first packet to its answer. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/diagnosis.h"
#include "service/checker.h"
#include "service/probe_hop.h"

struct packet;
struct probe;

/* Filled by who asks, all zero else. */
struct question {
	enum question_kind {
		QUESTION_TARGET, /* as the link's check asks it */
		QUESTION_HOP,    /* who turns back what may pass ttl routers */
		QUESTION_SIZED,  /* an echo of that many bytes */
	} kind;
	struct checker_path path; /* its device lives as long as the question */
	struct target target;     /* QUESTION_HOP and QUESTION_SIZED: its address */
	unsigned int ttl, size;
	uint32_t timeout_ms;      /* from the first packet on, for exchanges of many */
	void (*on_answer)(struct question *question); /* it is settled then */
	void *data;

	/* What came. */
	enum answer answer; /* ANSWER_NOT_ASKED where it could not be sent */
	uint32_t latency_us;
	struct complaint complaint; /* QUESTION_HOP, and QUESTION_SIZED with an mtu */
	struct address public_address; /* in a page */
	bool public_known;

	/* While it waits: one of the two. */
	struct probe *probe;   /* QUESTION_TARGET */
	struct packet *packet; /* the others */
	uint64_t sent_ns;
};

/* Begins. Where it cannot be sent it is settled at once, without a call. */
void question_ask(uv_loop_t *loop, struct question *question);

/* Sends it again where it is a single packet that nobody has answered yet. */
void question_again(uv_loop_t *loop, struct question *question);

/* Looks once more whether the answer is there, and calls back where it is. */
void question_look(struct question *question);

/* No answer is waited for any more. Harmless where it is settled. */
void question_settle(struct question *question);

/* Whether it waits for an answer. */
static inline bool question_waits(const struct question *question)
{
	return question->probe != NULL || question->packet != NULL;
}
