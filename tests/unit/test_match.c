/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves what sets, ranges, types of ICMP, code points and times mean to a match. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/match.h"
#include "core/packet.h"
#include "sample_gateway.h"

#define ICMP   1
#define TCP    6
#define UDP    17
#define ICMPV6 58

#define AT(day, hour, minute) ((uint16_t)((day) * 1440 + (hour) * 60 + (minute)))

static struct sample_gateway *open_match(const char *match)
{
	char yaml[1024];

	snprintf(yaml, sizeof(yaml),
		"zones: { lan: { devices: [lan0] } }\n"
		"links: { fiber: { device: wan1 } }\n"
		"sets:\n"
		"  partners: { networks: [203.0.113.64/26, 203.0.113.0/26, 192.0.2.10-192.0.2.20, '2001:db8:ff::/48'] }\n"
		"  four: { networks: 10.0.0.0/8 }\n"
		"policies: [{ name: it, match: { %s } }]\n", match);
	return gateway_new(yaml);
}

/* What does not match, or "matches". */
static const char *mismatch(const struct sample_gateway *gateway, const struct flow *flow)
{
	const char *word = match_mismatch(&gateway->config->policies[0], flow, gateway->config, &gateway->ids,
		&gateway->view);

	return word == NULL ? "matches" : word;
}

static const char *tcp(const struct sample_gateway *gateway, const char *from, const char *to)
{
	struct flow flow = gateway_flow(gateway, "lan0", TCP, from, 40000, to, 443);

	return mismatch(gateway, &flow);
}

static void sets_stand_for_networks(void **state)
{
	struct sample_gateway *gateway = open_match("from: [four, 'fd00::/8'], to: partners, not-to: 203.0.113.7");

	(void)state;
	assert_string_equal(tcp(gateway, "10.0.1.5", "203.0.113.1"), "matches");
	assert_string_equal(tcp(gateway, "10.0.1.5", "203.0.113.127"), "matches");
	assert_string_equal(tcp(gateway, "10.0.1.5", "203.0.113.128"), "to");
	assert_string_equal(tcp(gateway, "10.0.1.5", "192.0.2.9"), "to");
	assert_string_equal(tcp(gateway, "10.0.1.5", "192.0.2.10"), "matches");
	assert_string_equal(tcp(gateway, "10.0.1.5", "192.0.2.20"), "matches");
	assert_string_equal(tcp(gateway, "10.0.1.5", "192.0.2.21"), "to");
	assert_string_equal(tcp(gateway, "fd00:1::5", "2001:db8:ff:7::1"), "matches");
	assert_string_equal(tcp(gateway, "fd00:1::5", "2001:db8:fe::1"), "to");
	assert_string_equal(tcp(gateway, "11.0.1.5", "203.0.113.1"), "from");
	assert_string_equal(tcp(gateway, "10.0.1.5", "203.0.113.7"), "not-to");
	gateway_free(gateway);

	gateway = open_match("not-from: four, not-to: [partners]");
	assert_string_equal(tcp(gateway, "10.0.1.5", "198.51.100.1"), "not-from");
	assert_string_equal(tcp(gateway, "11.0.1.5", "192.0.2.15"), "not-to");
	assert_string_equal(tcp(gateway, "11.0.1.5", "198.51.100.1"), "matches");
	gateway_free(gateway);
}

static void an_empty_set_has_nobody(void **state)
{
	struct sample_gateway *gateway = open_match("from: four");

	(void)state;
	gateway->view.sets[1].count = 0;
	assert_string_equal(tcp(gateway, "10.0.1.5", "203.0.113.1"), "from");
	gateway_free(gateway);

	gateway = open_match("not-from: four");
	gateway->view.sets[1].count = 0;
	assert_string_equal(tcp(gateway, "10.0.1.5", "203.0.113.1"), "matches");
	gateway_free(gateway);
}

static void ranges_have_both_ends(void **state)
{
	struct sample_gateway *gateway = open_match("from: [10.0.1.5-10.0.1.7, 'fd00::5-fd00::6']");

	(void)state;
	assert_string_equal(tcp(gateway, "10.0.1.4", "203.0.113.1"), "from");
	assert_string_equal(tcp(gateway, "10.0.1.5", "203.0.113.1"), "matches");
	assert_string_equal(tcp(gateway, "10.0.1.7", "203.0.113.1"), "matches");
	assert_string_equal(tcp(gateway, "10.0.1.8", "203.0.113.1"), "from");
	assert_string_equal(tcp(gateway, "fd00::4", "2001:db8:ff::1"), "from");
	assert_string_equal(tcp(gateway, "fd00::6", "2001:db8:ff::1"), "matches");
	gateway_free(gateway);
}

