/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of checker.h on a real kernel: who counts as an answer, and when rounds begin. */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "checker_lab.h"
#include "forger.h"
#include "service/log.h"
#include "service/probe_tcp.h"

/* ---- who answers ---- */

static void hears_every_kind_of_target(void **state)
{
	int server = lab_listen(443);
	struct target targets[] = {
		{ .kind = TARGET_PING, .address = far4 },
		{ .kind = TARGET_PING, .address = far6 },
		{ .kind = TARGET_PING, .address = far6_local },
		{ .kind = TARGET_TCP, .address = far4, .port = 443 },
		{ .kind = TARGET_TCP, .address = far6, .port = 443 },
	};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct round round = lab_round(&targets[i], 1, 4000);

		print_message("target %zu: %u us\n", i, round.latency_us);
		assert_int_equal(round.asked, 1);
		assert_int_equal(round.answered, 1);
		assert_in_range(round.latency_us, 1, 1000000);
	}
	assert_int_equal(lab_round(targets, 5, 4000).answered, 5);
	close(server);
}

static void counts_who_answers(void **state)
{
	int server = lab_listen(443);
	struct target targets[] = {
		{ .kind = TARGET_PING, .address = far4 },
		{ .kind = TARGET_PING, .address = silent4 },
		{ .kind = TARGET_TCP, .address = far4, .port = 443 },
		{ .kind = TARGET_TCP, .address = far4, .port = 444 }, /* refused */
		{ .kind = TARGET_TCP, .address = silent4, .port = 443 },
		{ .kind = TARGET_PING, .address = nowhere6 }, /* no route */
	};
	uint64_t before = uv_hrtime();
	struct round round = lab_round(targets, 6, 600);

	(void)state;
	assert_int_equal(round.asked, 6);
	assert_int_equal(round.answered, 2);
	assert_true(uv_hrtime() - before >= 299 * 1000000ull); /* the silent ones were waited for */
	assert_in_range(round.latency_us, 1, 299999);
	close(server);
}

static void ends_when_nothing_can_come(void **state)
{
	struct target targets[] = { { .kind = TARGET_TCP, .address = far4, .port = 444 }, { .kind = TARGET_TCP, .address = far6, .port = 444 } };
	uint64_t before = uv_hrtime();
	struct round round = lab_round(targets, 2, 16000);

	(void)state;
	assert_int_equal(round.answered, 0);
	assert_int_equal(round.latency_us, 0);
	assert_true(uv_hrtime() - before < 8000 * 1000000ull);
}

static void leaves_no_connection_behind(void **state)
{
	int server = lab_listen(443);
	struct target target = { .kind = TARGET_TCP, .address = far4, .port = 443 };
	struct watch *watch = watch_new(&target, 1, 50);

	(void)state;
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	watch_rounds(watch, 5);
	assert_int_equal(watch->rounds[4].answered, 1);
	watch_end(watch);
	lab_run("! grep -q ':01BB ' /proc/net/tcp");
	close(server);
}

/* A server that hangs up before we look was there all the same. */
static void hears_a_server_that_hangs_up(void **state)
{
	struct checker_path path = { .device = "wan0", .mark = LAB_MARK };
	struct linger reset = { 1, 0 };
	int server = lab_listen(443), probe = probe_tcp_connect(&path, &far4, 443), client;
	struct pollfd poll_probe = { .fd = probe };
	uint32_t latency_us;

	(void)state;
	assert_true(probe >= 0);
	client = accept(server, NULL, NULL);
	assert_true(client >= 0);
	setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(client);
	assert_int_equal(poll(&poll_probe, 1, 5000), 1); /* an error or hang-up */
	assert_int_equal(probe_tcp_read(probe, &latency_us), 1);
	close(probe);
	close(server);
}

/* Of IPv4 the kernel takes a target as on-link where a bound socket finds no route; of IPv6 it does not. */
static void carries_the_mark(void **state)
{
	struct target targets[] = { { .kind = TARGET_PING, .address = far6 }, { .kind = TARGET_TCP, .address = far6, .port = 443 } };
	int server = lab_listen(443);
	struct watch *watch = watch_new(targets, 2, 400);
	unsigned int without_mark;

	(void)state;
	lab_run("ip -6 rule add priority 10 not fwmark 0x17 prohibit");
	assert_int_equal(watch_start(watch, "wan0", 0), 0);
	watch_rounds(watch, 1);
	without_mark = watch->rounds[0].answered;
	watch_end(watch);
	assert_int_equal(lab_round(targets, 2, 4000).answered, 2);
	lab_run("ip -6 rule delete priority 10");
	close(server);
	assert_int_equal(without_mark, 0);
}

