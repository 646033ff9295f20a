/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests that need a kernel's network of their own: a namespace, and ip(8) in it. */
#pragma once

#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What automake takes for a test that was skipped. */
#define TEST_SKIPPED 77

/* Runs a command in the shell; true where it exits with 0. */
static inline bool __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
	char command[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	return system(command) == 0;
}

/* False, with a message, where this process may not have a network of its own. */
static inline bool own_network_enter(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		printf("SKIP: needs root, for a network namespace\n");
		return false;
	}
	if (!run("ip link set lo up")) {
		printf("SKIP: needs ip(8)\n");
		return false;
	}
	return true;
}

/* Lines that a command prints. */
static inline int count_lines(const char *command)
{
	FILE *pipe = popen(command, "r");
	int lines = 0, character;

	if (pipe == NULL)
		return -1;
	while ((character = fgetc(pipe)) != EOF)
		lines += character == '\n';
	pclose(pipe);
	return lines;
}

/* Everything that a command prints, cut to size. */
static inline char *read_output(const char *command, char *text, size_t size)
{
	FILE *pipe = popen(command, "r");
	size_t length = pipe != NULL ? fread(text, 1, size - 1, pipe) : 0;

	text[length] = '\0';
	if (pipe != NULL)
		pclose(pipe);
	return text;
}

/* Seconds since some start, for deadlines. */
static inline double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
