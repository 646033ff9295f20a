/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Brings lines of syslog to the local daemon or to a server, in a thread of its own: whoever adds one never waits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct syslog_sender;

struct syslog_figures {
	uint64_t sent;  /* lines handed to the kernel, whole */
	uint64_t lost;  /* lines that found no room, or were on their way in a connection that broke */
	uint64_t waiting;
	char problem[256]; /* why nothing can be sent now; "" where all is well */
};

/*
 * server: "udp://HOST:PORT", "tcp://HOST:PORT" or "tls://HOST:PORT"; NULL: the local daemon, by the socket at /dev/log. ca_file: certificates
 * to trust, NULL: the system's. Both are copied. Lines that wait take up to buffer bytes; what finds no room is lost, and counted. Names are resolved, connections made and certificates verified in that
 * thread; it tries again after 250 ms, then after twice as long each time, up to 30 s. 0 or -errno.
 */
int syslog_sender_new(const char *server, const char *ca_file, size_t buffer, struct syslog_sender **ret_sender);

/*
 * Accepts NULL. What waits is still sent for up to wait_ms; 0: does not wait for the thread, which ends by itself, after
 * what waits was sent, or a second later.
 */
void syslog_sender_free(struct syslog_sender *sender, uint32_t wait_ms);

/*
 * Any thread. Takes a copy of one line of up to SYSLOG_LINE_MAX bytes. Never waits. A quarter of the room is kept for lines
 * that are not many: who sends one for each connection says so, and does not crowd out alerts.
 */
void syslog_sender_add(struct syslog_sender *sender, const char *line, size_t length, bool many);

/* A link came up: tries again at once where it waits. */
void syslog_sender_hurry(struct syslog_sender *sender);

struct syslog_figures syslog_sender_figures(struct syslog_sender *sender);
