/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last decisions by flow, so that packets of one flow that wait together get one answer. */

#include "core/pending.h"

#include <stdlib.h>
#include <string.h>

#define GROUPS 2048
#define WAYS   4

struct decided {
	uint64_t hash;
	uint64_t at_ms;
	uint32_t generation;
	uint32_t mark;
};

struct pending {
	struct decided entries[GROUPS * WAYS];
};

struct pending *pending_new(void)
{
	return calloc(1, sizeof(struct pending));
}

void pending_free(struct pending *pending)
{
	free(pending);
}

uint64_t pending_hash(const struct hash_key *key, const struct flow *flow)
{
	struct {
		uint8_t from[16], to[16];
		uint16_t from_port, to_port;
		uint32_t device;
		uint8_t protocol, family, none[6];
	} tuple = { .from_port = flow->from_port, .to_port = flow->to_port, .device = flow->device,
		.protocol = flow->protocol, .family = (uint8_t)flow->family };

	memcpy(tuple.from, flow->from.bytes, sizeof(tuple.from));
	memcpy(tuple.to, flow->to.bytes, sizeof(tuple.to));
	return siphash(key, &tuple, sizeof(tuple));
}

bool pending_find(const struct pending *pending, uint64_t hash, uint32_t generation, uint64_t now_ms, uint32_t *ret_mark)
{
	const struct decided *group = &pending->entries[(hash % GROUPS) * WAYS];

	for (size_t i = 0; i < WAYS; i++) {
		if (group[i].hash != hash || group[i].generation != generation || now_ms - group[i].at_ms > PENDING_MS)
			continue;
		*ret_mark = group[i].mark;
		return true;
	}
	return false;
}

void pending_add(struct pending *pending, uint64_t hash, uint32_t generation, uint64_t now_ms, uint32_t mark)
{
	struct decided *group = &pending->entries[(hash % GROUPS) * WAYS], *oldest = group;

	for (size_t i = 1; i < WAYS; i++) {
		if (group[i].at_ms < oldest->at_ms)
			oldest = &group[i];
	}
	*oldest = (struct decided){ hash, now_ms, generation, mark };
}