/* The main table knows a way by wan0; the check of wan1 must not take it. */
static void leaves_by_its_own_device(void **state)
{
	struct target targets[] = { { .kind = TARGET_PING, .address = far4 }, { .kind = TARGET_TCP, .address = far4, .port = 443 } };
	int server = lab_listen(443);
	struct watch *watch = watch_new(targets, 2, 400);

	(void)state;
	lab_run_far("echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore");
	assert_int_equal(watch_start(watch, "wan1", LAB_MARK), 0);
	watch_rounds(watch, 1);
	assert_int_equal(watch->rounds[0].answered, 0);
	watch_end(watch);
	lab_run_far("echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore");
	close(server);
}

/* Echo replies that the near kernel has taken in, whoever they were for. */
static unsigned long replies_seen(enum family family)
{
	FILE *out = popen(family == IPV4 ? "awk '/^Icmp:/ && n++ {print $16}' /proc/net/snmp"
					 : "awk '$1 == \"Icmp6InEchoReplies\" {print $2}' /proc/net/snmp6",
		"r");
	unsigned long count = 0;

	assert_non_null(out);
	assert_int_equal(fscanf(out, "%lu", &count), 1);
	pclose(out);
	return count;
}

static unsigned int answers_to(enum family family, enum forgery forgery, size_t rounds)
{
	struct target target = { .kind = TARGET_PING, .address = family == IPV4 ? far4 : far6 };
	struct watch *watch = watch_new(&target, 1, 200);
	struct forger forger = { .family = family, .forgery = forgery };
	unsigned long before = replies_seen(family);
	unsigned int answered = 0;

	forger_start(&forger, &watch->loop);
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	watch_rounds(watch, rounds);
	for (size_t i = 0; i < rounds; i++)
		answered += watch->rounds[i].answered;
	assert_true(forger.requests >= rounds);
	if (forgery != WRONG_TYPE) /* what was refused had come */
		assert_true(replies_seen(family) - before >= rounds - 1);
	assert_int_equal(watch->lates > 0, forgery == OF_LAST_ROUND); /* it takes back what was told of the round before */
	forger_stop(&forger);
	watch_end(watch);
	return answered;
}

static int silence_far_kernel(void **state)
{
	(void)state;
	lab_run_far("echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all; echo 1 >/proc/sys/net/ipv6/icmp/echo_ignore_all");
	return 0;
}

static int wake_far_kernel(void **state)
{
	(void)state;
	lab_run_far("echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_all; echo 0 >/proc/sys/net/ipv6/icmp/echo_ignore_all");
	return 0;
}

static void takes_honest_answers(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		assert_int_equal(answers_to(family, HONEST, 2), 2);
		assert_int_equal(answers_to(family, HONEST_AMONG_MANY, 2), 2);
	}
}

static void passes_over_forged_answers(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		for (enum forgery forgery = WRONG_COOKIE; forgery <= OF_LAST_ROUND; forgery++) {
			print_message("family %d forgery %d\n", (int)family, (int)forgery);
			assert_int_equal(answers_to(family, forgery, 3), 0);
		}
	}
}

static void busy_once(uv_check_t *check)
{
	const struct forger *forger = check->data;

	if (forger->requests == 0)
		return;
	usleep(300000);
	uv_check_stop(check);
}

/* Busy with something else past the deadline while the answer lies there: the link is not to blame. */
static void reads_once_more_at_the_deadline(void **state)
{
	struct target target = { .kind = TARGET_PING, .address = far4 };
	struct watch *watch = watch_new(&target, 1, 200);
	struct forger forger = { .family = IPV4, .forgery = HONEST };
	uv_check_t check = { .data = &forger };

	(void)state;
	uv_check_init(&watch->loop, &check);
	uv_check_start(&check, busy_once);
	forger_start(&forger, &watch->loop);
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	watch_rounds(watch, 1);
	assert_int_equal(watch->rounds[0].answered, 1);
	assert_in_range(watch->rounds[0].latency_us, 1, 100000);
	uv_close((uv_handle_t *)&check, NULL);
	forger_stop(&forger);
	watch_end(watch);
}

