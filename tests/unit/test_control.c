/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves what control.h promises of requests, answers, rights, and the socket itself, with raw
 * clients. */

#include "control_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void answers_documents_and_texts(void **state)
{
	expect(*state, HEAD("GET", "/links?name=f%20b"), "Content-Type: application/json\r\n",
		"\r\n\r\n{\"name\":\"f b\"}\n");
	expect(*state, HEAD("GET", "/text"), "Content-Type: text/plain", "\r\n\r\nplain words\n");
	expect(*state, HEAD("GET", "/nothing"), "HTTP/1.1 500 ",
		"{\"error\":\"no memory for the answer\"}");
	expect(*state, HEAD("GET", "/links?name=a%00b"), "HTTP/1.1 200 ", "\r\n\r\n{}\n");
	expect(*state, HEAD("HEAD", "/links?name=x"), "HTTP/1.1 200 ", "Content-Length: 13\r\n");
}

static void keeps_the_connection_for_the_next_request(void **state)
{
	struct talk *talk = talk_begin(*state, "GET /text HTTP/1.1\r\nHost: x\r\n\r\n");

	talk_until(*state, talk, "plain words\n");
	talk->length = 0;
	talk->text[0] = '\0';
	assert_true(send(talk->fd, HEAD("GET", "/links"), strlen(HEAD("GET", "/links")),
			    MSG_NOSIGNAL) > 0);
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
	expect(fixture, HEAD("DELETE", "/links"), "HTTP/1.1 405 ",
		"{\"error\":\"this path needs GET\"}");
	expect(fixture, HEAD("GET", "/reload"), "HTTP/1.1 405 ", "Allow: POST\r\n");
	assert_int_equal(fixture->reloads, 0);
	expect(fixture, HEAD("POST", "/reload"), "HTTP/1.1 200 ", "{\"links\":2}");
	assert_int_equal(fixture->reloads, 1);
}

static void lets_only_root_change(void **state)
{
	struct fixture *fixture = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	/* It may not even connect. */
	assert_int_equal(ask_as_nobody(fixture, HEAD("GET", "/links")), 2);
	assert_int_equal(chmod(fixture->path, 0666), 0);
	assert_int_equal(ask_as_nobody(fixture, HEAD("GET", "/links")), 200);
	assert_int_equal(ask_as_nobody(fixture, HEAD("POST", "/reload")), 403);
	assert_int_equal(fixture->reloads, 0);
}

static void bounds_the_request(void **state)
{
	struct fixture *fixture = *state;
	char *request = malloc(200000);
	size_t length;

	assert_non_null(request);
	expect(fixture, "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n",
		"HTTP/1.1 413 ", "{\"error\":\"the request is too large\"}");

	length = (size_t)sprintf(request, "GET /links HTTP/1.1\r\nHost: x\r\nX-Long: ");
	memset(request + length, 'a', 60000);
	strcpy(request + length + 60000, "\r\n\r\n");
	expect(fixture, request, "HTTP/1.1 4", "");

	length = (size_t)sprintf(request,
		"POST /reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n13880\r\n");
	memset(request + length, 'a', 80000);
	strcpy(request + length + 80000, "\r\n0\r\n\r\n");
	expect(fixture, request, "", "");
	assert_int_equal(fixture->reloads, 0);

	length = (size_t)sprintf(request, "POST /reload HTTP/1.1\r\nHost: x\r\nConnection: "
					  "close\r\nContent-Length: 60000\r\n\r\n");
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
			garbage[i] = (char)(rand() % 4 == 0 ? rand()
							    : " GET/POST\r\n:%?&="[rand() % 16]);
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
	talk_receive(talk);
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
	assert_int_equal(
		control_new(&fixture->loop, fixture->path, verbs, fixture, &second), -EADDRINUSE);
	assert_null(second);
	expect(fixture, HEAD("GET", "/links"), "HTTP/1.1 200 ", "{}");

	/* A socket whose daemon is gone without a word. */
	snprintf(kept, sizeof(kept), "%s/kept", fixture->folder);
	assert_int_equal(link(fixture->path, kept), 0);
	control_free(fixture->control);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(rename(kept, fixture->path), 0);
	assert_int_equal(
		control_new(&fixture->loop, fixture->path, verbs, fixture, &fixture->control), 0);
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
	assert_int_equal(
		control_new(&fixture->loop, "/proc/none/control.sock", verbs, fixture, &second),
		-ENOENT);
	control_free(NULL);
}

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
		proof(answers_later),
		proof(answers_late_or_to_nobody),
		proof(takes_the_place_of_the_dead_only),
		proof(removes_only_its_own_socket),
		proof(refuses_bad_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
