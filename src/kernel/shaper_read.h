/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queueing disciplines and classes of the kernel, as far as they matter to the plan. */
#pragma once

#include "core/arena.h"
#include "kernel/shaper_message.h"

struct present_queue {
	struct present_queue *next;
	uint32_t device, handle, parent;
	uint32_t standard; /* of htb: the class for what has none */
	uint32_t limit;    /* of pfifo packets, of tbf bytes */
	uint32_t ticks;    /* of tbf: its bucket */
	uint64_t dropped;
	char kind[16];
};

struct present_class {
	struct present_class *next;
	uint16_t minor, parent; /* parent 0: the root */
	bool leaf;
	struct shaper_native native;
	uint64_t bytes, packets;
	uint32_t waiting; /* bytes */
};

struct present_shaper {
	struct arena *arena;
	struct present_queue *queues; /* of all devices */
};

/* All disciplines; again where a dump was interrupted, a few times. 0 or -errno; freed by the caller in both cases. */
int present_queues_read(struct netlink *netlink, struct present_shaper *ret_present);
void present_queues_free(struct present_shaper *present);

/* Classes of the root 1: of a device; they live in present's arena. 0 or -errno. */
int present_classes_read(struct netlink *netlink, struct present_shaper *present, uint32_t device,
	struct present_class **ret_classes);

/* The one at the root, or below the class with that handle; NULL where the kernel's own is there. */
const struct present_queue *present_queue_find(const struct present_shaper *present, uint32_t device, uint32_t parent);

const struct present_class *present_class_find(const struct present_class *classes, uint16_t minor);

/* Whether a root with these classes is one of ours. */
bool present_is_ours(const struct present_queue *root, const struct present_class *classes);
