/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves which policy a flow meets: each word that from and to know, and all at random against an oracle. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "classifier_oracle.h"
#include "core/classifier.h"
#include "random_gateway.h"

#define ICMP 1
#define TCP  6
#define UDP  17
#define GRE  47

#define WORLD                                                                                           \
	"zones:\n"                                                                                      \
	"  lan: { devices: [lan0] }\n"                                                                  \
	"  office: { networks: [10.9.0.0/16, 'fd09::/32'] }\n"                                          \
	"  guest: { devices: [vlan20], networks: [10.20.0.0/16, 'fd20::/32'] }\n"                       \
	"links:\n"                                                                                      \
	"  fiber: { device: wan1 }\n"                                                                   \
	"  lte: { device: wwan0 }\n"                                                                    \
	"policies:\n"

struct subject {
	struct sample_gateway *gateway;
	struct classifier *classifier;
};

static void subject_of(struct subject *subject, struct sample_gateway *gateway)
{
	*subject = (struct subject){ .gateway = gateway };
	subject->classifier = classifier_new(gateway->config, &gateway->ids, &gateway->view, NULL);
	assert_non_null(subject->classifier);
}

static void open_subject(struct subject *subject, const char *policies)
{
	char yaml[4096];

	snprintf(yaml, sizeof(yaml), WORLD "%s", policies);
	subject_of(subject, gateway_new(yaml));
}

/* With one policy of that match. */
static void open_match(struct subject *subject, const char *match)
{
	char policy[512];

	snprintf(policy, sizeof(policy), "  - { name: it, match: { %s } }\n", match);
	open_subject(subject, policy);
}

static void close_subject(struct subject *subject)
{
	classifier_free(subject->classifier);
	gateway_free(subject->gateway);
}

/* What does not match, or "matches". */
static const char *mismatch_of(const struct subject *subject, const struct flow *flow)
{
	const char *word = classifier_mismatch(subject->classifier, flow, 0);

	assert_int_equal(classifier_match(subject->classifier, flow, 0), word == NULL ? 0 : 1);
	return word == NULL ? "matches" : word;
}

static const char *tcp(const struct subject *subject, const char *device, const char *from, const char *to)
{
	struct flow flow = gateway_flow(subject->gateway, device, TCP, from, 40000, to, 443);

	return mismatch_of(subject, &flow);
}

struct expectation {
	const char *device, *from, *to, *result;
};

static void expect(const char *match, const struct expectation *expectations, size_t count)
{
	struct subject subject;

	open_match(&subject, match);
	for (size_t i = 0; i < count; i++) {
		const struct expectation *e = &expectations[i];
		const char *seen = tcp(&subject, e->device, e->from, e->to);

		if (strcmp(seen, e->result) != 0)
			fail_msg("%s: by \"%s\" from %s to %s: %s, not %s", match, e->device, e->from, e->to, seen, e->result);
	}
	close_subject(&subject);
}

#define EXPECT(match, ...)                                                              \
	do {                                                                            \
		static const struct expectation expected[] = { __VA_ARGS__ };           \
		expect(match, expected, sizeof(expected) / sizeof(expected[0]));        \
	} while (0)

static void from_any(void **state)
{
	(void)state;
	EXPECT("from: any",
		{ "lan0", "10.0.1.5", "203.0.113.1", "matches" },
		{ "", "10.0.1.1", "203.0.113.1", "matches" },
		{ "wan1", "2001:db8:ff::1", "fd00:1::5", "matches" });
	EXPECT("not-from: any", { "lan0", "10.0.1.5", "203.0.113.1", "not-from" });
	EXPECT("not-to: any", { "lan0", "10.0.1.5", "203.0.113.1", "not-to" });
}

