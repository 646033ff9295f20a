/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A control on a real loop and socket, and raw clients that talk to it, for the tests of control.h.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "service/control_internal.h"

#define DEADLINE_MS 8000

#define HEAD(method, path) method " " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

#define proof(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

struct fixture {
	uv_loop_t loop;
	struct control *control;
	char folder[64], path[96];
	unsigned int reloads;            /* how often the verb was asked */
	struct control_pending *pending; /* of the verb that answers later */
};

/* What a client has got so far. */
struct talk {
	int fd;
	char text[65536];
	size_t length;
	bool ended;
};

/*
 * /links (echoes its argument "name"), /text, /large (8 MB), /nothing; by POST /reload, /test-mail
 * (answers later) and /at-once (defers, and answers inside).
 */
extern const struct control_verb verbs[];

int setup(void **state);
int teardown(void **state);

uint64_t now_ms(void);

/* Lets the daemon's side work until there is something for it or the client, at most a few
 * milliseconds. */
void turn(struct fixture *fixture, int fd);

/* -1: nobody listens, or we may not. */
int connect_to(const char *path);

struct talk *talk_begin(struct fixture *fixture, const char *request);
void talk_end(struct talk *talk);

/* Takes what has come, without waiting. */
void talk_receive(struct talk *talk);

/* Until the client has read what it waits for, or (NULL) the end of the connection. */
void talk_until(struct fixture *fixture, struct talk *talk, const char *wanted);

/* Sends a request, reads until the end, and wants these texts in the answer. */
void expect(struct fixture *fixture, const char *request, const char *first, const char *second);

void wait_for_clients(struct fixture *fixture, unsigned int count);

/* As if that much time had passed for every client. */
void let_pass(struct fixture *fixture, uint64_t time_ms);

/* The HTTP status that a client of another user is told; below 100: at what step it failed. */
int ask_as_nobody(struct fixture *fixture, const char *request);
