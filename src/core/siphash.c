/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keyed hash against chosen collisions: SipHash-2-4 (Aumasson, Bernstein 2012), 64 bits. */

#include "core/siphash.h"

static inline uint64_t rotate(uint64_t word, unsigned int bits)
{
	return word << bits | word >> (64 - bits);
}

/* Up to eight bytes, the first of them lowest. */
static inline uint64_t load(const uint8_t *bytes, size_t count)
{
	uint64_t word = 0;

	for (size_t i = 0; i < count; i++)
		word |= (uint64_t)bytes[i] << (8 * i);
	return word;
}

/* SipRound of section 2.3. */
static inline void stir(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static inline void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	stir(v);
	stir(v);
	v[0] ^= word;
}

uint64_t siphash(const struct hash_key *key, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	size_t rest = length % 8, whole = length - rest;
	uint64_t v[4] = {
		key->words[0] ^ UINT64_C(0x736f6d6570736575),
		key->words[1] ^ UINT64_C(0x646f72616e646f6d),
		key->words[0] ^ UINT64_C(0x6c7967656e657261),
		key->words[1] ^ UINT64_C(0x7465646279746573),
	};

	for (size_t i = 0; i < whole; i += 8)
		absorb(v, load(bytes + i, 8));
	/* The last word has the length in its highest byte. */
	absorb(v, (uint64_t)length << 56 | (rest > 0 ? load(bytes + whole, rest) : 0));

	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		stir(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
