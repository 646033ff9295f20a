/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of devices.h on a real kernel: what is read, and which news count. */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>

#include "kernel/devices.h"
#include "own_network.h"

static struct netlink *netlink;
static struct device_events *events;

static struct devices *read_devices(void)
{
	struct devices *devices;

	assert_int_equal(devices_read(netlink, &devices), 0);
	return devices;
}

static struct device read_device(const char *name)
{
	struct devices *devices = read_devices();
	const struct device *found = devices_find(devices, name);
	struct device device;

	assert_non_null(found);
	device = *found;
	device.addresses = (struct networks){ 0 };
	devices_free(devices);
	return device;
}

static bool is_address(const struct address *address, const char *text)
{
	struct address expected;

	assert_true(address_parse(text, &expected));
	return address_equal(address, &expected);
}

static bool has(const struct networks *networks, const char *address, uint8_t length)
{
	for (size_t i = 0; i < networks->count; i++) {
		if (networks->items[i].length == length && is_address(&networks->items[i].address, address))
			return true;
	}
	return false;
}

/* Whether news that matter come within some seconds. */
static bool hears(void)
{
	struct pollfd readable = { .fd = device_events_fd(events), .events = POLLIN };
	double deadline = now_s() + 5;

	while (now_s() < deadline) {
		if (poll(&readable, 1, 100) > 0 && device_events_read(events))
			return true;
	}
	return false;
}

/* Reads what there is; events of what a command did are there when it is done. */
static bool heard(void)
{
	return device_events_read(events);
}

/* Router solicitations and duplicate address detection would talk in between. */
static int make_network(void **state)
{
	(void)state;
	assert_true(run("sysctl -qw net.ipv6.conf.default.router_solicitations=0"
			" net.ipv6.conf.default.addr_gen_mode=1"
			" && ip link add wan1 type veth peer name isp1 && ip link add wan2 type veth peer name isp2"
			" && for d in wan1 isp1 wan2 isp2; do ip link set $d up || exit; done"
			" && ip addr add 192.0.2.2/24 dev wan1 && ip addr add 2001:db8:1::2/64 dev wan1 nodad"));
	/* The kernel tells of a carrier when it has time. */
	assert_true(run("for i in $(seq 500); do test $(ip -o link | grep -c 'state UP') = 4 && exit; sleep 0.01; done; exit 1"));
	while (heard())
		;
	return 0;
}

static int clear_network(void **state)
{
	(void)state;
	run("ip link del wan1; ip link del wan2");
	return 0;
}

static void sees_states(void **state)
{
	struct device device = read_device("wan1");

	(void)state;
	assert_true(device.up && device.carrier && device.index > 0);
	assert_true(run("ip link set isp1 down"));
	device = read_device("wan1");
	assert_true(device.up && !device.carrier);
	assert_true(run("ip link set isp1 up && ip link set wan1 down"));
	device = read_device("wan1");
	assert_true(!device.up && !device.carrier);
	device = read_device("lo"); /* its state is UNKNOWN */
	assert_true(device.up && device.carrier);
}

static void finds_by_name_only(void **state)
{
	struct devices *devices = read_devices();

	(void)state;
	assert_null(devices_find(devices, "wan"));
	assert_null(devices_find(devices, "nosuch"));
	assert_string_equal(devices_find(devices, "isp2")->name, "isp2");
	devices_free(devices);
	devices_free(NULL);
}

static void sees_addresses(void **state)
{
	struct devices *devices;
	const struct device *wan1;

	(void)state;
	assert_true(run("ip addr add 198.51.100.7/25 dev wan1 && ip addr add 169.254.9.9/16 dev wan1"
			" && ip addr add fe80::77/64 dev wan1 nodad"
			" && ip addr add 10.9.9.1 peer 10.9.9.2/32 dev wan2"));
	devices = read_devices();
	wan1 = devices_find(devices, "wan1");
	assert_int_equal(wan1->addresses.count, 3);
	assert_true(is_address(&wan1->addresses.items[0].address, "192.0.2.2"));
	assert_true(has(&wan1->addresses, "192.0.2.2", 24));
	assert_true(has(&wan1->addresses, "198.51.100.7", 25));
	assert_true(has(&wan1->addresses, "2001:db8:1::2", 64));
	assert_true(has(&devices_find(devices, "wan2")->addresses, "10.9.9.1", 32));
	assert_true(has(&devices->local, "192.0.2.2", 32));
	assert_true(has(&devices->local, "169.254.9.9", 32));
	assert_true(has(&devices->local, "fe80::77", 128));
	assert_true(has(&devices->local, "10.9.9.1", 32));
	assert_true(has(&devices->local, "::1", 128));
	assert_true(has(&devices->local, "127.0.0.0", 8));
	assert_false(has(&devices->local, "10.9.9.2", 32));
	devices_free(devices);
}

