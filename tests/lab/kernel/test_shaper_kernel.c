/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of shaper.h on a real kernel: made once, changed in place, restored, removed, ours only. */

#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "kernel/shaper.h"
#include "own_network.h"
#include "../../unit/sample_gateway.h"

#define CLASSES "    voice: { min: 10%, priority: 0 }\n    normal: { min: 40% }\n"
#define GATEWAY(bandwidth, classes) \
	"zones: { lan: { devices: [lan0] } }\n" \
	"links: { fiber: { device: wan1, bandwidth: { download: " bandwidth ", upload: " bandwidth " } } }\n" \
	"qos:\n  classes:\n" classes "  default: normal\n"

/* The link, two classes and the checks; on the inside device no checks, but what is not shaped. */
#define LEAVES 6
#define ALL    (LEAVES + 2)

static struct netlink *netlink;
static struct shaper_features features;
static struct sample_gateway *gateway;
static struct arena *arena;
static struct shaper_plan plan;
static char message[256];

static void set_plan(const char *yaml)
{
	if (gateway != NULL)
		gateway_free(gateway);
	arena_free(arena);
	gateway = gateway_new(yaml);
	arena = arena_new();
	assert_non_null(arena);
	assert_true(plan_shaper(arena, gateway->config, &gateway->ids, &gateway->view, &plan));
}

static struct shaper_changes apply(void)
{
	struct shaper_changes changes;
	int error = shaper_apply(netlink, &plan, &features, &changes, message, sizeof(message));

	if (error != 0)
		fail_msg("%s", message);
	return changes;
}

static void expect_nothing_to_do(void)
{
	struct shaper_changes changes = apply();

	assert_int_equal(changes.devices_added + changes.devices_removed, 0);
	assert_int_equal(changes.classes_added + changes.classes_changed + changes.classes_removed, 0);
	assert_string_equal(changes.replaced, "");
}

static int make_network(void **state)
{
	(void)state;
	assert_true(run("ip link add wan1 type veth peer name isp1 && ip link add lan0 type veth peer name pc"
			" && for d in wan1 isp1 lan0 pc; do ip link set $d up || exit; done"
			" && ip addr add 192.0.2.2/24 dev wan1"
			" && ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev wan1 nud permanent"));
	set_plan(GATEWAY("20 mbit", CLASSES));
	return 0;
}

static int clear_network(void **state)
{
	(void)state;
	run("ip link del wan1 2>/dev/null; ip link del lan0 2>/dev/null");
	return 0;
}

static void applies_once(void **state)
{
	struct shaper_changes changes = apply();

	(void)state;
	assert_int_equal(changes.devices_added, 2);
	assert_int_equal(changes.classes_added, ALL);
	assert_string_equal(changes.replaced, "");
	assert_int_not_equal(features.queue, QUEUE_UNKNOWN);
	assert_int_not_equal(features.split, SPLIT_UNKNOWN);
	assert_int_equal(count_lines("(tc class show dev wan1; tc class show dev lan0) | grep -c htb | xargs seq"), ALL);
	expect_nothing_to_do();
}

/* The words of tc(8) for what we asked for. */
static void says_what_was_meant(void **state)
{
	static const char *const expected[] = {
		"class htb 1:801 root rate 20Mbit ceil 20Mbit ",
		"class htb 1:41 parent 1:801 leaf 2041: prio 0 quantum 2500 rate 2Mbit ceil 20Mbit ",
		"class htb 1:81 parent 1:801 leaf 2081: prio 4 quantum 10000 rate 8Mbit ceil 20Mbit ",
		"class htb 1:7c1 parent 1:801 leaf 27c1: prio 0 quantum 1514 rate 200Kbit ceil 20Mbit ",
		"qdisc htb 1: root refcnt", " default 0x7c1 ",
	};
	char text[8192];

	(void)state;
	apply();
	read_output("tc -d class show dev wan1; tc -d qdisc show dev wan1", text, sizeof(text));
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (strstr(text, expected[i]) == NULL)
			fail_msg("not there: %s in\n%s", expected[i], text);
	}
}

struct tally {
	const char *device, *class;
	uint64_t bytes, packets;
	unsigned int leaves;
};

