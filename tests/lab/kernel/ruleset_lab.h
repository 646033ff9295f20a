/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network namespace of its own, and what tests of rulesets do in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
