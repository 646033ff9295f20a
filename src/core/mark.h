/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The layout of our bits in the packet and connection mark. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"

/*
 * 24 bits unless configured otherwise, from the lowest: link 6 | class 5 | policy 13, moved up by a shift of
 * 0 to 8. The policy field can have up to 16 bits while all fits into 32. The other bits belong to others: every
 * write is masked.
 */
#define MARK_LINK_BITS           6
#define MARK_CLASS_BITS          5
#define MARK_POLICY_BITS_LEAST   13
#define MARK_POLICY_BITS         16 /* at most: an array by policy has 1 << MARK_POLICY_BITS places in any layout */
#define MARK_SHIFT_MAX           8

/* Values of the link field. Real links have 1 .. MARK_LINK_MAX. */
#define MARK_LINK_UNDECIDED 0
#define MARK_LINK_BY_PACKET 0 /* beside a policy: each packet takes a link of its own */
#define MARK_LINK_MAX       60
#define MARK_LINK_DROP      61 /* the connection is dropped without a word; never routed, so the look-up of
                                  known networks borrows it: a rule makes it unreachable by default routes */
#define MARK_LINK_REJECT    62 /* TCP gets a reset, everything else an ICMP error */
#define MARK_LINK_DIRECT    63 /* goes where the main routing table says, not by a link of ours */

/* Numbers of policies. Real ones have 1 .. mark_policy_max(). */
#define MARK_POLICY_UNDECIDED 0
#define MARK_POLICY_NONE      UINT16_MAX /* decided, but no policy matched: all ones in a field of any width */

/* Values of the class field. Real classes have 1 .. MARK_CLASS_MAX; 0: the default one. */
#define MARK_CLASS_STANDARD 0
#define MARK_CLASS_MAX      30

/* The class of our own checks: they are nobody's connections and are counted nowhere. */
#define MARK_CLASS_CHECK 31

/* The same beside a link without a policy: a socket of this machine that has that link already. Not on connections. */
#define MARK_CLASS_OWN 31

struct mark_layout {
	uint8_t shift;
	uint8_t policy_bits;
};

static inline struct mark_layout mark_layout_of(const struct kernel_settings *settings)
{
	return (struct mark_layout){ settings->mark_shift, settings->mark_policy_bits };
}

/* All ones in the policy field. */
static inline unsigned int mark_policy_ones(struct mark_layout layout)
{
	return (1u << layout.policy_bits) - 1;
}

/* The highest number of a real policy; as many there can be. */
static inline unsigned int mark_policy_max(struct mark_layout layout)
{
	return mark_policy_ones(layout) - 1;
}

static inline uint32_t mark_link_mask(struct mark_layout layout)
{
	return ((1u << MARK_LINK_BITS) - 1) << layout.shift;
}

static inline uint32_t mark_class_mask(struct mark_layout layout)
{
	return (((1u << MARK_CLASS_BITS) - 1) << MARK_LINK_BITS) << layout.shift;
}

static inline uint32_t mark_policy_mask(struct mark_layout layout)
{
	return (mark_policy_ones(layout) << (MARK_LINK_BITS + MARK_CLASS_BITS)) << layout.shift;
}

/* All bits that are ours. */
static inline uint32_t mark_mask(struct mark_layout layout)
{
	return mark_link_mask(layout) | mark_class_mask(layout) | mark_policy_mask(layout);
}

static inline uint32_t mark_make(struct mark_layout layout, unsigned int link, unsigned int qos_class,
	unsigned int policy)
{
	policy &= mark_policy_ones(layout);
	return (link | qos_class << MARK_LINK_BITS | policy << (MARK_LINK_BITS + MARK_CLASS_BITS))
	       << layout.shift;
}

static inline unsigned int mark_link(struct mark_layout layout, uint32_t mark)
{
	return (mark & mark_link_mask(layout)) >> layout.shift;
}

static inline unsigned int mark_class(struct mark_layout layout, uint32_t mark)
{
	return (mark & mark_class_mask(layout)) >> (layout.shift + MARK_LINK_BITS);
}

/* Number of the policy, or MARK_POLICY_NONE. */
static inline unsigned int mark_policy(struct mark_layout layout, uint32_t mark)
{
	unsigned int policy = (mark & mark_policy_mask(layout)) >> (layout.shift + MARK_LINK_BITS + MARK_CLASS_BITS);

	return policy == mark_policy_ones(layout) ? MARK_POLICY_NONE : policy;
}

/* Puts our bits of ours into mark and leaves the foreign ones as they are. */
static inline uint32_t mark_merge(struct mark_layout layout, uint32_t mark, uint32_t ours)
{
	return (mark & ~mark_mask(layout)) | (ours & mark_mask(layout));
}
