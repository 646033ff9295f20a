/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of routes.h on a real kernel: the difference only, ours only, in both families. */

#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "kernel/routes.h"
#include "own_network.h"

#define RULES_OF_OURS  "ip -4 -d rule | grep 'proto 87'; ip -d -6 rule | grep 'proto 87'"
#define ROUTES_OF_OURS "ip -4 route show table all proto 87; ip -6 route show table all proto 87"

static struct netlink *netlink;
static struct plan_route routes[4];
static struct plan_rule rules[5];
static struct plan plan;
static char message[256];

static struct address address(const char *text)
{
	struct address result;

	assert_true(address_parse(text, &result));
	return result;
}

/* Links fiber (wan1, both families, by gateways) and cable (wan2, IPv4 by a gateway, IPv6 without). */
static void reset_plan(void)
{
	struct plan_route first = { .family = IPV4, .table = 20001, .via = true, .link = "fiber" };

	first.device_index = if_nametoindex("wan1");
	for (size_t i = 0; i < 4; i++)
		routes[i] = first;
	routes[0].gateway = address("192.0.2.1");
	routes[1].family = IPV6;
	routes[1].gateway = address("2001:db8:1::1");
	routes[2].table = routes[3].table = 20002;
	routes[2].device_index = routes[3].device_index = if_nametoindex("wan2");
	routes[2].link = routes[3].link = "cable";
	routes[2].gateway = address("198.51.100.1");
	routes[3].family = IPV6;
	routes[3].via = false;

	rules[0] = (struct plan_rule){ .priority = 20000, .verdict = RULE_LOOKUP_SPECIFIC, .table = 254 };
	rules[1] = (struct plan_rule){ .priority = 20011, .table = 20001, .mark = 1, .mask = 0x3f,
		.comment = "connections of link fiber" };
	rules[2] = (struct plan_rule){ .priority = 20081, .verdict = RULE_UNREACHABLE, .mark = 1,
		.mask = 0x3f };
	rules[3] = (struct plan_rule){ .family = IPV6, .priority = 20151, .table = 20002, .has_source = true };
	assert_true(network_parse("2001:db8:2::7", &rules[3].source));
	rules[4] = (struct plan_rule){ .priority = 32800, .table = 20001, .local_only = true };
	plan = (struct plan){ .routes = routes, .route_count = 4, .rules = rules, .rule_count = 5 };
}

static struct routes_changes apply(int expected)
{
	struct routes_changes changes;

	assert_int_equal(routes_apply(netlink, &plan, &changes, message, sizeof(message)), expected);
	return changes;
}

static void expect_nothing_to_do(void)
{
	struct routes_changes changes = apply(0);

	assert_int_equal(changes.routes_added + changes.routes_removed, 0);
	assert_int_equal(changes.rules_added + changes.rules_removed, 0);
}

static int make_network(void **state)
{
	(void)state;
	assert_true(run("ip link add wan1 type veth peer name isp1 && ip link add wan2 type veth peer name isp2"
			" && for d in wan1 isp1 wan2 isp2; do ip link set $d up || exit; done"
			" && ip addr add 192.0.2.2/24 dev wan1 && ip addr add 198.51.100.2/24 dev wan2"
			" && ip addr add 2001:db8:1::2/64 dev wan1 nodad && ip addr add 2001:db8:2::7/64 dev wan2 nodad"));
	reset_plan();
	return 0;
}

static int clear_network(void **state)
{
	(void)state;
	run("ip link del wan1; ip link del wan2; ip rule flush; ip -6 rule flush;"
	    " ip rule add pref 32766 lookup main; ip -6 rule add pref 32766 lookup main");
	return 0;
}

static void applies_once(void **state)
{
	struct routes_changes changes = apply(0);

	(void)state;
	assert_int_equal(changes.routes_added, 4);
	assert_int_equal(changes.rules_added, 5);
	assert_int_equal(changes.routes_removed + changes.rules_removed, 0);
	assert_int_equal(count_lines(ROUTES_OF_OURS), 4);
	assert_int_equal(count_lines(RULES_OF_OURS), 5);
	expect_nothing_to_do();
}

