/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the file of a set: one address, network or range in each line. */
#pragma once

#include "config/errors.h"
#include "core/networks.h"

#define SET_BYTES_MAX    (64u << 20)
#define SET_NETWORKS_MAX 1000000

/*
 * Networks as they stand in the file, in the arena. Wrong lines are told with their place, order as in
 * struct source; that the file cannot be read is told at that position.
 */
void set_file_read(struct problems *problems, const char *path, unsigned int order, struct position at,
	struct arena *arena, struct networks *networks);

/*
 * The networks of an address, a network, or a range of addresses as 192.0.2.10-192.0.2.20; there is room for
 * NETWORKS_OF_RANGE_MAX. Returns how many, or 0 with a problem.
 */
size_t read_range(struct problems *problems, struct position at, const char *text, struct network *ret_items);

/* How many networks that is at most. */
size_t range_room(const char *text);

/* All that fd gives, up to max bytes. The caller frees it. NULL with errno set. */
char *read_all(int fd, size_t max, size_t *ret_length);
