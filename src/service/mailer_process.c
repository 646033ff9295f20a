/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of the mail process: its pipes, what it reports, its end. */

#include "service/mailer_process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE   4096
#define PATIENCE_MS 2000

struct mailer_process {
	const struct mailer_process_events *events; /* NULL: we left it */
	void *data;
	uv_process_t process;
	uv_pipe_t in, out;
	uv_timer_t patience;
	unsigned int open_handles;
	bool said_all, exited;
	int64_t status;
	int signal;
	size_t length;
	char line[LINE_SIZE];
	char bytes[LINE_SIZE]; /* what was just read */
};

static void on_closed(uv_handle_t *handle)
{
	struct mailer_process *process = handle->data;

	if (--process->open_handles == 0)
		free(process);
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_closed);
}

static void close_all(struct mailer_process *process)
{
	close_handle((uv_handle_t *)&process->in);
	close_handle((uv_handle_t *)&process->out);
	close_handle((uv_handle_t *)&process->patience);
	close_handle((uv_handle_t *)&process->process);
}

/* The end of the pipe and the end of the process come in any order; the last reports must not be lost. */
static void end_if_over(struct mailer_process *process)
{
	const struct mailer_process_events *events = process->events;

	if (!process->said_all || !process->exited)
		return;
	process->events = NULL;
	close_all(process);
	if (events != NULL)
		events->ended(process->data, process->status, process->signal);
}

static void on_process_exit(uv_process_t *handle, int64_t status, int signal)
{
	struct mailer_process *process = handle->data;

	process->exited = true;
	process->status = status;
	process->signal = signal;
	end_if_over(process);
}

static void take(struct mailer_process *process, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count && process->events != NULL; i++) {
		if (bytes[i] != '\n') {
			if (process->length < LINE_SIZE)
				process->line[process->length++] = bytes[i];
			continue;
		}
		/* what fills the buffer is no report of ours */
		if (process->length < LINE_SIZE) {
			process->line[process->length] = '\0';
			process->events->line(process->data, process->line);
		}
		process->length = 0;
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct mailer_process *process = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(process->bytes, sizeof(process->bytes));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	struct mailer_process *process = stream->data;

	if (count > 0) {
		take(process, buffer->base, (size_t)count);
	} else if (count < 0) {
		uv_read_stop(stream);
		process->said_all = true;
		end_if_over(process);
	}
}

static int spawn(uv_loop_t *loop, struct mailer_process *process, char *program, char *folder,
	const struct mailer_user *user)
{
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *environment[] = { path, NULL };
	char *arguments[] = { program, folder, NULL };
	uv_stdio_container_t streams[] = {
		{ .flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&process->in },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&process->out },
		{ .flags = UV_INHERIT_FD, .data.fd = 2 },
	};
	uv_process_options_t options = {
		.exit_cb = on_process_exit,
		.file = program,
		.args = arguments,
		.env = environment,
		.flags = user->change ? UV_PROCESS_SETUID | UV_PROCESS_SETGID : 0,
		.uid = user->uid,
		.gid = user->gid,
		.stdio_count = 3,
		.stdio = streams,
	};

	return uv_spawn(loop, &process->process, &options);
}

static int tell(struct mailer_process *process, const char *text)
{
	uv_buf_t buffer = { .len = strlen(text) };
	int count;

	memcpy(&buffer.base, &text, sizeof(text)); /* it is only read */
	count = uv_try_write((uv_stream_t *)&process->in, &buffer, 1);
	if (count < 0)
		return count;
	return (size_t)count == buffer.len ? 0 : -EMSGSIZE;
}

int mailer_process_start(uv_loop_t *loop, char *program, char *folder, const struct mailer_user *user,
	const char *settings_line, const struct mailer_process_events *events, void *data,
	struct mailer_process **ret_process)
{
	struct mailer_process *process = calloc(1, sizeof(*process));
	int result;

	if (process == NULL)
		return -ENOMEM;
	process->data = data;
	process->open_handles = 4;
	process->in.data = process->out.data = process->patience.data = process->process.data = process;
	uv_pipe_init(loop, &process->in, 0);
	uv_pipe_init(loop, &process->out, 0);
	uv_timer_init(loop, &process->patience);

	result = spawn(loop, process, program, folder, user);
	if (result < 0) {
		/* also then it leaves a handle that must be closed */
		close_all(process);
		return result;
	}
	/* the pipe is empty and larger than any settings; where it fails all the same, the process ends itself */
	if (tell(process, settings_line) < 0)
		close_handle((uv_handle_t *)&process->in);
	uv_read_start((uv_stream_t *)&process->out, on_alloc, on_read);
	process->events = events;
	*ret_process = process;
	return 0;
}

void mailer_process_wake(struct mailer_process *process)
{
	if (process != NULL && !uv_is_closing((uv_handle_t *)&process->in))
		tell(process, "wake\n");
}

static void on_patience_over(uv_timer_t *timer)
{
	struct mailer_process *process = timer->data;

	uv_unref((uv_handle_t *)&process->process);
	uv_unref((uv_handle_t *)&process->out);
}

void mailer_process_leave(struct mailer_process *process)
{
	if (process == NULL)
		return;
	process->events = NULL;
	close_handle((uv_handle_t *)&process->in);
	uv_timer_start(&process->patience, on_patience_over, PATIENCE_MS, 0);
}
