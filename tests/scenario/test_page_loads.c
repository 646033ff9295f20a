/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages of many objects over two links, in a fluid model: what a choice of links does to the time until all is there. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/balance.h"
#include "core/pace.h"
#include "tests/unit/chance.h"

#define PAGES        240
#define OBJECTS_MAX  281
#define PARALLEL     24      /* connections that a browser has at once */
#define SETUP_S      0.12    /* until the first byte of an object comes */
#define STEP_S       0.02
#define TRACE_S      100
#define WINDOW_BITS  115840. /* ten segments, twice as many after each round trip */
#define LINKS        2
#define CHECK_S      0.2     /* between checks */

struct page {
	size_t count;
	double bits[OBJECTS_MAX];
};

/* An object that is on its way. */
struct object {
	size_t link;
	double left, begins;
};

struct run {
	struct balancer *balancer; /* NULL: all by link only */
	size_t only;
	struct loads *loads;
	const double (*rates)[TRACE_S]; /* bits per second, by link and second */
	uint64_t random;
	double now, second, look, probe, carried[LINKS], bits[LINKS];
	struct pace paces[LINKS];
	unsigned int full[LINKS];  /* steps in a row with nothing left */
	bool whole[LINKS];         /* as the last check found it */
	bool told;                 /* weighted round robin that is told the true rates of the last second */
	double credit[LINKS];
	struct object objects[PARALLEL];
	size_t count;
};

static struct page pages[PAGES];

static double next_normal(uint64_t *state)
{
	double radius = sqrt(-2 * log(chance_part(state)));

	return radius * cos(2 * M_PI * chance_part(state));
}

/* As many objects and as large ones as pages have: 42 in the mean, most of some kilobytes, few of megabytes. */
static int make_pages(void **state)
{
	uint64_t random = 7;

	(void)state;
	for (size_t i = 0; i < PAGES; i++) {
		double count = exp(3.5 + 0.7 * next_normal(&random));

		pages[i].count = (size_t)fmin(fmax(count, 3), OBJECTS_MAX);
		for (size_t j = 0; j < pages[i].count; j++)
			pages[i].bits[j] = 8 * fmin(exp(9.6 + 1.5 * next_normal(&random)), 5e6);
	}
	return 0;
}

static double rate_now(const struct run *run, size_t link)
{
	return fmax(run->rates[link][(size_t)run->now % TRACE_S], 5e4);
}

/* What the paper's controller does: smooth weighted round robin by the rates that the trace had a second ago. */
static size_t pick_told(struct run *run)
{
	double sum = 0;
	size_t best = 0;

	for (size_t i = 0; i < LINKS; i++) {
		double rate = fmax(run->rates[i][(size_t)fmax(run->now - 1, 0) % TRACE_S], 5e4);

		run->credit[i] += rate;
		sum += rate;
		best = run->credit[i] > run->credit[best] ? i : best;
	}
	run->credit[best] -= sum;
	return best;
}

static size_t pick(struct run *run)
{
	struct pick_context context = { .random = chance_next(&run->random), .loads = run->loads };
	struct flow flow = { .family = IPV4 };

	if (run->told)
		return pick_told(run);
	return run->balancer == NULL ? run->only : balancer_pick(run->balancer, &flow, &context)->link;
}

static void begin_object(struct run *run, double bits)
{
	size_t link = pick(run);

	run->loads->links[link + 1].connections++;
	run->objects[run->count++] = (struct object){ link, bits, run->now + SETUP_S };
}

/* What the window allows in a step; an object in setup gets nothing. */
static double window(const struct run *run, const struct object *object)
{
	double age = run->now - object->begins;

	return age < 0 ? 0 : WINDOW_BITS * exp2(floor(age / SETUP_S)) / SETUP_S * STEP_S;
}

/* Each gets the same, but for those that cannot take it. */
static void carry(struct run *run, size_t link)
{
	double room = rate_now(run, link) * STEP_S, given[PARALLEL] = { 0 };

	for (int pass = 0; pass < PARALLEL && room > 1; pass++) {
		size_t hungry = 0;
		double share;

		for (size_t i = 0; i < run->count; i++)
			hungry += run->objects[i].link == link && given[i] < window(run, &run->objects[i]);
		if (hungry == 0)
			break;
		share = room / (double)hungry;
		for (size_t i = 0; i < run->count; i++) {
			double more = fmin(share, window(run, &run->objects[i]) - given[i]);

			if (run->objects[i].link != link || more <= 0)
				continue;
			given[i] += more;
			room -= more;
		}
	}
	for (size_t i = 0; i < run->count; i++) {
		run->carried[link] += fmin(given[i], run->objects[i].left);
		run->bits[link] += fmin(given[i], run->objects[i].left);
		run->objects[i].left -= given[i];
	}
	run->full[link] = room <= 1 ? run->full[link] + 1 : 0;
}

