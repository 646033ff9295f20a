/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the links of one policy have carried, and how far each is behind its share of it. */

#include "core/byte_shares.h"

#include <stdbool.h>
#include <stdlib.h>

#define DEFICIT_HALF_MS 60000.0
#define CHARGE_HALF_MS  1000.0
#define MEAN_HALF_MS    60000.0

/* No link is further behind or ahead than it carries in that time. */
#define LIMIT_S 10.0

/* Of a link whose rate nobody knows: 100 mbit. */
#define UNKNOWN_RATE_BPS 100000000.0

/* What is expected of a pick before any was seen: as much of them as that, with so many bytes each. */
#define FIRST_PICKS 10.0
#define FIRST_BYTES 100000.0

#define LINKS (MARK_LINK_MAX + 1)

struct byte_shares {
	unsigned int users;
	_Atomic int64_t deficit[LINKS]; /* written by ticks alone */
	_Atomic int64_t charged[LINKS];
	_Atomic int64_t expected;
	_Atomic uint64_t picks;         /* since the tick before */
	/* The rest is nobody's but the ticking thread's. */
	uint64_t counted[LINKS];        /* as the kernel had it last */
	uint64_t total[LINKS], ticked[LINKS];
	uint64_t ticked_ms;
	bool begun;
	double mean_bytes, mean_picks;  /* both fade alike: one by the other is the mean */
};

struct byte_shares *byte_shares_new(void)
{
	struct byte_shares *shares = calloc(1, sizeof(*shares));

	if (shares == NULL)
		return NULL;
	shares->users = 1;
	shares->mean_picks = FIRST_PICKS;
	shares->mean_bytes = FIRST_PICKS * FIRST_BYTES;
	shares->expected = (int64_t)FIRST_BYTES;
	return shares;
}

struct byte_shares *byte_shares_join(struct byte_shares *shares)
{
	shares->users++;
	return shares;
}

void byte_shares_leave(struct byte_shares *shares)
{
	if (shares != NULL && --shares->users == 0)
		free(shares);
}

void byte_shares_count(struct byte_shares *shares, uint8_t link, uint64_t bytes)
{
	if (link >= LINKS)
		return;
	shares->total[link] += bytes < shares->counted[link] ? bytes : bytes - shares->counted[link];
	shares->counted[link] = bytes;
}

uint64_t byte_shares_total(const struct byte_shares *shares, uint8_t link)
{
	return link < LINKS ? shares->total[link] : 0;
}

static double load(const _Atomic int64_t *value)
{
	return (double)atomic_load_explicit(value, memory_order_relaxed);
}

static void store(_Atomic int64_t *value, double number)
{
	atomic_store_explicit(value, (int64_t)number, memory_order_relaxed);
}

/* The part that is left of something after past_ms: about half of it after half_ms, and never less than nothing. */
static double faded(double past_ms, double half_ms)
{
	return 1 / (1 + past_ms * 0.6931 / half_ms);
}

static double rate_bps(const struct loads *loads, uint8_t link)
{
	const struct link_load *load = loads_of(loads, link);
	uint64_t download = atomic_load_explicit(&load->capacity_bps[DOWNLOAD], memory_order_relaxed);
	uint64_t upload = atomic_load_explicit(&load->capacity_bps[UPLOAD], memory_order_relaxed);
	uint64_t most = download > upload ? download : upload;

	return most == 0 ? UNKNOWN_RATE_BPS : (double)most;
}

static double limit_bytes(const struct loads *loads, uint8_t link)
{
	return LIMIT_S * rate_bps(loads, link) / 8;
}

/* While a tick is computed; deficits of the links that may be picked, in their order. */
struct tick {
	const struct share_link *links;
	size_t count;
	const struct loads *loads;
	double weights; /* their sum */
	double deficit[LINKS];
};

/* What went by links that may not be picked is in nobody's share. */
static void give_due(struct byte_shares *shares, struct tick *tick, double left)
{
	double sum = 0;

	for (size_t i = 0; i < tick->count; i++) {
		uint8_t id = tick->links[i].id;
		double fresh = (double)(shares->total[id] - shares->ticked[id]);

		sum += fresh;
		tick->deficit[i] = left * load(&shares->deficit[id]) - fresh;
	}
	for (size_t i = 0; i < tick->count; i++)
		tick->deficit[i] += sum * tick->links[i].weight / tick->weights;
}

/* A link that came or went has left a rest: all bear it by weight, so that the deficits add up to nothing. */
static void balance_out(struct tick *tick)
{
	double sum = 0;

	for (size_t i = 0; i < tick->count; i++)
		sum += tick->deficit[i];
	for (size_t i = 0; i < tick->count; i++)
		tick->deficit[i] -= sum * tick->links[i].weight / tick->weights;
}

