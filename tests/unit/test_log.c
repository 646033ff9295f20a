/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of log.h: one event is one printable line of bounded length, wherever it goes. */

#include <errno.h>
#include <setjmp.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/log.h"

struct capture {
	int saved, pipe[2];
	char text[4096];
};

static void capture_begin(struct capture *capture)
{
	assert_int_equal(pipe(capture->pipe), 0);
	capture->saved = dup(STDERR_FILENO);
	dup2(capture->pipe[1], STDERR_FILENO);
}

static const char *capture_end(struct capture *capture)
{
	ssize_t length;

	dup2(capture->saved, STDERR_FILENO);
	close(capture->saved);
	close(capture->pipe[1]);
	length = read(capture->pipe[0], capture->text, sizeof(capture->text) - 1);
	close(capture->pipe[0]);
	capture->text[length > 0 ? length : 0] = '\0';
	return capture->text;
}

static void names_the_priority(void **state)
{
	struct capture capture;

	(void)state;
	unsetenv("JOURNAL_STREAM");
	capture_begin(&capture);
	log_open(true, false, 0);
	log_error("no %s", "disk");
	log_warning("link %d", 2);
	log_notice("up");
	log_info("fine");
	assert_string_equal(capture_end(&capture),
		"uplinkd: error: no disk\nuplinkd: warning: link 2\nuplinkd: up\nuplinkd: fine\n");
}

static void speaks_to_the_journal(void **state)
{
	struct capture capture;
	struct stat status;
	char stream[64];

	(void)state;
	capture_begin(&capture);
	fstat(STDERR_FILENO, &status);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
		(unsigned long long)status.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(true, false, 0);
	log_error("a");
	log_warning("b");
	log_notice("c");
	log_info("d");
	assert_string_equal(capture_end(&capture), "<3>a\n<4>b\n<5>c\n<6>d\n");
}

/* JOURNAL_STREAM is inherited also by those whose stderr goes elsewhere. */
static void knows_when_it_is_not_the_journal(void **state)
{
	struct capture capture;

	(void)state;
	setenv("JOURNAL_STREAM", "1:1", 1);
	capture_begin(&capture);
	log_open(true, false, 0);
	log_warning("b");
	assert_string_equal(capture_end(&capture), "uplinkd: warning: b\n");
	unsetenv("JOURNAL_STREAM");
}

static void escapes_what_cannot_be_printed(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	log_open(true, false, 0);
	log_notice("link %s", "a\nuplinkd: error: b\x1b[31m\t\x7f\xc3\xbc");
	assert_string_equal(capture_end(&capture),
		"uplinkd: link a\\x0auplinkd: error: b\\x1b[31m\\x09\\x7f\\xc3\\xbc\n");
}

static void bounds_the_line(void **state)
{
	struct capture capture;
	char letters[3000], controls[3000];
	const char *line;

	(void)state;
	memset(letters, 'a', sizeof(letters));
	memset(controls, '\n', sizeof(controls));
	letters[sizeof(letters) - 1] = controls[sizeof(controls) - 1] = '\0';
	capture_begin(&capture);
	log_notice("%s", letters);
	assert_int_equal(strlen(capture_end(&capture)), 1000);
	capture_begin(&capture);
	log_notice("%s", controls);
	line = capture_end(&capture);
	assert_true(strlen(line) <= 1000 && strlen(line) > 990);
	assert_int_equal((strlen(line) - strlen("uplinkd: \n")) % 4, 0); /* no half escape */
}

static void is_one_line_whatever_comes(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int trial = 0; trial < 500; trial++) {
		struct capture capture;
		char text[1500];
		size_t length = (size_t)rand() % sizeof(text);
		const char *line;

		for (size_t i = 0; i < length; i++)
			text[i] = (char)(1 + rand() % 255);
		text[length] = '\0';
		capture_begin(&capture);
		log_error("%s", text);
		line = capture_end(&capture);
		assert_true(strlen(line) > 0 && strlen(line) <= 1000);
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
		for (const char *at = line; *at != '\n'; at++)
			assert_true(*at >= ' ' && *at <= '~');
	}
}

static void leaves_errno_alone(void **state)
{
	struct capture capture;
	int after;

	(void)state;
	capture_begin(&capture);
	close(STDERR_FILENO);
	errno = ENODEV;
	log_error("to nowhere");
	after = errno;
	capture_end(&capture);
	assert_int_equal(after, ENODEV);
}

/* The rest runs in a child whose /dev/log is ours. Its exit status says what went wrong. */
static int use_syslog(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	struct timeval patience = { .tv_sec = 5 };
	char line[2048];
	ssize_t length;
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("none", "/dev", "tmpfs", 0, NULL) < 0)
		return 77;
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	log_open(false, true, LOG_LOCAL3);
	log_warning("a\nb");
	length = recv(fd, line, sizeof(line) - 1, 0);
	if (length < 0)
		return 2;
	line[length] = '\0';
	if (atoi(line + 1) != (LOG_LOCAL3 | LOG_WARNING) || !strstr(line, " uplinkd["))
		return 3;
	return strstr(line, "]: a\\x0ab") ? 0 : 4;
}

static void speaks_to_syslog(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(use_syslog());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("SKIP: a /dev/log of our own needs root\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_priority),
		cmocka_unit_test(speaks_to_the_journal),
		cmocka_unit_test(knows_when_it_is_not_the_journal),
		cmocka_unit_test(escapes_what_cannot_be_printed),
		cmocka_unit_test(bounds_the_line),
		cmocka_unit_test(is_one_line_whatever_comes),
		cmocka_unit_test(leaves_errno_alone),
		cmocka_unit_test(speaks_to_syslog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
