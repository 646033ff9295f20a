/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages that make, change and delete queueing disciplines and classes; and their units. */
#pragma once

#include "kernel/shaper.h"

#define SHAPER_MESSAGE_MAX 512

/* The kernel's handle of a class. */
static inline uint32_t shaper_handle(uint16_t minor)
{
	return (uint32_t)SHAPER_MAJOR << 16 | minor;
}

/* What splits the segments of a leaf. It has one class, whose minor is 1. */
static inline uint32_t shaper_splitter(uint16_t minor)
{
	return (uint32_t)(SHAPER_SPLIT_MAJOR | minor) << 16;
}

/* Ticks of 64 ns in its bucket; what the kernel reports may be one more or less. */
uint32_t shaper_splitter_ticks(uint32_t frame);

/* A class in the kernel's units: bytes per second, and bursts as time. */
struct shaper_native {
	uint64_t rate, ceil;    /* bytes per second */
	uint32_t burst, ceil_burst; /* ticks of 64 ns */
	uint32_t quantum;       /* of leaves, as the priority */
	uint32_t priority;
};

struct shaper_native shaper_native(const struct shaper_class *class);

/* All are built in buffer, which has SHAPER_MESSAGE_MAX bytes, and returned. */
struct nlmsghdr *shaper_build_root(void *buffer, uint32_t device, uint16_t standard);
struct nlmsghdr *shaper_build_class(void *buffer, uint32_t device, const struct shaper_class *class);

/* parent is the handle of what it hangs on; frame: bytes of the largest that passes as it is. */
struct nlmsghdr *shaper_build_splitter(void *buffer, uint32_t device, const struct shaper_class *class, uint32_t frame);
struct nlmsghdr *shaper_build_queue(void *buffer, uint32_t device, const struct shaper_class *class, uint32_t parent,
	enum shaper_queue queue);
struct nlmsghdr *shaper_build_class_removal(void *buffer, uint32_t device, uint16_t minor);
struct nlmsghdr *shaper_build_root_removal(void *buffer, uint32_t device);
