/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes connections of the packets of a capture: who began, when it ended, bytes in each direction. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/replay.h"

/*
 * A connection is what has the same ends; it ends with its last packet, after which 60 s nothing came, or a new one
 * begins with the same ends, or its place in the table is needed. Only connections between inside and
 * outside count, and only those that inside began.
 */
struct assembler;

struct assembled {
	uint64_t packets;
	uint64_t not_ip;       /* of these packets: not to be read */
	uint64_t fragments;    /* of which nobody knows the ports */
	uint64_t from_outside; /* of connections that outside began */
	uint64_t elsewhere;    /* both ends inside, or both outside; errors of ICMP */
};

/* Called for each connection when it has ended; device and policy are not known of it. */
typedef void assemble_function(void *data, const struct replay_connection *connection);

/*
 * entries: how many can be open at once, a power of two, 8 at least; each takes some 120 bytes. inside: sorted
 * (core/networks.h), and has to outlive it. The caller frees it. NULL: no memory.
 */
struct assembler *assembler_new(size_t entries, const struct networks *inside, assemble_function *ended, void *data);

/* Accepts NULL. What has not ended is forgotten: see assemble_rest(). */
void assembler_free(struct assembler *assembler);

/* A packet at a time (seconds), of which the first length bytes are given, and which had size bytes. */
void assemble_packet(struct assembler *assembler, double when, const uint8_t *bytes, size_t length, size_t size);

/* A frame without a packet in it. */
void assemble_nothing(struct assembler *assembler);

/* At the end of the capture: all that is left has ended. */
void assemble_rest(struct assembler *assembler);

const struct assembled *assembler_counts(const struct assembler *assembler);
