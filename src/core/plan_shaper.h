/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shaping that classes and bandwidths ask for: HTB trees by device, as plain data. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/config.h"
#include "core/ids.h"
#include "core/view.h"

/*
 * A class has the handle SHAPER_MAJOR:minor. The minor of a leaf is what link and class field of a mark
 * say together, link | class << MARK_LINK_BITS, so that one rule leads every packet to its leaf. Classes with
 * others below them, and the one that is not shaped, have minors that no mark can say.
 */
#define SHAPER_MAJOR      1u
#define SHAPER_MINOR_MASK 0x7ff
#define SHAPER_LINK_MINOR 0x800 /* and the link's number: all that goes by that link */
#define SHAPER_FREE_MINOR 0xfff /* what came by no link that is shaped */

/* Of our own checks, and of what is no IP: neighbour resolution that waits would break the link. */
#define SHAPER_CHECKS "(checks)"

struct shaper_class {
	uint16_t minor, parent;    /* parent 0: the root */
	bool leaf;
	uint64_t rate_bps;         /* guaranteed; of what has no parent: all that there is */
	uint64_t ceil_bps;         /* at most */
	unsigned int priority;     /* 0 to 7, of leaves */
	uint32_t quantum;          /* bytes: share of what is left among leaves of one priority */
	uint32_t burst;            /* bytes that may go at once at rate_bps */
	uint32_t ceil_burst;       /* the same at ceil_bps */
	bool split;                /* large segments of TCP are split before they wait: on a slow link each is a delay */
	uint32_t queue_packets;    /* of a plain queue: about 50 ms at ceil_bps */
	uint32_t queue_bytes;      /* the same, where segments are split */
	uint32_t target_us;        /* of fq_codel: a delay that is no congestion */
	const char *link;          /* name; NULL: of none */
	const char *qos_class;     /* name, SHAPER_CHECKS, or NULL: it is no leaf, or is not shaped */
};

struct shaper_device {
	const char *device;
	bool inside;                  /* shapes downloads; else the upload of one link */
	uint16_t standard;            /* minor of the leaf for what has no class */
	struct shaper_class *classes; /* one stands behind its parent */
	size_t count;
};

/* Empty without classes. */
struct shaper_plan {
	struct shaper_device *devices;
	size_t count;
};

/* Lives in the arena; names of links and classes are those of config. False: no memory. */
bool plan_shaper(struct arena *arena, const struct config *config, const struct ids *ids, const struct view *view,
	struct shaper_plan *ret_plan);

/* Whether classes exist that this link cannot have, for it lacks a bandwidth in that direction and learns none. */
bool plan_shaper_lacks_upload(const struct config *config, const struct link *link);
bool plan_shaper_lacks_download(const struct config *config, const struct link *link);

/* Names of the inside devices, each once: those of zones, or those that lead to a zone's networks. False: no memory. */
bool plan_inside_devices(struct arena *arena, const struct config *config, const struct view *view, struct names *ret_names);