static void from_internet(void **state)
{
	(void)state;
	EXPECT("from: internet",
		{ "wan1", "203.0.113.1", "10.0.1.5", "matches" },
		{ "wwan0", "2001:db8:ff::1", "fd00:1::5", "matches" },
		{ "lan0", "203.0.113.1", "10.0.1.5", "from" },
		{ "other0", "203.0.113.1", "10.0.1.5", "from" },
		{ "", "198.51.1.1", "10.0.1.5", "from" });
}

static void from_router(void **state)
{
	(void)state;
	EXPECT("from: router",
		{ "", "198.51.1.1", "203.0.113.1", "matches" },
		{ "", "fd00:1::1", "2001:db8:ff::1", "matches" },
		{ "lan0", "10.0.1.1", "203.0.113.1", "from" },
		{ "wan1", "198.51.1.1", "203.0.113.1", "from" });
}

static void from_a_zone_of_devices(void **state)
{
	(void)state;
	EXPECT("from: lan",
		{ "lan0", "10.0.1.5", "203.0.113.1", "matches" },
		{ "lan0", "203.0.113.9", "203.0.113.1", "matches" },
		{ "lan0", "fd00:77::1", "2001:db8:ff::1", "matches" },
		{ "vlan20", "10.0.1.5", "203.0.113.1", "from" },
		{ "wan1", "10.0.1.5", "203.0.113.1", "from" },
		{ "", "10.0.1.5", "203.0.113.1", "from" });
}

static void from_a_zone_of_networks(void **state)
{
	(void)state;
	EXPECT("from: office",
		{ "lan0", "10.9.1.1", "203.0.113.1", "matches" },
		{ "other0", "10.9.1.1", "203.0.113.1", "matches" },
		{ "lan0", "fd09::1", "2001:db8:ff::1", "matches" },
		{ "lan0", "10.10.0.0", "203.0.113.1", "from" },
		{ "lan0", "fd0a::1", "2001:db8:ff::1", "from" },
		{ "", "10.9.1.1", "203.0.113.1", "from" },
		{ "wan1", "10.9.1.1", "203.0.113.1", "from" });
}

static void from_a_zone_of_both(void **state)
{
	(void)state;
	EXPECT("from: guest",
		{ "vlan20", "10.20.255.255", "203.0.113.1", "matches" },
		{ "vlan20", "fd20::5", "2001:db8:ff::1", "matches" },
		{ "lan0", "10.20.1.1", "203.0.113.1", "from" },
		{ "vlan20", "10.21.0.0", "203.0.113.1", "from" },
		{ "", "10.20.1.1", "203.0.113.1", "from" });
}

static void from_a_link(void **state)
{
	(void)state;
	EXPECT("from: lte",
		{ "wwan0", "203.0.113.1", "10.0.1.5", "matches" },
		{ "wwan0", "2001:db8:ff::1", "fd00:1::5", "matches" },
		{ "wan1", "203.0.113.1", "10.0.1.5", "from" },
		{ "lan0", "198.51.2.9", "203.0.113.1", "from" },
		{ "", "198.51.2.1", "203.0.113.1", "from" });
}

static void from_a_network(void **state)
{
	(void)state;
	EXPECT("from: [203.0.113.0/24, 10.0.1.5, '2001:db8:ff::/48']",
		{ "wan1", "203.0.113.1", "10.0.1.5", "matches" },
		{ "", "203.0.113.1", "10.0.1.5", "matches" },
		{ "lan0", "10.0.1.5", "203.0.113.1", "matches" },
		{ "lan0", "10.0.1.6", "203.0.113.1", "from" },
		{ "lan0", "2001:db8:ff:ffff::1", "2001:db8:1::1", "matches" },
		{ "lan0", "2001:db8:100::1", "2001:db8:1::1", "from" });
	EXPECT("from: 0.0.0.0/0",
		{ "lan0", "10.0.1.5", "203.0.113.1", "matches" },
		{ "lan0", "fd00:1::5", "2001:db8:ff::1", "from" });
}

