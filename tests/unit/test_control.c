/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of control.h with raw clients: who is answered, what is bounded, who is cut off. */

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/control_internal.h"

#define DEADLINE_MS 8000
#define NOBODY      65534

struct fixture {
	uv_loop_t loop;
	struct control *control;
	char folder[64], path[96];
	unsigned int reloads;
	struct control_pending *pending;
};

/* What a client has got so far. */
struct talk {
	int fd;
	char text[65536];
	size_t length;
	bool ended;
};

static void answer_links(void *data, const struct control_request *request, struct control_answer *answer)
{
	const char *name = request->get(request, "name");

	(void)data;
	answer->status = 200;
	answer->document = json_pack("{s:s*}", "name", name);
}

static void answer_text(void *data, const struct control_request *request, struct control_answer *answer)
{
	(void)data;
	(void)request;
	answer->text = strdup("plain words\n");
}

static void answer_large(void *data, const struct control_request *request, struct control_answer *answer)
{
	size_t size = 8 * 1024 * 1024;

	(void)data;
	(void)request;
	answer->text = malloc(size + 1);
	assert_non_null(answer->text);
	memset(answer->text, 'x', size);
	answer->text[size] = '\0';
}

static void answer_nothing(void *data, const struct control_request *request, struct control_answer *answer)
{
	(void)data;
	(void)request;
	(void)answer;
}

static void answer_reload(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct fixture *fixture = data;

	(void)request;
	fixture->reloads++;
	answer->status = 200;
	answer->document = json_pack("{s:i}", "links", 2);
}

static void answer_later(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct fixture *fixture = data;

	(void)answer;
	fixture->pending = control_defer(request);
	assert_non_null(fixture->pending);
}

static void answer_defers_in_vain(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct control_answer at_once = { .status = 409, .document = json_pack("{s:s}", "error", "at once") };

	(void)data;
	(void)answer;
	control_finish(control_defer(request), &at_once);
}

