/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network namespace of its own, and what tests of rulesets do in it. */

#include "ruleset_lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../unit/sample_ruleset.h"

#define COMMAND_MAX 4096

bool lab_enter(void)
{
	return unshare(CLONE_NEWNET) == 0 && system("ip link set lo up") == 0;
}

int lab_open(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	char message[512] = "";

	*state = lab;
	if (lab == NULL || netlink_open(NETLINK_NETFILTER, &lab->netlink) < 0)
		return -1;
	if (ruleset_probe(lab->netlink, &lab->features, message, sizeof(message)) < 0) {
		print_error("%s\n", message);
		return -1;
	}
	lab->owner = lab->features.owner;
	lab->features.owner = false;
	return 0;
}

int lab_close(void **state)
{
	struct lab *lab = *state;

	netlink_close(lab->netlink);
	free(lab);
	return 0;
}

int lab_remember(void **state)
{
	struct lab *lab = *state;

	return ruleset_memory_new(&lab->memory);
}

int lab_clean(void **state)
{
	struct lab *lab = *state;

	ruleset_memory_free(lab->memory);
	lab->memory = NULL;
	return ruleset_remove(lab->netlink, SAMPLE_TABLE);
}

void lab_update(struct lab *lab, const struct ruleset *ruleset)
{
	char message[512] = "";

	if (ruleset_update(lab->netlink, lab->memory, ruleset, &lab->features, message, sizeof(message)) < 0)
		fail_msg("%s", message);
	assert_int_equal(ruleset_intact(lab->netlink, ruleset), 1);
}

unsigned int lab_counted_in(struct lab *lab, const char *table, const char *counter)
{
	uint64_t packets = UINT32_MAX;

	assert_int_equal(ruleset_counter(lab->netlink, table, counter, &packets), 0);
	return (unsigned int)packets;
}

unsigned int lab_counted(struct lab *lab, const char *counter)
{
	return lab_counted_in(lab, SAMPLE_TABLE, counter);
}

static void format_command(char command[static COMMAND_MAX], const char *format, va_list arguments)
{
	int length = vsnprintf(command, COMMAND_MAX, format, arguments);

	assert_in_range(length, 1, COMMAND_MAX - 1);
}

int lab_try(const char *format, ...)
{
	char command[COMMAND_MAX];
	va_list arguments;
	int status;

	va_start(arguments, format);
	format_command(command, format, arguments);
	va_end(arguments);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void lab_run(const char *format, ...)
{
	char command[COMMAND_MAX];
	va_list arguments;

	va_start(arguments, format);
	format_command(command, format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

char *lab_output(const char *format, ...)
{
	char command[COMMAND_MAX], *text = NULL;
	va_list arguments;
	size_t size = 0;
	FILE *pipe;

	va_start(arguments, format);
	format_command(command, format, arguments);
	va_end(arguments);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	if (getdelim(&text, &size, '\0', pipe) < 0 && text != NULL)
		text[0] = '\0';
	assert_int_equal(pclose(pipe), 0);
	assert_non_null(text);
	return text;
}

static struct sockaddr_in place(const char *address, uint16_t port)
{
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, address, &place.sin_addr), 1);
	return place;
}

static int bound_socket(int type, const char *address, uint16_t port)
{
	struct sockaddr_in own = place(address, port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&own, sizeof(own)), 0);
	return fd;
}

void lab_send(const char *from, const char *to, uint16_t port, uint32_t mark, unsigned int count)
{
	struct sockaddr_in other = place(to, port);
	int fd = bound_socket(SOCK_DGRAM, from, 0);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	for (unsigned int i = 0; i < count; i++) {
		ssize_t sent = sendto(fd, "x", 1, 0, (const struct sockaddr *)&other, sizeof(other));

		assert_true(sent == 1 || errno == EPERM || errno == EACCES);
	}
	close(fd);
}

bool lab_connects(uint16_t port)
{
	struct sockaddr_in other = place("127.0.0.1", port);
	int listener = bound_socket(SOCK_STREAM, "127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval deadline = { .tv_sec = 2 };
	int result, reason;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline)), 0);
	assert_int_equal(listen(listener, 1), 0);
	result = connect(fd, (const struct sockaddr *)&other, sizeof(other));
	reason = errno;
	close(fd);
	close(listener);
	if (result < 0)
		assert_int_equal(reason, ECONNREFUSED);
	return result == 0;
}

bool lab_arrives(uint16_t port)
{
	const struct timeval deadline = { .tv_sec = 1 };
	int fd = bound_socket(SOCK_DGRAM, "127.0.0.1", port);
	char byte;
	ssize_t length;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)), 0);
	lab_send("127.0.0.1", "127.0.0.1", port, 0, 1);
	length = recv(fd, &byte, 1, 0);
	close(fd);
	return length == 1;
}