static void take(void *data, const struct shaper_figures *figures)
{
	struct tally *tally = data;

	tally->leaves++;
	if (figures->class->qos_class == NULL || strcmp(figures->class->qos_class, tally->class) != 0
	    || strcmp(figures->device->device, tally->device) != 0)
		return;
	tally->bytes = figures->bytes;
	tally->packets = figures->packets;
}

static struct tally figures_of(const char *device, const char *class)
{
	struct tally tally = { .device = device, .class = class };

	assert_int_equal(shaper_figures(netlink, &plan, take, &tally), 0);
	assert_int_equal(tally.leaves, LEAVES);
	return tally;
}

/* Sent into the leaf by priority, as the ruleset's rule would lead them there. */
static void send_packets(unsigned int count, const char *priority)
{
	assert_true(run("python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
			" s.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, %s);"
			" [s.sendto(bytes(58), (\"192.0.2.1\", 9)) for i in range(%u)]'", priority, count));
}

static void changes_in_place(void **state)
{
	struct shaper_changes changes;
	struct tally before, after;

	(void)state;
	apply();
	send_packets(50, "0x10041");
	before = figures_of("wan1", "voice");
	assert_int_equal(before.packets, 50);
	assert_int_equal(before.bytes, 5000);
	set_plan(GATEWAY("50 mbit", CLASSES));
	changes = apply();
	assert_int_equal(changes.devices_added + changes.classes_added, 0);
	assert_int_equal(changes.classes_changed, ALL - 1); /* all but what is not shaped */
	after = figures_of("wan1", "voice");
	assert_int_equal(after.packets, 50);
	assert_int_equal(count_lines("tc class show dev wan1 | grep 'rate 50Mbit'"), 1);
	expect_nothing_to_do();
}

/* What waits in a class when its rate changes is sent, all of it. */
static void loses_nothing_that_waits(void **state)
{
	struct tally tally;
	double deadline = now_s() + 10;

	(void)state;
	set_plan(GATEWAY("100 kbit", CLASSES));
	apply();
	send_packets(60, "0x10081");
	tally = figures_of("wan1", "normal");
	assert_in_range(tally.packets, 0, 59);
	set_plan(GATEWAY("20 mbit", CLASSES));
	apply();
	while (figures_of("wan1", "normal").packets < 60 && now_s() < deadline)
		usleep(1000);
	assert_int_equal(figures_of("wan1", "normal").packets, 60);
}

static void classes_come_and_go(void **state)
{
	struct shaper_changes changes;

	(void)state;
	apply();
	send_packets(7, "0x10081");
	set_plan(GATEWAY("20 mbit", "    normal: { min: 40% }\n    games: { min: 10% }\n    bulk: {priority: 7}\n"));
	/* Without records the numbers are given anew: normal has that of voice. */
	changes = apply();
	assert_int_equal(changes.devices_added, 0);
	assert_int_equal(changes.classes_added, 2);
	set_plan(GATEWAY("20 mbit", "    normal: { min: 40% }\n"));
	changes = apply();
	assert_int_equal(changes.classes_removed, 4);
	assert_int_equal(count_lines("tc class show dev wan1 | grep htb"), 3);
	expect_nothing_to_do();
}

/* A class that is not wanted any more goes when it is empty. */
static void waits_for_what_is_queued(void **state)
{
	struct shaper_changes changes;
	double deadline = now_s() + 10;

	(void)state;
	set_plan(GATEWAY("100 kbit", "    normal: { min: 40% }\n    games: { max: 10% }\n"));
	apply();
	send_packets(60, "0x10081");
	set_plan(GATEWAY("100 kbit", "    normal: { min: 40% }\n"));
	changes = apply();
	assert_int_equal(count_lines("tc class show dev wan1 | grep 'htb 1:81 '"), 1);
	assert_int_equal(changes.classes_removed, 1); /* that of the inside device, which is empty */
	run("tc class change dev wan1 parent 1:801 classid 1:81 htb rate 1gbit ceil 1gbit quantum 1514");
	while (count_lines("tc class show dev wan1 | grep 'htb 1:81 '") > 0 && now_s() < deadline) {
		apply();
		usleep(1000);
	}
	assert_int_equal(count_lines("tc class show dev wan1 | grep 'htb 1:81 '"), 0);
	expect_nothing_to_do();
}