static void leaves_out_tentative_addresses(void **state)
{
	struct devices *devices;

	(void)state;
	/* Without a carrier the detection of duplicates never ends. */
	assert_true(run("ip link set isp1 down && ip addr add 2001:db8:1::3/64 dev wan1"));
	devices = read_devices();
	assert_false(has(&devices_find(devices, "wan1")->addresses, "2001:db8:1::3", 64));
	assert_true(has(&devices->local, "2001:db8:1::3", 128));
	devices_free(devices);
}

static void finds_gateways_of_others(void **state)
{
	struct device device;

	(void)state;
	assert_false(read_device("wan1").has_gateway[IPV4]);
	assert_true(run("ip route add default via 192.0.2.9 metric 300 && ip route add default via 192.0.2.1 metric 100"
			" && ip route add default via 192.0.2.5 metric 50 proto 87"
			" && ip route add default via 192.0.2.6 metric 10 table 77"
			" && ip route add 203.0.113.0/24 via 192.0.2.7 && ip route add default dev wan2 metric 5"
			" && ip -6 route add default via fe80::1 dev wan1 metric 20"));
	device = read_device("wan1");
	assert_true(device.has_gateway[IPV4] && is_address(&device.gateway[IPV4], "192.0.2.1"));
	assert_true(device.has_gateway[IPV6] && is_address(&device.gateway[IPV6], "fe80::1"));
	device = read_device("wan2");
	assert_true(device.has_gateway[IPV4] && is_address(&device.gateway[IPV4], "0.0.0.0"));
	assert_false(device.has_gateway[IPV6]);
}

static void finds_gateways_of_many_hops(void **state)
{
	(void)state;
	assert_true(run("ip addr add 198.51.100.2/24 dev wan2 && ip addr add 2001:db8:2::2/64 dev wan2 nodad"
			" && ip route add default nexthop via 192.0.2.1 nexthop via 198.51.100.1"
			" && ip -6 route add default nexthop via 2001:db8:1::1 nexthop via 2001:db8:2::1"));
	assert_true(is_address(&read_device("wan1").gateway[IPV4], "192.0.2.1"));
	assert_true(is_address(&read_device("wan2").gateway[IPV4], "198.51.100.1"));
	assert_true(is_address(&read_device("wan1").gateway[IPV6], "2001:db8:1::1"));
	assert_true(is_address(&read_device("wan2").gateway[IPV6], "2001:db8:2::1"));
}

static void hears_of_changes(void **state)
{
	static const char *const changes[] = {
		"ip link set isp1 down",
		"ip link set isp1 up",
		"ip addr add 192.0.2.3/24 dev wan1",
		"ip addr del 192.0.2.3/24 dev wan1",
		"ip -6 addr add 2001:db8:9::1/64 dev wan1",
		"ip route add default via 192.0.2.1",
		"ip route del default via 192.0.2.1",
		"ip -6 route add default via 2001:db8:1::1",
		"ip rule add pref 9 lookup 9",
		"ip rule del pref 9",
		"ip -6 rule add pref 9 lookup 9",
		"ip link add new0 type veth peer name new1",
		"ip link del new0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		assert_true(run("%s", changes[i]));
		if (!hears())
			fail_msg("not heard: %s", changes[i]);
		while (heard())
			;
	}
	run("ip -6 rule del pref 9");
	hears();
}

/* Ours when they come, and routes that lead nowhere near a gateway: nothing. Ours when they go: something. */
static void does_not_hear_itself(void **state)
{
	(void)state;
	assert_false(heard());
	assert_true(run("ip route add default via 192.0.2.1 table 20001 proto 87"
			" && ip -6 route add default via 2001:db8:1::1 table 20001 proto 87"
			" && ip rule add pref 20001 lookup 20001 protocol 87"
			" && ip route add 203.0.113.0/24 via 192.0.2.1"));
	assert_false(heard());
	assert_true(run("ip route del default table 20001"));
	assert_true(heard());
	assert_true(run("ip rule del pref 20001"));
	assert_true(heard());
	assert_false(heard());
}

