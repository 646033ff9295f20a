/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes this process, and what it starts, leave by one link: every socket that they make has its mark. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Moves this process into a control group of its own, in which the kernel gives the mark to each new IPv4 and IPv6
 * socket of whatever type: so it is with children, also where they become other users, and whatever they run.
 * Needs root and a kernel with cgroup v2. 0 or -errno; then problem says what could not be done.
 */
int by_link_enter(uint32_t mark, char *problem, size_t size);

/*
 * Makes /etc/resolv.conf name these servers instead of its own, for this process and what it starts alone.
 * 0 or -errno; then problem says what could not be done.
 */
int by_link_resolvers(const char *const *servers, size_t count, char *problem, size_t size);
