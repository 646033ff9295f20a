/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a flow is hashed, so that connections with the same key belong together. */

#include "core/key.h"

#include <string.h>

/* Without padding, so that equal parts are equal bytes. */
struct hashed {
	uint64_t salt;
	uint8_t from[16], to[16];
	uint16_t to_port;
	uint8_t protocol;
	uint8_t family;
	uint32_t part;
};

uint64_t flow_key_hash(const struct hash_key *key, enum flow_key part, const struct flow *flow, uint64_t salt)
{
	struct hashed hashed = { .salt = salt, .family = (uint8_t)flow->family, .part = part };

	if (part != KEY_DESTINATION && part != KEY_NONE)
		memcpy(hashed.from, flow->from.bytes, sizeof(hashed.from));
	if (part != KEY_SOURCE && part != KEY_NONE)
		memcpy(hashed.to, flow->to.bytes, sizeof(hashed.to));
	if (part == KEY_SOURCE_DESTINATION_PORT) {
		hashed.to_port = flow->to_port;
		hashed.protocol = flow->protocol;
	}
	return siphash(key, &hashed, sizeof(hashed));
}

uint64_t name_hash(const struct hash_key *key, const char *name)
{
	return siphash(key, name, strlen(name));
}
