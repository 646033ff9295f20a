/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of packet.h on packets as they should be, and on those that somebody bent. */

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/packet.h"

struct packet {
	uint8_t bytes[2048];
	size_t length;
};

static void put(struct packet *packet, size_t count, const uint8_t *bytes)
{
	memcpy(packet->bytes + packet->length, bytes, count);
	packet->length += count;
}

#define PUT(packet, ...) \
	put(packet, sizeof((uint8_t[]){ __VA_ARGS__ }), (const uint8_t[]){ __VA_ARGS__ })

static void set16(struct packet *packet, size_t at, size_t value)
{
	packet->bytes[at] = (uint8_t)(value >> 8);
	packet->bytes[at + 1] = (uint8_t)value;
}

/* From 192.0.2.1 to 198.51.100.7. */
static void start_ipv4(struct packet *packet, uint8_t protocol)
{
	packet->length = 0;
	PUT(packet, 0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7);
}

/* From 2001:db8::1 to 2001:db8::2. */
static void start_ipv6(struct packet *packet, uint8_t protocol)
{
	packet->length = 0;
	PUT(packet, 0x60, 0, 0, 0, 0, 0, protocol, 64);
	PUT(packet, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
	PUT(packet, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
}

/* Writes the length into the IP header. */
static void finish(struct packet *packet)
{
	if (packet->bytes[0] >> 4 == 4)
		set16(packet, 2, packet->length);
	else
		set16(packet, 4, packet->length - 40);
}

/* Ports 4660 and 443. */
static void put_ports(struct packet *packet)
{
	PUT(packet, 0x12, 0x34, 0x01, 0xbb, 0, 0, 0, 0);
}

/* In memory of exactly its size, so that a sanitizer sees each byte that is read behind it. */
static int parse(const struct packet *packet, size_t length, struct flow *flow)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	int result;

	memcpy(copy, packet->bytes, length);
	result = packet_parse(copy, length, flow);
	free(copy);
	return result;
}

static void assert_address(const struct address *address, const char *expected)
{
	char text[ADDRESS_TEXT_MAX];

	assert_string_equal(address_format(address, text, sizeof(text)), expected);
}

static void assert_ports(const struct packet *packet, uint16_t from_port, uint16_t to_port)
{
	struct flow flow = { 0 };

	assert_int_equal(parse(packet, packet->length, &flow), 0);
	assert_true(flow.ports);
	assert_int_equal(flow.from_port, from_port);
	assert_int_equal(flow.to_port, to_port);
}

static void assert_no_ports(const struct packet *packet, uint8_t protocol)
{
	struct flow flow = { .ports = true, .from_port = 1, .to_port = 1 };

	assert_int_equal(parse(packet, packet->length, &flow), 0);
	assert_int_equal(flow.protocol, protocol);
	assert_false(flow.ports);
	assert_int_equal(flow.from_port, 0);
	assert_int_equal(flow.to_port, 0);
}

static void assert_refused(const struct packet *packet, size_t length)
{
	struct flow flow, before;

	memset(&flow, 0x5a, sizeof(flow));
	memset(&before, 0x5a, sizeof(before));
	assert_int_equal(parse(packet, length, &flow), -EBADMSG);
	assert_memory_equal(&flow, &before, sizeof(flow));
}

static const uint8_t with_ports[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_DCCP };

static void reads_ipv4(void **state)
{
	struct packet packet;
	struct flow flow = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(with_ports); i++) {
		start_ipv4(&packet, with_ports[i]);
		put_ports(&packet);
		finish(&packet);
		assert_ports(&packet, 4660, 443);
		assert_int_equal(parse(&packet, packet.length, &flow), 0);
		assert_int_equal(flow.family, IPV4);
		assert_int_equal(flow.protocol, with_ports[i]);
		assert_address(&flow.from, "192.0.2.1");
		assert_address(&flow.to, "198.51.100.7");
		for (size_t byte = 4; byte < 16; byte++)
			assert_int_equal(flow.from.bytes[byte] | flow.to.bytes[byte], 0);
	}
}