static void to_internet(void **state)
{
	(void)state;
	EXPECT("to: internet",
		{ "lan0", "10.0.1.5", "203.0.113.1", "matches" },
		{ "", "198.51.1.1", "2001:db8:ff::1", "matches" },
		{ "lan0", "10.0.1.5", "10.0.2.1", "to" },
		{ "lan0", "10.0.1.5", "10.20.3.3", "to" },
		{ "wan1", "192.0.2.1", "203.0.113.1", "to" });
}

static void to_router(void **state)
{
	(void)state;
	EXPECT("to: router",
		{ "lan0", "10.0.1.5", "10.0.1.1", "matches" },
		{ "lan0", "10.0.1.5", "198.51.2.1", "matches" },
		{ "wan1", "192.0.2.1", "198.51.1.1", "matches" },
		{ "lan0", "fd00:1::5", "fd00:1::1", "matches" },
		{ "lan0", "10.0.1.5", "10.0.1.2", "to" },
		{ "lan0", "10.0.1.5", "203.0.113.1", "to" });
}

/* This machine is in no zone, though its addresses are in the networks of zones. */
static void to_a_zone(void **state)
{
	(void)state;
	EXPECT("to: lan",
		{ "vlan20", "10.20.1.1", "10.0.1.5", "matches" },
		{ "wan1", "203.0.113.1", "10.0.1.5", "matches" },
		{ "vlan20", "fd20::1", "fd00:1::5", "matches" },
		{ "vlan20", "10.20.1.1", "10.0.1.1", "to" },
		{ "vlan20", "fd20::1", "fd00:1::1", "to" },
		{ "vlan20", "10.20.1.1", "10.0.9.5", "to" });
	EXPECT("to: [office, guest]",
		{ "lan0", "10.0.1.5", "10.9.1.1", "matches" },
		{ "lan0", "10.0.1.5", "10.20.1.1", "matches" },
		{ "lan0", "fd00:1::5", "fd20::1", "matches" },
		{ "lan0", "10.0.1.5", "10.0.2.77", "to" });
}

static void to_a_link(void **state)
{
	(void)state;
	EXPECT("to: fiber",
		{ "lan0", "10.0.1.5", "198.51.1.254", "matches" },
		{ "lan0", "fd00:1::5", "2001:db8:1::fe", "matches" },
		{ "lan0", "10.0.1.5", "198.51.2.254", "to" },
		{ "lan0", "10.0.1.5", "203.0.113.1", "to" });
}

static void exclusions_win(void **state)
{
	(void)state;
	EXPECT("from: [lan, office], not-from: [10.0.1.5, 'fd00:1::5'], to: internet, not-to: 203.0.113.7",
		{ "lan0", "10.0.1.6", "203.0.113.1", "matches" },
		{ "lan0", "10.0.1.5", "203.0.113.1", "not-from" },
		{ "lan0", "fd00:1::5", "2001:db8:ff::1", "not-from" },
		{ "lan0", "10.0.1.6", "203.0.113.7", "not-to" },
		{ "", "10.0.1.1", "203.0.113.7", "from" },
		{ "lan0", "10.0.1.5", "10.0.1.6", "to" });
	EXPECT("not-from: [internet, router]",
		{ "other0", "10.0.1.6", "203.0.113.1", "matches" },
		{ "wan1", "192.0.2.1", "10.0.1.5", "not-from" },
		{ "", "10.0.1.1", "203.0.113.1", "not-from" });
}

static const char *service(const struct subject *subject, uint8_t protocol, uint16_t from_port, uint16_t to_port)
{
	struct flow flow = gateway_flow(subject->gateway, "lan0", protocol, "10.0.1.5", from_port, "203.0.113.1", to_port);

	return mismatch_of(subject, &flow);
}

