/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A control on a real loop and socket, and raw clients that talk to it. */

#include "control_fixture.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static void answer_links(
	void *data, const struct control_request *request, struct control_answer *answer)
{
	const char *name = request->get(request, "name");

	(void)data;
	answer->status = 200;
	answer->document = json_pack("{s:s*}", "name", name);
}

static void answer_text(
	void *data, const struct control_request *request, struct control_answer *answer)
{
	(void)data;
	(void)request;
	answer->text = strdup("plain words\n");
}

static void answer_large(
	void *data, const struct control_request *request, struct control_answer *answer)
{
	size_t size = 8 * 1024 * 1024;

	(void)data;
	(void)request;
	answer->text = malloc(size + 1);
	assert_non_null(answer->text);
	memset(answer->text, 'x', size);
	answer->text[size] = '\0';
}

static void answer_nothing(
	void *data, const struct control_request *request, struct control_answer *answer)
{
	(void)data;
	(void)request;
	(void)answer;
}

static void answer_reload(
	void *data, const struct control_request *request, struct control_answer *answer)
{
	struct fixture *fixture = data;

	(void)request;
	fixture->reloads++;
	answer->status = 200;
	answer->document = json_pack("{s:i}", "links", 2);
}

static void answer_later(
	void *data, const struct control_request *request, struct control_answer *answer)
{
	struct fixture *fixture = data;

	(void)answer;
	fixture->pending = control_defer(request);
	assert_non_null(fixture->pending);
}

static void answer_defers_in_vain(
	void *data, const struct control_request *request, struct control_answer *answer)
{
	struct control_answer at_once = { .status = 409,
		.document = json_pack("{s:s}", "error", "at once") };

	(void)data;
	(void)answer;
	control_finish(control_defer(request), &at_once);
}

const struct control_verb verbs[] = {
	{ "/links", false, answer_links },
	{ "/text", false, answer_text },
	{ "/large", false, answer_large },
	{ "/nothing", false, answer_nothing },
	{ "/reload", true, answer_reload },
	{ "/test-mail", true, answer_later },
	{ "/at-once", true, answer_defers_in_vain },
	{ NULL, false, NULL },
};

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void turn(struct fixture *fixture, int fd)
{
	struct pollfd events[] = {
		{ .fd = uv_backend_fd(&fixture->loop), .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};

	poll(events, 2, 5);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	strcpy(fixture->folder, "/tmp/test-control-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->path, sizeof(fixture->path), "%s/control.sock", fixture->folder);
	assert_int_equal(
		control_new(&fixture->loop, fixture->path, verbs, fixture, &fixture->control), 0);
	*state = fixture;
	return 0;
}

int teardown(void **state)
{
	struct fixture *fixture = *state;

	control_free(fixture->control);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	assert_int_equal(rmdir(fixture->folder), 0);
	free(fixture);
	return 0;
}

int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

struct talk *talk_begin(struct fixture *fixture, const char *request)
{
	struct talk *talk = calloc(1, sizeof(*talk));
	size_t length = strlen(request);

	assert_non_null(talk);
	talk->fd = connect_to(fixture->path);
	assert_true(talk->fd >= 0);
	if (length > 0)
		assert_int_equal(send(talk->fd, request, length, MSG_NOSIGNAL), length);
	return talk;
}

void talk_end(struct talk *talk)
{
	close(talk->fd);
	free(talk);
}

void talk_receive(struct talk *talk)
{
	ssize_t got = recv(talk->fd, talk->text + talk->length,
		sizeof(talk->text) - 1 - talk->length, MSG_DONTWAIT);

	if (got > 0)
		talk->length += (size_t)got;
	else if (got == 0 || errno != EAGAIN)
		talk->ended = true;
	talk->text[talk->length] = '\0';
}

void talk_until(struct fixture *fixture, struct talk *talk, const char *wanted)
{
	uint64_t end = now_ms() + DEADLINE_MS;

	while (wanted == NULL ? !talk->ended : strstr(talk->text, wanted) == NULL) {
		if (now_ms() > end || (wanted != NULL && talk->ended))
			fail_msg("waited for %s, got: %s", wanted == NULL ? "the end" : wanted,
				talk->text);
		turn(fixture, talk->fd);
		talk_receive(talk);
	}
}

void expect(struct fixture *fixture, const char *request, const char *first, const char *second)
{
	struct talk *talk = talk_begin(fixture, request);

	talk_until(fixture, talk, NULL);
	if (strstr(talk->text, first) == NULL || strstr(talk->text, second) == NULL)
		fail_msg("wanted %s and %s, got: %s", first, second, talk->text);
	talk_end(talk);
}

void wait_for_clients(struct fixture *fixture, unsigned int count)
{
	uint64_t end = now_ms() + DEADLINE_MS;

	while (fixture->control->client_count != count) {
		assert_true(now_ms() < end);
		turn(fixture, -1);
	}
}

/* In the child. */
static int status_as_nobody(const char *path, const char *request)
{
	char text[512] = "";
	ssize_t got;
	int fd, status = 4;

	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return 1;
	fd = connect_to(path);
	if (fd < 0)
		return 2;
	/* Whoever is refused may be refused before this. */
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return 3;
	got = recv(fd, text, sizeof(text) - 1, 0);
	if (got > 0)
		sscanf(text, "HTTP/1.1 %d", &status);
	return status;
}

int ask_as_nobody(struct fixture *fixture, const char *request)
{
	uint64_t end = now_ms() + DEADLINE_MS;
	int ends[2], status = 0;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		status = status_as_nobody(fixture->path, request);
		_exit(write(ends[1], &status, sizeof(status)) < 0);
	}
	while (waitpid(child, NULL, WNOHANG) == 0) {
		assert_true(now_ms() < end);
		turn(fixture, -1);
	}
	assert_int_equal(read(ends[0], &status, sizeof(status)), sizeof(status));
	close(ends[0]);
	close(ends[1]);
	return status;
}

void let_pass(struct fixture *fixture, uint64_t time_ms)
{
	for (struct client *client = fixture->control->clients; client != NULL;
		client = client->next)
		client->since -= time_ms;
}
