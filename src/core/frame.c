/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the IP packet in a frame of a capture. The bytes are hostile. */

#include "core/frame.h"

#include <errno.h>

#define VLAN_TAGS     4
#define VLAN_TAG      4
#define PPPOE_HEADER  8 /* with the protocol of PPP at its end */

enum ether_type {
	TYPE_IPV4 = 0x0800,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_PPPOE = 0x8864,
	TYPE_PROVIDER_VLAN = 0x88a8,
	TYPE_OLD_VLAN = 0x9100,
};

enum ppp_protocol {
	PPP_IPV4 = 0x0021,
	PPP_IPV6 = 0x0057,
};

/* Where each kind has the type of what it carries, and where that begins. */
static const struct {
	size_t type, size;
} headers[] = {
	[FRAME_ETHERNET] = { 12, 14 },
	[FRAME_COOKED] = { 14, 16 },
	[FRAME_COOKED2] = { 0, 20 },
};

static unsigned int read16(const uint8_t *bytes)
{
	return (unsigned int)(bytes[0] << 8 | bytes[1]);
}

static int is_vlan(unsigned int type)
{
	return type == TYPE_VLAN || type == TYPE_PROVIDER_VLAN || type == TYPE_OLD_VLAN;
}

static int behind_pppoe(const uint8_t *bytes, size_t length, size_t at)
{
	unsigned int protocol;

	if (length < at + PPPOE_HEADER)
		return -EBADMSG;
	protocol = read16(bytes + at + PPPOE_HEADER - 2);
	return protocol == PPP_IPV4 || protocol == PPP_IPV6 ? (int)(at + PPPOE_HEADER) : -EBADMSG;
}

int frame_packet(enum frame_kind kind, const uint8_t *bytes, size_t length)
{
	unsigned int type;
	size_t at;

	if (kind == FRAME_IP || kind == FRAME_LOOP)
		return kind == FRAME_IP ? 0 : length < 4 ? -EBADMSG : 4;
	at = headers[kind].size;
	if (length < at)
		return -EBADMSG;
	type = read16(bytes + headers[kind].type);
	for (int tags = 0; is_vlan(type) && tags < VLAN_TAGS && length >= at + VLAN_TAG; tags++) {
		type = read16(bytes + at + 2);
		at += VLAN_TAG;
	}
	if (type == TYPE_PPPOE)
		return behind_pppoe(bytes, length, at);
	return type == TYPE_IPV4 || type == TYPE_IPV6 ? (int)at : -EBADMSG;
}
