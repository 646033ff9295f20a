/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds any page to the reader of what it says of who asked for it. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/diagnosis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address address = { 0 }, again;
	char text[ADDRESS_TEXT_MAX];

	if (!diagnosis_public_address((const char *)data, size, &address)) {
		require(address_is_zero(&address));
		return 0;
	}
	require(!address_is_zero(&address));
	address_format(&address, text, sizeof(text));
	require(diagnosis_public_address(text, strlen(text), &again) && address_equal(&address, &again));
	return 0;
}
