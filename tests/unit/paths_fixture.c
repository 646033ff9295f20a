/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of destinations share: handshakes to teach, and what was learnt. */

#include "paths_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

const struct hash_key paths_key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };
const char *const link_names[MARK_LINK_MAX + 1] = { [FIBER] = "fiber", [CABLE] = "cable", [LTE] = "lte" };

struct address address_of(const char *text)
{
	struct address address;

	assert_true(address_parse(text, &address));
	return address;
}

struct handshake answer(const char *to, uint8_t link, uint32_t us, uint64_t at_ms)
{
	return (struct handshake){ .to = address_of(to), .to_port = 443, .protocol = 6, .link = link, .answered = true,
		.us = us, .at_ms = at_ms };
}

void answered(struct paths *paths, const char *to, uint8_t link, uint32_t us, uint64_t at_ms)
{
	struct handshake handshake = answer(to, link, us, at_ms);

	paths_sample(paths, &handshake, NULL);
}

void failed(struct paths *paths, const char *to, uint8_t link, uint64_t at_ms)
{
	struct handshake handshake = answer(to, link, 3000000, at_ms);

	handshake.answered = false;
	paths_sample(paths, &handshake, NULL);
}

struct path path_of(const struct paths *paths, const char *to, uint8_t link, uint64_t now_ms)
{
	struct address address = address_of(to);
	const struct destination *destination = paths_find(paths, &address, now_ms);
	struct path path = { 0 };

	assert_non_null(destination);
	destination_path(destination, link, now_ms, &path);
	return path;
}

bool known(const struct paths *paths, const char *to, uint64_t now_ms)
{
	struct address address = address_of(to);

	return paths_find(paths, &address, now_ms) != NULL;
}
