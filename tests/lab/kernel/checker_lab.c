/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two namespaces with two links between them, and a checker under observation. */

#include "checker_lab.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 20000

/* The gateway's side and the provider's side; a socket stays in the one where it was made. */
static int near_side, far_side;

const struct address far4 = { IPV4, { 192, 0, 2, 1 } };
const struct address far6 = { IPV6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
const struct address far6_local = { IPV6, { 0xfe, 0x80, [15] = 1 } };
const struct address silent4 = { IPV4, { 192, 0, 2, 99 } };
const struct address nowhere6 = { IPV6, { 0x20, 0x01, 0x0d, 0xb8, 9, [15] = 1 } };

static void enter(int side)
{
	assert_int_equal(setns(side, CLONE_NEWNET), 0);
}

void lab_enter_far(void)
{
	enter(far_side);
}

void lab_enter_near(void)
{
	enter(near_side);
}

void lab_run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

void lab_run_far(const char *command)
{
	enter(far_side);
	lab_run(command);
	enter(near_side);
}

static int new_side(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Static neighbours, so that no test waits for one to be found; number 99 is nobody. */
static void address_link(unsigned int number)
{
	if (number == 0) {
		lab_run_far("ip address add 192.0.2.1/24 dev wan0; ip address add 192.0.2.3/24 dev wan0;"
			    "ip address add 2001:db8::1/64 dev wan0 nodad; ip address add 2001:db8::3/64 dev wan0 nodad;"
			    "ip address add fe80::1/64 dev wan0 nodad");
		lab_run("ip address add 192.0.2.2/24 dev wan0; ip address add 2001:db8::2/64 dev wan0 nodad;"
			"ip address add fe80::2/64 dev wan0 nodad;"
			"ip neighbour add 192.0.2.99 lladdr 02:00:00:00:00:99 dev wan0");
		return;
	}
	lab_run("ip address add 203.0.113.2/24 dev wan1");
	lab_run_far("ip address add 203.0.113.1/24 dev wan1;"
		    "for f in -4 -6; do ip $f rule add priority 5 oif wan1 table 50; done;"
		    "ip -4 route add 192.0.2.0/24 dev wan1 table 50; ip -6 route add 2001:db8::/64 dev wan1 table 50;"
		    "ip neighbour add 192.0.2.2 lladdr 02:00:00:00:01:02 dev wan1;"
		    "ip neighbour add 2001:db8::2 lladdr 02:00:00:00:01:02 dev wan1");
}

void lab_make_link(unsigned int number)
{
	char command[300];

	snprintf(command, sizeof(command),
		"ip link add wan%u address 02:00:00:00:0%u:02 type veth peer name wan%u "
		"address 02:00:00:00:0%u:01 netns /proc/%d/fd/%d",
		number, number, number, number, getpid(), far_side);
	lab_run(command);
	snprintf(command, sizeof(command),
		"ip link set lo up; ip link set wan%u up addrgenmode none;"
		"for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done", number);
	lab_run(command);
	lab_run_far(command);
	address_link(number);
}

int lab_make(void **state)
{
	(void)state;
	far_side = new_side();
	near_side = new_side();
	if (far_side < 0 || near_side < 0)
		return -1;
	lab_make_link(0);
	lab_make_link(1);
	return 0;
}

static void late(uv_timer_t *timer)
{
	struct watch *watch = timer->data;

	print_message("deadline: %zu of %zu rounds\n", watch->count, watch->wanted);
	uv_stop(timer->loop);
}

static uint32_t ask_timeout(void *data)
{
	struct watch *watch = data;

	if (watch->begun < LAB_ROUNDS_MAX)
		watch->begun_ns[watch->begun] = uv_hrtime();
	watch->begun++;
	return watch->timeout_ms;
}

static void take_round(void *data, const struct round *round, uint64_t now_ms)
{
	struct watch *watch = data;

	if (round->late > 0) {
		watch->late = *round;
		watch->lates++;
		return;
	}
	assert_true(watch->count < LAB_ROUNDS_MAX);
	watch->rounds[watch->count] = *round;
	watch->now_ms[watch->count] = now_ms;
	watch->count++;
	if (watch->on_round)
		watch->on_round(watch);
	if (watch->count >= watch->wanted)
		uv_stop(&watch->loop);
}

struct watch *watch_new(const struct target *targets, size_t count, uint32_t interval_ms)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	assert_non_null(watch);
	assert_int_equal(uv_loop_init(&watch->loop), 0);
	uv_timer_init(&watch->loop, &watch->deadline);
	watch->deadline.data = watch;
	uv_timer_start(&watch->deadline, late, DEADLINE_MS, 0);
	watch->check = (struct check){ .count = count, .need = 1, .interval_ms = interval_ms };
	watch->check.targets = calloc(count, sizeof(*targets));
	assert_non_null(watch->check.targets);
	memcpy(watch->check.targets, targets, count * sizeof(*targets));
	watch->timeout_ms = interval_ms / 2;
	return watch;
}

int watch_start(struct watch *watch, const char *device, uint32_t mark)
{
	struct checker_path path = { .device = device, .mark = mark, .bytes = &watch->bytes };

	return checker_new(&watch->loop, &watch->check, &path, ask_timeout, take_round, watch, &watch->checker);
}

void watch_rounds(struct watch *watch, size_t wanted)
{
	watch->wanted = watch->count + wanted;
	uv_run(&watch->loop, UV_RUN_DEFAULT);
	assert_true(watch->count >= watch->wanted);
}

/* uv_loop_close() refuses where a handle is left over. */
void watch_end(struct watch *watch)
{
	checker_free(watch->checker);
	uv_close((uv_handle_t *)&watch->deadline, NULL);
	uv_run(&watch->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&watch->loop), 0);
	free(watch->check.targets);
	free(watch);
}

struct round lab_round(const struct target *targets, size_t count, uint32_t interval_ms)
{
	struct watch *watch = watch_new(targets, count, interval_ms);
	struct round round;

	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	watch_rounds(watch, 1);
	round = watch->rounds[0];
	watch_end(watch);
	return round;
}

int lab_listen(uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd, off = 0;

	enter(far_side);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 100), 0);
	enter(near_side);
	return fd;
}
