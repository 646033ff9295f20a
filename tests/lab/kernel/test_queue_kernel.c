/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of queue.h on a real kernel: packets up, verdicts and marks down, in order. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "kernel/queue.h"
#include "kernel/ruleset.h"
#include "own_network.h"

#define QUEUE_NUMBER 40
#define PORT_OUT     1000 /* queued as it leaves */
#define PORT_IN      2000 /* queued as it comes in */
#define HEADERS      (20 + 8)

#ifndef SO_RCVMARK
#define SO_RCVMARK 75
#endif

static struct queue *queue;
static int sender, receiver;

/* UDP to either port goes to the queue, in output or in input. */
static bool add_ruleset(struct netlink *netlink)
{
	static uint32_t udp = IPPROTO_UDP;
	static struct port_range out = { PORT_OUT, PORT_OUT }, in = { PORT_IN, PORT_IN };
	static struct statement statements[2][3] = {
		{ { .kind = MATCH_PROTOCOL, .values = { &udp, 1 } }, { .kind = MATCH_TO_PORT, .ports = { &out, 1 } },
			{ .kind = QUEUE, .queue = QUEUE_NUMBER, .queues = 1 } },
		{ { .kind = MATCH_PROTOCOL, .values = { &udp, 1 } }, { .kind = MATCH_TO_PORT, .ports = { &in, 1 } },
			{ .kind = QUEUE, .queue = QUEUE_NUMBER, .queues = 1 } },
	};
	static struct ruleset_rule rules[2] = {
		{ .comment = "out", .statements = statements[0], .count = 3 },
		{ .comment = "in", .statements = statements[1], .count = 3 },
	};
	static struct chain chains[2] = {
		{ .name = "out", .kind = CHAIN_FILTER, .hook = HOOK_OUTPUT, .rules = &rules[0], .count = 1 },
		{ .name = "in", .kind = CHAIN_FILTER, .hook = HOOK_INPUT, .rules = &rules[1], .count = 1 },
	};
	static const struct ruleset ruleset = { .table = "test", .chains = chains, .chain_count = 2 };
	struct ruleset_features features;
	char message[256] = "";

	if (ruleset_probe(netlink, &features, message, sizeof(message)) == 0 &&
		ruleset_apply(netlink, &ruleset, &features, message, sizeof(message)) == 0)
		return true;
	printf("SKIP: no rule with a queue on this kernel: %s\n", message);
	return false;
}

