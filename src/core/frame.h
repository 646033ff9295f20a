/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the IP packet in a frame of a capture. The bytes are hostile. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum frame_kind {
	FRAME_ETHERNET,
	FRAME_IP,     /* no header at all */
	FRAME_LOOP,   /* four bytes that say the family */
	FRAME_COOKED, /* Linux "any" device, version 1 */
	FRAME_COOKED2,
};

/*
 * Where the IP packet begins in the frame, of which the first length bytes are given. Walks over at most four VLAN tags,
 * and over PPPoE. -EBADMSG where it has none.
 */
int frame_packet(enum frame_kind kind, const uint8_t *bytes, size_t length);