static void reads_ipv6(void **state)
{
	struct packet packet;
	struct flow flow = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(with_ports); i++) {
		start_ipv6(&packet, with_ports[i]);
		put_ports(&packet);
		finish(&packet);
		assert_ports(&packet, 4660, 443);
		assert_int_equal(parse(&packet, packet.length, &flow), 0);
		assert_int_equal(flow.family, IPV6);
		assert_int_equal(flow.protocol, with_ports[i]);
		assert_address(&flow.from, "2001:db8::1");
		assert_address(&flow.to, "2001:db8::2");
	}
}

static void leaves_the_other_fields(void **state)
{
	struct packet packet;
	struct flow flow = { .device = 7, .came_by = 3, .direct = true };

	(void)state;
	start_ipv4(&packet, IPPROTO_UDP);
	put_ports(&packet);
	finish(&packet);
	assert_int_equal(parse(&packet, packet.length, &flow), 0);
	assert_int_equal(flow.device, 7);
	assert_int_equal(flow.came_by, 3);
	assert_true(flow.direct);
}

static void skips_ipv4_options(void **state)
{
	struct packet packet;

	(void)state;
	start_ipv4(&packet, IPPROTO_TCP);
	packet.bytes[0] = 0x4f;
	for (int i = 0; i < 10; i++)
		PUT(&packet, 1, 1, 1, 1);
	put_ports(&packet);
	finish(&packet);
	assert_ports(&packet, 4660, 443);
	/* Options that are said to be there and are not. */
	packet.length = 24;
	assert_no_ports(&packet, IPPROTO_TCP);
}

static void refuses_what_is_no_packet(void **state)
{
	struct packet packet;

	(void)state;
	start_ipv4(&packet, IPPROTO_TCP);
	put_ports(&packet);
	finish(&packet);
	for (size_t length = 0; length < 20; length++)
		assert_refused(&packet, length);
	packet.bytes[0] = 0x44;
	assert_refused(&packet, packet.length);

	start_ipv6(&packet, IPPROTO_TCP);
	put_ports(&packet);
	finish(&packet);
	for (size_t length = 0; length < 40; length++)
		assert_refused(&packet, length);

	for (unsigned int version = 0; version < 16; version++) {
		packet.bytes[0] = (uint8_t)(version << 4 | 5);
		if (version != 4 && version != 6)
			assert_refused(&packet, packet.length);
	}
}

static void has_no_ports_where_the_packet_ends_before_them(void **state)
{
	struct packet packet;

	(void)state;
	start_ipv4(&packet, IPPROTO_TCP);
	put_ports(&packet);
	for (packet.length = 20; packet.length < 24; packet.length++)
		assert_no_ports(&packet, IPPROTO_TCP);
	assert_ports(&packet, 4660, 443);

	start_ipv6(&packet, IPPROTO_UDP);
	put_ports(&packet);
	for (packet.length = 40; packet.length < 44; packet.length++)
		assert_no_ports(&packet, IPPROTO_UDP);
	assert_ports(&packet, 4660, 443);
}

/* What is behind the packet's own length is padding; a length of 0 is a packet beyond 64 kB. */
static void believes_lengths_that_shorten(void **state)
{
	struct packet packet;

	(void)state;
	start_ipv4(&packet, IPPROTO_UDP);
	put_ports(&packet);
	for (size_t total = 1; total < 24; total++) {
		set16(&packet, 2, total);
		assert_no_ports(&packet, IPPROTO_UDP);
	}
	set16(&packet, 2, 0);
	assert_ports(&packet, 4660, 443);
	set16(&packet, 2, 0xffff);
	assert_ports(&packet, 4660, 443);

	start_ipv6(&packet, IPPROTO_UDP);
	put_ports(&packet);
	for (size_t total = 1; total < 4; total++) {
		set16(&packet, 4, total);
		assert_no_ports(&packet, IPPROTO_UDP);
	}
	set16(&packet, 4, 0xffff);
	assert_ports(&packet, 4660, 443);
}

static void does_not_care_for_the_length_of_udp(void **state)
{
	struct packet packet;

	(void)state;
	start_ipv4(&packet, IPPROTO_UDP);
	put_ports(&packet);
	finish(&packet);
	for (size_t length = 0; length <= 0xffff; length += 0x1111) {
		set16(&packet, 24, length);
		assert_ports(&packet, 4660, 443);
	}
}

