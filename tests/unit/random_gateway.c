/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random policies and flows that meet often: both come from the same small pools. */

#include "random_gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char world[] =
	"zones:\n"
	"  lan: { devices: [lan0] }\n"
	"  office: { networks: [10.9.0.0/16, 'fd09::/32'] }\n"
	"  guest: { devices: [vlan20, vlan21], networks: [10.20.0.0/16, 'fd20::/32'] }\n"
	"links:\n"
	"  fiber: { device: wan1, weight: 5, labels: [wired] }\n"
	"  cable: { device: wan2, weight: 3, labels: [wired] }\n"
	"  lte: { device: wwan0, weight: 3 }\n"
	"sets:\n"
	"  partners: { networks: [203.0.113.0/29, 198.51.1.64-198.51.1.80, 10.9.3.0-10.9.3.200, 'fd09::/48'] }\n"
	"  blocked: { networks: [203.0.113.8/29, 10.20.0.0/16, 10.0.1.5] }\n"
	"  modern: { networks: ['2001:db8:ff::9-2001:db8:ff::100', 'fd00:1::/64'] }\n"
	"policies:\n";

static const char *const ends[] = { "any", "internet", "router", "lan", "office", "guest", "fiber", "cable", "lte",
	"wired", "10.0.1.0/24", "10.0.0.0/8", "203.0.113.0/24", "203.0.113.7", "0.0.0.0/0", "'2001:db8:ff::/48'",
	"'fd00::/16'", "'::/0'", "198.51.1.0/24", "10.20.1.0/24",
	"partners", "blocked", "modern", "10.0.1.1-10.0.2.1", "'fd00:1::1-fd00:2::1'" };
static const char *const with_ports[] = { "tcp", "udp", "sctp" };
static const char *const without_ports[] = { "tcp", "udp", "sctp", "icmp", "icmpv6", "gre" };
static const char *const ports[] = { "53", "80", "443", "1-1023", "1024-65535", "60-500", "40000" };
/* Names that both protocols know, and numbers. */
static const char *const icmp_types[] = { "echo-request", "echo-reply", "8/0", "3", "3/1", "128", "128/0", "129/5" };
static const char *const dscps[] = { "ef", "cs0", "af41", "63", "5" };
static const char *const times[] = { "days: mon-fri", "days: [sat, sun]", "hours: 08:00-18:00", "hours: 22:00-06:00",
	"days: fri, hours: [22:00-02:00, 12:00-13:00]", "days: sun-tue, hours: 18:00-08:00" };
static const char *const actions[] = { "allow", "allow", "allow", "drop", "reject" };
static const char *const algorithms[] = { "round-robin", "random", "hash", "priority" };
static const char *const if_none[] = { "next", "drop", "any" };
static const char *const links[] = { "[fiber]", "[cable]", "[lte]", "[cable, lte]", "[lte, fiber]", "wired", "[lte, cable, fiber]",
	"[[cable, lte], fiber]", "[[lte], wired]", "[[fiber], [cable], [lte]]", "[wired, [lte]]" };

static const char *const addresses[] = { "10.0.1.5", "10.0.1.1", "10.0.2.1", "10.9.3.4", "10.20.1.1", "10.20.2.1",
	"203.0.113.7", "203.0.113.9", "198.51.1.1", "198.51.1.77", "198.51.2.3", "198.51.100.8" };
static const char *const addresses6[] = { "fd00:1::5", "fd00:1::1", "fd00:2::1", "fd09::7", "fd20::8", "2001:db8:ff::9",
	"2001:db8:1::1", "2001:db8:1::77", "2001:db8:3::5", "2001:db8:abcd::1" };
static const char *const devices[] = { "", "lan0", "vlan20", "vlan21", "wan1", "wan2", "wwan0", "other0" };
static const uint8_t protocols[] = { 6, 6, 6, 17, 17, 1, 58, 132, 47 };
static const uint8_t dscp_numbers[] = { 0, 0, 46, 34, 63, 5, 1 };
static const uint16_t icmp_numbers[] = { 0x0800, 0x0000, 0x0300, 0x0301, 0x8000, 0x8105, 0x8100, 0x0801 };
static const uint16_t port_numbers[] = { 53, 80, 443, 60, 500, 1, 1023, 1024, 40000, 65535 };

#define ONE_OF(pool) ((pool)[random_below(COUNT_OF(pool))])

void random_start(void)
{
	const char *given = getenv("UPLINKD_SEED");
	unsigned int seed = given != NULL ? (unsigned int)strtoul(given, NULL, 10) : (unsigned int)time(NULL);

	printf("UPLINKD_SEED=%u\n", seed);
	srand(seed);
}

unsigned int random_below(unsigned int below)
{
	return (unsigned int)((uint64_t)rand() * below / ((uint64_t)RAND_MAX + 1));
}

