/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Socket addresses of both families: read, count up, print. */

#include "endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static bool parse_number(const char *text, unsigned long max, unsigned long *ret_number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*ret_number = strtoul(text, &end, 10);
	return *end == '\0' && *ret_number <= max;
}

static bool parse_address(const char *text, uint16_t port, struct endpoint *ret_endpoint)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memset(ret_endpoint, 0, sizeof(*ret_endpoint));
	if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) {
		memcpy(&ret_endpoint->address, &ipv4, sizeof(ipv4));
		ret_endpoint->length = sizeof(ipv4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1) {
		memcpy(&ret_endpoint->address, &ipv6, sizeof(ipv6));
		ret_endpoint->length = sizeof(ipv6);
		return true;
	}
	return false;
}

/* Cuts "ADDRESS:PORT" or "[ADDRESS]:PORT" in place; *ret_port is "" where there is none. */
static char *split(char *text, char **ret_port)
{
	char *colon = strrchr(text, ':');

	*ret_port = text + strlen(text);
	if (*text == '[') {
		char *bracket = strchr(text, ']');

		if (bracket == NULL)
			return text;
		*bracket = '\0';
		if (bracket[1] == ':')
			*ret_port = bracket + 2;
		return text + 1;
	}
	if (colon != NULL && strchr(text, ':') == colon) {
		*colon = '\0';
		*ret_port = colon + 1;
	}
	return text;
}

bool endpoint_parse(const char *text, uint16_t port, struct endpoint *ret_endpoint)
{
	char copy[ENDPOINT_TEXT_MAX + 16], *address, *port_text;
	unsigned long number = port;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	address = split(copy, &port_text);
	if (*port_text != '\0' && !parse_number(port_text, UINT16_MAX, &number))
		return false;
	return parse_address(address, (uint16_t)number, ret_endpoint);
}

bool endpoint_parse_network(const char *text, struct endpoint *ret_first, uint32_t *ret_count)
{
	char copy[ENDPOINT_TEXT_MAX + 16], *slash;
	unsigned long bits, length;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	if (!parse_address(copy, 0, ret_first))
		return false;
	bits = ret_first->address.ss_family == AF_INET ? 32 : 128;
	if (!parse_number(slash + 1, bits, &length))
		return false;
	*ret_count = bits - length >= 32 ? UINT32_MAX : 1u << (bits - length);
	return true;
}

static void add(void *bytes, uint32_t steps)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	number = htonl(ntohl(number) + steps);
	memcpy(bytes, &number, sizeof(number));
}

struct endpoint endpoint_plus(const struct endpoint *endpoint, uint32_t steps)
{
	struct endpoint result = *endpoint;
	char *bytes = (char *)&result.address;

	if (result.address.ss_family == AF_INET)
		add(bytes + offsetof(struct sockaddr_in, sin_addr), steps);
	else
		add(bytes + offsetof(struct sockaddr_in6, sin6_addr) + 12, steps);
	return result;
}

/* The port stands at the same place in both families. */
uint16_t endpoint_port(const struct endpoint *endpoint)
{
	struct sockaddr_in ipv4;

	memcpy(&ipv4, &endpoint->address, sizeof(ipv4));
	return ntohs(ipv4.sin_port);
}

void endpoint_set_port(struct endpoint *endpoint, uint16_t port)
{
	uint16_t number = htons(port);

	memcpy((char *)&endpoint->address + offsetof(struct sockaddr_in, sin_port), &number,
		sizeof(number));
}

const char *endpoint_text(const struct endpoint *endpoint, char *text, size_t size)
{
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
	const char *result;

	memcpy(&ipv4, &endpoint->address, sizeof(ipv4));
	memcpy(&ipv6, &endpoint->address, sizeof(ipv6));
	if (ipv4.sin_family == AF_INET)
		result = inet_ntop(AF_INET, &ipv4.sin_addr, text, (socklen_t)size);
	else if (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr))
		result = inet_ntop(AF_INET, ipv6.sin6_addr.s6_addr + 12, text, (socklen_t)size);
	else
		result = inet_ntop(AF_INET6, &ipv6.sin6_addr, text, (socklen_t)size);
	return result != NULL ? result : "?";
}