static void restores(void **state)
{
	struct shaper_changes changes;

	(void)state;
	apply();
	assert_true(run("tc qdisc del dev wan1 root"));
	changes = apply();
	assert_int_equal(changes.devices_added, 1);
	assert_int_equal(changes.classes_added, 4);
	assert_true(run("tc class change dev lan0 parent 1:801 classid 1:41 htb rate 1mbit quantum 1514"));
	changes = apply();
	assert_int_equal(changes.classes_changed, 1);
	assert_true(run("tc qdisc del dev lan0 parent 1:41"));
	changes = apply();
	assert_int_equal(changes.classes_changed, 1);
	assert_true(run("ip link del lan0 && ip link add lan0 type veth peer name pc"));
	changes = apply();
	assert_int_equal(changes.devices_added, 1);
	expect_nothing_to_do();
}

static void a_device_that_is_not_there_is_passed_over(void **state)
{
	struct shaper_changes changes;

	(void)state;
	assert_true(run("ip link del lan0"));
	changes = apply();
	assert_int_equal(changes.devices_added, 1);
	expect_nothing_to_do();
}

static void tells_what_it_replaces(void **state)
{
	struct shaper_changes changes;

	(void)state;
	assert_true(run("tc qdisc replace dev wan1 root handle 7: pfifo limit 5"));
	assert_string_equal(apply().replaced, "pfifo on wan1");
	/* One of the same kind and number that is not laid out as ours. */
	assert_true(run("tc qdisc del dev wan1 root && tc qdisc add dev wan1 root handle 1: htb default 10"
			" && tc class add dev wan1 parent 1: classid 1:10 htb rate 1mbit"));
	changes = apply();
	assert_string_equal(changes.replaced, "htb on wan1");
	assert_int_equal(changes.classes_added, 4);
	expect_nothing_to_do();
}

static void removes_ours_alone(void **state)
{
	(void)state;
	apply();
	assert_true(run("tc qdisc replace dev isp1 root handle 1: htb default 10"
			" && tc class add dev isp1 parent 1: classid 1:10 htb rate 1mbit"
			" && tc qdisc replace dev pc root handle 1: pfifo"));
	assert_int_equal(shaper_remove(netlink), 0);
	assert_int_equal(count_lines("tc qdisc show dev wan1 | grep htb; tc qdisc show dev lan0 | grep htb"), 0);
	assert_int_equal(count_lines("tc class show dev isp1 | grep htb; tc qdisc show dev pc | grep pfifo"), 2);
}

/* Not shaped any more: ours goes from that device, and from no other. */
static void a_link_may_lose_its_bandwidth(void **state)
{
	struct shaper_changes changes;

	(void)state;
	apply();
	set_plan("zones: { lan: { devices: [lan0] } }\nlinks: { fiber: { device: wan1, bandwidth: { download: 20 mbit } } }\n"
		"qos:\n  classes:\n" CLASSES "  default: normal\n");
	changes = apply();
	assert_int_equal(changes.devices_removed, 1);
	assert_int_equal(changes.classes_changed + changes.classes_removed, 0);
	assert_int_equal(count_lines("tc qdisc show dev wan1 | grep htb"), 0);
	expect_nothing_to_do();
}

/* Above 34 gbit a rate needs more than 32 bits of bytes. */
static void is_fast(void **state)
{
	(void)state;
	set_plan(GATEWAY("100 gbit", CLASSES));
	apply();
	assert_int_equal(count_lines("tc class show dev wan1 | grep '1:801 root rate 100Gbit ceil 100Gbit'"), 1);
	expect_nothing_to_do();
}

#define proof(function) cmocka_unit_test_setup_teardown(function, make_network, clear_network)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		proof(applies_once),
		proof(says_what_was_meant),
		proof(changes_in_place),
		proof(loses_nothing_that_waits),
		proof(classes_come_and_go),
		proof(waits_for_what_is_queued),
		proof(restores),
		proof(a_device_that_is_not_there_is_passed_over),
		proof(tells_what_it_replaces),
		proof(removes_ours_alone),
		proof(a_link_may_lose_its_bandwidth),
		proof(is_fast),
	};
	int result;

	if (!own_network_enter())
		return TEST_SKIPPED;
	if (netlink_open(NETLINK_ROUTE, &netlink) < 0)
		return 1;
	result = cmocka_run_group_tests(tests, NULL, NULL);
	netlink_close(netlink);
	gateway_free(gateway);
	arena_free(arena);
	return result;
}
