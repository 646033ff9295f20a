/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that every connection counts once while it lives, and that its beginning is told for what it was. */

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/living.h"

#define MS   1000ull
#define ROOM 256

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static struct loads *loads;
static struct living *living;
static struct handshake handshakes[64];
static size_t handshake_count;
static struct finished last_finished;
static size_t finished_count;

static void on_handshake(const struct handshake *handshake, void *data)
{
	(void)data;
	assert_true(handshake_count < 64);
	handshakes[handshake_count++] = *handshake;
}

static void on_finished(const struct finished *finished, void *data)
{
	(void)data;
	last_finished = *finished;
	finished_count++;
}

static int begin_test(void **state)
{
	static const struct living_sink sink = { .handshake = on_handshake, .finished = on_finished };
	static const struct hash_key key = { { 7, 11 } };

	(void)state;
	handshake_count = finished_count = 0;
	loads = loads_new();
	living = loads == NULL ? NULL : living_new(ROOM, key, loads, &sink);
	return living == NULL ? -1 : 0;
}

static int end_test(void **state)
{
	(void)state;
	living_free(living);
	free(loads);
	return 0;
}

static struct address address_of(const char *text)
{
	struct address address;

	assert_true(address_parse(text, &address));
	return address;
}

/* From inside; the number makes the tuple. */
static struct flow flow_number(unsigned int number, uint8_t protocol, uint16_t to_port)
{
	return (struct flow){ .family = number % 2 == 0 ? IPV4 : IPV6, .protocol = protocol, .ports = true,
		.from = address_of(number % 2 == 0 ? "10.0.0.5" : "fd00::5"),
		.to = address_of(number % 2 == 0 ? "192.0.2.9" : "2001:db8::9"),
		.from_port = (uint16_t)(10000 + number), .to_port = to_port, .device = 3 };
}

static struct flow turned(const struct flow *flow)
{
	return (struct flow){ .family = flow->family, .protocol = flow->protocol, .ports = flow->ports, .from = flow->to,
		.to = flow->from, .from_port = flow->to_port, .to_port = flow->from_port };
}

static void begin(const struct flow *flow, uint8_t link, uint64_t at_us)
{
	struct begun begun = { *flow, link, link, at_us };

	atomic_fetch_add(&loads->links[link].connections, 1); /* as the verdict thread does */
	living_begin(living, &begun);
}

static void copy(const struct flow *flow, uint8_t flags, uint8_t link, uint64_t at_us)
{
	struct turning_point turn = { *flow, flags, link, link, at_us };

	living_turn(living, &turn);
}

static void copy_back(const struct flow *flow, uint8_t flags, uint8_t link, uint64_t at_us)
{
	struct flow back = turned(flow);

	copy(&back, flags, link, at_us);
}

static uint32_t count(uint8_t link)
{
	return atomic_load(&loads->links[link].connections);
}

static void measures_a_handshake_and_counts_one_life(void **state)
{
	struct flow flow = flow_number(1, IPPROTO_TCP, 80);

	(void)state;
	begin(&flow, 4, 1000);
	assert_int_equal(count(4), 1);
	copy_back(&flow, SYN | ACK, 4, 1000 + 12345);
	assert_int_equal(handshake_count, 1);
	assert_true(handshakes[0].answered);
	assert_int_equal(handshakes[0].us, 12345);
	assert_int_equal(handshakes[0].link, 4);
	assert_memory_equal(&handshakes[0].to, &flow.to, sizeof(flow.to));
	copy_back(&flow, SYN | ACK, 4, 30000); /* repeated: says nothing new */
	assert_int_equal(handshake_count, 1);
	copy(&flow, FIN | ACK, 4, 50 * MS);
	assert_int_equal(count(4), 0);
	copy_back(&flow, FIN | ACK, 4, 51 * MS);
	copy(&flow, RST, 4, 52 * MS);
	assert_int_equal(count(4), 0);
	living_forgotten(living, &flow, 100, 2000, 120000 * MS);
	assert_int_equal(count(4), 0);
	assert_int_equal(finished_count, 1);
	assert_int_equal(last_finished.begun_us, 1000);
	assert_int_equal(last_finished.ended_us, 50 * MS);
	assert_int_equal(last_finished.bytes[UPLOAD], 100);
	assert_int_equal(last_finished.bytes[DOWNLOAD], 2000);
	assert_int_equal(last_finished.handshake_us, 12345);
	assert_int_equal(last_finished.flow.device, 3);
	assert_int_equal(living_figures(living).entries, 0);
}