static const struct control_verb verbs[] = {
	{ "/links", false, answer_links },
	{ "/text", false, answer_text },
	{ "/large", false, answer_large },
	{ "/nothing", false, answer_nothing },
	{ "/reload", true, answer_reload },
	{ "/test-mail", true, answer_later },
	{ "/at-once", true, answer_defers_in_vain },
	{ NULL, false, NULL },
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Lets the daemon's side work until there is something for it or the client, at most a few milliseconds. */
static void turn(struct fixture *fixture, int fd)
{
	struct pollfd events[] = {
		{ .fd = uv_backend_fd(&fixture->loop), .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};

	poll(events, 2, 5);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	strcpy(fixture->folder, "/tmp/test-control-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->path, sizeof(fixture->path), "%s/control.sock", fixture->folder);
	assert_int_equal(control_new(&fixture->loop, fixture->path, verbs, fixture, &fixture->control), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	control_free(fixture->control);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	assert_int_equal(rmdir(fixture->folder), 0);
	free(fixture);
	return 0;
}

static int connect_to(const char *path)
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

static struct talk *talk_begin(struct fixture *fixture, const char *request)
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

static void talk_end(struct talk *talk)
{
	close(talk->fd);
	free(talk);
}

static void receive(struct talk *talk)
{
	ssize_t got = recv(talk->fd, talk->text + talk->length, sizeof(talk->text) - 1 - talk->length, MSG_DONTWAIT);

	if (got > 0)
		talk->length += (size_t)got;
	else if (got == 0 || errno != EAGAIN)
		talk->ended = true;
	talk->text[talk->length] = '\0';
}

/* Until the client has read what it waits for, or (NULL) the end of the connection. */
static void talk_until(struct fixture *fixture, struct talk *talk, const char *wanted)
{
	uint64_t end = now_ms() + DEADLINE_MS;

	while (wanted == NULL ? !talk->ended : strstr(talk->text, wanted) == NULL) {
		if (now_ms() > end || (wanted != NULL && talk->ended))
			fail_msg("waited for %s, got: %s", wanted == NULL ? "the end" : wanted, talk->text);
		turn(fixture, talk->fd);
		receive(talk);
	}
}

/* Sends a request, reads until the end, and wants these texts in the answer. */
static void expect(struct fixture *fixture, const char *request, const char *first, const char *second)
{
	struct talk *talk = talk_begin(fixture, request);

	talk_until(fixture, talk, NULL);
	if (strstr(talk->text, first) == NULL || strstr(talk->text, second) == NULL)
		fail_msg("wanted %s and %s, got: %s", first, second, talk->text);
	talk_end(talk);
}

static void wait_for_clients(struct fixture *fixture, unsigned int count)
{
	uint64_t end = now_ms() + DEADLINE_MS;

	while (fixture->control->client_count != count) {
		assert_true(now_ms() < end);
		turn(fixture, -1);
	}
}

#define HEAD(method, path) method " " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void answers_documents_and_texts(void **state)
{
	expect(*state, HEAD("GET", "/links?name=f%20b"), "Content-Type: application/json\r\n", "\r\n\r\n{\"name\":\"f b\"}\n");
	expect(*state, HEAD("GET", "/text"), "Content-Type: text/plain", "\r\n\r\nplain words\n");
	expect(*state, HEAD("GET", "/nothing"), "HTTP/1.1 500 ", "{\"error\":\"no memory for the answer\"}");
	expect(*state, HEAD("GET", "/links?name=a%00b"), "HTTP/1.1 200 ", "\r\n\r\n{}\n");
	expect(*state, HEAD("HEAD", "/links?name=x"), "HTTP/1.1 200 ", "Content-Length: 13\r\n");
}

static void keeps_the_connection_for_the_next_request(void **state)
{
	struct talk *talk = talk_begin(*state, "GET /text HTTP/1.1\r\nHost: x\r\n\r\n");

	talk_until(*state, talk, "plain words\n");
	talk->length = 0;
	talk->text[0] = '\0';
	assert_true(send(talk->fd, HEAD("GET", "/links"), strlen(HEAD("GET", "/links")), MSG_NOSIGNAL) > 0);
	talk_until(*state, talk, NULL);
	assert_non_null(strstr(talk->text, "\r\n\r\n{}\n"));
	talk_end(talk);
}

static void refuses_wrong_paths_and_methods(void **state)
{
	struct fixture *fixture = *state;

	expect(fixture, HEAD("GET", "/other"), "HTTP/1.1 404 ", "{\"error\":\"no such path\"}");
	expect(fixture, HEAD("GET", "/links/fiber"), "HTTP/1.1 404 ", "{\"error\":");
	expect(fixture, HEAD("POST", "/links"), "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n");
	expect(fixture, HEAD("DELETE", "/links"), "HTTP/1.1 405 ", "{\"error\":\"this path needs GET\"}");
	expect(fixture, HEAD("GET", "/reload"), "HTTP/1.1 405 ", "Allow: POST\r\n");
	assert_int_equal(fixture->reloads, 0);
	expect(fixture, HEAD("POST", "/reload"), "HTTP/1.1 200 ", "{\"links\":2}");
	assert_int_equal(fixture->reloads, 1);
}

/* The status that a client of another user is told, 0 where it gets none. */
static int status_as_nobody(const char *path, const char *request)
{
	char text[512] = "";
	ssize_t got;
	int fd, status = 0;

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
	return status / 2; /* an exit code has 8 bits */
}

static int ask_as_nobody(struct fixture *fixture, const char *request)
{
	uint64_t end = now_ms() + DEADLINE_MS;
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0)
		_exit(status_as_nobody(fixture->path, request));
	while (waitpid(child, &status, WNOHANG) == 0) {
		assert_true(now_ms() < end);
		turn(fixture, -1);
	}
	return WEXITSTATUS(status) * 2;
}

static void lets_only_root_change(void **state)
{
	struct fixture *fixture = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	assert_int_equal(ask_as_nobody(fixture, HEAD("GET", "/links")), 4); /* may not even connect */
	assert_int_equal(chmod(fixture->path, 0666), 0);
	assert_int_equal(ask_as_nobody(fixture, HEAD("GET", "/links")), 200);
	assert_int_equal(ask_as_nobody(fixture, HEAD("POST", "/reload")), 402); /* 403, halved and doubled */
	assert_int_equal(fixture->reloads, 0);
}

static void bounds_the_request(void **state)
{
	struct fixture *fixture = *state;
	char *request = malloc(200000);
	size_t length;

	assert_non_null(request);
	expect(fixture, "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n", "HTTP/1.1 413 ",
		"{\"error\":\"the request is too large\"}");

	length = (size_t)sprintf(request, "GET /links HTTP/1.1\r\nHost: x\r\nX-Long: ");
	memset(request + length, 'a', 60000);
	strcpy(request + length + 60000, "\r\n\r\n");
	expect(fixture, request, "HTTP/1.1 4", "");

	length = (size_t)sprintf(request, "POST /reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n13880\r\n");
	memset(request + length, 'a', 80000);
	strcpy(request + length + 80000, "\r\n0\r\n\r\n");
	expect(fixture, request, "", "");
	assert_int_equal(fixture->reloads, 0);

	length = (size_t)sprintf(request, "POST /reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n");
	memset(request + length, 'a', 60000);
	request[length + 60000] = '\0';
	expect(fixture, request, "HTTP/1.1 200 ", "{\"links\":2}");
	free(request);
}

static void survives_garbage(void **state)
{
	struct fixture *fixture = *state;
	unsigned int seed = (unsigned int)time(NULL);
	char garbage[2048];

	print_message("seed %u\n", seed);
	srand(seed);
	for (int trial = 0; trial < 300; trial++) {
		size_t length = 1 + (size_t)rand() % sizeof(garbage);
		int fd = connect_to(fixture->path);

		assert_true(fd >= 0);
		for (size_t i = 0; i < length; i++)
			garbage[i] = (char)(rand() % 4 == 0 ? rand() : " GET/POST\r\n:%?&="[rand() % 16]);
		if (send(fd, garbage, length, MSG_NOSIGNAL) < 0)
			fail();
		turn(fixture, -1);
		close(fd);
	}
	wait_for_clients(fixture, 0);
	expect(fixture, HEAD("GET", "/links"), "HTTP/1.1 200 ", "{}");
}

static void survives_hang_up_in_the_middle(void **state)
{
	struct fixture *fixture = *state;

	for (int trial = 0; trial < 20; trial++) {
		struct talk *talk = talk_begin(fixture, HEAD("GET", "/large"));

		talk_until(fixture, talk, "xxxx");
		talk_end(talk);
	}
	wait_for_clients(fixture, 0);
	expect(fixture, HEAD("GET", "/links"), "HTTP/1.1 200 ", "{}");
}

/* As if that much time had passed for every client. */
static void let_pass(struct fixture *fixture, uint64_t time_ms)
{
	for (struct client *client = fixture->control->clients; client != NULL; client = client->next)
		client->since -= time_ms;
}

static void cuts_off_whoever_dawdles(void **state)
{
	struct fixture *fixture = *state;
	struct talk *slow = talk_begin(fixture, "GET /links HT");
	struct talk *lazy = talk_begin(fixture, HEAD("GET", "/large"));

	wait_for_clients(fixture, 2);
	talk_until(fixture, lazy, "xxxx");
	let_pass(fixture, CONTROL_EXCHANGE_MS - 4000);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(send(slow->fd, "T", 1, MSG_NOSIGNAL), 1);
		turn(fixture, -1);
	}
	assert_int_equal(fixture->control->client_count, 2);
	let_pass(fixture, 4001);
	wait_for_clients(fixture, 0);
	talk_until(fixture, slow, NULL);
	assert_int_equal(slow->length, 0);
	talk_end(slow);
	talk_end(lazy);
}

static void refuses_a_thousand_idle_clients(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit limit = { 4096, 4096 };
	int fds[1000], refused = 0;
	char text[512];

	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < 1000; i++) {
		fds[i] = connect_to(fixture->path);
		assert_true(fds[i] >= 0);
		turn(fixture, -1);
	}
	wait_for_clients(fixture, CONTROL_CLIENTS_MAX);
	for (int i = 0; i < 1000; i++) {
		ssize_t got = recv(fds[i], text, sizeof(text) - 1, MSG_DONTWAIT);

		if (got < 0)
			continue;
		text[got] = '\0';
		assert_non_null(strstr(text, "HTTP/1.1 503 Service Unavailable\r\n"));
		assert_int_equal(recv(fds[i], text, sizeof(text), MSG_DONTWAIT), 0);
		refused++;
	}
	assert_int_equal(refused, 1000 - CONTROL_CLIENTS_MAX);
	for (int i = 0; i < 1000; i++)
		close(fds[i]);
	wait_for_clients(fixture, 0);
	expect(fixture, HEAD("GET", "/links"), "HTTP/1.1 200 ", "{}");
}

static void says_how_long_its_refusal_is(void **state)
{
	struct fixture *fixture = *state;
	int fds[CONTROL_CLIENTS_MAX];
	unsigned int length = 0;
	struct talk *talk;

	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		fds[i] = connect_to(fixture->path);
	wait_for_clients(fixture, CONTROL_CLIENTS_MAX);
	talk = talk_begin(fixture, "");
	talk_until(fixture, talk, NULL);
	assert_int_equal(sscanf(strstr(talk->text, "Content-Length:"), "Content-Length: %u", &length), 1);
	assert_int_equal(strlen(strstr(talk->text, "\r\n\r\n") + 4), length);
	talk_end(talk);
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
	wait_for_clients(fixture, 0);
}

static void keeps_places_for_root(void **state)
{
	struct fixture *fixture = *state;
	int fds[CONTROL_CLIENTS_MAX - CONTROL_RESERVED];

	if (geteuid() != 0)
		skip();
	for (int i = 0; i < CONTROL_CLIENTS_MAX - CONTROL_RESERVED; i++)
		fds[i] = connect_to(fixture->path);
	wait_for_clients(fixture, CONTROL_CLIENTS_MAX - CONTROL_RESERVED);
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	assert_int_equal(chmod(fixture->path, 0666), 0);
	assert_int_equal(ask_as_nobody(fixture, HEAD("GET", "/links")), 502); /* 503, halved and doubled */
	expect(fixture, HEAD("POST", "/reload"), "HTTP/1.1 200 ", "{\"links\":2}");
	for (int i = 0; i < CONTROL_CLIENTS_MAX - CONTROL_RESERVED; i++)
		close(fds[i]);
	wait_for_clients(fixture, 0);
}

static void refuses_where_descriptors_are_used_up(void **state)
{
	struct fixture *fixture = *state;
	struct talk *talk = talk_begin(fixture, HEAD("GET", "/links"));
	struct rlimit before, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	/* Even the spare descriptor is above this limit: the client has to wait. */
	for (int i = 0; i < 20; i++)
		turn(fixture, -1);
	assert_int_equal(fixture->control->client_count, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	talk_until(fixture, talk, NULL);
	assert_non_null(strstr(talk->text, "HTTP/1.1 200 "));
	talk_end(talk);
	wait_for_clients(fixture, 0);

	talk = talk_begin(fixture, "");
	none.rlim_cur = (rlim_t)fixture->control->spare_fd + 1;
	assert_true(talk->fd > fixture->control->spare_fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	talk_until(fixture, talk, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_non_null(strstr(talk->text, "HTTP/1.1 503 "));
	assert_true(fixture->control->spare_fd >= 0);
	talk_end(talk);
	expect(fixture, HEAD("GET", "/links"), "HTTP/1.1 200 ", "{}");
}

static void streams_to_those_who_follow(void **state)
{
	struct fixture *fixture = *state;
	struct talk *first = talk_begin(fixture, HEAD("GET", "/events?follow=1"));
	struct talk *second = talk_begin(fixture, "GET /events?follow=1 HTTP/1.0\r\n\r\n");

	talk_until(fixture, first, "\r\n\r\n1\r\n\n");
	talk_until(fixture, second, "\r\n\r\n\n");
	assert_non_null(strstr(first->text, "Content-Type: application/x-ndjson\r\n"));
	control_publish(fixture->control, "{\"text\":\"one\"}");
	control_publish(fixture->control, "{\"text\":\"two\"}");
	talk_until(fixture, first, "{\"text\":\"one\"}\n{\"text\":\"two\"}\n");
	talk_until(fixture, second, "{\"text\":\"one\"}\n{\"text\":\"two\"}\n");
	control_publish(fixture->control, "{\"text\":\"three\"}");
	talk_until(fixture, first, "{\"text\":\"three\"}\n");

	first->length = 0;
	first->text[0] = '\0';
	let_pass(fixture, CONTROL_SIGN_OF_LIFE_MS);
	talk_until(fixture, first, "1\r\n\n\r\n");
	talk_end(first);
	talk_end(second);
	wait_for_clients(fixture, 0);
	assert_int_equal(fixture->control->follower_count, 0);
	control_publish(fixture->control, "{}");
}

static void cuts_off_slow_followers(void **state)
{
	struct fixture *fixture = *state;
	struct talk *talk = talk_begin(fixture, HEAD("GET", "/events?follow=1"));
	char line[1024];
	uint64_t end = now_ms() + DEADLINE_MS;

	memset(line, 'e', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	talk_until(fixture, talk, "\r\n\r\n1\r\n\n");
	while (fixture->control->client_count != 0) {
		assert_true(now_ms() < end);
		control_publish(fixture->control, line);
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(fixture->control->follower_count, 0);
	talk_end(talk);
}

static void bounds_the_followers(void **state)
{
	struct fixture *fixture = *state;
	struct talk *talks[CONTROL_FOLLOWERS_MAX];

	for (int i = 0; i < CONTROL_FOLLOWERS_MAX; i++) {
		talks[i] = talk_begin(fixture, HEAD("GET", "/events?follow=1"));
		talk_until(fixture, talks[i], "\r\n\r\n1\r\n\n");
	}
	expect(fixture, HEAD("GET", "/events?follow=1"), "HTTP/1.1 503 ", "{\"error\":\"too many follow already\"}");
	expect(fixture, HEAD("GET", "/events?follow=0"), "HTTP/1.1 404 ", "");
	for (int i = 0; i < CONTROL_FOLLOWERS_MAX; i++)
		talk_end(talks[i]);
	wait_for_clients(fixture, 0);
}

static void wait_for_pending(struct fixture *fixture)
{
	uint64_t end = now_ms() + DEADLINE_MS;

	while (fixture->pending == NULL) {
		assert_true(now_ms() < end);
		turn(fixture, -1);
	}
}

static void answers_later(void **state)
{
	struct fixture *fixture = *state;
	struct control_answer answer = { .document = json_pack("{s:b}", "delivered", 1) };
	struct talk *talk = talk_begin(fixture, HEAD("POST", "/test-mail"));

	wait_for_pending(fixture);
	expect(fixture, HEAD("GET", "/links"), "HTTP/1.1 200 ", "{}");
	receive(talk);
	assert_int_equal(talk->length, 0);
	control_finish(fixture->pending, &answer);
	talk_until(fixture, talk, NULL);
	assert_non_null(strstr(talk->text, "HTTP/1.1 200 "));
	assert_non_null(strstr(talk->text, "{\"delivered\":true}"));
	talk_end(talk);
	expect(fixture, HEAD("POST", "/at-once"), "HTTP/1.1 409 ", "{\"error\":\"at once\"}");
}

static void answers_late_or_to_nobody(void **state)
{
	struct fixture *fixture = *state;
	struct control_answer answer = { .document = json_pack("{s:b}", "delivered", 1) };
	struct talk *talk = talk_begin(fixture, HEAD("POST", "/test-mail"));

	wait_for_pending(fixture);
	let_pass(fixture, CONTROL_DEFERRED_MS + 1);
	talk_until(fixture, talk, NULL);
	assert_non_null(strstr(talk->text, "HTTP/1.1 504 "));
	talk_end(talk);
	control_finish(fixture->pending, &answer);

	fixture->pending = NULL;
	answer.document = json_pack("{s:b}", "delivered", 0);
	talk = talk_begin(fixture, HEAD("POST", "/test-mail"));
	wait_for_pending(fixture);
	talk_end(talk);
	wait_for_clients(fixture, 0);
	control_finish(fixture->pending, &answer);

	/* What is still pending and followed at the end is freed by teardown. */
	fixture->pending = NULL;
	talk = talk_begin(fixture, HEAD("POST", "/test-mail"));
	wait_for_pending(fixture);
	talk_end(talk);
	talk = talk_begin(fixture, HEAD("GET", "/events?follow=1"));
	talk_until(fixture, talk, "\r\n\r\n1\r\n\n");
	talk_end(talk);
}

static void takes_the_place_of_the_dead_only(void **state)
{
	struct fixture *fixture = *state;
	struct control *second = NULL;
	char kept[128];
	struct stat found;

	assert_int_equal(stat(fixture->path, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0660);
	assert_int_equal(control_new(&fixture->loop, fixture->path, verbs, fixture, &second), -EADDRINUSE);
	assert_null(second);
	expect(fixture, HEAD("GET", "/links"), "HTTP/1.1 200 ", "{}");

	/* A socket whose daemon is gone without a word. */
	snprintf(kept, sizeof(kept), "%s/kept", fixture->folder);
	assert_int_equal(link(fixture->path, kept), 0);
	control_free(fixture->control);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(rename(kept, fixture->path), 0);
	assert_int_equal(control_new(&fixture->loop, fixture->path, verbs, fixture, &fixture->control), 0);
	expect(fixture, HEAD("GET", "/links"), "HTTP/1.1 200 ", "{}");
}

static void removes_only_its_own_socket(void **state)
{
	struct fixture *fixture = *state;
	struct control *second = NULL;
	char path[160], folder[128];
	FILE *file;

	assert_int_equal(unlink(fixture->path), 0);
	assert_int_equal(control_new(&fixture->loop, fixture->path, verbs, fixture, &second), 0);
	control_free(fixture->control);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	fixture->control = second;
	expect(fixture, HEAD("GET", "/links"), "HTTP/1.1 200 ", "{}");

	snprintf(path, sizeof(path), "%s/file", fixture->folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(control_new(&fixture->loop, path, verbs, fixture, &second), -ENOTSOCK);
	assert_int_equal(unlink(path), 0);

	snprintf(folder, sizeof(folder), "%s/new", fixture->folder);
	snprintf(path, sizeof(path), "%s/control.sock", folder);
	assert_int_equal(control_new(&fixture->loop, path, verbs, fixture, &second), 0);
	control_free(second);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(folder), 0);
}

static void refuses_bad_paths(void **state)
{
	struct fixture *fixture = *state;
	struct control *second = NULL;
	char path[256];

	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(control_new(&fixture->loop, path, verbs, fixture, &second), -ENAMETOOLONG);
	assert_int_equal(control_new(&fixture->loop, "", verbs, fixture, &second), -EINVAL);
	assert_int_equal(control_new(&fixture->loop, "/proc/none/control.sock", verbs, fixture, &second), -ENOENT);
	control_free(NULL);
}

#define proof(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		proof(answers_documents_and_texts),
		proof(keeps_the_connection_for_the_next_request),
		proof(refuses_wrong_paths_and_methods),
		proof(lets_only_root_change),
		proof(bounds_the_request),
		proof(survives_garbage),
		proof(survives_hang_up_in_the_middle),
		proof(cuts_off_whoever_dawdles),
		proof(refuses_a_thousand_idle_clients),
		proof(says_how_long_its_refusal_is),
		proof(keeps_places_for_root),
		proof(refuses_where_descriptors_are_used_up),
		proof(streams_to_those_who_follow),
		proof(cuts_off_slow_followers),
		proof(bounds_the_followers),
		proof(answers_later),
		proof(answers_late_or_to_nobody),
		proof(takes_the_place_of_the_dead_only),
		proof(removes_only_its_own_socket),
		proof(refuses_bad_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
