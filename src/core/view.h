/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The world around the configuration: devices, addresses and link states as they are now. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

/* What the kernel and the health of one link say; index as in config.links. */
struct link_view {
	uint32_t device_index;            /* 0: there is no such device */
	bool gateway_known[FAMILIES];     /* a route can be made in this family; also for `gateway: none` */
	struct address gateway[FAMILIES]; /* all zero bytes: no gateway, the device alone */
	struct networks addresses;        /* of the device, with their prefix length, and the lent one */
	struct network lent;              /* IPv6 that is on an inside device: of the link's prefix; length 0: none */
	uint32_t mtu[FAMILIES];           /* largest packet in bytes, given or as the device says; 0: not known */
	uint64_t learnt_bps[2];           /* download, upload: for shaping; 0: nothing is learnt */
	unsigned int weight;              /* from what is learnt; 0: that of the configuration */
	bool usable;                      /* takes new connections */
	bool suspect;                     /* its connections are not answered: avoided where another is usable */
	bool flapping;                    /* it goes down again and again: avoided alike */
	bool withheld;                    /* by order of the operator: that is why it is not usable */
	uint8_t taper;                    /* its quota is nearly used: so many sixteenths less of it */
	bool spent;                       /* its quota is used: avoided where another is usable */
	bool stopped;                     /* and it is not used even where it is the last: that is why it is not usable */
	bool flooded;                     /* with handshakes that nobody completes */
	bool dead;                        /* its running connections are to be reset or flushed */
};

/* Index as in config.zones. */
struct zone_view {
	uint32_t *device_indexes; /* of those devices of the zone that exist */
	size_t device_count;
	struct names carriers;    /* inside devices that lead to its networks, where it has no devices */
	struct networks behind;   /* its networks, or those of its devices' addresses where none are given */
};

struct view {
	struct link_view *links;
	struct zone_view *zones;
	struct networks local; /* every address of this machine */
	/* Inside, where this machine's own connections begin, so that an address of a link is that of a bound socket. All
	   zero bytes: they begin with that of the main table's way, and it is not told. */
	struct address own_source[FAMILIES];
	struct networks servers; /* name servers of this machine */
	struct networks *sets; /* index as in config.sets: sorted, none inside another, IPv4 before IPv6 */
	uint16_t minute;       /* of the local week, from Monday 00:00 */
	bool lacks_synproxy, lacks_connection_limit, lacks_copies, lacks_clamp; /* the kernel has it not: the plan goes without */
};

/*
 * Whether new connections of the balance leave that link alone where they can: it is suspect, it flaps, its quota is used, or nearly
 * used and the algorithm does not go by weights. Where it does, its weight is less: see view_weight().
 */
bool view_avoided(const struct link_view *link, const struct balance *balance);

/* Whether they can: where the balance has a usable one that is not avoided. */
bool view_avoids_suspects(const struct link_view *links, const struct balance *balance);

/* The link has a way for the other family, but none for this one. */
bool view_lacks(const struct link_view *link, enum family family);

/*
 * The view as connections of that family find it: links that lack it are not usable. links has room for all, and takes
 * the view's place. Returns whether any link lacks it.
 */
bool view_of_family(const struct config *config, const struct view *view, enum family family, struct link_view *links,
	struct view *ret_view);

/*
 * The weight of that choice as it is now. Where a link of the balance tapers, those of all are multiplied, so that small ones can
 * become less; the cycle stays within SCHEDULE_MAX_CYCLE. Never 0.
 */
unsigned int view_weight(const struct view *view, const struct balance *balance, size_t choice);

/* As `links: internet' of a policy without weights; choices has room for all links. */
struct balance view_all_links(const struct config *config, struct choice *choices);

/* What classes share, in bits a second: given, or learnt; 0: not known. Of the link with that index. */
uint64_t view_download_bps(const struct view *view, const struct config *config, size_t link);
uint64_t view_upload_bps(const struct view *view, const struct config *config, size_t link);

/* A copy of what policies can match; link states are left out. Lives in the arena. 0 or -ENOMEM. */
int view_copy(struct arena *arena, const struct config *config, const struct view *view, struct view *ret_copy);

/* Whether policies match by the one as by the other, the minute aside. */
bool view_same(const struct config *config, const struct view *a, const struct view *b);
