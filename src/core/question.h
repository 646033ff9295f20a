/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An imagined connection in the words of who asks about it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/flow.h"

/* The words; NULL where nothing was said. from, to and protocol are needed. */
struct question {
	const char *from, *to; /* an address, or "router": this machine, by an address that the answerer chooses */
	const char *protocol;  /* name or number */
	const char *from_port, *to_port;
	const char *icmp_type; /* "echo-request", "3", "3/1"; an echo request where nothing was said */
	const char *dscp;      /* 0 to 63, or a name such as "ef" */
	const char *at;        /* local time: "mon 22:30" or "2026-11-23T22:30" */
	const char *in;        /* device that it comes in by */
};

/* What of them needs no look at the world: of the flow all but device, came_by and direct. */
struct asked {
	struct flow flow;              /* an address of the router is still all zero bytes */
	bool from_router, to_router;
	bool timed;
	uint16_t minute;               /* of the week, where timed */
};

/* What is wrong with a question, and the way out. */
struct question_problem {
	char text[160], hint[160]; /* hint: "" where there is none */
};

/* False with the problem told. */
bool question_read(const struct question *question, struct asked *ret_asked, struct question_problem *problem);

/* Tells a problem; always false. */
bool question_refuse(struct question_problem *problem, const char *hint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Minute of the week, from Monday 00:00, of "mon 22:30" or "2026-11-23T22:30". False: it is neither. */
bool question_minute(const char *text, uint16_t *ret_minute);
