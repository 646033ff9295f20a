/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The question who has an address on the wire, and its answer: ARP (RFC 826) and neighbour discovery (RFC 4861). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"

#define HARDWARE_SIZE 6

/* An ARP packet without its Ethernet header; a solicitation, from its ICMPv6 type on. */
#define NEIGHBOUR_ARP_SIZE          28
#define NEIGHBOUR_SOLICITATION_SIZE 32

struct neighbour {
	struct address target; /* who is looked for */
	struct address own;    /* of the same family: who looks */
	uint8_t hardware[HARDWARE_SIZE]; /* of the device that the question leaves by */
};

/* What goes out. The checksum of the second is left to the kernel. */
void neighbour_request(const struct neighbour *neighbour, uint8_t packet[NEIGHBOUR_ARP_SIZE]);
void neighbour_solicitation(const struct neighbour *neighbour, uint8_t packet[NEIGHBOUR_SOLICITATION_SIZE]);

/* The group that a solicitation goes to: ff02::1:ffXX:XXXX with the end of the target. */
struct address neighbour_group(const struct address *target);

/*
 * Whether those bytes, as they begin after the Ethernet header, are the ARP reply of the target to us. They are hostile:
 * nothing is believed of them but that somebody on this wire says that he is the target, and says it to us.
 */
bool neighbour_replies(const struct neighbour *neighbour, const uint8_t *bytes, size_t length);

/* The same of an advertisement, from its ICMPv6 type on; the caller looks at its hop limit, which must be 255. */
bool neighbour_advertises(const struct neighbour *neighbour, const uint8_t *bytes, size_t length);
