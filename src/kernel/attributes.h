/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The attributes of a netlink message, by type, read with bounds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#include "core/address.h"

/* Types from here on are left out: no kernel header has one that we ask for. */
#define ATTRIBUTES_MAX 64

/* NULL where there is none; of several of one type the last. They point into the message. */
struct attributes {
	const struct nlattr *items[ATTRIBUTES_MAX];
};

/*
 * One after the other, for who takes them as they come: the attribute at *at among length bytes, and *at goes on to the next.
 * NULL at the end, or where what follows is cut off. Begin with *at behind the fixed header.
 */
static inline const struct nlattr *attribute_next(const uint8_t *bytes, size_t length, size_t *at)
{
	const struct nlattr *attribute = (const void *)(bytes + *at);

	if (*at + sizeof(*attribute) > length || attribute->nla_len < sizeof(*attribute) || attribute->nla_len > length - *at)
		return NULL;
	*at += NLA_ALIGN(attribute->nla_len);
	return attribute;
}

/* header: bytes of the fixed header that stands before them; a message too short has none. */
void attributes_read(const struct nlmsghdr *message, size_t header, struct attributes *ret_attributes);

/* What is in a nested attribute; nothing where it is absent. */
void attributes_read_nested(const struct attributes *outer, unsigned int type,
	struct attributes *ret_attributes);

/* What stands in length bytes, as in the next hops of a route. */
void attributes_read_bytes(const void *bytes, size_t length, struct attributes *ret_attributes);

/* In host order as given; absent where there is none or it is too short. */
uint8_t attributes_u8(const struct attributes *attributes, unsigned int type, uint8_t absent);
uint32_t attributes_u32(const struct attributes *attributes, unsigned int type, uint32_t absent);

/* Whether there is a text and it is this one. */
bool attributes_is_text(const struct attributes *attributes, unsigned int type, const char *text);

/* False where there is none of that size; ret_address is set on success only. */
bool attributes_address(const struct attributes *attributes, unsigned int type, enum family family,
	struct address *ret_address);