static void a_reset_from_either_end_ends(void **state)
{
	struct flow one = flow_number(1, IPPROTO_TCP, 80), two = flow_number(2, IPPROTO_TCP, 80);

	(void)state;
	begin(&one, 1, 1000);
	begin(&two, 1, 1000);
	copy_back(&one, SYN | ACK, 1, 2 * MS);
	copy_back(&two, SYN | ACK, 1, 2 * MS);
	assert_int_equal(count(1), 2);
	copy(&one, RST | ACK, 1, 3 * MS);
	assert_int_equal(count(1), 1);
	copy_back(&two, RST | ACK, 1, 3 * MS);
	assert_int_equal(count(1), 0);
}

/* Karn: nobody knows which of the SYNs was answered. */
static void a_repeated_syn_gives_no_sample(void **state)
{
	struct flow flow = flow_number(1, IPPROTO_TCP, 80);

	(void)state;
	begin(&flow, 1, 1000);
	copy(&flow, SYN, 1, 1000 * MS);
	copy_back(&flow, SYN | ACK, 1, 1010 * MS);
	assert_int_equal(handshake_count, 1);
	assert_true(handshakes[0].answered);
	assert_int_equal(handshakes[0].us, 0);
	assert_int_equal(count(1), 1);
}

static void a_refusal_is_an_answer_without_a_sample(void **state)
{
	struct flow far = flow_number(1, IPPROTO_TCP, 80), near = flow_number(2, IPPROTO_TCP, 80);

	(void)state;
	begin(&far, 1, 1000);
	begin(&near, 1, 1000);
	copy_back(&near, RST | ACK, 1, 1000 + 999); /* within a millisecond: of somebody near */
	assert_int_equal(handshake_count, 0);
	copy_back(&far, RST | ACK, 1, 1000 + 20 * MS);
	assert_int_equal(handshake_count, 1);
	assert_true(handshakes[0].answered);
	assert_int_equal(handshakes[0].us, 0);
	assert_int_equal(count(1), 0);
}

static void who_gives_up_by_himself_accuses_nobody(void **state)
{
	struct flow flow = flow_number(1, IPPROTO_TCP, 80), due;

	(void)state;
	begin(&flow, 1, 1000);
	copy(&flow, RST, 1, 500 * MS);
	assert_false(living_overdue(living, 5000 * MS, &due));
	assert_int_equal(handshake_count, 0);
	assert_int_equal(count(1), 0);
}

static void silence_fails_after_its_time(void **state)
{
	struct flow flow = flow_number(1, IPPROTO_TCP, 80), due;

	(void)state;
	begin(&flow, 2, 1000);
	assert_false(living_overdue(living, 1000 + LIVING_PATIENCE_MS * MS - 1, &due));
	assert_true(living_overdue(living, 1000 + LIVING_PATIENCE_MS * MS, &due));
	assert_int_equal(due.from_port, flow.from_port);
	assert_memory_equal(&due.to, &flow.to, sizeof(due.to));
	living_looked_up(living, &due, LOOKED_UP_UNANSWERED, 1000 + 3001 * MS);
	assert_int_equal(handshake_count, 1);
	assert_false(handshakes[0].answered);
	assert_int_equal(handshakes[0].us, 3001 * MS);
	assert_false(living_overdue(living, 9000 * MS, &due));
	assert_int_equal(count(2), 1); /* the kernel still waits for it */
	copy_back(&flow, SYN | ACK, 2, 4000 * MS);
	assert_int_equal(handshake_count, 2);
	assert_true(handshakes[1].answered);
	assert_int_equal(handshakes[1].us, 0);
	living_forgotten(living, &flow, 1, 1, 5000 * MS);
	assert_int_equal(count(2), 0);
}

