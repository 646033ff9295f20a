/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon says on stdin, and the signals that mean the same as its end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define INPUT_LINE_MAX 65536

struct input {
	int lines;   /* where lines come from */
	int signals; /* a signalfd */
	bool ended;  /* no more lines, or we were asked to end: finish and go */
	bool woken;  /* a line came; whoever acts on it resets it */
	char *line;  /* the first line, once it is whole; the settings */
	size_t length;
	char buffer[INPUT_LINE_MAX];
};

/* Blocks the signals that ask to end, so that a message under way is finished first. 0 or -errno. */
int input_open(struct input *input, int lines);

/* Waits for something to read, at most timeout_ms (-1: for ever), and takes it in. */
void input_wait(struct input *input, int timeout_ms);
