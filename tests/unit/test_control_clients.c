/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves what control.h promises of clients: how many, how long, and those who follow events. */

#include "control_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

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
	assert_int_equal(
		sscanf(strstr(talk->text, "Content-Length:"), "Content-Length: %u", &length), 1);
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
	assert_int_equal(ask_as_nobody(fixture, HEAD("GET", "/links")), 503);
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
	expect(fixture, HEAD("GET", "/events?follow=1"), "HTTP/1.1 503 ",
		"{\"error\":\"too many follow already\"}");
	expect(fixture, HEAD("GET", "/events?follow=0"), "HTTP/1.1 404 ", "");
	for (int i = 0; i < CONTROL_FOLLOWERS_MAX; i++)
		talk_end(talks[i]);
	wait_for_clients(fixture, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		proof(cuts_off_whoever_dawdles),
		proof(refuses_a_thousand_idle_clients),
		proof(says_how_long_its_refusal_is),
		proof(keeps_places_for_root),
		proof(refuses_where_descriptors_are_used_up),
		proof(streams_to_those_who_follow),
		proof(cuts_off_slow_followers),
		proof(bounds_the_followers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
