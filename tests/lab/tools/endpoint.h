/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Socket addresses of both families: read, count up, print. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Room for an IPv6 address with its terminator. */
#define ENDPOINT_TEXT_MAX 48

struct endpoint {
	struct sockaddr_storage address;
	socklen_t length;
};

/*
 * Reads "192.0.2.1", "192.0.2.1:80", "2001:db8::1" or "[2001:db8::1]:80"; without a port it takes
 * port. False where the text is none of these.
 */
bool endpoint_parse(const char *text, uint16_t port, struct endpoint *ret_endpoint);

/* Reads "192.0.2.0/24": the first address and how many there are, at most UINT32_MAX. */
bool endpoint_parse_network(const char *text, struct endpoint *ret_first, uint32_t *ret_count);

/* The endpoint whose address is by steps higher, in the last 32 bits. */
struct endpoint endpoint_plus(const struct endpoint *endpoint, uint32_t steps);

uint16_t endpoint_port(const struct endpoint *endpoint);
void endpoint_set_port(struct endpoint *endpoint, uint16_t port);

/* The address without its port; one of IPv4 inside IPv6 as plain IPv4. Returns text. */
const char *endpoint_text(const struct endpoint *endpoint, char *text, size_t size);