/* ---- when rounds begin ---- */

#define GRID_MS  100
#define NS_IN_MS 1000000

static int64_t lateness_ms(const struct watch *watch, size_t round)
{
	return (int64_t)(watch->begun_ns[round] - watch->begun_ns[0]) / NS_IN_MS - (int64_t)round * GRID_MS;
}

/* Rounds that take half an interval each would be off by 600 ms in the end if beginnings drifted. */
static void keeps_to_the_grid(void **state)
{
	struct target target = { .kind = TARGET_PING, .address = silent4 };
	struct watch *watch = watch_new(&target, 1, GRID_MS);
	int64_t least = INT64_MAX;

	(void)state;
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	watch_rounds(watch, 12);
	for (size_t i = 0; i < 12; i++) {
		assert_true(lateness_ms(watch, i) >= -3);
		assert_int_equal(watch->rounds[i].asked, 1);
		if (i >= 6 && lateness_ms(watch, i) < least)
			least = lateness_ms(watch, i);
		if (i > 0)
			assert_true(watch->now_ms[i] > watch->now_ms[i - 1]);
	}
	assert_true(least < 50); /* one late round is the machine's fault, not all six */
	watch_end(watch);
}

/* Where the round trip is longer than the interval; the next round begins at the next point of the grid. */
static void waits_longer_than_the_interval_where_told(void **state)
{
	struct target target = { .kind = TARGET_PING, .address = silent4 };
	struct watch *watch = watch_new(&target, 1, GRID_MS);
	int64_t least = INT64_MAX;

	(void)state;
	watch->timeout_ms = 5 * GRID_MS / 2;
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	watch_rounds(watch, 4);
	for (size_t i = 1; i < 4; i++) {
		int64_t more = lateness_ms(watch, i) - 2 * (int64_t)i * GRID_MS;

		assert_true(more >= -3);
		least = more < least ? more : least;
	}
	assert_true(least < 50);
	watch_end(watch);
}

static void sleep_through_some(struct watch *watch)
{
	if (watch->count == 2)
		usleep(5 * GRID_MS * 1000 + GRID_MS * 300);
}

static void does_not_catch_up_after_a_pause(void **state)
{
	struct target target = { .kind = TARGET_PING, .address = far4 };
	struct watch *watch = watch_new(&target, 1, GRID_MS);

	(void)state;
	watch->on_round = sleep_through_some;
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	watch_rounds(watch, 6);
	assert_true(watch->begun_ns[2] - watch->begun_ns[1] >= 5 * GRID_MS * (uint64_t)NS_IN_MS);
	for (size_t i = 3; i < 6; i++)
		assert_true(watch->begun_ns[i] - watch->begun_ns[i - 1] >= GRID_MS * NS_IN_MS / 3);
	watch_end(watch);
}

static void restart(struct watch *watch)
{
	checker_restart(watch->checker);
}

static void begins_at_once_when_restarted(void **state)
{
	struct target target = { .kind = TARGET_PING, .address = far4 };
	struct watch *watch = watch_new(&target, 1, 60000);

	(void)state;
	watch->on_round = restart;
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	watch_rounds(watch, 5);
	watch_end(watch);
}

static void forgets_the_round_when_restarted(void **state)
{
	struct target target = { .kind = TARGET_PING, .address = silent4 };
	struct watch *watch = watch_new(&target, 1, 60000);

	(void)state;
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	for (size_t i = 1; i <= 3; i++) {
		while (watch->begun < i)
			uv_run(&watch->loop, UV_RUN_NOWAIT);
		checker_restart(watch->checker);
	}
	assert_int_equal(watch->count, 0);
	watch->timeout_ms = 10;
	watch_rounds(watch, 1);
	assert_int_equal(watch->begun, 4);
	watch_end(watch);
}

/* ---- its life ---- */

static void free_it(struct watch *watch)
{
	checker_free(watch->checker);
	watch->checker = NULL;
}

static void free_in_callback(const struct target *targets, size_t count, const char *device)
{
	struct watch *watch = watch_new(targets, count, 200);

	watch->on_round = free_it;
	assert_int_equal(watch_start(watch, device, LAB_MARK), 0);
	watch_rounds(watch, 1);
	watch_end(watch);
}

