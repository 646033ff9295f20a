/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the headers of a packet into a flow. The bytes are hostile. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/flow.h"

/*
 * Fills family, protocol, addresses, ports and DSCP of ret_flow from an IPv4 or IPv6 packet of which the
 * first length bytes are given. Walks at most eight IPv6 extension headers. A fragment that is not
 * the first, and a protocol without ports, have ports 0 and ports = false.
 * 0, or -EBADMSG where even addresses and protocol cannot be read; ret_flow is set on success only.
 */
int packet_parse(const uint8_t *bytes, size_t length, struct flow *ret_flow);

/* The same, and the flags of TCP: FIN is 1, SYN 2, RST 4, ACK 16; 0 where there are none. */
int packet_parse_flags(const uint8_t *bytes, size_t length, struct flow *ret_flow, uint8_t *ret_tcp_flags);
