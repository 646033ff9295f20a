/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Figures that were computed elsewhere, with models of their own, hold for our algorithms: how even a round is, what
 * shares of connections are in bytes, what moves when links change, and how long pages take.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/balance.h"
#include "core/fluid.h"
#include "core/key.h"
#include "core/schedule.h"
#include "twister.h"

#define POINTS 0.02 /* how far a share may be off */

static const struct hash_key key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };

static void tell(const char *what, double expected, double seen)
{
	print_message("%-60s %8.3f %8.3f\n", what, expected, seen);
}

/* Weights from 1 to 9 on two to six links, 200 times, as the published figure has it. */
static double worst_prefix(struct twister *chance)
{
	double worst = 0;

	for (int run = 0; run < 200; run++) {
		unsigned int count = twister_range(chance, 2, 6), total = 0, taken[6] = { 0 };
		uint16_t weights[6];
		struct schedule *schedule;

		for (unsigned int i = 0; i < count; i++)
			total += weights[i] = (uint16_t)twister_range(chance, 1, 9);
		schedule = schedule_new(weights, count);
		assert_non_null(schedule);
		for (unsigned int pick = 1; pick <= 3 * total; pick++) {
			taken[schedule_next(schedule)]++;
			for (unsigned int i = 0; i < count; i++)
				worst = fmax(worst, fabs(taken[i] - (double)pick * weights[i] / total));
		}
		schedule_free(schedule);
	}
	return worst;
}

/* Sizes of TCP flows of a campus in 2015: a mixture of lognormals (Jurkiewicz, Rzym, Borylo 2021). */
static double flow_bytes(struct twister *chance)
{
	static const struct {
		double weight, sigma, scale;
	} mixture[] = {
		{ 0.3562, 0.3907, 97.45 }, { 0.24596, 0.80906, 309.4 }, { 0.29937, 1.07676, 2126.65 },
		{ 0.08065, 1.30826, 25680.7 }, { 0.0150386, 1.35133, 416681 }, { 0.0020747, 1.08247, 5602172 },
		{ 0.00068263, 1.01911, 53432349 }, { 8.2327e-6, 1.19047, 514468039 },
	};
	double drawn = twister_random(chance), sum = 0;
	size_t i = 0;

	for (; i + 1 < sizeof(mixture) / sizeof(mixture[0]); i++) {
		sum += mixture[i].weight;
		if (drawn <= sum)
			break;
	}
	return mixture[i].scale * exp(mixture[i].sigma * twister_gauss(chance));
}

static struct balancer *make_balancer(enum algorithm algorithm, const unsigned int *weights, size_t count)
{
	static const char *const names[] = { "fiber", "dsl", "lte" };
	struct balance balance = { .algorithm = algorithm, .hash_by = KEY_SOURCE };
	struct candidate candidates[3];
	struct balancer *balancer;

	for (size_t i = 0; i < count; i++)
		candidates[i] = (struct candidate){ .link = (uint16_t)i, .id = (uint8_t)(i + 1), .usable = true, .weight = weights[i],
			.hash = name_hash(&key, names[i]) };
	balancer = balancer_new(&balance, candidates, count, NULL);
	assert_non_null(balancer);
	return balancer;
}

static size_t pick(const struct balancer *balancer, uint32_t source, struct loads *loads)
{
	struct pick_context context = { .key = &key, .loads = loads };
	struct flow flow = { .family = IPV4, .protocol = 6 };

	memcpy(flow.from.bytes, &source, sizeof(source));
	return balancer_pick(balancer, &flow, &context)->link;
}

static int by_size(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return first > second ? -1 : first < second;
}

/*
 * Connections are in proportion, bytes are not: a few connections have most of them, and where these go is chance.
 * So the share of bytes is that of this draw; another one has another.
 */
