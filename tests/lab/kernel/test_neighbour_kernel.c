/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks neighbours on a real wire: who answers, who must not be believed, and what probes cost. */

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "checker_lab.h"
#include "service/log.h"

static const struct target neighbours[] = {
	{ .kind = TARGET_NEIGHBOUR, .address = { IPV4, { 192, 0, 2, 1 } } },
	{ .kind = TARGET_NEIGHBOUR, .address = { IPV6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } } },
	{ .kind = TARGET_NEIGHBOUR, .address = { IPV6, { 0xfe, 0x80, [15] = 1 } } },
};

/* Nobody answers to echoes, and what the kernel remembers of the neighbour is wrong. */
static void hears_who_does_not_answer_to_echoes(void **state)
{
	struct target ping = { .kind = TARGET_PING, .address = far4 };

	(void)state;
	lab_run_far("echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all; echo 1 >/proc/sys/net/ipv6/icmp/echo_ignore_all");
	lab_run("ip neighbour replace 192.0.2.1 lladdr 02:00:00:00:00:77 dev wan0 nud permanent");
	assert_int_equal(lab_round(&ping, 1, 200).answered, 0);
	for (size_t i = 0; i < 3; i++) {
		struct round round = lab_round(&neighbours[i], 1, 4000);

		print_message("neighbour %zu: %u us\n", i, round.latency_us);
		assert_int_equal(round.answered, 1);
	}
	lab_run("ip neighbour delete 192.0.2.1 dev wan0");
	lab_run_far("echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_all; echo 0 >/proc/sys/net/ipv6/icmp/echo_ignore_all");
}

/* With the address away, and on another device than that where it is, nobody answers. */
static void hears_nobody_where_nobody_is(void **state)
{
	struct target nobody = { .kind = TARGET_NEIGHBOUR, .address = silent4 };
	struct watch *watch = watch_new(neighbours, 3, 200);

	(void)state;
	assert_int_equal(lab_round(&nobody, 1, 200).answered, 0);
	lab_run_far("echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore");
	lab_run("ip -6 address add fe80::3/64 dev wan1 nodad; ip route add 192.0.2.1 dev wan1 metric 1");
	assert_int_equal(watch_start(watch, "wan1", LAB_MARK), 0);
	watch_rounds(watch, 2);
	assert_int_equal(watch->rounds[0].answered + watch->rounds[1].answered, 0);
	watch_end(watch);
	lab_run("ip -6 address delete fe80::3/64 dev wan1; ip route delete 192.0.2.1 dev wan1 metric 1");
	lab_run_far("echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore");
	/* The wire is cut in the middle: the device says nothing of it. */
	lab_run_far("ip address delete 192.0.2.1/24 dev wan0");
	assert_int_equal(lab_round(neighbours, 1, 200).answered, 0);
	lab_run_far("ip address add 192.0.2.1/24 dev wan0");
	assert_int_equal(lab_round(neighbours, 1, 4000).answered, 1);
}

static void asks_the_gateway_of_the_moment(void **state)
{
	struct target target = { .kind = TARGET_NEIGHBOUR, .gateway = true };
	struct watch *watch = watch_new(&target, 1, 100);
	struct address gateways[FAMILIES] = { far4, far6_local };

	(void)state;
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	watch_rounds(watch, 1);
	assert_int_equal(watch->rounds[0].answered, 0); /* not known */
	checker_gateway(watch->checker, (bool[]){ false, true }, gateways);
	watch_rounds(watch, 1);
	assert_int_equal(watch->rounds[1].answered, 1);
	checker_gateway(watch->checker, (bool[]){ true, true }, gateways);
	watch_rounds(watch, 1);
	assert_int_equal(watch->rounds[2].answered, 1);
	gateways[IPV4] = silent4;
	checker_gateway(watch->checker, (bool[]){ true, true }, gateways);
	watch_rounds(watch, 1);
	assert_int_equal(watch->rounds[3].answered, 0);
	watch_end(watch);
}

/* Bytes of the device beside Ethernet's, less what is not ours: nothing else is on this wire. */
static unsigned long device_bytes(void)
{
	FILE *in = popen("awk '$1 == \"wan0:\" {print $2, $10, $3, $11}' /proc/net/dev", "r");
	unsigned long received, sent, in_packets, out_packets;

	assert_non_null(in);
	assert_int_equal(fscanf(in, "%lu %lu %lu %lu", &received, &sent, &in_packets, &out_packets), 4);
	pclose(in);
	return received + sent - 14 * (in_packets + out_packets);
}

/* What is counted is what the device has seen, to a few percent. */
static void counts_what_probes_cost(void **state)
{
	struct target targets[] = { { .kind = TARGET_PING, .address = far4 }, { .kind = TARGET_PING, .address = far6 },
		{ .kind = TARGET_TCP, .address = far4, .port = 443 }, { .kind = TARGET_TCP, .address = far6, .port = 443 } };
	int server = lab_listen(443);

	(void)state;
	lab_run("ip neighbour replace 192.0.2.1 lladdr 02:00:00:00:00:01 dev wan0 nud permanent;"
		"ip neighbour replace 2001:db8::1 lladdr 02:00:00:00:00:01 dev wan0 nud permanent");
	lab_run_far("ip neighbour replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev wan0 nud permanent;"
		    "ip neighbour replace 2001:db8::2 lladdr 02:00:00:00:00:02 dev wan0 nud permanent");
	for (size_t i = 0; i < 4; i++) {
		struct watch *watch = watch_new(&targets[i], 1, 50);
		unsigned long before = device_bytes(), seen;

		assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
		watch_rounds(watch, 10);
		assert_int_equal(watch->rounds[9].answered, 1);
		seen = device_bytes() - before;
		print_message("target %zu: counted %lu, seen %lu bytes\n", i, (unsigned long)watch->bytes, seen);
		assert_in_range(watch->bytes, seen * 90 / 100, seen * 110 / 100);
		watch_end(watch);
	}
	close(server);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hears_who_does_not_answer_to_echoes),
		cmocka_unit_test(hears_nobody_where_nobody_is),
		cmocka_unit_test(asks_the_gateway_of_the_moment),
		cmocka_unit_test(counts_what_probes_cost),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		print_message("SKIP: network namespaces need root\n");
		return 77;
	}
	log_open(true, false, 0);
	return cmocka_run_group_tests(tests, lab_make, NULL);
}
