/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lab-load from inside: what was asked for, what became of each attempt. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "endpoint.h"

struct load_options {
	bool udp;
	struct endpoint to; /* the first of to_range addresses that take turns */
	uint32_t to_range;
	struct endpoint *from; /* source addresses that take turns; none: the kernel's choice */
	size_t from_count;
	uint16_t from_port;     /* 0: any */
	double rate;            /* attempts per second; 0: as fast as it goes */
	size_t count;           /* attempts */
	unsigned int datagrams; /* of each UDP attempt, sent back to back */
	uint64_t timeout_ns;
	uint64_t stall_ns; /* a held connection without an answer for so long has stalled */
	bool hold;
	bool keepalive; /* of TCP, each second while nothing else is said */
	bool each; /* print every attempt */
};

enum outcome {
	OUTCOME_PENDING,
	OUTCOME_OK,
	OUTCOME_FAILED,
	OUTCOME_RESET,   /* was open, then ended with an error */
	OUTCOME_STALLED, /* was open, then no answer came any more */
};

/* How the server sees us. */
struct seen {
	char address[ENDPOINT_TEXT_MAX];
	unsigned int port;
};

/* Times in nanoseconds of CLOCK_MONOTONIC, 0: not yet. */
struct attempt {
	uint64_t begun_ns;
	uint64_t connected_ns;
	uint64_t ended_ns;
	uint64_t asked_ns; /* the oldest question without an answer */
	uint64_t asked_last_ns;
	uint64_t moved_ns; /* the server began to see us otherwise */
	/* Of TCP that was not answered: its last packet with data, and the one before, where that was repeated. */
	uint64_t last_sent_ns, sent_before_ns;
	int fd;
	int error; /* errno; ETIME: our own patience ended */
	enum outcome outcome;
	bool connected, answered;
	bool split;       /* datagrams sent back to back were seen to come from several addresses */
	bool split_ports; /* from one address, but several ports */
	unsigned int answers, moved, repeats;
	struct endpoint source;
	struct seen first, last;
};

struct load {
	const struct load_options *options;
	struct attempt *attempts;
	size_t begun;
	size_t oldest; /* none before it is pending */
	size_t open;   /* attempts with a socket */
	uint64_t start_ns;
	int epoll;
	bool stop;
};

/* Reads the command line. False, after telling why, where it makes no sense. */
bool load_options_read(int argc, char **argv, struct load_options *ret_options);

uint64_t load_now_ns(void);

/* Begins attempt number index. */
void attempt_begin(struct load *load, size_t index);

/* Its socket has something to tell. */
void attempt_event(struct load *load, size_t index);

/* The connection is held: asks again, or finds that it has stalled. */
void attempt_tick(struct load *load, size_t index, uint64_t now_ns);

/* Ends it; error 0 for the wish of this program. */
void attempt_end(struct load *load, size_t index, int error);

/* Where the address of an attempt's destination stands among all. */
struct endpoint attempt_target(const struct load_options *options, size_t index);

/* Prints the figures as one JSON document. */
void load_report(const struct load *load, FILE *out);
