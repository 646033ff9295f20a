/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of copies.h and conntrack_ends.h on a real kernel. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/packet.h"
#include "kernel/conntrack_ends.h"
#include "kernel/copies.h"
#include "own_network.h"

#define GROUP 77
#define BURST 300

static const char rules[] = "nft 'table inet track { chain out { type filter hook output priority -150; "
			    "udp dport 9 ct mark set 0x145; "
			    "udp dport 9 meta mark set 0x145 log group 77 snaplen 40 queue-threshold 1; "
			    "udp dport 10 ct state new counter; }; }'";

/* A datagram from 127.0.0.1 to that port; nobody answers. */
static void send_datagrams(uint16_t port, int count)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	for (int i = 0; i < count; i++)
		sendto(fd, "datagram of some length, which is cut", 37, 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static bool wait_readable(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	return poll(&poller, 1, 5000) == 1;
}

static void gives_copies_as_they_come(void **state)
{
	struct copies *copies;
	struct copy items[64];
	struct flow flow;
	uint8_t flags;
	int found = 0;

	(void)state;
	assert_int_equal(copies_open(GROUP, &copies), 0);
	assert_int_equal(copies_receive(copies, items, 64), 0);
	send_datagrams(9, BURST);
	send_datagrams(10, 1);
	while (found < BURST) {
		int count;

		assert_true(wait_readable(copies_fd(copies)));
		count = copies_receive(copies, items, 64);
		assert_true(count > 0);
		for (int i = 0; i < count; i++) {
			assert_int_equal(items[i].mark, 0x145);
			assert_int_equal(items[i].length, 40);
			assert_int_equal(packet_parse_flags(items[i].payload, items[i].length, &flow, &flags), 0);
			assert_int_equal(flow.to_port, 9);
			assert_int_equal(flags, 0);
		}
		found += count;
	}
	assert_int_equal(found, BURST);
	assert_int_equal(copies_receive(copies, items, 64), 0);
	copies_close(copies);
}

static void a_group_has_one_listener(void **state)
{
	struct copies *copies, *second;

	(void)state;
	assert_int_equal(copies_open(GROUP, &copies), 0);
	assert_int_equal(copies_open(GROUP, &second), -EBUSY);
	assert_int_equal(copies_open(GROUP + 1, &second), 0);
	copies_close(second);
	copies_close(copies);
	assert_int_equal(copies_open(GROUP, &copies), 0);
	copies_close(copies);
}

static struct connection_end last_end;
static int ends_seen;

static void on_end(const struct connection_end *end, void *data)
{
	(void)data;
	last_end = *end;
	ends_seen++;
}

static void tells_of_forgotten_connections_of_ours(void **state)
{
	struct conntrack_ends *ends;

	(void)state;
	assert_true(run("conntrack -F >/dev/null 2>&1"));
	assert_int_equal(conntrack_ends_open(&ends), 0);
	assert_int_equal(conntrack_ends_receive(ends, 0x3f, on_end, NULL), 0);
	send_datagrams(9, 3);
	send_datagrams(10, 3);
	ends_seen = 0;
	assert_true(run("conntrack -D -p udp >/dev/null 2>&1"));
	while (ends_seen == 0) {
		assert_true(wait_readable(conntrack_ends_fd(ends)));
		assert_true(conntrack_ends_receive(ends, 0x3f, on_end, NULL) >= 0);
	}
	assert_int_equal(conntrack_ends_receive(ends, 0x3f, on_end, NULL), 0);
	assert_int_equal(ends_seen, 1); /* of the unmarked one nothing */
	assert_int_equal(last_end.mark, 0x145);
	assert_int_equal(last_end.flow.protocol, IPPROTO_UDP);
	assert_true(last_end.flow.ports);
	assert_int_equal(last_end.flow.to_port, 9);
	assert_int_equal(last_end.flow.from.bytes[0], 127);
	assert_int_equal(last_end.bytes, 3 * (20 + 8 + 37));
	assert_int_equal(last_end.back_bytes, 0);
	conntrack_ends_close(ends);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_copies_as_they_come),
		cmocka_unit_test(a_group_has_one_listener),
		cmocka_unit_test(tells_of_forgotten_connections_of_ours),
	};

	if (!own_network_enter())
		return TEST_SKIPPED;
	if (!run("sysctl -qw net.netfilter.nf_conntrack_acct=1 && %s", rules)) {
		printf("SKIP: needs nft with log and conntrack\n");
		return TEST_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