static void protocols_and_ports(void **state)
{
	struct subject subject;

	(void)state;
	open_match(&subject, "protocol: [tcp, udp], from-port: 1024-65535, to-port: [53, 60-70]");
	assert_string_equal(service(&subject, TCP, 1024, 53), "matches");
	assert_string_equal(service(&subject, UDP, 65535, 60), "matches");
	assert_string_equal(service(&subject, UDP, 40000, 70), "matches");
	assert_string_equal(service(&subject, UDP, 40000, 71), "to-port");
	assert_string_equal(service(&subject, UDP, 40000, 59), "to-port");
	assert_string_equal(service(&subject, TCP, 1023, 53), "from-port");
	assert_string_equal(service(&subject, 132, 40000, 53), "protocol");
	assert_string_equal(service(&subject, ICMP, 40000, 53), "protocol");
	close_subject(&subject);

	open_match(&subject, "protocol: [icmp, 47]");
	assert_string_equal(service(&subject, ICMP, 0x0800, 1), "matches");
	assert_string_equal(service(&subject, GRE, 0, 0), "matches");
	assert_string_equal(service(&subject, TCP, 1, 1), "protocol");
	close_subject(&subject);
}

/* A fragment of UDP, or a packet that ends before them. */
static void without_ports_no_port_matches(void **state)
{
	struct subject subject;
	struct flow flow;

	(void)state;
	open_match(&subject, "protocol: udp, to-port: 1-65535");
	flow = gateway_flow(subject.gateway, "lan0", UDP, "10.0.1.5", 53, "203.0.113.1", 53);
	assert_string_equal(mismatch_of(&subject, &flow), "matches");
	flow.ports = false;
	assert_string_equal(mismatch_of(&subject, &flow), "to-port");
	close_subject(&subject);

	open_match(&subject, "protocol: udp, from-port: 1-65535");
	assert_string_equal(mismatch_of(&subject, &flow), "from-port");
	close_subject(&subject);

	open_match(&subject, "protocol: udp");
	assert_string_equal(mismatch_of(&subject, &flow), "matches");
	close_subject(&subject);
}

static void the_search_goes_on_where_it_is_told(void **state)
{
	struct subject subject;
	struct flow flow;

	(void)state;
	open_subject(&subject,
		"  - { name: a, match: { from: lan } }\n"
		"  - { name: b, match: { protocol: udp } }\n"
		"  - { name: c }\n");
	flow = gateway_flow(subject.gateway, "lan0", TCP, "10.0.1.5", 1, "203.0.113.1", 1);
	assert_int_equal(classifier_match(subject.classifier, &flow, 0), 0);
	assert_int_equal(classifier_match(subject.classifier, &flow, 1), 2);
	assert_int_equal(classifier_match(subject.classifier, &flow, 2), 2);
	assert_int_equal(classifier_match(subject.classifier, &flow, 3), 3);
	close_subject(&subject);

	open_subject(&subject, "  []\n");
	assert_int_equal(classifier_match(subject.classifier, &flow, 0), 0);
	close_subject(&subject);
}

/* The view may be gone once the classifier is made. */
static void the_view_is_copied(void **state)
{
	struct subject subject;

	(void)state;
	open_match(&subject, "from: guest, to: [lan, fiber]");
	subject.gateway->view.zones[0].behind.items[0] = (struct network){ .length = 32 };
	subject.gateway->view.zones[2].device_indexes[0] = 0;
	subject.gateway->view.links[0].addresses.items[0].length = 32;
	subject.gateway->view.local.items[0] = (struct network){ .length = 1 };
	{
		struct flow flow = gateway_flow(subject.gateway, "lan0", TCP, "10.20.1.1", 1, "10.0.1.5", 1);

		flow.device = 102;
		assert_string_equal(mismatch_of(&subject, &flow), "matches");
		flow = gateway_flow(subject.gateway, "lan0", TCP, "10.20.1.1", 1, "198.51.1.9", 1);
		flow.device = 102;
		assert_string_equal(mismatch_of(&subject, &flow), "matches");
	}
	close_subject(&subject);
}

