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
struct nlmsghdr *shaper_build_queue(void *buffer, uint32_t device, const struct shaper_class *class, enum shaper_queue queue);
struct nlmsghdr *shaper_build_class_removal(void *buffer, uint32_t device, uint16_t minor);
struct nlmsghdr *shaper_build_root_removal(void *buffer, uint32_t device);
