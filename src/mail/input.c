/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon says on stdin, and the signals that mean the same as its end. */

#include "mail/input.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int input_open(struct input *input, int lines)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;

	memset(input, 0, sizeof(*input));
	input->lines = lines;
	input->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return input->signals < 0 ? -errno : 0;
}

/* The first line is kept; of those after it only that they came matters. */
static void take(struct input *input, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (input->line != NULL) {
			input->woken = input->woken || text[i] == '\n';
		} else if (text[i] == '\n') {
			input->buffer[input->length] = '\0';
			input->line = input->buffer;
		} else if (input->length + 1 < sizeof(input->buffer)) {
			input->buffer[input->length++] = text[i];
		} else {
			input->ended = true;
		}
	}
}

static void read_lines(struct input *input)
{
	char text[4096];
	ssize_t count = read(input->lines, text, sizeof(text));

	if (count > 0)
		take(input, text, (size_t)count);
	else if (count == 0 || (errno != EINTR && errno != EAGAIN))
		input->ended = true;
	explicit_bzero(text, sizeof(text));
}

void input_wait(struct input *input, int timeout_ms)
{
	struct pollfd polled[] = {
		{ .fd = input->lines, .events = POLLIN },
		{ .fd = input->signals, .events = POLLIN },
	};

	if (input->ended || poll(polled, 2, timeout_ms) <= 0)
		return;
	if (polled[1].revents != 0)
		input->ended = true;
	if (polled[0].revents != 0)
		read_lines(input);
}
