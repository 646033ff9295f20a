/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table behind living.h: entries by tuple, in lists by the stage of their life. */
#pragma once

#include "core/living.h"

#define NOBODY UINT32_MAX

/* Each entry in use is in the list of its stage, the oldest first. */
enum stage {
	STAGE_WAITING, /* for an answer, of which a copy would tell */
	STAGE_LIVING,
	STAGE_OVER,    /* not counted any more; the kernel still knows it */
};
#define STAGES 3

enum entry_flag {
	ENTRY_INBOUND = 1,   /* came by a link, or goes to none: its beginning says nothing of the way */
	ENTRY_PORTS = 2,
	ENTRY_TIMED = 4,     /* copies tell of its answer */
	ENTRY_REPEATED = 8,  /* its SYN was: which of them is answered nobody knows (Karn and Partridge 1987) */
	ENTRY_FAILED = 16,   /* that was told */
	ENTRY_SUCCEEDS = 32, /* one of the same tuple whose end is still to be told */
};

struct entry {
	uint64_t hash, begun_us, ended_us;
	uint8_t from[16], to[16];
	uint32_t mark, device, handshake_us, survey;
	uint32_t next, older, newer; /* of the bucket; of the list */
	uint16_t from_port, to_port;
	uint8_t protocol, family, link, stage, flags;
};

struct list {
	uint32_t oldest, newest;
};

struct living {
	struct loads *loads;
	struct living_sink sink;
	struct hash_key key;
	struct list stages[STAGES];
	struct entry *entries;
	uint32_t *buckets;
	size_t bucket_count;
	uint32_t room, used, fresh, free; /* fresh: never used so far; free: a list by next */
	uint32_t survey;
	size_t strangers;
	uint64_t evicted;
};

/* Of the tuple, or with turned of an answer's, turned round. */
uint64_t living_hash(const struct living *living, const struct flow *flow, bool turned);

/* NULL: there is none. */
struct entry *living_find(const struct living *living, uint64_t hash);

/* A new one, with what the flow says, or with turned what an answer's does; where there is no room another gives way. */
struct entry *living_add(struct living *living, uint64_t hash, const struct flow *flow, bool turned, uint8_t link,
	uint32_t mark, enum stage stage);

/* The entry is free after that. */
void living_remove(struct living *living, struct entry *entry);

/* As the newest of that stage. */
void living_enter(struct living *living, struct entry *entry, enum stage stage);

/* It counts on its link no more. */
void living_uncount(struct living *living, const struct entry *entry);
