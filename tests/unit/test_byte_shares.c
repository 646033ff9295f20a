/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of byte_shares.h, and that round robin by bytes keeps bytes in proportion. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/balance.h"
#include "core/byte_shares.h"
#include "chance.h"

#define LINKS 3
#define GIGABIT UINT64_C(1000000000)

static uint64_t seed;

/*
 * Sizes of TCP flows of a campus, as a mixture of lognormal distributions: weight, sigma, scale in bytes (Jurkiewicz,
 * Rzym and Borylo, "Flow length and size distributions in campus Internet traffic", 2021).
 */
static double flow_size(void)
{
	static const double mixture[][3] = {
		{ 0.35622, 0.39072, 97.449 }, { 0.24596, 0.80906, 309.396 }, { 0.29937, 1.07676, 2126.65 },
		{ 0.08065, 1.30826, 25680.7 }, { 0.015039, 1.35133, 416681 }, { 0.0020747, 1.08247, 5602171.6 },
		{ 0.00068263, 1.01911, 53432349 }, { 8.2327e-6, 1.19047, 514468039 },
	};
	double rest = chance_part(&seed);
	size_t i = 0;

	while (i < 7 && rest >= mixture[i][0])
		rest -= mixture[i++][0];
	return mixture[i][2] * exp(mixture[i][1] * sqrt(-2 * log(chance_part(&seed))) * cos(2 * 3.14159265358979 * chance_part(&seed)));
}

/* A policy in fake time: its balancer, the bytes that its links have carried, and flows that live. */
struct play {
	struct balance balance;
	struct candidate candidates[LINKS];
	size_t count;
	struct balancer *balancer;
	struct loads *loads;
	uint64_t now_ms;
	double sent[LINKS + 1];
	unsigned int picks[LINKS + 1];
	struct playing {
		uint8_t link;
		double left, rate; /* bytes, and bytes a second */
	} *flows;
	size_t flow_count, flow_room;
};

static void play_balance(struct play *play)
{
	struct balancer *next = balancer_new(&play->balance, play->candidates, play->count, play->balancer);

	assert_non_null(next);
	balancer_free(play->balancer);
	play->balancer = next;
}

static struct play *play_start(enum share share, const unsigned int *weights, size_t count, uint64_t rate_bps)
{
	struct play *play = calloc(1, sizeof(*play));

	play->balance = (struct balance){ .algorithm = ALGORITHM_ROUND_ROBIN, .share = share };
	play->loads = loads_new();
	play->count = count;
	for (size_t i = 0; i < count; i++) {
		play->candidates[i] = (struct candidate){ .link = (uint16_t)i, .id = (uint8_t)(i + 1), .usable = true, .weight = weights[i],
			.hash = i };
		play->loads->links[i + 1].capacity_bps[DOWNLOAD] = rate_bps;
	}
	play_balance(play);
	return play;
}

static void play_end(struct play *play)
{
	balancer_free(play->balancer);
	free(play->loads);
	free(play->flows);
	free(play);
}

static uint8_t play_pick(struct play *play)
{
	struct pick_context context = { .now_ms = play->now_ms, .loads = play->loads };
	struct flow flow = { 0 };
	uint8_t link = balancer_pick(play->balancer, &flow, &context)->id;

	play->picks[link]++;
	return link;
}

static void play_flow(struct play *play, double size, double rate)
{
	if (play->flow_count == play->flow_room) {
		play->flow_room = 2 * play->flow_room + 64;
		play->flows = realloc(play->flows, play->flow_room * sizeof(*play->flows));
	}
	play->flows[play->flow_count++] = (struct playing){ play_pick(play), size, rate };
}

/* Flows send what their rate gives. */
static void play_pass(struct play *play, uint64_t ms)
{
	play->now_ms += ms;
	for (size_t i = 0; i < play->flow_count;) {
		struct playing *flow = &play->flows[i];
		double bytes = fmin(flow->rate * (double)ms / 1000, flow->left);

		play->sent[flow->link] += bytes;
		flow->left -= bytes;
		if (flow->left > 0)
			i++;
		else
			*flow = play->flows[--play->flow_count];
	}
}

static void play_tick(struct play *play)
{
	for (size_t i = 0; i < play->count; i++)
		balancer_count_bytes(play->balancer, (uint8_t)(i + 1), (uint64_t)play->sent[i + 1]);
	balancer_tick(play->balancer, &(struct balancer_tick){ play->now_ms, play->loads });
}

