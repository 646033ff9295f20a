/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the control socket share: the control, its clients, and the steps between them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <microhttpd.h>

#include "service/control.h"

#define CONTROL_CLIENTS_MAX     64
#define CONTROL_RESERVED        8 /* of them, for root and our own user: others cannot lock these out */
#define CONTROL_FOLLOWERS_MAX   32
#define CONTROL_BODY_MAX        (64 * 1024)
#define CONTROL_MEMORY          (32 * 1024)  /* of a client: request line, headers, and buffers */
#define CONTROL_BACKLOG_MAX     (256 * 1024) /* what a follower may leave unread here */
#define CONTROL_EXCHANGE_MS     10000        /* a request and its answer */
#define CONTROL_DEFERRED_MS     60000
#define CONTROL_SIGN_OF_LIFE_MS 15000

enum client_state {
	CLIENT_TALKING, /* sends a request or reads the answer */
	CLIENT_WAITING, /* for a deferred answer; suspended */
	CLIENT_FOLLOWING,
};

/* A connection. */
struct client {
	struct client *next, **link;
	struct control *control;
	struct MHD_Connection *connection;
	int fd;
	bool may_change;
	bool suspended, cut;
	enum client_state state;
	uint64_t since; /* loop time: this exchange began, or a follower got its last line */
	size_t body;    /* bytes of this request's body so far */
	struct control_pending *pending;
	struct control_answer answer; /* a deferred one that has come */
	char *backlog;                /* lines for a follower */
	size_t backlog_length, backlog_size;
};

struct control_pending {
	struct control_pending *next, **link;
	struct client *client; /* NULL: gone */
};

/* Where the socket is, and how to know it again. */
struct control_place {
	char *path;
	int fd;
	dev_t device;
	ino_t inode;
};

struct control {
	uv_loop_t *loop;
	const struct control_verb *verbs;
	void *data;
	struct control_place place;
	int spare_fd; /* given up for a moment to refuse a client where descriptors are used up */
	struct MHD_Daemon *http;
	uv_poll_t arrivals, traffic;
	uv_timer_t deadline, tick;
	bool resumed;
	unsigned int open_handles;
	struct client *clients;
	unsigned int client_count, follower_count;
	struct control_pending *pending;
};

/* control.c: the next turn of the loop sees to those that were resumed. */
void control_run_soon(struct control *control);

/* Looks at the listening socket, again after a pause. */
void control_listen(struct control *control);

/* control_socket.c: binds and listens; 0 or -errno as control_new(). */
int control_place_take(struct control_place *place, const char *path);
void control_place_leave(struct control_place *place);

/* control_clients.c: who is connected, how many, and for how long. */
void control_spare(struct control *control);
void control_clients_accept(struct control *control);
void control_clients_notify(void *data, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code);
struct client *control_client(struct MHD_Connection *connection);
void control_client_resume(struct client *client);
void control_client_suspend(struct client *client);
void control_client_cut(struct client *client);

/* control_answer.c: finds the verb and queues its answer. */
enum MHD_Result control_answer_request(void *data, struct MHD_Connection *connection,
	const char *path, const char *method, const char *version, const char *body,
	size_t *body_length, void **context);
void control_answer_completed(void *data, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode code);
void control_answer_late(struct client *client);
void control_answer_drop(struct control_answer *answer);

/* control_follow.c: the stream of events. */
enum MHD_Result control_follow(struct client *client);
void control_follow_check(struct client *client, uint64_t now);
void control_follow_end(struct client *client);
