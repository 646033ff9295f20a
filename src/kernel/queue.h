/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One NFQUEUE: receive packets, answer with verdict and mark. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes of each packet that come up: headers with every usual option. */
#define QUEUE_COPY_RANGE 192

/* How long queue_receive() waits. */
#define QUEUE_WAIT_MS 250

struct queue;

/* A packet that waits for its verdict; payload is valid until the next queue_receive(). */
struct queue_packet {
	uint32_t id;
	uint32_t mark;
	uint32_t device_in;    /* 0: from this machine */
	const uint8_t *payload;
	size_t length;
};

/* Binds queue number. 0, -EBUSY where another program owns it, or -errno. */
int queue_open(uint16_t number, uint32_t length, struct queue **ret_queue);

/* Accepts NULL. What the queue holds is dropped by the kernel. */
void queue_close(struct queue *queue);

int queue_fd(const struct queue *queue);

/*
 * Waits for the first packet, QUEUE_WAIT_MS at most, and takes up to max that are there.
 * Number of packets, 0 where none came in time or a signal did, or -errno.
 */
int queue_receive(struct queue *queue, struct queue_packet *packets, size_t max);

/*
 * Accepts the packet with that mark; verdicts are gathered and go out with queue_flush(), or when
 * the gathering place is full, in the order given.
 */
void queue_accept(struct queue *queue, uint32_t id, uint32_t mark);

/* Drops the packet. */
void queue_drop(struct queue *queue, uint32_t id);

/* Sends what is gathered. 0 or -errno. */
int queue_flush(struct queue *queue);

/* Of all queues of this network namespace with a number in first .. first + count - 1. */
struct queue_figures {
	uint64_t held, dropped, user_dropped;
};

/* From /proc/net/netfilter/nfnetlink_queue, which only root can open; -errno else. */
int queue_figures_read(uint16_t first, uint16_t count, struct queue_figures *ret_figures);
