/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of what a packet has beside addresses and ports: types of ICMP, and DSCP. */
#pragma once

#include "core/config.h"

struct icmp_name {
	const char *name;
	uint8_t protocol;
	struct icmp_type type;
};

struct dscp_name {
	const char *name;
	uint8_t value;
};

/* Each ends with an entry without name. */
extern const struct icmp_name icmp_names[];
extern const struct dscp_name dscp_names[];

/* A name, a number, or type/code; protocol is ICMP's or ICMPv6's. False where it is none; then *ret_type is undefined. */
bool icmp_type_parse(const char *text, uint8_t protocol, struct icmp_type *ret_type);

/* A name, or a number from 0 to 63. */
bool dscp_parse(const char *text, uint8_t *ret_dscp);
