/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of spool.h: whole messages in order, a bound, nothing half done. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/spool.h"

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/uplinkd-spool-XXXXXX");
	return mkdtemp(folder) == NULL || rmdir(folder) < 0 ? -1 : 0;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void read_message(const char *name, char *text, size_t size)
{
	char path[256];
	FILE *file;
	size_t length;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "r");
	assert_non_null(file);
	length = fread(text, 1, size - 1, file);
	text[length] = '\0';
	fclose(file);
}

static int put(const char *where, const char *id, const char *text)
{
	bool gave_way;
	int result = spool_put(where, id, text, SPOOL_FIRST, &gave_way);

	assert_false(gave_way);
	return result;
}

static void keeps_messages_in_order(void **state)
{
	char text[64], id[32], **names;
	struct stat status;
	size_t count;

	(void)state;
	for (int i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "%d@host", i);
		snprintf(text, sizeof(text), "message %d\r\n", i);
		assert_int_equal(put(folder, id, text), 0);
	}
	assert_int_equal(stat(folder, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);

	assert_int_equal(spool_list(folder, &names, &count), 0);
	assert_int_equal(count, 50);
	for (int i = 0; i < 50; i++) {
		char expected[64];

		snprintf(expected, sizeof(expected), "message %d\r\n", i);
		read_message(names[i], text, sizeof(text));
		assert_string_equal(text, expected);
	}
	spool_names_free(names, count);
}

/* A clock that was set back, as it is on routers at every start, must not turn the order. */
static void comes_after_what_seems_to_be_from_the_future(void **state)
{
	static const char future[] = "09000000000000000000-00000000000000ff.eml";
	char path[256], **names;
	size_t count;

	(void)state;
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s", folder, future);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(put(folder, "1@host", "one"), 0);
	assert_int_equal(put(folder, "1@host", "the same id again"), 0);
	assert_int_equal(spool_list(folder, &names, &count), 0);
	assert_int_equal(count, 3);
	assert_string_equal(names[0], future);
	assert_memory_equal(names[1], "09000000000000000001-", 21);
	assert_memory_equal(names[2], "09000000000000000002-", 21);
	spool_names_free(names, count);
}

static void is_bounded(void **state)
{
	char **names;
	size_t count;

	(void)state;
	for (int i = 0; i < SPOOL_MESSAGES_MAX; i++)
		assert_int_equal(put(folder, "x@host", "text"), 0);
	assert_int_equal(put(folder, "x@host", "text"), -ENOSPC);
	assert_int_equal(spool_list(folder, &names, &count), 0);
	assert_int_equal(count, SPOOL_MESSAGES_MAX);
	spool_names_free(names, count);
}

/* Summaries go, oldest first, before an alert is refused; alerts never go. */
static void summaries_give_way(void **state)
{
	char text[64], **names;
	bool gave_way;
	size_t count;

	(void)state;
	for (int i = 0; i < SPOOL_MESSAGES_MAX; i++) {
		snprintf(text, sizeof(text), "message %d", i);
		assert_int_equal(spool_put(folder, "x@host", text, i == 3 || i == 7 ? SPOOL_LATER : SPOOL_FIRST, &gave_way), 0);
		assert_false(gave_way);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(spool_put(folder, "y@host", "new", SPOOL_FIRST, &gave_way), 0);
		assert_true(gave_way);
		assert_int_equal(spool_list(folder, &names, &count), 0);
		assert_int_equal(count, SPOOL_MESSAGES_MAX);
		read_message(names[3], text, sizeof(text));
		assert_string_equal(text, "message 4");
		read_message(names[6], text, sizeof(text));
		assert_string_equal(text, i == 0 ? "message 7" : "message 8");
		spool_names_free(names, count);
	}
	assert_int_equal(put(folder, "z@host", "newer"), -ENOSPC);
}

