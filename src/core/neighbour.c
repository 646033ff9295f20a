/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The question who has an address on the wire, and its answer. */

#include "core/neighbour.h"

#include <string.h>

/* RFC 826, for Ethernet and IPv4: everything before the addresses but the operation. */
static const uint8_t arp_head[] = { 0, 1, 0x08, 0x00, HARDWARE_SIZE, 4, 0 };

#define ARP_OPERATION       7
#define ARP_SENDER_HARDWARE 8
#define ARP_SENDER          14
#define ARP_TARGET_HARDWARE 18
#define ARP_TARGET          24

#define ARP_REQUEST 1
#define ARP_REPLY   2

#define ND_SOLICITATION  135
#define ND_ADVERTISEMENT 136
#define ND_FLAGS         4
#define ND_TARGET        8
#define ND_SIZE          24
#define ND_SOLICITED     0x40

#define OPTION_SOURCE_HARDWARE 1
#define OPTION_UNITS           8 /* bytes in one of its length */

void neighbour_request(const struct neighbour *neighbour, uint8_t packet[NEIGHBOUR_ARP_SIZE])
{
	memset(packet, 0, NEIGHBOUR_ARP_SIZE);
	memcpy(packet, arp_head, sizeof(arp_head));
	packet[ARP_OPERATION] = ARP_REQUEST;
	memcpy(packet + ARP_SENDER_HARDWARE, neighbour->hardware, HARDWARE_SIZE);
	memcpy(packet + ARP_SENDER, neighbour->own.bytes, 4);
	memcpy(packet + ARP_TARGET, neighbour->target.bytes, 4);
}

void neighbour_solicitation(const struct neighbour *neighbour, uint8_t packet[NEIGHBOUR_SOLICITATION_SIZE])
{
	memset(packet, 0, NEIGHBOUR_SOLICITATION_SIZE);
	packet[0] = ND_SOLICITATION;
	memcpy(packet + ND_TARGET, neighbour->target.bytes, 16);
	packet[ND_SIZE] = OPTION_SOURCE_HARDWARE;
	packet[ND_SIZE + 1] = 1;
	memcpy(packet + ND_SIZE + 2, neighbour->hardware, HARDWARE_SIZE);
}

struct address neighbour_group(const struct address *target)
{
	struct address group = { IPV6, { 0xff, 0x02, [11] = 1, [12] = 0xff } };

	memcpy(group.bytes + 13, target->bytes + 13, 3);
	return group;
}

/* Of one station: no group, and not nobody. */
static bool is_station(const uint8_t hardware[HARDWARE_SIZE])
{
	static const uint8_t nobody[HARDWARE_SIZE];

	return (hardware[0] & 1) == 0 && memcmp(hardware, nobody, HARDWARE_SIZE) != 0;
}

bool neighbour_replies(const struct neighbour *neighbour, const uint8_t *bytes, size_t length)
{
	if (length < NEIGHBOUR_ARP_SIZE || memcmp(bytes, arp_head, sizeof(arp_head)) != 0 || bytes[ARP_OPERATION] != ARP_REPLY)
		return false;
	return memcmp(bytes + ARP_SENDER, neighbour->target.bytes, 4) == 0 &&
	       memcmp(bytes + ARP_TARGET, neighbour->own.bytes, 4) == 0 &&
	       memcmp(bytes + ARP_TARGET_HARDWARE, neighbour->hardware, HARDWARE_SIZE) == 0 &&
	       is_station(bytes + ARP_SENDER_HARDWARE) &&
	       memcmp(bytes + ARP_SENDER_HARDWARE, neighbour->hardware, HARDWARE_SIZE) != 0;
}

bool neighbour_advertises(const struct neighbour *neighbour, const uint8_t *bytes, size_t length)
{
	return length >= ND_SIZE && bytes[0] == ND_ADVERTISEMENT && bytes[1] == 0 && (bytes[ND_FLAGS] & ND_SOLICITED) != 0 &&
	       memcmp(bytes + ND_TARGET, neighbour->target.bytes, 16) == 0;
}