/* A limit or another program dropped its first packet after it was decided. */
static void what_never_left_is_no_failure(void **state)
{
	struct flow flow = flow_number(1, IPPROTO_TCP, 80), due;

	(void)state;
	begin(&flow, 2, 1000);
	assert_true(living_overdue(living, 4000 * MS, &due));
	living_looked_up(living, &due, LOOKED_UP_GONE, 4000 * MS);
	assert_int_equal(handshake_count, 0);
	assert_int_equal(count(2), 0);
	assert_false(living_overdue(living, 9000 * MS, &due));
	living_survey_begin(living);
	living_survey_end(living, 9000 * MS);
	assert_int_equal(living_figures(living).entries, 0);
	assert_int_equal(finished_count, 0);
}

/* It had expired when it was looked up: the news of that, with its bytes, comes right after. */
static void what_is_just_forgotten_is_told(void **state)
{
	struct flow flow = flow_number(2, IPPROTO_UDP, 443), due;

	(void)state;
	begin(&flow, 2, 1000);
	assert_true(living_overdue(living, 4000 * MS, &due));
	living_looked_up(living, &due, LOOKED_UP_GONE, 4000 * MS);
	assert_int_equal(count(2), 0);
	living_forgotten(living, &flow, 10, 20, 4001 * MS);
	assert_int_equal(finished_count, 1);
	assert_int_equal(last_finished.bytes[DOWNLOAD], 20);
	assert_int_equal(count(2), 0);
}

static void an_answer_whose_copy_was_lost_is_one(void **state)
{
	struct flow one = flow_number(1, IPPROTO_TCP, 80), two = flow_number(2, IPPROTO_TCP, 80), due;

	(void)state;
	begin(&one, 2, 1000);
	assert_true(living_overdue(living, 4000 * MS, &due));
	living_looked_up(living, &due, LOOKED_UP_ANSWERED, 4000 * MS);
	assert_int_equal(handshake_count, 1);
	assert_true(handshakes[0].answered);
	assert_int_equal(handshakes[0].us, 0);
	begin(&two, 2, 4000 * MS);
	living_blind(living);
	assert_true(living_overdue(living, 8000 * MS, &due));
	living_looked_up(living, &due, LOOKED_UP_UNANSWERED, 8000 * MS);
	assert_int_equal(handshake_count, 1);
}

static void quic_is_timed_and_other_datagrams_are_not(void **state)
{
	struct flow quic = flow_number(1, IPPROTO_UDP, 443), dns = flow_number(2, IPPROTO_UDP, 53), due;

	(void)state;
	begin(&quic, 3, 1000);
	begin(&dns, 3, 1000);
	copy_back(&quic, 0, 3, 31 * MS);
	assert_int_equal(handshake_count, 1);
	assert_int_equal(handshakes[0].us, 30 * MS);
	assert_int_equal(handshakes[0].protocol, IPPROTO_UDP);
	assert_false(living_overdue(living, 4000 * MS, &due));
	assert_int_equal(count(3), 2);
	living_forgotten(living, &dns, 60, 0, 9000 * MS);
	living_forgotten(living, &quic, 60, 70, 9000 * MS);
	assert_int_equal(count(3), 0);
}

