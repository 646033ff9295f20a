/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of transport protocols. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The usual name of that number, or NULL. */
const char *protocol_name(uint8_t protocol);

/* False where the name is not known; numbers are no names. */
bool protocol_number(const char *name, uint8_t *ret_number);

/* Whether its headers begin with a source and a destination port. */
bool protocol_has_ports(uint8_t protocol);

/* The names that are known, one after the other: NULL at the end. */
const char *protocol_known(size_t index);
