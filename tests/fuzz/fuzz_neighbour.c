/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds any bytes to the readers of ARP replies and neighbour advertisements. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/neighbour.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Whoever is believed has said that he is the target. */
static void try_arp(const uint8_t *bytes, size_t size)
{
	struct neighbour asked = { .target = { IPV4, { 192, 0, 2, 1 } }, .own = { IPV4, { 192, 0, 2, 2 } },
		.hardware = { 2, 0, 0, 0, 0, 2 } };

	if (!neighbour_replies(&asked, bytes, size))
		return;
	require(size >= NEIGHBOUR_ARP_SIZE && bytes[7] == 2 && memcmp(bytes + 14, asked.target.bytes, 4) == 0);
	require(memcmp(bytes + 18, asked.hardware, HARDWARE_SIZE) == 0 && (bytes[8] & 1) == 0);
}

static void try_advertisement(const uint8_t *bytes, size_t size)
{
	struct neighbour asked = { .target = { IPV6, { 0xfe, 0x80, [15] = 1 } }, .own = { IPV6, { 0xfe, 0x80, [15] = 2 } },
		.hardware = { 2, 0, 0, 0, 0, 2 } };

	if (neighbour_advertises(&asked, bytes, size))
		require(size >= 24 && bytes[0] == 136 && memcmp(bytes + 8, asked.target.bytes, 16) == 0);
}

/* In memory of its own, so that a sanitizer sees what is read behind it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = calloc(1, size > 0 ? size : 1);

	require(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	try_arp(copy, size);
	try_advertisement(copy, size);
	free(copy);
	return 0;
}