/* The words of ip(8) for what we asked for. */
static void says_what_was_meant(void **state)
{
	static const char *const expected[] = {
		"20000:\tfrom all lookup main suppress_prefixlength 0 proto 87\n",
		"20011:\tfrom all fwmark 0x1/0x3f lookup 20001 proto 87\n",
		"20081:\tfrom all fwmark 0x1/0x3f unreachable proto 87\n",
		"32800:\tfrom all iif lo lookup 20001 proto 87\n",
		"20151:\tfrom 2001:db8:2::7 lookup 20002 proto 87\n",
		"default via 192.0.2.1 dev wan1 table 20001 proto 87 onlink \n",
		"default via 198.51.100.1 dev wan2 table 20002 proto 87 onlink \n",
		"default via 2001:db8:1::1 dev wan1 table 20001 proto 87 metric 1024 onlink pref medium\n",
		"default dev wan2 table 20002 proto 87 metric 1024 pref medium\n",
	};
	char text[8192];

	(void)state;
	apply(0);
	read_output("(ip -4 -d rule; ip -d -6 rule) | sed 's/ [[]detached]//';"
		    "ip -4 route show table all; ip -6 route show table all",
		text, sizeof(text));
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (strstr(text, expected[i]) == NULL)
			fail_msg("not there: %s in\n%s", expected[i], text);
	}
}

/* By mark to the link's gateway; nearer networks by the main table; no way out while there is no route. */
static void leads_packets(void **state)
{
	char text[512];

	(void)state;
	apply(0);
	read_output("ip route get 203.0.113.9 mark 0x41", text, sizeof(text));
	assert_non_null(strstr(text, "via 192.0.2.1 dev wan1 table 20001"));
	read_output("ip route get 198.51.100.9 mark 1", text, sizeof(text));
	assert_non_null(strstr(text, "dev wan2 src"));
	assert_true(run("ip route flush table 20001"));
	assert_int_equal(count_lines("ip route get 203.0.113.9 mark 1 2>&1 | grep unreachable"), 1);
	assert_false(run("ip route get 203.0.113.9 mark 1 2>/dev/null"));
}

static void repairs_what_others_broke(void **state)
{
	struct routes_changes changes;

	(void)state;
	apply(0);
	assert_true(run("ip rule del pref 20011 && ip -6 rule del pref 20151 && ip route flush table 20001"
			" && ip -6 route flush table 20002"));
	changes = apply(0);
	assert_int_equal(changes.rules_added, 2);
	assert_int_equal(changes.routes_added, 2);
	assert_int_equal(changes.routes_removed + changes.rules_removed, 0);
	expect_nothing_to_do();
}

static void leaves_foreign_ones_alone(void **state)
{
	char before[8192], after[8192];
	static const char list[] = "(ip -4 -d rule; ip -d -6 rule; ip -4 route show table all;"
				   " ip -6 route show table all) | grep -v 'proto 87'";

	(void)state;
	assert_true(run("ip rule add pref 20011 fwmark 5 lookup 20001 && ip -6 rule add pref 5 lookup 77"
			" && ip rule add pref 20012 fwmark 6 lookup 9 protocol 187"
			" && ip route add default via 192.0.2.77 metric 9 table 20001"
			" && ip -6 route add 2001:db8:77::/48 dev wan1 table 20001 proto static"
			" && ip route add default via 192.0.2.88 table 20009 proto isis"));
	read_output(list, before, sizeof(before));
	apply(0);
	assert_int_equal(routes_remove(netlink), 0);
	assert_string_equal(read_output(list, after, sizeof(after)), before);
	assert_int_equal(count_lines(ROUTES_OF_OURS), 0);
	assert_int_equal(count_lines(RULES_OF_OURS), 0);
}

static void follows_the_plan(void **state)
{
	struct routes_changes changes;

	(void)state;
	apply(0);
	routes[0].gateway = address("192.0.2.9");
	routes[1].gateway = address("2001:db8:1::9");
	routes[3].device_index = if_nametoindex("wan1");
	rules[1].mark = 2;
	plan.rule_count = 4;
	changes = apply(0);
	assert_int_equal(changes.routes_added, 3);
	assert_int_equal(changes.routes_removed, 3);
	assert_int_equal(changes.rules_added, 1);
	assert_int_equal(changes.rules_removed, 2);
	assert_int_equal(count_lines(ROUTES_OF_OURS), 4);
	assert_int_equal(count_lines("ip -6 route show table 20001"), 1);
	expect_nothing_to_do();
}

/* Of our number, but not what any plan says: another metric, several next hops, more selectors. */
static void removes_leftovers(void **state)
{
	struct routes_changes changes;

	(void)state;
	assert_true(run("ip route add default via 192.0.2.1 dev wan1 onlink metric 7 table 20001 proto 87"
			" && ip route add 203.0.113.0/24 dev wan1 table 99 proto 87"
			" && ip route add blackhole default table 98 proto 87"
			" && ip -6 route add default table 20001 proto 87"
			"    nexthop via 2001:db8:1::1 dev wan1 nexthop via 2001:db8:1::5 dev wan1"
			" && ip rule add pref 20011 fwmark 1/0x3f ipproto tcp lookup 20001 protocol 87"
			" && ip rule add pref 20000 lookup main suppress_prefixlength 8 protocol 87"
			" && ip rule add pref 4 not from 10.0.0.0/8 iif wan1 oif wan2 blackhole protocol 87"));
	changes = apply(0);
	assert_int_equal(changes.rules_removed, 3);
	assert_int_equal(changes.routes_removed, 4);
	assert_int_equal(count_lines(ROUTES_OF_OURS), 4);
	assert_int_equal(count_lines(RULES_OF_OURS), 5);
	expect_nothing_to_do();
}