static void connections_are_not_bytes(void **state)
{
	enum { COUNT = 200000 };
	struct balancer *balancer = make_balancer(ALGORITHM_ROUND_ROBIN, (unsigned int[]){ 7, 3 }, 2);
	double *sizes = calloc(COUNT, sizeof(*sizes)), bytes[2] = { 0 }, all, top = 0;
	unsigned int connections[2] = { 0 };
	struct twister chance;

	(void)state;
	assert_non_null(sizes);
	twister_seed(&chance, 3);
	tell("round-robin: most picks away from a share, of any prefix", 1, worst_prefix(&chance));
	for (size_t i = 0; i < COUNT; i++) {
		size_t link = pick(balancer, 0, NULL);

		sizes[i] = flow_bytes(&chance);
		bytes[link] += sizes[i];
		connections[link]++;
	}
	all = bytes[0] + bytes[1];
	qsort(sizes, COUNT, sizeof(*sizes), by_size);
	for (size_t i = 0; i < COUNT / 1000; i++)
		top += sizes[i];
	tell("TCP flows: mean, kB", 120, all / COUNT / 1000);
	tell("TCP flows: median, B", 335, sizes[COUNT / 2]);
	tell("TCP flows: part of the bytes in the largest 0.1 %", 0.74, top / all);
	tell("round-robin 70/30: share of connections", 0.7, (double)connections[0] / COUNT);
	tell("round-robin 70/30: share of bytes", 0.616, bytes[0] / all);
	assert_int_equal(connections[0], COUNT * 7 / 10);
	assert_true(fabs(all / COUNT / 1000 - 120) < 2.4);
	assert_true(fabs(sizes[COUNT / 2] - 335) < 7);
	assert_true(fabs(top / all - 0.74) < POINTS);
	assert_true(fabs(bytes[0] / all - 0.616) < POINTS);
	free(sizes);
	balancer_free(balancer);
}

static void no_prefix_is_uneven(void **state)
{
	struct twister chance;

	(void)state;
	twister_seed(&chance, 3);
	assert_true(worst_prefix(&chance) <= 1);
}

/* Weighted rendezvous: only what has to move moves. */
static void hashing_moves_little(void **state)
{
	enum { KEYS = 50000 };
	struct balancer *all = make_balancer(ALGORITHM_HASH, (unsigned int[]){ 5, 3, 2 }, 3);
	struct balancer *two = make_balancer(ALGORITHM_HASH, (unsigned int[]){ 5, 3 }, 2);
	struct balancer *more = make_balancer(ALGORITHM_HASH, (unsigned int[]){ 5, 3, 4 }, 3);
	static const double shares[] = { 0.5, 0.3, 0.2 };
	unsigned int taken[3] = { 0 }, others = 0, moved = 0, between = 0;

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++) {
		size_t link = pick(all, i, NULL), without = pick(two, i, NULL), then = pick(more, i, NULL);

		taken[link]++;
		others += link != 2 && without != link;
		moved += then != link;
		between += then != link && then != 2;
	}
	for (size_t i = 0; i < 3; i++) {
		tell("hash 5:3:2: share", shares[i], (double)taken[i] / KEYS);
		assert_true(fabs((double)taken[i] / KEYS - shares[i]) < POINTS / 2);
	}
	tell("hash: keys of other links that move when one goes", 0, others);
	tell("hash: part that moves when a weight goes from 2 to 4", 0.134, (double)moved / KEYS);
	tell("hash: and of these between the other links", 0, between);
	assert_int_equal(others, 0);
	assert_int_equal(between, 0);
	assert_true(fabs((double)moved / KEYS - 0.134) < POINTS / 2);
	balancer_free(all);
	balancer_free(two);
	balancer_free(more);
}

/* Pages of some 42 objects, of which a browser asks for 24 at once, over links of 5 mbit/s. */
#define PAGES        60
#define OBJECTS_MAX  281
#define AT_ONCE      24
#define SETUP_S      0.12
#define LINK_BYTES   625000.0
#define UNLIMITED    1e15

struct page {
	unsigned int objects;
	double bytes[OBJECTS_MAX];
};

static void make_pages(struct page *pages)
{
	struct twister chance;

	twister_seed(&chance, 5);
	for (int i = 0; i < PAGES; i++) {
		double objects = exp(3.5 + 0.7 * twister_normal(&chance));

		pages[i].objects = objects < 3 ? 3 : objects > OBJECTS_MAX ? OBJECTS_MAX : (unsigned int)objects;
		for (unsigned int j = 0; j < pages[i].objects; j++)
			pages[i].bytes[j] = fmin(5e6, exp(9.6 + 1.5 * twister_normal(&chance)));
	}
}

