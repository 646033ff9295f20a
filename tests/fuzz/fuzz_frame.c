/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds any frames to the reader of captures: a byte for their kind, then each with its length and the seconds before it. */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/assemble.h"
#include "core/frame.h"
#include "core/networks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	const struct networks *inside;
	uint64_t bytes;
	double now;
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void ended(void *data, const struct replay_connection *connection)
{
	struct seen *seen = data;

	require(connection->duration >= 0 && connection->start >= 0 && connection->start + connection->duration <= seen->now);
	require(networks_hold(seen->inside, &connection->flow.from) && !networks_hold(seen->inside, &connection->flow.to));
	require(connection->inside && !connection->known && connection->in == NULL);
	seen->bytes += connection->bytes[DOWNLOAD] + connection->bytes[UPLOAD];
}

/* In memory of its own, so that a sanitizer sees what is read behind it. */
static size_t take_frame(struct assembler *assembler, enum frame_kind kind, double when, const uint8_t *data, size_t length)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	size_t packet = 0;
	int at;

	require(copy != NULL);
	for (size_t i = 0; i < length; i++)
		copy[i] = data[i];
	at = frame_packet(kind, copy, length);
	require(at == -EBADMSG || (at >= 0 && (size_t)at <= length));
	if (at < 0) {
		assemble_nothing(assembler);
	} else {
		packet = length - (size_t)at;
		assemble_packet(assembler, when, copy + at, packet, packet);
	}
	free(copy);
	return packet;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct network private[] = {
		{ { IPV4, { 10 } }, 8 }, { { IPV4, { 192, 168 } }, 16 }, { { IPV6, { 0xfd } }, 8 },
	};
	struct networks inside = { private, 3 };
	struct seen seen = { .inside = &inside };
	struct assembler *assembler;
	uint64_t frames = 0, bytes = 0;
	enum frame_kind kind;

	networks_sort(&inside);
	if (size == 0)
		return 0;
	kind = (enum frame_kind)(data[0] % 5);
	assembler = assembler_new(16, &inside, ended, &seen);
	require(assembler != NULL);
	for (data++, size--; size >= 2; frames++) {
		size_t length = data[0] < size - 2 ? data[0] : size - 2;

		seen.now += data[1];
		bytes += take_frame(assembler, kind, seen.now, data + 2, length);
		data += 2 + length;
		size -= 2 + length;
	}
	assemble_rest(assembler);
	require(assembler_counts(assembler)->packets == frames && seen.bytes <= bytes);
	assembler_free(assembler);
	return 0;
}
