/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: copies of packets and news of ended connections never lead outside the bytes that came. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/packet.h"
#include "kernel/conntrack_ends.h"
#include "kernel/copies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *bytes, size_t size, const struct copy *copy)
{
	struct flow flow;
	uint8_t flags;

	if (copy->payload < bytes || copy->payload + copy->length > bytes + size)
		abort();
	(void)packet_parse_flags(copy->payload, copy->length, &flow, &flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size + 1); /* aligned, and of just this size for the sanitizer */
	struct connection_end end;
	struct copy copy;

	if (bytes == NULL)
		return 0;
	if (size > 0)
		memcpy(bytes, data, size);
	if (copies_parse(bytes, size, &copy))
		check(bytes, size, &copy);
	if (conntrack_ends_parse(bytes, size, UINT32_MAX, &end) && end.flow.ports && end.flow.family > IPV6)
		abort();
	free(bytes);
	return 0;
}