/* The policy of a flow from that device, found by a classifier that follows the one before. */
static size_t first_after(struct subject *subject, uint32_t device, const char *from, const char *to)
{
	const struct sample_gateway *gateway = subject->gateway;
	struct classifier *next = classifier_new(gateway->config, &gateway->ids, &gateway->view, subject->classifier);
	struct flow flow = gateway_flow(gateway, "lan0", TCP, from, 1, to, 1);

	assert_non_null(next);
	classifier_free(subject->classifier);
	subject->classifier = next;
	flow.device = device;
	return classifier_match(next, &flow, 0);
}

/* What was compiled before is shared only while the world is the same. */
static void a_changed_world_is_compiled_anew(void **state)
{
	struct subject subject;

	(void)state;
	open_subject(&subject, "  - { name: a, match: { from: lan } }\n"
		"  - { name: b, match: { to: fiber } }\n"
		"  - { name: c, match: { to: guest } }\n"
		"  - { name: d, match: { to: router } }\n");
	assert_int_equal(first_after(&subject, 900, "192.0.2.1", "192.0.2.2"), 4);
	subject.gateway->view.zones[0].device_indexes[0] = 900;
	assert_int_equal(first_after(&subject, 900, "192.0.2.1", "192.0.2.2"), 0);
	subject.gateway->view.links[0].addresses.items[0].length = 32;
	assert_int_equal(first_after(&subject, 901, "192.0.2.1", "198.51.1.9"), 4);
	subject.gateway->view.links[0].addresses.items[0].length = 24;
	assert_int_equal(first_after(&subject, 901, "192.0.2.1", "198.51.1.9"), 1);
	subject.gateway->view.zones[2].behind.items[0].length = 8;
	assert_int_equal(first_after(&subject, 901, "192.0.2.1", "10.21.1.1"), 2);
	assert_true(address_parse("192.0.2.7", &subject.gateway->view.local.items[0].address));
	assert_int_equal(first_after(&subject, 901, "192.0.2.1", "192.0.2.7"), 3);
	close_subject(&subject);
}

static void random_flows_meet_what_the_oracle_says(void **state)
{
	unsigned int met = 0;

	(void)state;
	for (int round = 0; round < 100; round++) {
		struct subject subject;

		subject_of(&subject, random_gateway());
		for (int i = 0; i < 300; i++) {
			struct flow flow = random_flow(subject.gateway);
			const struct config *config = subject.gateway->config;
			size_t expected = 0, seen = classifier_match(subject.classifier, &flow, 0);

			while (expected < config->policy_count
				&& !oracle_matches(subject.gateway, &config->policies[expected], &flow))
				expected++;
			if (seen != expected)
				fail_msg("round %d, policy %zu, not %zu: %s", round, seen, expected, random_flow_text(&flow));
			met += expected < config->policy_count;
		}
		close_subject(&subject);
	}
	assert_in_range(met, 5000, 29000); /* neither never nor always */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_any),
		cmocka_unit_test(from_internet),
		cmocka_unit_test(from_router),
		cmocka_unit_test(from_a_zone_of_devices),
		cmocka_unit_test(from_a_zone_of_networks),
		cmocka_unit_test(from_a_zone_of_both),
		cmocka_unit_test(from_a_link),
		cmocka_unit_test(from_a_network),
		cmocka_unit_test(to_internet),
		cmocka_unit_test(to_router),
		cmocka_unit_test(to_a_zone),
		cmocka_unit_test(to_a_link),
		cmocka_unit_test(exclusions_win),
		cmocka_unit_test(protocols_and_ports),
		cmocka_unit_test(without_ports_no_port_matches),
		cmocka_unit_test(the_search_goes_on_where_it_is_told),
		cmocka_unit_test(the_view_is_copied),
		cmocka_unit_test(a_changed_world_is_compiled_anew),
		cmocka_unit_test(random_flows_meet_what_the_oracle_says),
	};

	random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