/* Share of the first of two links in the bytes of so many flows of several seconds each, ticked once a second. */
static double play_mixture(enum share share, uint64_t with_seed, unsigned int flows)
{
	struct play *play = play_start(share, (unsigned int[]){ 7, 3 }, 2, GIGABIT);
	const double each_s = 1.0 / 600, fastest = 12.5e6;
	double next_s = 0, result;
	unsigned int begun = 0;

	seed = with_seed;
	while (begun < flows || play->flow_count > 0) {
		for (; begun < flows && next_s * 1000 <= (double)play->now_ms; begun++) {
			double size = flow_size(), lasts_s = fmax(2 + 6 * chance_part(&seed), size / fastest);

			play_flow(play, size, size / lasts_s);
			next_s -= each_s * log(chance_part(&seed));
		}
		play_pass(play, 50);
		if (play->now_ms % 1000 == 0)
			play_tick(play);
	}
	result = play->sent[1] / (play->sent[1] + play->sent[2]);
	play_end(play);
	return result;
}

static void bytes_of_heavy_tailed_flows_are_in_proportion(void **state)
{
	double worst = 0, worst_by_connections = 0;

	(void)state;
	for (uint64_t run = 1; run <= 5; run++) {
		double bytes = play_mixture(SHARE_BYTES, run * 7919, 200000);
		double connections = play_mixture(SHARE_CONNECTIONS, run * 7919, 200000);

		print_message("seed %d: %.3f by bytes, %.3f by connections\n", (int)(run * 7919), bytes, connections);
		worst = fmax(worst, fabs(bytes - 0.7));
		worst_by_connections = fmax(worst_by_connections, fabs(connections - 0.7));
	}
	assert_true(worst < 0.03);
	assert_true(worst_by_connections > 0.03);
}

static void what_begins_between_two_ticks_is_spread(void **state)
{
	struct play *play = play_start(SHARE_BYTES, (unsigned int[]){ 7, 3 }, 2, GIGABIT);

	(void)state;
	play_tick(play);
	for (unsigned int i = 1; i <= 1000; i++) {
		play_pick(play);
		assert_true(fabs(play->picks[1] - 0.7 * i) <= 1);
	}
	play_end(play);
}

static void who_only_asks_charges_nothing(void **state)
{
	struct play *play = play_start(SHARE_BYTES, (unsigned int[]){ 1, 1, 1 }, 3, GIGABIT);
	struct pick_context peek = { .peek = true };
	struct flow flow = { 0 };

	(void)state;
	for (int i = 0; i < 30; i++) {
		uint8_t expected = balancer_pick(play->balancer, &flow, &peek)->id;
		double scores[LINKS];

		balancer_scores(play->balancer, &flow, &peek, scores);
		for (size_t j = 0; j < LINKS; j++)
			assert_true(scores[expected - 1] >= scores[j]);
		assert_int_equal(balancer_pick(play->balancer, &flow, &peek)->id, expected);
		assert_int_equal(play_pick(play), expected);
	}
	play_end(play);
}

/* The record of a decision is made when the link is charged already. */
static void scores_of_a_pick_can_be_told_after_it(void **state)
{
	struct play *play = play_start(SHARE_BYTES, (unsigned int[]){ 5, 3, 2 }, 3, GIGABIT);
	struct pick_context before = { .peek = true }, after = { .peek = true };
	struct flow flow = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		double were[LINKS], told[LINKS];

		balancer_scores(play->balancer, &flow, &before, were);
		after.picked = play_pick(play);
		balancer_scores(play->balancer, &flow, &after, told);
		for (size_t j = 0; j < LINKS; j++) {
			assert_true(fabs(were[j] - told[j]) < 1);
			assert_true(told[after.picked - 1] >= told[j]);
		}
	}
	play_end(play);
}

static int64_t deficit(const struct play *play, uint8_t link)
{
	struct pick_context peek = { .peek = true };
	struct flow flow = { 0 };

	return (int64_t)balancer_score(play->balancer, &play->candidates[link - 1], &flow, &peek);
}

