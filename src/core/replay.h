/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The past once more, under another configuration: the same decisions in fake time, over links that are computed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/flow.h"
#include "core/loads.h"

/*
 * Connections come in the order in which they began. Each is decided by decide(), in a world that imagine() makes up,
 * and then moves its bytes over its link: in each direction at the rate that was recorded, while the link's bandwidth
 * lasts, and at its fair share of it where not (core/fluid.h); a bandwidth that is not given, or learnt, has no end. Each
 * second the links' loads are measured as by the daemon (core/meter.h). Limits of policies act as in the kernel. What it takes of memory does not grow with the number
 * of connections, but with those that live at one time, REPLAY_LIVE_MAX at most.
 *
 * Not modelled: how hosts react (a page asks for its next object when the last has come, a call that fails is tried
 * again), latency and loss, shaping by classes, the detectors of attacks, `block-for', packets that a limit of
 * bandwidth drops (only who would be over it is counted), and the addresses in the files of sets.
 */
struct replay;

#define REPLAY_LIVE_MAX     (1u << 20)
#define REPLAY_OUTAGES_MAX  64
#define REPLAY_SECONDS_MAX  (30 * 86400.0) /* a connection that is said to have lived longer did not */
#define REPLAY_EXAMPLES_MAX 1000

/* What was recorded. */
struct replay_connection {
	double start;      /* seconds of the epoch */
	double duration;   /* seconds */
	uint64_t bytes[DIRECTIONS];
	struct flow flow;  /* all but device and came_by; direct where that was recorded */
	const char *in;    /* device that it came in by, or NULL; these names live until replay_free() */
	bool inside;       /* without `in': from inside, not from this machine */
	uint16_t minute;   /* of the local week, when it began */
	bool known;        /* what became of it then is: */
	const char *link, *policy; /* by name; NULL: none */
	bool refused;              /* by that policy */
};

/* What becomes of a connection. */
enum fate {
	FATE_LINK,
	FATE_DIRECT,      /* leaves as the main table says */
	FATE_DROPPED,     /* by the policy */
	FATE_REJECTED,
	FATE_CONNECTIONS, /* refused by a limit: more live at once */
	FATE_RATE,        /* the same: more new ones */
};
#define FATES 6

struct replay_outcome {
	enum fate fate;
	size_t policy;     /* index, or NO_POLICY */
	size_t link;       /* index, FATE_LINK only */
};

struct replay_link {
	uint64_t connections;
	uint64_t then;               /* connections on it as recorded */
	uint64_t bytes[DIRECTIONS];  /* of its connections */
	uint64_t moved[DIRECTIONS];  /* bytes within the time of the log */
	uint64_t peak_bps[DIRECTIONS]; /* the busiest second */
	uint32_t busy_s[DIRECTIONS]; /* seconds above 90 % of its bandwidth */
	uint32_t most;               /* connections at one time */
	uint64_t cut;                /* connections that ended with the link */
	double recorded_s, taken_s;  /* of the connections that have moved all: as recorded, and as it took here */
};

struct replay_policy {
	uint64_t connections;
	uint64_t then;              /* as recorded */
	uint64_t fates[FATES];      /* sum up to connections */
	uint64_t over_bandwidth;    /* connections that began while their bucket asked for more than the limit */
	uint64_t bytes[DIRECTIONS]; /* of those that were let in */
	uint64_t peak_bps[DIRECTIONS]; /* the busiest second, at recorded rates */
	const uint64_t *link_connections, *link_bytes; /* index as in config.links; NULL: none */
};

/* One connection that would fare otherwise. */
struct replay_example {
	struct replay_connection connection;
	struct replay_outcome outcome;
};

struct replay_totals {
	uint64_t connections;
	uint64_t fates[FATES];
	double first, last;       /* seconds of the epoch: the first begins, the last ends as recorded */
	uint64_t known;           /* connections of which it was recorded what became of them; of those: */
	uint64_t changed;         /* any of the next */
	uint64_t other_link, other_policy, refused, let_in; /* the last two: not then, now */
	uint32_t most;            /* connections at one time */
	uint64_t live;            /* connections that have bytes left at the end */
	uint64_t not_modelled;    /* connections beyond REPLAY_LIVE_MAX: decided, but on no link */
	uint64_t not_limited;     /* for which no limit had room */
};

/*
 * config must outlive it. seed makes chance: the same gives the same. examples: how many changes are kept, at most
 * REPLAY_EXAMPLES_MAX. The caller frees it. NULL: no memory.
 */
struct replay *replay_new(const struct config *config, uint64_t seed, size_t examples);

/* Accepts NULL. */
void replay_free(struct replay *replay);

/*
 * The link (index) takes nothing from `from' to `to', seconds after the first connection; what it carries ends. Before
 * the first connection. -ENOSPC: there are REPLAY_OUTAGES_MAX.
 */
int replay_outage(struct replay *replay, size_t link, double from, double to);

/* The next connection. One that began before the last one counts as beginning with it. 0 or -ENOMEM. */
int replay_add(struct replay *replay, const struct replay_connection *connection, struct replay_outcome *ret_outcome);

/* Goes on until the last connection would have ended as recorded. 0 or -ENOMEM. */
int replay_finish(struct replay *replay);

/* All of them live until replay_free(). Policies: config.policy_count and one more, where none matched. */
const struct replay_totals *replay_totals(const struct replay *replay);
const struct replay_link *replay_links(const struct replay *replay);
const struct replay_policy *replay_policies(const struct replay *replay);
const struct replay_example *replay_examples(const struct replay *replay, size_t *ret_count);

/* The links' loads now, for who looks on. */
const struct loads *replay_loads(const struct replay *replay);
