/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys of sticky for tests, by number. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sticky.h"

static const struct hash_key hash_key = { { 0x0123456789abcdef, 0xfedcba9876543210 } };

static inline struct address address_of(const char *text)
{
	struct address address;

	assert_true(address_parse(text, &address));
	return address;
}

/* The last four bytes count up. */
static inline struct address address_plus(const char *text, uint32_t number)
{
	struct address address = address_of(text);
	size_t end = family_size(address.family);

	for (size_t i = 0; i < 4; i++)
		address.bytes[end - 1 - i] = (uint8_t)(address.bytes[end - 1 - i] + (number >> (8 * i)));
	return address;
}

static inline struct sticky_key key_by(enum flow_key by, struct address from, struct address to, uint16_t port)
{
	struct flow flow = { .family = from.family, .protocol = 17, .ports = true, .from = from, .to = to, .to_port = port };

	return sticky_key_of(&hash_key, by, &flow, 77);
}

/* By source. */
static inline struct sticky_key source_key(uint32_t number)
{
	return key_by(KEY_SOURCE, address_plus("10.0.0.0", number), address_of("192.0.2.1"), 80);
}

/* Of all kinds and both families in turn; each number has a key of its own. */
static inline struct sticky_key mixed_key(uint32_t number)
{
	static const enum flow_key kinds[] = { KEY_SOURCE, KEY_DESTINATION, KEY_SOURCE_DESTINATION, KEY_SOURCE_DESTINATION_PORT };
	bool six = number % 3 == 0;
	uint32_t from = kinds[number % 4] == KEY_SOURCE ? 1000 + number : number / 4 % 50;

	return key_by(kinds[number % 4], address_plus(six ? "2001:db8::" : "10.0.0.0", from),
		address_plus(six ? "2001:db8:2::" : "192.0.2.0", number), (uint16_t)number);
}