static void end_objects(struct run *run)
{
	for (size_t i = 0; i < run->count;) {
		if (run->objects[i].left > 0) {
			i++;
			continue;
		}
		run->loads->links[run->objects[i].link + 1].connections--;
		run->objects[i] = run->objects[--run->count];
	}
}

static void measure(struct run *run)
{
	for (size_t i = 0; i < LINKS; i++) {
		run->loads->links[i + 1].rate_bps[DOWNLOAD] = (uint64_t)run->carried[i];
		run->loads->links[i + 1].placed_bps[DOWNLOAD] = 0;
		run->carried[i] = 0;
	}
	run->second++;
}

/* As the daemon does it. */
static void look(struct run *run)
{
	for (size_t i = 0; i < LINKS; i++) {
		struct link_load *load = &run->loads->links[i + 1];
		struct pace_look seen = { .bytes = { (uint64_t)(run->bits[i] / 8) }, .now_ms = (uint64_t)(run->now * 1000) };

		seen.capacity_bps[DOWNLOAD] = load->capacity_bps[DOWNLOAD];
		if (run->now >= run->probe)
			run->whole[i] = run->full[i] * STEP_S > 0.05;
		seen.whole = run->whole[i] && load->connections > 0;
		seen.silent = seen.whole && rate_now(run, i) < 1e5;
		pace_look(&run->paces[i], &seen);
		load->pace_bps[DOWNLOAD] = pace_bps(&run->paces[i], DOWNLOAD);
	}
	run->look += 0.1;
	run->probe += run->now >= run->probe ? CHECK_S : 0;
}

static double load_page(struct run *run, const struct page *page, double begin)
{
	size_t next = 0;

	run->now = run->second = run->look = run->probe = begin;
	while (next < page->count || run->count > 0) {
		while (next < page->count && run->count < PARALLEL)
			begin_object(run, page->bits[next++]);
		for (size_t link = 0; link < LINKS; link++)
			carry(run, link);
		end_objects(run);
		run->now += STEP_S;
		if (run->now >= run->look)
			look(run);
		if (run->now >= run->second + 1)
			measure(run);
	}
	return run->now - begin;
}

/* Mean over the pages; ALGORITHMS: all by the link only. Weights and capacities are what the links have in the mean. */
static double page_time(const double (*rates)[TRACE_S], enum algorithm algorithm, size_t only, bool told)
{
	struct balance balance = { .algorithm = algorithm };
	struct run run = { .only = only, .loads = loads_new(), .rates = rates, .random = 3, .told = told };
	struct candidate candidates[LINKS];
	double sum = 0;

	assert_non_null(run.loads);
	for (size_t link = 0; link < LINKS; link++) {
		double mean = 0;

		for (size_t i = 0; i < TRACE_S; i++)
			mean += rates[link][i] / TRACE_S;
		candidates[link] = (struct candidate){ .link = (uint16_t)link, .id = (uint8_t)(link + 1), .usable = true, .weight = (unsigned int)lround(mean / 1e6),
			.hash = link };
		run.loads->links[link + 1].capacity_bps[DOWNLOAD] = (uint64_t)mean;
	}
	if (algorithm < ALGORITHMS) {
		run.balancer = balancer_new(&balance, candidates, LINKS, NULL);
		assert_non_null(run.balancer);
	}
	/* A page after the other, as long as the trace lasts and again. */
	for (size_t i = 0; i < PAGES; i++)
		sum += load_page(&run, &pages[i], run.now);
	balancer_free(run.balancer);
	free(run.loads);
	return sum / PAGES;
}

struct times {
	double single, told, round_robin, random, least_connections, least_load; /* single: the better link alone */
};