/* Whatever links do: of those that may be picked, what one is behind the others are ahead, and none by more than it may. */
static void deficits_add_up_to_nothing(void **state)
{
	static const unsigned int weights[] = { 5, 3, 2 };
	struct byte_shares *shares = byte_shares_new();
	bool usable[LINKS] = { true, true, true };
	uint64_t sent[LINKS] = { 0 }, now_ms = 1000;

	(void)state;
	seed = 5;
	for (int i = 0; i < 5000; i++) {
		struct share_link links[LINKS];
		size_t count = 0;
		int64_t sum = 0;

		if (chance_next(&seed) % 20 == 0)
			usable[chance_next(&seed) % LINKS] ^= true;
		for (size_t j = 0; j < LINKS; j++) {
			sent[j] += chance_next(&seed) % 50 == 0 ? chance_next(&seed) % 5000000000 : chance_next(&seed) % 10000000;
			byte_shares_count(shares, (uint8_t)(j + 1), sent[j]);
			if (usable[j])
				links[count++] = (struct share_link){ (uint8_t)(j + 1), weights[j] };
		}
		now_ms += 100 + chance_next(&seed) % 2000;
		byte_shares_tick(shares, links, count, now_ms, NULL);
		for (size_t j = 0; j < count; j++) {
			int64_t behind = byte_shares_deficit(shares, links[j].id);

			assert_true(llabs(behind) <= 125000000);
			sum += behind;
		}
		assert_true(llabs(sum) <= LINKS);
	}
	byte_shares_leave(shares);
}

/* One connection of 10 GB: its link gets nothing more for a while, but not for ever. */
static void a_great_download_starves_nobody(void **state)
{
	struct play *play = play_start(SHARE_BYTES, (unsigned int[]){ 1, 1 }, 2, 100000000);
	uint8_t busy;

	(void)state;
	play_tick(play);
	play_flow(play, 10e9, 11e6);
	busy = play->flows[0].link;
	for (int second = 0; second < 600; second++) {
		for (int i = 0; i < 20; i++)
			play_flow(play, 20000, 20000);
		play_pass(play, 1000);
		play_tick(play);
	}
	assert_true(play->picks[busy] < 1200);
	play->flows[0].left = 0;
	memset(play->picks, 0, sizeof(play->picks));
	for (int second = 0; second < 300; second++) {
		for (int i = 0; i < 20; i++)
			play_flow(play, 20000, 20000);
		play_pass(play, 1000);
		play_tick(play);
	}
	print_message("of 6000 in the five minutes after it: %u\n", play->picks[busy]);
	assert_true(play->picks[busy] > 300);
	play_end(play);
}

static void traffic(struct play *play, int seconds)
{
	for (int second = 0; second < seconds; second++) {
		for (int i = 0; i < 100; i++)
			play_flow(play, 100000 * chance_part(&seed), 50000);
		for (int i = 0; i < 4; i++) {
			play_pass(play, 250);
			play_tick(play);
		}
	}
}

/* It has missed five minutes of traffic, and gets its share from then on, not what it missed. */
static void a_link_that_returns_gets_no_more_than_its_share(void **state)
{
	struct play *play = play_start(SHARE_BYTES, (unsigned int[]){ 7, 3 }, 2, GIGABIT);
	double before[LINKS + 1], first, second;

	(void)state;
	seed = 11;
	traffic(play, 60);
	play->candidates[1].usable = false;
	play_balance(play);
	for (size_t i = 0; i < play->flow_count; i++)
		play->flows[i].link = 1;
	traffic(play, 300);
	play->candidates[1].usable = true;
	play_balance(play);
	memcpy(before, play->sent, sizeof(before));
	traffic(play, 20);
	first = play->sent[1] - before[1];
	second = play->sent[2] - before[2];
	print_message("of the bytes in the 20 s after: %.3f\n", second / (first + second));
	assert_true(second / (first + second) < 0.33);
	assert_true(second / (first + second) > 0.22);
	play_end(play);
}

static void what_is_owed_goes_on_over_balancers(void **state)
{
	struct play *play = play_start(SHARE_BYTES, (unsigned int[]){ 1, 1 }, 2, GIGABIT);
	int64_t behind;

	(void)state;
	play_tick(play);
	play->sent[1] = 50e6;
	play->now_ms = 1000;
	play_tick(play);
	behind = deficit(play, 2);
	assert_true(behind > 24000000);
	play->candidates[0].weight = play->candidates[1].weight = 3;
	play_balance(play);
	assert_int_equal(deficit(play, 2), behind);
	/* Also over one that has no link left. */
	play->candidates[0].usable = play->candidates[1].usable = false;
	play_balance(play);
	play->candidates[0].usable = play->candidates[1].usable = true;
	play_balance(play);
	assert_int_equal(deficit(play, 2), behind);
	assert_int_equal(balancer_bytes(play->balancer, 1), 50000000);
	/* By connections for once: that has forgotten them. */
	play->balance.share = SHARE_CONNECTIONS;
	play_balance(play);
	assert_false(balancer_wants_bytes(play->balancer));
	assert_int_equal(balancer_bytes(play->balancer, 1), 0);
	play_end(play);
}