static void reads_ports_of_first_fragments_only(void **state)
{
	struct packet packet;

	(void)state;
	start_ipv4(&packet, IPPROTO_UDP);
	put_ports(&packet);
	finish(&packet);
	set16(&packet, 6, 0x2000); /* more fragments */
	assert_ports(&packet, 4660, 443);
	set16(&packet, 6, 0x4000); /* do not fragment */
	assert_ports(&packet, 4660, 443);
	set16(&packet, 6, 0x2001);
	assert_no_ports(&packet, IPPROTO_UDP);
	set16(&packet, 6, 0x1000);
	assert_no_ports(&packet, IPPROTO_UDP);

	start_ipv6(&packet, IPPROTO_FRAGMENT);
	PUT(&packet, IPPROTO_UDP, 0, 0, 1, 0, 0, 0, 9);
	put_ports(&packet);
	finish(&packet);
	assert_ports(&packet, 4660, 443);
	set16(&packet, 42, 0x0008);
	assert_no_ports(&packet, IPPROTO_UDP);
	set16(&packet, 42, 0xfff9);
	assert_no_ports(&packet, IPPROTO_UDP);
}

/* A later fragment whose own header is extended: what follows is data and must not be walked. */
static void does_not_walk_into_later_fragments(void **state)
{
	struct packet packet;

	(void)state;
	start_ipv6(&packet, IPPROTO_FRAGMENT);
	PUT(&packet, IPPROTO_DSTOPTS, 0, 0, 8, 0, 0, 0, 9);
	PUT(&packet, IPPROTO_TCP, 0, 0, 0, 0, 0, 0, 0);
	put_ports(&packet);
	finish(&packet);
	assert_no_ports(&packet, IPPROTO_DSTOPTS);
}

static void has_no_ports_for_other_protocols(void **state)
{
	static const uint8_t others[] = { IPPROTO_ESP, IPPROTO_GRE, IPPROTO_IPIP, 255 };
	struct packet packet;

	(void)state;
	for (size_t i = 0; i < sizeof(others); i++) {
		start_ipv4(&packet, others[i]);
		put_ports(&packet);
		finish(&packet);
		assert_no_ports(&packet, others[i]);
		start_ipv6(&packet, others[i]);
		put_ports(&packet);
		finish(&packet);
		assert_no_ports(&packet, others[i]);
	}
	/* AH is walked through in IPv6 only, as conntrack does; 59 is the end of an IPv6 packet. */
	start_ipv4(&packet, IPPROTO_AH);
	PUT(&packet, IPPROTO_TCP, 4, 0, 0, 0, 0, 0, 1);
	put_ports(&packet);
	assert_no_ports(&packet, IPPROTO_AH);
	start_ipv6(&packet, IPPROTO_NONE);
	put_ports(&packet);
	assert_no_ports(&packet, IPPROTO_NONE);
}

static void assert_icmp(const struct packet *packet, size_t length, uint16_t from_port, uint16_t to_port)
{
	struct flow flow = { .ports = true };

	assert_int_equal(parse(packet, length, &flow), 0);
	assert_false(flow.ports);
	assert_int_equal(flow.from_port, from_port);
	assert_int_equal(flow.to_port, to_port);
}

static void reads_icmp(void **state)
{
	struct packet packet;

	(void)state;
	start_ipv4(&packet, IPPROTO_ICMP);
	PUT(&packet, 8, 0, 0xab, 0xcd, 0x12, 0x34, 0, 1);
	assert_icmp(&packet, 28, 0x0800, 0x1234);
	assert_icmp(&packet, 25, 0x0800, 0);
	assert_icmp(&packet, 21, 0, 0);
	packet.bytes[20] = 0;
	assert_icmp(&packet, 28, 0x0000, 0x1234);
	/* Of an error these bytes are no identifier: here "fragmentation needed". */
	packet.bytes[20] = 3;
	packet.bytes[21] = 4;
	assert_icmp(&packet, 28, 0x0304, 0);

	start_ipv6(&packet, IPPROTO_ICMPV6);
	PUT(&packet, 128, 0, 0xab, 0xcd, 0x12, 0x34, 0, 1);
	assert_icmp(&packet, 48, 0x8000, 0x1234);
	packet.bytes[40] = 129;
	assert_icmp(&packet, 48, 0x8100, 0x1234);
	packet.bytes[40] = 2;
	assert_icmp(&packet, 48, 0x0200, 0);

	/* The other family's ICMP is a protocol like any other. */
	start_ipv4(&packet, IPPROTO_ICMPV6);
	PUT(&packet, 128, 0, 0, 0, 0x12, 0x34, 0, 1);
	assert_no_ports(&packet, IPPROTO_ICMPV6);
	start_ipv6(&packet, IPPROTO_ICMP);
	PUT(&packet, 8, 0, 0, 0, 0x12, 0x34, 0, 1);
	assert_no_ports(&packet, IPPROTO_ICMP);
}

