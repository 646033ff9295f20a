/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watches the sockets of a library that makes and closes them itself. */

#include "service/polls.h"

#include <errno.h>
#include <stdlib.h>

/* Owns itself: its memory goes when the loop lets go of it. */
struct polled {
	uv_poll_t poll;
	struct polls *polls;
	int fd;
};

static void free_polled(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct polled *polled = poll->data;
	bool broken = status < 0; /* the library finds out when it reads */

	polled->polls->on_ready(polled->polls->data, polled->fd, broken || (events & UV_READABLE) != 0,
		broken || (events & UV_WRITABLE) != 0);
}

/* Where the watch of fd stands, or the first free place; NULL: neither. */
static struct polled **place_of(struct polls *polls, int fd)
{
	struct polled **place = NULL;

	for (size_t i = 0; i < POLLS_MAX; i++) {
		if (polls->items[i] != NULL && polls->items[i]->fd == fd)
			return &polls->items[i];
		if (polls->items[i] == NULL && place == NULL)
			place = &polls->items[i];
	}
	return place;
}

static void drop(struct polled **place)
{
	if (*place != NULL)
		uv_close((uv_handle_t *)&(*place)->poll, free_polled);
	*place = NULL;
}

static int take(struct polls *polls, int fd, struct polled **place)
{
	struct polled *polled = calloc(1, sizeof(*polled));
	int error;

	if (polled == NULL)
		return -ENOMEM;
	error = uv_poll_init(polls->loop, &polled->poll, fd);
	if (error < 0) {
		free(polled);
		return error;
	}
	polled->polls = polls;
	polled->fd = fd;
	polled->poll.data = polled;
	*place = polled;
	return 0;
}

int polls_set(struct polls *polls, int fd, bool readable, bool writable)
{
	struct polled **place = place_of(polls, fd);
	int error = 0;

	if (!readable && !writable) {
		if (place != NULL)
			drop(place);
		return 0;
	}
	if (place == NULL)
		return -ENOSPC;
	if (*place == NULL)
		error = take(polls, fd, place);
	if (error < 0)
		return error;
	return uv_poll_start(&(*place)->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_poll);
}

void polls_end(struct polls *polls)
{
	for (size_t i = 0; i < POLLS_MAX; i++)
		drop(&polls->items[i]);
}
