/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that lines are appended whole, and that a file that becomes too large is put aside. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/line_file.h"

static char folder[64], path[96], aside[96];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/line-file-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(aside, sizeof(aside), "%s/log.1", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	unlink(aside);
	return rmdir(folder);
}

static long size_of(const char *name)
{
	struct stat status;

	return stat(name, &status) < 0 ? -1 : (long)status.st_size;
}

static void write_text(struct line_file *file, const char *text)
{
	assert_int_equal(line_file_write(file, text, strlen(text)), 0);
}

static void appends_to_what_is_there(void **state)
{
	struct line_file *file = line_file_new(path, 1000);
	struct stat status;

	(void)state;
	assert_int_equal(size_of(path), -1);
	write_text(file, "one\n");
	line_file_free(file);
	file = line_file_new(path, 1000);
	write_text(file, "two\nthree\n");
	assert_int_equal(size_of(path), 14);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777 & ~0640u, 0);
	line_file_free(file);
}

static void is_put_aside_before_it_is_too_large(void **state)
{
	struct line_file *file = line_file_new(path, 10);

	(void)state;
	write_text(file, "12345678\n");
	assert_int_equal(size_of(path), 9);
	write_text(file, "a\n");
	assert_int_equal(size_of(path), 2);
	assert_int_equal(size_of(aside), 9);
	write_text(file, "longer than the limit\n");
	assert_int_equal(size_of(path), 22);
	assert_int_equal(size_of(aside), 2);
	line_file_free(file);
	/* Also what another left. */
	file = line_file_new(path, 10);
	write_text(file, "b\n");
	assert_int_equal(size_of(path), 2);
	assert_int_equal(size_of(aside), 22);
	line_file_free(file);
}

static void is_opened_anew_when_told(void **state)
{
	struct line_file *file = line_file_new(path, 1000);

	(void)state;
	write_text(file, "one\n");
	assert_int_equal(rename(path, aside), 0);
	write_text(file, "two\n");
	assert_int_equal(size_of(aside), 8);
	assert_int_equal(size_of(path), -1);
	line_file_reopen(file);
	write_text(file, "three\n");
	assert_int_equal(size_of(path), 6);
	line_file_free(file);
}

static void follows_no_link_and_waits_for_no_pipe(void **state)
{
	struct line_file *file = line_file_new(path, 1000);

	(void)state;
	assert_int_equal(symlink(aside, path), 0);
	assert_int_equal(line_file_write(file, "x\n", 2), -ELOOP);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(line_file_write(file, "x\n", 2) < 0);
	assert_int_equal(unlink(path), 0);
	write_text(file, "x\n");
	line_file_free(file);
}

/* Where the disk is full, what is there stays as it was. */
static void leaves_no_half_line(void **state)
{
	struct rlimit before, small = { 8, 8 };
	struct line_file *file = line_file_new(path, 1000);

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	write_text(file, "1234\n");
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(line_file_write(file, "abcdefgh\n", 9), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(size_of(path), 5);
	write_text(file, "5678\n");
	assert_int_equal(size_of(path), 10);
	line_file_free(file);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
	static const struct CMUnitTest tests[] = {
		WITH_FOLDER(appends_to_what_is_there),
		WITH_FOLDER(is_put_aside_before_it_is_too_large),
		WITH_FOLDER(is_opened_anew_when_told),
		WITH_FOLDER(follows_no_link_and_waits_for_no_pipe),
		WITH_FOLDER(leaves_no_half_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
