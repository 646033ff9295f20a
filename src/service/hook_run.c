/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of the command for alerts: its pipes, its time, its end. */

#include "service/hook_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/alert_text.h"

#define PATIENCE_MS 2000
#define INPUT_MAX   32768

struct hook_run {
	hook_run_callback callback; /* NULL: we left it */
	void *data;
	uv_process_t process;
	uv_pipe_t out;
	uv_timer_t timer;
	uint64_t started_ms;
	unsigned int open_handles;
	bool late;
	char title[HOOK_TITLE_MAX];
	char said[HOOK_SAID_MAX];
	size_t length;
	char bytes[512]; /* what was just read */
};

static void on_closed(uv_handle_t *handle)
{
	struct hook_run *run = handle->data;

	if (--run->open_handles == 0)
		free(run);
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_closed);
}

static void close_all(struct hook_run *run)
{
	close_handle((uv_handle_t *)&run->out);
	close_handle((uv_handle_t *)&run->timer);
	close_handle((uv_handle_t *)&run->process);
}

/* The group has the number of its first process. */
static void signal_group(const struct hook_run *run, int signal)
{
	if (run->process.pid > 1)
		kill(-run->process.pid, signal);
}

static void keep_said(struct hook_run *run, const char *bytes, size_t count)
{
	size_t room = sizeof(run->said) - 1 - run->length;

	if (count > room)
		count = room;
	memcpy(run->said + run->length, bytes, count);
	run->length += count;
}

/* What it said last may still be in the pipe. */
static void read_rest(struct hook_run *run)
{
	uv_os_fd_t fd;
	ssize_t count;

	if (uv_is_closing((uv_handle_t *)&run->out) || uv_fileno((uv_handle_t *)&run->out, &fd) < 0)
		return;
	while (run->length < sizeof(run->said) - 1 && (count = read(fd, run->bytes, sizeof(run->bytes))) > 0)
		keep_said(run, run->bytes, (size_t)count);
}

static void on_exit_of(uv_process_t *handle, int64_t status, int signal)
{
	struct hook_run *run = handle->data;
	hook_run_callback callback = run->callback;
	char said[HOOK_SAID_MAX];
	struct hook_result result = { .title = run->title, .late = run->late, .status = status, .signal = signal,
		.took_ms = uv_now(handle->loop) - run->started_ms, .said = said };

	signal_group(run, SIGKILL);
	read_rest(run);
	alert_text_clean(said, sizeof(said), run->said);
	run->callback = NULL;
	close_all(run);
	if (callback != NULL)
		callback(run->data, run, &result);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct hook_run *run = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(run->bytes, sizeof(run->bytes));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	struct hook_run *run = stream->data;

	if (count > 0)
		keep_said(run, buffer->base, (size_t)count);
	else if (count < 0)
		close_handle((uv_handle_t *)stream);
}

static void on_time_over(uv_timer_t *timer)
{
	struct hook_run *run = timer->data;

	signal_group(run, run->late ? SIGKILL : SIGTERM);
	run->late = true;
	uv_timer_start(timer, on_time_over, PATIENCE_MS, 0);
}

/* Pipes, and not libuv's sockets: a script may open /dev/stdin. All of the input fits into one, so nobody waits. */
static int open_pipes(int in[2], int out[2], const char *input)
{
	size_t length = strlen(input);
	int result;

	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	if (length > INPUT_MAX || write(in[1], input, length) != (ssize_t)length) {
		result = -EMSGSIZE;
	} else {
		result = pipe2(out, O_CLOEXEC) < 0 ? -errno : 0;
	}
	close(in[1]);
	if (result < 0)
		close(in[0]);
	return result;
}

static int spawn(uv_loop_t *loop, struct hook_run *run, const struct hook_order *order, int in, int out)
{
	uv_stdio_container_t streams[] = {
		{ .flags = UV_INHERIT_FD, .data.fd = in },
		{ .flags = UV_INHERIT_FD, .data.fd = out },
		{ .flags = UV_IGNORE },
	};
	uv_process_options_t options = {
		.exit_cb = on_exit_of,
		.file = order->words[0],
		.args = order->words,
		.env = order->environment,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = 3,
		.stdio = streams,
	};

	return uv_spawn(loop, &run->process, &options);
}

int hook_run_start(uv_loop_t *loop, const struct hook_order *order, hook_run_callback callback, void *data,
	struct hook_run **ret_run)
{
	struct hook_run *run = calloc(1, sizeof(*run));
	int in[2], out[2], result;

	if (run == NULL)
		return -ENOMEM;
	result = open_pipes(in, out, order->input);
	if (result < 0) {
		free(run);
		return result;
	}
	run->data = data;
	run->open_handles = 3;
	run->out.data = run->timer.data = run->process.data = run;
	strncpy(run->title, order->title, sizeof(run->title) - 1);
	uv_pipe_init(loop, &run->out, 0);
	uv_timer_init(loop, &run->timer);
	run->started_ms = uv_now(loop);
	result = spawn(loop, run, order, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	if (uv_pipe_open(&run->out, out[0]) < 0)
		close(out[0]);
	if (result < 0) {
		/* also then it leaves a handle that must be closed */
		close_all(run);
		return result;
	}
	uv_read_start((uv_stream_t *)&run->out, on_alloc, on_read);
	uv_timer_start(&run->timer, on_time_over, order->timeout_ms, 0);
	run->callback = callback;
	*ret_run = run;
	return 0;
}

void hook_run_leave(struct hook_run *run)
{
	if (run == NULL)
		return;
	run->callback = NULL;
	signal_group(run, SIGTERM);
	close_all(run);
}