static struct times all_times(const char *what, const double (*rates)[TRACE_S])
{
	struct times times = {
		.single = fmin(page_time(rates, ALGORITHMS, 0, false), page_time(rates, ALGORITHMS, 1, false)),
		.told = page_time(rates, ALGORITHMS, 0, true),
		.round_robin = page_time(rates, ALGORITHM_ROUND_ROBIN, 0, false),
		.random = page_time(rates, ALGORITHM_RANDOM, 0, false),
		.least_connections = page_time(rates, ALGORITHM_LEAST_CONNECTIONS, 0, false),
		.least_load = page_time(rates, ALGORITHM_LEAST_LOAD, 0, false),
	};

	print_message("%s: one link %.2f s, round robin told the rates %.2f, round robin %.2f, random %.2f, least connections %.2f, least load %.2f\n", what,
		times.single, times.told, times.round_robin, times.random, times.least_connections, times.least_load);
	return times;
}

static void fill(double *rates, double mbit)
{
	for (size_t i = 0; i < TRACE_S; i++)
		rates[i] = mbit * 1e6;
}

static void equal_links(void **state)
{
	double rates[LINKS][TRACE_S];
	struct times times;

	(void)state;
	fill(rates[0], 5);
	fill(rates[1], 5);
	times = all_times("5 and 5 mbit", (const double (*)[TRACE_S])rates);
	assert_true(times.least_load < 0.67 * times.single);
	assert_true(times.least_load < times.random);
	assert_true(times.least_load < 1.01 * times.round_robin);
}

/* By weight the small link gets objects while the large one is free. */
static void unequal_links(void **state)
{
	double rates[LINKS][TRACE_S];
	struct times times;

	(void)state;
	fill(rates[0], 8);
	fill(rates[1], 2);
	times = all_times("8 and 2 mbit", (const double (*)[TRACE_S])rates);
	assert_true(times.least_load < times.single);
	assert_true(times.least_load < 0.95 * times.round_robin);
	assert_true(times.least_load < 0.95 * times.random);
}

/* Two radio links whose rates are another each second, without rhyme: of what was a second ago nothing follows. */
static void changing_links(void **state)
{
	double rates[LINKS][TRACE_S];
	uint64_t random = 12345;
	struct times times;

	(void)state;
	for (size_t i = 0; i < TRACE_S; i++) {
		rates[0][i] = 1e6 * fmax(0, 2 + 3 * next_normal(&random) * (chance_part(&random) < 0.3 ? 1 : 0.3));
		rates[1][i] = 1e6 * fmax(0.1, 6 + 2.4 * next_normal(&random));
	}
	times = all_times("changing", (const double (*)[TRACE_S])rates);
	assert_true(times.least_load < times.single);
	assert_true(times.least_load < times.told);
	assert_true(times.least_load < 1.02 * times.round_robin);
	assert_true(times.least_load < 0.99 * times.random);
}

/* A walk as the paper's: indoors a quick WiFi and hardly any LTE; outdoors a steady LTE and a WiFi that comes and goes. */
static void fill_walk(double rates[LINKS][TRACE_S], uint64_t random)
{
	size_t silent = 0;

	for (size_t i = 0; i < TRACE_S; i++) {
		bool inside = i < 3 * TRACE_S / 10;

		if (!inside && silent == 0 && chance_part(&random) < 0.05)
			silent = 2 + chance_next(&random) % 3;
		rates[0][i] = inside ? fmax(2, 20 + 6 * next_normal(&random)) : silent > 0 ? 0 : 0.3 + 5.7 * chance_part(&random);
		rates[1][i] = inside ? fmax(0.3, 1.2 + 0.4 * next_normal(&random)) : fmax(1, 6 + 0.4 * next_normal(&random));
		rates[0][i] *= 1e6;
		rates[1][i] *= 1e6;
		silent -= silent > 0 && !inside;
	}
}

static void a_walk(void **state)
{
	double rates[LINKS][TRACE_S];

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct times times;

		fill_walk(rates, seed);
		times = all_times("a walk", (const double (*)[TRACE_S])rates);
		assert_true(times.least_load < times.told);
		assert_true(times.least_load < times.single);
		assert_true(times.least_load < 0.7 * times.random);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_links),
		cmocka_unit_test(unequal_links),
		cmocka_unit_test(changing_links),
		cmocka_unit_test(a_walk),
	};

	return cmocka_run_group_tests(tests, make_pages, NULL);
}
