/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of assemble.h and frame.h: who began, bytes in each direction, ends, and what is left out. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/assemble.h"
#include "core/frame.h"
#include "core/networks.h"

#define SYN 2
#define RST 4
#define ACK 16
#define FIN 1

#define ENDED_MAX 64

struct tape {
	struct networks inside;
	struct network network;
	struct assembler *assembler;
	struct replay_connection ended[ENDED_MAX];
	size_t count;
};

static void take(void *data, const struct replay_connection *connection)
{
	struct tape *tape = data;

	assert_true(tape->count < ENDED_MAX);
	tape->ended[tape->count++] = *connection;
}

static void open_tape(struct tape *tape, size_t entries)
{
	*tape = (struct tape){ .count = 0 };
	assert_true(network_parse("10.0.0.0/8", &tape->network));
	tape->inside = (struct networks){ &tape->network, 1 };
	tape->assembler = assembler_new(entries, &tape->inside, take, tape);
	assert_non_null(tape->assembler);
}

static void close_tape(struct tape *tape)
{
	assembler_free(tape->assembler);
}

/* A packet of TCP (flags) or UDP (flags 0), with ports, and so many bytes in all. */
static void play(struct tape *tape, double when, const char *from, uint16_t from_port, const char *to, uint16_t to_port,
	uint8_t flags, size_t size)
{
	uint8_t bytes[40] = { 0x45, 0, (uint8_t)(size >> 8), (uint8_t)size, 0, 0, 0, 0, 64, flags == 0 ? 17 : 6 };
	struct address address;

	assert_true(address_parse(from, &address));
	memcpy(bytes + 12, address.bytes, 4);
	assert_true(address_parse(to, &address));
	memcpy(bytes + 16, address.bytes, 4);
	bytes[20] = (uint8_t)(from_port >> 8);
	bytes[21] = (uint8_t)from_port;
	bytes[22] = (uint8_t)(to_port >> 8);
	bytes[23] = (uint8_t)to_port;
	bytes[33] = flags;
	assemble_packet(tape->assembler, when, bytes, sizeof(bytes), size);
}

static void out(struct tape *tape, double when, uint8_t flags, size_t size)
{
	play(tape, when, "10.0.0.5", 40000, "198.51.100.7", 443, flags, size);
}

static void in(struct tape *tape, double when, uint8_t flags, size_t size)
{
	play(tape, when, "198.51.100.7", 443, "10.0.0.5", 40000, flags, size);
}

static void is_the_one(const struct replay_connection *connection, double start, double duration, uint64_t download,
	uint64_t upload)
{
	char text[ADDRESS_TEXT_MAX];

	assert_true(connection->start == start && connection->duration == duration);
	assert_int_equal(connection->bytes[DOWNLOAD], download);
	assert_int_equal(connection->bytes[UPLOAD], upload);
	assert_string_equal(address_format(&connection->flow.from, text, sizeof(text)), "10.0.0.5");
	assert_int_equal(connection->flow.to_port, 443);
	assert_true(connection->inside && !connection->known && connection->in == NULL);
}

static void a_conversation_is_one_connection(void **state)
{
	struct tape tape;

	(void)state;
	open_tape(&tape, 64);
	out(&tape, 100, SYN, 60);
	in(&tape, 100.25, SYN | ACK, 60);
	out(&tape, 100.5, ACK, 52);
	in(&tape, 101, ACK, 1500);
	out(&tape, 102, FIN | ACK, 52);
	in(&tape, 103, FIN | ACK, 52);
	out(&tape, 103.5, ACK, 52);
	assert_int_equal(tape.count, 0);
	assemble_rest(tape.assembler);
	assert_int_equal(tape.count, 1);
	is_the_one(&tape.ended[0], 100, 3.5, 1612, 216);
	assert_int_equal(assembler_counts(tape.assembler)->packets, 7);
	close_tape(&tape);
}

static void ends_are_found(void **state)
{
	struct tape tape;

	(void)state;
	open_tape(&tape, 64);
	/* A reset, and the same ports again; a repeated SYN is no end. */
	out(&tape, 1, SYN, 60);
	out(&tape, 2, SYN, 60);
	in(&tape, 3, RST, 40);
	out(&tape, 4, SYN, 60);
	assert_int_equal(tape.count, 1);
	is_the_one(&tape.ended[0], 1, 2, 40, 120);
	/* Silence for more than a minute. */
	in(&tape, 64, ACK, 40);
	out(&tape, 124.5, ACK, 40);
	assert_int_equal(tape.count, 2);
	is_the_one(&tape.ended[1], 4, 60, 40, 60);
	assemble_rest(tape.assembler);
	is_the_one(&tape.ended[2], 124.5, 0, 0, 40);
	close_tape(&tape);
}

static void inside_begins(void **state)
{
	struct tape tape;

	(void)state;
	open_tape(&tape, 64);
	in(&tape, 1, SYN, 60);
	out(&tape, 1, SYN | ACK, 60);
	play(&tape, 1, "198.51.100.7", 40000, "10.0.0.5", 5060, 0, 100);
	assert_int_equal(assembler_counts(tape.assembler)->from_outside, 3);
	play(&tape, 1, "10.0.0.5", 40000, "10.0.0.6", 443, SYN, 60);
	play(&tape, 1, "192.0.2.1", 40000, "198.51.100.7", 443, SYN, 60);
	assert_int_equal(assembler_counts(tape.assembler)->elsewhere, 2);
	assemble_rest(tape.assembler);
	assert_int_equal(tape.count, 0);
	/* In the middle, the first packet says nothing; of UDP the port of a service says it. */
	in(&tape, 5, ACK, 1500);
	out(&tape, 6, ACK, 40);
	play(&tape, 7, "198.51.100.7", 443, "10.0.0.5", 50000, 0, 100);
	assemble_rest(tape.assembler);
	assert_int_equal(tape.count, 2);
	assert_int_equal(tape.ended[0].flow.to_port, 443);
	assert_int_equal(tape.ended[1].flow.to_port, 443);
	close_tape(&tape);
}

