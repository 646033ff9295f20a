/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of mailer.h with small programs in the place of uplinkd-mail. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <uv.h>

#include "service/mailer.h"
#include "service/spool.h"

#define DEADLINE_MS 15000

/* A place for one test; the program writes what it heard to folder/heard. */
struct post {
	uv_loop_t loop;
	uv_timer_t tick;
	char folder[64], spool[96], program[96], heard[96], password[96];
	struct mail_settings settings;
	struct mailer *mailer;
	unsigned int reports;
	bool last_delivered, free_in_report;
	char last_message[128], last_answer[256];
};

static const char *const recipients[] = { "noc@example.net", "boss@example.net" };

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int set_up(void **state)
{
	struct post *post = calloc(1, sizeof(*post));

	if (post == NULL)
		return -1;
	strcpy(post->folder, "/tmp/uplinkd-mailer-XXXXXX");
	if (mkdtemp(post->folder) == NULL || chmod(post->folder, 0777) < 0)
		return -1;
	snprintf(post->spool, sizeof(post->spool), "%s/spool", post->folder);
	snprintf(post->program, sizeof(post->program), "%s/program", post->folder);
	snprintf(post->heard, sizeof(post->heard), "%s/heard", post->folder);
	snprintf(post->password, sizeof(post->password), "%s/password", post->folder);
	post->settings = (struct mail_settings){
		.server = "smtp://mail.example.net:587",
		.from = "gw@example.net",
		.to.count = 2,
		.user = "gw",
		.password_file = post->password,
		.tls = TLS_REQUIRED,
	};
	post->settings.to.items = calloc(2, sizeof(char *));
	post->settings.to.items[0] = recipients[0];
	post->settings.to.items[1] = recipients[1];
	write_file(post->password, "s3cret \"x\\y\n", 0600);
	uv_loop_init(&post->loop);
	*state = post;
	return 0;
}

static int tear_down(void **state)
{
	struct post *post = *state;
	char command[128];

	mailer_free(post->mailer);
	uv_run(&post->loop, UV_RUN_DEFAULT);
	/* nothing is left in the loop: no handle of a process, no zombie */
	if (uv_loop_close(&post->loop) != 0)
		return -1;
	snprintf(command, sizeof(command), "rm -rf %s", post->folder);
	free(post->settings.to.items);
	free(post);
	return system(command);
}

static void on_report(void *data, const struct mailer_report *report)
{
	struct post *post = data;

	post->reports++;
	post->last_delivered = report->delivered;
	snprintf(post->last_message, sizeof(post->last_message), "%s", report->message);
	snprintf(post->last_answer, sizeof(post->last_answer), "%s", report->answer);
	if (post->free_in_report) {
		mailer_free(post->mailer);
		post->mailer = NULL;
	}
}

static int start(struct post *post, const char *program)
{
	char text[2048];

	snprintf(text, sizeof(text), "#!/bin/sh\n%s", program);
	write_file(post->program, text, 0755);
	return mailer_new(&post->loop, post->program, post->spool, &post->settings, on_report, post, &post->mailer);
}

static int put(const char *folder, const char *id, const char *text)
{
	bool gave_way;

	return spool_put(folder, id, text, SPOOL_FIRST, &gave_way);
}

static void nothing(uv_timer_t *timer)
{
	(void)timer;
}

/* Runs the loop until the condition holds. */
static bool run_until(struct post *post, bool (*condition)(struct post *post), unsigned int deadline_ms)
{
	uint64_t end = uv_hrtime() / 1000000 + deadline_ms;
	bool held;

	uv_timer_init(&post->loop, &post->tick);
	uv_timer_start(&post->tick, nothing, 5, 5);
	while (!(held = condition(post)) && uv_hrtime() / 1000000 < end)
		uv_run(&post->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&post->tick, NULL);
	uv_run(&post->loop, UV_RUN_NOWAIT);
	return held;
}

static size_t heard(struct post *post, char *text, size_t size)
{
	FILE *file = fopen(post->heard, "r");
	size_t length = 0;

	if (file != NULL) {
		length = fread(text, 1, size - 1, file);
		fclose(file);
	}
	text[length] = '\0';
	return length;
}

static unsigned int lines_heard(struct post *post)
{
	char text[16384];
	unsigned int count = 0;

	heard(post, text, sizeof(text));
	for (const char *c = text; *c != '\0'; c++)
		count += *c == '\n';
	return count;
}

static bool three_lines(struct post *post)
{
	return lines_heard(post) >= 3;
}

static bool one_line(struct post *post)
{
	return lines_heard(post) >= 1;
}

static bool one_report(struct post *post)
{
	return post->reports >= 1;
}