static void walks_each_kind_of_extension(void **state)
{
	struct packet packet;

	(void)state;
	start_ipv6(&packet, IPPROTO_HOPOPTS);
	PUT(&packet, IPPROTO_ROUTING, 0, 1, 4, 0, 0, 0, 0);
	PUT(&packet, IPPROTO_DSTOPTS, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	PUT(&packet, IPPROTO_AH, 0, 1, 4, 0, 0, 0, 0);
	PUT(&packet, IPPROTO_FRAGMENT, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1);
	PUT(&packet, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9); /* the rest of AH: (4 + 2) * 4 bytes */
	PUT(&packet, IPPROTO_TCP, 0, 0, 0, 0, 0, 0, 9);
	put_ports(&packet);
	finish(&packet);
	assert_ports(&packet, 4660, 443);
	/* The protocol is unknown wherever the packet ends between the headers. */
	for (size_t length = 40; length < packet.length - 8; length++)
		assert_refused(&packet, length);
}

static void put_extensions(struct packet *packet, int count)
{
	start_ipv6(packet, IPPROTO_DSTOPTS);
	for (int i = 1; i <= count; i++)
		PUT(packet, i == count ? IPPROTO_TCP : IPPROTO_DSTOPTS, 0, 1, 4, 0, 0, 0, 0);
	put_ports(packet);
	finish(packet);
}

static void walks_at_most_eight_extensions(void **state)
{
	struct packet packet;

	(void)state;
	put_extensions(&packet, 8);
	assert_ports(&packet, 4660, 443);
	put_extensions(&packet, 9);
	assert_refused(&packet, packet.length);
	put_extensions(&packet, 64);
	assert_refused(&packet, packet.length);
}

static void stops_at_extensions_that_are_longer_than_the_packet(void **state)
{
	struct packet packet;

	(void)state;
	put_extensions(&packet, 1);
	packet.bytes[41] = 255;
	assert_refused(&packet, packet.length);
	put_extensions(&packet, 2);
	set16(&packet, 4, 9);
	assert_refused(&packet, packet.length);
}

/* Whatever the bytes, the parser ends, keeps within them and says one of two things. */
static void survives_anything(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int trial = 0; trial < 100000; trial++) {
		struct packet packet = { .length = (size_t)rand() % 128 };
		struct flow flow = { 0 };
		int result;

		for (size_t i = 0; i < packet.length; i++)
			packet.bytes[i] = rand() % 3 == 0 ? (uint8_t)rand() : (uint8_t)(rand() % 2);
		packet.bytes[0] = rand() % 2 == 0 ? 0x45 : 0x60;
		packet.bytes[6] = with_ports[rand() % 5];
		if (rand() % 2 == 0)
			packet.bytes[6] = rand() % 2 == 0 ? IPPROTO_FRAGMENT : IPPROTO_HOPOPTS;
		result = parse(&packet, packet.length, &flow);
		assert_true(result == 0 || result == -EBADMSG);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_ipv4),
		cmocka_unit_test(reads_ipv6),
		cmocka_unit_test(leaves_the_other_fields),
		cmocka_unit_test(skips_ipv4_options),
		cmocka_unit_test(refuses_what_is_no_packet),
		cmocka_unit_test(has_no_ports_where_the_packet_ends_before_them),
		cmocka_unit_test(believes_lengths_that_shorten),
		cmocka_unit_test(does_not_care_for_the_length_of_udp),
		cmocka_unit_test(reads_ports_of_first_fragments_only),
		cmocka_unit_test(does_not_walk_into_later_fragments),
		cmocka_unit_test(has_no_ports_for_other_protocols),
		cmocka_unit_test(reads_icmp),
		cmocka_unit_test(walks_each_kind_of_extension),
		cmocka_unit_test(walks_at_most_eight_extensions),
		cmocka_unit_test(stops_at_extensions_that_are_longer_than_the_packet),
		cmocka_unit_test(survives_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
