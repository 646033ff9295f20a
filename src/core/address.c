/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and networks of both families, as plain data. */

#include "core/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

size_t family_size(enum family family)
{
	return family == IPV4 ? 4 : 16;
}

int family_native(enum family family)
{
	return family == IPV4 ? AF_INET : AF_INET6;
}

static uint8_t family_bits(enum family family)
{
	return (uint8_t)(family_size(family) * 8);
}

bool address_parse(const char *text, struct address *ret_address)
{
	static const enum family families[] = { IPV4, IPV6 };

	for (size_t i = 0; i < FAMILIES; i++) {
		struct address address = { .family = families[i] };

		if (inet_pton(family_native(families[i]), text, address.bytes) == 1) {
			*ret_address = address;
			return true;
		}
	}
	return false;
}

/* One to three digits without a leading zero, and nothing else. */
static bool parse_length(const char *text, unsigned int max, uint8_t *ret_length)
{
	size_t digits = strspn(text, "0123456789");
	unsigned int length = 0;

	if (digits == 0 || digits > 3 || text[digits] != '\0' || (digits > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < digits; i++)
		length = length * 10 + (unsigned int)(text[i] - '0');
	if (length > max)
		return false;
	*ret_length = (uint8_t)length;
	return true;
}

bool network_parse(const char *text, struct network *ret_network)
{
	const char *slash = strchr(text, '/');
	size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);
	char bare[ADDRESS_TEXT_MAX];
	struct network network, around;

	if (length >= sizeof(bare))
		return false;
	memcpy(bare, text, length);
	bare[length] = '\0';
	if (!address_parse(bare, &network.address))
		return false;

	network.length = family_bits(network.address.family);
	if (slash != NULL && !parse_length(slash + 1, network.length, &network.length))
		return false;
	around = network_around(&network.address, network.length);
	if (!network_equal(&around, &network))
		return false;
	*ret_network = network;
	return true;
}

const char *address_format(const struct address *address, char *text, size_t size)
{
	char full[ADDRESS_TEXT_MAX] = "";

	inet_ntop(family_native(address->family), address->bytes, full, sizeof(full));
	snprintf(text, size, "%s", full);
	return text;
}

const char *network_format(const struct network *network, char *text, size_t size)
{
	char full[ADDRESS_TEXT_MAX];

	snprintf(text, size, "%s/%u", address_format(&network->address, full, sizeof(full)),
		(unsigned int)network->length);
	return text;
}

bool address_is_zero(const struct address *address)
{
	static const uint8_t zero[sizeof(address->bytes)];

	return memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, family_size(a->family)) == 0;
}

bool network_equal(const struct network *a, const struct network *b)
{
	return a->length == b->length && address_equal(&a->address, &b->address);
}

/* The bits of byte index that belong to a prefix of length bits. */
static uint8_t prefix_mask(unsigned int length, size_t index)
{
	unsigned int before = (unsigned int)index * 8;

	if (length >= before + 8)
		return 0xff;
	return length <= before ? 0 : (uint8_t)(0xff00 >> (length - before));
}

bool network_contains(const struct network *network, const struct address *address)
{
	size_t whole = network->length / 8;

	if (network->address.family != address->family)
		return false;
	if (memcmp(network->address.bytes, address->bytes, whole) != 0)
		return false;
	return network->length % 8 == 0 ||
	       ((network->address.bytes[whole] ^ address->bytes[whole]) & prefix_mask(network->length, whole)) == 0;
}

struct network network_around(const struct address *address, uint8_t length)
{
	uint8_t bits = family_bits(address->family);
	struct network network = { .address = { .family = address->family }, .length = length };

	if (network.length > bits)
		network.length = bits;
	for (size_t i = 0; i < family_size(address->family); i++)
		network.address.bytes[i] = address->bytes[i] & prefix_mask(network.length, i);
	return network;
}
