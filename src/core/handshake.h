/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the beginning of a connection fared on a link: the time until the other end answered, or that it did not. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"

struct handshake {
	struct address to;  /* as the inside asked for it */
	uint16_t to_port;
	uint8_t protocol;   /* TCP: from SYN to SYN-ACK; UDP: to the first answer */
	uint8_t link;       /* number in marks */
	bool answered;
	uint32_t us;        /* answered: from the decision to the answer, 0 where that could not be measured (its SYN was
	                       repeated, a reset answered it); else how long nothing came */
	uint64_t at_ms;     /* when that became known */
};
