/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkd-mail: takes mail from a spool folder to an SMTP server, without any privilege. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "mail/input.h"
#include "mail/outbox.h"
#include "mail/privileges.h"
#include "mail/settings.h"

#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000
#define LOCK_POLL_MS 100

static void complain(const char *what, const char *why)
{
	fprintf(stderr, "uplinkd-mail: %s: %s\n", what, why);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * One process sends at a time: after the daemon was killed, the mail process that it left finishes its
 * message first. The lock is given back by the kernel when we end. Its descriptor, -ECANCELED or -errno.
 */
static int take_lock(const char *folder, struct input *input)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/.lock", folder) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int result = errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;

		if (result == 0)
			input_wait(input, LOCK_POLL_MS);
		if (result == 0 && input->ended)
			result = -ECANCELED;
		if (result < 0) {
			close(fd);
			return result;
		}
	}
	return fd;
}

static bool stop_wanted(void *data)
{
	struct input *input = data;

	input_wait(input, 0);
	return input->ended;
}

/* Waits for a wake, or until it is time to try again; not before a second has passed since the last try. */
static void wait_for_work(struct input *input, int64_t last_try, int64_t delay)
{
	while (!input->ended) {
		int64_t earliest = last_try + RETRY_MIN_MS, due = last_try + delay, now = now_ms();
		int64_t until = input->woken ? earliest : due;

		if ((input->woken || delay != 0) && now >= until)
			return;
		input_wait(input, input->woken || delay != 0 ? (int)(until - now) : -1);
	}
}

static void serve(struct outbox *outbox, struct input *input)
{
	int64_t delay = 0; /* until the next try; 0: nothing waits */

	while (!stop_wanted(input)) {
		bool woken = input->woken;
		int64_t last_try;
		int waiting;

		input->woken = false;
		waiting = outbox_pass(outbox);
		last_try = now_ms();
		if (waiting < 0)
			complain("spool", strerror(-waiting));
		if (waiting == 0)
			delay = 0;
		else if (delay == 0 || woken)
			delay = RETRY_MIN_MS;
		else
			delay = delay * 2 < RETRY_MAX_MS ? delay * 2 : RETRY_MAX_MS;
		wait_for_work(input, last_try, delay);
	}
}

static int run(const char *folder, struct input *input)
{
	struct settings settings = { 0 };
	struct outbox *outbox = NULL;
	const char *wrong;
	int lock, result;

	wrong = settings_read(input->line, &settings);
	explicit_bzero(input->buffer, sizeof(input->buffer));
	if (wrong != NULL) {
		complain("settings", wrong);
		return EXIT_FAILURE;
	}
	result = lock = take_lock(folder, input);
	if (lock >= 0)
		result = outbox_new(folder, &settings, stop_wanted, input, &outbox);
	if (result == 0) {
		outbox_tidy(outbox);
		serve(outbox, input);
	} else if (result != -ECANCELED) {
		complain(folder, strerror(-result));
	}
	outbox_free(outbox);
	if (lock >= 0)
		close(lock);
	settings_free(&settings);
	return result == 0 || result == -ECANCELED ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct input *input = NULL;
	int result, status = EXIT_FAILURE;

	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: uplinkd-mail FOLDER   (started by uplinkd, which tells it the settings on stdin)\n");
		return 2;
	}
	result = privileges_drop();
	if (result < 0) {
		complain("privileges", result == -EPERM ? "refuses to run as root" : strerror(-result));
		return EXIT_FAILURE;
	}
	input = malloc(sizeof(*input));
	if (input == NULL || input_open(input, STDIN_FILENO) < 0 ||
		curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		complain("start", strerror(errno));
		goto cleanup;
	}
	while (input->line == NULL && !input->ended)
		input_wait(input, -1);
	if (input->line != NULL)
		status = run(argv[1], input);
	else
		complain("stdin", "ended before the settings came");
	curl_global_cleanup();

cleanup:
	free(input);
	return status;
}
