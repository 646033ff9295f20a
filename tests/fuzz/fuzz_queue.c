/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: a message of an NFQUEUE, and the packet in it, never lead outside the bytes that came. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/packet.h"
#include "kernel/queue_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *bytes, size_t size, const struct queue_packet *packet)
{
	struct flow flow;

	if (packet->length == 0)
		return;
	if (packet->payload < bytes || packet->payload + packet->length > bytes + size)
		abort();
	(void)packet_parse(packet->payload, packet->length, &flow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct queue_packet packet;
	uint8_t *bytes = malloc(size + 1); /* aligned, and of just this size for the sanitizer */

	if (bytes == NULL)
		return 0;
	if (size > 0)
		memcpy(bytes, data, size);
	if (queue_message_parse(bytes, size, &packet))
		check(bytes, size, &packet);
	free(bytes);
	return 0;
}
