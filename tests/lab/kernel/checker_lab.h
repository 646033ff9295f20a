/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two namespaces with two links between them, and a checker under observation. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "service/checker.h"

#define LAB_MARK       0x17
#define LAB_ROUNDS_MAX 64

/* What stands on wan0 of the far side, what does not answer there, and where no route leads. */
extern const struct address far4, far6, far6_local, silent4, nowhere6;

/* For cmocka_run_group_tests(); -1 where namespaces cannot be made. */
int lab_make(void **state);

/* The thread is on the near side, the gateway's, except between these two. */
void lab_enter_far(void);
void lab_enter_near(void);

/* Shell commands that must succeed. */
void lab_run(const char *command);
void lab_run_far(const char *command);

/* Both ends of wan0 or wan1 with their addresses. */
void lab_make_link(unsigned int number);

/* A listening socket on the far side, for both families. */
int lab_listen(uint16_t port);

struct watch {
	uv_loop_t loop;
	uv_timer_t deadline;
	struct checker *checker;
	struct check check;
	struct round rounds[LAB_ROUNDS_MAX];
	uint64_t begun_ns[LAB_ROUNDS_MAX], now_ms[LAB_ROUNDS_MAX];
	size_t begun, count, wanted;
	struct round late; /* the last that was told late, and how many were */
	size_t lates;
	uint64_t bytes;    /* that the probes cost */
	uint32_t timeout_ms; /* half the interval unless changed */
	void (*on_round)(struct watch *watch);
};

struct watch *watch_new(const struct target *targets, size_t count, uint32_t interval_ms);
int watch_start(struct watch *watch, const char *device, uint32_t mark);

/* Runs until that many more rounds have ended; fails after a deadline. */
void watch_rounds(struct watch *watch, size_t wanted);

/* Fails where the checker left anything in the loop. */
void watch_end(struct watch *watch);

/* The result of a single round by wan0. */
struct round lab_round(const struct target *targets, size_t count, uint32_t interval_ms);
