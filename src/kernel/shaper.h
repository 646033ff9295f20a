/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the queueing disciplines of devices what the plan says: the difference only, in place. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/plan_shaper.h"
#include "kernel/netlink.h"

/* And the minor of the leaf: the handle of what splits segments for it. */
#define SHAPER_SPLIT_MAJOR 0x2000u

/* Never empty: no device is so fast. */
#define SHAPER_SPLIT_BPS 200000000000

/* The queue of a leaf: the best that the kernel has. */
enum shaper_queue {
	QUEUE_UNKNOWN, /* not found out yet */
	QUEUE_FQ_CODEL,
	QUEUE_SFQ,
	QUEUE_PLAIN,   /* pfifo, which every kernel has */
};

/* What the kernel has; all unknown at first. */
struct shaper_features {
	enum shaper_queue queue;
	enum shaper_split {
		SPLIT_UNKNOWN,
		SPLIT_BY_TBF,  /* a token bucket that is never empty splits what is larger than a frame */
		SPLIT_MISSING,
	} split;
};

struct shaper_changes {
	unsigned int devices_added, devices_removed;
	unsigned int classes_added, classes_changed, classes_removed;
	char replaced[64]; /* "sfq on wan1": the first foreign discipline that had to go; or empty */
};

/*
 * Ours is the root discipline 1: of kind htb whose classes below the root have the minors of the plan. Rates
 * change in place: nothing that waits is lost, counters go on. Classes that are no longer wanted go once
 * they are empty, so that a later call may still find some to remove; devices that are not in the plan lose ours at
 * once. The kernel's own disciplines, and on devices of the plan any other, are replaced; elsewhere
 * foreign ones are never touched. A device that is not there is passed over.
 * features: unknown at first, then what was found; never NULL.
 * 0 or -errno of the first failure, after trying everything; message then names the object.
 */
int shaper_apply(struct netlink *netlink, const struct shaper_plan *plan, struct shaper_features *features,
	struct shaper_changes *ret_changes, char *message, size_t size);

/* Removes ours from every device. 0 or -errno. */
int shaper_remove(struct netlink *netlink);

/* What a leaf has let pass since it is there. */
struct shaper_figures {
	const struct shaper_device *device;
	const struct shaper_class *class;
	uint64_t bytes, packets, dropped;
	uint32_t waiting; /* bytes */
};

/* Calls take for every leaf of the plan that the kernel has. 0 or -errno. */
int shaper_figures(struct netlink *netlink, const struct shaper_plan *plan,
	void (*take)(void *data, const struct shaper_figures *figures), void *data);

/* As tc(8) would have it typed in. */
void shaper_print(FILE *out, const struct shaper_plan *plan, const struct shaper_features *features);

/* "fq_codel" and so on. */
const char *shaper_queue_name(enum shaper_queue queue);