static bool two_reports(struct post *post)
{
	return post->reports >= 2;
}

#define LISTENS "while read -r line; do printf '%s\\n' \"$line\" >> ${1%/spool}/heard; done\n"

static void tells_the_settings_and_wakes(void **state)
{
	struct post *post = *state;
	char text[4096];
	json_t *settings, *to;

	assert_int_equal(start(post, LISTENS), 0);
	assert_int_equal(lines_heard(post), 0);
	mailer_wake(post->mailer);
	mailer_wake(post->mailer);
	mailer_wake(post->mailer);
	assert_true(run_until(post, three_lines, DEADLINE_MS));
	heard(post, text, sizeof(text));
	assert_non_null(strstr(text, "\nwake\nwake\n"));
	*strchr(text, '\n') = '\0';
	settings = json_loads(text, 0, NULL);
	assert_non_null(settings);
	assert_string_equal(json_string_value(json_object_get(settings, "server")), post->settings.server);
	assert_string_equal(json_string_value(json_object_get(settings, "from")), post->settings.from);
	assert_string_equal(json_string_value(json_object_get(settings, "user")), "gw");
	assert_string_equal(json_string_value(json_object_get(settings, "password")), "s3cret \"x\\y");
	assert_string_equal(json_string_value(json_object_get(settings, "tls")), "required");
	assert_null(json_object_get(settings, "ca_file"));
	to = json_object_get(settings, "to");
	assert_int_equal(json_array_size(to), 2);
	assert_string_equal(json_string_value(json_array_get(to, 1)), recipients[1]);
	json_decref(settings);
}

