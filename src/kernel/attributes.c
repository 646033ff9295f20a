/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The attributes of a netlink message, by type, read with bounds. */

#include "kernel/attributes.h"

#include <string.h>

static int keep(const struct nlattr *attribute, void *data)
{
	struct attributes *attributes = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type < ATTRIBUTES_MAX)
		attributes->items[type] = attribute;
	return MNL_CB_OK;
}

void attributes_read(const struct nlmsghdr *message, size_t header, struct attributes *ret_attributes)
{
	*ret_attributes = (struct attributes){ 0 };
	if (mnl_nlmsg_get_payload_len(message) >= header)
		mnl_attr_parse(message, (unsigned int)header, keep, ret_attributes);
}

void attributes_read_nested(const struct attributes *outer, unsigned int type,
	struct attributes *ret_attributes)
{
	*ret_attributes = (struct attributes){ 0 };
	if (outer->items[type] != NULL)
		mnl_attr_parse_nested(outer->items[type], keep, ret_attributes);
}

void attributes_read_bytes(const void *bytes, size_t length, struct attributes *ret_attributes)
{
	*ret_attributes = (struct attributes){ 0 };
	mnl_attr_parse_payload(bytes, length, keep, ret_attributes);
}

/* Its payload, or NULL where there are less than size bytes. */
static const void *payload(const struct attributes *attributes, unsigned int type, size_t size)
{
	const struct nlattr *attribute = attributes->items[type];

	if (attribute == NULL || mnl_attr_get_payload_len(attribute) < size)
		return NULL;
	return mnl_attr_get_payload(attribute);
}

uint8_t attributes_u8(const struct attributes *attributes, unsigned int type, uint8_t absent)
{
	const uint8_t *value = payload(attributes, type, sizeof(*value));

	return value != NULL ? *value : absent;
}

uint32_t attributes_u32(const struct attributes *attributes, unsigned int type, uint32_t absent)
{
	const void *bytes = payload(attributes, type, sizeof(uint32_t));
	uint32_t value = absent;

	if (bytes != NULL)
		memcpy(&value, bytes, sizeof(value));
	return value;
}

bool attributes_is_text(const struct attributes *attributes, unsigned int type, const char *text)
{
	const char *value = payload(attributes, type, strlen(text) + 1);

	return value != NULL && memcmp(value, text, strlen(text) + 1) == 0;
}

bool attributes_address(const struct attributes *attributes, unsigned int type, enum family family,
	struct address *ret_address)
{
	const void *bytes = payload(attributes, type, family_size(family));

	if (bytes == NULL)
		return false;
	*ret_address = (struct address){ .family = family };
	memcpy(ret_address->bytes, bytes, family_size(family));
	return true;
}
