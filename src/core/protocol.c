/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of transport protocols. */

#include "core/protocol.h"

#include <netinet/in.h>
#include <string.h>

struct protocol {
	const char *name;
	uint8_t number;
	bool ports;
};

/* As IANA names them, and what people say. The first name of a number is the one that is printed. */
static const struct protocol known_protocols[] = {
	{ "tcp", IPPROTO_TCP, true },
	{ "udp", IPPROTO_UDP, true },
	{ "icmp", IPPROTO_ICMP, false },
	{ "icmpv6", IPPROTO_ICMPV6, false },
	{ "ipv6-icmp", IPPROTO_ICMPV6, false },
	{ "sctp", IPPROTO_SCTP, true },
	{ "dccp", IPPROTO_DCCP, true },
	{ "udplite", IPPROTO_UDPLITE, true },
	{ "esp", IPPROTO_ESP, false },
	{ "ah", IPPROTO_AH, false },
	{ "gre", IPPROTO_GRE, false },
	{ "ipip", IPPROTO_IPIP, false },
	{ "sit", IPPROTO_IPV6, false },
	{ "ipcomp", IPPROTO_COMP, false },
	{ "igmp", IPPROTO_IGMP, false },
	{ "pim", IPPROTO_PIM, false },
	{ "ospf", 89, false },
	{ "vrrp", 112, false },
	{ "l2tp", 115, false },
};

#define KNOWN_PROTOCOLS (sizeof(known_protocols) / sizeof(known_protocols[0]))

static const struct protocol *find(uint8_t number)
{
	for (size_t i = 0; i < KNOWN_PROTOCOLS; i++) {
		if (known_protocols[i].number == number)
			return &known_protocols[i];
	}
	return NULL;
}

const char *protocol_name(uint8_t protocol)
{
	const struct protocol *known = find(protocol);

	return known == NULL ? NULL : known->name;
}

bool protocol_number(const char *name, uint8_t *ret_number)
{
	for (size_t i = 0; i < KNOWN_PROTOCOLS; i++) {
		if (strcmp(known_protocols[i].name, name) != 0)
			continue;
		*ret_number = known_protocols[i].number;
		return true;
	}
	return false;
}

bool protocol_has_ports(uint8_t protocol)
{
	const struct protocol *known = find(protocol);

	return known != NULL && known->ports;
}

const char *protocol_known(size_t index)
{
	return index < KNOWN_PROTOCOLS ? known_protocols[index].name : NULL;
}