static const char *icmp(const struct sample_gateway *gateway, uint8_t protocol, unsigned int type, unsigned int code)
{
	bool four = protocol == ICMP;
	struct flow flow = gateway_flow(gateway, "lan0", protocol, four ? "10.0.1.5" : "fd00:1::5",
		(uint16_t)(type << 8 | code), four ? "203.0.113.1" : "2001:db8:ff::1", 7);

	return mismatch(gateway, &flow);
}

static void types_of_icmp(void **state)
{
	struct sample_gateway *gateway = open_match("protocol: icmp, icmp-type: [echo-request, 13, 3/1]");

	(void)state;
	assert_string_equal(icmp(gateway, ICMP, 8, 0), "matches");
	assert_string_equal(icmp(gateway, ICMP, 8, 9), "matches");
	assert_string_equal(icmp(gateway, ICMP, 13, 0), "matches");
	assert_string_equal(icmp(gateway, ICMP, 3, 1), "matches");
	assert_string_equal(icmp(gateway, ICMP, 3, 0), "icmp-type");
	assert_string_equal(icmp(gateway, ICMP, 0, 0), "icmp-type");
	assert_string_equal(icmp(gateway, ICMPV6, 8, 0), "protocol");
	gateway_free(gateway);

	gateway = open_match("protocol: icmpv6, icmp-type: echo-request");
	assert_string_equal(icmp(gateway, ICMPV6, 128, 0), "matches");
	assert_string_equal(icmp(gateway, ICMPV6, 129, 0), "icmp-type");
	assert_string_equal(icmp(gateway, ICMP, 128, 0), "protocol");
	gateway_free(gateway);
}

/* The other family's ICMP within IP is some protocol without types. */
static void types_are_of_their_family(void **state)
{
	struct sample_gateway *gateway = open_match("protocol: icmpv6, icmp-type: 0");
	struct flow flow = gateway_flow(gateway, "lan0", ICMPV6, "10.0.1.5", 0, "203.0.113.1", 0);

	(void)state;
	assert_string_equal(mismatch(gateway, &flow), "icmp-type");
	gateway_free(gateway);
}

/* All 64, beside the two bits of congestion, and beside version and flow label. */
static void code_points_are_read_and_matched(void **state)
{
	uint8_t four[28] = { 0x45, [3] = 28, [9] = UDP }, six[48] = { 0x60, [5] = 8, [6] = UDP };
	struct sample_gateway *gateway = open_match("dscp: [ef, le, 7]");
	struct flow flow = { 0 };

	(void)state;
	for (unsigned int dscp = 0; dscp < 64; dscp++) {
		const char *expected = dscp == 46 || dscp == 1 || dscp == 7 ? "matches" : "dscp";

		four[1] = (uint8_t)(dscp << 2 | 3);
		assert_int_equal(packet_parse(four, sizeof(four), &flow), 0);
		assert_int_equal(flow.dscp, dscp);
		assert_string_equal(mismatch(gateway, &flow), expected);
		six[0] = (uint8_t)(0x60 | dscp >> 2);
		six[1] = (uint8_t)(dscp << 6 | 0x3f);
		assert_int_equal(packet_parse(six, sizeof(six), &flow), 0);
		assert_int_equal(flow.dscp, dscp);
		assert_string_equal(mismatch(gateway, &flow), expected);
	}
	gateway_free(gateway);
}

static const char *at(struct sample_gateway *gateway, uint16_t minute)
{
	gateway->view.minute = minute;
	return tcp(gateway, "10.0.1.5", "203.0.113.1");
}

static void times_are_those_of_the_view(void **state)
{
	struct sample_gateway *gateway = open_match("time: { days: sun-thu, hours: 21:00-06:30 }");

	(void)state;
	assert_string_equal(at(gateway, AT(0, 6, 29)), "matches");  /* Sunday's night */
	assert_string_equal(at(gateway, AT(0, 6, 30)), "time");
	assert_string_equal(at(gateway, AT(0, 21, 0)), "matches");
	assert_string_equal(at(gateway, AT(4, 6, 29)), "matches");  /* Thursday's */
	assert_string_equal(at(gateway, AT(4, 21, 0)), "time");
	assert_string_equal(at(gateway, AT(5, 3, 0)), "time");
	assert_string_equal(at(gateway, AT(6, 3, 0)), "time");
	assert_string_equal(at(gateway, AT(6, 21, 0)), "matches");
	gateway_free(gateway);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_stand_for_networks),
		cmocka_unit_test(an_empty_set_has_nobody),
		cmocka_unit_test(ranges_have_both_ends),
		cmocka_unit_test(types_of_icmp),
		cmocka_unit_test(types_are_of_their_family),
		cmocka_unit_test(code_points_are_read_and_matched),
		cmocka_unit_test(times_are_those_of_the_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