/* What comes by a link says how its server inside fares, not the way outside. */
static void who_comes_by_a_link_counts_but_is_not_measured(void **state)
{
	struct flow flow = flow_number(1, IPPROTO_TCP, 80), due;

	(void)state;
	flow.came_by = 2;
	begin(&flow, 2, 1000);
	copy_back(&flow, SYN | ACK, 2, 2 * MS);
	assert_int_equal(handshake_count, 0);
	assert_int_equal(count(2), 1);
	living_forgotten(living, &flow, 5000, 70, 3 * MS);
	assert_int_equal(last_finished.bytes[DOWNLOAD], 5000);
	assert_int_equal(last_finished.bytes[UPLOAD], 70);
	flow.from_port++;
	begin(&flow, 2, 1000);
	assert_false(living_overdue(living, 4000 * MS, &due));
	assert_int_equal(handshake_count, 0);
}

/* The same ports are used again before the news of the first one's end is read. */
static void a_successor_outlives_the_news_of_its_predecessor(void **state)
{
	struct flow flow = flow_number(1, IPPROTO_TCP, 80);

	(void)state;
	begin(&flow, 1, 1000);
	copy_back(&flow, SYN | ACK, 1, 2 * MS);
	copy(&flow, FIN | ACK, 1, 3 * MS);
	begin(&flow, 2, 1000 * MS);
	assert_int_equal(count(1), 0);
	assert_int_equal(count(2), 1);
	living_forgotten(living, &flow, 1, 1, 1001 * MS);
	assert_int_equal(count(2), 1);
	living_forgotten(living, &flow, 1, 1, 2000 * MS);
	assert_int_equal(count(2), 0);
}

static void decided_anew_before_it_left_counts_once(void **state)
{
	struct flow flow = flow_number(1, IPPROTO_TCP, 80);

	(void)state;
	begin(&flow, 1, 1000);
	begin(&flow, 2, 2000);
	assert_int_equal(count(1), 0);
	assert_int_equal(count(2), 1);
	living_forgotten(living, &flow, 1, 1, 3000);
	assert_int_equal(count(2), 0);
}

static void a_survey_sets_counts_right(void **state)
{
	struct flow known = flow_number(1, IPPROTO_TCP, 80), gone = flow_number(2, IPPROTO_TCP, 80),
		stranger = flow_number(3, IPPROTO_UDP, 53), closed = flow_number(4, IPPROTO_TCP, 80),
		fresh = flow_number(5, IPPROTO_TCP, 80);

	(void)state;
	begin(&known, 1, 1000);
	begin(&gone, 1, 1000);
	copy_back(&known, SYN | ACK, 1, 2000);
	copy_back(&gone, SYN | ACK, 1, 2000);
	begin(&fresh, 1, 3999 * MS); /* its packet is still held */
	assert_int_equal(count(1), 3);
	living_survey_begin(living);
	living_survey_found(living, &known, 1, 1, false, 4000 * MS);
	living_survey_found(living, &stranger, 2, 2, false, 4000 * MS);
	living_survey_found(living, &closed, 2, 2, true, 4000 * MS);
	living_survey_end(living, 4000 * MS);
	assert_int_equal(count(1), 2);
	assert_int_equal(count(2), 1);
	assert_int_equal(living_figures(living).strangers, 1);
	living_survey_begin(living);
	living_survey_found(living, &known, 1, 1, true, 4001 * MS);
	living_survey_end(living, 4001 * MS);
	assert_int_equal(count(1), 1);
	assert_int_equal(count(2), 0);
	assert_int_equal(living_figures(living).strangers, 0);
}

static void what_the_kernel_decided_alone_counts_from_its_answer(void **state)
{
	struct flow flow = flow_number(1, IPPROTO_TCP, 80);

	(void)state;
	copy_back(&flow, SYN | ACK, 6, 1000);
	assert_int_equal(count(6), 1);
	assert_int_equal(handshake_count, 0);
	copy(&flow, FIN, 6, 2000);
	assert_int_equal(count(6), 0);
	copy_back(&flow, SYN | ACK, 6, 3000);
	assert_int_equal(count(6), 0);
	living_forgotten(living, &flow, 1, 1, 4000);
	assert_int_equal(finished_count, 1);
	assert_int_equal(last_finished.begun_us, 0);
}

