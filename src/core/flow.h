/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection as its first packet shows it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"

/* Ports are in host order; of ICMP from_port is type << 8 | code and to_port the identifier. */
struct flow {
	enum family family;
	uint8_t protocol; /* as IANA numbers them */
	bool ports;       /* from_port and to_port are ports */
	struct address from, to;
	uint16_t from_port, to_port;
	uint8_t dscp;           /* of the first packet, 0 to 63 */
	uint32_t device;        /* index of the device that it came in by; 0: from this machine */
	unsigned int came_by;   /* id of the link that it came in by; 0: from inside */
	unsigned int bound;     /* of this machine: id of the link that its socket has chosen; 0: none */
	bool direct;            /* the main table sends it to no link: to this machine or to the inside */
};