/* The callback comes from a socket, from the deadline, and from a round that could not be sent. */
static void can_be_freed_in_the_callback(void **state)
{
	struct target targets[] = { { .kind = TARGET_PING, .address = far4 }, { .kind = TARGET_TCP, .address = far4, .port = 444 },
		{ .kind = TARGET_PING, .address = silent4 } };

	(void)state;
	free_in_callback(targets, 2, "wan0");
	free_in_callback(targets, 3, "wan0");
	free_in_callback(targets, 3, "wan9");
}

static void can_be_freed_at_any_time(void **state)
{
	struct target targets[] = { { .kind = TARGET_PING, .address = silent4 }, { .kind = TARGET_TCP, .address = silent4, .port = 1 } };
	struct watch *watch = watch_new(targets, 2, 60000);

	(void)state;
	checker_free(NULL);
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	watch_end(watch);
	watch = watch_new(targets, 2, 60000);
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	while (watch->begun == 0)
		uv_run(&watch->loop, UV_RUN_NOWAIT);
	watch_end(watch);
}

static void refuses_what_cannot_be_checked(void **state)
{
	struct target target = { .kind = TARGET_PING, .address = far4 };
	struct watch *watch = watch_new(&target, 1, 100);

	(void)state;
	assert_int_equal(watch_start(watch, "a-name-that-is-too-long", 0), -EINVAL);
	watch->check.count = 0;
	assert_int_equal(watch_start(watch, "wan0", 0), -EINVAL);
	watch_end(watch);
}

static void says_nothing_for_want_of_descriptors(void **state)
{
	struct target target = { .kind = TARGET_PING, .address = far4 };
	struct watch *watch = watch_new(&target, 1, 20);
	struct rlimit before, none = { 0 };

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	while (watch->begun < 3)
		uv_run(&watch->loop, UV_RUN_NOWAIT);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(watch->count, 0);
	watch_rounds(watch, 1);
	assert_int_equal(watch->rounds[0].answered, 1);
	watch_end(watch);
}

/* A modem that is unplugged and comes back has a new index; the checker is not told. */
static void follows_a_device_that_comes_back(void **state)
{
	struct target targets[] = { { .kind = TARGET_PING, .address = far4 }, { .kind = TARGET_PING, .address = far6 } };
	struct watch *watch = watch_new(targets, 2, 200);

	(void)state;
	assert_int_equal(watch_start(watch, "wan0", LAB_MARK), 0);
	watch_rounds(watch, 1);
	assert_int_equal(watch->rounds[0].answered, 2);
	lab_run("ip link delete wan0");
	watch_rounds(watch, 2);
	assert_int_equal(watch->rounds[2].answered, 0);
	assert_int_equal(watch->rounds[2].asked, 2);
	lab_make_link(0);
	watch_rounds(watch, 3);
	assert_int_equal(watch->rounds[5].answered, 2);
	watch_end(watch);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hears_every_kind_of_target),
		cmocka_unit_test(counts_who_answers),
		cmocka_unit_test(ends_when_nothing_can_come),
		cmocka_unit_test(leaves_no_connection_behind),
		cmocka_unit_test(hears_a_server_that_hangs_up),
		cmocka_unit_test(carries_the_mark),
		cmocka_unit_test(leaves_by_its_own_device),
		cmocka_unit_test_setup_teardown(takes_honest_answers, silence_far_kernel, wake_far_kernel),
		cmocka_unit_test_setup_teardown(passes_over_forged_answers, silence_far_kernel, wake_far_kernel),
		cmocka_unit_test_setup_teardown(reads_once_more_at_the_deadline, silence_far_kernel, wake_far_kernel),
		cmocka_unit_test(keeps_to_the_grid),
		cmocka_unit_test(waits_longer_than_the_interval_where_told),
		cmocka_unit_test(does_not_catch_up_after_a_pause),
		cmocka_unit_test(begins_at_once_when_restarted),
		cmocka_unit_test(forgets_the_round_when_restarted),
		cmocka_unit_test(can_be_freed_in_the_callback),
		cmocka_unit_test(can_be_freed_at_any_time),
		cmocka_unit_test(refuses_what_cannot_be_checked),
		cmocka_unit_test(says_nothing_for_want_of_descriptors),
		cmocka_unit_test(follows_a_device_that_comes_back),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		print_message("SKIP: network namespaces need root\n");
		return 77;
	}
	log_open(true, false, 0);
	return cmocka_run_group_tests(tests, lab_make, NULL);
}
