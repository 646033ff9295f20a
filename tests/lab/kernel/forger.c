/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers echo requests in the place of the far kernel: honestly, or as an attacker would. */

#include "forger.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "checker_lab.h"

#define IDENTIFIER 5 /* offset of its low byte, also below */
#define SEQUENCE   7
#define COOKIE     8

static uint16_t checksum(const uint8_t *bytes, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return htons((uint16_t)~sum);
}

static void say(struct forger *forger, const uint8_t *echo, size_t length, const struct sockaddr_storage *to)
{
	uint8_t reply[100];

	memcpy(reply, echo, length);
	reply[0] = forger->family == IPV4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
	if (forger->forgery == WRONG_TYPE)
		reply[0] = forger->family == IPV4 ? ICMP_TIMESTAMPREPLY : ICMP6_ECHO_REQUEST;
	memset(reply + 2, 0, 2);
	if (forger->family == IPV4) {
		uint16_t sum = checksum(reply, length);

		memcpy(reply + 2, &sum, sizeof(sum));
	}
	assert_int_equal(sendto(forger->mouth, reply, length, 0, (const struct sockaddr *)to,
		forger->family == IPV4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)), length);
}

static void say_often(struct forger *forger, const uint8_t *echo, size_t length,
	const struct sockaddr_storage *to)
{
	uint8_t wrong[100];

	memcpy(wrong, echo, length);
	wrong[COOKIE] ^= 1;
	for (int i = 0; i < 400; i++)
		say(forger, wrong, length, to);
}

static void answer(struct forger *forger, uint8_t *echo, size_t length, const struct sockaddr_storage *to)
{
	switch (forger->forgery) {
	case WRONG_COOKIE:
		echo[COOKIE + 15] ^= 1;
		break;
	case WRONG_IDENTIFIER:
		echo[IDENTIFIER] ^= 1;
		break;
	case WRONG_SEQUENCE:
		echo[SEQUENCE] ^= 1;
		break;
	case TOO_SHORT:
		length = COOKIE + 15;
		break;
	case HONEST_AMONG_MANY:
		say_often(forger, echo, length, to);
		break;
	case OF_LAST_ROUND:
		if (forger->last_length > 0)
			say(forger, forger->last, forger->last_length, to);
		memcpy(forger->last, echo, length);
		forger->last_length = length;
		return;
	case HONEST:
	case WRONG_TYPE:   /* say() does it */
	case WRONG_SOURCE: /* the mouth is bound to it, as for the next */
	case WRONG_DEVICE:
		break;
	}
	say(forger, echo, length, to);
}

static void on_request(uv_poll_t *poll, int status, int events)
{
	struct forger *forger = poll->data;
	struct sockaddr_storage from = { 0 };
	socklen_t from_size = sizeof(from);
	uint8_t bytes[100];
	ssize_t length = recvfrom(forger->ear, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from,
		&from_size);
	size_t header = forger->family == IPV4 && length > 0 ? (bytes[0] & 15u) * 4 : 0;

	(void)status;
	(void)events;
	if (length < (ssize_t)header + 32)
		return;
	if (bytes[header] != (forger->family == IPV4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST))
		return;
	forger->requests++;
	answer(forger, bytes + header, (size_t)length - header, &from);
}

static int open_socket(enum family family)
{
	int protocol = family == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	int fd = socket(family_native(family), SOCK_RAW | SOCK_CLOEXEC, protocol);

	assert_true(fd >= 0);
	return fd;
}

static void bind_mouth(const struct forger *forger)
{
	bool other = forger->forgery == WRONG_SOURCE;
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };

	inet_pton(AF_INET, other ? "192.0.2.3" : "192.0.2.1", &ipv4.sin_addr);
	inet_pton(AF_INET6, other ? "2001:db8::3" : "2001:db8::1", &ipv6.sin6_addr);
	if (forger->family == IPV4)
		assert_int_equal(bind(forger->mouth, (struct sockaddr *)&ipv4, sizeof(ipv4)), 0);
	else
		assert_int_equal(bind(forger->mouth, (struct sockaddr *)&ipv6, sizeof(ipv6)), 0);
	if (forger->forgery == WRONG_DEVICE)
		assert_int_equal(setsockopt(forger->mouth, SOL_SOCKET, SO_BINDTODEVICE, "wan1", 5), 0);
}

void forger_start(struct forger *forger, uv_loop_t *loop)
{
	lab_enter_far();
	forger->ear = open_socket(forger->family);
	forger->mouth = open_socket(forger->family);
	bind_mouth(forger);
	lab_enter_near();
	uv_poll_init(loop, &forger->poll, forger->ear);
	forger->poll.data = forger;
	uv_poll_start(&forger->poll, UV_READABLE, on_request);
}

void forger_stop(struct forger *forger)
{
	uv_close((uv_handle_t *)&forger->poll, NULL);
	close(forger->ear);
	close(forger->mouth);
}