static void a_full_table_gives_up_the_oldest(void **state)
{
	struct tape tape;

	(void)state;
	open_tape(&tape, 8);
	for (uint16_t i = 0; i < 20; i++)
		play(&tape, 100 + i, "10.0.0.5", (uint16_t)(40000 + i), "198.51.100.7", 443, SYN, 60);
	assert_int_equal(tape.count, 12);
	for (uint16_t i = 0; i < 12; i++)
		assert_int_equal(tape.ended[i].flow.from_port, 40000 + i);
	assemble_rest(tape.assembler);
	assert_int_equal(tape.count, 20);
	close_tape(&tape);
}

static void pings_are_connections_and_errors_are_not(void **state)
{
	uint8_t bytes[28] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 5, 198, 51, 100, 7, 8, 0, 0, 0, 0, 7 };
	uint8_t answer[28] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 198, 51, 100, 7, 10, 0, 0, 5, 0, 0, 0, 0, 0, 7 };
	struct tape tape;

	(void)state;
	open_tape(&tape, 64);
	assemble_packet(tape.assembler, 1, bytes, sizeof(bytes), 28);
	assemble_packet(tape.assembler, 2, answer, sizeof(answer), 28);
	answer[20] = 3;
	assemble_packet(tape.assembler, 3, answer, sizeof(answer), 28);
	assemble_packet(tape.assembler, 4, answer, 3, 28);
	assemble_nothing(tape.assembler);
	bytes[6] = 0x20;
	bytes[9] = 17;
	bytes[7] = 9;
	assemble_packet(tape.assembler, 5, bytes, sizeof(bytes), 28);
	assemble_rest(tape.assembler);
	assert_int_equal(tape.count, 1);
	assert_int_equal(tape.ended[0].bytes[DOWNLOAD], 28);
	assert_int_equal(tape.ended[0].flow.from_port, 8 << 8);
	assert_int_equal(assembler_counts(tape.assembler)->elsewhere, 1);
	assert_int_equal(assembler_counts(tape.assembler)->not_ip, 2);
	assert_int_equal(assembler_counts(tape.assembler)->fragments, 1);
	close_tape(&tape);
}

static void frames(void **state)
{
	static const uint8_t plain[14] = { [12] = 8, [13] = 0 }, arp[14] = { [12] = 8, [13] = 6 };
	static const uint8_t tagged[18] = { [12] = 0x81, [13] = 0, [15] = 7, [16] = 0x86, [17] = 0xdd };
	static const uint8_t twice[22] = { [12] = 0x88, [13] = 0xa8, [16] = 0x81, [17] = 0, [20] = 8, [21] = 0 };
	static const uint8_t pppoe[22] = { [12] = 0x88, [13] = 0x64, [14] = 0x11, [20] = 0, [21] = 0x21 };
	static const uint8_t pppoe_control[22] = { [12] = 0x88, [13] = 0x64, [14] = 0x11, [20] = 0xc0, [21] = 0x21 };
	static const uint8_t cooked[16] = { [14] = 8, [15] = 0 }, cooked2[20] = { 0x86, 0xdd };

	(void)state;
	assert_int_equal(frame_packet(FRAME_ETHERNET, plain, sizeof(plain)), 14);
	assert_int_equal(frame_packet(FRAME_ETHERNET, plain, 13), -EBADMSG);
	assert_int_equal(frame_packet(FRAME_ETHERNET, arp, sizeof(arp)), -EBADMSG);
	assert_int_equal(frame_packet(FRAME_ETHERNET, tagged, sizeof(tagged)), 18);
	assert_int_equal(frame_packet(FRAME_ETHERNET, tagged, 17), -EBADMSG);
	assert_int_equal(frame_packet(FRAME_ETHERNET, twice, sizeof(twice)), 22);
	assert_int_equal(frame_packet(FRAME_ETHERNET, pppoe, sizeof(pppoe)), 22);
	assert_int_equal(frame_packet(FRAME_ETHERNET, pppoe, 21), -EBADMSG);
	assert_int_equal(frame_packet(FRAME_ETHERNET, pppoe_control, sizeof(pppoe_control)), -EBADMSG);
	assert_int_equal(frame_packet(FRAME_COOKED, cooked, sizeof(cooked)), 16);
	assert_int_equal(frame_packet(FRAME_COOKED2, cooked2, sizeof(cooked2)), 20);
	assert_int_equal(frame_packet(FRAME_COOKED2, cooked2, 19), -EBADMSG);
	assert_int_equal(frame_packet(FRAME_LOOP, plain, 4), 4);
	assert_int_equal(frame_packet(FRAME_LOOP, plain, 3), -EBADMSG);
	assert_int_equal(frame_packet(FRAME_IP, plain, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_is_one_connection),
		cmocka_unit_test(ends_are_found),
		cmocka_unit_test(inside_begins),
		cmocka_unit_test(a_full_table_gives_up_the_oldest),
		cmocka_unit_test(pings_are_connections_and_errors_are_not),
		cmocka_unit_test(frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
