/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue of a leaf: what splits large segments, and below it the best discipline that the kernel has. */
#pragma once

#include "kernel/shaper_read.h"

struct queue_site {
	struct netlink *netlink;
	const struct present_shaper *present;
	struct shaper_features *features; /* the first that is tried tells what the kernel has */
	uint32_t device;
	uint32_t frame; /* as queue_frame() says */
};

/* Bytes of the largest frame that the device takes, with room for tags. 0 or -errno. */
int queue_frame(struct netlink *netlink, uint32_t device, uint32_t *ret_frame);

/* Whether the leaf has the queue that it is to have. */
bool queue_present(const struct queue_site *site, const struct shaper_class *class);

/* Makes or changes it. 0 or -errno. */
int queue_set(const struct queue_site *site, const struct shaper_class *class);