static void the_oldest_gives_way(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ROOM + 10; i++) {
		struct flow flow = flow_number(i, IPPROTO_TCP, 80);

		begin(&flow, 1, 1000 + i);
		if (i < 5)
			copy(&flow, RST, 1, 1000 + i);
	}
	/* Five were over and went first. */
	assert_int_equal(living_figures(living).evicted, 5);
	assert_int_equal(living_figures(living).entries, ROOM);
	assert_int_equal(count(1), ROOM);
	for (unsigned int i = 0; i < ROOM + 10; i++) {
		struct flow flow = flow_number(i, IPPROTO_TCP, 80);

		living_forgotten(living, &flow, 1, 1, 5000);
	}
	assert_int_equal(count(1), 0);
	assert_int_equal(living_figures(living).entries, 0);
}

/* Whatever comes in whatever order: counts are those of the entries that live, and all go with the last. */
static void counts_come_back_to_nothing(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);
	uint64_t now_us = 1000;
	struct flow due;

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int step = 0; step < 300000; step++) {
		struct flow flow = flow_number((unsigned int)rand() % 400, rand() % 4 == 0 ? IPPROTO_UDP : IPPROTO_TCP, 443);
		uint8_t link = (uint8_t)(1 + rand() % 3);

		now_us += (uint64_t)rand() % 3000;
		handshake_count = 0;
		switch (rand() % 8) {
		case 0: case 1:
			begin(&flow, link, now_us);
			break;
		case 2:
			copy_back(&flow, flow.protocol == IPPROTO_TCP ? SYN | ACK : 0, link, now_us);
			break;
		case 3: case 4:
			(rand() % 2 == 0 ? copy : copy_back)(&flow, (uint8_t)(rand() & 0x17), link, now_us);
			break;
		case 5:
			living_forgotten(living, &flow, 1, 1, now_us);
			break;
		case 6:
			if (living_overdue(living, now_us, &due))
				living_looked_up(living, &due, (enum looked_up)(rand() % 3), now_us);
			break;
		default:
			if (rand() % 500 == 0) {
				living_survey_begin(living);
				living_survey_found(living, &flow, link, link, rand() % 2 == 0, now_us);
				living_survey_end(living, now_us);
			}
		}
		assert_true(count(1) + count(2) + count(3) <= living_figures(living).entries);
	}
	now_us += 60000 * MS;
	while (living_overdue(living, now_us, &due))
		living_looked_up(living, &due, LOOKED_UP_GONE, now_us);
	living_survey_begin(living);
	living_survey_end(living, now_us);
	assert_int_equal(count(1) + count(2) + count(3), 0);
	assert_int_equal(living_figures(living).entries, 0);
	assert_int_equal(living_figures(living).strangers, 0);
}

int main(void)
{
#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, begin_test, end_test)
	static const struct CMUnitTest tests[] = {
		WITH_TABLE(measures_a_handshake_and_counts_one_life),
		WITH_TABLE(a_reset_from_either_end_ends),
		WITH_TABLE(a_repeated_syn_gives_no_sample),
		WITH_TABLE(a_refusal_is_an_answer_without_a_sample),
		WITH_TABLE(who_gives_up_by_himself_accuses_nobody),
		WITH_TABLE(silence_fails_after_its_time),
		WITH_TABLE(what_never_left_is_no_failure),
		WITH_TABLE(what_is_just_forgotten_is_told),
		WITH_TABLE(an_answer_whose_copy_was_lost_is_one),
		WITH_TABLE(quic_is_timed_and_other_datagrams_are_not),
		WITH_TABLE(who_comes_by_a_link_counts_but_is_not_measured),
		WITH_TABLE(a_successor_outlives_the_news_of_its_predecessor),
		WITH_TABLE(decided_anew_before_it_left_counts_once),
		WITH_TABLE(a_survey_sets_counts_right),
		WITH_TABLE(what_the_kernel_decided_alone_counts_from_its_answer),
		WITH_TABLE(the_oldest_gives_way),
		WITH_TABLE(counts_come_back_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