static void bytes_are_bounded(void **state)
{
	size_t large = SPOOL_BYTES_MAX / 4;
	char *text = malloc(large + 1), **names;
	bool gave_way;
	size_t count;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', large);
	text[large] = '\0';
	assert_int_equal(spool_put(folder, "1@host", text, SPOOL_LATER, &gave_way), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(put(folder, "2@host", text), 0);
	assert_int_equal(spool_put(folder, "3@host", "one more", SPOOL_FIRST, &gave_way), 0);
	assert_true(gave_way);
	assert_int_equal(put(folder, "4@host", text), -ENOSPC);
	assert_int_equal(spool_list(folder, &names, &count), 0);
	assert_int_equal(count, 4);
	spool_names_free(names, count);
	free(text);
}

static void lists_nothing_but_messages(void **state)
{
	static const char *const others[] = { ".lock", "failed", ".00000000000000000001-0000000000000001.eml.tmp", "x.eml",
		"0000000000000000000a-0000000000000001.eml", "00000000000000000001-0000000000000001.txt" };
	char path[256], **names;
	size_t count;

	(void)state;
	assert_int_equal(spool_list(folder, &names, &count), -ENOENT);
	assert_int_equal(put(folder, "1@host", "text"), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, others[i]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	assert_int_equal(spool_list(folder, &names, &count), 0);
	assert_int_equal(count, 1);
	spool_names_free(names, count);
	spool_names_free(NULL, 0);
}

/* Where the disk refuses in the middle, nothing is left behind. */
static void leaves_nothing_half_done(void **state)
{
	struct rlimit limit, small = { 0 };
	char text[8192], command[128], **names;
	size_t count;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(put(folder, "1@host", "text"), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small.rlim_cur = 4096;
	small.rlim_max = limit.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(put(folder, "2@host", text), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(spool_list(folder, &names, &count), 0);
	assert_int_equal(count, 1);
	spool_names_free(names, count);
	snprintf(command, sizeof(command), "test \"$(ls -A %s | wc -l)\" = 1", folder);
	assert_int_equal(system(command), 0);
}

static void does_not_follow_links(void **state)
{
	(void)state;
	assert_int_equal(symlink("/tmp", folder), 0);
	assert_int_equal(put(folder, "1@host", "text"), -ENOTDIR);
}

static void says_what_is_wrong(void **state)
{
	(void)state;
	assert_int_equal(put("/nowhere/at/all", "1@host", "text"), -ENOENT);
}

static void gives_messages_to_the_owner_of_the_folder(void **state)
{
	char path[256], **names;
	struct stat status;
	size_t count;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chown(folder, 65534, 65534), 0);
	assert_int_equal(put(folder, "1@host", "text"), 0);
	assert_int_equal(spool_list(folder, &names, &count), 0);
	snprintf(path, sizeof(path), "%s/%s", folder, names[0]);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, 65534);
	assert_int_equal(status.st_gid, 65534);
	assert_int_equal(status.st_mode & 07777, 0600);
	spool_names_free(names, count);
}

/* A writer killed at any moment leaves whole messages and nothing else in the list. */
static void survives_a_kill(void **state)
{
	static char large[200000];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	for (int trial = 0; trial < 20; trial++) {
		pid_t child = fork();
		char path[256], **names;
		struct stat status;
		size_t count;

		if (child == 0) {
			for (;;)
				put(folder, "1@host", large);
		}
		usleep((useconds_t)(500 + trial * 700));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		if (spool_list(folder, &names, &count) < 0)
			continue;
		for (size_t i = 0; i < count; i++) {
			snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
			assert_int_equal(stat(path, &status), 0);
			assert_int_equal(status.st_size, sizeof(large) - 1);
			unlink(path);
		}
		spool_names_free(names, count);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_messages_in_order, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(comes_after_what_seems_to_be_from_the_future, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(is_bounded, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(summaries_give_way, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(bytes_are_bounded, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(lists_nothing_but_messages, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(leaves_nothing_half_done, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(does_not_follow_links, make_folder, remove_folder),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test_setup_teardown(gives_messages_to_the_owner_of_the_folder, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(survives_a_kill, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