/* " KEY: [...]," with up to most different words of the pool, in its order. */
static void put_list(FILE *out, const char *key, const char *const *pool, unsigned int size, unsigned int most)
{
	unsigned int wanted = 1 + random_below(most), put = 0;

	fprintf(out, " %s: [", key);
	for (unsigned int i = 0; i < size && put < wanted; i++) {
		if (random_below(size - i) < wanted - put)
			fprintf(out, "%s%s", put++ > 0 ? ", " : "", pool[i]);
	}
	fputs("],", out);
}

static void put_match(FILE *out)
{
	fputs(" match: {", out);
	if (random_below(2) == 0)
		put_list(out, "from", ends, COUNT_OF(ends), 3);
	if (random_below(2) == 0)
		put_list(out, "to", ends, COUNT_OF(ends), 3);
	if (random_below(4) == 0)
		put_list(out, "not-from", ends + 2, COUNT_OF(ends) - 2, 2);
	if (random_below(4) == 0)
		put_list(out, "not-to", ends + 2, COUNT_OF(ends) - 2, 2);
	if (random_below(3) == 0) {
		put_list(out, "protocol", with_ports, COUNT_OF(with_ports), 2);
		if (random_below(2) == 0)
			put_list(out, "to-port", ports, COUNT_OF(ports), 3);
		if (random_below(4) == 0)
			put_list(out, "from-port", ports, COUNT_OF(ports), 3);
	} else if (random_below(4) == 0) {
		put_list(out, "protocol", without_ports, COUNT_OF(without_ports), 3);
	} else if (random_below(4) == 0) {
		fprintf(out, " protocol: %s,", random_below(2) == 0 ? "icmp" : "icmpv6");
		put_list(out, "icmp-type", icmp_types, COUNT_OF(icmp_types), 3);
	}
	if (random_below(6) == 0)
		put_list(out, "dscp", dscps, COUNT_OF(dscps), 3);
	if (random_below(5) == 0)
		fprintf(out, " time: { %s },", ONE_OF(times));
	fputs(" },", out);
}

static void put_policy(FILE *out, unsigned int number)
{
	const char *action = ONE_OF(actions);

	fprintf(out, "  - { name: p%u,", number);
	put_match(out);
	fprintf(out, " action: %s", action);
	if (strcmp(action, "allow") == 0)
		fprintf(out, ", balance: { algorithm: %s, links: %s, if-none: %s }", ONE_OF(algorithms), ONE_OF(links),
			ONE_OF(if_none));
	fputs(" }\n", out);
}

/* Half of the policies that allow forward, in the family of a random inside address. */
static void put_forwards(struct sample_gateway *gateway)
{
	for (size_t i = 0; i < gateway->config->policy_count; i++) {
		struct policy *policy = &gateway->config->policies[i];
		struct address server;

		if (policy->action != ACTION_ALLOW || random_below(2) == 0)
			continue;
		assert_true(address_parse(random_below(2) == 0 ? "10.0.1.77" : "fd00:1::77", &server));
		policy->nat.forwards[server.family] = true;
		policy->nat.destination[server.family] = server;
	}
}

struct sample_gateway *random_gateway(void)
{
	static const char *const all[] = { "fiber", "cable", "lte" };
	struct sample_gateway *gateway;
	char text[8100];
	FILE *out = fmemopen(text, sizeof(text), "w");

	fputs(world, out);
	for (unsigned int i = 0, count = 1 + random_below(8); i < count; i++)
		put_policy(out, i);
	fclose(out);
	gateway = gateway_new(text);
	put_forwards(gateway);
	gateway->view.minute = (uint16_t)random_below(MINUTES_OF_WEEK);
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		unsigned int fate = random_below(8);

		if (fate < 3)
			gateway_down(gateway, all[i]);
		if (fate == 3)
			gateway_unplug(gateway, all[i]);
		if (random_below(4) == 0)
			gateway_link(gateway, all[i])->gateway_known[random_below(FAMILIES)] = false;
	}
	return gateway;
}

struct flow random_flow(const struct sample_gateway *gateway)
{
	bool six = random_below(3) == 0;
	const char *from = six ? ONE_OF(addresses6) : ONE_OF(addresses);
	const char *to = six ? ONE_OF(addresses6) : ONE_OF(addresses);
	struct flow flow = gateway_flow(gateway, ONE_OF(devices), ONE_OF(protocols), from, ONE_OF(port_numbers), to,
		ONE_OF(port_numbers));

	flow.dscp = ONE_OF(dscp_numbers);
	if (flow.protocol == 1 || flow.protocol == 58)
		flow.from_port = ONE_OF(icmp_numbers);
	if (random_below(8) == 0)
		flow.ports = false; /* cut off before them */
	return flow;
}

const char *random_flow_text(const struct flow *flow)
{
	char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];
	static char text[256];

	snprintf(text, sizeof(text), "device %u, link %u, protocol %u, dscp %u, %s port %u to %s port %u%s%s", flow->device,
		flow->came_by, flow->protocol, flow->dscp, address_format(&flow->from, from, sizeof(from)), flow->from_port,
		address_format(&flow->to, to, sizeof(to)), flow->to_port, flow->direct ? ", direct" : "",
		flow->ports ? "" : ", no ports");
	return text;
}