/* All are made smaller alike, so that their sum stays. */
static void hold_to_limits(struct tick *tick)
{
	double most = 1;

	for (size_t i = 0; i < tick->count; i++) {
		double limit = limit_bytes(tick->loads, tick->links[i].id);
		double over = (tick->deficit[i] < 0 ? -tick->deficit[i] : tick->deficit[i]) / limit;

		if (over > most)
			most = over;
	}
	for (size_t i = 0; i < tick->count; i++)
		tick->deficit[i] /= most;
}

/* Threads may charge meanwhile: what they add stays whole. */
static void fade_charges(struct byte_shares *shares, double past_ms)
{
	double gone = 1 - faded(past_ms, CHARGE_HALF_MS);

	for (size_t id = 0; id < LINKS; id++) {
		int64_t part = (int64_t)(gone * load(&shares->charged[id]));

		atomic_fetch_sub_explicit(&shares->charged[id], part, memory_order_relaxed);
	}
}

/* At most what the slowest of the links carries in a second: a long download is no measure of those that come. */
static double most_expected(const struct tick *tick)
{
	double most = limit_bytes(tick->loads, tick->links[0].id);

	for (size_t i = 1; i < tick->count; i++) {
		double limit = limit_bytes(tick->loads, tick->links[i].id);

		most = limit < most ? limit : most;
	}
	return most / LIMIT_S;
}

/* Links with one connection for each host that sticks to them bring the bytes of that host by a pick. */
static void learn_mean(struct byte_shares *shares, const struct tick *tick, double past_ms)
{
	double left = faded(past_ms, MEAN_HALF_MS), most = most_expected(tick), mean;

	shares->mean_bytes *= left;
	shares->mean_picks *= left;
	shares->mean_picks += (double)atomic_exchange_explicit(&shares->picks, 0, memory_order_relaxed);
	for (size_t id = 0; id < LINKS; id++)
		shares->mean_bytes += (double)(shares->total[id] - shares->ticked[id]);
	if (shares->mean_picks < 1) {
		shares->mean_picks = 1;
		shares->mean_bytes = load(&shares->expected);
	}
	mean = shares->mean_bytes / shares->mean_picks;
	store(&shares->expected, mean < 1 ? 1 : mean > most ? most : mean);
}

static void settle(struct byte_shares *shares)
{
	for (size_t id = 0; id < LINKS; id++)
		shares->ticked[id] = shares->total[id];
}

/* Of links that may not be picked now the old deficit fades, too. */
static void keep_deficits(struct byte_shares *shares, const struct tick *tick, double left)
{
	for (size_t id = 0; id < LINKS; id++)
		store(&shares->deficit[id], left * load(&shares->deficit[id]));
	for (size_t i = 0; i < tick->count; i++)
		store(&shares->deficit[tick->links[i].id], tick->deficit[i]);
}

void byte_shares_tick(struct byte_shares *shares, const struct share_link *links, size_t count, uint64_t now_ms,
	const struct loads *loads)
{
	struct tick tick = { .links = links, .count = count < LINKS ? count : LINKS, .loads = loads };
	double past_ms = (double)(now_ms - shares->ticked_ms), left = faded(past_ms, DEFICIT_HALF_MS);

	shares->ticked_ms = now_ms;
	for (size_t i = 0; i < tick.count; i++)
		tick.weights += links[i].weight;
	if (shares->begun && tick.weights > 0) {
		give_due(shares, &tick, left);
		balance_out(&tick);
		hold_to_limits(&tick);
		learn_mean(shares, &tick, past_ms);
	}
	if (shares->begun) {
		keep_deficits(shares, &tick, left);
		fade_charges(shares, past_ms);
	}
	shares->begun = true;
	settle(shares);
}

int64_t byte_shares_deficit(const struct byte_shares *shares, uint8_t link)
{
	return link < LINKS ? atomic_load_explicit(&shares->deficit[link], memory_order_relaxed) : 0;
}

int64_t byte_shares_charged(const struct byte_shares *shares, uint8_t link)
{
	return link < LINKS ? atomic_load_explicit(&shares->charged[link], memory_order_relaxed) : 0;
}

int64_t byte_shares_expected(const struct byte_shares *shares)
{
	return atomic_load_explicit(&shares->expected, memory_order_relaxed);
}

void byte_shares_charge(struct byte_shares *shares, uint8_t link)
{
	if (link >= LINKS)
		return;
	atomic_fetch_add_explicit(&shares->charged[link], byte_shares_expected(shares), memory_order_relaxed);
	atomic_fetch_add_explicit(&shares->picks, 1, memory_order_relaxed);
}
