/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of notify.h with a real socket in the place of the service manager. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/notify.h"

/* name as NOTIFY_SOCKET has it. */
static int listen_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 5 };
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void assert_heard(int fd, const char *expected)
{
	char text[200];
	ssize_t length = recv(fd, text, sizeof(text) - 1, 0);

	assert_true(length >= 0);
	text[length] = '\0';
	assert_string_equal(text, expected);
}

static void tells_a_socket_with_a_path(void **state)
{
	char folder[] = "/tmp/uplinkd-notify-XXXXXX", name[100];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(name, sizeof(name), "%s/socket", folder);
	fd = listen_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("READY=1\nSTATUS=2 of 2 links up");
	assert_heard(fd, "READY=1\nSTATUS=2 of 2 links up");
	close(fd);
	unlink(name);
	rmdir(folder);
}

static void tells_an_abstract_socket(void **state)
{
	char name[100];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@uplinkd-notify-test-%d", getpid());
	fd = listen_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("WATCHDOG=1");
	assert_heard(fd, "WATCHDOG=1");
	close(fd);
}

/* Neither crashes, nor blocks, nor leaves a descriptor open. */
static void bears_a_manager_that_is_not_there(void **state)
{
	static const char *const names[] = { "", "/", "@", "relative", "/nonexistent/socket", "vsock:2:1" };
	char long_name[300];
	int before = dup(0), after;

	(void)state;
	close(before);
	memset(long_name, '/', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		notify_send("READY=1");
	}
	setenv("NOTIFY_SOCKET", long_name, 1);
	notify_send("READY=1");
	unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

static unsigned int watchdog(const char *interval, const char *process)
{
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (interval)
		setenv("WATCHDOG_USEC", interval, 1);
	if (process)
		setenv("WATCHDOG_PID", process, 1);
	return notify_watchdog_ms();
}

static void knows_the_watchdog(void **state)
{
	char own[20], parent[20];

	(void)state;
	snprintf(own, sizeof(own), "%d", getpid());
	snprintf(parent, sizeof(parent), "%d", getppid());
	assert_int_equal(watchdog(NULL, NULL), 0);
	assert_int_equal(watchdog("10000000", NULL), 5000);
	assert_int_equal(watchdog("10000000", own), 5000);
	assert_int_equal(watchdog("10000000", parent), 0);
	assert_int_equal(watchdog("10000000", "x"), 0);
	assert_int_equal(watchdog("1", NULL), 1);
	assert_int_equal(watchdog("0", NULL), 0);
	assert_int_equal(watchdog("-1", NULL), 0);
	assert_int_equal(watchdog("10s", NULL), 0);
	assert_int_equal(watchdog("", NULL), 0);
	assert_int_equal(watchdog("99999999999999999999", NULL), 0);
	assert_int_equal(watchdog("18446744073709551615", NULL), UINT32_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_a_socket_with_a_path),
		cmocka_unit_test(tells_an_abstract_socket),
		cmocka_unit_test(bears_a_manager_that_is_not_there),
		cmocka_unit_test(knows_the_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
