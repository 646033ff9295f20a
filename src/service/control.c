/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the HTTP library inside the loop: its descriptors, its timeouts, and its beginning and end.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/control_internal.h"

#define IDLE_TIMEOUT_S (CONTROL_EXCHANGE_MS / 1000)

static void on_deadline(uv_timer_t *timer);

/* Lets the library work, and learns when it wants to be called without an event. */
static void run(struct control *control)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	control->resumed = false;
	MHD_run(control->http);
	if (control->resumed)
		uv_timer_start(&control->deadline, on_deadline, 0, 0);
	else if (MHD_get_timeout(control->http, &wait_ms) == MHD_YES)
		uv_timer_start(&control->deadline, on_deadline, wait_ms, 0);
	else
		uv_timer_stop(&control->deadline);
}

static void on_deadline(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_traffic(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(poll->data);
}

static void on_arrival(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	control_clients_accept(poll->data);
	run(poll->data);
}

/* The library may be at work right now, so this waits for the loop. */
void control_run_soon(struct control *control)
{
	control->resumed = true;
	uv_timer_start(&control->deadline, on_deadline, 0, 0);
}

void control_listen(struct control *control)
{
	if (!uv_is_active((uv_handle_t *)&control->arrivals))
		uv_poll_start(&control->arrivals, UV_READABLE, on_arrival);
}

/*
 * We accept ourselves: the library would leave those above the limit in the backlog, unanswered,
 * and could not keep places for root. Without an error log, because a client that hangs up is no
 * error.
 */
static struct MHD_Daemon *start_http(struct control *control)
{
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)control_clients_notify, control },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)control_answer_completed, control },
		{ MHD_OPTION_CONNECTION_LIMIT, CONTROL_CLIENTS_MAX, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONTROL_MEMORY, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};
	unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET;

	return MHD_start_daemon(flags, 0, NULL, NULL, control_answer_request, control,
		MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static int watch(struct control *control, uv_poll_t *poll, int fd)
{
	int error = uv_poll_init(control->loop, poll, fd);

	if (error < 0)
		return error;
	poll->data = control;
	control->open_handles++;
	return 0;
}

static void prepare_timer(struct control *control, uv_timer_t *timer)
{
	uv_timer_init(control->loop, timer);
	timer->data = control;
	control->open_handles++;
}

static int start(struct control *control)
{
	const union MHD_DaemonInfo *info;
	int error;

	control_spare(control);
	control->http = start_http(control);
	if (control->http == NULL)
		return -ENOMEM;
	info = MHD_get_daemon_info(control->http, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || info->epoll_fd < 0)
		return -ENOTSUP;
	error = watch(control, &control->traffic, info->epoll_fd);
	if (error < 0)
		return error;
	error = watch(control, &control->arrivals, control->place.fd);
	if (error < 0)
		return error;
	error = uv_poll_start(&control->traffic, UV_READABLE, on_traffic);
	if (error < 0)
		return error;
	return uv_poll_start(&control->arrivals, UV_READABLE, on_arrival);
}

int control_new(uv_loop_t *loop, const char *path, const struct control_verb *verbs, void *data,
	struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	int error;

	if (control == NULL)
		return -ENOMEM;
	control->loop = loop;
	control->verbs = verbs;
	control->data = data;
	control->spare_fd = -1;
	error = control_place_take(&control->place, path);
	if (error < 0) {
		free(control);
		return error;
	}
	prepare_timer(control, &control->deadline);
	prepare_timer(control, &control->tick);
	error = start(control);
	if (error < 0) {
		control_free(control);
		return error;
	}
	*ret_control = control;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct control *control = handle->data;

	if (--control->open_handles == 0)
		free(control);
}

/* A poll whose watch() failed has no data and is not there. */
static void close_handle(uv_handle_t *handle)
{
	if (handle->data != NULL)
		uv_close(handle, on_closed);
}

/* The library panics where it is stopped with a client suspended. */
static void stop_http(struct control *control)
{
	if (control->http == NULL)
		return;
	for (struct client *client = control->clients; client != NULL; client = client->next)
		control_client_cut(client);
	MHD_stop_daemon(control->http);
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	close_handle((uv_handle_t *)&control->traffic);
	close_handle((uv_handle_t *)&control->arrivals);
	stop_http(control);
	while (control->pending != NULL) {
		struct control_pending *next = control->pending->next;

		free(control->pending);
		control->pending = next;
	}
	control_place_leave(&control->place);
	if (control->spare_fd >= 0)
		close(control->spare_fd);
	close_handle((uv_handle_t *)&control->deadline);
	close_handle((uv_handle_t *)&control->tick);
}