static void runs_without_our_rights_and_environment(void **state)
{
	struct post *post = *state;
	char text[4096];
	struct stat status;

	setenv("SECRET_OF_THE_DAEMON", "x", 1);
	assert_int_equal(start(post, "id -u > ${1%/spool}/id; id -G >> ${1%/spool}/id; env >> ${1%/spool}/id\n"
				     "mv ${1%/spool}/id ${1%/spool}/heard; cat > /dev/null\n"), 0);
	mailer_wake(post->mailer);
	assert_true(run_until(post, three_lines, DEADLINE_MS));
	heard(post, text, sizeof(text));
	assert_null(strstr(text, "SECRET"));
	assert_int_equal(stat(post->spool, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(strtoul(text, NULL, 10), status.st_uid);
	if (geteuid() == 0) {
		assert_int_not_equal(status.st_uid, 0);
		assert_null(strstr(text, "\n0"));
	}
	/* the daemon still writes there, and the process can read it */
	assert_int_equal(put(post->spool, "1@host", "text"), 0);
}

static void hands_reports_on(void **state)
{
	struct post *post = *state;

	assert_int_equal(start(post, "echo rubbish; echo '{\"message\": 1}'; head -c 9000 /dev/zero | tr '\\0' x; echo\n"
				     "echo '{\"message\":\"1@gw\",\"delivered\":true,\"answer\":\"250 OK\"}'\n"
				     "printf '%s\\n' '{\"message\":\"2@gw\",\"delivered\":false,\"answer\":\"450 \\u001b[31m\\r\\nx\"}'\n"
				     "cat > /dev/null\n"), 0);
	mailer_wake(post->mailer);
	assert_true(run_until(post, two_reports, DEADLINE_MS));
	assert_int_equal(post->reports, 2);
	assert_string_equal(post->last_message, "2@gw");
	assert_false(post->last_delivered);
	assert_string_equal(post->last_answer, "450 ?[31m??x");
}

/* Also what it says right before its end arrives. */
static void hears_the_last_words(void **state)
{
	struct post *post = *state;

	assert_int_equal(start(post, "read -r line; echo '{\"message\":\"1@gw\",\"delivered\":true,\"answer\":\"250 OK\"}'\n"), 0);
	mailer_wake(post->mailer);
	assert_true(run_until(post, one_report, DEADLINE_MS));
}

static void starts_again_while_messages_wait(void **state)
{
	struct post *post = *state;
	uint64_t began = uv_hrtime();

	assert_int_equal(start(post, "echo started >> ${1%/spool}/heard; exit 1\n"), 0);
	assert_int_equal(put(post->spool, "1@host", "text"), 0);
	mailer_wake(post->mailer);
	assert_true(run_until(post, three_lines, DEADLINE_MS));
	/* 1 s, then 2 s */
	assert_true(uv_hrtime() - began > 2900 * UINT64_C(1000000));
}

static bool never(struct post *post)
{
	(void)post;
	return false;
}

static void rests_while_nothing_waits(void **state)
{
	struct post *post = *state;

	assert_int_equal(start(post, "echo started >> ${1%/spool}/heard; exit 1\n"), 0);
	mailer_wake(post->mailer);
	assert_true(run_until(post, one_line, DEADLINE_MS));
	run_until(post, never, 1500);
	assert_int_equal(lines_heard(post), 1);
}

static void starts_by_itself_for_messages_from_before(void **state)
{
	struct post *post = *state;

	assert_int_equal(put(post->spool, "1@host", "text"), 0);
	assert_int_equal(start(post, LISTENS), 0);
	assert_true(run_until(post, one_line, DEADLINE_MS));
}

static void a_program_that_is_missing_may_come_later(void **state)
{
	struct post *post = *state;
	char moved[128];

	assert_int_equal(start(post, LISTENS), 0);
	snprintf(moved, sizeof(moved), "%s.moved", post->program);
	assert_int_equal(rename(post->program, moved), 0);
	assert_int_equal(put(post->spool, "1@host", "text"), 0);
	mailer_wake(post->mailer);
	assert_int_equal(rename(moved, post->program), 0);
	assert_true(run_until(post, one_line, DEADLINE_MS));
}

static void may_be_freed_in_its_report(void **state)
{
	struct post *post = *state;

	post->free_in_report = true;
	assert_int_equal(start(post, "for i in 1 2 3; do echo '{\"message\":\"1@gw\",\"delivered\":true,\"answer\":\"250 OK\"}'; done\n"
				     "cat > /dev/null\n"), 0);
	mailer_wake(post->mailer);
	assert_true(run_until(post, one_report, DEADLINE_MS));
	assert_int_equal(post->reports, 1);
}

static bool finished(struct post *post)
{
	char text[64];

	heard(post, text, sizeof(text));
	return strstr(text, "finished\n") != NULL;
}

/* What it is sending when we go is sent to its end. */
static void lets_it_finish(void **state)
{
	struct post *post = *state;

	assert_int_equal(start(post, "echo started >> ${1%/spool}/heard; cat > /dev/null; sleep 0.3; echo finished >> ${1%/spool}/heard\n"), 0);
	mailer_wake(post->mailer);
	assert_true(run_until(post, one_line, DEADLINE_MS));
	mailer_free(post->mailer);
	post->mailer = NULL;
	uv_run(&post->loop, UV_RUN_DEFAULT);
	assert_true(finished(post));
}

static void password_file_must_be_private(void **state)
{
	struct post *post = *state;
	char large[1100];

	chmod(post->password, 0640);
	assert_int_equal(start(post, "true\n"), -EACCES);
	chmod(post->password, 0604);
	assert_int_equal(start(post, "true\n"), -EACCES);
	if (geteuid() == 0) {
		chmod(post->password, 0600);
		assert_int_equal(chown(post->password, 65534, 65534), 0);
		assert_int_equal(start(post, "true\n"), -EACCES);
		assert_int_equal(chown(post->password, 0, 0), 0);
	}
	write_file(post->password, "", 0600);
	assert_int_equal(start(post, "true\n"), -EINVAL);
	write_file(post->password, "two\nlines\n", 0600);
	assert_int_equal(start(post, "true\n"), -EINVAL);
	write_file(post->password, "\xff\xfe\n", 0600);
	assert_int_equal(start(post, "true\n"), -EINVAL);
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	write_file(post->password, large, 0600);
	assert_int_equal(start(post, "true\n"), -EINVAL);
	unlink(post->password);
	assert_int_equal(start(post, "true\n"), -ENOENT);
	assert_null(post->mailer);
}

static void credential_of_the_service_manager_may_have_a_group_bit(void **state)
{
	struct post *post = *state;

	chmod(post->password, 0440);
	setenv("CREDENTIALS_DIRECTORY", post->folder, 1);
	assert_int_equal(start(post, "true\n"), 0);
	setenv("CREDENTIALS_DIRECTORY", "/tmp/uplinkd-mail", 1);
	mailer_free(post->mailer);
	post->mailer = NULL;
	assert_int_equal(start(post, "true\n"), -EACCES);
	unsetenv("CREDENTIALS_DIRECTORY");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(tells_the_settings_and_wakes),
		TEST(runs_without_our_rights_and_environment),
		TEST(hands_reports_on),
		TEST(hears_the_last_words),
		TEST(starts_again_while_messages_wait),
		TEST(rests_while_nothing_waits),
		TEST(starts_by_itself_for_messages_from_before),
		TEST(a_program_that_is_missing_may_come_later),
		TEST(may_be_freed_in_its_report),
		TEST(lets_it_finish),
		TEST(password_file_must_be_private),
		TEST(credential_of_the_service_manager_may_have_a_group_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