static void waits_for_devices(void **state)
{
	struct routes_changes changes;

	(void)state;
	assert_true(run("ip link set wan1 down && sysctl -qw net.ipv6.conf.wan2.disable_ipv6=1"));
	routes[2].device_index = 9999;
	changes = apply(0);
	assert_int_equal(changes.routes_added, 0);
	assert_int_equal(changes.rules_added, 5);
	routes[2].device_index = if_nametoindex("wan2");
	assert_true(run("ip link set wan1 up && sysctl -qw net.ipv6.conf.wan2.disable_ipv6=0"));
	changes = apply(0);
	assert_int_equal(changes.routes_added, 4);
	expect_nothing_to_do();
}

/* One bad gateway (an address of our own): the rest is done all the same. */
static void tells_what_failed(void **state)
{
	struct routes_changes changes;

	(void)state;
	routes[2].gateway = address("198.51.100.2");
	changes = apply(-EINVAL);
	assert_non_null(strstr(message, "route of link cable by 198.51.100.2 in table 20002: Invalid argument: "));
	assert_int_equal(changes.routes_added, 3);
	assert_int_equal(changes.rules_added, 5);
}

static pid_t start_churn(void)
{
	pid_t child = fork();

	if (child == 0) {
		setpgid(0, 0);
		execlp("sh", "sh", "-c", "yes 'rule add pref 7 lookup 7\nrule del pref 7' | ip -batch -", NULL);
		_exit(1);
	}
	assert_true(child > 0);
	setpgid(child, child);
	return child;
}

/*
 * Somebody changes rules all the time. The kernel does not mark such dumps of rules as interrupted, and
 * some of ours may be missing in one: still nothing of ours is touched.
 */
static void keeps_calm_in_churn(void **state)
{
	pid_t child;

	(void)state;
	apply(0);
	/* A dump of one message is always whole. */
	assert_true(run("seq 100 900 | sed 's/.*/rule add pref & lookup &/' | ip -batch -"));
	child = start_churn();
	for (int i = 0; i < 1000; i++)
		expect_nothing_to_do();
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	kill(-child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void prints_as_ip_does(void **state)
{
	char text[4096] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	routes_print(out, &plan);
	fclose(out);
	assert_string_equal(text,
		"# ip -4 rule\n"
		"20000:\tfrom all lookup main suppress_prefixlength 0 proto 87\n"
		"20011:\tfrom all fwmark 0x1/0x3f lookup 20001 proto 87 # connections of link fiber\n"
		"20081:\tfrom all fwmark 0x1/0x3f unreachable proto 87\n"
		"32800:\tfrom all iif lo lookup 20001 proto 87\n"
		"# ip -4 route show table all\n"
		"default via 192.0.2.1 table 20001 proto 87 onlink # link fiber\n"
		"default via 198.51.100.1 table 20002 proto 87 onlink # link cable\n"
		"# ip -6 rule\n"
		"20151:\tfrom 2001:db8:2::7 lookup 20002 proto 87\n"
		"# ip -6 route show table all\n"
		"default via 2001:db8:1::1 table 20001 proto 87 onlink # link fiber\n"
		"default table 20002 proto 87 # link cable\n");
}

int main(void)
{
#define ON_NETWORK(test) cmocka_unit_test_setup_teardown(test, make_network, clear_network)
	static const struct CMUnitTest tests[] = {
		ON_NETWORK(applies_once),
		ON_NETWORK(says_what_was_meant),
		ON_NETWORK(leads_packets),
		ON_NETWORK(repairs_what_others_broke),
		ON_NETWORK(leaves_foreign_ones_alone),
		ON_NETWORK(follows_the_plan),
		ON_NETWORK(removes_leftovers),
		ON_NETWORK(waits_for_devices),
		ON_NETWORK(tells_what_failed),
		ON_NETWORK(keeps_calm_in_churn),
		ON_NETWORK(prints_as_ip_does),
	};
	int failed;

	if (!own_network_enter())
		return TEST_SKIPPED;
	if (netlink_open(NETLINK_ROUTE, &netlink) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	netlink_close(netlink);
	return failed;
}
