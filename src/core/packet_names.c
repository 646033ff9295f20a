/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of what a packet has beside addresses and ports: types of ICMP, and DSCP. */

#include "core/packet_names.h"

#include <netinet/in.h>
#include <string.h>

#define ICMP4(type)      IPPROTO_ICMP, { type, true, 0 }
#define ICMP6(type)      IPPROTO_ICMPV6, { type, true, 0 }
#define CODE4(type, code) IPPROTO_ICMP, { type, false, code }
#define CODE6(type, code) IPPROTO_ICMPV6, { type, false, code }

/* As IANA has them, in lower case. */
const struct icmp_name icmp_names[] = {
	{ "echo-reply", ICMP4(0) },
	{ "destination-unreachable", ICMP4(3) },
	{ "network-unreachable", CODE4(3, 0) },
	{ "host-unreachable", CODE4(3, 1) },
	{ "protocol-unreachable", CODE4(3, 2) },
	{ "port-unreachable", CODE4(3, 3) },
	{ "fragmentation-needed", CODE4(3, 4) },
	{ "source-quench", ICMP4(4) },
	{ "redirect", ICMP4(5) },
	{ "echo-request", ICMP4(8) },
	{ "router-advertisement", ICMP4(9) },
	{ "router-solicitation", ICMP4(10) },
	{ "time-exceeded", ICMP4(11) },
	{ "parameter-problem", ICMP4(12) },
	{ "timestamp-request", ICMP4(13) },
	{ "timestamp-reply", ICMP4(14) },
	{ "address-mask-request", ICMP4(17) },
	{ "address-mask-reply", ICMP4(18) },
	{ "destination-unreachable", ICMP6(1) },
	{ "no-route", CODE6(1, 0) },
	{ "address-unreachable", CODE6(1, 3) },
	{ "port-unreachable", CODE6(1, 4) },
	{ "packet-too-big", ICMP6(2) },
	{ "time-exceeded", ICMP6(3) },
	{ "parameter-problem", ICMP6(4) },
	{ "echo-request", ICMP6(128) },
	{ "echo-reply", ICMP6(129) },
	{ "node-information-query", ICMP6(139) },
	{ "node-information-response", ICMP6(140) },
	{ NULL, 0, { 0, false, 0 } },
};

/* RFC 2474, 2597, 3246, 5865, 8622. */
const struct dscp_name dscp_names[] = {
	{ "cs0", 0 }, { "cs1", 8 }, { "cs2", 16 }, { "cs3", 24 }, { "cs4", 32 }, { "cs5", 40 }, { "cs6", 48 }, { "cs7", 56 },
	{ "af11", 10 }, { "af12", 12 }, { "af13", 14 }, { "af21", 18 }, { "af22", 20 }, { "af23", 22 },
	{ "af31", 26 }, { "af32", 28 }, { "af33", 30 }, { "af41", 34 }, { "af42", 36 }, { "af43", 38 },
	{ "ef", 46 }, { "va", 44 }, { "le", 1 },
	{ NULL, 0 },
};

/* At most three digits. Returns what follows, or NULL. */
static const char *parse_number(const char *text, unsigned int most, uint8_t *ret_number)
{
	size_t digits = strspn(text, "0123456789");
	unsigned int number = 0;

	if (digits == 0 || digits > 3 || (digits > 1 && text[0] == '0'))
		return NULL;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (unsigned int)(text[i] - '0');
	if (number > most)
		return NULL;
	*ret_number = (uint8_t)number;
	return text + digits;
}

bool icmp_type_parse(const char *text, uint8_t protocol, struct icmp_type *ret_type)
{
	const char *rest;

	for (const struct icmp_name *name = icmp_names; name->name != NULL; name++) {
		if (name->protocol != protocol || strcmp(name->name, text) != 0)
			continue;
		*ret_type = name->type;
		return true;
	}
	*ret_type = (struct icmp_type){ .any_code = true };
	rest = parse_number(text, UINT8_MAX, &ret_type->type);
	if (rest != NULL && *rest == '/') {
		ret_type->any_code = false;
		rest = parse_number(rest + 1, UINT8_MAX, &ret_type->code);
	}
	return rest != NULL && *rest == '\0';
}

bool dscp_parse(const char *text, uint8_t *ret_dscp)
{
	const char *rest;

	for (const struct dscp_name *name = dscp_names; name->name != NULL; name++) {
		if (strcmp(name->name, text) != 0)
			continue;
		*ret_dscp = name->value;
		return true;
	}
	rest = parse_number(text, 63, ret_dscp);
	return rest != NULL && *rest == '\0';
}