/* A message that another process sends us is no news, whatever it says. */
static void does_not_believe_others(void **state)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} message = { .header = { .nlmsg_len = sizeof(message), .nlmsg_type = RTM_DELLINK } };
	struct sockaddr_nl to = { 0 };
	socklen_t length = sizeof(to);
	int liar = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	(void)state;
	assert_int_equal(getsockname(device_events_fd(events), (struct sockaddr *)&to, &length), 0);
	to.nl_groups = 0;
	assert_int_equal(sendto(liar, &message, sizeof(message), 0, (struct sockaddr *)&to, sizeof(to)),
		sizeof(message));
	assert_false(heard());
	close(liar);
}

/* A buffer that overflowed: something was missed, so look again. */
static void hears_of_lost_news(void **state)
{
	int small = 1;

	(void)state;
	setsockopt(device_events_fd(events), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	/* None of them matters alone. */
	assert_true(run("seq 1 250 | sed 's/.*/route add 203.0.113.&\\/32 via 192.0.2.1/' | ip -batch -"));
	assert_true(heard());
	assert_false(heard());
	device_events_close(events);
	assert_int_equal(device_events_open(&events), 0);
	assert_true(run("seq 1 250 | sed 's/.*/route del 203.0.113.&\\/32 via 192.0.2.1/' | ip -batch -"));
	assert_false(heard());
}

static int dump_links(void)
{
	uint8_t buffer[64] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	return netlink_ask(netlink, request, NULL, NULL);
}

/* Devices come and go all the time: dumps are interrupted, but what is told is whole. */
static void reads_again_when_interrupted(void **state)
{
	double deadline = now_s() + 30;
	int interrupted = 0, whole = 0;
	pid_t child;

	(void)state;
	assert_true(run("seq 1 60 | sed 's/.*/link add many& type veth peer name more&/' | ip -batch -"));
	child = fork();
	if (child == 0) {
		setpgid(0, 0);
		execlp("sh", "sh", "-c", "yes 'link set lo alias a\nlink add x0 type veth peer name x1\nlink del x0'"
					 " | ip -batch -", NULL);
		_exit(1);
	}
	setpgid(child, child);
	while ((interrupted < 5 || whole < 5) && now_s() < deadline) {
		struct devices *devices;
		int error = devices_read(netlink, &devices);

		interrupted += dump_links() == -EINTR;
		if (error == 0) {
			assert_non_null(devices_find(devices, "many60"));
			assert_non_null(devices_find(devices, "wan1"));
			devices_free(devices);
			whole++;
		} else {
			assert_int_equal(error, -EINTR);
		}
	}
	kill(-child, SIGKILL);
	waitpid(child, NULL, 0);
	print_message("%d interrupted, %d whole\n", interrupted, whole);
	assert_true(interrupted >= 5 && whole >= 5);
}

/* A process with a network namespace of its own; kill it to be rid of both. It ends with us at the latest. */
static pid_t start_neighbour(void)
{
	int ready[2];
	pid_t child;
	char byte;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && unshare(CLONE_NEWNET) == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

/* 1 or 0, or -errno. */
static int carrier(uint32_t index)
{
	uint64_t received, sent;

	return devices_glance(netlink, index, &received, &sent);
}

static bool carrier_is(uint32_t index, int wanted, double seconds)
{
	double deadline = now_s() + seconds;

	while (carrier(index) != wanted) {
		if (now_s() > deadline)
			return false;
	}
	return true;
}

static bool set_far_end(pid_t neighbour, const char *state)
{
	return run("nsenter -t %d -n ip link set isp3 %s", neighbour, state);
}

/*
 * The kernel holds its news of a lost carrier back for up to a second after the last one, but not of
 * devices that it takes for virtual: where both ends have the same index it does not see that.
 */
static void sees_a_lost_carrier_at_once(void **state)
{
	pid_t neighbour = start_neighbour();

	(void)state;
	assert_true(run("ip link add wan3 index 500 type veth peer name isp3 index 500 netns %d", neighbour));
	assert_true(run("ip link set wan3 up") && set_far_end(neighbour, "up"));
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(carrier_is(500, 1, 5));
		assert_true(set_far_end(neighbour, "down"));
		assert_false(read_device("wan3").carrier);
		assert_int_equal(carrier(500), 0);
		assert_true(set_far_end(neighbour, "up"));
	}
	assert_true(carrier_is(500, 1, 5));
	assert_true(read_device("wan3").carrier);
	run("ip link del wan3");
	kill(neighbour, SIGKILL);
	waitpid(neighbour, NULL, 0);
}

static void asks_for_a_carrier_by_index(void **state)
{
	uint32_t one = read_device("wan1").index, other = read_device("wan2").index;

	(void)state;
	assert_true(run("ip link set isp2 down"));
	assert_int_equal(carrier(one), 1);
	assert_int_equal(carrier(other), 0);
	assert_int_equal(carrier(read_device("lo").index), 1);
	assert_true(run("ip link set wan1 down"));
	assert_int_equal(carrier(one), 0);
	assert_true(run("ip link del wan2"));
	assert_int_equal(carrier(other), -ENODEV);
	assert_int_equal(carrier(0x7ffffff0), -ENODEV);
}

/* Datagrams of 1,000 bytes to a neighbour that takes and forgets them. */
static bool send_datagrams(const char *device, const char *to, unsigned int count)
{
	struct sockaddr_in target = { .sin_family = AF_INET, .sin_port = htons(9) };
	int sender = socket(AF_INET, SOCK_DGRAM, 0);
	static const char data[1000];
	bool good = inet_pton(AF_INET, to, &target.sin_addr) == 1 &&
	            setsockopt(sender, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) == 0;

	for (unsigned int i = 0; i < count; i++)
		good = good && sendto(sender, data, sizeof(data), 0, (struct sockaddr *)&target, sizeof(target)) > 0;
	close(sender);
	return good;
}

static void counts_bytes(void **state)
{
	struct device before, after, other = read_device("wan2");
	/* With the header of Ethernet; and some room for what IPv6 says by itself. */
	const uint64_t size = 1042, room = 2000;

	(void)state;
	before = read_device("wan1");
	assert_true(run("ip link set wan1 address 02:00:00:00:00:01 && ip link set isp1 address 02:00:00:00:00:02"
			" && ip neigh replace 192.0.2.77 lladdr 02:00:00:00:00:02 dev wan1"));
	assert_true(send_datagrams("wan1", "192.0.2.77", 20));
	after = read_device("wan1");
	assert_in_range(after.sent - before.sent, 20 * size, 20 * size + room);
	assert_in_range(after.received - before.received, 0, room);
	before = after;
	assert_true(run("ip addr add 198.51.100.1/24 dev isp1"
			" && ip neigh replace 198.51.100.77 lladdr 02:00:00:00:00:01 dev isp1"));
	assert_true(send_datagrams("isp1", "198.51.100.77", 30));
	after = read_device("wan1");
	assert_in_range(after.received - before.received, 30 * size, 30 * size + room);
	assert_in_range(after.sent - before.sent, 0, room);
	assert_in_range(read_device("wan2").sent - other.sent, 0, room);
}

int main(void)
{
#define ON_NETWORK(test) cmocka_unit_test_setup_teardown(test, make_network, clear_network)
	static const struct CMUnitTest tests[] = {
		ON_NETWORK(sees_states),
		ON_NETWORK(finds_by_name_only),
		ON_NETWORK(sees_addresses),
		ON_NETWORK(leaves_out_tentative_addresses),
		ON_NETWORK(finds_gateways_of_others),
		ON_NETWORK(finds_gateways_of_many_hops),
		ON_NETWORK(hears_of_changes),
		ON_NETWORK(does_not_hear_itself),
		ON_NETWORK(does_not_believe_others),
		ON_NETWORK(hears_of_lost_news),
		ON_NETWORK(reads_again_when_interrupted),
		ON_NETWORK(sees_a_lost_carrier_at_once),
		ON_NETWORK(asks_for_a_carrier_by_index),
		ON_NETWORK(counts_bytes),
	};
	int failed;

	if (!own_network_enter())
		return TEST_SKIPPED;
	if (netlink_open(NETLINK_ROUTE, &netlink) < 0 || device_events_open(&events) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	device_events_close(events);
	netlink_close(netlink);
	return failed;
}
