/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lab-server has seen: a list of connections and datagrams, told as JSON. */
#pragma once

#include <stdio.h>

#include "endpoint.h"

struct record;

/* NULL: no memory. */
struct record *record_new(void);

/* Accepts NULL. */
void record_free(struct record *record);

/* protocol is IPPROTO_TCP or IPPROTO_UDP. 0 or -ENOMEM. */
int record_add(struct record *record, int protocol, const struct endpoint *peer,
	const struct endpoint *local);

/* Forgets everything seen. */
void record_clear(struct record *record);

/* {"tcp": {"203.0.1.2": 12, …}, "udp": {…}} */
void record_print_counts(const struct record *record, FILE *out);

/* [{"at", "protocol", "peer", "peer_port", "local", "local_port"}, …], at in seconds of
 * CLOCK_MONOTONIC. */
void record_print_list(const struct record *record, FILE *out);
