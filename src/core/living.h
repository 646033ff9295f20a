/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that live on links: how their beginning fares, how many there are, and when each ends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow.h"
#include "core/handshake.h"
#include "core/loads.h"
#include "core/siphash.h"

/* Nobody answered for so long: the connection failed to begin. */
#define LIVING_PATIENCE_MS 3000

/* An answer that took longer, or a reset that came sooner, says nothing of the way. */
#define LIVING_SAMPLE_MOST_MS 10000
#define LIVING_RESET_LEAST_MS 1

/*
 * Belongs to one thread. Fixed size: where it is full, the connection that ended, else the one that has been there
 * longest, gives way, and is not counted any more. loads->connections of each link is what verdict threads added
 * when they decided, and what is subtracted here: once for each connection, with the first FIN of the side that
 * answers or RST of either, or when the kernel forgets it. Times are in us of one monotonic clock, and never 0.
 */
struct living;

/* Fresh from a verdict thread, which has counted it on its link. */
struct begun {
	struct flow flow;
	uint32_t mark;
	uint8_t link; /* 1 .. MARK_LINK_MAX */
	uint64_t at_us;
};

/* A copy of a packet that begins or ends one. flow is the packet's own: of an answer it is turned round. */
struct turning_point {
	struct flow flow;
	uint8_t tcp_flags; /* 0: not TCP, an answer */
	uint32_t mark;
	uint8_t link;
	uint64_t at_us;
};

/* A connection that is over, and that the kernel has forgotten. */
struct finished {
	struct flow flow;           /* original direction; device 0 also where it is not known */
	uint32_t mark;
	uint8_t link;
	uint64_t begun_us;          /* 0: before anybody watched */
	uint64_t ended_us;          /* the first FIN that answers or RST, else when the kernel forgot it */
	uint64_t bytes[DIRECTIONS];
	uint32_t handshake_us;      /* 0: not measured */
};

/* Who is told; called by the functions below, before they return. */
struct living_sink {
	void (*handshake)(const struct handshake *handshake, void *data);
	void (*finished)(const struct finished *finished, void *data);
	void *data;
};

struct living_figures {
	uint64_t evicted;       /* living ones that gave way */
	size_t entries;         /* in use, those that are over included */
	size_t strangers;       /* of them, not seen to begin: their end may be told by nobody */
};

/* loads must outlive it. The caller frees it with living_free(). NULL: no memory. */
struct living *living_new(size_t entries, struct hash_key key, struct loads *loads, const struct living_sink *sink);

/* Accepts NULL. */
void living_free(struct living *living);

/* Whether its beginning is measured: TCP and QUIC that leave by the link. */
bool living_is_timed(const struct begun *begun);

/* What threads decided comes before copies of what followed from it. */
void living_begin(struct living *living, const struct begun *begun);
void living_turn(struct living *living, const struct turning_point *turn);

/* The kernel has forgotten the connection: bytes in its original direction, and back. */
void living_forgotten(struct living *living, const struct flow *flow, uint64_t bytes, uint64_t back_bytes, uint64_t now_us);

/*
 * True with the next that nobody has answered in time: the caller looks it up and tells
 * with living_looked_up(). answered: the kernel has seen an answer, though the copy of it was lost.
 */
bool living_overdue(const struct living *living, uint64_t now_us, struct flow *ret_flow);
enum looked_up {
	LOOKED_UP_GONE,       /* or never was: the packet was dropped after it was decided */
	LOOKED_UP_UNANSWERED,
	LOOKED_UP_ANSWERED,
};
void living_looked_up(struct living *living, const struct flow *flow, enum looked_up result, uint64_t now_us);

/*
 * A survey of all that the kernel knows, at the start and where news was lost: what it finds is counted where it was
 * not known, and what it does not find is over. over: of TCP, one end has closed it.
 */
void living_survey_begin(struct living *living);
void living_survey_found(struct living *living, const struct flow *flow, uint32_t mark, uint8_t link, bool over, uint64_t now_us);
void living_survey_end(struct living *living, uint64_t now_us);

/* Copies were lost: of what waits for its answer now nothing can be told. */
void living_blind(struct living *living);

struct living_figures living_figures(const struct living *living);
