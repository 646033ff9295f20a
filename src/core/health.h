/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state machine of a link: what events and check rounds make of it. Pure; time is passed in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"

enum link_state {
	LINK_UP,
	LINK_DEGRADED, /* works, but beyond a threshold of check.degraded */
	LINK_DOWN,
};

/* What the operator wants of a link, whatever its state. */
enum link_duty {
	DUTY_SERVES,
	DUTY_DRAINS,   /* takes no new connections, keeps those that run */
	DUTY_DISABLED, /* takes none, and those that run are told as if it had failed */
};

/* Why a link is in its state; LINK_DOWN has a cause other than CAUSE_NONE. */
enum link_cause {
	CAUSE_NONE,
	CAUSE_NO_DEVICE,
	CAUSE_NO_CARRIER,
	CAUSE_NO_ADDRESS,
	CAUSE_NO_GATEWAY,
	CAUSE_CHECKS, /* down_after rounds failed in a row */
	CAUSE_LATENCY,
	CAUSE_LOSS,
	CAUSE_JITTER,
};

/* What the kernel says of the link's device; the worst that is true. */
enum link_ground {
	GROUND_READY,
	GROUND_NO_DEVICE,
	GROUND_NO_CARRIER,
	GROUND_NO_ADDRESS,
	GROUND_NO_GATEWAY,
};

#define HEALTH_WINDOW 60

/* So long is listened for an answer that is late, and so long a link may be silent that was never heard. */
#define HEALTH_PATIENCE_MS 3000

/* One finished round of checks: all targets were asked at once. */
struct round {
	unsigned int answered;
	unsigned int asked;
	uint32_t latency_us; /* the quickest answer; 0 where there is none */
	uint32_t enough_us;  /* when as many had answered as are needed; 0: latency_us says it as well */
	uint32_t targets;    /* who answered: a bit for each target of the check */
	unsigned int late;   /* 0, or so many rounds ago it was told as failed, and the answers came after all */
	bool slept;          /* the machine slept meanwhile: what did not come tells nothing */
	bool excused;        /* nobody is heard on any link who did not answer here: tells nothing, either */
};

struct health {
	enum link_state state;
	enum link_cause cause;
	enum link_ground ground;
	uint64_t since_ms;
	unsigned int good_in_row, failed_in_row;
	unsigned int calm_in_row; /* rounds with every figure below 80 % of its threshold */
	/* the last rounds, a ring: for loss, latency and jitter */
	struct sample {
		bool lost;
		uint32_t latency_us;
	} window[HEALTH_WINDOW];
	unsigned int samples, next;
	uint32_t smoothed_us, deviation_us; /* as RFC 6298 computes SRTT and RTTVAR; 0: not measured */
	uint32_t jitter_us;                 /* as RFC 3550 section 6.4.1 */
	uint64_t last_round_ms;
	uint64_t fresh_ms;      /* since when nothing of before holds */
	uint64_t good_since_ms; /* of the good rounds in a row, or of a ground without targets */
	bool doubtful; /* rounds after a pause of the machine tell nothing yet */
};

/* A link is taken as up until something says otherwise. */
void health_init(struct health *health, uint64_t now_ms);

/* Both return whether the state changed. */
bool health_ground(struct health *health, const struct check *check, enum link_ground ground, uint64_t now_ms);
bool health_round(struct health *health, const struct check *check, const struct round *round, uint64_t now_ms);

/*
 * Proof from elsewhere that the link works, such as real traffic: what failed in a row so far is forgotten, and one
 * that is down for its checks alone is up. Returns whether the state changed.
 */
bool health_prove(struct health *health, uint64_t now_ms);

/*
 * How long to wait for an answer: check.timeout_ms, or from the measured round trip; in ms. Not longer than the
 * interval, unless the round trip itself is longer, or the link is down: then HEALTH_PATIENCE_MS at most.
 */
uint32_t health_timeout(const struct health *health, const struct check *check);

/* Figures over the window. */
uint32_t health_latency_us(const struct health *health);
uint32_t health_loss_permille(const struct health *health);

/* Whether new connections may take it. */
bool health_usable(const struct health *health);

/* "up", "degraded", "down" and a cause in words, such as "no carrier". */
const char *link_state_name(enum link_state state);
const char *link_cause_text(enum link_cause cause);

/* "in service", "draining", "disabled". */
const char *link_duty_name(enum link_duty duty);
