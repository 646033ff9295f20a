/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the replay share. Times are seconds since the first connection. */
#pragma once

#include "core/decide.h"
#include "core/fluid.h"
#include "core/imagine.h"
#include "core/meter.h"
#include "core/replay.h"

#define NO_LINK UINT16_MAX

/* What has to end before a connection has: its bytes in each direction, and the time that was recorded. */
enum part {
	PART_DOWNLOAD = DOWNLOAD,
	PART_UPLOAD = UPLOAD,
	PART_TIME,
};
#define PARTS 3

/* A connection that lives. */
struct replay_live {
	uint8_t parts;     /* bits of those that have not ended; 0: nobody */
	uint16_t link;     /* index, or NO_LINK */
	uint32_t policy;   /* index, or policy_count */
	uint32_t bucket;   /* number plus one; 0: none */
	uint32_t next;     /* of the free ones, number plus one */
	double start, duration;
	double own[DIRECTIONS]; /* bytes a second */
};

/* What a policy's connections move at recorded rates: the bytes of this second, and the busiest one. */
struct replay_asked {
	double rate, since, this_second, peak;
};

struct replay_policy_state {
	struct replay_asked asked[DIRECTIONS];
	uint64_t *link_connections, *link_bytes;
};

struct replay_pipe {
	struct fluid fluid;
	double before; /* what it had moved a second ago */
};

/* What the limits of a policy count by one source, destination or all. */
struct replay_bucket {
	uint64_t key;       /* 0: nobody's */
	uint32_t live;
	double tokens, since; /* new connections that may begin, at that time */
	double full_s;      /* after so long without any it is full again */
	double asked;       /* bytes a second, both directions */
};

struct replay_outage {
	size_t link;
	double from, to;
};

struct replay {
	const struct config *config;
	struct arena *arena;
	struct imagined *imagined;
	struct sticky *sticky;
	struct loads *loads;
	struct snapshot *snapshot;
	struct hash_key key;
	uint64_t drawn;             /* of chance */
	uint8_t id_links[MARK_LINK_MAX + 1]; /* from number in marks to index */
	bool begun;
	uint16_t minute;
	double now, next_second, idle_since, horizon;

	struct replay_pipe (*pipes)[DIRECTIONS]; /* by link */
	struct meter *meters;       /* by link */
	struct fluid time;          /* PART_TIME of all */
	struct fluid_flow *flows[PARTS];
	struct replay_live *lives;
	uint32_t live_count, live_room, live_free;
	uint32_t *link_lives;       /* by link */

	struct replay_bucket *buckets; /* NULL: no policy limits anything */
	struct replay_outage outages[REPLAY_OUTAGES_MAX];
	size_t outage_count;
	double changed;             /* outages until then are published */

	struct replay_totals totals;
	struct replay_link *links;
	struct replay_policy *policies;
	struct replay_policy_state *states; /* by policy */
	struct replay_example *examples;
	size_t example_count, example_room;
};

/* What a connection took, in bounds: no rate is without an end. */
double replay_duration(const struct replay_connection *connection);

/* What the connections of a policy ask for, in bytes a second, changes. */
void replay_ask(struct replay *replay, uint32_t policy, enum direction direction, double change);

/* Puts a connection on its way. 0 or -ENOMEM. */
int replay_live_add(struct replay *replay, const struct replay_connection *connection,
	const struct replay_outcome *outcome, uint32_t bucket);

/* Time goes on until then: parts end, seconds are measured, links go down and up. 0 or -ENOMEM. */
int replay_advance(struct replay *replay, double until);

/* Ends all connections of a link. */
void replay_cut(struct replay *replay, uint16_t link);

/* A second has gone by, as the daemon would have measured it: what each link carried. */
void replay_measure(struct replay *replay);

/* Milliseconds of the clock that decisions, sticky table and loads go by. */
uint64_t replay_clock(const struct replay *replay);

/* Makes the state that decisions read anew. 0 or -ENOMEM. */
int replay_publish(struct replay *replay);

/* 0 or -ENOMEM. */
int replay_limits_open(struct replay *replay);

/*
 * Asks the limits of the policy. FATE_LINK: it is let in, and *ret_bucket, number plus one or 0, counts it; asked: what
 * it wants in bytes a second.
 */
enum fate replay_limits_take(struct replay *replay, size_t policy, const struct flow *flow, double asked,
	uint32_t *ret_bucket);

/* It asks for nothing more; it is no more. */
void replay_limits_rest(struct replay *replay, uint32_t bucket, double asked);
void replay_limits_end(struct replay *replay, uint32_t bucket);