static struct sockaddr_in local(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void listen_on(uint16_t port)
{
	struct sockaddr_in address = local(port);
	int on = 1;

	receiver = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(receiver, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(setsockopt(receiver, SOL_SOCKET, SO_RCVMARK, &on, sizeof(on)), 0);
}

static int open_all(void **state)
{
	uint32_t mark = 7;

	(void)state;
	sender = socket(AF_INET, SOCK_DGRAM, 0);
	receiver = -1;
	queue = NULL;
	assert_int_equal(setsockopt(sender, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	assert_int_equal(queue_open(QUEUE_NUMBER, 1024, &queue), 0);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	queue_close(queue);
	close(sender);
	close(receiver);
	return 0;
}

static void send_bytes(uint16_t port, const void *bytes, size_t length)
{
	struct sockaddr_in to = local(port);

	assert_int_equal(sendto(sender, bytes, length, 0, (struct sockaddr *)&to, sizeof(to)), length);
}

static void send_number(uint16_t port, uint32_t number)
{
	send_bytes(port, &number, sizeof(number));
}

/* Length of what arrives within the time, -1 where nothing does. */
static ssize_t arrives(void *bytes, size_t size, uint32_t *ret_mark, int timeout_ms)
{
	struct pollfd readable = { .fd = receiver, .events = POLLIN };
	char control[CMSG_SPACE(sizeof(uint32_t))] = "";
	struct iovec iovec = { .iov_base = bytes, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &iovec,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t length;

	if (poll(&readable, 1, timeout_ms) <= 0)
		return -1;
	length = recvmsg(receiver, &message, 0);
	if (ret_mark != NULL) {
		assert_non_null(CMSG_FIRSTHDR(&message));
		memcpy(ret_mark, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(*ret_mark));
	}
	return length;
}

static void expect_arrival(uint32_t number, uint32_t mark)
{
	uint32_t got_number = 0, got_mark = 0;

	assert_int_equal(arrives(&got_number, sizeof(got_number), &got_mark, 5000), sizeof(got_number));
	assert_int_equal(got_number, number);
	assert_int_equal(got_mark, mark);
}

static void expect_no_arrival(void)
{
	uint32_t number;

	assert_int_equal(arrives(&number, sizeof(number), NULL, 0), -1);
}

static uint32_t number_of(const struct queue_packet *packet)
{
	uint32_t number;

	assert_int_equal(packet->length, HEADERS + sizeof(number));
	memcpy(&number, packet->payload + HEADERS, sizeof(number));
	return number;
}

static struct queue_figures figures(void)
{
	struct queue_figures result;

	assert_int_equal(queue_figures_read(QUEUE_NUMBER, 1, &result), 0);
	return result;
}

static void belongs_to_one(void **state)
{
	struct queue *second = NULL;

	(void)state;
	assert_int_equal(queue_open(QUEUE_NUMBER, 1024, &second), -EBUSY);
	assert_null(second);
	assert_int_equal(queue_open(QUEUE_NUMBER + 1, 1024, &second), 0);
	queue_close(second);
	queue_close(queue);
	assert_int_equal(queue_open(QUEUE_NUMBER, 1024, &queue), 0);
	queue_close(NULL);
}

static void needs_rights(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		struct queue *another;

		if (setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		_exit(queue_open(QUEUE_NUMBER + 1, 1024, &another) == -EPERM ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void gives_packets_and_takes_marks(void **state)
{
	struct queue_packet packets[8];

	(void)state;
	listen_on(PORT_OUT);
	assert_int_equal(queue_receive(queue, packets, 8), 0);
	for (uint32_t i = 0; i < 5; i++)
		send_number(PORT_OUT, i);
	assert_int_equal(queue_receive(queue, packets, 8), 5);
	expect_no_arrival();
	assert_int_equal(figures().held, 5);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(packets[i].id, packets[0].id + i);
		assert_int_equal(packets[i].mark, 7);
		assert_int_equal(packets[i].device_in, 0);
		assert_int_equal(packets[i].payload[0], 0x45);
		assert_int_equal(number_of(&packets[i]), i);
		queue_accept(queue, packets[i].id, 0xabcd00 + i);
	}
	expect_no_arrival(); /* gathered, not sent */
	assert_int_equal(queue_flush(queue), 0);
	for (uint32_t i = 0; i < 5; i++)
		expect_arrival(i, 0xabcd00 + i);
	assert_int_equal(figures().held, 0);
	assert_int_equal(queue_flush(queue), 0);
}

static void drops(void **state)
{
	struct queue_packet packets[2];

	(void)state;
	listen_on(PORT_OUT);
	send_number(PORT_OUT, 1);
	send_number(PORT_OUT, 2);
	assert_int_equal(queue_receive(queue, packets, 2), 2);
	queue_drop(queue, packets[0].id);
	queue_accept(queue, packets[1].id, 0);
	assert_int_equal(queue_flush(queue), 0);
	expect_arrival(2, 0);
	expect_no_arrival();
	assert_int_equal(figures().held, 0);
}

static void tells_where_it_came_in(void **state)
{
	struct queue_packet packet;

	(void)state;
	listen_on(PORT_IN);
	send_number(PORT_IN, 3);
	assert_int_equal(queue_receive(queue, &packet, 1), 1);
	assert_int_equal(packet.device_in, 1); /* lo is the first of each namespace */
	queue_accept(queue, packet.id, packet.mark);
	assert_int_equal(queue_flush(queue), 0);
	expect_arrival(3, 7);
}

static void cuts_long_packets(void **state)
{
	static uint8_t bytes[9000], got[9000];
	struct queue_packet packet;

	(void)state;
	listen_on(PORT_OUT);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	send_bytes(PORT_OUT, bytes, sizeof(bytes));
	assert_int_equal(queue_receive(queue, &packet, 1), 1);
	assert_int_equal(packet.length, QUEUE_COPY_RANGE);
	assert_memory_equal(packet.payload + HEADERS, bytes, QUEUE_COPY_RANGE - HEADERS);
	queue_accept(queue, packet.id, 0);
	queue_flush(queue);
	assert_int_equal(arrives(got, sizeof(got), NULL, 5000), sizeof(bytes));
	assert_memory_equal(got, bytes, sizeof(bytes));
}

/* Many segments that travel as one are one packet here: the kernel need not cut them for us. */
static void takes_segments_as_one(void **state)
{
	static uint8_t bytes[4000];
	struct queue_packet packets[8];
	int segment = 1000;

	(void)state;
	listen_on(PORT_OUT);
	assert_int_equal(setsockopt(sender, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
	send_bytes(PORT_OUT, bytes, sizeof(bytes));
	assert_int_equal(queue_receive(queue, packets, 8), 1);
	queue_accept(queue, packets[0].id, 0);
	queue_flush(queue);
	for (int i = 0; i < 4; i++)
		assert_int_equal(arrives(bytes, sizeof(bytes), NULL, 5000), 1000);
}

/* More than any batch holds, none lost, none out of order, also without a flush in between. */
static void keeps_the_order_of_many(void **state)
{
	struct queue_packet packets[100];
	uint32_t next = 0;
	int count;

	(void)state;
	listen_on(PORT_OUT);
	for (uint32_t i = 0; i < 150; i++)
		send_number(PORT_OUT, i);
	while ((count = queue_receive(queue, packets, 100)) > 0) {
		for (int i = 0; i < count; i++, next++) {
			assert_int_equal(number_of(&packets[i]), next);
			queue_accept(queue, packets[i].id, next);
		}
	}
	assert_int_equal(count, 0);
	assert_int_equal(next, 150);
	queue_flush(queue);
	for (uint32_t i = 0; i < 150; i++)
		expect_arrival(i, i);
}

/* The kernel complains about verdicts for packets that are gone; others are not held up by it. */
static void bears_complaints(void **state)
{
	struct queue_packet packet;

	(void)state;
	listen_on(PORT_OUT);
	for (uint32_t i = 0; i < 100; i++)
		queue_accept(queue, 100000 + i, 0);
	send_number(PORT_OUT, 1);
	assert_int_equal(queue_receive(queue, &packet, 1), 1);
	queue_accept(queue, 99999, 0);
	queue_accept(queue, packet.id, 1);
	assert_int_equal(queue_flush(queue), 0);
	expect_arrival(1, 1);
	assert_int_equal(queue_receive(queue, &packet, 1), 0);
	send_number(PORT_OUT, 2);
	assert_int_equal(queue_receive(queue, &packet, 1), 1);
	assert_int_equal(number_of(&packet), 2);
}

/* Full: the next ones pass without us. */
static void lets_pass_what_it_cannot_hold(void **state)
{
	(void)state;
	queue_close(queue);
	assert_int_equal(queue_open(QUEUE_NUMBER, 2, &queue), 0);
	listen_on(PORT_OUT);
	for (uint32_t i = 0; i < 5; i++)
		send_number(PORT_OUT, i);
	assert_int_equal(figures().held, 2);
	for (uint32_t i = 2; i < 5; i++)
		expect_arrival(i, 7);
	expect_no_arrival();
}

/* Packets come the very moment that the queue is bound: each is offered, none forgotten. */
static void forgets_none_at_the_start(void **state)
{
	pid_t child;

	(void)state;
	queue_close(queue);
	queue = NULL;
	child = fork();
	if (child == 0) {
		for (;;)
			send_number(PORT_OUT, 0);
	}
	for (int i = 0; i < 50; i++) {
		struct queue_packet packets[64];
		uint32_t next = 0;
		double deadline = now_s() + 5;

		assert_int_equal(queue_open(QUEUE_NUMBER, 1024, &queue), 0);
		while (next < 200 && now_s() < deadline) {
			int count = queue_receive(queue, packets, 64);

			assert_true(count >= 0);
			for (int at = 0; at < count; at++) {
				assert_int_equal(packets[at].id, ++next); /* the kernel counts from 1 */
				queue_drop(queue, packets[at].id);
			}
			queue_flush(queue);
		}
		assert_true(next >= 200);
		queue_close(queue);
		queue = NULL;
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void counts_its_own_range_only(void **state)
{
	struct queue_figures result;

	(void)state;
	send_number(PORT_OUT, 1);
	assert_int_equal(queue_figures_read(QUEUE_NUMBER, 5, &result), 0);
	assert_int_equal(result.held, 1);
	assert_int_equal(queue_figures_read(QUEUE_NUMBER - 5, 5, &result), 0);
	assert_int_equal(result.held, 0);
	assert_int_equal(queue_figures_read(QUEUE_NUMBER + 1, 5, &result), 0);
	assert_int_equal(result.held, 0);
}

int main(void)
{
#define OPENED(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)
	static const struct CMUnitTest tests[] = {
		OPENED(belongs_to_one),
		OPENED(needs_rights),
		OPENED(gives_packets_and_takes_marks),
		OPENED(drops),
		OPENED(tells_where_it_came_in),
		OPENED(cuts_long_packets),
		OPENED(takes_segments_as_one),
		OPENED(keeps_the_order_of_many),
		OPENED(bears_complaints),
		OPENED(lets_pass_what_it_cannot_hold),
		OPENED(forgets_none_at_the_start),
		OPENED(counts_its_own_range_only),
	};
	struct netlink *netlink;
	bool ready;

	if (!own_network_enter())
		return TEST_SKIPPED;
	if (netlink_open(NETLINK_NETFILTER, &netlink) < 0)
		return 1;
	ready = add_ruleset(netlink);
	netlink_close(netlink);
	return ready ? cmocka_run_group_tests(tests, NULL, NULL) : TEST_SKIPPED;
}
