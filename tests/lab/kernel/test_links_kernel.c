/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves on a real kernel what devices.h promises of links of all kinds: addresses, packets, prefixes, lifetimes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/devices.h"
#include "own_network.h"

static struct netlink *netlink;

static struct devices *read_devices(void)
{
	struct devices *devices;

	assert_int_equal(devices_read(netlink, &devices), 0);
	return devices;
}

static bool is_address(const struct address *address, const char *text)
{
	struct address expected;

	assert_true(address_parse(text, &expected));
	return address_equal(address, &expected);
}

/* Without what it points to. */
static struct device read_device(const char *name)
{
	struct devices *devices = read_devices();
	struct device device = *devices_find(devices, name);

	device.addresses = (struct networks){ 0 };
	devices_free(devices);
	return device;
}

static int make_network(void **state)
{
	(void)state;
	assert_true(run("sysctl -qw net.ipv6.conf.default.router_solicitations=0 && ip link add wan1 type veth peer name isp1"
			" && for d in wan1 isp1; do ip link set $d up || exit; done"
			" && ip addr add 192.0.2.2/24 dev wan1 && ip addr add 2001:db8:1::2/64 dev wan1 nodad"));
	return 0;
}

static int clear_network(void **state)
{
	(void)state;
	run("ip link del wan1");
	return 0;
}

static void puts_deprecated_addresses_last(void **state)
{
	const struct networks *addresses;
	struct devices *devices;

	(void)state;
	assert_true(run("ip addr change 2001:db8:1::2/64 dev wan1 preferred_lft 0 && ip addr add 2001:db8:2::2/64 dev wan1 nodad"));
	devices = read_devices();
	addresses = &devices_find(devices, "wan1")->addresses;
	assert_int_equal(addresses->count, 3);
	assert_true(is_address(&addresses->items[0].address, "192.0.2.2"));
	assert_true(is_address(&addresses->items[1].address, "2001:db8:2::2"));
	assert_true(is_address(&addresses->items[2].address, "2001:db8:1::2"));
	devices_free(devices);
}

/* Routers may say less than the device can. */
static void sees_what_fits(void **state)
{
	(void)state;
	assert_int_equal(read_device("wan1").mtu[IPV4], 1500);
	assert_int_equal(read_device("wan1").mtu[IPV6], 1500);
	assert_true(run("ip link set wan1 mtu 1400 && sysctl -qw net.ipv6.conf.wan1.mtu=1280"));
	assert_int_equal(read_device("wan1").mtu[IPV4], 1400);
	assert_int_equal(read_device("wan1").mtu[IPV6], 1280);
}

static void sees_the_prefix_that_a_route_is_for(void **state)
{
	struct device device;

	(void)state;
	assert_false(read_device("wan1").has_prefix);
	assert_true(run("ip -6 route add default from 2001:db8:77::/56 via fe80::1 dev wan1"));
	device = read_device("wan1");
	assert_true(device.has_gateway[IPV6] && is_address(&device.gateway[IPV6], "fe80::1"));
	assert_true(device.has_prefix && device.prefix.length == 56 && is_address(&device.prefix.address, "2001:db8:77::"));
}

/* The kernel takes them away when it has time. */
static void passes_over_expired_routes(void **state)
{
	(void)state;
	assert_true(run("ip -6 route add default via fe80::1 dev wan1 proto ra expires 1"));
	assert_true(read_device("wan1").has_gateway[IPV6]);
	for (int i = 0; i < 250 && read_device("wan1").has_gateway[IPV6]; i++)
		usleep(20000);
	assert_false(read_device("wan1").has_gateway[IPV6]);
}

int main(void)
{
#define ON_NETWORK(test) cmocka_unit_test_setup_teardown(test, make_network, clear_network)
	static const struct CMUnitTest tests[] = {
		ON_NETWORK(puts_deprecated_addresses_last),
		ON_NETWORK(sees_what_fits),
		ON_NETWORK(sees_the_prefix_that_a_route_is_for),
		ON_NETWORK(passes_over_expired_routes),
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