/* A page under way: objects that are asked for begin to move later, in the same order. */
struct loading {
	const struct page *page;
	const struct balancer *balancer;
	struct loads *loads;
	struct fluid links[2];
	struct fluid_flow flows[OBJECTS_MAX];
	uint8_t link[OBJECTS_MAX];
	double moves[OBJECTS_MAX];
	unsigned int asked, moving, done;
};

static void ask(struct loading *loading, double now)
{
	while (loading->asked < loading->page->objects && loading->asked - loading->done < AT_ONCE) {
		unsigned int object = loading->asked++;

		loading->link[object] = (uint8_t)pick(loading->balancer, object, loading->loads);
		loading->loads->links[loading->link[object] + 1].connections++;
		loading->moves[object] = now + SETUP_S;
	}
}

/* The next object begins to move, or the first of those that move has come. */
static double step(struct loading *loading)
{
	double begins = loading->moving < loading->asked ? loading->moves[loading->moving] : HUGE_VAL;
	uint32_t numbers[2] = { 0 };
	double ends[] = { fluid_next(&loading->links[0], &numbers[0]), fluid_next(&loading->links[1], &numbers[1]) };
	size_t first = ends[1] < ends[0];
	double now = fmin(begins, ends[first]);

	fluid_advance(&loading->links[0], now);
	fluid_advance(&loading->links[1], now);
	if (begins <= ends[first]) {
		unsigned int object = loading->moving++;

		assert_int_equal(fluid_add(&loading->links[loading->link[object]], loading->flows, object,
			loading->page->bytes[object], UNLIMITED), 0);
		return now;
	}
	fluid_remove(&loading->links[first], loading->flows, numbers[first]);
	loading->loads->links[first + 1].connections--;
	loading->done++;
	ask(loading, now);
	return now;
}

static double load_page(const struct page *page, const struct balancer *balancer)
{
	struct loading *loading = calloc(1, sizeof(*loading));
	double now = 0;

	assert_non_null(loading);
	loading->page = page;
	loading->balancer = balancer;
	loading->loads = loads_new();
	assert_non_null(loading->loads);
	fluid_open(&loading->links[0], LINK_BYTES, 0);
	fluid_open(&loading->links[1], LINK_BYTES, 0);
	ask(loading, 0);
	while (loading->done < page->objects)
		now = step(loading);
	fluid_close(&loading->links[0]);
	fluid_close(&loading->links[1]);
	free(loading->loads);
	free(loading);
	return now;
}

static double mean_of_pages(const struct page *pages, enum algorithm algorithm, size_t links)
{
	struct balancer *balancer = make_balancer(algorithm, (unsigned int[]){ 1, 1 }, links);
	double sum = 0;

	for (int i = 0; i < PAGES; i++)
		sum += load_page(&pages[i], balancer);
	balancer_free(balancer);
	return sum / PAGES;
}

/* The published model goes by steps of 20 ms, ours from event to event: its times are a little longer, by the same part. */
static void pages_load_faster(void **state)
{
	struct page *pages = calloc(PAGES, sizeof(*pages));
	double one, round_robin, fewest;

	(void)state;
	assert_non_null(pages);
	make_pages(pages);
	one = mean_of_pages(pages, ALGORITHM_ROUND_ROBIN, 1);
	round_robin = mean_of_pages(pages, ALGORITHM_ROUND_ROBIN, 2);
	fewest = mean_of_pages(pages, ALGORITHM_LEAST_CONNECTIONS, 2);
	tell("pages, one link: seconds", 3.40, one);
	tell("pages, two links, round-robin: seconds", 2.26, round_robin);
	tell("pages, two links, round-robin: less by", 0.34, 1 - round_robin / one);
	tell("pages, two links, least-connections: seconds", 2.18, fewest);
	tell("pages, two links, least-connections: less by", 0.36, 1 - fewest / one);
	assert_true(fabs(one / 3.40 - 1) < 0.02);
	assert_true(fabs(1 - fewest / one - 0.36) < POINTS);
	assert_true(fabs(1 - round_robin / one - 0.34) < POINTS);
	free(pages);
}

static int head(void **state)
{
	(void)state;
	print_message("%-60s %8s %8s\n", "figure", "expected", "seen");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_prefix_is_uneven),
		cmocka_unit_test(connections_are_not_bytes),
		cmocka_unit_test(hashing_moves_little),
		cmocka_unit_test(pages_load_faster),
	};

	return cmocka_run_group_tests(tests, head, NULL);
}
