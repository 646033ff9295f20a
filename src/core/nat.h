/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address translation of policies and links: what applies, whether two are the same, and in words. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"

/* Room for the words of a translation; longer pools are cut. */
#define NAT_TEXT_MAX 512

/* Unique-local addresses (RFC 4193), which nobody outside can answer. */
extern const struct network nat_unique_local;

/* "auto", "none", "masquerade", "source" or "prefix"; NULL for no kind. */
const char *nat_kind_name(enum nat_kind kind);

/*
 * The policy's translation with what it leaves to the link taken from link, which is NULL where the connection
 * leaves by none. Lists are shared, not copied.
 */
struct nat nat_join(const struct nat *policy, const struct nat *link);

/*
 * In one family: "auto", "none", "masquerade", "source 192.0.2.9", "prefix 2001:db8:f::/48",
 * "destination 10.0.0.5:80", or the last one after another. Returns text.
 */
const char *nat_text(const struct nat *nat, enum family family, char *text, size_t size);

/* "192.0.2.9" or "192.0.2.9-192.0.2.20". Returns text. */
const char *range_format(const struct address_range *range, char *text, size_t size);

/* "10.0.0.5", "10.0.0.5:80", "fd00::5" or "[fd00::5]:80": the destination in that family. Returns text. */
const char *nat_destination_format(const struct nat *nat, enum family family, char *text, size_t size);

/* Rooms for the two above. */
#define RANGE_TEXT_MAX    (2 * ADDRESS_TEXT_MAX)
#define ENDPOINT_TEXT_MAX (ADDRESS_TEXT_MAX + 8)

/* An order over what becomes of sources, hairpins included; 0: the same. */
int nat_compare_sources(const struct nat *a, const struct nat *b);

/* The same over destinations. */
int nat_compare_destinations(const struct nat *a, const struct nat *b);

/* Whether the policy's own translation changes anything of sources, hairpins included, or of destinations. */
bool nat_has_source(const struct nat *nat);
bool nat_has_destination(const struct nat *nat);
