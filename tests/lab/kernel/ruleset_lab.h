/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network namespace of its own, and what tests of rulesets do in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/ruleset.h"

/* The state of a group of tests that put rulesets into the kernel, the table SAMPLE_TABLE of sample_ruleset.h. */
struct lab {
	struct netlink *netlink;
	struct ruleset_features features; /* without an owner, so that nft may interfere */
	bool owner;                       /* the kernel has it */
	struct ruleset_memory *memory;    /* of one test, after lab_remember() */
};

/* Set-up and teardown of the group. */
int lab_open(void **state);
int lab_close(void **state);

/* Set-up of a test that updates, and teardown of every test: memory and table go. */
int lab_remember(void **state);
int lab_clean(void **state);

/* ruleset_update(); the test fails unless the kernel has it whole then. */
void lab_update(struct lab *lab, const struct ruleset *ruleset);

/* Packets that a named counter has seen, of SAMPLE_TABLE or of another. */
unsigned int lab_counted(struct lab *lab, const char *counter);
unsigned int lab_counted_in(struct lab *lab, const char *table, const char *counter);

/* Moves the process into a new network namespace with its loopback up. False: not permitted. */
bool lab_enter(void);

/* Runs a shell command; the test fails unless it succeeds. */
void lab_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same without an opinion: its exit status. */
int lab_try(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a command prints to stdout. The caller frees it. */
char *lab_output(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Sends UDP packets with a packet mark from one address to another (IPv4, any source port).
 * The test fails unless they are sent, but not where a rule drops or rejects them.
 */
void lab_send(const char *from, const char *to, uint16_t port, uint32_t mark, unsigned int count);

/* Whether a TCP connection to that port of 127.0.0.1, where somebody listens, comes about. */
bool lab_connects(uint16_t port);

/* Whether a UDP packet to that port of 127.0.0.1 arrives. */
bool lab_arrives(uint16_t port);
