/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One way by which lines of syslog leave: datagrams to /dev/log or a server, or a stream. May wait; belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSLOG_WAY_TIMEOUT_MS 10000

struct syslog_way;

/* Asked now and then while something is waited for: whether to give up. */
struct syslog_patience {
	bool (*over)(void *data);
	void *data;
};

/*
 * server and ca_file as syslog_sender_new() has them. Resolves, connects, shakes hands. 0, or -errno with what is wrong in problem.
 */
int syslog_way_open(const char *server, const char *ca_file, const struct syslog_patience *patience, struct syslog_way **ret_way,
	char *problem, size_t size);

/* Accepts NULL. */
void syslog_way_close(struct syslog_way *way);

/* To wait on, for reading and writing. */
int syslog_way_fd(const struct syslog_way *way);

/*
 * Sends one line. 0: the kernel has it whole. -EAGAIN: not now; the same line again once the socket is writable, and a part of it
 * may be gone. -EPIPE or another -errno: the way is to be closed; the line was not received, for a frame that is cut short is none.
 */
int syslog_way_send(struct syslog_way *way, const char *line, size_t length);

/* Once the socket is readable: reads what nobody needs. 0, or -errno where the other end has closed it. */
int syslog_way_listen(struct syslog_way *way);

/* Lines that were sent whole, but that the other end has not acknowledged: lost, where the way is closed now. */
uint64_t syslog_way_open_lines(const struct syslog_way *way);
