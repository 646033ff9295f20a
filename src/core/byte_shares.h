/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the links of one policy have carried, and how far each is behind its share of it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/loads.h"

/*
 * A deficit for each link, in bytes: with each tick a link is owed weight / sum of weights of all that the policy
 * has carried, less what went by the link itself (deficit round robin, Shreedhar and Varghese 1995, with connections in
 * place of packets). What is long ago counts less, by half each minute, and no link is ever more than ten seconds
 * of its rate behind or ahead, so that one great download does not move everything else away for long.
 *
 * What a connection carries is known only when it has carried it. So who picks a link charges it with what a pick
 * brings on the mean, which spreads those that begin between two ticks; a charge goes by half each second, while
 * the real bytes come in.
 *
 * Balancers of one policy that follow each other share it. One thread makes, joins, leaves, counts and ticks;
 * any thread may ask and charge, without a lock.
 */
struct byte_shares;

/* A link that may be picked now. */
struct share_link {
	uint8_t id;
	unsigned int weight;
};

/* For one user; NULL: no memory. */
struct byte_shares *byte_shares_new(void);

/* For one user more. Returns shares. */
struct byte_shares *byte_shares_join(struct byte_shares *shares);

/* The last user frees it. Accepts NULL. */
void byte_shares_leave(struct byte_shares *shares);

/*
 * The kernel has counted so many bytes by that link, in all. Less than the time before: it has begun anew. What is told
 * before the first tick was carried by nobody knows whom: it is kept, but nothing is owed for it.
 */
void byte_shares_count(struct byte_shares *shares, uint8_t link, uint64_t bytes);

/* Bytes by that link since there is a count. */
uint64_t byte_shares_total(const struct byte_shares *shares, uint8_t link);

/* Gives each of the links its due of what was counted since the tick before. loads may be NULL. */
void byte_shares_tick(struct byte_shares *shares, const struct share_link *links, size_t count, uint64_t now_ms,
	const struct loads *loads);

/* Bytes that the link is behind its share, less than 0: ahead of it; charges are not in it. */
int64_t byte_shares_deficit(const struct byte_shares *shares, uint8_t link);

/* What links were charged with and has not gone by yet. */
int64_t byte_shares_charged(const struct byte_shares *shares, uint8_t link);

/* Bytes that a pick brings, on the mean over the last minutes. */
int64_t byte_shares_expected(const struct byte_shares *shares);

/* The link was picked. Any thread; neither blocks nor allocates. */
void byte_shares_charge(struct byte_shares *shares, uint8_t link);
