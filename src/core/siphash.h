/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keyed hash against chosen collisions: SipHash-2-4 (Aumasson, Bernstein 2012), 64 bits. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t words[2];
};

uint64_t siphash(const struct hash_key *key, const void *data, size_t length);