static void half_of_it_is_forgotten_in_a_minute(void **state)
{
	struct byte_shares *shares = byte_shares_new();
	const struct share_link links[] = { { 1, 1 }, { 2, 1 } };

	(void)state;
	byte_shares_tick(shares, links, 2, 1000, NULL);
	byte_shares_count(shares, 1, 20000000);
	byte_shares_tick(shares, links, 2, 1250, NULL);
	assert_int_equal(byte_shares_deficit(shares, 1), -10000000);
	assert_int_equal(byte_shares_deficit(shares, 2), 10000000);
	for (uint64_t ms = 1500; ms <= 61250; ms += 250)
		byte_shares_tick(shares, links, 2, ms, NULL);
	assert_true(llabs(byte_shares_deficit(shares, 2) - 5000000) < 50000);
	byte_shares_leave(shares);
}

static void counters_may_begin_anew(void **state)
{
	struct byte_shares *shares = byte_shares_new();
	const struct share_link links[] = { { 1, 1 }, { 2, 1 } };

	(void)state;
	/* What was there before the daemon: kept, but owed to nobody. */
	byte_shares_count(shares, 1, 7000000000);
	byte_shares_tick(shares, links, 2, 1000, NULL);
	assert_int_equal(byte_shares_deficit(shares, 2), 0);
	assert_int_equal(byte_shares_total(shares, 1), 7000000000);
	byte_shares_count(shares, 1, 7002000000);
	byte_shares_tick(shares, links, 2, 1250, NULL);
	assert_int_equal(byte_shares_deficit(shares, 2), 1000000);
	byte_shares_count(shares, 1, 500);
	assert_int_equal(byte_shares_total(shares, 1), 7002000500);
	byte_shares_leave(shares);
}

static void charges_go_as_the_bytes_come(void **state)
{
	struct byte_shares *shares = byte_shares_new();
	const struct share_link links[] = { { 1, 1 }, { 2, 1 } };
	int64_t expected = byte_shares_expected(shares);

	(void)state;
	byte_shares_tick(shares, links, 2, 1000, NULL);
	byte_shares_charge(shares, 1);
	assert_int_equal(byte_shares_charged(shares, 1), expected);
	for (uint64_t ms = 1250; ms <= 21000; ms += 250)
		byte_shares_tick(shares, links, 2, ms, NULL);
	assert_true(byte_shares_charged(shares, 1) < 20);
	byte_shares_leave(shares);
}

/* A thousand of 5000 bytes each second. */
static void the_mean_is_learnt(void **state)
{
	struct byte_shares *shares = byte_shares_new();
	const struct share_link links[] = { { 1, 1 }, { 2, 1 } };

	(void)state;
	for (uint64_t second = 1; second <= 300; second++) {
		byte_shares_count(shares, 2, second * 5000000);
		byte_shares_tick(shares, links, 2, second * 1000, NULL);
		for (int i = 0; i < 1000; i++)
			byte_shares_charge(shares, 2);
	}
	assert_true(llabs(byte_shares_expected(shares) - 5000) < 50);
	byte_shares_leave(shares);
}

static void what_it_says(void **state)
{
	struct play *play = play_start(SHARE_BYTES, (unsigned int[]){ 1, 1 }, 2, GIGABIT);
	struct pick_context peek = { .peek = true };
	struct flow flow = { 0 };
	char text[64];

	(void)state;
	play_tick(play);
	play->sent[1] = 4.1e6;
	play->now_ms = 250;
	play_tick(play);
	balancer_remark(play->balancer, &play->candidates[0], &flow, &peek, text, sizeof(text));
	assert_string_equal(text, "2.0 MB ahead of its share");
	balancer_remark(play->balancer, &play->candidates[1], &flow, &peek, text, sizeof(text));
	assert_string_equal(text, "2.0 MB behind its share");
	play_end(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_of_heavy_tailed_flows_are_in_proportion),
		cmocka_unit_test(what_begins_between_two_ticks_is_spread),
		cmocka_unit_test(who_only_asks_charges_nothing),
		cmocka_unit_test(scores_of_a_pick_can_be_told_after_it),
		cmocka_unit_test(deficits_add_up_to_nothing),
		cmocka_unit_test(a_great_download_starves_nobody),
		cmocka_unit_test(a_link_that_returns_gets_no_more_than_its_share),
		cmocka_unit_test(what_is_owed_goes_on_over_balancers),
		cmocka_unit_test(half_of_it_is_forgotten_in_a_minute),
		cmocka_unit_test(counters_may_begin_anew),
		cmocka_unit_test(charges_go_as_the_bytes_come),
		cmocka_unit_test(the_mean_is_learnt),
		cmocka_unit_test(what_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
