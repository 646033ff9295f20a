/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watches the sockets of a library that makes and closes them itself. */
#pragma once

#include <stdbool.h>
#include <uv.h>

#define POLLS_MAX 8

/* In its owner's memory; all zero but these two before the first use. */
struct polls {
	uv_loop_t *loop;
	void (*on_ready)(void *data, int fd, bool readable, bool writable);
	void *data;
	struct polled *items[POLLS_MAX];
};

/* From now on these; neither: no more, also where the library is about to close it. 0 or -errno. */
int polls_set(struct polls *polls, int fd, bool readable, bool writable);

/* All of them; the owner's memory may go. */
void polls_end(struct polls *polls);
