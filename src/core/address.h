/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and networks of both families, as plain data. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum family {
	IPV4,
	IPV6,
};

/* Number of families: sizes arrays that are indexed by enum family. */
#define FAMILIES 2

/* Room for the longest text of a network: an IPv6 address, a slash, three digits. */
#define ADDRESS_TEXT_MAX 50

/* An IPv4 address stands in the first four bytes, the others are zero; network byte order. */
struct address {
	enum family family;
	uint8_t bytes[16];
};

/* The bits after length are zero. */
struct network {
	struct address address;
	uint8_t length;
};

/* Bytes of an address of that family: 4 or 16. */
size_t family_size(enum family family);

/* The family of struct sockaddr (AF_INET, AF_INET6) for ours. */
int family_native(enum family family);

/* False where the text is no address of either family. ret_address is set on success only. */
bool address_parse(const char *text, struct address *ret_address);

/*
 * Accepts "192.0.2.0/24", "2001:db8::/32" and a bare address, which is a network of full length.
 * False where the text is no network or has bits set after its length.
 */
bool network_parse(const char *text, struct network *ret_network);

/* Writes at most size bytes with the terminator, and returns text. */
const char *address_format(const struct address *address, char *text, size_t size);
const char *network_format(const struct network *network, char *text, size_t size);

/* The address of nobody: 0.0.0.0 or ::. */
bool address_is_zero(const struct address *address);

bool address_equal(const struct address *a, const struct address *b);
bool network_equal(const struct network *a, const struct network *b);

/* False for an address of the other family. */
bool network_contains(const struct network *network, const struct address *address);

/* The network of that length around an address; length is cut to what the family has. */
struct network network_around(const struct address *address, uint8_t length);
