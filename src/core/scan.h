/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells who looks for open doors from who merely fails at times. Pure; one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/siphash.h"

/*
 * A random walk for each source (threshold random walk: J. Jung, V. Paxson, A. Berger, H. Balakrishnan,
 * "Fast portscan detection using sequential hypothesis testing", IEEE S&P 2004). A first contact that
 * fails is one step up, one that succeeds one step down. With a friend's contacts succeeding in 80 %
 * of all cases, a scanner's in 20 %, and 1 % of error of either kind, a step is a factor of 4 and the
 * paper's thresholds 99 and 1/99 are 4 net steps away.
 */
#define SCAN_STEPS 4

enum scan {
	SCAN_NONE,
	SCAN_ADDRESSES, /* many machines */
	SCAN_PORTS,     /* many ports of few machines */
};

/* Net failures from which on a source is a scanner; 0: that kind is not looked for. */
struct scan_settings {
	unsigned int addresses, ports; /* 127 at most */
};

struct scans;

/* Fixed size: the least recently seen sources make room. NULL: no memory. */
struct scans *scans_new(size_t sources, struct hash_key key, struct scan_settings settings);

/* Accepts NULL. */
void scans_free(struct scans *scans);

/*
 * One connection of from, an IPv6 source counted by its /64, to a port of a machine. Those to what it has
 * contacted before count once in SCAN_PAIR_S. Tells what the source has turned out to be by this very
 * contact; SCAN_NONE also for one that was told within the last SCAN_TOLD_S.
 */
enum scan scans_contact(struct scans *scans, const struct address *from, const struct address *to, uint16_t to_port,
	bool failed, uint32_t now_s);

#define SCAN_PAIR_S (30 * 60)
#define SCAN_TOLD_S (60 * 60)
