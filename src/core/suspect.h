/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Suspicion from real traffic: a link on which connection after connection begins and none is answered, while others
 * are elsewhere, is suspect before its checks say so. Pure; time is passed in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow.h"

/* In a row without an answer, at least; more where connections fail often anyway: chance must stay below 1e-6. */
#define SUSPECT_ROW_LEAST 8
#define SUSPECT_ROW_MOST  32

/* To so many networks (IPv4 by /24, IPv6 by /48): a server that is dead accuses no link. */
#define SUSPECT_SITES 3

/* An answer takes 4 times as long as usual at most, within these bounds; the upper one also where none is known. */
#define SUSPECT_PATIENCE_LEAST_MS 300
#define SUSPECT_PATIENCE_MOST_MS  3000

/* What began longer ago accuses nobody. */
#define SUSPECT_MEMORY_MS 10000

/* Of all links. Belongs to one thread. */
struct suspects;

enum verdict {
	SUSPECT_NONE,
	SUSPECT_PERHAPS, /* nobody is answered elsewhere either: worth a look, no more */
	SUSPECT_LINK,    /* others are answered, or nobody asks elsewhere */
};

struct accusation {
	uint8_t link;
	enum verdict verdict;
	size_t count, sites;                     /* connections without an answer, and the networks they went to */
	uint32_t patience_ms;
	struct flow flows[SUSPECT_ROW_MOST];     /* the last of them, for who makes sure; flow_count */
	size_t flow_count;
};

/* The caller frees it with suspects_free(). NULL: no memory. */
struct suspects *suspects_new(void);

/* Accepts NULL. */
void suspects_free(struct suspects *suspects);

/* A connection of whose answer copies would tell, from inside or of this machine, was sent out by that link. */
void suspects_begun(struct suspects *suspects, uint8_t link, const struct flow *flow, uint64_t at_us);

/* One was answered there: whatever began before accuses nobody. us: how long it took, 0: not measured. */
void suspects_answered(struct suspects *suspects, uint8_t link, uint32_t us, uint64_t at_us);

/* One was given up. */
void suspects_failed(struct suspects *suspects, uint8_t link);

/* Nothing that began so far counts, on that link, or with 0 on any: news was lost, or it was looked at. */
void suspects_forget(struct suspects *suspects, uint8_t link);

/* The first link that is to be accused now, and how; SUSPECT_NONE: none. What it says is forgotten by suspects_forget(). */
enum verdict suspects_judge(struct suspects *suspects, uint64_t now_us, struct accusation *ret_accusation);

/*
 * What becomes of a link that was accused. It stays suspect for a hold at least, and until its checks, or connections
 * that still take it, are answered; without checks the hold alone must do. The hold is 2 s first, twice as long each
 * time that it is accused again, at most 5 min; after 10 min without an accusation it is 2 s again. So a link that
 * answers checks but drops connections changes 8 times in its first ten minutes, and once in five minutes later.
 */
#define SUSPICION_HOLD_LEAST_MS 2000
#define SUSPICION_HOLD_MOST_MS  300000
#define SUSPICION_CALM_MS       600000

/* Rounds of checks, or connections, that must be answered in a row. */
#define SUSPICION_ROUNDS      2
#define SUSPICION_CONNECTIONS 3

struct suspicion {
	enum verdict verdict;
	uint64_t since_ms;
	uint32_t hold_ms;
	uint64_t ended_ms;        /* the last of SUSPECT_LINK, and its hold; 0: there was none */
	uint32_t last_hold_ms;
	unsigned int good_rounds;
	uint32_t answered_before; /* by the figure that is passed to suspicion_over() */
};

/* True where it is suspect from now on, or more than before. answered: a figure that counts answered connections. */
bool suspicion_accuse(struct suspicion *suspicion, enum verdict verdict, uint32_t answered, uint64_t now_ms);

/* A round of checks is over. */
void suspicion_round(struct suspicion *suspicion, bool answered);

/* True where it has just ended. */
bool suspicion_over(struct suspicion *suspicion, bool has_checks, uint32_t answered, uint64_t now_ms);

/* It ends without a word: the link is down, which says more. */
void suspicion_drop(struct suspicion *suspicion, uint64_t now_ms);
